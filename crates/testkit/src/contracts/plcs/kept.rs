//! What a message keeps of its PLC.

use super::super::durable::{
    LONG, TestStore, at, complete, id, lease, ok, once, room, send_to, sent, sent_again, sound, there,
};
use super::registered;
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::messages::ports::{AddOutcome, NewSend, Regenerate, SendOutcome};
use maru_domain::messages::{Message, Role};
use maru_domain::once::Once;
use maru_domain::plcs::ports::PlcChange;
use maru_domain::plcs::{Hidden, PlcSnapshot, PlcUuid};
use maru_domain::services::StorePorts;

fn about(room: RoomId, plc: &str) -> NewSend {
    NewSend { plc: Some(PlcUuid(plc.into())), ..send_to(room, "which one?") }
}

/// What is stored, whether or not it may be shown.
fn kept(message: &Message) -> (Option<&str>, Option<&PlcSnapshot>) {
    static ALL: std::sync::OnceLock<Hidden> = std::sync::OnceLock::new();
    let plc = message.plc.as_ref();
    let hidden = ALL.get_or_init(Hidden::none);
    (plc.map(|plc| plc.uuid.0.as_str()), plc.and_then(|plc| plc.shown(hidden)))
}

async fn snapshot_now(store: &StorePorts, plc: &str) -> PlcSnapshot {
    there(store.plcs.find(PlcUuid(plc.into())).await).snapshot()
}

/// Whatever becomes of it in the registry. The reply names it and keeps nothing.
pub async fn a_message_keeps_its_plc_as_it_was(store: TestStore) {
    registered(&store, &[("plc-uuid-001", "M1CFB01000")]).await;
    let room = room(&store).await;
    let then = snapshot_now(&store, "plc-uuid-001").await;
    assert_eq!((then.plant_code.as_str(), then.line_name.as_str()), ("p1-code", "l1 라인"));
    let keyed = || NewSend { once: Some(once("k")), ..about(room.id, "plc-uuid-001") };
    let first = sent(&store, keyed()).await;
    assert_eq!(kept(&first.message), (Some("plc-uuid-001"), Some(&then)));
    complete(&store, &first.turn, "this one").await;
    let change = PlcChange {
        uuid: PlcUuid("plc-uuid-001".into()),
        plc_id: Some("other".into()),
        name: Some("other".into()),
        unit: Some("9".into()),
        plant_id: Some("p2".into()),
        process_id: Some("s3".into()),
        line_id: Some("l3".into()),
    };
    assert_eq!(ok(store.plcs.change(vec![change], at(30)).await), [Ok(())]);
    let now = snapshot_now(&store, "plc-uuid-001").await;
    let second = sent(&store, about(room.id, "plc-uuid-001")).await;
    assert_eq!(kept(&second.message), (Some("plc-uuid-001"), Some(&now)));
    ok(store.plcs.delete(vec![PlcUuid("plc-uuid-001".into())], "bob".into(), at(31)).await);
    let told = sound(&store, room.id).await.messages;
    let all: Vec<_> = told.iter().map(kept).collect();
    let uuid = Some("plc-uuid-001");
    assert_eq!(all, [(uuid, Some(&then)), (uuid, None), (uuid, Some(&now)), (uuid, None)]);
    assert_eq!(there(store.messages.find(room.id, first.message.id).await), told[0]);
    assert_eq!(sent_again(&store, keyed()).await.message, told[0], "a retry gets what was kept then");
}

/// Neither message nor key, and no room that it would have opened.
pub async fn a_message_about_no_plc_that_is_there_leaves_no_trace(store: TestStore) {
    registered(&store, &[("u1", "A")]).await;
    ok(store.plcs.delete(vec![PlcUuid("u1".into())], "bob".into(), at(3)).await);
    let room = room(&store).await;
    for plc in ["u1", "nobody", ""] {
        let send = NewSend { once: Some(once("k")), ..about(room.id, plc) };
        assert_eq!(ok(store.messages.send(send.clone()).await), SendOutcome::PlcMissing);
        assert_eq!(ok(store.messages.add(send).await), AddOutcome::PlcMissing);
        assert_eq!(ok(store.once.kept(once("k"), at(10)).await), Once::Done(None));
    }
    let told = sound(&store, room.id).await;
    assert_eq!((told.messages, told.room), (vec![], room));
}

/// The message keeps what it had.
pub async fn a_new_reply_names_the_plc_of_its_message(store: TestStore) {
    registered(&store, &[("u1", "A")]).await;
    let room = room(&store).await;
    let then = snapshot_now(&store, "u1").await;
    let first = sent(&store, about(room.id, "u1")).await;
    complete(&store, &first.turn, "so").await;
    ok(store.plcs.delete(vec![PlcUuid("u1".into())], "bob".into(), at(3)).await);
    let again = Regenerate {
        room_id: room.id,
        message_id: first.message.id,
        instead_of: None,
        content: Some("again?".into()),
        turn_id: TurnId(id()),
        reply_id: MessageId(id()),
        model: None,
        lease: lease("one", LONG),
        once: None,
        now: at(50),
    };
    let outcome = ok(store.messages.regenerate(again).await);
    assert!(matches!(outcome, SendOutcome::Stored(Once::Done(_))), "{outcome:?}");
    let told = sound(&store, room.id).await.messages;
    let all: Vec<_> = told.iter().map(|message| (message.role, kept(message))).collect();
    assert_eq!(all, [(Role::User, (Some("u1"), Some(&then))), (Role::Assistant, (Some("u1"), None))]);
}

/// As with one.
pub async fn a_message_without_a_reply_keeps_its_plc(store: TestStore) {
    registered(&store, &[("u1", "A")]).await;
    let room = room(&store).await;
    let then = snapshot_now(&store, "u1").await;
    ok(store.messages.add(about(room.id, "u1")).await);
    ok(store.messages.add(send_to(room.id, "about nothing")).await);
    let told = sound(&store, room.id).await.messages;
    let all: Vec<_> = told.iter().map(kept).collect();
    assert_eq!(all, [(Some("u1"), Some(&then)), (None, None)]);
}
