//! Models that say what a test tells them to.

use super::soon;
use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use maru_domain::turns::ports::{ChatModel, Finish, ModelError, ModelFault, Models, Piece, Pieces};
use maru_domain::turns::{Prompt, Usage};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot, watch};

/// What a reply does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// More text.
    Say(String),
    /// The end, as the model says it.
    End(Finish, Option<Usage>),
    /// A failure in the middle.
    Fail(ModelError),
    /// The stream stops without an end.
    Cut,
    /// A bug in the adapter.
    Panic,
}

/// What becomes of one question, decided before it is asked.
#[derive(Clone, Debug)]
pub enum Plan {
    /// All of it is there at once.
    Play(Vec<Step>),
    /// No stream is begun.
    Refuse(ModelError),
    /// No stream is begun before the test says so.
    Hold,
    /// A bug in the adapter, before the stream is begun.
    Panic,
}

impl Plan {
    /// Says these pieces and ends well, without a pause.
    #[must_use]
    pub fn fast(pieces: &[&str]) -> Self {
        let said = pieces.iter().map(|piece| Step::Say((*piece).to_owned()));
        Self::Play(said.chain([Step::End(Finish::Stop, None)]).collect())
    }
}

/// Answers as the test says, one reply a question.
#[derive(Debug, Default)]
pub struct ScriptedModel {
    state: Mutex<Questions>,
    asked: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Questions {
    plans: VecDeque<Plan>,
    asked: Vec<Asked>,
    taken: usize,
}

/// Begins a reply that was held, or refuses it.
type Begin = oneshot::Sender<Result<(), ModelError>>;

/// One question to the model, and the reply in the hands of the test.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What the model was asked.
    pub prompt: Prompt,
    steps: mpsc::UnboundedSender<Step>,
    begin: Arc<Mutex<Option<Begin>>>,
    dropped: watch::Receiver<bool>,
}

impl ScriptedModel {
    /// A model that begins each reply at once and then waits for the test.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn state(&self) -> MutexGuard<'_, Questions> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides what becomes of the next question for which nothing is decided yet.
    pub fn plan(&self, plan: Plan) {
        self.state().plans.push_back(plan);
    }

    /// The next question that the test has not seen yet.
    ///
    /// # Panics
    /// When none comes within ten seconds.
    pub async fn asked(&self) -> Asked {
        let mut asked = self.asked.subscribe();
        let nth = {
            let mut state = self.state();
            state.taken += 1;
            state.taken
        };
        soon("the model is asked", async {
            let _ = asked.wait_for(|asked| *asked >= nth).await;
            self.state().asked[nth - 1].clone()
        })
        .await
    }

    /// How often it was asked.
    #[must_use]
    pub fn times_asked(&self) -> usize {
        self.state().asked.len()
    }

    /// All that it was asked.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        self.state().asked.iter().map(|asked| asked.prompt.clone()).collect()
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    async fn reply(&self, prompt: Prompt) -> Result<Pieces, ModelError> {
        let (steps, played) = mpsc::unbounded_channel();
        let (begin, begun) = oneshot::channel();
        let (told, dropped) = watch::channel(false);
        let reply = Playing { played, _told: Dropped(told) };
        let asked = Asked { prompt, steps, begin: Arc::new(Mutex::new(Some(begin))), dropped };
        let plan = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            self.asked.send_replace(state.asked.len());
            state.plans.pop_front()
        };
        match plan {
            None => {}
            Some(Plan::Play(steps)) => steps.into_iter().for_each(|step| asked.step(step)),
            Some(Plan::Refuse(error)) => return Err(error),
            Some(Plan::Hold) => match begun.await {
                Ok(begun) => begun?,
                Err(_) => std::future::pending().await,
            },
            Some(Plan::Panic) => panic!("the model was told to panic"),
        }
        Ok(reply.boxed())
    }
}

impl Asked {
    /// Does this next.
    pub fn step(&self, step: Step) {
        // Nobody listens any more: that is what `is_dropped` tells.
        let _ = self.steps.send(step);
    }

    /// Says this next.
    pub fn say(&self, text: &str) {
        self.step(Step::Say(text.to_owned()));
    }

    /// Ends the reply well.
    pub fn end(&self) {
        self.step(Step::End(Finish::Stop, None));
    }

    /// Ends the reply with a failure.
    pub fn fail(&self, fault: ModelFault) {
        self.step(Step::Fail(ModelError::new(fault, "as the test wants it")));
    }

    /// Begins a reply that was held, or refuses it.
    pub fn begin(&self, begin: Result<(), ModelError>) {
        let held = self.begin.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(held) = held {
            let _ = held.send(begin);
        }
    }

    /// True once nobody waits for the reply: the connection to the model is closed.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        *self.dropped.borrow()
    }

    /// Returns once nobody waits for the reply.
    ///
    /// # Panics
    /// When that does not happen within ten seconds.
    pub async fn dropped(&self) {
        let mut dropped = self.dropped.clone();
        soon("the model's stream is dropped", async {
            let _ = dropped.wait_for(|dropped| *dropped).await;
        })
        .await;
    }
}

/// A reply as it is played.
struct Playing {
    played: mpsc::UnboundedReceiver<Step>,
    _told: Dropped,
}

struct Dropped(watch::Sender<bool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl Stream for Playing {
    type Item = Result<Piece, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.played.poll_recv(context)) {
            Some(Step::Say(text)) => Some(Ok(Piece::Text(text))),
            Some(Step::End(finish, usage)) => Some(Ok(Piece::End { finish, usage })),
            Some(Step::Fail(error)) => Some(Err(error)),
            Some(Step::Cut) | None => None,
            Some(Step::Panic) => panic!("the model was told to panic"),
        })
    }
}

/// The models of a test, by name.
pub struct ScriptedModels {
    default: Arc<ScriptedModel>,
    named: HashMap<String, Arc<ScriptedModel>>,
}

impl ScriptedModels {
    /// One model, which answers where none is named.
    #[must_use]
    pub fn new(default: Arc<ScriptedModel>) -> Self {
        Self { default, named: HashMap::new() }
    }

    /// The same with another model under a name.
    #[must_use]
    pub fn with(mut self, name: &str, model: Arc<ScriptedModel>) -> Self {
        self.named.insert(name.to_owned(), model);
        self
    }
}

impl fmt::Debug for ScriptedModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModels").field("named", &self.named.keys()).finish_non_exhaustive()
    }
}

impl Models for ScriptedModels {
    fn resolve(&self, name: Option<&str>) -> Option<Arc<dyn ChatModel>> {
        let model = match name {
            None => Some(&self.default),
            Some(name) => self.named.get(name),
        };
        model.map(|model| Arc::clone(model) as _)
    }

    fn full_name(&self, name: Option<&str>) -> Option<String> {
        match name {
            None => Some("default".to_owned()),
            Some(name) => self.named.contains_key(name).then(|| format!("scripted/{name}")),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.named.keys().cloned().collect();
        names.sort();
        names
    }
}
