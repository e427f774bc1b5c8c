//! Paging parameters: `limit`, `after`, `before`, `order` (contract §8).

use super::Problem;
use super::shapes::PageShape;
use actix_web::HttpRequest;
use maru_domain::clock::Timestamp;
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{KeyId, SessionId};
use maru_domain::page::{Order, Page, PageRequest, Part, limit};
use maru_domain::rooms::ports::RoomKey;

/// The query's parameters, each once. Read by the handler, after it is known who calls.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The parameters of a request.
    pub fn of(request: &HttpRequest) -> Self {
        Self(serde_urlencoded::from_str(request.query_string()).unwrap_or_default())
    }

    /// A parameter's value; unknown ones are left alone.
    ///
    /// # Errors
    /// `INVALID_PARAMETER` when it is there twice: which is meant is anybody's guess.
    pub fn one(&self, name: &str) -> Result<Option<String>, Fault> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value.cloned()),
            (_, Some(_)) => {
                Err(Fault::new(&codes::INVALID_PARAMETER).detail(format!("{name} is there twice")))
            }
        }
    }
}

/// What a list can be asked.
pub struct Paging {
    limit: Option<String>,
    after: Option<String>,
    before: Option<String>,
    order: Option<String>,
}

/// A key that can stand in an opaque cursor.
pub trait Key: Copy {
    /// As text.
    fn write(&self) -> String;
    /// From text.
    fn read(text: &str) -> Option<Self>;
}

impl Key for i64 {
    fn write(&self) -> String {
        format!("s{self}")
    }

    fn read(text: &str) -> Option<Self> {
        text.strip_prefix('s').filter(|seq| !seq.starts_with('+'))?.parse().ok().filter(|seq| *seq >= 0)
    }
}

impl Key for RoomKey {
    fn write(&self) -> String {
        format!("r{}.{}", self.active_at.as_microsecond(), self.number)
    }

    fn read(text: &str) -> Option<Self> {
        let (at, number) = text.strip_prefix('r')?.split_once('.')?;
        let active_at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
        Some(Self { active_at, number: number.parse().ok()? })
    }
}

macro_rules! id_keys {
    ($($id:ident)+) => {$(
        impl Key for $id {
            fn write(&self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+};
}

id_keys! { SessionId KeyId }

impl Paging {
    /// What a request asks of a list.
    ///
    /// # Errors
    /// `INVALID_PARAMETER` when a parameter is there twice.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Query::of(request);
        Ok(Self {
            limit: query.one("limit")?,
            after: query.one("after")?,
            before: query.one("before")?,
            order: query.one("order")?,
        })
    }

    /// The page that was asked for; `order` where nothing is said.
    ///
    /// # Errors
    /// `INVALID_PARAMETER`.
    pub fn request<K: Key>(&self, order: Order) -> Result<PageRequest<K>, Problem> {
        let wrong = |what: &str| Problem::from(Fault::new(&codes::INVALID_PARAMETER).detail(what));
        let limit =
            limit(self.limit.as_deref()).map_err(|_| wrong("limit must be a number from 1 to 200"))?;
        let order = order_of(self.order.as_deref(), order)?;
        let key = |text: &str, what| open(text).ok_or_else(|| wrong(what));
        let part = match (&self.after, &self.before) {
            (None, None) => Part::Start,
            (Some(after), None) => Part::After(key(after, "after must be a cursor of this list")?),
            (None, Some(before)) => Part::Before(key(before, "before must be a cursor of this list")?),
            (Some(_), Some(_)) => return Err(wrong("after and before exclude each other")),
        };
        Ok(PageRequest { limit, order, part })
    }
}

/// Which way a list is to run; `order` where nothing is said.
pub fn order_of(text: Option<&str>, order: Order) -> Result<Order, Problem> {
    match text {
        None => Ok(order),
        Some("asc") => Ok(Order::Ascending),
        Some("desc") => Ok(Order::Descending),
        Some(_) => Err(Fault::new(&codes::INVALID_PARAMETER).detail("order must be asc or desc").into()),
    }
}

/// Cursors look like nothing, so that nobody builds one.
fn seal(key: &impl Key) -> String {
    key.write().bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn open<K: Key>(text: &str) -> Option<K> {
    if text.len() > 128 || !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    let bytes = (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok());
    K::read(&String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?)
}

/// `{"data","next","has_more"}`
pub fn shape<T, K: Key, S>(
    page: Page<T>,
    request: &PageRequest<K>,
    key: impl Fn(&T) -> K,
    item: impl Fn(T) -> S,
) -> PageShape<S> {
    let next = page.edge(request).map(|edge| seal(&key(edge)));
    PageShape { next, has_more: page.has_more, data: page.items.into_iter().map(item).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_go_round() {
        assert_eq!(open::<i64>(&seal(&42_i64)), Some(42));
        let key = RoomKey { active_at: Timestamp::from_microsecond(-5).unwrap(), number: 7 };
        assert_eq!(open::<RoomKey>(&seal(&key)), Some(key));
    }

    #[test]
    fn forged_cursors_are_refused() {
        for bad in [
            "",
            "7",
            "s1",
            "zz",
            "7331ff",
            "가나",
            &seal(&RoomKey { active_at: Timestamp::UNIX_EPOCH, number: 1 }),
        ] {
            assert_eq!(open::<i64>(bad), None, "{bad}");
        }
        let huge = "s99999999999999999999".bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(open::<i64>(&huge), None);
    }
}
