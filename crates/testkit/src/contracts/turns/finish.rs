//! How turns end.

use super::super::durable::{
    LONG, OVER, TestStore, at, complete, ending, events, kept, lease, ok, partial, room, room_now, send_to,
    sent, sound, take_up, there, turn_now,
};
use maru_domain::events::{RoomEvent, RoomEventKind};
use maru_domain::ids::TurnId;
use maru_domain::messages::MessageStatus;
use maru_domain::messages::ports::{Edit, EditTarget, NewSend};
use maru_domain::turns::ports::{Checkpoint, Ending, Written};
use maru_domain::turns::{TurnError, TurnStatus, Usage};

/// And with two events.
pub async fn a_turn_ends_with_its_text_and_its_cost(store: TestStore) {
    let room = room(&store).await.id;
    let stored = sent(&store, send_to(room, "hello")).await;
    let usage = Some(Usage { input_tokens: 12, output_tokens: i64::MAX });
    let end = Ending { usage, ..ending(&stored.turn, TurnStatus::Completed, "hi there") };
    let ended = there(store.turns.finish(end).await);
    let turn = &ended.turn;
    assert_eq!((turn.status, turn.usage, turn.finished_at), (TurnStatus::Completed, usage, Some(at(20))));
    assert_eq!((turn.fence, turn.attempt, &turn.error), (stored.turn.fence, 1, &None));
    assert!(!ended.queued);
    let view = turn_now(&store, turn.id).await;
    assert_eq!((&view.turn, view.reply.as_str()), (turn, "hi there"));
    let told = sound(&store, room).await;
    assert_eq!((told.room.version, told.room.last_seq), (ended.room_version, ended.last_seq));
    assert_eq!((told.room.updated_at, told.room.last_message_at), (at(20), Some(at(10))));
    let reply = &told.messages[1];
    assert_eq!((reply.content.as_str(), reply.status), ("hi there", MessageStatus::Completed));
    assert_eq!((reply.updated_at, reply.edited_at), (at(20), None));
    let event = |seq, kind, subject| RoomEvent { seq, kind, subject, at: at(20) };
    let updated = event(4, RoomEventKind::MessageUpdated, turn.reply_id.0);
    assert_eq!(events(&store, room).await[3..], [updated, event(5, RoomEventKind::TurnDone, turn.id.0)]);
}

/// By its first text or by its end, whichever is stored; what was asked for stays beside it.
pub async fn a_turn_tells_who_answered(store: TestStore) {
    let room = room(&store).await.id;
    for asked in [None, Some("small")] {
        let turn =
            sent(&store, NewSend { model: asked.map(str::to_owned), ..send_to(room, "hello") }).await.turn;
        assert_eq!((turn.model.as_deref(), turn.options.model.as_deref()), (asked, asked));
        let model = Some("provider/small".to_owned());
        let text = Checkpoint { model: model.clone(), ..partial(&turn, "so") };
        assert_eq!(ok(store.turns.checkpoint(text).await), Written::Kept);
        assert_eq!(turn_now(&store, turn.id).await.turn.model, model);
        // Ended over the runner's head.
        let cancelled = there(store.turns.force_cancel(turn.id, at(30)).await).turn;
        assert_eq!((cancelled.model, cancelled.options.model.as_deref()), (model.clone(), asked));
        let turn =
            sent(&store, NewSend { model: asked.map(str::to_owned), ..send_to(room, "hello") }).await.turn;
        let end = Ending { model: model.clone(), ..ending(&turn, TurnStatus::Completed, "at once") };
        let ended = there(store.turns.finish(end).await).turn;
        assert_eq!((ended.model, ended.options.model.as_deref()), (model, asked));
    }
}

/// The reply goes with its turn; the reason is kept.
pub async fn each_end_has_its_state(store: TestStore) {
    let room = room(&store).await.id;
    let error = Some(TurnError { code: "model_truncated".into(), detail: "it's \"cut\" off".into() });
    for (status, of_reply, error) in [
        (TurnStatus::Completed, MessageStatus::Completed, None),
        (TurnStatus::Failed, MessageStatus::Failed, error.clone()),
        (TurnStatus::Cancelled, MessageStatus::Cancelled, None),
        (TurnStatus::Interrupted, MessageStatus::Interrupted, error),
    ] {
        let turn = sent(&store, send_to(room, "hello")).await.turn;
        let end = Ending { error: error.clone(), ..ending(&turn, status, "so far") };
        let ended = there(store.turns.finish(end).await).turn;
        assert_eq!((ended.status, &ended.error), (status, &error));
        let told = sound(&store, room).await;
        let reply = told.messages.last().unwrap_or_else(|| panic!("no reply"));
        assert_eq!((reply.status, reply.content.as_str()), (of_reply, "so far"));
    }
}

/// Neither a second end nor a stranger's writes anything.
pub async fn a_turn_ends_once(store: TestStore) {
    let room = room(&store).await.id;
    let old = sent(&store, NewSend { lease: lease("one", OVER), ..send_to(room, "hello") }).await.turn;
    let turn = take_up(&store, room, "two", LONG).await.turn;
    kept(&store, &turn, "hi").await;
    let before = sound(&store, room).await;
    let future = Ending { fence: turn.fence + 1, ..ending(&turn, TurnStatus::Completed, "late") };
    let unknown = Ending { turn: TurnId(turn.message_id.0), ..ending(&turn, TurnStatus::Completed, "late") };
    for late in [ending(&old, TurnStatus::Failed, "late"), future, unknown] {
        assert_eq!(ok(store.turns.finish(late).await), None);
        assert_eq!(sound(&store, room).await, before);
    }
    complete(&store, &turn, "hi there").await;
    let ended = sound(&store, room).await;
    for status in [TurnStatus::Completed, TurnStatus::Failed, TurnStatus::Cancelled, TurnStatus::Interrupted]
    {
        assert_eq!(ok(store.turns.finish(ending(&turn, status, "late")).await), None);
    }
    assert_eq!(ok(store.turns.claim(lease("three", LONG), None, 9).await), []);
    assert_eq!(sound(&store, room).await, ended);
}

/// From the send to the end: so whoever knows both knows whether somebody else has written.
pub async fn the_version_counts_every_write(store: TestStore) {
    let room = room(&store).await.id;
    for (checkpoints, edits, sends) in [(0, 0, 0), (3, 0, 0), (1, 2, 0), (0, 0, 2), (2, 1, 1)] {
        let stored = sent(&store, send_to(room, "hello")).await;
        let mut waiting = Vec::new();
        for _ in 0..checkpoints {
            kept(&store, &stored.turn, "h").await;
        }
        for _ in 0..edits {
            let edit = Edit {
                room_id: room,
                target: EditTarget::Turn(stored.turn.id),
                content: "hullo".into(),
                now: at(12),
            };
            there(store.messages.edit(edit).await);
        }
        for _ in 0..sends {
            waiting.push(sent(&store, send_to(room, "more")).await);
        }
        // What is refused is not counted.
        let late = ending(&stored.turn, TurnStatus::Failed, "late");
        assert_eq!(ok(store.turns.finish(Ending { fence: 99, ..late }).await), None);
        let mut stranger = partial(&stored.turn, "late");
        stranger.fence = 99;
        assert_eq!(ok(store.turns.checkpoint(stranger).await), Written::Fenced);
        let ended = complete(&store, &stored.turn, "hi").await;
        assert_eq!(ended.room_version - stored.room.version, checkpoints + edits + sends + 1);
        assert_eq!(ended.last_seq - stored.room.last_seq, edits + 3 * sends + 2);
        assert_eq!(ended.queued, sends > 0);
        for _ in waiting {
            let next = take_up(&store, room, "two", LONG).await.turn;
            complete(&store, &next, "").await;
        }
        assert_eq!(room_now(&store, room).await, sound(&store, room).await.room);
    }
}
