//! `maru room`

mod shapes;

use super::{confirmed, in_words, open, user};
use crate::arguments::{Format, RoomCommand};
use crate::output::{Output, counted, table};
use maru_app::Settings;
use maru_app::wire::Wired;
use maru_domain::access::{Action, Actor, Authorized, Read, Write};
use maru_domain::error::{BoxError, Fault};
use maru_domain::ids::{RoomRef, UserId};
use maru_domain::messages::Message;
use maru_domain::page::{MAX_LIMIT, Order, Page, PageRequest, Part};
use maru_domain::rooms::Room;
use maru_domain::rooms::ports::{RoomFields, RoomKey};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

/// Does what was asked with rooms.
pub async fn run(command: RoomCommand, settings: &Settings, output: &Output) -> Result<ExitCode, BoxError> {
    let wired = open(settings).await?;
    match command {
        RoomCommand::List { user, limit } => list(&wired, user.as_deref(), limit.get(), output).await?,
        RoomCommand::Show { room } => {
            let room: Authorized<Room, Read> = find(&wired, &room).await?;
            let value = shapes::room(room.get());
            output.say(&value, &shapes::fields(&value));
        }
        RoomCommand::Messages { room, limit } => messages(&wired, &room, limit.get(), output).await?,
        RoomCommand::Export { room, format } => export(&wired, &room, format).await?,
        RoomCommand::End { room } => end(&wired, &room, output).await?,
        RoomCommand::Delete { room, yes } => delete(&wired, &room, yes, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn find<A: Action>(wired: &Wired, room: &str) -> Result<Authorized<Room, A>, BoxError> {
    let named: RoomRef =
        room.parse().map_err(|()| format!("{room:?} is no room's id (a UUID) and no room's number"))?;
    // Whoever may read the settings and the database may see every room in it.
    Ok(wired.services.rooms.find(&Actor::Operator, named).await.map_err(|fault| in_words(&fault))?)
}

async fn list(wired: &Wired, owner: Option<&str>, limit: usize, output: &Output) -> Result<(), BoxError> {
    let rooms = &wired.services.rooms;
    let (found, more) = match owner {
        Some(owner) => {
            let owner = user(wired, owner).await?;
            newest(limit, RoomKey::of, |request| rooms.page(owner.id, request)).await?
        }
        None => newest(limit, |room: &Room| room.number, |request| rooms.all(request)).await?,
    };
    let names = names_of_owners(wired, &found).await?;
    let rows: Vec<Vec<String>> = found.iter().map(|room| shapes::row(room, &names)).collect();
    let text = table(&["NUMBER", "ID", "KIND", "OWNER", "STATE", "MESSAGES", "LAST", "NAME"], &rows);
    output.say(&Value::Array(found.iter().map(shapes::room).collect()), &text);
    if more {
        output.hint("there are more; say --limit N\n");
    }
    Ok(())
}

async fn names_of_owners(wired: &Wired, rooms: &[Room]) -> Result<HashMap<UserId, String>, BoxError> {
    let owners: HashSet<UserId> = rooms.iter().filter_map(|room| room.owner).collect();
    let mut names = HashMap::with_capacity(owners.len());
    for owner in owners {
        let found = wired.services.accounts.find(owner).await.map_err(|fault| in_words(&fault))?;
        names.extend(found.map(|user| (owner, user.username)));
    }
    Ok(names)
}

async fn messages(wired: &Wired, room: &str, limit: usize, output: &Output) -> Result<(), BoxError> {
    let room: Authorized<Room, Read> = find(wired, room).await?;
    let messages = &wired.services.messages;
    let seq = |message: &Message| message.seq;
    let (mut found, more) = newest(limit, seq, |request| messages.page(&room, request)).await?;
    found.reverse();
    let hidden = wired.services.plcs.hidden_in(&found).await.map_err(|fault| in_words(&fault))?;
    let text: Vec<String> = found.iter().map(shapes::said).collect();
    let value = found.iter().map(|message| shapes::message(message, &hidden)).collect();
    output.say(&Value::Array(value), &text.join("\n\n"));
    if more {
        output.hint("there are older ones; say --limit N, or `maru room export`\n");
    }
    Ok(())
}

/// The newest items of a list, the newest first, and whether there are more.
pub async fn newest<T, K: Copy, R>(
    limit: usize,
    key: impl Fn(&T) -> K,
    read: impl Fn(PageRequest<K>) -> R,
) -> Result<(Vec<T>, bool), BoxError>
where
    R: Future<Output = Result<Page<T>, Fault>>,
{
    let (mut found, mut part) = (Vec::new(), Part::Start);
    loop {
        let size = limit.saturating_sub(found.len()).min(MAX_LIMIT);
        let page = read(PageRequest { limit: size, order: Order::Descending, part }).await;
        let page = page.map_err(|fault| in_words(&fault))?;
        found.extend(page.items);
        match found.last() {
            Some(last) if page.has_more && found.len() < limit => part = Part::After(key(last)),
            _ => return Ok((found, page.has_more)),
        }
    }
}

/// Never as `--json` says: this is for keeping, for programs or for people.
async fn export(wired: &Wired, room: &str, format: Format) -> Result<(), BoxError> {
    let room: Authorized<Room, Read> = find(wired, room).await?;
    let said = wired.services.rooms.conversation(&room).await.map_err(|fault| in_words(&fault))?;
    let hidden = wired.services.plcs.hidden_in(&said.messages).await.map_err(|fault| in_words(&fault))?;
    let written = match format {
        Format::Markdown => Output::whole(shapes::markdown(&said).as_bytes()),
        Format::Json => {
            let room = std::iter::once(shapes::line("room", shapes::room(&said.room)));
            let messages = said
                .messages
                .iter()
                .map(|message| shapes::line("message", shapes::message(message, &hidden)));
            Output::lines(room.chain(messages))
        }
    };
    written.map_err(|error| format!("the export is not whole: {error}").into())
}

async fn end(wired: &Wired, room: &str, output: &Output) -> Result<(), BoxError> {
    let room: Authorized<Room, Write> = find(wired, room).await?;
    let fields = RoomFields { end: true, ..RoomFields::default() };
    let ended = wired.services.rooms.change(&room, fields).await.map_err(|fault| in_words(&fault))?;
    let since = ended.ended_at.map(|at| format!(" since {at:.0}")).unwrap_or_default();
    output.say(&shapes::room(&ended), &format!("room {} is at its end{since}", ended.number));
    Ok(())
}

async fn delete(wired: &Wired, room: &str, yes: bool, output: &Output) -> Result<(), BoxError> {
    let room: Authorized<Room, Write> = find(wired, room).await?;
    let (number, value) = (room.get().number, shapes::room(room.get()));
    let question = format!(
        "delete room {number} {:?} with its {}? type its number to confirm: ",
        room.get().name,
        counted(room.get().message_count, "message")
    );
    if !yes && !confirmed(output, "a room", &question, &number.to_string())? {
        return Err("nothing was deleted".into());
    }
    wired.services.rooms.delete(room).await.map_err(|fault| in_words(&fault))?;
    output.say(&value, &format!("room {number} is deleted with everything said in it"));
    Ok(())
}
