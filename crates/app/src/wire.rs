//! The composition root: from settings to adapters, from adapters to use cases. The only place that
//! names a concrete adapter.

use crate::settings::Settings;
use crate::system::{SystemClock, SystemIds};
use crate::tasks::Tasks;
use maru_auth::{Argon2Hasher, HashCost, JwtSigner, KeyRing, secret};
use maru_domain::error::BoxError;
use maru_domain::ids::{Ids, InstanceId};
use maru_domain::services::{Ports, ServiceSettings, Services};
use maru_domain::turns::ports::Models;
use maru_domain::turns::{Budget, EngineSettings};
use maru_ephemeral::memory::{
    LimiterSettings, MemoryBus, MemoryIdentities, MemoryLimiter, MemoryPages, MemoryStreams, StreamLimits,
};
use maru_llm::{Limits, LlmSettings, ProviderKind, ProviderSettings, Registry};
use maru_store::Store;
use secrecy::SecretString;
use std::sync::Arc;

/// Everything that one process works with.
pub struct Wired {
    /// The use cases.
    pub services: Services,
    /// The database.
    pub store: Store,
    /// The server's tasks.
    pub tasks: Tasks,
}

/// Opens the database, which must be up to date, and wires the use cases to it. Must be called on
/// the runtime that outlives all others.
///
/// # Errors
/// In words for the person who started it.
pub async fn wire(settings: &Settings) -> Result<Wired, BoxError> {
    let location = settings.location()?;
    let durability = settings.store.durability.into();
    let store = Store::open(&location, durability, settings.store.pool_size).await?;
    let secret = signing_secret(settings)?;
    let tasks = Tasks::new(tokio::runtime::Handle::current());
    let clock = Arc::new(SystemClock::new());
    let limits = LimiterSettings {
        registrations_per_hour: settings.limits.registrations_per_hour,
        free_logins: settings.limits.free_logins,
        ..LimiterSettings::default()
    };
    let ports = Ports {
        store: store.ports.clone(),
        limiter: Arc::new(MemoryLimiter::new(clock.clone(), limits)),
        identities: Arc::new(MemoryIdentities::new(clock.clone())),
        bus: Arc::new(MemoryBus::new()),
        buffer: Arc::new(MemoryStreams::new(clock.clone(), StreamLimits::default())),
        pages: Arc::new(MemoryPages::new(MemoryPages::DEFAULT_BYTES)),
        models: models(settings)?,
        hasher: Arc::new(Argon2Hasher::new(HashCost::default())),
        signer: Arc::new(JwtSigner::new(secret.clone())),
        key_maker: Arc::new(KeyRing::new(secret)),
        clock,
        ids: Arc::new(SystemIds),
        spawner: Arc::new(tasks.clone()),
    };
    let budget = Budget { messages: settings.llm.history_messages, chars: settings.llm.history_chars };
    let instance = InstanceId(SystemIds.next().to_string());
    let engine = EngineSettings::new(instance, budget);
    let services = Services::new(ports, ServiceSettings { token_ttl: settings.auth.token_ttl.0, engine });
    Ok(Wired { services, store, tasks })
}

/// The secret of the settings, or one that is made once and kept beside the database.
fn signing_secret(settings: &Settings) -> Result<SecretString, BoxError> {
    Ok(match settings.auth.secret.secret() {
        Some(given) => secret::checked(given, "auth.secret")?,
        None => {
            let directory = settings.data_dir();
            std::fs::create_dir_all(&directory)?;
            secret::load_or_create(&directory.join("auth.secret"))?
        }
    })
}

/// The models of the settings; nothing is asked of any provider.
///
/// # Errors
/// When the default model is none of them.
pub fn models(settings: &Settings) -> Result<Arc<dyn Models>, BoxError> {
    Ok(Arc::new(Registry::new(llm_settings(settings))?))
}

fn llm_settings(settings: &Settings) -> LlmSettings {
    let llm = &settings.llm;
    let providers = llm.providers.iter().map(|(name, provider)| ProviderSettings {
        name: name.clone(),
        kind: match provider.kind.as_str() {
            "local" => ProviderKind::Local,
            "t5" => ProviderKind::T5,
            _ => ProviderKind::OpenAi,
        },
        base_url: provider.base_url.clone(),
        api_key: provider.api_key.secret(),
        models: provider.models.0.clone(),
        path: provider.path.clone(),
    });
    let defaults = LlmSettings::default();
    let mut guard = defaults.guard;
    guard.first_token = llm.first_token_timeout.0;
    guard.idle = llm.idle_timeout.0;
    guard.total = llm.total_timeout.0;
    guard.at_once = llm.concurrency;
    LlmSettings {
        model: llm.model.clone(),
        providers: providers.collect(),
        connect_timeout: llm.connect_timeout.0,
        limits: Limits::default(),
        guard,
        demo_delay: llm.demo_delay.0,
        #[cfg(feature = "local")]
        local: local_settings(settings),
    }
}

#[cfg(feature = "local")]
fn local_settings(settings: &Settings) -> maru_llm::local::LocalSettings {
    let local = &settings.llm.local;
    maru_llm::local::LocalSettings {
        folder: Some(settings.model_dir()),
        threads: local.threads,
        context: local.context,
        longest: local.max_tokens,
        at_once: local.at_once,
        remembered: local.cache_mib << 20,
        temperature: local.temperature,
        top_p: local.top_p,
        repeat_penalty: local.repeat_penalty,
        t5: maru_llm::local::T5Settings {
            beams: local.t5_beams,
            no_repeat: local.t5_no_repeat,
            longest: local.t5_max_tokens,
            temperature: local.t5_temperature,
        },
    }
}

/// The catalogue of models, with the folder of the settings.
#[cfg(feature = "local")]
#[must_use]
pub fn catalogue(settings: &Settings) -> maru_llm::local::Catalogue {
    maru_llm::local::Catalogue::new(settings.model_dir())
}
