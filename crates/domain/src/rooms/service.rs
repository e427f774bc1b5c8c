//! The use cases of rooms.

use super::ports::{Conversation, NewRoom, RoomChange, RoomFields, RoomKey, RoomName, RoomStore, Shelf};
use super::{Room, RoomKind, TurnPolicy};
use crate::access::{Action, Actor, Authorized, Read, Write, authorize};
use crate::clock::{Clock, Timestamp};
use crate::error::{Fault, StoreError, codes, is_reference};
use crate::ids::{Ids, RoomId, RoomRef, UserId};
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use crate::text::CleanText;
use crate::turns::Engine;
use crate::turns::ports::Models;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The use cases of rooms.
#[derive(Clone)]
pub struct Rooms {
    pub(crate) store: Arc<dyn RoomStore>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// A room that somebody wants to open.
#[derive(Clone, Debug)]
pub struct OpenRoom {
    /// Which contract opens it.
    pub kind: RoomKind,
    /// The id that a foreign contract's client chose.
    pub public_id: Option<String>,
    /// Its name.
    pub name: CleanText,
    /// What the model is told before the conversation.
    pub system_prompt: CleanText,
    /// The model that answers here.
    pub model: Option<String>,
    /// What happens to a message that arrives while a turn runs.
    pub turn_policy: TurnPolicy,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
}

impl OpenRoom {
    /// The room to be stored, as `actor`'s.
    pub(crate) fn of(self, actor: &Actor, id: RoomId, created_at: Timestamp) -> NewRoom {
        NewRoom {
            id,
            kind: self.kind,
            owner: actor.owner(),
            public_id: self.public_id,
            name: self.name.into_string(),
            system_prompt: self.system_prompt.into_string(),
            model: self.model,
            turn_policy: self.turn_policy,
            metadata: self.metadata,
            created_at,
        }
    }
}

impl Rooms {
    /// Opens a room that belongs to `actor`.
    ///
    /// # Errors
    /// `UNKNOWN_MODEL`, `IDEMPOTENCY_KEY_REUSED`, `ROOM_EXISTS` when the public id is taken, or when
    /// the store is away.
    pub async fn open(
        &self,
        actor: &Actor,
        open: OpenRoom,
        once: Option<OnceKey>,
    ) -> Result<Once<Room>, Fault> {
        self.check_model(open.model.as_deref())?;
        let room = open.of(actor, RoomId(self.ids.next()), self.clock.now());
        match self.store.create(room, once).await {
            Ok(Once::KeyReused) => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
            Ok(opened) => Ok(opened),
            Err(StoreError::Conflict(rule)) if !is_reference(&rule) => Err(Fault::new(&codes::ROOM_EXISTS)),
            Err(error) => Err(error.into()),
        }
    }

    fn check_model(&self, model: Option<&str>) -> Result<(), Fault> {
        match model {
            Some(name) if self.models.resolve(Some(name)).is_none() => Err(Fault::new(&codes::UNKNOWN_MODEL)),
            _ => Ok(()),
        }
    }

    /// A page of an owner's rooms.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn page(&self, owner: UserId, page: PageRequest<RoomKey>) -> Result<Page<Room>, Fault> {
        Ok(self.store.page(owner, page).await?)
    }

    /// A page of the chat completions that an owner has stored, by number.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn completions(
        &self,
        owner: UserId,
        model: Option<String>,
        page: PageRequest<i64>,
    ) -> Result<Page<Authorized<Room, Read>>, Fault> {
        let Page { items, has_more } = self.store.completions(owner, model, page).await?;
        Ok(Page { items: items.into_iter().map(Authorized::of_owner).collect(), has_more })
    }

    /// Changes a room, and stops the turns whose messages go with the change.
    ///
    /// # Errors
    /// `UNKNOWN_MODEL`, `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn change(&self, room: &Authorized<Room, Write>, fields: RoomFields) -> Result<Room, Fault> {
        self.check_model(fields.model.as_ref().and_then(|model| model.as_deref()))?;
        let change = RoomChange { room: room.get().id, fields, now: self.clock.now() };
        let changed = self.store.change(change).await?;
        let changed = changed.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))?;
        self.engine.abandon(changed.abandoned);
        self.engine.tell_room(changed.room.id).await;
        Ok(changed.room)
    }

    /// The room, when `actor` may do `A` to it.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND` for a missing and for a foreign room alike, or when the store is away.
    pub async fn find<A: Action>(&self, actor: &Actor, room: RoomRef) -> Result<Authorized<Room, A>, Fault> {
        let found = self.store.find(room).await?;
        found.and_then(|room| authorize(actor, room)).ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// The room of that number, when the pages may show it to `actor`: one's own, whatever opened it; of
    /// those that nobody owns, only the pages' own. Elsewhere the ids that clients make up are the only
    /// key (contract §5.8), and numbers can be guessed.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn on_a_page<A: Action>(
        &self,
        actor: &Actor,
        number: i64,
    ) -> Result<Authorized<Room, A>, Fault> {
        let room = self.find(actor, RoomRef::Number(number)).await?;
        let Room { owner, kind, .. } = room.get();
        if owner.is_some() || *kind == RoomKind::Web {
            return Ok(room);
        }
        Err(Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// The rooms that the pages list for `actor`: those that [`Rooms::on_a_page`] finds.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn on_pages(&self, actor: &Actor, page: PageRequest<i64>) -> Result<Page<Room>, Fault> {
        let shelf = actor.owner().map_or(Shelf::Ownerless(RoomKind::Web), Shelf::Owned);
        Ok(self.store.numbered(shelf, page).await?)
    }

    /// All rooms, for an operator: everybody's, and those that nobody owns.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn all(&self, page: PageRequest<i64>) -> Result<Page<Room>, Fault> {
        Ok(self.store.numbered(Shelf::All, page).await?)
    }

    /// The room of a kind to which a foreign contract's client gave this id, among those that `actor`
    /// reaches: a caller's own, or nobody's for one who shows no token.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn named<A: Action>(
        &self,
        actor: &Actor,
        kind: RoomKind,
        public_id: String,
    ) -> Result<Authorized<Room, A>, Fault> {
        let found = self.store.named(RoomName { kind, owner: actor.owner(), public_id }).await?;
        found.and_then(|room| authorize(actor, room)).ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// A room that was found before, as it is now.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn again(&self, room: RoomId) -> Result<Option<Room>, Fault> {
        Ok(self.store.find(RoomRef::Id(room)).await?)
    }

    /// Hints that the room has changed, from now on: whoever looks after it has asked for them misses
    /// no change for longer than it takes to come again by itself. Hints may be lost.
    #[must_use]
    pub fn hints(&self, room: RoomId) -> BoxStream<'static, ()> {
        self.engine.hints(room)
    }

    /// Every room of an owner, oldest first.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn owned(&self, owner: UserId) -> Result<Vec<Authorized<Room, Read>>, Fault> {
        let actor_rooms = self.store.owned(owner).await?;
        Ok(actor_rooms.into_iter().map(Authorized::of_owner).collect())
    }

    /// The room with everything said in it, at one instant.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND` when it was deleted meanwhile, or when the store is away.
    pub async fn conversation(&self, room: &Authorized<Room, Read>) -> Result<Conversation, Fault> {
        let found = self.store.conversation(room.get().id).await?;
        found.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// Rooms with everything said in them, at one instant. Those that were deleted meanwhile are
    /// left out.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn conversations(&self, rooms: &[&Authorized<Room, Read>]) -> Result<Vec<Conversation>, Fault> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.conversations(rooms.iter().map(|room| room.get().id).collect()).await?)
    }

    /// Ends the owner's open session (004).
    ///
    /// # Errors
    /// `NO_OPEN_SESSION`, `IDEMPOTENCY_KEY_REUSED`, or when the store is away.
    pub async fn end_session(&self, owner: UserId, once: Option<OnceKey>) -> Result<Once<Room>, Fault> {
        let ended = self.store.end_session(owner, once, self.clock.now()).await?;
        match ended {
            Once::Done(Some(room)) => {
                self.engine.tell_room(room.id).await;
                Ok(Once::Done(room))
            }
            Once::Replayed(Some(room)) => Ok(Once::Replayed(room)),
            Once::Done(None) | Once::Replayed(None) => Err(Fault::new(&codes::NO_OPEN_SESSION)),
            Once::KeyReused => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
        }
    }

    /// The rooms that a foreign contract's client opened for a user of its own, among those that
    /// `actor` reaches, the newest first.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn of_client(
        &self,
        actor: &Actor,
        kind: RoomKind,
        user_id: String,
    ) -> Result<Vec<Room>, Fault> {
        Ok(self.store.of_client(kind, actor.owner(), user_id).await?)
    }

    /// A public id for a client that leaves the choice to us.
    #[must_use]
    pub fn new_public_id(&self) -> String {
        self.ids.next().to_string()
    }

    /// Takes a room away from everybody, and stops its turns; what was said stays in the database.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn hide(&self, room: Authorized<Room, Write>) -> Result<(), Fault> {
        let running = self.store.hide(room.get().id, self.clock.now()).await?;
        self.engine.abandon(running.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))?);
        self.engine.tell_room(room.get().id).await;
        Ok(())
    }

    /// Deletes a room for good, with its messages, and stops its turns.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn delete(&self, room: Authorized<Room, Write>) -> Result<(), Fault> {
        let running = self.store.delete(room.get().id).await?;
        let running = running.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))?;
        self.engine.abandon(running.iter().map(|turn| turn.id));
        // Those who read its log find that it is gone.
        self.engine.tell_room(room.get().id).await;
        Ok(())
    }
}
