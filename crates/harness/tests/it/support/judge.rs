//! The end of a test with writers: what was acknowledged is there, once, in order, and every turn has an end.

use maru_domain::ids::RoomRef;
use maru_domain::messages::{Message, Role};
use maru_harness::history::writers::{Attempt, Problem, Writers};
use maru_harness::history::{History, Kind, Op, Seen, Status, check, summary};
use maru_store::{Durability, Location, Store};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long after the last fault every message must have its answer and every turn its end (R6).
const SETTLED: Duration = Duration::from_secs(60);

/// Lets the writers finish, reads everything over HTTP and from the database at `url`, and checks the
/// history. Answers how many messages were acknowledged.
pub async fn judge(what: &str, history: &History, writers: Writers, url: &str) -> Result<usize, Problem> {
    let (members, acknowledged) = writers.finish(SETTLED).await?;
    let settled = Instant::now() + SETTLED;
    // A turn that never ends would hold up the room's next message for ever.
    for member in &members {
        let probe = tokio::time::timeout(
            SETTLED,
            member.send(history, "probe", &format!("probe-{}", member.room), "are you there?"),
        )
        .await;
        assert_eq!(probe.ok(), Some(Attempt::Acknowledged), "{} takes no more messages", member.room);
    }
    let store = Store::open(&Location::parse(url)?, Durability::Full, 1).await?;
    for member in &members {
        let chats = member.read(history, "last", true).await?;
        assert_eq!(chats.len(), 1, "{}: the writers of one user share one session", member.room);
        for chat in &chats {
            read_store(history, &store, &member.room, chat.chat_id, settled).await?;
        }
    }
    let anomalies = check(&history.ops());
    println!("{what}: {acknowledged} acknowledged, {}", summary(&anomalies));
    if !anomalies.is_empty() {
        let file = std::env::temp_dir().join(format!("maru-{what}-{}.jsonl", std::process::id()));
        history.save(&file)?;
        return Err(format!("{}\nthe history is in {}", summary(&anomalies), file.display()).into());
    }
    Ok(acknowledged)
}

/// Reads the room once more from the database, which knows numbers and states: as soon as every reply
/// is terminal, or at `settled`.
async fn read_store(
    history: &History,
    store: &Store,
    room: &str,
    chat_id: i64,
    settled: Instant,
) -> Result<(), Problem> {
    loop {
        let t0 = history.now();
        let seen = stored_turns(store, chat_id).await?;
        if seen.iter().any(|turn| turn.done != Some(true)) && Instant::now() < settled {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        history.record(Op {
            t0,
            t1: history.now(),
            client: "store".into(),
            room: room.to_owned(),
            op: Kind::Read,
            status: Status::Ok,
            seen,
            transport: "store".into(),
            quiet: true,
            ..Op::default()
        });
        return Ok(());
    }
}

/// What the database holds of a room, turn by turn.
async fn stored_turns(store: &Store, chat_id: i64) -> Result<Vec<Seen>, Problem> {
    let room = store.ports.rooms.find(RoomRef::Number(chat_id)).await?.ok_or("the room is gone")?;
    let conversation = store.ports.rooms.conversation(room.id).await?.ok_or("the room is gone")?;
    let (asked, replies): (Vec<_>, Vec<_>) =
        conversation.messages.iter().partition(|message| message.role == Role::User);
    let replies: HashMap<_, _> = replies.into_iter().map(|reply| (reply.turn_id, reply)).collect();
    let turn = |message: &&Message| {
        let reply = replies.get(&message.turn_id);
        Seen {
            body: message.content.clone(),
            id: Some(message.number.to_string()),
            seq: u64::try_from(message.seq).ok(),
            reply: reply.map(|reply| reply.content.clone()),
            done: Some(reply.is_some_and(|reply| reply.status.is_terminal())),
        }
    };
    Ok(asked.iter().map(turn).collect())
}
