//! What was said elsewhere or before: told to a room without a turn, gone on from, taken along into
//! another room.

use super::ports::{Heard, NewTold, SendTarget, TellOutcome, Told};
use super::{Message, MessageStatus, Messages, Role, SendRequest, Sending};
use crate::access::{Actor, Authorized, Read, Write};
use crate::error::{Fault, codes};
use crate::ids::{Ids, MessageId, RoomId};
use crate::once::{Once, OnceKey};
use crate::page::{MAX_LIMIT, Order, Page, PageRequest, Part};
use crate::rooms::{OpenRoom, Room};
use crate::text::CleanText;
use crate::turns::{PromptMessage, Turn, TurnOptions};
use serde_json::Map;

/// A branch takes at most so many messages along, the newest. A model is never told more.
const BRANCH_MESSAGES: usize = 1_000;

/// What somebody has said, as a client tells it.
#[derive(Clone, Debug)]
pub struct Saying {
    /// Who.
    pub role: Role,
    /// What.
    pub content: CleanText,
}

impl Saying {
    pub(super) fn told(self, ids: &dyn Ids) -> Told {
        Told {
            id: MessageId(ids.next()),
            role: self.role,
            content: self.content.into_string(),
            metadata: Map::new(),
        }
    }
}

impl Messages {
    /// Stores what was said elsewhere in a room, without a turn.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, `ROOM_ENDED`, `IDEMPOTENCY_KEY_REUSED`, or when the store is away.
    pub async fn tell(
        &self,
        room: &Authorized<Room, Write>,
        said: Vec<Saying>,
        once: Option<OnceKey>,
    ) -> Result<Once<Heard>, Fault> {
        self.tell_to(SendTarget::Room(room.get().id), said, once).await
    }

    /// Opens a room with what was said elsewhere in it.
    ///
    /// # Errors
    /// As [`Messages::tell`].
    pub async fn tell_anew(
        &self,
        actor: &Actor,
        open: OpenRoom,
        said: Vec<Saying>,
        once: Option<OnceKey>,
    ) -> Result<Once<Heard>, Fault> {
        self.tell_to(self.new_room(actor, open), said, once).await
    }

    async fn tell_to(
        &self,
        target: SendTarget,
        said: Vec<Saying>,
        once: Option<OnceKey>,
    ) -> Result<Once<Heard>, Fault> {
        let told = said.into_iter().map(|said| said.told(self.ids.as_ref())).collect();
        let new = NewTold { target, told, once, now: self.clock.now() };
        match self.store.tell(new).await? {
            TellOutcome::Stored(Once::KeyReused) => Err(Fault::new(&codes::IDEMPOTENCY_KEY_REUSED)),
            TellOutcome::Stored(heard) => {
                if let Some(heard) = heard.value() {
                    self.engine.tell_room(heard.room.id).await;
                }
                Ok(heard.map(|heard| *heard))
            }
            TellOutcome::RoomMissing => Err(Fault::new(&codes::ROOM_NOT_FOUND)),
            TellOutcome::RoomEnded => Err(Fault::new(&codes::ROOM_ENDED)),
        }
    }

    fn new_room(&self, actor: &Actor, open: OpenRoom) -> SendTarget {
        SendTarget::New(Box::new(open.of(actor, RoomId(self.ids.next()), self.clock.now())))
    }

    /// Sends a message to a new room, which it opens as given.
    ///
    /// # Errors
    /// As [`Messages::send`].
    pub async fn send_anew(
        &self,
        actor: &Actor,
        open: OpenRoom,
        request: SendRequest,
    ) -> Result<Once<Sending>, Fault> {
        let options = TurnOptions { opened: true, ..request.options };
        self.send_to(self.new_room(actor, open), SendRequest { options, ..request }).await
    }

    /// Goes on from a turn: in its room, if nothing was said there since; otherwise in a new room that
    /// is opened as given and begins with what was said up to the turn. So what a client goes on from
    /// is what the model is told, whoever else goes on from the same turn (ADR 0015).
    ///
    /// # Errors
    /// As [`Messages::send`].
    pub async fn send_after(
        &self,
        actor: &Actor,
        room: &Authorized<Room, Write>,
        turn: &Turn,
        branch: OpenRoom,
        request: SendRequest,
    ) -> Result<Once<Sending>, Fault> {
        let target = SendTarget::After { room: room.get().id, turn: turn.id };
        self.check_may_run(request.model.as_deref())?;
        let options = TurnOptions { previous: Some(turn.id), ..request.options };
        let send = self.new_send(target, SendRequest { options, ..request });
        let (messages, again) = (self.clone(), send.clone());
        let tried = self.of_the_server(async move { messages.store_and_start(send).await }).await;
        match tried {
            Err(fault) if *fault.code == codes::NOT_LAST_TURN => {}
            tried => return tried,
        }
        let mut send = again;
        let past = self.said_until(room.get().id, Some(turn), BRANCH_MESSAGES).await?;
        let copies = past.into_iter().map(|message| Told {
            id: MessageId(self.ids.next()),
            role: message.role,
            content: message.content,
            metadata: message.metadata,
        });
        send.told.splice(0..0, copies);
        send.options.opened = true;
        send.target = self.new_room(actor, branch);
        let messages = self.clone();
        self.of_the_server(async move { messages.store_and_start(send).await }).await
    }

    /// A page of what a turn was asked with: its message, and those that were told along with it.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn of_turn<A>(
        &self,
        room: &Authorized<Room, A>,
        turn: &Turn,
        page: PageRequest<i64>,
    ) -> Result<Page<Message>, Fault> {
        let (first, last) = (turn.position - turn.options.past, turn.position);
        let part = match (page.part, page.order) {
            (Part::Start, Order::Ascending) => Part::After(first - 1),
            (Part::Start, Order::Descending) => Part::After(last + 1),
            (part, _) => part,
        };
        let mut found = self.store.page(room.get().id, PageRequest { part, ..page }).await?;
        let all = found.items.len();
        found.items.retain(|message| (first..=last).contains(&message.seq));
        found.has_more &= found.items.len() == all;
        if found.has_more {
            let edge = found.items.last().map_or(last, |message| message.seq);
            found.has_more = if page.order == Order::Ascending { edge < last } else { edge > first };
        }
        Ok(found)
    }

    /// What a model would be told of a room, up to a turn or to its end.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn told_until(
        &self,
        room: &Authorized<Room, Read>,
        turn: Option<&Turn>,
    ) -> Result<Vec<PromptMessage>, Fault> {
        let said = self.said_until(room.get().id, turn, MAX_LIMIT).await?;
        let said =
            said.into_iter().map(|message| PromptMessage { role: message.role, content: message.content });
        Ok(said.collect())
    }

    /// The newest messages of a room up to a turn's reply, oldest first. As for every model: nothing of
    /// a turn that was cancelled, and no reply without a word.
    async fn said_until(
        &self,
        room: RoomId,
        turn: Option<&Turn>,
        most: usize,
    ) -> Result<Vec<Message>, Fault> {
        let mut part = match turn {
            None => Part::Start,
            Some(turn) => {
                let reply = self.store.find(room, turn.reply_id).await?;
                Part::After(reply.map_or(turn.position, |reply| reply.seq) + 1)
            }
        };
        let mut found: Vec<Message> = Vec::new();
        while found.len() < most {
            let request = PageRequest { limit: MAX_LIMIT, order: Order::Descending, part };
            let page = self.store.page(room, request).await?;
            let last = page.items.last().map(|message| message.seq);
            found.extend(page.items);
            match last {
                Some(seq) if page.has_more => part = Part::After(seq),
                _ => break,
            }
        }
        found.truncate(most);
        let cancelled: Vec<_> = found
            .iter()
            .filter(|message| message.status == MessageStatus::Cancelled)
            .filter_map(|message| message.turn_id)
            .collect();
        found.retain(|message| {
            !message.content.is_empty() && message.turn_id.is_none_or(|turn| !cancelled.contains(&turn))
        });
        found.reverse();
        Ok(found)
    }
}
