//! The mounted file system as a program sees it.

use super::{LossyFs, MountError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Mounts, lets `work` write, cuts the power and lets `check` look at what is left.
fn after_a_cut(
    work: impl FnOnce(&Path) -> io::Result<()>,
    check: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let (mountpoint, out) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let lossy = match LossyFs::mount(mountpoint.path()) {
        Ok(lossy) => lossy,
        Err(absent @ MountError::FuseAbsent(_)) => {
            eprintln!("SKIPPED: {absent}");
            return Ok(());
        }
        Err(error) => return Err(io::Error::other(error)),
    };
    work(mountpoint.path())?;
    lossy.cut(out.path())?;
    assert_eq!(fs::read_dir(mountpoint.path())?.count(), 0, "the mount point is free again");
    check(out.path())
}

#[test]
fn fsynced_content_survives_and_the_rest_is_forgotten() -> io::Result<()> {
    after_a_cut(
        |dir| {
            let mut kept = File::create(dir.join("kept"))?;
            kept.write_all(b"kept")?;
            kept.sync_all()?;
            kept.write_all(b" and lost")?;
            assert_eq!(fs::read(dir.join("kept"))?, b"kept and lost", "visible before the cut");
            fs::write(dir.join("lost"), b"lost")
        },
        |out| {
            assert_eq!(fs::read(out.join("kept"))?, b"kept");
            assert_eq!(fs::read(out.join("lost"))?, b"", "its name was durable, its content was not");
            Ok(())
        },
    )
}

#[test]
fn names_directories_and_modes_survive() -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    after_a_cut(
        |dir| {
            fs::create_dir_all(dir.join("a/b"))?;
            let mut secret =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join("a/b/tmp"))?;
            secret.write_all(b"s")?;
            secret.sync_all()?;
            fs::rename(dir.join("a/b/tmp"), dir.join("a/secret"))?;
            File::open(dir.join("a"))?.sync_all()?;
            fs::write(dir.join("gone"), b"x")?;
            fs::remove_file(dir.join("gone"))?;
            fs::create_dir(dir.join("empty"))?;
            fs::remove_dir(dir.join("empty"))?;
            assert!(fs::remove_dir(dir.join("a")).is_err());
            assert!(OpenOptions::new().write(true).create_new(true).open(dir.join("a/secret")).is_err());
            Ok(())
        },
        |out| {
            assert_eq!(fs::read(out.join("a/secret"))?, b"s");
            assert_eq!(fs::metadata(out.join("a/secret"))?.permissions().mode() & 0o777, 0o600);
            assert!(out.join("a/b").is_dir() && !out.join("gone").exists() && !out.join("empty").exists());
            Ok(())
        },
    )
}

#[test]
fn truncation_holes_and_appends() -> io::Result<()> {
    after_a_cut(
        |dir| {
            let path = dir.join("f");
            let mut f = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
            f.write_all(&[7; 10_000])?;
            f.sync_data()?;
            f.set_len(5)?;
            f.seek(SeekFrom::Start(8))?;
            f.write_all(b"end")?;
            let mut all = Vec::new();
            f.rewind()?;
            f.read_to_end(&mut all)?;
            assert_eq!(all, b"\x07\x07\x07\x07\x07\0\0\0end");
            f.sync_data()?;
            f.set_len(0)
        },
        |out| {
            assert_eq!(fs::read(out.join("f"))?, b"\x07\x07\x07\x07\x07\0\0\0end");
            Ok(())
        },
    )
}

#[test]
fn many_threads_write_at_once() -> io::Result<()> {
    after_a_cut(
        |dir| {
            std::thread::scope(|scope| {
                let writers: Vec<_> = (0..8_u8)
                    .map(|n| {
                        scope.spawn(move || {
                            let mut f = File::create(dir.join(n.to_string()))?;
                            for _ in 0..50 {
                                f.write_all(&[n; 5000])?;
                                f.sync_data()?;
                            }
                            io::Result::Ok(())
                        })
                    })
                    .collect();
                writers.into_iter().try_for_each(|writer| {
                    writer.join().map_err(|_| io::Error::other("a writer panicked"))?
                })
            })
        },
        |out| {
            for n in 0..8_u8 {
                assert_eq!(fs::read(out.join(n.to_string()))?, vec![n; 250_000]);
            }
            Ok(())
        },
    )
}

#[test]
fn an_open_file_fails_after_the_cut() -> io::Result<()> {
    let (mountpoint, out) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let Ok(lossy) = LossyFs::mount(mountpoint.path()) else {
        eprintln!("SKIPPED: no FUSE here");
        return Ok(());
    };
    let mut f = File::create(mountpoint.path().join("f"))?;
    f.write_all(b"x")?;
    f.sync_all()?;
    let counts = lossy.cut(out.path())?;
    assert_eq!(counts.fsyncs, 1);
    assert!(f.write_all(b"y").and_then(|()| f.sync_all()).is_err(), "nothing is acknowledged after the cut");
    assert_eq!(fs::read(out.path().join("f"))?, b"x");
    Ok(())
}
