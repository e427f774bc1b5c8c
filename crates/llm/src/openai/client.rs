//! The HTTP client that talks to providers.

use crate::registry::LlmError;
use reqwest::Url;
use std::time::Duration;

/// How long a connection is kept for the next call. Short, so that a quiet server holds nothing.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// A client that does nothing on its own: no redirects (a provider could point us into the own
/// network), no proxy from the environment, no retries, no inflating, no total time limit.
pub(crate) fn client(connect_timeout: Duration) -> Result<reqwest::Client, LlmError> {
    // Whoever is first wins; `ring` is the only provider in the tree, so a second call changes nothing.
    rustls::crypto::ring::default_provider().install_default().ok();
    let usual = builder(connect_timeout).build();
    usual.or_else(|error| {
        // A machine without root certificates still reaches the model server next door over http://.
        tracing::warn!(%error, "no usable root certificates: providers at https:// addresses cannot be reached");
        let nobody = rustls::RootCertStore::empty();
        let tls = rustls::ClientConfig::builder().with_root_certificates(nobody).with_no_client_auth();
        let trusting_nobody = builder(connect_timeout).tls_backend_preconfigured(tls);
        trusting_nobody.build().map_err(|error| LlmError::Client(error.to_string()))
    })
}

fn builder(connect_timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .http1_only()
        .pool_idle_timeout(KEEP_IDLE)
        .user_agent(concat!("maru/", env!("CARGO_PKG_VERSION")))
}

/// The address without a slash at its end, if it is one that a request can go to.
pub(super) fn checked_base(provider: &str, base_url: &str) -> Result<String, LlmError> {
    let wrong = || LlmError::BaseUrl { provider: provider.to_owned() };
    let url = Url::parse(base_url.trim()).map_err(|_| wrong())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(wrong());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
