//! The way to the collector.

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// A collector that takes longer has not taken it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends on the server's runtime, whichever thread asks: the queue's has none.
#[derive(Debug)]
pub struct Sending {
    http: reqwest::Client,
    runtime: Handle,
    /// It did not take what was sent last.
    away: AtomicBool,
}

impl Sending {
    pub fn new(runtime: Handle) -> reqwest::Result<Self> {
        // Whoever is first wins; `ring` is the only provider in the tree.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .user_agent(concat!("maru/", env!("CARGO_PKG_VERSION")));
        Ok(Self { http: http.build()?, runtime, away: AtomicBool::new(false) })
    }

    /// Said once when it goes and once when it comes back, not with every batch.
    fn tell(&self, sent: Result<u16, &str>) {
        let trouble = match sent {
            Ok(status) if status < 400 => None,
            Ok(status) => Some(format!("it answers {status}")),
            Err(why) => Some(why.to_owned()),
        };
        match (trouble, self.away.load(Ordering::Relaxed)) {
            (Some(why), false) => tracing::warn!(why, "the collector takes no spans; going on without it"),
            (None, true) => tracing::info!("the collector takes spans again"),
            _ => return,
        }
        self.away.fetch_not(Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpClient for Sending {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sending = self.runtime.spawn(async move { http.execute(request.try_into()?).await });
        let sent = match sending.await {
            Ok(sent) => sent.map_err(|error| error.without_url()),
            // The runtime goes: the server has ended.
            Err(error) => return Err(error.into()),
        };
        let words = sent.as_ref().map(|answer| answer.status().as_u16()).map_err(|error| {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        });
        self.tell(words.as_ref().copied().map_err(String::as_str));
        // What it says about single spans is of no use to anybody here, and could be of any length.
        Ok(Response::builder().status(sent?.status()).body(Bytes::new())?)
    }
}
