//! Answers around a finished page. A page is JSON already, and long: writing it anew for each answer
//! would cost more than everything else.

use maru_domain::error::{Fault, codes};
use serde::{Serialize, Serializer};

/// Where the page goes in a shape. It must stand before every text that a person has chosen, or such
/// a text could be taken for it.
#[derive(Clone, Copy)]
pub struct PagePlace;

/// How the place looks until the page is there.
const PLACE: &str = "page";

impl Serialize for PagePlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(PLACE)
    }
}

/// Writes a shape that has a [`PagePlace`], with the page in it.
pub fn write_with_page(out: &mut Vec<u8>, shape: &impl Serialize, page: &[u8]) -> Result<(), Fault> {
    let json = serde_json::to_string(shape).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    let (head, tail) = json
        .split_once(&format!("{PLACE:?}"))
        .ok_or_else(|| Fault::new(&codes::INTERNAL).detail("a shape without a place for its page"))?;
    out.reserve(json.len() + page.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(page);
    out.extend_from_slice(tail.as_bytes());
    Ok(())
}

/// A list of such shapes.
#[derive(Default)]
pub struct PageList(Vec<u8>);

impl PageList {
    /// Adds a shape with its page.
    pub fn push(&mut self, shape: &impl Serialize, page: &[u8]) -> Result<(), Fault> {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        write_with_page(&mut self.0, shape, page)
    }

    /// The list as JSON.
    pub fn into_json(mut self) -> Vec<u8> {
        if self.0.is_empty() {
            self.0.push(b'[');
        }
        self.0.push(b']');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shape {
        before: u8,
        conversation: PagePlace,
        after: Option<&'static str>,
    }

    #[test]
    fn pages_stand_where_the_shape_has_them() {
        let mut out = b"[".to_vec();
        let shape = Shape { before: 1, conversation: PagePlace, after: None };
        write_with_page(&mut out, &shape, br#"[{"You":"\"page\""}]"#).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"[{"before":1,"conversation":[{"You":"\"page\""}],"after":null}"#
        );
        assert!(write_with_page(&mut Vec::new(), &"no place", b"[]").is_err());
    }

    #[test]
    fn a_text_behind_the_place_is_no_place() {
        let mut out = Vec::new();
        let shape = Shape { before: 1, conversation: PagePlace, after: Some("page") };
        write_with_page(&mut out, &shape, b"[]").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"before":1,"conversation":[],"after":"page"}"#);
    }

    #[test]
    fn lists_have_commas_between() {
        assert_eq!(PageList::default().into_json(), b"[]");
        let mut list = PageList::default();
        for before in 1..=2 {
            list.push(&Shape { before, conversation: PagePlace, after: None }, b"[]").unwrap();
        }
        let json: serde_json::Value = serde_json::from_slice(&list.into_json()).unwrap();
        assert_eq!((&json[0]["before"], &json[1]["before"]), (&1.into(), &2.into()));
    }
}
