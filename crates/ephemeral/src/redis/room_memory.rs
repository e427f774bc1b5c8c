//! What a room's model is told, as the list that LangChain's `RedisChatMessageHistory` reads (contract §2.4).

use super::connections::{Lane, Redis};
use async_trait::async_trait;
use maru_domain::ids::RoomId;
use maru_domain::messages::Role;
use maru_domain::rooms::Memory;
use maru_domain::rooms::ports::RoomMemory;
use redis::Script;
use std::sync::{Arc, LazyLock};

static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("room_memory/keep.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("room_memory/forget.lua")));

/// Lays rooms out as lists, `<prefix><number of the user>:<number of the room>`.
#[derive(Debug)]
pub struct RedisMemory {
    redis: Arc<Redis>,
    prefix: String,
}

impl RedisMemory {
    /// Lists in `redis`, whose own prefix names the notes about them.
    #[must_use]
    pub fn new(redis: Arc<Redis>, prefix: impl Into<String>) -> Self {
        Self { redis, prefix: prefix.into() }
    }

    /// Where it is written which list is a room's, and how new it is.
    fn note(&self, room: RoomId) -> String {
        self.redis.key(format_args!("memory:{}", room.0))
    }
}

#[async_trait]
impl RoomMemory for RedisMemory {
    async fn keep(&self, memory: Memory) -> bool {
        let list = format!("{}{}:{}", self.prefix, memory.owner, memory.number);
        let mut call = KEEP.key(list);
        call.key(self.note(memory.room)).arg(memory.version);
        for (role, content) in &memory.said {
            call.arg(item(*role, content));
        }
        let call = &call;
        let kept = self
            .redis
            .ask(Lane::Any, |mut connection| async move { call.invoke_async::<i64>(&mut connection).await });
        kept.await.is_some()
    }

    async fn forget(&self, room: RoomId) -> bool {
        let call = &FORGET.key(self.note(room));
        let gone = self
            .redis
            .ask(Lane::Any, |mut connection| async move { call.invoke_async::<i64>(&mut connection).await });
        gone.await.is_some()
    }
}

/// A message as LangChain writes it.
fn item(role: Role, content: &str) -> String {
    let kind = if role == Role::User { "human" } else { "ai" };
    let data = serde_json::json!({ "content": content, "additional_kwargs": {}, "response_metadata": {}, "type": kind });
    serde_json::json!({ "type": kind, "data": data }).to_string()
}
