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
}

impl Actor {
    /// Who owns what this actor makes.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        match self {
            Self::User(identity) => Some(identity.user.id),
            Self::Anonymous => None,
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
/// open contract.
#[must_use]
pub fn authorize<A: Action>(actor: &Actor, room: Room) -> Option<Authorized<Room, A>> {
    (room.owner == actor.owner()).then_some(Authorized { object: room, action: PhantomData })
}
