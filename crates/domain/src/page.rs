//! Pages of lists, by keyset: the cost of a page does not grow with its distance from the start.

use crate::error::{Code, codes};

/// The most items of a page.
pub const MAX_LIMIT: usize = 200;
/// The items of a page when nobody says how many.
pub const DEFAULT_LIMIT: usize = 50;

/// Which way a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest key first.
    Ascending,
    /// The largest key first.
    Descending,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<K> {
    /// From its start.
    Start,
    /// What follows the item of this key, in the list's order.
    After(K),
    /// What comes just before the item of this key, in the list's order.
    Before(K),
}

/// What somebody wants to see of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// At most so many items, 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// Which way the list runs.
    pub order: Order,
    /// Which part of it.
    pub part: Part<K>,
}

impl<K: Copy> PageRequest<K> {
    /// The key to read beyond, and whether rows are to be read by falling keys. Rows before a key
    /// are read backwards and turned round by [`Page::of`].
    #[must_use]
    pub fn reading(&self) -> (Option<K>, bool) {
        let falling = self.order == Order::Descending;
        match self.part {
            Part::Start => (None, falling),
            Part::After(key) => (Some(key), falling),
            Part::Before(key) => (Some(key), !falling),
        }
    }

    /// One row more than the page holds tells whether there are more.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// There are more in the direction that was asked for.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page of rows read as [`PageRequest::reading`] says, [`PageRequest::rows`] at most.
    #[must_use]
    pub fn of<K: Copy>(request: &PageRequest<K>, mut rows: Vec<T>) -> Self {
        let has_more = rows.len() > request.limit;
        rows.truncate(request.limit);
        if matches!(request.part, Part::Before(_)) {
            rows.reverse();
        }
        Self { items: rows, has_more }
    }

    /// The item from which the next page in the same direction goes on.
    #[must_use]
    pub fn edge<K: Copy>(&self, request: &PageRequest<K>) -> Option<&T> {
        match request.part {
            Part::Before(_) => self.items.first(),
            Part::Start | Part::After(_) => self.items.last(),
        }
        .filter(|_| self.has_more)
    }
}

/// Reads a limit.
///
/// # Errors
/// `INVALID_PARAMETER` when it is not a number from 1 to [`MAX_LIMIT`].
pub fn limit(text: Option<&str>) -> Result<usize, &'static Code> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| plain && (1..=MAX_LIMIT).contains(limit));
    limit.ok_or(&codes::INVALID_PARAMETER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(order: Order, part: Part<i64>) -> PageRequest<i64> {
        PageRequest { limit: 2, order, part }
    }

    /// What a store would read of 1 to 5.
    fn read(request: &PageRequest<i64>) -> Page<i64> {
        let (beyond, falling) = request.reading();
        let mut keys: Vec<i64> = (1..=5).collect();
        if falling {
            keys.reverse();
        }
        let kept =
            keys.into_iter().filter(|key| beyond.is_none_or(|b| if falling { *key < b } else { *key > b }));
        Page::of(request, kept.take(3).collect())
    }

    #[test]
    fn pages_go_both_ways_in_both_orders() {
        use Order::{Ascending, Descending};
        let cases = [
            (Ascending, Part::Start, vec![1, 2], true, Some(2)),
            (Ascending, Part::After(2), vec![3, 4], true, Some(4)),
            (Ascending, Part::After(4), vec![5], false, None),
            (Ascending, Part::Before(4), vec![2, 3], true, Some(2)),
            (Ascending, Part::Before(3), vec![1, 2], false, None),
            (Descending, Part::Start, vec![5, 4], true, Some(4)),
            (Descending, Part::After(4), vec![3, 2], true, Some(2)),
            (Descending, Part::Before(2), vec![4, 3], true, Some(4)),
        ];
        for (order, part, items, has_more, edge) in cases {
            let request = request(order, part);
            let page = read(&request);
            assert_eq!((&page.items, page.has_more), (&items, has_more), "{request:?}");
            assert_eq!(page.edge(&request).copied(), edge, "{request:?}");
        }
    }

    #[test]
    fn limits_are_plain_numbers_in_range() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some("200")), Ok(200));
        for bad in ["0", "201", "-1", "+1", "1.0", "", " 1", "99999999999999999999", "NaN", "0x10"] {
            assert_eq!(limit(Some(bad)), Err(&codes::INVALID_PARAMETER), "{bad:?}");
        }
    }
}
