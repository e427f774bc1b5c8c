//! The process dies at each of the twelve points of a turn, and what the retry finds is right:
//! the message once, its turn ended, and a reply that was never sent twice (reliability.md R6, R8).

use maru_domain::turns::FAIL_POINTS;
use maru_harness::history::writers::Problem;
use maru_harness::server::{Launch, TestServer};
use maru_harness::token_chats::{Chat, TokenChats};
use maru_testkit::throwaway::{Postgres, sqlite_dir};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_maru-under-test");
const QUESTION: &str = "What is maru?";
/// Takeover on PostgreSQL waits for a lease of ten seconds to expire.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a death at a point leaves behind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// Nothing was stored: the retry is the first.
    Nothing,
    /// The message is stored and its turn is run again: the reply is whole.
    Whole,
    /// The model had begun to speak: the text so far is kept.
    Partial,
}

fn left_by(point: &str) -> Left {
    match point {
        "turn.authorized" | "turn.before_transaction" | "turn.after_insert" | "turn.before_commit" => {
            Left::Nothing
        }
        "turn.checkpoint" | "turn.before_final_commit" => Left::Partial,
        _ => Left::Whole,
    }
}

/// The point, and at which passing of it the process dies: the first checkpoint is the first token,
/// the second is one in the middle of the reply.
fn wanted(point: &str) -> String {
    if point == "turn.checkpoint" { format!("{point}:2") } else { point.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_each_point_is_survived_on_sqlite() -> Result<(), Problem> {
    let mut points = JoinSet::new();
    for point in FAIL_POINTS {
        points.spawn(async move {
            let dir = sqlite_dir();
            let store = format!("sqlite:{}/maru.db", dir.path().display());
            (point, die_and_recover(point, dir.path(), &store).await)
        });
    }
    all_survived(points).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_each_point_is_survived_on_postgres() -> Result<(), Problem> {
    let mut points = JoinSet::new();
    for point in FAIL_POINTS {
        let database = Postgres::shared().await.database().await;
        points.spawn(async move {
            let dir = sqlite_dir();
            (point, die_and_recover(point, dir.path(), &database.url).await)
        });
    }
    all_survived(points).await
}

async fn all_survived(mut points: JoinSet<(&'static str, Result<(), Problem>)>) -> Result<(), Problem> {
    let mut wrong = Vec::new();
    while let Some(done) = points.join_next().await {
        let (point, outcome) = done?;
        if let Err(problem) = outcome {
            wrong.push(format!("{point}: {problem}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn launch(home: &Path, store: &str) -> Launch {
    // Slow enough that there is a middle of the reply, and a checkpoint in it.
    Launch::new(BINARY).home(home).store(store).env("MARU__LLM__DEMO_DELAY", "40ms")
}

async fn die_and_recover(point: &str, home: &Path, store: &str) -> Result<(), Problem> {
    let mut dying = launch(home, store).env("MARU_FAIL_POINT", wanted(point)).start().await?;
    let client = TokenChats::signed_up(dying.address(), "somebody").await?;
    let answered = client.send(QUESTION, Some("the-key")).await;
    if answered.is_ok() {
        return Err("the process did not die".into());
    }
    dying.wait(PATIENCE).await?;

    let living = launch(home, store).start().await?;
    let client = TokenChats::new(living.address()).with_token(client.token().unwrap_or_default());
    let left = left_by(point);
    let found = client.list(None).await?.value()?;
    if found.is_empty() != (left == Left::Nothing) {
        return Err(format!("found {found:?} before the retry").into());
    }
    let chat = retry(&client).await?;
    check(&living, &client, &chat, left).await
}

/// Sends the same message under the same key until there is an answer.
async fn retry(client: &TokenChats) -> Result<Chat, Problem> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = client.send(QUESTION, Some("the-key")).await?;
        match answer.status.as_u16() {
            200 | 201 => return Ok(answer.value()?),
            503 if Instant::now() < until => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => return Err(format!("the retry was answered {answer}").into()),
        }
    }
}

async fn check(living: &TestServer, client: &TokenChats, chat: &Chat, left: Left) -> Result<(), Problem> {
    let chats = client.list(None).await?.value()?;
    let [only] = chats.as_slice() else { return Err(format!("{} chats", chats.len()).into()) };
    let [turn] = only.conversation.as_slice() else {
        return Err(format!("{} turns: {:?}", only.conversation.len(), only.conversation).into());
    };
    if chat.conversation.as_slice() != std::slice::from_ref(turn) {
        return Err("the answer and the history differ".into());
    }
    let other = TokenChats::signed_up(living.address(), "somebody-else").await?;
    let whole = other.send(QUESTION, None).await?.value()?;
    let whole = whole.conversation.first().map(|turn| turn.bot.clone()).unwrap_or_default();
    let right = match left {
        Left::Nothing | Left::Whole => turn.bot == whole,
        Left::Partial => !turn.bot.is_empty() && whole.starts_with(&turn.bot),
    };
    if !right {
        return Err(format!("{left:?}: the reply is {:?} of {whole:?}", turn.bot).into());
    }
    // Nothing of it stands in the way of the next message.
    let next = client.send("And now?", None).await?.value()?;
    if next.conversation.len() == 2 { Ok(()) } else { Err("the next message was not added".into()) }
}
