//! A database, the things around it, and servers that share them.

use maru_auth::{Argon2Hasher, HashCost, JwtSigner, KeyRing};
use maru_domain::access::{Actor, Authorized, Write};
use maru_domain::accounts::ports::{NewUser, PasswordHasher};
use maru_domain::clock::Clock;
use maru_domain::error::Fault;
use maru_domain::events::RoomEvent;
use maru_domain::events::ports::Bus;
use maru_domain::ids::{Ids, InstanceId, RoomId, RoomRef, TurnId, UserId};
use maru_domain::messages::{Message, SendRequest, Sending};
use maru_domain::once::{Once, OnceKey};
use maru_domain::rooms::ports::NewRoom;
use maru_domain::rooms::{Room, RoomKind, TurnPolicy};
use maru_domain::services::{Ports, ServiceSettings, Services, StorePorts};
use maru_domain::text::CleanText;
use maru_domain::turns::{Budget, EngineSettings, Settled, TurnStatus, TurnView};
use maru_ephemeral::memory::{
    LimiterSettings, MemoryBus, MemoryIdentities, MemoryLimiter, MemoryPages, MemoryStreams, StreamLimits,
};
use maru_store::{Durability, Location, Store};
use maru_testkit::fakes::{
    FlakyStore, ManualClock, ScriptedModel, ScriptedModels, SeededIds, TaskSpawner, soon, until,
};
use secrecy::SecretString;
use serde_json::Map;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A lease that outlives every test.
pub const LONG: Duration = Duration::from_hours(1);

/// What servers share.
pub struct World {
    _folder: TempDir,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<SeededIds>,
    pub bus: Arc<dyn Bus>,
    pub streams: Arc<MemoryStreams>,
    pub model: Arc<ScriptedModel>,
    pub small: Arc<ScriptedModel>,
}

/// One server: an engine, its tasks and its own view of the store.
pub struct Server {
    pub services: Services,
    pub flaky: Arc<FlakyStore>,
    pub tasks: Arc<TaskSpawner>,
    stop: CancellationToken,
    store: StorePorts,
}

/// How a server differs from the others.
pub struct Setup {
    pub name: &'static str,
    pub lease: Duration,
    /// Hints, when they are not the shared ones.
    pub bus: Option<Arc<dyn Bus>>,
    /// Its streams are its own, as after a restart.
    pub own_streams: bool,
    /// It knows that it is one of several.
    pub shared: bool,
    /// Who hashes passwords, when it is not argon2.
    pub hasher: Option<Arc<dyn PasswordHasher>>,
}

impl Setup {
    pub fn named(name: &'static str) -> Self {
        Self { name, lease: LONG, bus: None, own_streams: false, shared: false, hasher: None }
    }
}

impl World {
    pub async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("maru.db"));
        maru_store::migrate(&location).await.unwrap();
        let store = Store::open(&location, Durability::Full, 4).await.unwrap();
        let clock = ManualClock::new();
        let streams = MemoryStreams::new(Arc::clone(&clock) as _, StreamLimits::default());
        Self {
            _folder: folder,
            store,
            clock,
            ids: Arc::new(SeededIds::new(1)),
            bus: Arc::new(MemoryBus::new()),
            streams: Arc::new(streams),
            model: ScriptedModel::new(),
            small: ScriptedModel::new(),
        }
    }

    /// A server with nothing special about it.
    pub fn server(&self) -> Server {
        self.server_with(Setup::named("one"))
    }

    pub fn server_with(&self, setup: Setup) -> Server {
        let flaky = FlakyStore::over(Arc::clone(&self.store.ports.turns));
        let idle = Arc::clone(&flaky);
        self.clock.wait_until_idle(move || !idle.is_at_work());
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let streams = if setup.own_streams {
            Arc::new(MemoryStreams::new(Arc::clone(&clock), StreamLimits::default()))
        } else {
            Arc::clone(&self.streams)
        };
        let tasks = Arc::new(TaskSpawner::new());
        let store = StorePorts { turns: Arc::clone(&flaky) as _, ..self.store.ports.clone() };
        let secret = || SecretString::from("a secret of the tests, long enough");
        let ports = Ports {
            store: store.clone(),
            limiter: Arc::new(MemoryLimiter::new(Arc::clone(&clock), LimiterSettings::default())),
            identities: Arc::new(MemoryIdentities::new(Arc::clone(&clock))),
            bus: setup.bus.unwrap_or_else(|| Arc::clone(&self.bus)),
            buffer: streams as _,
            pages: Arc::new(MemoryPages::default()),
            models: Arc::new(
                ScriptedModels::new(Arc::clone(&self.model)).with("small", Arc::clone(&self.small)),
            ),
            hasher: setup.hasher.unwrap_or_else(|| Arc::new(Argon2Hasher::new(HashCost::default()))),
            signer: Arc::new(JwtSigner::new(secret())),
            key_maker: Arc::new(KeyRing::new(secret())),
            clock,
            ids: Arc::clone(&self.ids) as _,
            spawner: Arc::clone(&tasks) as _,
        };
        let budget = Budget { messages: 20, chars: 10_000 };
        let engine = EngineSettings::new(InstanceId(setup.name.to_owned()), budget);
        let engine = if setup.shared { engine.shared() } else { engine };
        let engine = EngineSettings { lease: setup.lease, ..engine };
        let services = Services::new(ports, ServiceSettings { token_ttl: LONG, engine });
        Server { services, flaky, tasks, stop: CancellationToken::new(), store }
    }

    /// A room in which messages wait for their turn.
    pub async fn room(&self) -> RoomId {
        self.room_with(TurnPolicy::Queue).await
    }

    pub async fn room_with(&self, turn_policy: TurnPolicy) -> RoomId {
        let id = RoomId(self.ids.next());
        let room = NewRoom {
            id,
            kind: RoomKind::Native,
            owner: None,
            public_id: None,
            name: "a room".to_owned(),
            system_prompt: "be brief".to_owned(),
            model: None,
            turn_policy,
            metadata: Map::new(),
            created_at: self.clock.now(),
        };
        self.store.ports.rooms.create(room, None).await.unwrap();
        id
    }

    pub async fn user(&self) -> UserId {
        let id = UserId(self.ids.next());
        let user = NewUser {
            id,
            username: format!("user-{id}"),
            email: String::new(),
            password_hash: String::new(),
            created_at: self.clock.now(),
        };
        self.store.ports.users.register(user, None, None).await.unwrap();
        id
    }

    /// The turn as it is stored; it must be there.
    pub async fn stored(&self, turn: TurnId) -> TurnView {
        self.store.ports.turns.find(turn).await.unwrap().unwrap()
    }

    /// The turn's state and text as they are stored.
    pub async fn state(&self, turn: TurnId) -> (TurnStatus, String) {
        let view = self.stored(turn).await;
        (view.turn.status, view.reply)
    }

    /// The turn once it has ended, wherever it ran and whatever the clock shows.
    pub async fn over(&self, turn: TurnId) -> TurnView {
        until("the turn has ended", async || self.stored(turn).await.turn.status.is_terminal()).await;
        self.stored(turn).await
    }

    pub async fn is_gone(&self, turn: TurnId) -> bool {
        self.store.ports.turns.find(turn).await.unwrap().is_none()
    }

    /// The room as it is stored, with its messages.
    pub async fn messages(&self, room: RoomId) -> (Room, Vec<Message>) {
        let conversation = self.store.ports.rooms.conversation(room).await.unwrap().unwrap();
        (conversation.room, conversation.messages)
    }

    pub async fn events(&self, room: RoomId) -> Vec<RoomEvent> {
        self.store.ports.events.after(room, 0, 1000).await.unwrap()
    }
}

/// A message without any wishes.
pub fn request(content: &str) -> SendRequest {
    SendRequest { content: CleanText::message(content.to_owned()).unwrap(), ..SendRequest::default() }
}

/// A message that is taken back when the model fails.
pub fn or_withdraw(content: &str) -> SendRequest {
    SendRequest { withdraw_on_failure: true, ..request(content) }
}

/// The same message under a key.
pub fn under_key(key: &str, request: SendRequest) -> SendRequest {
    let fingerprint = request.content.as_str().as_bytes().to_vec();
    let once =
        OnceKey { scope: "somebody".into(), route: "POST /messages".into(), key: key.into(), fingerprint };
    SendRequest { once: Some(once), ..request }
}

impl Server {
    pub async fn authorized(&self, room: RoomId) -> Result<Authorized<Room, Write>, Fault> {
        self.services.rooms.find(&Actor::Anonymous, RoomRef::Id(room)).await
    }

    pub async fn try_send(&self, room: RoomId, request: SendRequest) -> Result<Once<Sending>, Fault> {
        let room = self.authorized(room).await?;
        self.services.messages.send(&room, request).await
    }

    /// Sends what must be stored now and for the first time.
    pub async fn send(&self, room: RoomId, request: SendRequest) -> Sending {
        done(self.try_send(room, request).await.unwrap())
    }

    /// Sends, and answers the turn.
    pub async fn ask(&self, room: RoomId, content: &str) -> TurnId {
        self.send(room, request(content)).await.sent.turn.id
    }

    pub async fn wait(&self, turn: TurnId) -> Settled {
        soon("the turn settles", self.services.turns.wait(turn)).await.unwrap()
    }

    /// The end of a turn that must end in order.
    pub async fn end_of(&self, turn: TurnId) -> TurnView {
        ended(self.wait(turn).await)
    }

    pub async fn cancel(&self, room: RoomId, turn: TurnId) -> Result<TurnView, Fault> {
        let room = self.authorized(room).await?;
        self.services.turns.cancel(&room, turn).await
    }

    /// Lets the heart beat, as `maru serve` does.
    pub fn live(&self) {
        use maru_domain::turns::ports::Spawner;
        let heart = Arc::clone(&self.services.engine).heartbeat(self.stop.clone());
        self.tasks.spawn(Box::pin(heart));
    }

    /// All of it ends at once, as by `kill -9`.
    pub async fn crash(&self) {
        self.tasks.crash().await;
    }

    /// Ends the heart and waits for all tasks; none may have panicked.
    pub async fn quiet(&self) {
        self.stop.cancel();
        assert_eq!(self.tasks.join().await, 0, "no task of the server may panic");
    }

    /// What a start on a store of its own does.
    pub async fn take_over(&self) {
        let owner = self.services.engine.lease().owner;
        self.store.turns.void_leases(owner).await.unwrap();
        self.services.engine.take_up(None).await;
    }
}

/// What was done now and not before.
pub fn done(once: Once<Sending>) -> Sending {
    match once {
        Once::Done(sending) => sending,
        Once::Replayed(_) => panic!("done before"),
        Once::KeyReused => panic!("the key was used for another request"),
    }
}

/// What was done before.
pub fn replayed(once: Once<Sending>) -> Sending {
    match once {
        Once::Replayed(sending) => sending,
        Once::Done(_) => panic!("done a second time"),
        Once::KeyReused => panic!("the key was used for another request"),
    }
}

/// The code of a refusal.
pub fn refused<T>(answer: Result<T, Fault>) -> &'static str {
    match answer {
        Ok(_) => panic!("was not refused"),
        Err(fault) => fault.code.name,
    }
}

/// The turn of a settled one that has ended in order.
pub fn ended(settled: Settled) -> TurnView {
    match settled {
        Settled::Ended { view, .. } => *view,
        other => panic!("has not ended in order: {other:?}"),
    }
}
