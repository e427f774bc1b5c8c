//! Answers around a finished page. A page is JSON already, and long: writing it anew for each answer
//! would cost more than everything else.

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use maru_domain::error::{Fault, codes};
use serde::{Serialize, Serializer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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

/// A shape that has a [`PagePlace`], as JSON with the page in it.
pub fn with_page(shape: &impl Serialize, page: &[u8]) -> Result<Vec<u8>, Fault> {
    let json = json(shape)?;
    let (head, tail) = around_page(&json)?;
    Ok([head.as_bytes(), page, tail.as_bytes()].concat())
}

fn json(shape: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(shape).map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))
}

fn around_page(json: &str) -> Result<(&str, &str), Fault> {
    let parts = json.split_once(&format!("{PLACE:?}"));
    parts.ok_or_else(|| Fault::new(&codes::INTERNAL).detail("a shape without a place for its page"))
}

/// A list of such shapes, as the body of an answer. Its pages are not copied.
#[derive(Default)]
pub struct PageList {
    pieces: VecDeque<Bytes>,
    /// What comes behind the last page.
    end: String,
}

impl PageList {
    /// Adds a shape with its page.
    pub fn push(&mut self, shape: &impl Serialize, page: Arc<[u8]>) -> Result<(), Fault> {
        let json = json(shape)?;
        let (head, tail) = around_page(&json)?;
        let before = if self.pieces.is_empty() { "[" } else { "," };
        self.pieces.push_back([&self.end, before, head].concat().into());
        self.pieces.push_back(Bytes::from_owner(page));
        tail.clone_into(&mut self.end);
        Ok(())
    }

    /// The whole list.
    #[must_use]
    pub fn into_body(mut self) -> Pieces {
        let before = if self.pieces.is_empty() { "[" } else { "" };
        self.pieces.push_back([&self.end, before, "]"].concat().into());
        Pieces(self.pieces)
    }
}

/// A body in pieces, whose length is known.
pub struct Pieces(VecDeque<Bytes>);

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.iter().map(|piece| piece.len() as u64).sum())
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
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
        let shape = Shape { before: 1, conversation: PagePlace, after: None };
        let out = with_page(&shape, br#"[{"You":"\"page\""}]"#).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"before":1,"conversation":[{"You":"\"page\""}],"after":null}"#
        );
        assert!(with_page(&"no place", b"[]").is_err());
    }

    #[test]
    fn a_text_behind_the_place_is_no_place() {
        let shape = Shape { before: 1, conversation: PagePlace, after: Some("page") };
        let out = with_page(&shape, b"[]").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"before":1,"conversation":[],"after":"page"}"#);
    }

    #[test]
    fn lists_have_commas_between() {
        let told = |list: PageList| {
            let mut body = list.into_body();
            let BodySize::Sized(size) = body.size() else { panic!("a length that is known") };
            let pieces: Vec<u8> = std::mem::take(&mut body.0).into_iter().flatten().collect();
            assert_eq!(pieces.len() as u64, size);
            String::from_utf8(pieces).unwrap()
        };
        assert_eq!(told(PageList::default()), "[]");
        let mut list = PageList::default();
        for before in 1..=2 {
            let page: Arc<[u8]> = Arc::from(&b"[]"[..]);
            list.push(&Shape { before, conversation: PagePlace, after: None }, page).unwrap();
        }
        assert_eq!(
            told(list),
            r#"[{"before":1,"conversation":[],"after":null},{"before":2,"conversation":[],"after":null}]"#
        );
    }
}
