//! What the tests share.

use futures_util::StreamExt;
use maru_domain::ids::TurnId;
use maru_domain::messages::Role;
use maru_domain::turns::ports::{ChatModel, Finish, ModelError, Piece, Pieces};
use maru_domain::turns::{Prompt, PromptMessage, Sampling, Usage};
use maru_llm::{Guard, GuardSettings, Limits, OpenAi, OpenAiSettings, RetrySettings};
use maru_testkit::upstream::Pace;
use secrecy::SecretString;
use std::sync::Arc;
use uuid::Uuid;

pub const KEY: &str = "sk-never-shown-4711";

pub fn prompt(text: &str) -> Prompt {
    talk(None, &[(Role::User, text)])
}

pub fn talk(system: Option<&str>, said: &[(Role, &str)]) -> Prompt {
    let message =
        |(role, content): &(Role, &str)| PromptMessage { role: *role, content: (*content).to_owned() };
    Prompt {
        turn: TurnId(Uuid::from_u128(7)),
        system: system.map(str::to_owned),
        messages: said.iter().map(message).collect(),
        template: None,
        sampling: Sampling::default(),
    }
}

/// What came of a reply.
#[derive(Debug, Default)]
pub struct Heard {
    pub text: String,
    pub pieces: usize,
    pub end: Option<(Finish, Option<Usage>)>,
    pub error: Option<ModelError>,
}

pub async fn hear(model: &dyn ChatModel, prompt: Prompt) -> Heard {
    match model.reply(prompt).await {
        Ok(pieces) => drain(pieces).await,
        Err(error) => Heard { error: Some(error), ..Heard::default() },
    }
}

pub async fn drain(mut pieces: Pieces) -> Heard {
    let mut heard = Heard::default();
    while let Some(piece) = pieces.next().await {
        assert!(heard.end.is_none() && heard.error.is_none(), "nothing comes after the end");
        heard.pieces += 1;
        match piece {
            Ok(Piece::Text(text)) => heard.text.push_str(&text),
            Ok(Piece::End { finish, usage }) => heard.end = Some((finish, usage)),
            Err(error) => heard.error = Some(error),
        }
    }
    heard
}

pub fn openai(base_url: &str, model: &str, pace: Pace) -> OpenAi {
    let limits = Limits { after_finish: pace.after_finish, ..Limits::default() };
    let settings = OpenAiSettings {
        api_key: Some(SecretString::from(KEY)),
        connect_timeout: pace.connect,
        limits,
        ..OpenAiSettings::new("test", base_url, model)
    };
    OpenAi::new(settings).expect("good settings")
}

pub fn limits(pace: Pace) -> GuardSettings {
    let retry = RetrySettings {
        least: pace.backoff_least,
        most: pace.backoff_most,
        longest_asked: pace.longest_asked,
        ..RetrySettings::default()
    };
    GuardSettings {
        first_token: pace.first_token,
        idle: pace.idle,
        total: pace.total,
        retry,
        ..GuardSettings::default()
    }
}

pub fn guarded(base_url: &str, model: &str, pace: Pace) -> Guard {
    Guard::new(model, Arc::new(openai(base_url, model, pace)), limits(pace))
}
