//! Who asks, and what they may do. One function decides: [`authorize`].

use crate::accounts::User;
use crate::ids::{KeyId, SessionId, UserId};
use crate::rooms::Room;
use std::marker::PhantomData;
use std::sync::Arc;

/// A caller who has shown a good credential.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who.
    pub user: Arc<User>,
    /// By what.
    pub via: Via,
    /// When the credential stops working, if ever.
    pub expires_at: Option<crate::clock::Timestamp>,
}

/// The credential that a caller has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The token of a session.
    Session(SessionId),
    /// An API key.
    Key(KeyId),
}

/// The one who asks.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Somebody with an account.
    User(Identity),
    /// Somebody without, through one of the open contracts.
    Anonymous,
    /// Whoever runs the server, at its command line. They hold the database already, so no room is
    /// closed to them. No credential makes one: nothing that comes over the network may.
    Operator,
}

impl Actor {
    /// Who owns what this actor makes.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        match self {
            Self::User(identity) => Some(identity.user.id),
            Self::Anonymous | Self::Operator => None,
        }
    }
}

/// Looking at a thing.
#[derive(Debug)]
pub struct Read;
/// Changing a thing.
#[derive(Debug)]
pub struct Write;

/// Something that can be done to an object.
pub trait Action {}
impl Action for Read {}
impl Action for Write {}

/// A room that its holder was allowed to do `A` to. Use cases take this and not a bare room, so
/// that no path can forget to ask.
#[derive(Debug)]
pub struct Authorized<T, A> {
    object: T,
    action: PhantomData<A>,
}

impl<T, A> Authorized<T, A> {
    /// The object.
    pub fn get(&self) -> &T {
        &self.object
    }

    /// An object of a list that the store has already limited to its owner.
    pub(crate) fn of_owner(object: T) -> Self {
        Self { object, action: PhantomData }
    }

    /// The object, owned.
    pub fn into_inner(self) -> T {
        self.object
    }
}

/// Decides whether `actor` may do `A` to `room`. `None` must look like a missing room (contract §0.4).
///
/// An owned room belongs to its owner alone; an ownerless one to anybody who reaches it through an
/// open contract. To an operator every room is open.
#[must_use]
pub fn authorize<A: Action>(actor: &Actor, room: Room) -> Option<Authorized<Room, A>> {
    let may = match actor {
        Actor::User(_) | Actor::Anonymous => room.owner == actor.owner(),
        Actor::Operator => true,
    };
    may.then_some(Authorized { object: room, action: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::RoomId;
    use crate::rooms::{RoomKind, TurnPolicy};
    use uuid::Uuid;

    fn user(id: u128) -> Actor {
        let user = User {
            id: UserId(Uuid::from_u128(id)),
            number: 1,
            username: String::new(),
            email: String::new(),
            active: true,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let via = Via::Session(SessionId(Uuid::from_u128(id)));
        Actor::User(Identity { user: Arc::new(user), via, expires_at: None })
    }

    fn room(owner: Option<u128>) -> Room {
        Room {
            id: RoomId(Uuid::from_u128(9)),
            number: 9,
            kind: RoomKind::Native,
            owner: owner.map(|id| UserId(Uuid::from_u128(id))),
            public_id: None,
            name: String::new(),
            system_prompt: String::new(),
            model: None,
            turn_policy: TurnPolicy::Queue,
            metadata: serde_json::Map::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            last_message_at: None,
            ended_at: None,
            version: 0,
            last_seq: 0,
            message_count: 0,
        }
    }

    #[test]
    fn an_owned_room_is_its_owners_and_the_operators_alone() {
        let cases = [
            (user(1), Some(1), true),
            (user(1), Some(2), false),
            (user(1), None, false),
            (Actor::Anonymous, Some(1), false),
            (Actor::Anonymous, None, true),
            (Actor::Operator, Some(1), true),
            (Actor::Operator, None, true),
        ];
        for (actor, owner, may) in cases {
            assert_eq!(authorize::<Read>(&actor, room(owner)).is_some(), may, "{actor:?} {owner:?}");
            assert_eq!(authorize::<Write>(&actor, room(owner)).is_some(), may, "{actor:?} {owner:?}");
        }
    }
}
