//! Quote Generator V2 over HTTP (contract §5, and §0 as it concerns it), on both databases.

mod catalogue;
mod client;
mod models;
mod refusals;
mod stream;
mod threads;
mod trust;

use crate::support::{Ask, Backend, Http, Reply, Site, name};
use serde_json::{Value, json};

/// A server whose model is the demo.
pub async fn demo(backend: Backend) -> Site {
    Site::start(backend, &[("MARU__LLM__MODEL", "demo")]).await
}

/// The seed's own first message.
pub const FELL: &str = "오늘 지하철에서 넘어져서 기분이 안 좋아요";
pub const NOT_FOUND: &str = "대화를 찾을 수 없습니다.";
pub const COMFORT: &str = "충분히 이해됩니다. 당신의 마음을 어루만져줄 수 있는 따뜻한 말을 전해드릴게요.";

/// What is said to the first three messages.
pub fn templates() -> [String; 3] {
    [
        format!("안녕하세요! {FELL}에 대해 말씀해주셔서 감사합니다. 더 자세히 들려주실 수 있나요?"),
        "그런 상황이셨군요. 정말 힘드셨을 것 같아요. 그때 어떤 기분이 드셨나요?".to_owned(),
        "마음이 많이 상하셨을 것 같아요. 이런 일들이 있을 때는 정말 지치죠. 조금 더 이야기해주세요."
            .to_owned(),
    ]
}

/// The first quote of the catalogue.
pub fn first_quote() -> Value {
    json!({
        "id": "1",
        "text": "가장 어두운 밤도 결국은 끝나고, 해는 떠오른다.",
        "author": "빅터 위고",
        "category": "hope",
    })
}

/// A thread of a person, as its client sees it.
#[derive(Clone)]
pub struct Thread {
    pub http: Http,
    pub user: String,
    pub thread: String,
}

impl Thread {
    pub fn new(http: &Http) -> Self {
        Self { http: http.clone(), user: name("user"), thread: name("thread") }
    }

    pub fn named(http: &Http, user: &str, thread: &str) -> Self {
        Self { http: http.clone(), user: user.to_owned(), thread: thread.to_owned() }
    }

    pub fn with(&self, http: &Http) -> Self {
        Self { http: http.clone(), ..self.clone() }
    }

    pub fn body(&self, content: &str) -> Value {
        json!({
            "userId": self.user,
            "threadNum": self.thread,
            "content": content,
            "timestamp": "2024-01-15T10:30:00.000Z",
        })
    }

    pub fn say(&self, content: &str) -> Ask {
        self.http.post("/api/chat/send").json(&self.body(content))
    }

    pub fn path(&self, what: &str) -> String {
        let pairs = [("userId", &self.user), ("threadNum", &self.thread)];
        let query = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).join("&");
        format!("/api/chat/{what}?{query}")
    }

    pub fn status(&self) -> Ask {
        self.http.get(&self.path("status"))
    }

    pub fn listen(&self) -> Ask {
        self.http.get(&self.path("stream")).header("Accept", "text/event-stream")
    }

    pub fn delete(&self) -> Ask {
        self.http.ask("DELETE", &format!("/api/chat/{}/{}", encoded(&self.user), encoded(&self.thread)))
    }

    /// Sends and waits until the reply is there.
    pub async fn exchange(&self, content: &str) -> Reply {
        let sent = self.say(content).await;
        sent.has_status(200);
        crate::support::until("the reply is there", || async {
            self.status().await.json()["status"] != "pending"
        })
        .await;
        sent
    }
}

/// Percent-encoded, whatever it is.
pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A body without the server's time, which must look as the contract shows times.
#[track_caller]
pub fn timeless(mut body: Value) -> Value {
    let time = body["timestamp"].take();
    let time = time.as_str().unwrap_or_default();
    let digits: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(digits, "0000-00-00T00:00:00.000Z", "{time}");
    if let Value::Object(fields) = &mut body {
        fields.shift_remove("timestamp");
    }
    body
}
