//! The use cases of messages: send and edit.

use super::Message;
use super::ports::{Edit, MessageStore, NewSend, SendOutcome, SendTarget, Sent};
use crate::access::{Authorized, Write};
use crate::clock::Clock;
use crate::error::{Fault, codes};
use crate::fail_point;
use crate::ids::{Ids, MessageId, RoomId, TurnId, UserId};
use crate::once::{Once, OnceKey};
use crate::rooms::Room;
use crate::text::CleanText;
use crate::turns::ports::{Claimed, Models};
use crate::turns::{Engine, Settled, Watch};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

/// How many turns may wait in a room.
const QUEUE_LIMIT: i64 = 20;

/// The use cases of messages.
#[derive(Clone)]
pub struct Messages {
    pub(crate) store: Arc<dyn MessageStore>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// A message that somebody wants to send.
#[derive(Debug)]
pub struct SendRequest {
    /// What is said.
    pub content: CleanText,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// The model for this turn, when it is not the room's.
    pub model: Option<String>,
    /// A failing model takes the turn back, as if it had never been sent (004).
    pub withdraw_on_failure: bool,
    /// Guards against a second arrival.
    pub once: Option<OnceKey>,
}

/// A message that is stored, and its turn that goes on by itself.
pub struct Sending {
    /// What is stored.
    pub sent: Sent,
    watch: Watch,
    engine: Arc<Engine>,
}

impl Sending {
    /// Waits for the end of the turn. Dropping this does not stop it.
    ///
    /// # Errors
    /// `DRAINING` when the server stops before the turn has ended, or when the store is away.
    pub async fn settled(self) -> Result<(Sent, Settled), Fault> {
        let settled = self.engine.wait_on(self.watch).await?;
        Ok((self.sent, settled))
    }
}

impl Messages {
    /// Sends a message to a room and starts its turn. Answers once both are stored.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, `ROOM_ENDED`, `TURN_IN_PROGRESS`, `QUEUE_FULL`, `UNKNOWN_MODEL`, `DRAINING`,
    /// `IDEMPOTENCY_KEY_REUSED`, or when the store is away.
    pub async fn send(
        &self,
        room: &Authorized<Room, Write>,
        request: SendRequest,
    ) -> Result<Once<Sending>, Fault> {
        self.send_to(SendTarget::Room(room.get().id), request).await
    }

    /// Sends a message to the owner's open session, opening one when none is open (004).
    ///
    /// # Errors
    /// As [`Messages::send`].
    pub async fn send_to_session(&self, owner: UserId, request: SendRequest) -> Result<Once<Sending>, Fault> {
        let new_room = RoomId(self.ids.next());
        self.send_to(SendTarget::Session { owner, new_room }, request).await
    }

    async fn send_to(&self, target: SendTarget, request: SendRequest) -> Result<Once<Sending>, Fault> {
        fail_point!("turn.authorized");
        if self.engine.is_draining() {
            return Err(Fault::new(&codes::DRAINING).retry_after(Duration::from_secs(1)));
        }
        if let Some(model) = &request.model {
            self.models.resolve(Some(model)).ok_or_else(|| Fault::new(&codes::UNKNOWN_MODEL))?;
        }
        let (now, turn_id) = (self.clock.now(), TurnId(self.ids.next()));
        let send = NewSend {
            target,
            message_id: MessageId(self.ids.next()),
            content: request.content.into_string(),
            metadata: request.metadata,
            turn_id,
            reply_id: MessageId(self.ids.next()),
            model: request.model,
            withdraw_on_failure: request.withdraw_on_failure,
            queue_limit: QUEUE_LIMIT,
            lease: self.engine.lease(),
            once: request.once,
            now,
        };
        // A task of the server: a client that leaves now must not leave a turn that is stored,
        // leased to us and run by nobody.
        let (tell, told) = oneshot::channel();
        let messages = self.clone();
        let work = async move {
            let _ = tell.send(messages.store_and_start(send).await);
        };
        self.engine.ports.spawner.spawn(Box::pin(work.instrument(Span::current())));
        told.await.map_err(|_| Fault::new(&codes::INTERNAL))?
    }

    async fn store_and_start(&self, send: NewSend) -> Result<Once<Sending>, Fault> {
        // Whoever waits must wait before the turn can end.
        let watch = self.engine.watch(send.turn_id);
        fail_point!("turn.before_transaction");
        let stored = match self.store.send(send).await? {
            SendOutcome::Stored(stored) => stored,
            SendOutcome::RoomMissing => return Err(Fault::new(&codes::ROOM_NOT_FOUND)),
            SendOutcome::RoomEnded => return Err(Fault::new(&codes::ROOM_ENDED)),
            SendOutcome::TurnInProgress => return Err(Fault::new(&codes::TURN_IN_PROGRESS)),
            SendOutcome::QueueFull => {
                return Err(Fault::new(&codes::QUEUE_FULL).retry_after(Duration::from_secs(1)));
            }
        };
        fail_point!("turn.after_commit");
        Ok(match stored {
            Once::Done(sent) => Once::Done(self.go_on(*sent, watch).await),
            Once::Replayed(sent) => Once::Replayed(self.go_on(*sent, watch).await),
            Once::KeyReused => Once::KeyReused,
        })
    }

    /// Starts what was stored now, or attaches to what was stored before.
    async fn go_on(&self, sent: Sent, watch: Watch) -> Sending {
        let watch = if watch.is_for(sent.turn.id) { watch } else { self.engine.watch(sent.turn.id) };
        for turn in &sent.interrupted {
            self.engine.stop(*turn).await;
        }
        if sent.claimed {
            self.engine.start(Claimed { turn: sent.turn.clone(), reply: String::new() });
        }
        Sending { sent, watch, engine: Arc::clone(&self.engine) }
    }

    /// Replaces the text of the person's message of a turn; no new reply is made. Later turns see
    /// the new text, and nothing shows the old one any more.
    ///
    /// # Errors
    /// `MESSAGE_NOT_FOUND`, or when the store is away.
    pub async fn edit(
        &self,
        room: &Authorized<Room, Write>,
        turn: TurnId,
        content: CleanText,
    ) -> Result<Message, Fault> {
        let edit = Edit {
            room_id: room.get().id,
            turn_id: turn,
            content: content.into_string(),
            now: self.clock.now(),
        };
        self.store.edit(edit).await?.ok_or_else(|| Fault::new(&codes::MESSAGE_NOT_FOUND))
    }
}
