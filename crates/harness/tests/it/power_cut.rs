//! The power goes under load: what was acknowledged is there all the same (reliability.md R2, appendix A).

use maru_harness::history::writers::{Member, Problem, Writers};
use maru_harness::history::{History, Kind, Op, Status, check, summary};
use maru_harness::server::{Address, Launch, TestServer};
use maru_testkit::lossyfs::{LossyFs, MountError};
use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_maru-under-test");
const CUTS: usize = 6;
/// In the control, the number of cuts of which at least one must lose something.
const CONTROL_CUTS: usize = 10;
/// Eight writers in six rooms.
const WRITERS: [usize; 6] = [2, 2, 1, 1, 1, 1];
/// About what a disk takes: long enough for an acknowledgement that does not wait for it to come first.
const FSYNC: Duration = Duration::from_millis(2);
/// How long after the last start every message must have its answer.
const SETTLED: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_full_durability_nothing_acknowledged_is_lost() -> Result<(), Problem> {
    let history = Arc::new(History::new());
    let address = Address::default();
    let Some(mut disk) = Disk::mount(None)? else { return Ok(()) };
    let mut server = disk.serve("full", &address).await?;
    let writers = Writers::start(&history, &address, &WRITERS).await?;
    for _ in 0..CUTS {
        tokio::time::sleep(between(500, 1500)).await;
        let from = history.now();
        let image = disk.cut(&mut server)?;
        let Some(next) = Disk::mount(Some(image.path()))? else { return Ok(()) };
        disk = next;
        history.outage(from, history.now());
        server = disk.serve("full", &address).await?;
    }
    let (members, acknowledged) = writers.finish(SETTLED).await?;
    for member in &members {
        member.read(&history, "last", true).await?;
    }
    let anomalies = check(&history.ops());
    println!("{acknowledged} acknowledged over {CUTS} power cuts, {}", summary(&anomalies));
    if !anomalies.is_empty() {
        let file = std::env::temp_dir().join(format!("maru-power-cut-{}.jsonl", std::process::id()));
        history.save(&file)?;
        return Err(format!("{}\nthe history is in {}", summary(&anomalies), file.display()).into());
    }
    Ok(())
}

/// The same with a store that is told not to wait for the disk: when that loses nothing either, the other test proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_normal_durability_something_is_lost() -> Result<(), Problem> {
    for _ in 0..CONTROL_CUTS {
        let history = Arc::new(History::new());
        let address = Address::default();
        let Some(disk) = Disk::mount(None)? else { return Ok(()) };
        let mut server = disk.serve("normal", &address).await?;
        let writers = Writers::start(&history, &address, &WRITERS).await?;
        tokio::time::sleep(between(500, 1500)).await;
        let from = history.now();
        let image = disk.cut(&mut server)?;
        let members = writers.abandon().await;
        let acknowledged = acknowledged_before(from, &history.ops());
        let server = Launch::new(BINARY).home(image.path()).start().await?;
        let there = everything(&members, &server).await;
        let lost = acknowledged.difference(&there).count();
        println!("normal durability: {lost} of {} acknowledged messages lost", acknowledged.len());
        if lost > 0 {
            return Ok(());
        }
    }
    Err(format!("void: {CONTROL_CUTS} power cuts with normal durability lost nothing, so this test would not notice a loss").into())
}

/// A disk that forgets, and where it is mounted.
struct Disk {
    lossy: LossyFs,
    mountpoint: TempDir,
}

impl Disk {
    /// Mounts a disk, with what an earlier one left; `None` where FUSE is absent, which the output then says.
    fn mount(image: Option<&Path>) -> Result<Option<Self>, Problem> {
        let mountpoint = tempfile::tempdir()?;
        let lossy = match LossyFs::mount(mountpoint.path()) {
            Ok(lossy) => lossy,
            Err(absent @ MountError::FuseAbsent(_)) => {
                println!("SKIPPED, no power was cut: {absent}");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(image) = image {
            copy(image, mountpoint.path())?;
        }
        lossy.set_fsync_time(FSYNC);
        Ok(Some(Self { lossy, mountpoint }))
    }

    async fn serve(&self, durability: &str, address: &Address) -> Result<TestServer, Problem> {
        let launch = Launch::new(BINARY).home(self.mountpoint.path()).address(address);
        Ok(launch.env("MARU__STORE__DURABILITY", durability).start().await?)
    }

    /// Cuts the power, ends the server, which still believes in its disk, and returns what the disk remembers. SQLite's shared memory
    /// does not survive a real power cut either.
    fn cut(self, server: &mut TestServer) -> Result<TempDir, Problem> {
        let image = tempfile::tempdir()?;
        self.lossy.cut(image.path())?;
        server.kill9()?;
        for entry in fs::read_dir(image.path())? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with("-shm") {
                fs::remove_file(path)?;
            }
        }
        Ok(image)
    }
}

/// Copies a directory so that the copy is on the platter.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

/// Room and text of every message whose acknowledgement had arrived before the power was cut.
fn acknowledged_before(cut: u64, ops: &[Op]) -> HashSet<(String, String)> {
    let acknowledged = ops.iter().filter(|op| op.op == Kind::Send && op.status == Status::Ok && op.t1 < cut);
    acknowledged.filter_map(|op| Some((op.room.clone(), op.body.clone()?))).collect()
}

/// Room and text of every message the server has. Who cannot read any more, because the user was forgotten too, reads nothing.
async fn everything(members: &[Member], server: &TestServer) -> HashSet<(String, String)> {
    let mut there = HashSet::new();
    for member in members {
        let mut client = maru_harness::token_chats::TokenChats::new(server.address());
        client = client.with_token(member.client.token().unwrap_or_default());
        let chats = client.list(None).await.ok().and_then(|answer| answer.value().ok()).unwrap_or_default();
        there.extend(
            chats.into_iter().flat_map(|chat| chat.conversation).map(|turn| (member.room.clone(), turn.you)),
        );
    }
    there
}

/// A random time between two numbers of milliseconds.
fn between(least: u64, most: u64) -> Duration {
    Duration::from_millis(least + RandomState::new().hash_one(Instant::now()) % (most - least + 1))
}
