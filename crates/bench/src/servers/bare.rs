//! What HTTP itself costs: an actix server that has the bytes of a page at hand, and streams that
//! have a task each and nothing to say.

use super::{Running, Server, wait_for};
use crate::arguments::BARE;
use crate::files::Workplace;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use maru_domain::error::BoxError;
use std::convert::Infallible;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// A running bare server: this program, started anew.
pub struct Bare {
    running: Running,
    address: SocketAddr,
}

impl Bare {
    /// Starts one that answers every path but `/stream` with these bytes.
    pub fn start(place: &Workplace, page: &[u8]) -> Result<Self, BoxError> {
        let directory = place.directory("bare")?;
        let (file, log) = (directory.join("page"), directory.join("log"));
        std::fs::write(&file, page)?;
        let address = super::free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(BARE).arg(&file).arg(address.to_string());
        let out = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let mut running = Running(command.spawn()?);
        wait_for(address, &mut running.0, &log)?;
        Ok(Self { running, address })
    }
}

impl Server for Bare {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> u32 {
        self.running.0.id()
    }

    fn tokens(&self) -> &[String] {
        &[]
    }
}

/// Serves until it is ended.
pub fn serve(page: &Path, address: SocketAddr) -> Result<(), BoxError> {
    let page = Bytes::from(std::fs::read(page)?);
    let server = HttpServer::new(move || {
        let page = page.clone();
        App::new().route("/stream", web::get().to(stream)).default_service(web::to(move || {
            let page = page.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(page) }
        }))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(server.backlog(8192).bind(address)?.run())?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a task each is what is measured; the process ends by a signal"
)]
async fn stream() -> HttpResponse {
    let (tell, mut told) = mpsc::channel::<Bytes>(32);
    actix_web::rt::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_secs(15));
        loop {
            beat.tick().await;
            if tell.send(Bytes::from_static(b": \n\n")).await.is_err() {
                return;
            }
        }
    });
    let body = futures_util::stream::poll_fn(move |context| {
        told.poll_recv(context).map(|bytes| bytes.map(Ok::<_, Infallible>))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(body)
}
