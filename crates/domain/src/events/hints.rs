//! Readers of rooms, each woken by the room that it reads: what happens in another costs it nothing.

use crate::ids::RoomId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The rooms that somebody of this process reads.
#[derive(Debug, Default)]
pub struct RoomHints {
    rooms: Mutex<HashMap<RoomId, Readers>>,
}

#[derive(Debug)]
struct Readers {
    hints: watch::Sender<()>,
    /// The room's last event when it was last looked at; `Some(None)` when it was gone.
    seen: Option<Option<i64>>,
}

impl Readers {
    fn new() -> Self {
        Self { hints: watch::Sender::new(()), seen: None }
    }
}

impl RoomHints {
    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Readers>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hints of a room from now on. Several at once are one.
    pub fn listen(&self, room: RoomId) -> watch::Receiver<()> {
        self.lock().entry(room).or_insert_with(Readers::new).hints.subscribe()
    }

    /// Wakes the readers of a room.
    pub fn tell(&self, room: RoomId) {
        if let Some(readers) = self.lock().get(&room) {
            readers.hints.send_replace(());
        }
    }

    /// Wakes the readers of all rooms.
    pub fn tell_all(&self) {
        for readers in self.lock().values() {
            readers.hints.send_replace(());
        }
    }

    /// The rooms that somebody reads.
    pub fn read_ones(&self) -> Vec<RoomId> {
        self.lock().keys().copied().collect()
    }

    /// Wakes the readers of those of the rooms that have changed since they were looked at last. `heads` are the last
    /// events of those that are still there.
    pub fn compare(&self, rooms: &[RoomId], heads: &HashMap<RoomId, i64>) {
        let mut known = self.lock();
        for room in rooms {
            let Some(readers) = known.get_mut(room) else { continue };
            let now = heads.get(room).copied();
            // Whoever came since has looked himself, and the first look cannot tell what he saw.
            if readers.seen.replace(now) != Some(now) {
                readers.hints.send_replace(());
            }
        }
    }

    /// Forgets the rooms that nobody reads any more.
    pub fn sweep(&self) {
        self.lock().retain(|_, readers| readers.hints.receiver_count() > 0);
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
    fn a_room_that_has_changed_unheard_wakes_its_readers() {
        let (one, other) = (RoomId(Uuid::from_u128(1)), RoomId(Uuid::from_u128(2)));
        let hints = RoomHints::default();
        let (mut first, mut second) = (hints.listen(one), hints.listen(other));
        let told = |reader: &mut watch::Receiver<()>| {
            let told = reader.has_changed().unwrap();
            reader.mark_unchanged();
            told
        };
        let steps = [
            (HashMap::from([(one, 3), (other, 1)]), (true, true)),
            (HashMap::from([(one, 3), (other, 1)]), (false, false)),
            (HashMap::from([(one, 4), (other, 1)]), (true, false)),
            (HashMap::from([(one, 4)]), (false, true)),
            (HashMap::from([(one, 4)]), (false, false)),
        ];
        for (heads, expected) in steps {
            hints.compare(&hints.read_ones(), &heads);
            assert_eq!((told(&mut first), told(&mut second)), expected, "{heads:?}");
        }
        hints.tell_all();
        assert!(told(&mut first) && told(&mut second));
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
