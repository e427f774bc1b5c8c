//! Where a server listens, and a client to ask it.

use std::sync::{Arc, Once, PoisonError, RwLock};
use std::time::Duration;

/// Where the server listens. Clones share it, so clients find the server again after a restart on another port.
#[derive(Clone, Debug, Default)]
pub struct Address(Arc<RwLock<String>>);

impl Address {
    /// `http://127.0.0.1:PORT`, empty before the first start.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, url: &str) {
        url.clone_into(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl From<&str> for Address {
    fn from(url: &str) -> Self {
        let address = Self::default();
        address.set(url);
        address
    }
}

/// A client for plain HTTP on this machine: no proxy, no redirects, no endless waiting.
///
/// # Panics
/// Never: nothing in these settings can be refused.
#[must_use]
#[expect(clippy::expect_used, reason = "a client with these constant settings is always built")]
pub fn http_client(timeout: Duration) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    // reqwest asks for a TLS provider even when it will never speak TLS.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let builder =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(timeout);
    builder.build().expect("an HTTP client")
}
