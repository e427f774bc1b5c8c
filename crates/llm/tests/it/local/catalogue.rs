//! Fetching a model's file from a hub that breaks off, from a file, from nowhere.

use super::{SMOLLM, Silent, smollm};
use maru_llm::local::Catalogue;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A hub with one file, which breaks off in the middle the first time it is asked.
struct Hub {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn hub(bytes: Vec<u8>) -> Hub {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            // Whoever breaks off the connection is no fault of the hub.
            let _ = answer(&stream, &bytes, n == 0, &heard);
        }
    });
    Hub { address, asked }
}

fn answer(
    mut stream: &TcpStream,
    bytes: &[u8],
    breaks: bool,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let range =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let from: usize =
        range.as_deref().and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let first = head.lines().next().unwrap_or_default();
    heard.lock().expect("a list").push(format!("{first} from {from}"));
    let rest = bytes.get(from..).unwrap_or_default();
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len())?;
    stream.write_all(if breaks { &rest[..rest.len() / 3] } else { rest })
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names
}

#[tokio::test]
async fn a_download_that_breaks_off_is_gone_on_with() {
    let bytes = std::fs::read(smollm().await).expect("the model");
    let folder = tempfile::tempdir().expect("a folder");
    let hub = hub(bytes.clone());
    let catalogue = Catalogue::new(folder.path()).with_hub(&hub.address);
    let pulled = catalogue.pull(SMOLLM, None, &Silent).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(pulled.source.as_deref(), Some(hub.address.as_str()));
    assert!(std::fs::read(&pulled.path).expect("the file") == bytes, "byte for byte");
    let asked = hub.asked.lock().expect("a list").clone();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].ends_with("from 0") && asked[0].contains("/resolve/"), "{asked:?}");
    assert!(!asked[1].ends_with("from 0"), "it went on: {asked:?}");
    assert_eq!(files(folder.path()), ["smollm2-135m.gguf"], "nothing is left lying about");
    assert!(
        catalogue.pull(SMOLLM, None, &Silent).await.expect("here").source.is_none(),
        "and is not asked again"
    );
    assert_eq!(catalogue.remove(SMOLLM).expect("removed"), bytes.len() as u64);
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_the_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "GGUF, they said").expect("a file");
    let catalogue = Catalogue::new(folder.path().join("models"));
    let told = catalogue.pull(SMOLLM, Some(&wrong), &Silent).await.expect_err("wrong bytes").to_string();
    assert!(told.contains("SHA-256") && !told.contains('\n'), "{told}");
    assert!(files(&folder.path().join("models")).is_empty());
    let told = catalogue.pull("gpt-17", None, &Silent).await.expect_err("no such model").to_string();
    assert!(told.contains("maru model list"), "{told}");
    let gone = catalogue.pull(SMOLLM, Some(&folder.path().join("gone")), &Silent).await;
    assert!(gone.expect_err("no file").to_string().contains("No such file"));
}

#[tokio::test]
async fn a_model_can_be_taken_from_a_file_or_another_servers_folder() {
    let file = smollm().await;
    for from in [file.as_path(), file.parent().expect("its folder")] {
        let folder = tempfile::tempdir().expect("a folder");
        let pulled = Catalogue::new(folder.path()).pull(SMOLLM, Some(from), &Silent).await;
        let pulled = pulled.unwrap_or_else(|error| panic!("{error}"));
        assert!(std::fs::read(pulled.path).expect("it") == std::fs::read(&file).expect("the other"));
    }
}
