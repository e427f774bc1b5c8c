//! In which language a page speaks: Korean or English, by `Accept-Language`.

use super::words::{ENGLISH, KOREAN, Words};
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Also for those who name no language: the contract's own.
    Korean,
    /// Also for those who name only languages that we do not speak.
    English,
}

impl Language {
    /// The one that the reader likes best.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let header = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok());
        let mut best: Option<(f32, Self)> = None;
        for wish in header.unwrap_or_default().split(',') {
            let (tag, liking) = wish.split_once(';').unwrap_or((wish, ""));
            let liking = liking.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let language = match tag.trim().split('-').next().unwrap_or_default() {
                "" => continue,
                tag if tag.eq_ignore_ascii_case("ko") || tag == "*" => Self::Korean,
                tag if tag.eq_ignore_ascii_case("en") => Self::English,
                // English is what most who speak neither can read.
                _ => {
                    best = best.or(Some((0.0, Self::English)));
                    continue;
                }
            };
            if liking > 0.0 && best.is_none_or(|(before, _)| liking > before) {
                best = Some((liking, language));
            }
        }
        best.map_or(Self::Korean, |(_, language)| language)
    }

    /// Its words.
    #[must_use]
    pub const fn words(self) -> &'static Words {
        match self {
            Self::Korean => &KOREAN,
            Self::English => &ENGLISH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn the_best_liked_language_is_spoken() {
        use Language::{English, Korean};
        let cases = [
            ("", Korean),
            ("ko", Korean),
            ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", Korean),
            ("en-GB,en;q=0.9", English),
            ("en;q=0.5, ko;q=0.9", Korean),
            ("EN", English),
            ("fr-FR,fr;q=0.9", English),
            ("fr, ko;q=0.3", Korean),
            ("*", Korean),
            ("ko;q=0, en;q=0.1", English),
            (";;,,=q", English),
        ];
        for (header, language) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(header));
            assert_eq!(Language::of(&headers), language, "{header:?}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Korean);
    }
}
