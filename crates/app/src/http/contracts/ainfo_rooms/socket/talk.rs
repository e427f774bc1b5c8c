//! A conversation over a socket: what the client sends is answered in order, one at a time.
//!
//! The socket owns nothing that matters: messages are stored before they are answered, replies
//! belong to the server. So it may end at any time.

use super::super::shapes::is_log;
use super::frames;
use super::incoming::Incoming;
use crate::http::State;
use actix_web::web;
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Closed, Session};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use maru_domain::access::{Authorized, Write};
use maru_domain::error::{Fault, Kind, codes};
use maru_domain::messages::{Message, SendRequest};
use maru_domain::rooms::Room;
use maru_domain::text::CleanText;
use maru_domain::turns::{TurnEvent, TurnStatus};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// Messages that wait for their answer; while there are more, the socket is not read.
const WAITING: usize = 16;
/// A client that takes nothing for so long is dropped.
const STALLED: Duration = Duration::from_secs(20);
/// The token is looked at again this often (contract §0.3).
const RECHECK: Duration = Duration::from_secs(4);
/// How long that look may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// A ping goes out at every so many of those looks. A client that has sent nothing by the next one,
/// not even a pong, is gone: a connection that broke says nothing.
const PING_EVERY: u32 = 5;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// A conversation.
pub struct Talk {
    state: web::Data<State>,
    room: Authorized<Room, Write>,
    key: String,
    session: Session,
    incoming: Incoming,
    /// What the client has sent, or what it is to be told instead.
    waiting: VecDeque<Result<CleanText, &'static str>>,
    looks: u32,
    heard: bool,
}

/// Why a conversation ends.
enum End {
    /// The client has left.
    Left(Option<CloseReason>),
    /// The client takes nothing any more.
    Stalled,
    /// We close.
    Close(CloseCode),
}

/// A reply that is being made.
struct Answer {
    events: BoxStream<'static, TurnEvent>,
    begun: bool,
}

impl Talk {
    pub fn new(
        state: web::Data<State>,
        room: Authorized<Room, Write>,
        key: String,
        session: Session,
        incoming: Incoming,
    ) -> Self {
        Self { state, room, key, session, incoming, waiting: VecDeque::new(), looks: 0, heard: true }
    }

    /// Tells what was said so far, and talks until either side ends it.
    pub async fn run(mut self, past: Vec<Message>) {
        let _open = Open::count();
        let Err(end) = self.talk(past).await;
        self.part(end).await;
    }

    async fn talk(&mut self, past: Vec<Message>) -> Result<Infallible, End> {
        for frame in past.iter().filter_map(frames::past) {
            self.say(frame).await?;
        }
        drop(past);
        let mut looks = every(RECHECK);
        let mut answer: Option<Answer> = None;
        let closing = self.state.status.closing().clone();
        loop {
            if answer.is_none() {
                answer = self.take_up().await?;
            }
            let idle = answer.is_none();
            tokio::select! {
                frame = self.incoming.next(), if self.waiting.len() < WAITING => self.hear(frame).await?,
                event = next(&mut answer) => answer = self.tell(answer, event).await?,
                _ = looks.tick() => self.look().await?,
                () = closing.cancelled(), if idle => return Err(End::Close(CloseCode::Away)),
            }
        }
    }

    /// Takes up what the client has sent, until something of it is to be answered.
    async fn take_up(&mut self) -> Result<Option<Answer>, End> {
        while let Some(next) = self.waiting.pop_front() {
            if self.state.status.closing().is_cancelled() {
                return Err(End::Close(CloseCode::Away));
            }
            match next {
                Err(words) => self.say(frames::error(words)).await?,
                Ok(text) => match self.ask(text).await {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(fault) => self.refuse(&fault).await?,
                },
            }
        }
        Ok(None)
    }

    /// Stores a message and follows its reply.
    async fn ask(&self, content: CleanText) -> Result<Answer, Fault> {
        let request = SendRequest { content, ..SendRequest::default() };
        let (sending, _) = self.state.services.messages.send(&self.room, request).await?.made()?;
        let turn = sending.sent.turn.id;
        let events = self.state.services.turns.follow(turn, None).await?;
        Ok(Answer { events, begun: false })
    }

    async fn refuse(&mut self, fault: &Fault) -> Result<(), End> {
        if *fault.code == codes::DRAINING {
            return Err(End::Close(CloseCode::Away));
        }
        tracing::warn!(
            code = fault.code.name,
            error = fault as &dyn std::error::Error,
            "a message was refused"
        );
        self.say(frames::error(frames::words(fault))).await?;
        if *fault.code == codes::ROOM_NOT_FOUND {
            return Err(End::Close(CloseCode::Policy));
        }
        Ok(())
    }

    /// Passes an event of a reply on; answers the reply if it goes on.
    async fn tell(
        &mut self,
        answer: Option<Answer>,
        event: Option<TurnEvent>,
    ) -> Result<Option<Answer>, End> {
        let Some(mut answer) = answer else { return Ok(None) };
        match event {
            // A reset has all of the text. Where pieces of it were told already, the end tells the whole.
            Some(TurnEvent::Reset { .. }) if answer.begun => {}
            Some(TurnEvent::Delta { text, .. } | TurnEvent::Reset { text, .. }) => {
                if !text.is_empty() {
                    self.say(frames::piece(&text)).await?;
                    answer.begun = true;
                }
            }
            Some(TurnEvent::Done(view)) if is_log(view.turn.status.of_reply(), &view.reply) => {
                self.say(frames::whole(&view.reply)).await?;
                return Ok(None);
            }
            // The server stops; the next one goes on with the reply.
            None if self.state.services.engine.is_draining() => return Err(End::Close(CloseCode::Away)),
            Some(TurnEvent::Done(view)) if view.turn.status == TurnStatus::Cancelled => {
                self.say(frames::error(frames::CANCELLED)).await?;
                return Ok(None);
            }
            Some(TurnEvent::Done(_) | TurnEvent::Gone) | None => {
                self.say(frames::error(frames::NO_REPLY)).await?;
                return Ok(None);
            }
        }
        Ok(Some(answer))
    }

    async fn hear(&mut self, frame: Option<Result<AggregatedMessage, CloseCode>>) -> Result<(), End> {
        self.heard = true;
        match frame {
            Some(Ok(AggregatedMessage::Text(text))) => self.waiting.push_back(frames::read(&text)),
            Some(Ok(AggregatedMessage::Binary(_))) => self.waiting.push_back(Err(frames::NOT_A_MESSAGE)),
            Some(Ok(AggregatedMessage::Ping(bytes))) => give(self.session.pong(&bytes)).await?,
            Some(Ok(AggregatedMessage::Pong(_))) => {}
            Some(Ok(AggregatedMessage::Close(reason))) => return Err(End::Left(reason)),
            Some(Err(code)) => return Err(End::Close(code)),
            None => return Err(End::Left(None)),
        }
        Ok(())
    }

    /// Looks whether the client may still be here, and whether it is.
    async fn look(&mut self) -> Result<(), End> {
        let recognised = timeout(PATIENCE, self.state.services.accounts.recognise_anew(&self.key)).await;
        match recognised {
            Ok(Err(fault)) if fault.kind() == Kind::Unauthenticated => {
                return Err(End::Close(CloseCode::Policy));
            }
            // A store that is away or slow is no reason to part, nor to keep a reply back for long.
            Ok(Ok(_) | Err(_)) | Err(_) => {}
        }
        self.looks += 1;
        if self.looks.is_multiple_of(PING_EVERY) {
            let unheard = !self.heard && self.waiting.len() < WAITING;
            if unheard {
                return Err(End::Stalled);
            }
            self.heard = false;
            give(self.session.ping(b"")).await?;
        }
        Ok(())
    }

    async fn say(&mut self, frame: String) -> Result<(), End> {
        give(self.session.text(frame)).await
    }

    /// The end. What a client has sent before it left is said all the same, and answered.
    async fn part(self, end: End) {
        let reason = match end {
            End::Close(code) => Some(CloseReason { code, description: None }),
            End::Stalled => return self.say_the_rest().await,
            End::Left(reason) => {
                self.say_the_rest().await;
                reason
            }
        };
        let _ = timeout(GOODBYE, self.session.close(reason)).await;
    }

    async fn say_the_rest(&self) {
        for text in self.waiting.iter().flatten() {
            if let Err(fault) = self.ask(text.clone()).await {
                tracing::warn!(code = fault.code.name, "a message of a client that has left was refused");
            }
        }
    }
}

/// A socket in the figures, for as long as it is there.
struct Open(metrics::Gauge);

impl Open {
    fn count() -> Self {
        let gauge = metrics::gauge!("maru_sockets_open");
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The next event of a reply; never, when none is made.
async fn next(answer: &mut Option<Answer>) -> Option<TurnEvent> {
    match answer {
        Some(answer) => answer.events.next().await,
        None => std::future::pending().await,
    }
}

/// Hands a frame to the connection, which takes a few ahead of the client.
async fn give(frame: impl Future<Output = Result<(), Closed>>) -> Result<(), End> {
    match timeout(STALLED, frame).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Closed)) => Err(End::Left(None)),
        Err(_) => Err(End::Stalled),
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
