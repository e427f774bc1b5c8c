//! The use cases of upkeep.

use super::ports::{NewSaid, UpkeepStore};
use super::{Broken, ForeignRoom, Gone, Taken};
use crate::access::{Authorized, Write};
use crate::accounts::{Accounts, User};
use crate::clock::{Clock, Timestamp};
use crate::error::{Fault, Kind, StoreError, is_reference};
use crate::ids::{Ids, MessageId, RoomId, UserId};
use crate::rooms::ports::NewRoom;
use crate::rooms::{Room, RoomKind, Rooms, TurnPolicy};
use crate::turns::Turns;
use std::sync::Arc;

/// Rooms read at a time.
const PAGE: i64 = 500;

/// The use cases of upkeep.
#[derive(Clone)]
pub struct Upkeep {
    pub(crate) store: Arc<dyn UpkeepStore>,
    pub(crate) accounts: Accounts,
    pub(crate) rooms: Rooms,
    pub(crate) turns: Turns,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

impl Upkeep {
    /// Deletes an account with everything that is theirs, while a server runs. First nobody can use it any
    /// more, then its turns end and its rooms go one by one, each with a hint to those who read it; the
    /// account goes last, so that a deletion that is cut off can be begun again. `told` hears of each room.
    ///
    /// # Errors
    /// `USER_NOT_FOUND`, or when the store is away.
    pub async fn delete_user(&self, user: &User, told: &(dyn Fn() + Sync)) -> Result<Gone, Fault> {
        self.accounts.set_active(user.id, false).await?;
        let mut gone = Gone::default();
        // Somebody who was recognised a moment ago may open another room meanwhile.
        loop {
            let rooms = self.rooms.owned(user.id).await?;
            if rooms.is_empty() {
                break;
            }
            for room in rooms {
                let room: Authorized<Room, Write> = Authorized::of_owner(room.into_inner());
                gone.messages += room.get().message_count;
                gone.stopped += self.turns.cancel_all(&room).await?.len();
                // It may have gone by itself.
                match self.rooms.delete(room).await {
                    Err(fault) if fault.kind() != Kind::NotFound => return Err(fault),
                    _ => gone.rooms += 1,
                }
                told();
            }
        }
        // What comes between goes with the account: whoever runs a turn of it finds that it is gone.
        self.accounts.delete(user.id).await?;
        Ok(gone)
    }

    /// Rooms in which nothing has happened since `before`, oldest first.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn idle(&self, before: Timestamp) -> Result<Vec<Room>, Fault> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let page = self.store.idle(before, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = last.number;
            all.extend(page);
        }
    }

    /// Deletes a room that was found idle; false when somebody has used it since, or it is gone.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn delete_idle(&self, room: &Room, before: Timestamp) -> Result<bool, Fault> {
        let gone = self.store.delete_idle(room.id, before).await?;
        if gone {
            self.rooms.engine.tell_room(room.id).await;
        }
        Ok(gone)
    }

    /// Makes a conversation from elsewhere a room of `owner`, with all that was said in it. One that was
    /// taken over before stays as it is.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn take_over(&self, owner: UserId, foreign: ForeignRoom) -> Result<Taken, Fault> {
        let now = self.clock.now();
        let opened = foreign.created_at.or_else(|| foreign.said.iter().find_map(|said| said.created_at));
        let created_at = opened.unwrap_or(now);
        let mut at = created_at;
        let said = foreign.said.into_iter().map(|said| {
            at = said.created_at.unwrap_or(at);
            NewSaid {
                id: MessageId(self.ids.next()),
                role: said.role,
                content: said.content.into_string(),
                status: said.status,
                metadata: said.metadata,
                created_at: at,
            }
        });
        let said: Vec<NewSaid> = said.filter(|said| said.status.is_terminal()).collect();
        let room = NewRoom {
            id: RoomId(self.ids.next()),
            kind: RoomKind::Native,
            owner: Some(owner),
            public_id: Some(foreign.public_id),
            name: foreign.name.into_string(),
            system_prompt: foreign.system_prompt.into_string(),
            model: None,
            turn_policy: TurnPolicy::Queue,
            metadata: foreign.metadata,
            created_at,
        };
        match self.store.take_over(room, foreign.ended_at, said, now).await {
            Ok(room) => Ok(Taken::Added(room.number)),
            Err(StoreError::Conflict(rule)) if !is_reference(&rule) => Ok(Taken::Known),
            Err(error) => Err(error.into()),
        }
    }

    /// Where the store breaks a rule of ours.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn broken(&self) -> Result<Vec<Broken>, Fault> {
        Ok(self.store.broken().await?)
    }
}
