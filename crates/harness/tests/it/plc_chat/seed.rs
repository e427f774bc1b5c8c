//! The front end's own code out of the seed, unchanged, under Node against the running server.

use super::{registered, say, say_about, uuid};
use crate::support::{Backend, Site, for_both};
use maru_testkit::upstream::Script;
use serde_json::{Value, json};
use std::process::Command;

for_both! { the_front_ends_code_fills_and_clears_its_form }

/// What a browser gives the code: a document, a relative `fetch`, and the chat that is shown.
const AROUND: &str = r#"
const fields = {};
globalThis.document = { getElementById: (id) => (fields[id] ??= { value: 'untouched' }) };
const atHome = globalThis.fetch;
globalThis.fetch = (path) => atHome(process.argv[2] + path);
const chatId = process.argv[3];
"#;

/// As it stands in the seed.
const SEED: &str = r#"
// 채팅 히스토리 조회
const response = await fetch(`/v1/chat/${chatId}/history`);
const data = await response.json();

// 각 메시지의 PLC 정보 확인
data.history.forEach(msg => {
  if (msg.plc_uuid) {
    if (msg.plc_hierarchy && msg.plc_snapshot) {
      // PLC가 활성화된 경우: PLC 정보 폼에 데이터 표시
      displayPlcInfo(msg.plc_snapshot);
    } else {
      // PLC가 비활성화된 경우: PLC 정보 폼 비우기
      clearPlcInfoForm();
    }
  }
});

function displayPlcInfo(plcSnapshot) {
  // Plant 드롭다운
  document.getElementById('plantSelect').value = plcSnapshot.plant_id;
  
  // 공정 드롭다운
  document.getElementById('processSelect').value = plcSnapshot.process_id;
  
  // Line 드롭다운
  document.getElementById('lineSelect').value = plcSnapshot.line_id;
  
  // PLC ID
  document.getElementById('plcIdInput').value = plcSnapshot.plc_id;
  
  // PLC 명
  document.getElementById('plcNameInput').value = plcSnapshot.plc_name;
  
  // 등록일시
  document.getElementById('registrationDateInput').value = plcSnapshot.create_dt;
}

function clearPlcInfoForm() {
  // 모든 PLC 정보 필드 초기화
  document.getElementById('plantSelect').value = '';
  document.getElementById('processSelect').value = '';
  document.getElementById('lineSelect').value = '';
  document.getElementById('plcIdInput').value = '';
  document.getElementById('plcNameInput').value = '';
  document.getElementById('registrationDateInput').value = '';
}
"#;

/// The form after the code has run; `None` where there is no Node.
fn form(site: &Site, chat: &str) -> Option<Value> {
    let script = tempfile::Builder::new().suffix(".mjs").tempfile().expect("a file");
    let tell = "console.log(JSON.stringify(fields));";
    std::fs::write(script.path(), format!("{AROUND}{SEED}{tell}")).expect("a script");
    let base = site.server.base_url();
    let ran = Command::new("node").arg(script.path()).args([&base, chat]).output();
    let ran = match ran {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("node is not installed: the seed's own code was not run");
            return None;
        }
        ran => ran.expect("node runs"),
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).expect("the form as JSON"))
}

async fn the_front_ends_code_fills_and_clears_its_form(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let http = site.http();
    let plc = registered(&http).await;
    say(&http, "chat001", "about none").await.has_status(200);
    let Some(untouched) = form(&site, "chat001") else { return };
    assert_eq!(untouched, json!({}), "a message about none touches no field");
    // A model that fails leaves the question last; a reply would clear the form, as it names the PLC
    // and has no snapshot.
    site.upstream.script("echo", Script::error(401, &[]));
    say_about(&http, "chat001", "about one", &uuid(&plc)).await.has_status(503);
    let filled = json!({
        "plantSelect": {"value": "plant001"},
        "processSelect": {"value": "process001"},
        "lineSelect": {"value": "line001"},
        "plcIdInput": {"value": plc["plc_id"]},
        "plcNameInput": {"value": "01_01_CELL_FABRICATOR"},
        "registrationDateInput": {"value": plc["create_dt"]},
    });
    assert_eq!(form(&site, "chat001"), Some(filled.clone()));
    let activate = |active: bool| {
        let body = json!({ "is_active": active });
        http.ask("PATCH", &format!("/v1/plcs/{}", uuid(&plc))).json(&body)
    };
    activate(false).await.has_status(200);
    let mut cleared = filled.clone();
    for field in cleared.as_object_mut().expect("fields").values_mut() {
        *field = json!({"value": ""});
    }
    assert_eq!(form(&site, "chat001"), Some(cleared));
    activate(true).await.has_status(200);
    assert_eq!(form(&site, "chat001"), Some(filled));
}
