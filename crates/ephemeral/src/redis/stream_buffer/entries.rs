//! What a stream is made of in Redis: entries named `<fence + 1>-<n>`, because Redis counts from 1 and tests from 0.

use maru_domain::turns::ports::Buffered;
use std::sync::Arc;

/// An entry as Redis tells it: its name, and one field with its value.
pub(super) type Raw = (String, (String, String));

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) fence: i64,
    pub(super) n: u64,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The stream holds what comes after `n`.
    Begin,
    /// Delta `n`.
    Text(Arc<str>),
    /// No more will come.
    End,
}

/// The first part of a fence's names.
pub(super) fn named(fence: i64) -> u64 {
    u64::try_from(fence.saturating_add(1)).unwrap_or_default()
}

/// `None` for what an older or newer version may have written.
pub(super) fn entry((name, (field, value)): Raw) -> Option<Entry> {
    let (fence, n) = name.split_once('-')?;
    let fence = fence.parse::<i64>().ok()?.checked_sub(1)?;
    let what = match field.as_str() {
        "begin" => What::Begin,
        "text" => What::Text(Arc::from(value)),
        "end" => What::End,
        _ => return None,
    };
    Some(Entry { fence, n: n.parse().ok()?, what })
}

/// A whole stream; nothing when there is none.
pub(super) fn whole(raw: Vec<Raw>) -> Option<Buffered> {
    let mut stream: Option<Buffered> = None;
    for entry in raw.into_iter().filter_map(entry) {
        let begun = |first: u64| Buffered {
            fence: entry.fence,
            first,
            last: first.saturating_sub(1),
            deltas: Vec::new(),
            closed: false,
        };
        let same = stream.take().filter(|stream| stream.fence == entry.fence);
        stream = Some(match (entry.what, same) {
            (What::Begin, _) => begun(entry.n + 1),
            (What::End, same) => Buffered { closed: true, ..same.unwrap_or_else(|| begun(1)) },
            (What::Text(text), same) => {
                // A stream that was cut to its length begins in the middle.
                let fits = same.filter(|stream| stream.last + 1 == entry.n);
                let mut stream = fits.unwrap_or_else(|| begun(entry.n));
                stream.last = entry.n;
                stream.deltas.push((entry.n, text));
                stream
            }
        });
    }
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entries: &[(&str, &str, &str)]) -> Vec<Raw> {
        let owned = |(name, field, value): &(&str, &str, &str)| {
            ((*name).to_owned(), ((*field).to_owned(), (*value).to_owned()))
        };
        entries.iter().map(owned).collect()
    }

    fn told(entries: &[(&str, &str, &str)]) -> Option<(i64, u64, u64, Vec<u64>, bool)> {
        let stream = whole(raw(entries))?;
        let numbers = stream.deltas.iter().map(|(n, _)| *n).collect();
        Some((stream.fence, stream.first, stream.last, numbers, stream.closed))
    }

    #[test]
    fn a_stream_is_what_its_last_run_has_said() {
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("2-0", "begin", "")]), Some((1, 1, 0, vec![], false)));
        let run = [("2-0", "begin", ""), ("2-1", "text", "a"), ("2-2", "text", "b"), ("2-99", "end", "")];
        assert_eq!(told(&run[..3]), Some((1, 1, 2, vec![1, 2], false)));
        assert_eq!(told(&run), Some((1, 1, 2, vec![1, 2], true)));
        assert_eq!(told(&run[2..3]), Some((1, 2, 2, vec![2], false)), "cut to its length");
        let next = [("2-1", "text", "a"), ("3-0", "begin", ""), ("3-1", "text", "c")];
        assert_eq!(told(&next), Some((2, 1, 1, vec![1], false)));
        let hole = [("2-0", "begin", ""), ("2-1", "text", "a"), ("2-3", "text", "c")];
        assert_eq!(told(&hole), Some((1, 3, 3, vec![3], false)));
        assert_eq!(told(&[("x", "text", "a"), ("2-1", "song", "a")]), None);
    }
}
