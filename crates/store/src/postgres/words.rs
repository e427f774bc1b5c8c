//! What PostgreSQL's own programs do better than we could, as lines that can be pasted into a shell. None holds
//! the password: they ask for it, or take it from `PGPASSWORD` or `~/.pgpass`.

use std::path::Path;

/// In the place of `maru backup`.
pub(crate) fn instead_of_backup(url: &str, to: &Path) -> String {
    let file = quoted(&dump(to));
    let url = quoted(&without_password(url));
    format!(
        "PostgreSQL has a backup of its own, which servers need not stop for: `pg_dump --format=custom --file={file} {url}`; \
         or, while no server writes, a copy in a SQLite file of maru's: `maru move --from {url} --to {}`",
        quoted(&format!("sqlite:{}", sqlite(to)))
    )
}

/// In the place of `maru restore`.
pub(crate) fn instead_of_restore(url: &str, from: &Path) -> String {
    let file = quoted(&from.display().to_string());
    let url = quoted(&without_password(url));
    format!(
        "with every server stopped, what pg_dump has made goes back with `pg_restore --clean --if-exists --no-owner \
         --single-transaction --dbname={url} {file}`; a SQLite file of maru's goes into an empty database with \
         `maru move --from {} --to {url}`",
        quoted(&format!("sqlite:{}", from.display()))
    )
}

/// A dump is no SQLite file, and must not look like one.
fn dump(to: &Path) -> String {
    to.with_extension("dump").display().to_string()
}

fn sqlite(to: &Path) -> String {
    to.with_extension("db").display().to_string()
}

/// The URL as it is, but for the password; one that cannot be told apart for certain becomes a form to fill in.
fn without_password(url: &str) -> String {
    const FORM: &str = "postgres://USER@HOST/DATABASE";
    let Some((scheme, rest)) = url.split_once("://") else { return FORM.to_owned() };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        return FORM.to_owned();
    }
    let place = match place.rsplit_once('@') {
        Some((who, host)) => format!("{}@{host}", who.split(':').next().unwrap_or_default()),
        None => place.to_owned(),
    };
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("password")).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{place}{query}")
}

/// One word of a shell, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_all_but_the_password() {
        for (url, shown) in [
            ("postgres://maru:canary@db:5433/chats", "postgres://maru@db:5433/chats"),
            ("postgres://maru@db/chats?sslmode=require", "postgres://maru@db/chats?sslmode=require"),
            ("postgresql://db/chats?user=maru&password=canary", "postgresql://db/chats?user=maru"),
            ("postgres://maru:a@b@db/chats", "postgres://maru@db/chats"),
            ("postgres://maru:what?canary@db/chats", "postgres://USER@HOST/DATABASE"),
        ] {
            assert_eq!(without_password(url), shown, "{url}");
        }
    }

    #[test]
    fn a_word_of_a_shell_stays_one() {
        assert_eq!(quoted("/backup/maru.dump"), "/backup/maru.dump");
        assert_eq!(quoted("it's a/file"), r"'it'\''s a/file'");
        assert_eq!(quoted("postgres://a@b/c?d=e"), "'postgres://a@b/c?d=e'");
    }
}
