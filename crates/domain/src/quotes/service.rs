//! The use cases of quotes: the catalogue, and the conversation that ends with one.

use super::ports::QuoteStore;
use super::{Category, Imported, NewQuote, Quote, QuoteFlow, Standing, ThreadName};
use crate::access::{Action, Actor, Authorized, Read};
use crate::error::{Fault, codes};
use crate::messages::ports::Sent;
use crate::messages::{Messages, SendRequest};
use crate::once::{Once, OnceKey};
use crate::page::{Page, PageRequest};
use crate::rooms::{OpenRoom, Room, RoomKind, Rooms, TurnPolicy};
use crate::text::CleanText;
use crate::turns::{Settled, TurnView};
use serde_json::Map;
use std::sync::Arc;

/// The use cases of quotes.
#[derive(Clone)]
pub struct Quotes {
    pub(crate) store: Arc<dyn QuoteStore>,
    pub(crate) rooms: Rooms,
    pub(crate) messages: Messages,
}

/// What a message of a thread is answered with at once.
#[derive(Debug)]
pub enum Replied {
    /// The reply is on its way.
    Pending(Box<Sent>),
    /// The reply is there: from the fourth message on.
    Done(Box<TurnView>),
}

impl Quotes {
    /// A page of the catalogue.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn page(
        &self,
        category: Option<Category>,
        page: PageRequest<i64>,
    ) -> Result<Page<Quote>, Fault> {
        Ok(self.store.page(category, page).await?)
    }

    /// A quote by its number.
    ///
    /// # Errors
    /// `QUOTE_NOT_FOUND`, or when the store is away.
    pub async fn find(&self, id: i64) -> Result<Quote, Fault> {
        self.store.find(id).await?.ok_or_else(|| Fault::new(&codes::QUOTE_NOT_FOUND))
    }

    /// Adds quotes whose words are not there yet.
    ///
    /// # Errors
    /// When the store is away; then none was added.
    pub async fn import(&self, quotes: Vec<NewQuote>) -> Result<Vec<Imported>, Fault> {
        Ok(self.store.import(quotes).await?)
    }

    /// How many threads there are.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn threads(&self) -> Result<i64, Fault> {
        Ok(self.store.threads().await?)
    }

    /// The room of a thread, among those that `actor` reaches.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND`, or when the store is away.
    pub async fn thread<A: Action>(
        &self,
        actor: &Actor,
        name: &ThreadName,
    ) -> Result<Authorized<Room, A>, Fault> {
        self.rooms.named(actor, RoomKind::Quote, name.public_id()).await
    }

    /// How a thread stands.
    ///
    /// # Errors
    /// `ROOM_NOT_FOUND` when it has no turn (any more), or when the store is away.
    pub async fn standing(&self, thread: &Authorized<Room, Read>) -> Result<Standing, Fault> {
        let standing = self.store.standing(thread.get().id).await?;
        standing.ok_or_else(|| Fault::new(&codes::ROOM_NOT_FOUND))
    }

    /// Sends a message to a thread, which the first one opens. From the fourth message on this waits
    /// for the reply and its quote; it answers that the reply is pending when the server stops first.
    ///
    /// # Errors
    /// `QUEUE_FULL`, `ROOM_ENDED`, `DRAINING`, or when the store is away.
    pub async fn send(
        &self,
        actor: &Actor,
        name: &ThreadName,
        content: CleanText,
        once: Option<OnceKey>,
    ) -> Result<Once<Replied>, Fault> {
        let request = SendRequest { content, once, ..SendRequest::default() };
        let (sending, replayed) = match self.messages.send_to_named(actor, room_of(name), request).await? {
            Once::Done(sending) => (sending, false),
            Once::Replayed(sending) => (sending, true),
            Once::KeyReused => return Ok(Once::KeyReused),
        };
        let sent = sending.sent.clone();
        // The message is stored: a store that is away now is no reason to say that it is not.
        let asked = self.store.asked(sent.turn.id).await.ok().flatten().unwrap_or_default();
        let replied = if !QuoteFlow::of(asked).gives_quote() {
            Replied::Pending(Box::new(sent))
        } else {
            match sending.settled().await {
                Ok((_, Settled::Ended { view, .. })) => Replied::Done(view),
                Ok((_, Settled::Withdrawn(_) | Settled::Gone)) => {
                    return Err(Fault::new(&codes::ROOM_NOT_FOUND));
                }
                // The message is stored, and its reply comes when the server is back.
                Err(_) => Replied::Pending(Box::new(sent)),
            }
        };
        Ok(if replayed { Once::Replayed(replied) } else { Once::Done(replied) })
    }
}

/// The room that a thread's first message opens.
fn room_of(name: &ThreadName) -> OpenRoom {
    OpenRoom {
        kind: RoomKind::Quote,
        public_id: Some(name.public_id()),
        name: CleanText::default(),
        system_prompt: CleanText::default(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
    }
}
