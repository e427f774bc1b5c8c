use super::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn it_is_made_once_and_read_ever_after() {
    let directory = directory();
    let path = directory.path().join("not/yet/there/auth.secret");
    let made = load_or_create(&path).expect("a secret");
    let text = made.expose_secret();
    assert_eq!(text.len(), 64);
    assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(load_or_create(&path).expect("the same").expose_secret(), text);
    assert_eq!(names(path.parent().expect("a parent")), ["auth.secret"]);
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = load_or_create(&directory.path().join("other.secret")).expect("another");
    assert_ne!(other.expose_secret(), text);
}

#[test]
fn those_who_start_at_once_get_the_same_one() {
    for _ in 0..20 {
        let directory = directory();
        let path = directory.path().join("auth.secret");
        let start = Barrier::new(8);
        let mut secrets: Vec<String> = std::thread::scope(|threads| {
            let load = || {
                start.wait();
                load_or_create(&path).expect("a secret").expose_secret().to_owned()
            };
            let running: Vec<_> = (0..8).map(|_| threads.spawn(load)).collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        secrets.dedup();
        assert_eq!(secrets.len(), 1);
        assert_eq!(names(directory.path()), ["auth.secret"]);
    }
}

/// Where the file system has no hard links: whoever creates the file has made the secret.
#[test]
fn the_first_file_is_never_replaced() {
    let directory = directory();
    let (path, temporary) = (directory.path().join("auth.secret"), directory.path().join("temporary"));
    write_new(&path, "first").expect("written");
    write_new(&temporary, "second").expect("written");
    publish(&temporary, &path, "second").expect("another was first");
    assert_eq!(fs::read_to_string(&path).expect("text"), "first\n");
    assert!(write_new(&path, "third").is_err_and(|error| error.kind() == ErrorKind::AlreadyExists));
    // Linking something that is not there fails as a file system without links does.
    let (missing, fresh) = (directory.path().join("missing"), directory.path().join("fresh"));
    publish(&missing, &fresh, "fourth").expect("written instead");
    assert_eq!(fs::read_to_string(&fresh).expect("text"), "fourth\n");
    publish(&missing, &fresh, "fifth").expect("another was first");
    assert_eq!(fs::read_to_string(&fresh).expect("text"), "fourth\n");
}

#[test]
fn a_file_that_somebody_wrote_is_taken_as_it_is() {
    let directory = directory();
    let path = directory.path().join("auth.secret");
    for (text, secret) in [
        ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("  0123456789abcdef 0123456789abcde\r\n\n", "0123456789abcdef 0123456789abcde"),
        (
            "비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀\n",
            "비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀비밀",
        ),
    ] {
        fs::write(&path, text).expect("written");
        assert_eq!(load_or_create(&path).expect("a secret").expose_secret(), secret);
        assert_eq!(fs::read_to_string(&path).expect("text"), text);
    }
}

#[test]
fn a_bad_file_is_refused_with_a_word_of_advice_and_kept() {
    let directory = directory();
    let path = directory.path().join("auth.secret");
    for (bytes, advice) in [
        (&b""[..], "is empty. Restore it from a backup, or remove it"),
        (b" \n\n", "is empty"),
        (b"short and sweet\n", "holds a secret of 15 characters; it needs at least 32"),
        (b"0123456789abcdef0123456789abcde", "of 31 characters"),
        (&[0xff; 64], "is not text"),
    ] {
        fs::write(&path, bytes).expect("written");
        let error = load_or_create(&path).expect_err("refused").to_string();
        assert!(error.contains(advice), "{error}");
        assert!(error.contains("auth.secret"), "{error}");
        assert!(!error.contains("sweet"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        assert_eq!(fs::read(&path).expect("bytes"), bytes);
    }
}

#[test]
fn what_cannot_be_read_or_made_is_named() {
    let directory = directory();
    let is_a_directory = directory.path().join("auth.secret");
    fs::create_dir(&is_a_directory).expect("made");
    let under_a_file = directory.path().join("file").join("auth.secret");
    fs::write(directory.path().join("file"), "x").expect("written");
    for path in [is_a_directory, under_a_file] {
        let error = load_or_create(&path).expect_err("refused");
        assert!(matches!(error, SecretError::Io { .. }), "{error:?}");
        assert!(error.to_string().contains("auth.secret"), "{error}");
    }
    assert_eq!(names(directory.path()), ["auth.secret", "file"]);
}

#[test]
fn a_secret_from_the_settings_is_checked_too() {
    let long = "0123456789abcdef0123456789abcdef";
    let good = checked(SecretString::from(long), "auth.secret").expect("long enough");
    assert_eq!(good.expose_secret(), long);
    for short in ["", "hunter2", &long[1..]] {
        let error = checked(SecretString::from(short), "auth.secret").expect_err("refused");
        assert!(error.to_string().starts_with("auth.secret holds a secret of"), "{error}");
        assert!(short.is_empty() || !format!("{error} {error:?}").contains(short));
    }
}
