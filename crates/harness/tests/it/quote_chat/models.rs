//! A model other than the demo (contract §5.2): it follows the step's shape, and the template stands in for it.

use super::{COMFORT, FELL, Thread, templates};
use crate::support::{Backend, Site, for_both};
use maru_testkit::upstream::Script;
use serde_json::json;

for_both! { a_model_is_asked_to_follow_the_step a_failing_model_is_never_noticed }

async fn a_model_is_asked_to_follow_the_step(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let thread = Thread::new(&site.http());
    for n in 1..=4 {
        thread.exchange(&format!("말 {n}")).await;
        assert_eq!(thread.status().await.json()["content"], format!("reply to: 말 {n}"));
    }
    let fifth = thread.say("말 5").await.json();
    assert_eq!((&fifth["status"], &fifth["content"]), (&json!("completed"), &json!("reply to: 말 5")));
    assert_eq!(fifth["quote"]["category"], "hope");
    let calls: Vec<_> = site.upstream.calls().iter().map(|call| call.messages()).collect();
    assert_eq!(calls.len(), 5);
    for (call, shape) in calls.iter().zip(["더 자세히", "어떤 기분", "조금 더", "따뜻한 말", "따뜻한 말"])
    {
        let (role, told) = &call[0];
        assert!(role == "system" && told.contains(shape), "{role} {told}");
    }
    let said: Vec<_> = calls[3].iter().skip(1).map(|(_, text)| text.as_str()).collect();
    let (one, two, three) = ("reply to: 말 1", "reply to: 말 2", "reply to: 말 3");
    assert_eq!(said, ["말 1", one, "말 2", two, "말 3", three, "말 4"]);
}

async fn a_failing_model_is_never_noticed(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let thread = Thread::new(&site.http());
    // Refused, cut off after some text, withheld, and empty.
    let failures = [
        Script::error(401, &[]),
        Script::stream().role().say("반쯤 ").say("하다 ").close(),
        Script::stream().role().finish("content_filter").done().end(),
        Script::stream().role().finish("stop").done().end(),
    ];
    for (n, failure) in failures.into_iter().enumerate() {
        site.upstream.script("echo", failure);
        thread.exchange(if n == 0 { FELL } else { "네" }).await;
        let status = thread.status().await.json();
        let wanted = templates().get(n).cloned().unwrap_or_else(|| COMFORT.to_owned());
        assert_eq!((&status["status"], &status["content"]), (&json!("completed"), &json!(wanted)));
        assert_eq!(status["quote"].is_object(), n == 3, "{status}");
        let told = thread.listen().await.text();
        assert!(!told.contains("반쯤") && !told.contains("\"error\""), "{told}");
    }
}
