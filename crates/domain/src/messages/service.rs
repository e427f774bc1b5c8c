//! The use cases of messages: send, read, edit, regenerate, delete.

use super::Message;
use super::ports::{
    AddOutcome, Edit, EditTarget, MessageStore, NewSend, Regenerate, SendOutcome, SendTarget, Sent,
};
use super::{Role, Saying};
use crate::access::{Actor, Authorized, Read, Write};
use crate::clock::Clock;
use crate::error::{Fault, codes};
use crate::fail_point;
use crate::ids::{Ids, MessageId, RoomId, TurnId, UserId};
use crate::once::{Once, OnceKey};
use crate::page::{Order, Page, PageRequest, Part};
use crate::plcs::PlcUuid;
use crate::rooms::{OpenRoom, Room};
use crate::text::CleanText;
use crate::turns::ports::{Claimed, Models};
use crate::turns::{Engine, Settled, Turn, TurnOptions, Watch};
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
#[derive(Debug, Default)]
pub struct SendRequest {
    /// What is said.
    pub content: CleanText,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// The PLC it is about.
    pub plc: Option<PlcUuid>,
    /// The model for this turn, when it is not the room's.
    pub model: Option<String>,
    /// A failing model takes the turn back, as if it had never been sent (004).
    pub withdraw_on_failure: bool,
    /// The id that the client gave it: the same id again in a room is the same message.
    pub client_id: Option<String>,
    /// What is told along with it, oldest first.
    pub past: Vec<Saying>,
    /// What else is asked of the turn.
    pub options: TurnOptions,
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
    /// `DRAINING` when the server stops before the turn has ended, `REPLY_NOT_READY` when that takes too long, or when the
    /// store is away. The message stays, and so does its turn.
    pub async fn settled(self) -> Result<(Sent, Settled), Fault> {
        let settled = self.engine.wait_patiently(self.watch).await?;
        Ok((self.sent, settled))
    }
}

impl Messages {
    /// Sends a message to a room and starts its turn. Answers once both are stored.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, `ROOM_ENDED`, `TURN_IN_PROGRESS`, `QUEUE_FULL`, `UNKNOWN_MODEL`, `UNKNOWN_PLC`, `DRAINING`,
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

    /// Sends a message to the room of `room`'s kind and public id among `actor`'s own, opening it as
    /// given when there is none. The settings of a room that is there stay as they are.
    ///
    /// # Errors
    /// As [`Messages::send`].
    pub async fn send_to_named(
        &self,
        actor: &Actor,
        room: OpenRoom,
        request: SendRequest,
    ) -> Result<Once<Sending>, Fault> {
        let room = room.of(actor, RoomId(self.ids.next()), self.clock.now());
        self.send_to(SendTarget::Named(Box::new(room)), request).await
    }

    pub(super) async fn send_to(
        &self,
        target: SendTarget,
        request: SendRequest,
    ) -> Result<Once<Sending>, Fault> {
        fail_point!("turn.authorized");
        self.check_may_run(request.model.as_deref())?;
        let send = self.new_send(target, request);
        let messages = self.clone();
        self.of_the_server(async move { messages.store_and_start(send).await }).await
    }

    /// Does a piece of work as a task of the server: a client that leaves now must not leave a turn
    /// that is stored, leased to us and run by nobody.
    pub(super) async fn of_the_server<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, told) = oneshot::channel();
        let task = async move {
            let _ = tell.send(work.await);
        };
        self.engine.ports.spawner.spawn(Box::pin(task.instrument(Span::current())));
        told.await.map_err(|_| Fault::new(&codes::INTERNAL))?
    }

    pub(super) async fn store_and_start(&self, send: NewSend) -> Result<Once<Sending>, Fault> {
        // Whoever waits must wait before the turn can end.
        let watch = self.engine.watch(send.turn_id);
        fail_point!("turn.before_transaction");
        let stored = stored(self.store.send(send).await?)?;
        fail_point!("turn.after_commit");
        Ok(self.start_stored(stored, watch).await)
    }

    async fn start_stored(&self, stored: Once<Box<Sent>>, watch: Watch) -> Once<Sending> {
        match stored {
            Once::Done(sent) => Once::Done(self.go_on(*sent, watch).await),
            Once::Replayed(sent) => Once::Replayed(self.go_on(*sent, watch).await),
            Once::KeyReused => Once::KeyReused,
        }
    }

    pub(super) fn check_may_run(&self, model: Option<&str>) -> Result<(), Fault> {
        if self.engine.is_draining() {
            return Err(Fault::new(&codes::DRAINING).retry_after(Duration::from_secs(1)));
        }
        match model {
            Some(name) if self.models.resolve(Some(name)).is_none() => Err(Fault::new(&codes::UNKNOWN_MODEL)),
            _ => Ok(()),
        }
    }

    pub(super) fn new_send(&self, target: SendTarget, request: SendRequest) -> NewSend {
        NewSend {
            target,
            message_id: MessageId(self.ids.next()),
            content: request.content.into_string(),
            metadata: request.metadata,
            plc: request.plc,
            turn_id: TurnId(self.ids.next()),
            reply_id: MessageId(self.ids.next()),
            model: request.model,
            withdraw_on_failure: request.withdraw_on_failure,
            queue_limit: QUEUE_LIMIT,
            lease: self.engine.lease(),
            options: TurnOptions {
                past: i64::try_from(request.past.len()).unwrap_or(i64::MAX),
                ..request.options
            },
            client_id: request.client_id,
            told: request.past.into_iter().map(|said| said.told(self.ids.as_ref())).collect(),
            once: request.once,
            now: self.clock.now(),
        }
    }

    /// Stores a message that nobody is to answer.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, `ROOM_ENDED`, `UNKNOWN_PLC`, `IDEMPOTENCY_KEY_REUSED`, or when the store is away.
    pub async fn add(
        &self,
        room: &Authorized<Room, Write>,
        request: SendRequest,
    ) -> Result<Once<Message>, Fault> {
        let send = self.new_send(SendTarget::Room(room.get().id), request);
        match self.store.add(send).await? {
            AddOutcome::Stored(Once::KeyReused) => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
            AddOutcome::Stored(message) => {
                self.engine.tell_room(room.get().id).await;
                Ok(message.map(|message| *message))
            }
            AddOutcome::RoomMissing => Err(Fault::new(&codes::ROOM_NOT_FOUND)),
            AddOutcome::RoomEnded => Err(Fault::new(&codes::ROOM_ENDED)),
            AddOutcome::PlcMissing => Err(Fault::new(&codes::UNKNOWN_PLC)),
        }
    }

    /// A page of a room's messages.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn page(
        &self,
        room: &Authorized<Room, Read>,
        page: PageRequest<i64>,
    ) -> Result<Page<Message>, Fault> {
        Ok(self.store.page(room.get().id, page).await?)
    }

    /// A message of a room.
    ///
    /// # Errors
    /// `MESSAGE_NOT_FOUND`, or when the store is away.
    pub async fn find<A>(&self, room: &Authorized<Room, A>, message: MessageId) -> Result<Message, Fault> {
        let found = self.store.find(room.get().id, message).await?;
        found.ok_or_else(|| Fault::new(&codes::MESSAGE_NOT_FOUND))
    }

    /// The message of a room to which a client gave this id.
    ///
    /// # Errors
    /// `MESSAGE_NOT_FOUND`, or when the store is away.
    pub async fn of_client<A>(
        &self,
        room: &Authorized<Room, A>,
        client_id: String,
    ) -> Result<Message, Fault> {
        let found = self.store.of_client(room.get().id, client_id).await?;
        found.ok_or_else(|| Fault::new(&codes::MESSAGE_NOT_FOUND))
    }

    /// Deletes a message. A turn that is still writing it is stopped first.
    ///
    /// # Errors
    /// `MESSAGE_NOT_FOUND`, or when the store is away.
    pub async fn delete(&self, room: &Authorized<Room, Write>, message: MessageId) -> Result<(), Fault> {
        let found = self.find(room, message).await?;
        if let Some(turn) = found.turn_id {
            self.engine.end_running(turn).await?;
        }
        if self.store.delete(room.get().id, message, self.clock.now()).await? {
            self.engine.tell_room(room.get().id).await;
            Ok(())
        } else {
            Err(Fault::new(&codes::MESSAGE_NOT_FOUND))
        }
    }

    /// Gives a person's message a new reply, and a new text if there is one. The old reply and
    /// everything said after the message go; turns that still run are stopped first.
    ///
    /// # Errors
    /// `MESSAGE_NOT_FOUND`, `NOT_A_PERSONS_MESSAGE`, `UNKNOWN_MODEL`, `ROOM_ENDED`, `DRAINING`, or
    /// when the store is away.
    pub async fn regenerate(
        &self,
        room: &Authorized<Room, Write>,
        message: MessageId,
        content: Option<CleanText>,
        model: Option<String>,
        once: Option<OnceKey>,
    ) -> Result<Once<Sending>, Fault> {
        self.renew(room, message, None, content, model, once).await
    }

    /// The same; of several who do it at once for one turn that nothing may be lost but, one does.
    async fn renew(
        &self,
        room: &Authorized<Room, Write>,
        message: MessageId,
        instead_of: Option<TurnId>,
        content: Option<CleanText>,
        model: Option<String>,
        once: Option<OnceKey>,
    ) -> Result<Once<Sending>, Fault> {
        self.check_may_run(model.as_deref())?;
        let found = self.find(room, message).await?;
        if found.role != Role::User {
            return Err(Fault::new(&codes::NOT_A_PERSONS_MESSAGE));
        }
        let again = Regenerate {
            room_id: room.get().id,
            message_id: message,
            instead_of,
            content: content.map(CleanText::into_string),
            turn_id: TurnId(self.ids.next()),
            reply_id: MessageId(self.ids.next()),
            model,
            lease: self.engine.lease(),
            once,
            now: self.clock.now(),
        };
        let messages = self.clone();
        let work = async move {
            let watch = messages.engine.watch(again.turn_id);
            let stored = stored(messages.store.regenerate(again).await?)?;
            Ok(messages.start_stored(stored, watch).await)
        };
        self.of_the_server(work).await
    }

    /// Gives the message of a turn that has ended a new reply. Only the last turn of a room can be
    /// retried: what was said after it would be lost.
    ///
    /// # Errors
    /// `NOT_LAST_TURN`, and as [`Messages::regenerate`].
    pub async fn retry(
        &self,
        room: &Authorized<Room, Write>,
        turn: &Turn,
        once: Option<OnceKey>,
    ) -> Result<Once<Sending>, Fault> {
        self.check_is_last(room, |message| message.id == turn.reply_id || message.id == turn.message_id)
            .await?;
        let model = turn.options.model.clone();
        self.renew(room, turn.message_id, Some(turn.id), None, model, once).await
    }

    /// Gives a person's message a new reply when nothing was said after it but its old one.
    ///
    /// # Errors
    /// `NOT_LAST_TURN`, and as [`Messages::regenerate`].
    pub async fn regenerate_last(
        &self,
        room: &Authorized<Room, Write>,
        message: &Message,
        model: Option<String>,
        once: Option<OnceKey>,
    ) -> Result<Once<Sending>, Fault> {
        let is_of_it = |last: &Message| {
            last.id == message.id || (message.turn_id.is_some() && last.turn_id == message.turn_id)
        };
        self.check_is_last(room, is_of_it).await?;
        self.renew(room, message.id, message.turn_id, None, model, once).await
    }

    async fn check_is_last(
        &self,
        room: &Authorized<Room, Write>,
        is_wanted: impl Fn(&Message) -> bool,
    ) -> Result<(), Fault> {
        let request = PageRequest { limit: 1, order: Order::Descending, part: Part::Start };
        let last = self.store.page(room.get().id, request).await?;
        match last.items.first() {
            Some(message) if is_wanted(message) => Ok(()),
            _ => Err(Fault::new(&codes::NOT_LAST_TURN)),
        }
    }

    /// Starts what was stored now, or attaches to what was stored before.
    async fn go_on(&self, sent: Sent, watch: Watch) -> Sending {
        let watch = if watch.is_for(sent.turn.id) { watch } else { self.engine.watch(sent.turn.id) };
        for turn in &sent.interrupted {
            self.engine.stop(*turn).await;
        }
        self.engine.tell_room(sent.room.id).await;
        if sent.claimed {
            self.engine.start(Claimed { turn: sent.turn.clone(), reply: String::new() });
        }
        Sending { sent, watch, engine: Arc::clone(&self.engine) }
    }

    /// Replaces the text of a person's message; no new reply is made. Later turns see the new text,
    /// and nothing shows the old one any more.
    ///
    /// # Errors
    /// `MESSAGE_NOT_FOUND`, or when the store is away.
    pub async fn edit(
        &self,
        room: &Authorized<Room, Write>,
        target: EditTarget,
        content: CleanText,
    ) -> Result<Message, Fault> {
        let edit =
            Edit { room_id: room.get().id, target, content: content.into_string(), now: self.clock.now() };
        let edited = self.store.edit(edit).await?.ok_or_else(|| Fault::new(&codes::MESSAGE_NOT_FOUND))?;
        self.engine.tell_room(room.get().id).await;
        Ok(edited)
    }
}

/// What was stored, or why nothing was.
fn stored(outcome: SendOutcome) -> Result<Once<Box<Sent>>, Fault> {
    match outcome {
        SendOutcome::Stored(stored) => Ok(stored),
        SendOutcome::RoomMissing => Err(Fault::new(&codes::ROOM_NOT_FOUND)),
        SendOutcome::MessageMissing => Err(Fault::new(&codes::MESSAGE_NOT_FOUND)),
        SendOutcome::RoomEnded => Err(Fault::new(&codes::ROOM_ENDED)),
        SendOutcome::TurnInProgress => Err(Fault::new(&codes::TURN_IN_PROGRESS)),
        SendOutcome::NotLast => Err(Fault::new(&codes::NOT_LAST_TURN)),
        SendOutcome::PlcMissing => Err(Fault::new(&codes::UNKNOWN_PLC)),
        SendOutcome::QueueFull => Err(Fault::new(&codes::QUEUE_FULL).retry_after(Duration::from_secs(1))),
    }
}
