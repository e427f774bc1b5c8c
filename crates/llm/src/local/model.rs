//! The port's side: a prompt becomes a question, pieces become pieces.

use super::LocalSettings;
use crate::registry::{LlmError, ProviderKind};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use maru_domain::messages::Role;
use maru_domain::turns::ports::{ChatModel, Finish, ModelError, ModelFault, Piece, Pieces};
use maru_domain::turns::{Prompt, Sampling as Asked, Usage};
use maru_local::chat::{Engine, EngineSettings, Question, Said};
use maru_local::{LocalError, Sampling, Threads, t5};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};

/// While a reply waits for its place or its model, the guard hears from us so often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// A model of this process. It is read into memory when it is first asked, and stays there.
pub(crate) struct Local {
    shared: Arc<Shared>,
}

struct Shared {
    kind: ProviderKind,
    path: PathBuf,
    settings: LocalSettings,
    threads: Threads,
    running: Mutex<Option<Running>>,
}

#[derive(Clone)]
enum Running {
    Chat(Arc<Engine>),
    T5(Arc<t5::Engine>),
}

impl Local {
    pub fn new(kind: ProviderKind, path: PathBuf, settings: LocalSettings, threads: Threads) -> Self {
        Self { shared: Arc::new(Shared { kind, path, settings, threads, running: Mutex::new(None) }) }
    }
}

impl Shared {
    /// The model in memory. Whoever comes while it is read waits for it.
    async fn running(&self) -> Result<Running, ModelError> {
        let mut running = self.running.lock().await;
        if let Some(running) = running.as_ref() {
            return Ok(running.clone());
        }
        let (told, loaded) = oneshot::channel();
        let load = self.loading();
        let named = std::thread::Builder::new().name("maru-model-load".to_owned());
        let started = named.spawn(move || drop(told.send(load())));
        started.map_err(|error| ModelError::new(ModelFault::Failing, error.to_string()))?;
        let loaded = loaded.await.unwrap_or(Err(LocalError::Stopped)).map_err(fault)?;
        Ok(running.insert(loaded).clone())
    }

    fn loading(&self) -> impl FnOnce() -> Result<Running, LocalError> + Send + 'static {
        let (kind, path, threads) = (self.kind, self.path.clone(), self.threads.clone());
        let settings = self.settings.clone();
        move || {
            if kind == ProviderKind::T5 {
                let engine = t5::Engine::load(&path, threads)?;
                tracing::info!(path = %path.display(), mib = engine.bytes() >> 20, "a T5 is in memory");
                return Ok(Running::T5(Arc::new(engine)));
            }
            let settings = EngineSettings {
                context: settings.context,
                at_once: settings.at_once,
                remembered: settings.remembered,
                ..EngineSettings::default()
            };
            let engine = Engine::load(&path, settings, threads)?;
            tracing::info!(path = %path.display(), mib = engine.bytes() >> 20, "a model is in memory");
            Ok(Running::Chat(Arc::new(engine)))
        }
    }

    async fn ask(&self, prompt: Prompt) -> Result<maru_local::Pieces, ModelError> {
        let settings = &self.settings;
        let asked = match self.running().await? {
            Running::Chat(engine) => engine.ask(Question {
                sampling: Sampling {
                    repeat_penalty: settings.repeat_penalty,
                    ..sampling(&prompt.sampling, settings.temperature, settings.top_p)
                },
                longest: longest(&prompt.sampling, settings.longest),
                stops: prompt.sampling.stop.clone(),
                conversation: conversation(prompt),
            }),
            Running::T5(engine) => {
                let t5 = settings.t5;
                engine.ask(t5::Question {
                    search: t5::Search {
                        beams: t5.beams,
                        no_repeat: t5.no_repeat,
                        longest: longest(&prompt.sampling, t5.longest),
                        sampling: Sampling {
                            frequency_penalty: 0.0,
                            presence_penalty: 0.0,
                            ..sampling(&prompt.sampling, t5.temperature, settings.top_p)
                        },
                    },
                    // T5 knows tasks and no conversations: it is given the last message.
                    text: prompt
                        .messages
                        .into_iter()
                        .next_back()
                        .map(|said| said.content)
                        .unwrap_or_default(),
                })
            }
        };
        asked.map_err(fault)
    }
}

/// How words are chosen: as the client asks, else as the settings say.
#[expect(clippy::cast_possible_truncation, reason = "numbers between -2 and 2")]
fn sampling(asked: &Asked, temperature: f32, top_p: f32) -> Sampling {
    Sampling {
        temperature: asked.temperature.map_or(temperature, |asked| asked as f32),
        top_p: asked.top_p.map_or(top_p, |asked| asked as f32),
        repeat_penalty: 1.0,
        frequency_penalty: asked.frequency_penalty.unwrap_or_default() as f32,
        presence_penalty: asked.presence_penalty.unwrap_or_default() as f32,
        seed: asked.seed.map_or_else(|| fastrand::u64(..), i64::cast_unsigned),
    }
}

/// Clients may ask for less than the settings allow, and not for more. Nothing here thinks aloud, so
/// both of their limits are one.
fn longest(asked: &Asked, most: usize) -> usize {
    let limits = [asked.max_tokens, asked.max_completion_tokens];
    let limits = limits.into_iter().flatten().filter_map(|limit| usize::try_from(limit).ok());
    limits.fold(most, usize::min).max(1)
}

#[async_trait]
impl ChatModel for Local {
    /// The stream begins at once; the model may still have to be read into memory.
    async fn reply(&self, prompt: Prompt) -> Result<Pieces, ModelError> {
        let shared = Arc::clone(&self.shared);
        let asking = Box::pin(async move { shared.ask(prompt).await });
        let flow = stream::unfold(State::Asking(asking), |state| async move {
            let (piece, state) = state.next().await?;
            Some((piece, state))
        });
        Ok(flow.boxed())
    }
}

type Asking = futures_util::future::BoxFuture<'static, Result<maru_local::Pieces, ModelError>>;

enum State {
    Asking(Asking),
    Answering(maru_local::Pieces),
    Over,
}

impl State {
    async fn next(self) -> Option<(Result<Piece, ModelError>, Self)> {
        let waits = Piece::Text(String::new());
        match self {
            Self::Asking(mut asking) => tokio::select! {
                asked = &mut asking => Some(match asked {
                    Ok(pieces) => (Ok(waits), Self::Answering(pieces)),
                    Err(error) => (Err(error), Self::Over),
                }),
                () = tokio::time::sleep(SIGN_OF_LIFE) => Some((Ok(waits), Self::Asking(asking))),
            },
            Self::Answering(mut pieces) => tokio::select! {
                piece = pieces.recv() => Some(match piece {
                    Some(Ok(maru_local::Piece::Text(text))) => (Ok(Piece::Text(text)), Self::Answering(pieces)),
                    Some(Ok(maru_local::Piece::End { cut, cost })) => {
                        let finish = if cut { Finish::Length } else { Finish::Stop };
                        let count = |tokens: usize| i64::try_from(tokens).unwrap_or(i64::MAX);
                        let usage = Usage { input_tokens: count(cost.input), output_tokens: count(cost.output) };
                        (Ok(Piece::End { finish, usage: Some(usage) }), Self::Over)
                    }
                    Some(Err(error)) => (Err(fault(error)), Self::Over),
                    None => (Err(fault(LocalError::Stopped)), Self::Over),
                }),
                () = tokio::time::sleep(SIGN_OF_LIFE) => Some((Ok(waits), Self::Answering(pieces))),
            },
            Self::Over => None,
        }
    }
}

fn conversation(prompt: Prompt) -> Vec<Said> {
    let system = prompt.system.map(|text| Said { role: "system", text });
    let said = prompt.messages.into_iter().filter(|said| !said.content.is_empty()).map(|said| {
        let role = match said.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        Said { role, text: said.content }
    });
    system.into_iter().chain(said).collect()
}

fn fault(error: LocalError) -> ModelError {
    let fault = match &error {
        // Asking again would read the same file.
        LocalError::File { .. } | LocalError::Format { .. } => ModelFault::UnknownModel,
        LocalError::Refused(_) => ModelFault::Refused,
        LocalError::Busy => ModelFault::Busy,
        LocalError::Stopped => ModelFault::Failing,
    };
    ModelError::new(fault, error.to_string())
}

/// The models that a provider's path holds, by name: a GGUF file or a folder of them; for T5 the
/// folder of one model.
pub(crate) fn found(
    provider: &str,
    kind: ProviderKind,
    path: &Path,
) -> Result<Vec<(String, PathBuf)>, LlmError> {
    let wrong = |why: String| LlmError::Path { provider: provider.to_owned(), why };
    let unreadable = |error: std::io::Error| wrong(format!("{}: {error}", path.display()));
    if path.as_os_str().is_empty() {
        return Err(wrong("must say where the model is".to_owned()));
    }
    let named = |path: &Path, name: Option<&std::ffi::OsStr>| {
        let name = name.and_then(|name| name.to_str()).map(str::to_owned);
        name.map(|name| (name, path.to_owned())).ok_or_else(|| wrong("has a name that is no text".to_owned()))
    };
    let is_folder = std::fs::metadata(path).map_err(unreadable)?.is_dir();
    if kind == ProviderKind::T5 {
        t5::about(path).map_err(|error| wrong(error.to_string()))?;
        let whole = path.canonicalize().map_err(unreadable)?;
        return Ok(vec![named(path, whole.file_name())?]);
    }
    let mut files = Vec::new();
    if is_folder {
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|extension| extension == "gguf") {
                files.push(named(&file, file.file_stem())?);
            }
        }
        if files.is_empty() {
            return Err(wrong(format!("{}: no .gguf file lies there", path.display())));
        }
        files.sort();
    } else {
        files.push(named(path, path.file_stem())?);
    }
    for (_, file) in &files {
        maru_local::chat::about(file).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(files)
}
