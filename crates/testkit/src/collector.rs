//! A collector of traces that takes what OpenTelemetry sends it, and shows it to a test.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A span that has arrived. Ids are hexadecimal, and empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What happened.
    pub name: String,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span that it belongs beneath.
    pub parent: String,
    /// 1 internal, 2 server, 3 client.
    pub kind: i32,
    /// The service that it comes from.
    pub service: String,
    /// What is told of it.
    pub attributes: BTreeMap<String, String>,
    /// How many events it has.
    pub events: usize,
}

#[derive(Debug, Default)]
struct Taken {
    spans: Vec<Span>,
    requests: usize,
    refused: Vec<String>,
}

/// A collector on a port of its own, until the process ends.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    /// One that takes everything.
    #[must_use]
    pub fn start() -> Self {
        Self::listening(true)
    }

    /// One that reads what comes and never answers.
    #[must_use]
    pub fn hanging() -> Self {
        Self::listening(false)
    }

    #[expect(clippy::expect_used, reason = "a test without its collector cannot go on")]
    fn listening(answers: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on the loopback interface");
        let address = listener.local_addr().expect("a bound socket has an address");
        let taken = Arc::<Mutex<Taken>>::default();
        let of_thread = Arc::clone(&taken);
        // Connections are few, and end with their server.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = Arc::clone(&of_thread);
                std::thread::spawn(move || converse(&stream, &taken, answers).ok());
            }
        });
        Self { address, taken }
    }

    /// Its base address, as `telemetry.otlp_endpoint`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.taken).spans.clone()
    }

    /// How many requests have arrived, also without an answer.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.taken).requests
    }

    /// What arrived and was no trace.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.taken).refused.clone()
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

fn converse(stream: &TcpStream, taken: &Mutex<Taken>, answers: bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut answer = stream;
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let decoded = ExportTraceServiceRequest::decode(body.as_slice());
        let mut all = lock(taken);
        all.requests += 1;
        match decoded {
            Ok(request) if first.starts_with("POST /v1/traces ") => all.spans.extend(spans(request)),
            Ok(_) => all.refused.push(first),
            Err(error) => all.refused.push(format!("{first}: {error}")),
        }
        drop(all);
        if !answers {
            // Until whoever asked has gone.
            return std::io::copy(&mut reader, &mut std::io::sink()).map(|_| ());
        }
        answer.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        )?;
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut found = Vec::new();
    for of_resource in request.resource_spans {
        let resource = told(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = resource.get("service.name").cloned().unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            found.push(Span {
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                kind: span.kind,
                service: service.clone(),
                attributes: told(span.attributes),
                events: span.events.len(),
            });
        }
    }
    found
}

fn told(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
