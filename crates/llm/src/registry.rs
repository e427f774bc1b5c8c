//! Finds the model that a room or a turn names.

use crate::demo::Demo;
use crate::guard::{Guard, GuardSettings};
#[cfg(feature = "local")]
use crate::local::{Catalogue, Local, LocalSettings, found};
use crate::openai::{Limits, OpenAi, OpenAiSettings, TraceHeaders, client};
use maru_domain::turns::ports::{ChatModel, Models};
use moka::sync::Cache;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The name of the model that needs no provider.
const DEMO: &str = "demo";
/// Names that users make up, for providers that take any name, are remembered up to here.
const OPEN_NAMES: u64 = 256;
/// No model's name is longer, in bytes.
const LONGEST_NAME: usize = 200;

/// How a provider is talked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderKind {
    /// OpenAI's chat completions protocol.
    #[default]
    #[serde(rename = "openai")]
    OpenAi,
    /// A chat model out of a GGUF file, in this process.
    #[serde(rename = "local")]
    Local,
    /// A T5 out of a folder, in this process.
    #[serde(rename = "t5")]
    T5,
}

/// A provider of models.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The part of a model's name before the first slash.
    pub name: String,
    /// How it is talked to.
    pub kind: ProviderKind,
    /// Where its API is, with the version: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, if it wants one.
    pub api_key: Option<SecretString>,
    /// Its models by their own names; none: any name is passed on.
    pub models: Vec<String>,
    /// Where models of this process lie: a GGUF file or a folder of them; the folder of a T5.
    pub path: PathBuf,
}

/// Every model that rooms may use.
#[derive(Clone, Debug)]
pub struct LlmSettings {
    /// The model of rooms that name none: `demo`, `<provider>/<model>`, or a bare name that one
    /// provider lists.
    pub model: String,
    /// The providers.
    pub providers: Vec<ProviderSettings>,
    /// How long a connection may take; default 5 s.
    pub connect_timeout: Duration,
    /// What an answer may cost us.
    pub limits: Limits,
    /// Time limits, retries, breaker; for each provider and model of its own.
    pub guard: GuardSettings,
    /// How long the demo waits before each word; default 0.
    pub demo_delay: Duration,
    /// What tells a provider which span asks it; default nothing.
    pub trace: TraceHeaders,
    /// Models of this process.
    #[cfg(feature = "local")]
    pub local: LocalSettings,
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            model: DEMO.to_owned(),
            providers: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            limits: Limits::default(),
            guard: GuardSettings::default(),
            demo_delay: Duration::ZERO,
            trace: None,
            #[cfg(feature = "local")]
            local: LocalSettings::default(),
        }
    }
}

/// Settings that no model can be made of. Each message is one line for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The default model is none of the models.
    #[error("llm.model: there is no model {model:?}; {known}")]
    UnknownDefault {
        /// What was asked for.
        model: String,
        /// What there is.
        known: String,
    },
    /// An address that no request can go to.
    #[error(
        "llm.providers.{provider}.base_url: must be an http:// or https:// address without user, query and fragment"
    )]
    BaseUrl {
        /// Whose address.
        provider: String,
    },
    /// A key that cannot be sent.
    #[error("llm.providers.{provider}.api_key: contains characters that no HTTP header can carry")]
    Key {
        /// Whose key.
        provider: String,
    },
    /// A name that would be ambiguous.
    #[error(
        "llm.providers.{provider}: a provider's name must be unique, not empty, not \"demo\" and without a slash"
    )]
    ProviderName {
        /// Which name.
        provider: String,
    },
    /// A model's name that cannot be used.
    #[error(
        "llm.providers.{provider}.models: {model:?} is not a usable name (1 to 200 bytes, no control characters)"
    )]
    ModelName {
        /// Whose model.
        provider: String,
        /// Which name.
        model: String,
    },
    /// A path where no model is that can be used.
    #[error("llm.providers.{provider}.path: {why}")]
    Path {
        /// Whose path.
        provider: String,
        /// What is wrong with it.
        why: String,
    },
    /// A model of the catalogue that is not here.
    #[error("llm.model: {0} is not here yet; run `maru model pull {0}`")]
    NotPulled(&'static str),
    /// Built without models of its own.
    #[error("llm.providers.{provider}.kind: this maru was built without local models")]
    NotBuilt {
        /// Whose kind.
        provider: String,
    },
    /// No threads for models.
    #[error("{0}")]
    Threads(String),
    /// No HTTP client could be made.
    #[error("the HTTP client for model providers cannot start: {0}")]
    Client(String),
}

struct Provider {
    settings: ProviderSettings,
    http: reqwest::Client,
    /// Shared by all models of the provider.
    places: Arc<Semaphore>,
}

/// The models of this server. Breakers and retry budgets live as long as it does.
pub struct Registry {
    default: Arc<dyn ChatModel>,
    names: Vec<String>,
    providers: HashMap<String, Provider>,
    /// Models that the settings name, by full name.
    listed: HashMap<String, Arc<dyn ChatModel>>,
    /// Models that only users have named so far, by full name.
    open: Cache<String, Arc<dyn ChatModel>>,
    /// Full names by bare names that only one provider lists.
    bare: HashMap<String, String>,
    settings: LlmSettings,
}

impl Registry {
    /// Sets up every model; nothing is asked of a provider yet.
    ///
    /// # Errors
    /// When a provider's settings cannot be used or the default model is none of theirs.
    pub fn new(settings: LlmSettings) -> Result<Self, LlmError> {
        let demo: Arc<dyn ChatModel> = Arc::new(Demo::new(settings.demo_delay));
        let mut registry = Self {
            default: Arc::clone(&demo),
            names: vec![DEMO.to_owned()],
            providers: HashMap::new(),
            listed: HashMap::from([(DEMO.to_owned(), demo)]),
            open: Cache::new(OPEN_NAMES),
            bare: HashMap::new(),
            settings,
        };
        let providers = std::mem::take(&mut registry.settings.providers);
        let (remote, own): (Vec<_>, Vec<_>) =
            providers.into_iter().partition(|provider| provider.kind == ProviderKind::OpenAi);
        if !remote.is_empty() {
            let http = client(registry.settings.connect_timeout)?;
            for provider in remote {
                registry.add(provider, http.clone())?;
            }
        }
        registry.add_own(own)?;
        registry.find_bare();
        registry.set_default()?;
        Ok(registry)
    }

    /// Models of this process: those of the settings, then those of the catalogue that are here.
    #[cfg(feature = "local")]
    fn add_own(&mut self, providers: Vec<ProviderSettings>) -> Result<(), LlmError> {
        let catalogue = self.settings.local.folder.as_ref().map(Catalogue::new);
        let pulled: Vec<_> = catalogue.iter().flat_map(Catalogue::here).collect();
        if providers.is_empty() && pulled.is_empty() {
            return Ok(());
        }
        let threads = maru_local::Threads::new(self.settings.local.threads);
        let threads = threads.map_err(|error| LlmError::Threads(error.to_string()))?;
        for provider in providers {
            let ProviderSettings { name, kind, models, path, .. } = provider;
            let taken = self.listed.keys().any(|full| full.split('/').next() == Some(&name));
            if name.is_empty() || name.contains('/') || taken || self.providers.contains_key(&name) {
                return Err(LlmError::ProviderName { provider: name });
            }
            let wanted = |(model, _): &(String, PathBuf)| models.is_empty() || models.contains(model);
            let found: Vec<_> = found(&name, kind, &path)?.into_iter().filter(wanted).collect();
            let lies_there = |model: &&String| found.iter().any(|(found, _)| found == *model);
            if let Some(missing) = models.iter().find(|model| !lies_there(model)) {
                let why = format!("{}: no model {missing:?} lies there", path.display());
                return Err(LlmError::Path { provider: name, why });
            }
            for (model, path) in found {
                self.add_local(&threads, format!("{name}/{model}"), kind, path);
            }
        }
        for (model, path) in pulled {
            self.add_local(&threads, model.to_owned(), ProviderKind::Local, path);
        }
        Ok(())
    }

    /// Each model has a queue of its own, so each has places of its own.
    #[cfg(feature = "local")]
    fn add_local(&mut self, threads: &maru_local::Threads, full: String, kind: ProviderKind, path: PathBuf) {
        let model = Local::new(kind, path, self.settings.local.clone(), threads.clone());
        let guarded = Guard::new(full.clone(), Arc::new(model), self.settings.guard);
        self.listed.insert(full.clone(), Arc::new(guarded));
        self.names.push(full);
    }

    #[cfg(not(feature = "local"))]
    fn add_own(&mut self, providers: Vec<ProviderSettings>) -> Result<(), LlmError> {
        match providers.into_iter().next() {
            Some(provider) => Err(LlmError::NotBuilt { provider: provider.name }),
            None => Ok(()),
        }
    }

    fn add(&mut self, settings: ProviderSettings, http: reqwest::Client) -> Result<(), LlmError> {
        let name = settings.name.clone();
        if name.is_empty() || name == DEMO || name.contains('/') || self.providers.contains_key(&name) {
            return Err(LlmError::ProviderName { provider: name });
        }
        let places = self.settings.guard.places();
        let provider = Provider { settings, http, places };
        // Made once even for a provider that lists nothing: bad settings are told at the start.
        self.guarded(&provider, DEMO)?;
        for model in &provider.settings.models {
            if !is_name(model) {
                return Err(LlmError::ModelName { provider: name, model: model.clone() });
            }
            let full = format!("{name}/{model}");
            if !self.listed.contains_key(&full) {
                let guarded = self.guarded(&provider, model)?;
                self.listed.insert(full.clone(), guarded);
                self.names.push(full);
            }
        }
        self.providers.insert(name, provider);
        Ok(())
    }

    fn guarded(&self, provider: &Provider, model: &str) -> Result<Arc<dyn ChatModel>, LlmError> {
        let ProviderSettings { name, base_url, api_key, .. } = &provider.settings;
        let adapter = OpenAi::with_client(
            provider.http.clone(),
            OpenAiSettings {
                name: name.clone(),
                base_url: base_url.clone(),
                api_key: api_key.clone(),
                model: model.to_owned(),
                connect_timeout: self.settings.connect_timeout,
                limits: self.settings.limits,
                trace: self.settings.trace,
            },
        )?;
        let full = format!("{name}/{model}");
        Ok(Arc::new(Guard::sharing(
            Arc::clone(&provider.places),
            full,
            Arc::new(adapter),
            self.settings.guard,
        )))
    }

    fn find_bare(&mut self) {
        let mut owners: HashMap<String, Vec<String>> = HashMap::new();
        for full in &self.names {
            if let Some((_, bare)) = full.split_once('/') {
                owners.entry(bare.to_owned()).or_default().push(full.clone());
            }
        }
        let only =
            owners.into_iter().filter_map(|(bare, full)| Some((bare, <[String; 1]>::try_from(full).ok()?)));
        self.bare = only.map(|(bare, [full])| (bare, full)).collect();
    }

    fn set_default(&mut self) -> Result<(), LlmError> {
        let model = self.settings.model.clone();
        self.default = self.named(&model).ok_or_else(|| self.unknown(&model))?;
        let full = self.bare.get(&model).cloned().unwrap_or(model);
        // Kept for good, even if the provider lists nothing.
        self.listed.insert(full.clone(), Arc::clone(&self.default));
        self.names.retain(|name| *name != full);
        self.names.insert(0, full);
        Ok(())
    }

    fn unknown(&self, model: &str) -> LlmError {
        #[cfg(feature = "local")]
        if let Some(entry) = Catalogue::entry(model) {
            return LlmError::NotPulled(entry.name);
        }
        LlmError::UnknownDefault { model: model.to_owned(), known: self.known() }
    }

    fn known(&self) -> String {
        let mut open: Vec<_> =
            self.providers.values().filter(|provider| provider.settings.models.is_empty()).collect();
        open.sort_by(|a, b| a.settings.name.cmp(&b.settings.name));
        let open = open.into_iter().map(|provider| format!("{}/<any>", provider.settings.name));
        let known: Vec<_> = self.names.iter().cloned().chain(open).collect();
        format!("known: {}", known.join(", "))
    }

    fn named(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        if let Some(model) = self.listed.get(name) {
            return Some(Arc::clone(model));
        }
        if let Some(provider) = name.split_once('/').and_then(|(provider, _)| self.providers.get(provider)) {
            let (_, model) = name.split_once('/')?;
            if !provider.settings.models.is_empty() || !is_name(model) {
                return None;
            }
            return self.open.optionally_get_with(name.to_owned(), || self.guarded(provider, model).ok());
        }
        self.bare.get(name).and_then(|full| self.listed.get(full)).map(Arc::clone)
    }
}

impl Models for Registry {
    fn resolve(&self, name: Option<&str>) -> Option<Arc<dyn ChatModel>> {
        match name {
            None => Some(Arc::clone(&self.default)),
            Some(name) => self.named(name),
        }
    }

    fn full_name(&self, name: Option<&str>) -> Option<String> {
        match name {
            None => self.names.first().cloned(),
            Some(name) if self.listed.contains_key(name) => Some(name.to_owned()),
            Some(name) => {
                self.named(name).map(|_| self.bare.get(name).map_or(name, String::as_str).to_owned())
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

fn is_name(model: &str) -> bool {
    !model.is_empty() && model.len() <= LONGEST_NAME && !model.chars().any(char::is_control)
}
