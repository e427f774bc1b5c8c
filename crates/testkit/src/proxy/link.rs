//! One connection through the proxy.

use super::{ResetAt, Shared, Weather};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

/// Why nothing more passes.
enum End {
    /// One side has closed: the other is told so.
    Closed,
    /// Both sides are reset.
    Reset,
}

pub(super) struct Link {
    shared: Arc<Shared>,
    weather: watch::Receiver<Weather>,
    cuts: watch::Receiver<usize>,
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (weather, mut cuts) = (shared.weather.subscribe(), shared.cuts.subscribe());
        cuts.mark_unchanged();
        Self { shared, weather, cuts }
    }

    pub(super) async fn run(mut self, client: TcpStream) {
        fair(&mut self.weather).await;
        let Ok(server) = TcpStream::connect(self.shared.target()).await else {
            return reset(client);
        };
        let both = client.set_nodelay(true).and(server.set_nodelay(true));
        if both.is_err() {
            return;
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let end = {
            let mut refused = self.weather.clone();
            let (there_weather, back_weather) = (self.weather.clone(), self.weather.clone());
            // Set by one direction, obeyed by the other: what the server says next is for nobody.
            let (deaf, hears) = watch::channel(false);
            let there = there(&self.shared, &mut from_client, &mut to_server, there_weather, &deaf);
            let back = back(&self.shared, &mut from_server, &mut to_client, back_weather, hears);
            tokio::select! {
                end = both_ways(there, back) => end,
                _ = self.cuts.changed() => End::Reset,
                _ = refused.wait_for(|weather| *weather == Weather::Refuse) => End::Reset,
            }
        };
        if matches!(end, End::Reset) {
            for (one, other) in [(from_client, to_client), (from_server, to_server)] {
                if let Ok(stream) = one.reunite(other) {
                    reset(stream);
                }
            }
        }
    }
}

/// Runs both directions to their ends; a reset of one is the end of both.
async fn both_ways(there: impl Future<Output = End>, back: impl Future<Output = End>) -> End {
    let (there, back) = (std::pin::pin!(there), std::pin::pin!(back));
    match futures_util::future::select(there, back).await {
        futures_util::future::Either::Left((End::Closed, back)) => back.await,
        futures_util::future::Either::Right((End::Closed, there)) => there.await,
        _ => End::Reset,
    }
}

/// From the client to the server, past the trap.
async fn there(
    shared: &Shared,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    deaf: &watch::Sender<bool>,
) -> End {
    let mut bytes = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        pass(&mut weather).await;
        let snapped = shared.snaps(&bytes[..n]);
        if snapped == Some(ResetAt::BeforeTheServer) {
            shared.sprung.send_modify(|sprung| *sprung += 1);
            return End::Reset;
        }
        if snapped == Some(ResetAt::BeforeTheClient) {
            deaf.send_replace(true);
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return End::Reset;
        }
    }
    pass(&mut weather).await;
    to.shutdown().await.ok();
    End::Closed
}

/// From the server to the client.
async fn back(
    shared: &Shared,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    deaf: watch::Receiver<bool>,
) -> End {
    let mut bytes = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        pass(&mut weather).await;
        if *deaf.borrow() {
            shared.sprung.send_modify(|sprung| *sprung += 1);
            return End::Reset;
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return End::Reset;
        }
    }
    pass(&mut weather).await;
    to.shutdown().await.ok();
    End::Closed
}

/// Waits as the weather demands.
async fn pass(weather: &mut watch::Receiver<Weather>) {
    let now = *weather.borrow_and_update();
    match now {
        Weather::Slow(delay) => sleep(delay).await,
        Weather::Blackhole => fair(weather).await,
        Weather::Fair | Weather::Refuse => {}
    }
}

async fn fair(weather: &mut watch::Receiver<Weather>) {
    // The sender outlives every link.
    let _ = weather.wait_for(|weather| *weather != Weather::Blackhole).await;
}

/// Closes with RST.
fn reset(stream: TcpStream) {
    let closed: io::Result<()> = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
    // Closed without it, in the worst case.
    drop(closed);
    drop(stream);
}
