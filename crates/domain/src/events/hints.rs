//! Readers of rooms, each woken by the room that it reads: what happens in another costs it nothing.

use crate::ids::RoomId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The rooms that somebody of this process reads.
#[derive(Debug, Default)]
pub struct RoomHints {
    rooms: Mutex<HashMap<RoomId, watch::Sender<()>>>,
}

impl RoomHints {
    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, watch::Sender<()>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hints of a room from now on. Several at once are one.
    pub fn listen(&self, room: RoomId) -> watch::Receiver<()> {
        self.lock().entry(room).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// Wakes the readers of a room.
    pub fn tell(&self, room: RoomId) {
        if let Some(readers) = self.lock().get(&room) {
            readers.send_replace(());
        }
    }

    /// Wakes the readers of all rooms.
    pub fn tell_all(&self) {
        for readers in self.lock().values() {
            readers.send_replace(());
        }
    }

    /// Forgets the rooms that nobody reads any more.
    pub fn sweep(&self) {
        self.lock().retain(|_, readers| readers.receiver_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn readers_are_woken_by_their_room_alone() {
        let (one, other) = (RoomId(Uuid::from_u128(1)), RoomId(Uuid::from_u128(2)));
        let hints = RoomHints::default();
        let (first, second, foreign) = (hints.listen(one), hints.listen(one), hints.listen(other));
        hints.tell(one);
        assert!(first.has_changed().unwrap() && second.has_changed().unwrap());
        assert!(!foreign.has_changed().unwrap());
        assert!(!hints.listen(one).has_changed().unwrap(), "what was before is not told");
    }

    #[test]
    fn a_room_without_readers_is_forgotten() {
        let hints = RoomHints::default();
        let kept = hints.listen(RoomId(Uuid::from_u128(1)));
        drop(hints.listen(RoomId(Uuid::from_u128(2))));
        hints.tell(RoomId(Uuid::from_u128(2)));
        hints.sweep();
        assert_eq!(hints.lock().len(), 1);
        assert!(kept.has_changed().is_ok());
    }
}
