//! The composition root: from settings to adapters, from adapters to use cases. The only place that
//! names a concrete adapter.

use crate::settings::Settings;
use crate::system::{SystemClock, SystemIds};
use crate::tasks::Tasks;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maru_auth::{Argon2Hasher, HashCost, JwtSigner, KeyRing, secret};
use maru_domain::accounts::ports::Limiter;
use maru_domain::error::BoxError;
use maru_domain::events::ports::Bus;
use maru_domain::ids::{Ids, InstanceId};
use maru_domain::pages::PageCache;
use maru_domain::rooms::MemoryKeeping;
use maru_domain::services::{Ports, ServiceSettings, Services};
use maru_domain::turns::ports::{Models, StreamBuffer};
use maru_domain::turns::{Budget, EngineSettings};
use maru_ephemeral::memory::{
    LimiterSettings, MemoryBus, MemoryIdentities, MemoryLimiter, MemoryPages, MemoryStreams, StreamLimits,
};
pub use maru_ephemeral::redis::Redis;
use maru_ephemeral::redis::{RedisBus, RedisLimiter, RedisMemory, RedisPages, RedisSettings, RedisStreams};
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
    /// What it shares with other instances, if anything.
    pub redis: Option<Arc<Redis>>,
    /// What lays rooms out for other programs, if somebody wants that.
    pub memory: Option<MemoryKeeping>,
    /// The server's tasks.
    pub tasks: Tasks,
}

/// The ports of what may be lost.
struct Ephemeral {
    limiter: Arc<dyn Limiter>,
    bus: Arc<dyn Bus>,
    buffer: Arc<dyn StreamBuffer>,
    pages: Arc<dyn PageCache>,
}

impl Ephemeral {
    /// Of this process alone.
    fn here(clock: &Arc<SystemClock>, limits: LimiterSettings, page_bytes: u64) -> Self {
        Self {
            limiter: Arc::new(MemoryLimiter::new(clock.clone(), limits)),
            bus: Arc::new(MemoryBus::new()),
            buffer: Arc::new(MemoryStreams::new(clock.clone(), StreamLimits::default())),
            pages: Arc::new(MemoryPages::new(page_bytes)),
        }
    }

    /// Shared with the other instances on the same Redis.
    fn shared(
        redis: &Arc<Redis>,
        clock: &Arc<SystemClock>,
        limits: LimiterSettings,
        page_bytes: u64,
        tasks: &Tasks,
    ) -> Self {
        let streams =
            RedisStreams::new(Arc::clone(redis), clock.clone(), StreamLimits::default(), tasks.stopping());
        Self {
            limiter: Arc::new(RedisLimiter::new(Arc::clone(redis), clock.clone(), limits)),
            bus: Arc::new(RedisBus::new(Arc::clone(redis), SystemIds.next())),
            buffer: Arc::new(streams),
            pages: Arc::new(RedisPages::new(Arc::clone(redis), page_bytes)),
        }
    }
}

/// Opens the database, which must be up to date, and wires the use cases to it. Must be called on
/// the runtime that outlives all others.
///
/// # Errors
/// In words for the person who started it.
pub fn wire(settings: &Settings) -> BoxFuture<'_, Result<Wired, BoxError>> {
    async move {
        let location = settings.location()?;
        let durability = settings.store.durability.into();
        let store = Store::open(&location, durability, settings.store.pool_size).await?;
        let secret = signing_secret(settings)?;
        let tasks = Tasks::new(tokio::runtime::Handle::current());
        let clock = Arc::new(SystemClock::new());
        let limits = LimiterSettings {
            registrations_per_hour: settings.limits.registrations_per_hour,
            free_logins: settings.limits.free_logins,
            requests_per_key: settings.limits.requests_per_key,
            ..LimiterSettings::default()
        };
        let page_bytes = settings.server.page_cache_mib.saturating_mul(1024 * 1024);
        let redis = redis(settings, &tasks)?;
        let ephemeral = match &redis {
            Some(redis) => Ephemeral::shared(redis, &clock, limits, page_bytes, &tasks),
            None => Ephemeral::here(&clock, limits, page_bytes),
        };
        let memory = memory(settings, &store, &ephemeral, &clock, &tasks)?;
        let ports = Ports {
            store: store.ports.clone(),
            limiter: ephemeral.limiter,
            identities: Arc::new(match &redis {
                None if !store.is_embedded() => MemoryIdentities::alone(clock.clone()),
                _ => MemoryIdentities::new(clock.clone()),
            }),
            bus: ephemeral.bus,
            buffer: ephemeral.buffer,
            pages: ephemeral.pages,
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
        let engine =
            EngineSettings { total: settings.llm.total_timeout.0, ..EngineSettings::new(instance, budget) };
        let engine = if store.is_embedded() { engine } else { engine.shared() };
        let services = Services::new(ports, ServiceSettings { token_ttl: settings.auth.token_ttl.0, engine });
        Ok(Wired { services, store, redis, memory, tasks })
    }
    .boxed()
}

/// The Redis of the settings, if there is one. Nothing is asked of it.
///
/// # Errors
/// When its address is none.
pub fn redis(settings: &Settings, tasks: &Tasks) -> Result<Option<Arc<Redis>>, BoxError> {
    let open = |url| Redis::open(url, redis_settings(settings), Arc::new(tasks.clone()));
    Ok(settings.redis_url().map(open).transpose()?)
}

fn redis_settings(settings: &Settings) -> RedisSettings {
    let defaults = RedisSettings::new(&settings.redis.prefix);
    RedisSettings { patience: settings.redis.timeout.0, ..defaults }
}

/// Rooms as LangChain reads them, if the settings ask for that.
fn memory(
    settings: &Settings,
    store: &Store,
    ephemeral: &Ephemeral,
    clock: &Arc<SystemClock>,
    tasks: &Tasks,
) -> Result<Option<MemoryKeeping>, BoxError> {
    let Some(url) = settings.redis_url().filter(|_| settings.redis.langchain_memory) else { return Ok(None) };
    let database = Some(settings.redis.langchain_database);
    let of_redis = RedisSettings { database, ..redis_settings(settings) };
    let redis = Redis::open(url, of_redis, Arc::new(tasks.clone()))?;
    Ok(Some(MemoryKeeping {
        memory: Arc::new(RedisMemory::new(redis, &settings.redis.langchain_prefix)),
        rooms: Arc::clone(&store.ports.rooms),
        messages: Arc::clone(&store.ports.messages),
        users: Arc::clone(&store.ports.users),
        bus: Arc::clone(&ephemeral.bus),
        clock: clock.clone(),
        messages_kept: settings.llm.history_messages,
    }))
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
        #[cfg(feature = "otel")]
        trace: Some(maru_telemetry::headers),
        #[cfg(not(feature = "otel"))]
        trace: None,
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

/// Where traces go.
#[cfg(feature = "otel")]
pub(crate) fn telemetry(settings: &Settings) -> maru_telemetry::TelemetrySettings {
    maru_telemetry::TelemetrySettings {
        endpoint: settings.telemetry.otlp_endpoint.clone(),
        service: settings.telemetry.service_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The catalogue of models, with the folder of the settings.
#[cfg(feature = "local")]
#[must_use]
pub fn catalogue(settings: &Settings) -> maru_llm::local::Catalogue {
    maru_llm::local::Catalogue::new(settings.model_dir())
}
