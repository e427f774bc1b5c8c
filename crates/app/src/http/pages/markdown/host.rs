//! Where a link leads, told to whoever may follow it.

use url::Url;

/// The class of a link's host behind its words.
pub const CLASS: &str = "host";

/// Whether a link may be followed at all.
pub fn may_be_followed(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.scheme() {
        "http" | "https" => url.host_str().is_some_and(|host| !host.is_empty()),
        "mailto" => true,
        _ => false,
    })
}

/// The host of a link whose words do not begin with it.
pub fn to_be_named(url: &str, said: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let said = said.trim();
    let said = said.strip_prefix("https://").or_else(|| said.strip_prefix("http://")).unwrap_or(said);
    let named =
        said.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#', ':']));
    (!named).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_and_mail_may_be_followed() {
        for good in ["https://a.example/x", "HTTP://a.example", "mailto:a@example.com"] {
            assert!(may_be_followed(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "/chat/1/",
            "//a.example",
            "file:///etc/passwd",
            "http:",
            "blob:x",
            "\u{1}javascript:x",
            "chat/1",
            "",
        ] {
            assert!(!may_be_followed(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_host_that_is_not_said_is_named() {
        let named = |url, said| to_be_named(url, said);
        assert_eq!(named("https://a.example/x", "here"), Some("a.example".into()));
        assert_eq!(named("https://a.example/x", "https://a.example/x"), None);
        assert_eq!(named("https://a.example/x", "a.example"), None);
        assert_eq!(named("https://evil.example", "https://good.example"), Some("evil.example".into()));
        assert_eq!(named("https://evil.example", "evil.example.good.example"), Some("evil.example".into()));
        assert_eq!(named("https://evil.example\\@good.example", "good.example"), Some("evil.example".into()));
        assert_eq!(named("https://good.example@evil.example", "good.example"), Some("evil.example".into()));
        assert_eq!(named("mailto:a@example.com", "write"), None);
    }
}
