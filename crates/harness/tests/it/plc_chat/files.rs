//! `maru plc`: masters and PLCs out of files, row by row.

use super::{history, say_about, seed_masters};
use crate::support::{Backend, Site, for_both, maru};
use serde_json::json;
use std::path::Path;

for_both! { masters_and_plcs_come_out_of_files wrong_files_are_named }

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

async fn masters_and_plcs_come_out_of_files(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let home = site.server.home().to_owned();
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = arguments.iter().copied().chain(["--store", &site.store, "--json"]).collect();
        maru(&home, &all, "")
    };
    let json_masters = write(&home, "masters.json", &seed_masters().to_string());
    let put = run(&["plc", "masters", "import", &json_masters]);
    assert_eq!(put.ok().json(), json!({"plants": 1, "processes": 1, "lines": 1}));
    // As a spreadsheet saves it: with a mark, with quotes, with blank ends.
    let csv_masters = write(
        &home,
        "masters.csv",
        "\u{feff}plant_id,plant_code,plant_name,process_id,process_code,process_name,line_id,line_code,line_name\n\
         KY1,KY1,BOSK KY1,process009,PRC1,공정,line009,LN1,1라인\n\
         KY1,KY1,BOSK KY1,process009,PRC1,공정,line010,LN2,\"2라인, 뒤\"\n",
    );
    assert_eq!(
        run(&["plc", "masters", "import", &csv_masters]).ok().json(),
        json!({"plants": 1, "processes": 1, "lines": 2})
    );
    let listed = run(&["plc", "masters", "list"]).ok().json();
    assert_eq!(
        (listed["plants"].as_array().map(Vec::len), &listed["lines"][2]["name"]),
        (Some(2), &json!("2라인, 뒤"))
    );
    let csv = write(
        &home,
        "plcs.csv",
        "plc_uuid,plc_id,plc_name,plant_id,process_id,line_id,unit,create_user\n\
         plc-uuid-001,M1CFB01000,01_01_CELL_FABRICATOR,KY1,process009,line009,1,ann\n\
         ,M1CFB02000,01_02_CELL_FABRICATOR,KY1,process009,line010,,\n\
         ,M1CFB01000,again,KY1,process009,line009,1,ann\n\
         ,M1CFB03000,,KY1,process009,line009,1,ann\n\
         ,M1CFB04000,lost,KY1,process001,line009\n",
    );
    let ran = run(&["plc", "import", &csv]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let report = ran.json();
    let rows: Vec<_> =
        report["refused"].as_array().expect("rows").iter().map(|row| row["row"].clone()).collect();
    assert_eq!((&report["registered"], rows), (&json!(2), vec![json!(3), json!(4), json!(5)]), "{ran}");
    assert_eq!(
        report["refused"][1],
        json!({"row": 4, "plc_id": "M1CFB03000", "error": "plc_name must not be empty"})
    );
    let items = json!({"items": [{"plc_id": "M1CFB05000", "plc_name": "05", "plant_id": "plant001", "process_id": "process001", "line_id": "line001"}]});
    let file = write(&home, "plcs.json", &items.to_string());
    assert_eq!(run(&["plc", "import", &file]).ok().json(), json!({"registered": 1, "refused": []}));
    let list = run(&["plc", "list"]).ok().json();
    let ids: Vec<_> = list.as_array().expect("a list").iter().map(|plc| plc["plc_id"].clone()).collect();
    assert_eq!(ids, ["M1CFB01000", "M1CFB02000", "M1CFB05000"]);
    assert_eq!(run(&["plc", "list", "--plant", "KY1"]).ok().json().as_array().map(Vec::len), Some(2));
    // The server that runs meanwhile knows them, by the ids they brought.
    let http = site.http();
    say_about(&http, "chat001", "hello", "plc-uuid-001").await.has_status(200);
    assert_eq!(history(&http, "chat001").await[0]["plc_hierarchy"]["plant"]["name"], "BOSK KY1");
    assert_eq!(run(&["plc", "deactivate", "plc-uuid-001"]).ok().json()["is_active"], json!(false));
    assert!(history(&http, "chat001").await[0]["plc_snapshot"].is_null());
    run(&["plc", "activate", "plc-uuid-001"]).ok();
    assert!(history(&http, "chat001").await[0]["plc_snapshot"].is_object());
    let text = maru(&home, &["plc", "list", "--store", &site.store], "");
    assert!(text.ok().out.starts_with("UUID") && text.out.contains("01_01_CELL_FABRICATOR"), "{text}");
}

async fn wrong_files_are_named(backend: Backend) {
    let site = Site::start(backend, &[]).await;
    let home = site.server.home().to_owned();
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = arguments.iter().copied().chain(["--store", &site.store]).collect();
        maru(&home, &all, "")
    };
    std::fs::write(home.join("latin.csv"), b"plc_id,plc_name\n\xff\xfe,x\n").expect("a file");
    let cases = [
        ("import", write(&home, "x.txt", "x"), "ends neither with .csv nor with .json"),
        ("import", home.join("none.csv").display().to_string(), "none.csv"),
        ("import", write(&home, "bad.json", "{"), "bad.json"),
        ("import", home.join("latin.csv").display().to_string(), "not UTF-8"),
        ("masters", write(&home, "bad.csv", "plant_id\nx\n"), "bad.csv"),
        (
            "masters",
            write(
                &home,
                "orphan.json",
                "{\"lines\":[{\"id\":\"l\",\"code\":\"c\",\"name\":\"n\",\"process_id\":\"x\"}]}",
            ),
            "is not there",
        ),
    ];
    for (what, file, words) in cases {
        let arguments: &[&str] =
            if what == "masters" { &["plc", "masters", "import", &file] } else { &["plc", "import", &file] };
        let ran = run(arguments);
        assert!(ran.code == Some(1) && ran.err.contains(words) && ran.out.is_empty(), "{words}: {ran}");
    }
    let ran = run(&["plc", "activate", "nobody"]);
    assert!(ran.code == Some(1) && ran.err.contains("there is no such PLC"), "{ran}");
}
