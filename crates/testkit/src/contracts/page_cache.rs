//! The contract of [`PageCache`].

use maru_domain::pages::PageCache;
use std::sync::Arc;

/// Names the page cache's tests for `async || -> impl PageCache`.
#[macro_export]
macro_rules! page_cache_contract {
    ($new:expr) => {
        $crate::contract_tests!(page_cache, $new =>
            an_unknown_key_has_no_page,
            pages_come_back_byte_for_byte,
            keys_are_told_apart,
            the_last_page_of_a_key_counts,
        );
    };
}

fn bytes(page: &[u8]) -> Arc<[u8]> {
    Arc::from(page)
}

/// Nothing is made up.
pub async fn an_unknown_key_has_no_page<P: PageCache>(new: impl AsyncFnOnce() -> P) {
    let pages = new().await;
    assert_eq!(pages.get("nothing".to_owned()).await, None);
    assert_eq!(pages.get(String::new()).await, None);
}

/// Whatever the bytes are: none, all values, a megabyte.
pub async fn pages_come_back_byte_for_byte<P: PageCache>(new: impl AsyncFnOnce() -> P) {
    let pages = new().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for (key, page) in [("empty", &[][..]), ("every", &every_byte), ("large", &vec![7; 1024 * 1024])] {
        pages.put(key.to_owned(), bytes(page)).await;
        assert_eq!(pages.get(key.to_owned()).await.as_deref(), Some(page), "{key}");
        assert_eq!(pages.get(key.to_owned()).await.as_deref(), Some(page), "{key}, again");
    }
}

/// Keys are compared whole.
pub async fn keys_are_told_apart<P: PageCache>(new: impl AsyncFnOnce() -> P) {
    let pages = new().await;
    let keys =
        ["h:1:room:1:p", "h:1:room:1:P", "h:1:room:11:p", "h:1:room:1:p ", "h:1:방:1:p", "h:1:room:1:p\0"];
    for key in keys {
        pages.put(key.to_owned(), bytes(key.as_bytes())).await;
    }
    for key in keys {
        assert_eq!(pages.get(key.to_owned()).await.as_deref(), Some(key.as_bytes()), "{key:?}");
    }
}

/// A page may be put again.
pub async fn the_last_page_of_a_key_counts<P: PageCache>(new: impl AsyncFnOnce() -> P) {
    let pages = new().await;
    for page in [&b"one"[..], b"two", b""] {
        pages.put("key".to_owned(), bytes(page)).await;
        assert_eq!(pages.get("key".to_owned()).await.as_deref(), Some(page));
    }
}
