//! Every port and every use case in one place: what a composition root fills in and what a view calls.

use crate::accounts::ports::{
    IdentityCache, KeyMaker, KeyStore, Limiter, PasswordHasher, SessionStore, TokenSigner, UserStore,
};
use crate::accounts::{Accounts, AccountsPorts};
use crate::clock::Clock;
use crate::events::ports::{Bus, EventStore};
use crate::ids::Ids;
use crate::messages::Messages;
use crate::messages::ports::MessageStore;
use crate::once::OnceStore;
use crate::pages::PageCache;
use crate::plcs::Plcs;
use crate::plcs::ports::PlcStore;
use crate::quotes::Quotes;
use crate::quotes::ports::QuoteStore;
use crate::rooms::Rooms;
use crate::rooms::ports::RoomStore;
use crate::turns::ports::{Models, Spawner, StreamBuffer, TurnStore};
use crate::turns::{Engine, EnginePorts, EngineSettings, Turns};
use crate::upkeep::Upkeep;
use crate::upkeep::ports::UpkeepStore;
use std::sync::Arc;
use std::time::Duration;

/// The durable ports, all of one database.
#[derive(Clone)]
pub struct StorePorts {
    /// Users.
    pub users: Arc<dyn UserStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// Rooms.
    pub rooms: Arc<dyn RoomStore>,
    /// Messages.
    pub messages: Arc<dyn MessageStore>,
    /// Turns.
    pub turns: Arc<dyn TurnStore>,
    /// Quotes.
    pub quotes: Arc<dyn QuoteStore>,
    /// Room events.
    pub events: Arc<dyn EventStore>,
    /// Answers kept under idempotency keys.
    pub once: Arc<dyn OnceStore>,
    /// The registry of PLCs.
    pub plcs: Arc<dyn PlcStore>,
    /// What only the person who runs the server sees.
    pub upkeep: Arc<dyn UpkeepStore>,
}

/// Everything that maru needs from outside.
#[derive(Clone)]
pub struct Ports {
    /// What must survive.
    pub store: StorePorts,
    /// Attempts.
    pub limiter: Arc<dyn Limiter>,
    /// Who was recognised lately.
    pub identities: Arc<dyn IdentityCache>,
    /// Hints between instances.
    pub bus: Arc<dyn Bus>,
    /// The latest deltas.
    pub buffer: Arc<dyn StreamBuffer>,
    /// Finished pages.
    pub pages: Arc<dyn PageCache>,
    /// Who answers.
    pub models: Arc<dyn Models>,
    /// Passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Tokens.
    pub signer: Arc<dyn TokenSigner>,
    /// Key material.
    pub key_maker: Arc<dyn KeyMaker>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// Where tasks run.
    pub spawner: Arc<dyn Spawner>,
}

/// The numbers of the use cases.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// How long a session lasts.
    pub token_ttl: Duration,
    /// The engine's numbers.
    pub engine: EngineSettings,
}

/// Every use case.
#[derive(Clone)]
pub struct Services {
    /// Accounts.
    pub accounts: Accounts,
    /// Rooms.
    pub rooms: Rooms,
    /// Messages.
    pub messages: Messages,
    /// Turns.
    pub turns: Turns,
    /// PLCs.
    pub plcs: Plcs,
    /// Quotes.
    pub quotes: Quotes,
    /// What only the person who runs the server does.
    pub upkeep: Upkeep,
    /// Room events.
    pub events: Arc<dyn EventStore>,
    /// Answers kept under idempotency keys.
    pub once: Arc<dyn OnceStore>,
    /// Finished pages.
    pub pages: Arc<dyn PageCache>,
    /// The engine, for the process that keeps it alive.
    pub engine: Arc<Engine>,
    /// The models, for lists.
    pub models: Arc<dyn Models>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where tasks run that outlive a request.
    pub spawner: Arc<dyn Spawner>,
}

impl Services {
    /// Builds the use cases from their ports.
    #[must_use]
    pub fn new(ports: Ports, settings: ServiceSettings) -> Self {
        let Ports { store, clock, ids, .. } = ports;
        let engine_ports = EnginePorts {
            store: Arc::clone(&store.turns),
            events: Arc::clone(&store.events),
            buffer: Arc::clone(&ports.buffer),
            bus: Arc::clone(&ports.bus),
            identities: Arc::clone(&ports.identities),
            models: Arc::clone(&ports.models),
            quotes: Arc::clone(&store.quotes),
            clock: Arc::clone(&clock),
            spawner: Arc::clone(&ports.spawner),
        };
        let engine = Engine::new(engine_ports, settings.engine);
        let accounts = AccountsPorts {
            users: store.users,
            sessions: store.sessions,
            keys: store.keys,
            hasher: ports.hasher,
            signer: ports.signer,
            key_maker: ports.key_maker,
            limiter: ports.limiter,
            identities: ports.identities,
            bus: ports.bus,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let rooms = Rooms {
            store: store.rooms,
            engine: Arc::clone(&engine),
            models: Arc::clone(&ports.models),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let messages = Messages {
            store: store.messages,
            engine: Arc::clone(&engine),
            models: Arc::clone(&ports.models),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let accounts = Accounts { ports: accounts, token_ttl: settings.token_ttl };
        let turns = Turns {
            engine: Arc::clone(&engine),
            store: store.turns,
            buffer: ports.buffer,
            ids: Arc::clone(&ids),
        };
        let upkeep = Upkeep {
            store: store.upkeep,
            accounts: accounts.clone(),
            rooms: rooms.clone(),
            turns: turns.clone(),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        Self {
            accounts,
            upkeep,
            quotes: Quotes { store: store.quotes, rooms: rooms.clone(), messages: messages.clone() },
            rooms,
            messages,
            turns,
            plcs: Plcs { store: store.plcs, clock: Arc::clone(&clock), ids },
            events: store.events,
            once: store.once,
            pages: ports.pages,
            engine,
            models: ports.models,
            clock,
            spawner: ports.spawner,
        }
    }
}
