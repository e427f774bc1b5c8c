use super::*;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::sync::oneshot;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn hasher() -> Argon2Hasher {
    Argon2Hasher::new(HashCost::cheapest())
}

async fn check(hasher: &Argon2Hasher, password: &str, hash: &str) -> PasswordCheck {
    hasher.check(secret(password), Some(hash.to_owned())).await.expect("it checks")
}

const RIGHT: PasswordCheck = PasswordCheck { right: true, outdated: false };
const WRONG: PasswordCheck = PasswordCheck { right: false, outdated: false };
const OUTDATED: PasswordCheck = PasswordCheck { right: true, outdated: true };

#[tokio::test]
async fn a_password_is_right_or_wrong() {
    let hasher = hasher();
    for password in ["correct horse", "비밀번호", "x", " ", &"é".repeat(128)] {
        let hash = hasher.hash(secret(password)).await.expect("a hash");
        assert_eq!(check(&hasher, password, &hash).await, RIGHT);
        for wrong in ["", "Correct horse", &format!("{password} "), &format!("{password}\0")] {
            assert_eq!(check(&hasher, wrong, &hash).await, WRONG);
        }
    }
}

#[tokio::test]
async fn todays_hash_is_owasps() {
    let hash = Argon2Hasher::new(HashCost::default()).hash(secret("x")).await.expect("a hash");
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let parsed = PasswordHash::new(&hash).expect("a PHC string");
    assert_eq!(parsed.salt.map(|salt| salt.len()), Some(16));
    assert_eq!(parsed.hash.map(|output| output.len()), Some(32));
}

#[tokio::test]
async fn salts_are_never_the_same() {
    let hasher = hasher();
    let mut hashes = Vec::new();
    for _ in 0..100 {
        hashes.push(hasher.hash(secret("x")).await.expect("a hash"));
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 100);
}

/// No time is measured here: what is compared is the memory that was filled.
#[tokio::test]
async fn a_wrong_name_costs_as_much_as_a_wrong_password() {
    let hasher = Argon2Hasher::new(HashCost::new(64, 3, 1).expect("a cost"));
    let hash = hasher.hash(secret("right")).await.expect("a hash");
    let each = 64 * 3;
    assert_eq!(hasher.work(), each);
    let foreign = [
        "pbkdf2_sha256$600000$salt$aGFzaA==",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
        "$argon2id$v=19$m=64,t=4294967295,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
        "!",
        "",
        "x",
    ];
    let stored = foreign.iter().map(|hash| Some((*hash).to_owned())).chain([None, Some(hash)]);
    for (done, stored) in (2_u64..).zip(stored) {
        let told = format!("{stored:?}");
        assert_eq!(hasher.check(secret("wrong"), stored).await.expect("it checks"), WRONG, "{told}");
        assert_eq!(hasher.work(), each * done, "{told}");
    }
}

/// The hash that stands for nobody cannot be hit, whatever is tried.
#[tokio::test]
async fn nobody_has_no_password() {
    let hasher = hasher();
    for password in ["", "\0", "0", "password"] {
        assert_eq!(hasher.check(secret(password), None).await.expect("it checks"), WRONG);
    }
}

#[tokio::test]
async fn a_weaker_hash_is_outdated_and_a_stronger_one_is_not() {
    let cost = |memory, passes| HashCost::new(memory, passes, 1).expect("a cost");
    let today = Argon2Hasher::new(cost(64, 2));
    for (memory, passes, expected) in [(64, 2, RIGHT), (128, 3, RIGHT), (32, 2, OUTDATED), (64, 1, OUTDATED)]
    {
        let hash = Argon2Hasher::new(cost(memory, passes)).hash(secret("x")).await.expect("a hash");
        assert_eq!(check(&today, "x", &hash).await, expected, "{memory} KiB, {passes} passes");
        // Only who knows the password learns that the hash is old.
        assert_eq!(check(&today, "y", &hash).await, WRONG);
    }
}

#[tokio::test]
async fn other_kinds_of_argon2_are_right_and_outdated() {
    let today = hasher();
    for (algorithm, version, salt) in [
        (Algorithm::Argon2i, Version::V0x13, &[1; 16][..]),
        (Algorithm::Argon2d, Version::V0x13, &[1; 16]),
        (Algorithm::Argon2id, Version::V0x10, &[1; 16]),
        (Algorithm::Argon2id, Version::V0x13, &[1; 8]),
    ] {
        let work = Work { done: Arc::default() };
        let hash = work
            .hash(algorithm, version, HashCost::cheapest().params(), &secret("x"), salt)
            .expect("a hash")
            .to_string();
        assert_eq!(check(&today, "x", &hash).await, OUTDATED, "{hash}");
        assert_eq!(check(&today, "y", &hash).await, WRONG, "{hash}");
    }
}

/// A known answer of the reference implementation: hashes of other programs can be brought along.
#[tokio::test]
async fn a_hash_of_the_reference_implementation_is_understood() {
    let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(check(&hasher(), "password", hash).await, OUTDATED);
    assert_eq!(check(&hasher(), "Password", hash).await, WRONG);
}

/// Fills both slots until the senders are dropped.
async fn occupy(
    hasher: &Arc<Argon2Hasher>,
    count: usize,
) -> (Vec<tokio::task::JoinHandle<()>>, Vec<oneshot::Sender<()>>) {
    let mut running = Vec::new();
    let mut ends = Vec::new();
    for _ in 0..count {
        let (end, ended) = oneshot::channel::<()>();
        let hasher = Arc::clone(hasher);
        #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
        running.push(tokio::spawn(async move {
            let done = hasher.in_a_slot(move |_| {
                let _ = ended.blocking_recv();
                Ok(())
            });
            let _ = done.await;
        }));
        ends.push(end);
    }
    while hasher.places.available_permits() > SLOTS + QUEUE - count {
        tokio::task::yield_now().await;
    }
    (running, ends)
}

#[tokio::test]
async fn beyond_the_queue_nobody_waits() {
    let hasher = Arc::new(hasher());
    let (running, ends) = occupy(&hasher, SLOTS + QUEUE).await;
    assert!(matches!(hasher.hash(secret("x")).await, Err(HashError::Busy)));
    assert!(matches!(hasher.check(secret("x"), None).await, Err(HashError::Busy)));
    drop(ends);
    join_all(running).await;
    assert!(hasher.hash(secret("x")).await.is_ok(), "the queue is empty again");
    assert_eq!((hasher.places.available_permits(), hasher.slots.available_permits()), (SLOTS + QUEUE, SLOTS));
}

#[tokio::test]
async fn two_hashes_are_computed_at_once_and_the_others_wait() {
    let hasher = Arc::new(hasher());
    let (running, ends) = occupy(&hasher, SLOTS).await;
    let waiting = hasher.hash(secret("x"));
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    assert_eq!(hasher.places.available_permits(), QUEUE, "who left the queue has left it");
    drop(ends);
    join_all(running).await;
}

#[tokio::test]
async fn who_leaves_does_not_free_a_slot_that_is_still_computing() {
    let hasher = Arc::new(hasher());
    let (running, ends) = occupy(&hasher, SLOTS).await;
    while hasher.slots.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    for task in &running {
        task.abort();
    }
    join_all(running).await;
    assert_eq!(hasher.slots.available_permits(), 0);
    drop(ends);
    assert!(hasher.hash(secret("x")).await.is_ok());
}

#[tokio::test]
async fn a_panic_costs_no_slot() {
    let hasher = hasher();
    for _ in 0..SLOTS + 1 {
        let failed = hasher.in_a_slot(|_| -> Result<(), HashError> { panic!("a bug") }).await;
        assert!(matches!(failed, Err(HashError::Failed(_))));
    }
    assert!(hasher.hash(secret("x")).await.is_ok());
}

#[test]
fn costs_have_bounds() {
    for (memory, passes, lanes) in
        [(0, 2, 1), (7, 2, 1), (64, 0, 1), (64, 2, 0), (8, 1, 2), (MOST_KIB + 1, 1, 1), (64, 65, 1)]
    {
        let refused = HashCost::new(memory, passes, lanes);
        assert!(refused.is_err_and(|error| error.to_string().starts_with("argon2id cannot work with")));
    }
    for cost in [HashCost::default(), HashCost::cheapest()] {
        assert_eq!(HashCost::new(cost.memory_kib, cost.passes, cost.lanes).ok(), Some(cost));
        assert_eq!(cost.params().m_cost(), cost.memory_kib);
    }
}

#[test]
fn debug_output_is_the_cost_only() {
    let told = format!("{:?}", Argon2Hasher::new(HashCost::default()));
    assert_eq!(told, "Argon2Hasher { cost: HashCost { memory_kib: 19456, passes: 2, lanes: 1 }, .. }");
}
