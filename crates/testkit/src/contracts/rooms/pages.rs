//! Lists of rooms, by the newest activity, and opening one twice under a key.

use super::super::durable::{
    TestStore, at, conflict, done, new_room, ok, once, opened, other_body, replayed, room_now, send_to, sent,
    user,
};
use maru_domain::ids::{RoomId, UserId};
use maru_domain::messages::ports::NewSend;
use maru_domain::once::Once;
use maru_domain::page::{Order, Page, PageRequest, Part};
use maru_domain::rooms::ports::{NewRoom, RoomKey, Shelf};
use maru_domain::rooms::{Room, RoomKind};
use maru_domain::services::StorePorts;
use tokio::task::JoinSet;

/// However often it arrives; nobody else's key, and no other body.
pub async fn opening_twice_under_a_key_opens_one_room(store: TestStore) {
    let ann = user(&store, "ann").await;
    let new = || NewRoom { owner: Some(ann.id), name: "one".into(), ..new_room() };
    let key = once("open");
    let first = done(store.rooms.create(new(), Some(key.clone())).await);
    let again = replayed(store.rooms.create(new(), Some(key.clone())).await);
    assert_eq!(again, first);
    let reused = ok(store.rooms.create(new(), Some(other_body(&key))).await);
    assert_eq!(reused, Once::KeyReused);
    assert_eq!(ok(store.rooms.owned(ann.id).await), std::slice::from_ref(&first));
    // A late retry does not bring it back.
    ok(store.rooms.delete(first.id).await);
    assert_eq!(ok(store.rooms.create(new(), Some(key)).await), Once::KeyReused);
    assert_eq!(ok(store.rooms.owned(ann.id).await), []);
}

/// The others wait for the first and get its room.
pub async fn opening_at_once_under_a_key_opens_one_room(store: TestStore) {
    let ann = user(&store, "ann").await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let rooms = store.rooms.clone();
        let new = NewRoom { owner: Some(ann.id), ..new_room() };
        calls.spawn(async move { ok(rooms.create(new, Some(once("open"))).await) });
    }
    let outcomes = calls.join_all().await;
    let first = outcomes.iter().filter(|outcome| matches!(outcome, Once::Done(_))).count();
    assert_eq!(first, 1);
    let owned = ok(store.rooms.owned(ann.id).await);
    assert_eq!(owned.len(), 1);
    for outcome in outcomes {
        match outcome {
            Once::Done(room) | Once::Replayed(room) => assert_eq!(room, owned[0]),
            Once::KeyReused => panic!("the key was not used for anything else"),
        }
    }
}

/// A room that cannot be opened uses no key up.
pub async fn a_room_that_is_refused_keeps_no_key(store: TestStore) {
    let taken = NewRoom { public_id: Some("line 1".into()), ..new_room() };
    let first = opened(&store, taken.clone()).await;
    let same = NewRoom { public_id: taken.public_id, ..new_room() };
    conflict(store.rooms.create(same.clone(), Some(once("open"))).await);
    ok(store.rooms.delete(first.id).await);
    let room = done(store.rooms.create(same, Some(once("open"))).await);
    assert_ne!(room.id, first.id);
}

async fn page(
    store: &StorePorts,
    owner: UserId,
    limit: usize,
    order: Order,
    part: Part<RoomKey>,
) -> Page<Room> {
    ok(store.rooms.page(owner, PageRequest { limit, order, part }).await)
}

/// Every page from one end to the other, by the edge of the one before.
async fn walk(store: &StorePorts, owner: UserId, order: Order, backwards: bool, limit: usize) -> Vec<RoomId> {
    let whole = page(store, owner, 200, order, Part::Start).await.items;
    let mut seen = Vec::new();
    let mut part = match (backwards, whole.last()) {
        (true, Some(last)) => Part::Before(RoomKey::of(last)),
        _ => Part::Start,
    };
    loop {
        let request = PageRequest { limit, order, part };
        let page = ok(store.rooms.page(owner, request).await);
        let ids: Vec<_> = page.items.iter().map(|room| room.id).collect();
        if backwards {
            seen.splice(0..0, ids);
        } else {
            seen.extend(ids);
        }
        match page.edge(&request) {
            Some(edge) if backwards => part = Part::Before(RoomKey::of(edge)),
            Some(edge) => part = Part::After(RoomKey::of(edge)),
            None => break,
        }
    }
    if backwards {
        seen.extend(whole.last().map(|last| last.id));
    }
    seen
}

/// The last message counts, or the opening where nothing was said; ties go by number. Each room is
/// seen once, whatever the size of the page and the direction.
pub async fn rooms_are_paged_by_activity_both_ways(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut rooms = Vec::new();
    for made in [5, 3, 3, 9, 1, 3, 7] {
        let new = NewRoom { owner: Some(ann.id), created_at: at(made), ..new_room() };
        rooms.push(opened(&store, new).await);
        opened(&store, NewRoom { owner: Some(bob.id), ..new_room() }).await;
    }
    sent(&store, NewSend { now: at(8), ..send_to(rooms[1].id, "hello") }).await;
    let expected: Vec<_> = [3, 1, 6, 0, 5, 2, 4].map(|at| rooms[at].id).into();
    let mut rising = expected.clone();
    rising.reverse();
    for limit in [1, 2, 3, 6, 7, 8] {
        for backwards in [false, true] {
            assert_eq!(walk(&store, ann.id, Order::Descending, backwards, limit).await, expected, "{limit}");
            assert_eq!(walk(&store, ann.id, Order::Ascending, backwards, limit).await, rising, "{limit}");
        }
    }
    assert!(!page(&store, ann.id, 7, Order::Descending, Part::Start).await.has_more);
    assert!(page(&store, ann.id, 6, Order::Descending, Part::Start).await.has_more);
    assert_eq!(
        page(&store, UserId(super::super::durable::id()), 5, Order::Descending, Part::Start).await.items,
        []
    );
}

/// A cursor is a place and no room: it holds although the room has moved on or is gone.
pub async fn a_cursor_outlives_its_room(store: TestStore) {
    let ann = user(&store, "ann").await;
    let mut rooms = Vec::new();
    for made in 1..=6 {
        rooms.push(opened(&store, NewRoom { owner: Some(ann.id), created_at: at(made), ..new_room() }).await);
    }
    let cursor = Part::After(RoomKey::of(&rooms[3]));
    let after = page(&store, ann.id, 10, Order::Descending, cursor).await;
    assert_eq!(after.items, [rooms[2].clone(), rooms[1].clone(), rooms[0].clone()]);
    sent(&store, NewSend { now: at(100), ..send_to(rooms[3].id, "up") }).await;
    ok(store.rooms.delete(rooms[1].id).await);
    let after = page(&store, ann.id, 10, Order::Descending, cursor).await;
    assert_eq!(after.items, [rooms[2].clone(), rooms[0].clone()]);
    let newest = page(&store, ann.id, 1, Order::Descending, Part::Start).await;
    assert_eq!(newest.items, [room_now(&store, rooms[3].id).await]);
}

/// An owner's rooms of every kind, nobody's of one, or all; a hidden one stands on no shelf.
pub async fn rooms_on_a_shelf_are_paged_by_number(store: TestStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let (mut anns, mut nobodys, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for kind in [RoomKind::Web, RoomKind::Native, RoomKind::Web, RoomKind::Plc] {
        let new = |owner| NewRoom { owner, kind, ..new_room() };
        anns.insert(0, opened(&store, new(Some(ann.id))).await);
        let bobs = opened(&store, new(Some(bob.id))).await;
        let room = opened(&store, new(None)).await;
        all.splice(0..0, [room.clone(), bobs, anns[0].clone()]);
        if kind == RoomKind::Web {
            nobodys.insert(0, room);
        }
    }
    let hidden = opened(&store, NewRoom { owner: None, kind: RoomKind::Web, ..new_room() }).await;
    ok(store.rooms.hide(hidden.id, at(50)).await);
    let shelves =
        [(Shelf::Owned(ann.id), anns), (Shelf::Ownerless(RoomKind::Web), nobodys), (Shelf::All, all)];
    for (shelf, rooms) in shelves {
        let page = async |limit, order, part| {
            let page = ok(store.rooms.numbered(shelf, PageRequest { limit, order, part }).await);
            (page.items, page.has_more)
        };
        let rising: Vec<_> = rooms.iter().rev().cloned().collect();
        assert_eq!(page(20, Order::Descending, Part::Start).await, (rooms.clone(), false), "{shelf:?}");
        assert_eq!(page(20, Order::Ascending, Part::Start).await, (rising, false), "{shelf:?}");
        assert_eq!(page(1, Order::Descending, Part::Start).await, (rooms[..1].to_vec(), true));
        let after = Part::After(rooms[0].number);
        assert_eq!(page(20, Order::Descending, after).await, (rooms[1..].to_vec(), false), "{shelf:?}");
        let last = rooms.len() - 1;
        let before = Part::Before(rooms[last].number);
        assert_eq!(page(20, Order::Descending, before).await, (rooms[..last].to_vec(), false), "{shelf:?}");
    }
}
