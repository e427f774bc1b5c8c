//! Writers of the token API that keep a history: every message under an `Idempotency-Key` of its own, sent again under that key until
//! somebody says what became of it.
//!
//! The mapping: a room of the history is a user of the API (whose messages all go into one current session), a message is a turn
//! `{message_id, You, Bot, timestamp}`.

#![expect(
    clippy::disallowed_methods,
    reason = "test support: a writer is a task its test waits for, and a key only has to be new"
)]

use super::{History, Kind, Op, Seen, Status};
use crate::server::Address;
use crate::token_chats::{Asked, Chat, TokenChats};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What went wrong, in words.
pub type Problem = Box<dyn Error + Send + Sync>;

/// The transport's name in the history.
pub const TRANSPORT: &str = "token_chats";
/// How long a writer waits before it asks again.
const RETRY: Duration = Duration::from_millis(25);
/// How long the reader waits between two reads.
const READ_PAUSE: Duration = Duration::from_millis(100);

/// A room of the history and the client of the user it belongs to.
#[derive(Clone, Debug)]
pub struct Member {
    /// The room's name in the history.
    pub room: String,
    /// The user's client.
    pub client: TokenChats,
}

impl Member {
    /// Reads the whole room and adds the read to the history. `quiet` says that nothing was running any more.
    ///
    /// # Errors
    /// When the answer is not the list of chats.
    pub async fn read(&self, history: &History, reader: &str, quiet: bool) -> Result<Vec<Chat>, Problem> {
        let t0 = history.now();
        let chats = self.client.list(None).await?.value()?;
        let turns = chats.iter().flat_map(|chat| &chat.conversation);
        let seen = turns.map(|turn| Seen {
            body: turn.you.clone(),
            id: Some(turn.message_id.clone()),
            // While a turn runs its reply may be shown so far: only the quiet read knows that it is whole.
            reply: quiet.then(|| turn.bot.clone()),
            ..Seen::default()
        });
        history.record(Op {
            t0,
            t1: history.now(),
            client: reader.to_owned(),
            room: self.room.clone(),
            op: Kind::Read,
            status: Status::Ok,
            seen: seen.collect(),
            transport: TRANSPORT.to_owned(),
            quiet,
            ..Op::default()
        });
        Ok(chats)
    }

    /// Sends one message once and adds the attempt to the history.
    pub async fn send(&self, history: &History, writer: &str, key: &str, body: &str) -> Attempt {
        let t0 = history.now();
        let asked = self.client.send(body, Some(key)).await;
        let t1 = history.now();
        let (status, attempt) = judged(&asked);
        let chat = asked.ok().and_then(|answer| answer.value().ok());
        let turn = chat.iter().flat_map(|chat| &chat.conversation).find(|turn| turn.you == body);
        history.record(Op {
            t0,
            t1,
            client: writer.to_owned(),
            room: self.room.clone(),
            op: Kind::Send,
            status,
            key: Some(key.to_owned()),
            body: Some(body.to_owned()),
            id: turn.map(|turn| turn.message_id.clone()),
            reply: turn.map(|turn| turn.bot.clone()),
            transport: TRANSPORT.to_owned(),
            ..Op::default()
        });
        attempt
    }
}

/// How one attempt to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Acknowledged.
    Acknowledged,
    /// Refused for good; the text is the answer.
    Refused(String),
    /// Nobody knows; the text is the answer, or why there was none.
    Unknown(String),
}

/// 2xx is an acknowledgement, 4xx a refusal unless it means "later", everything else leaves the outcome open.
fn judged(asked: &Asked<Chat>) -> (Status, Attempt) {
    match asked {
        Err(error) => (Status::Info, Attempt::Unknown(format!("{error:?}"))),
        Ok(answer) => match answer.status.as_u16() {
            // An acknowledgement without a conversation is no answer at all, but it may count for the server.
            200 | 201 if answer.value().is_ok() => (Status::Ok, Attempt::Acknowledged),
            408 | 409 | 425 | 429 => (Status::Info, Attempt::Unknown(answer.to_string())),
            400..=499 => (Status::Fail, Attempt::Refused(answer.to_string())),
            _ => (Status::Info, Attempt::Unknown(answer.to_string())),
        },
    }
}

/// Writers at work, and one reader beside them.
#[derive(Debug)]
pub struct Writers {
    members: Vec<Member>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Result<usize, Problem>>>,
    reader: JoinHandle<()>,
}

impl Writers {
    /// Registers one user a room and lets `writers_in_room[n]` writers send into room `n`, as fast as they are answered.
    ///
    /// # Errors
    /// When a user cannot be registered.
    pub async fn start(
        history: &Arc<History>,
        address: &Address,
        writers_in_room: &[usize],
    ) -> Result<Self, Problem> {
        let mut members = Vec::new();
        for room in 0..writers_in_room.len() {
            let room = format!("room{room}");
            members.push(Member { client: TokenChats::signed_up(address.clone(), &room).await?, room });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for (member, writers) in members.iter().zip(writers_in_room) {
            for writer in 0..*writers {
                let name = format!("{}-w{writer}", member.room);
                tasks.push(tokio::spawn(write(Arc::clone(history), member.clone(), name, Arc::clone(&stop))));
            }
        }
        let reader = tokio::spawn(read_on(Arc::clone(history), members.clone()));
        Ok(Self { members, stop, tasks, reader })
    }

    /// The rooms and their clients.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Lets every writer finish the message it is at, and returns the rooms and how many messages were acknowledged.
    ///
    /// # Errors
    /// When a message was refused, or got no answer although it was sent again and again for `within`.
    pub async fn finish(self, within: Duration) -> Result<(Vec<Member>, usize), Problem> {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.abort();
        let mut acknowledged = 0;
        let deadline = tokio::time::Instant::now() + within;
        for task in self.tasks {
            let late = |_| format!("a message had no answer {within:?} after the last fault");
            acknowledged += tokio::time::timeout_at(deadline, task).await.map_err(late)???;
        }
        Ok((self.members, acknowledged))
    }

    /// Stops at once, wherever each writer is: what was under way has no outcome and leaves no trace in the history, so this is for
    /// tests that only count what was acknowledged.
    pub async fn abandon(self) -> Vec<Member> {
        self.reader.abort();
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            // An aborted task, and one that was refused, is of no interest any more.
            let _ = task.await;
        }
        self.members
    }
}

async fn write(
    history: Arc<History>,
    member: Member,
    name: String,
    stop: Arc<AtomicBool>,
) -> Result<usize, Problem> {
    let mut acknowledged = 0;
    while !stop.load(Ordering::Relaxed) {
        let key = uuid::Uuid::now_v7().to_string();
        let body = format!("{name} says {acknowledged}");
        loop {
            match member.send(&history, &name, &key, &body).await {
                Attempt::Acknowledged => break,
                Attempt::Refused(answer) => return Err(format!("{body:?} was refused: {answer}").into()),
                Attempt::Unknown(_) => tokio::time::sleep(RETRY).await,
            }
        }
        acknowledged += 1;
    }
    Ok(acknowledged)
}

/// Reads one room after the other; a read that fails is no news.
async fn read_on(history: Arc<History>, members: Vec<Member>) {
    for member in members.iter().cycle() {
        let _ = member.read(&history, "reader", false).await;
        tokio::time::sleep(READ_PAUSE).await;
    }
}
