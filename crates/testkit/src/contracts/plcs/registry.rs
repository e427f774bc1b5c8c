//! Masters and PLCs.

use super::super::durable::{TestStore, at, ok, there};
use super::{masters, new_plc, registered};
use maru_domain::plcs::ports::{NewPlc, PlcChange};
use maru_domain::plcs::{Line, Masters, PlcFilter, PlcUuid, Process, RowFault};
use maru_domain::services::StorePorts;
use tokio::task::JoinSet;

fn uuid(text: &str) -> PlcUuid {
    PlcUuid(text.into())
}

fn nothing(plc: &str) -> PlcChange {
    PlcChange {
        uuid: uuid(plc),
        plc_id: None,
        name: None,
        unit: None,
        plant_id: None,
        process_id: None,
        line_id: None,
    }
}

/// A second time with other fields: they have those then.
pub async fn masters_are_put_by_their_id(store: TestStore) {
    assert_eq!(ok(store.plcs.masters().await), Masters::default());
    assert!(ok(store.plcs.put_masters(masters()).await));
    assert_eq!(ok(store.plcs.masters().await), masters());
    let moved = Line { name: "moved".into(), process_id: "s2".into(), ..masters().lines[1].clone() };
    let change = Masters { lines: vec![moved.clone()], ..Masters::default() };
    assert!(ok(store.plcs.put_masters(change).await));
    let mut now = masters();
    now.lines[1] = moved;
    assert_eq!(ok(store.plcs.masters().await), now);
}

/// All or nothing.
pub async fn masters_without_a_parent_are_refused_together(store: TestStore) {
    let orphan = |plant: &str| Process { plant_id: plant.into(), ..masters().processes[0].clone() };
    let mut wrong = masters();
    wrong.processes.push(Process { id: "s9".into(), ..orphan("nowhere") });
    assert!(!ok(store.plcs.put_masters(wrong).await));
    let mut wrong = masters();
    wrong.lines.push(Line { id: "l9".into(), process_id: "nowhere".into(), ..masters().lines[0].clone() });
    assert!(!ok(store.plcs.put_masters(wrong).await));
    assert_eq!(ok(store.plcs.masters().await), Masters::default());
}

/// One that is refused does not stop the others.
pub async fn rows_are_registered_each_for_itself(store: TestStore) {
    registered(&store, &[("u1", "A")]).await;
    let rows = vec![
        new_plc("u2", "B"),
        new_plc("u3", "A"),
        NewPlc { line_id: "nowhere".into(), ..new_plc("u4", "C") },
        NewPlc { process_id: "s2".into(), ..new_plc("u5", "D") },
        NewPlc { plant_id: "p2".into(), ..new_plc("u6", "E") },
        new_plc("u1", "F"),
        new_plc("u7", "B"),
        NewPlc { unit: None, ..new_plc("u8", "G") },
    ];
    let done = ok(store.plcs.register(rows, at(2)).await);
    let (taken, unknown) = (Err(RowFault::Taken), Err(RowFault::UnknownLine));
    assert_eq!(
        done,
        [Ok(()), taken.clone(), unknown.clone(), unknown.clone(), unknown, taken.clone(), taken, Ok(())]
    );
    let plc = there(store.plcs.find(uuid("u2")).await);
    assert_eq!((plc.plc_id.as_str(), plc.name.as_str(), plc.unit.as_deref()), ("B", "B_CELL", Some("1")));
    assert_eq!((&plc.plant, &plc.process), (&masters().plants[0], &masters().processes[0]));
    assert_eq!((&plc.line, plc.active), (&masters().lines[0], true));
    assert_eq!((plc.created_at, plc.updated_at, plc.created_by.as_str()), (at(2), at(2), "ann"));
    assert_eq!(there(store.plcs.find(uuid("u8")).await).unit, None);
    assert_eq!(ok(store.plcs.find(uuid("u4")).await), None);
}

/// Sixteen at once.
pub async fn a_plc_is_registered_once_whoever_comes(store: TestStore) {
    registered(&store, &[]).await;
    let mut calls = JoinSet::new();
    for number in 0..16 {
        let plcs = store.plcs.clone();
        calls.spawn(async move { ok(plcs.register(vec![new_plc(&format!("u{number}"), "A")], at(2)).await) });
    }
    let rows: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    assert_eq!(rows.iter().filter(|row| row.is_ok()).count(), 1, "{rows:?}");
    assert!(rows.iter().all(|row| matches!(row, Ok(()) | Err(RowFault::Taken))), "{rows:?}");
    assert_eq!(ok(store.plcs.list(PlcFilter::default(), 0, 100).await).total, 1);
}

async fn listed(store: &StorePorts, filter: PlcFilter, offset: i64, limit: i64) -> (Vec<String>, i64) {
    let page = ok(store.plcs.list(filter, offset, limit).await);
    (page.items.into_iter().map(|plc| plc.plc_id).collect(), page.total)
}

/// By its name, in parts of any size.
pub async fn a_plc_is_listed_by_where_it_stands(store: TestStore) {
    registered(&store, &[("u3", "C"), ("u1", "A")]).await;
    let elsewhere = NewPlc { line_id: "l2".into(), ..new_plc("u2", "B") };
    let abroad =
        NewPlc { plant_id: "p2".into(), process_id: "s3".into(), line_id: "l3".into(), ..new_plc("u4", "D") };
    ok(store.plcs.register(vec![elsewhere, abroad], at(2)).await);
    there(store.plcs.set_active(uuid("u1"), false, at(3)).await);
    let all = PlcFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(&store, all(), 0, 10).await, (names(&["A", "B", "C", "D"]), 4));
    assert_eq!(listed(&store, all(), 1, 2).await, (names(&["B", "C"]), 4));
    assert_eq!(listed(&store, all(), 9, 2).await, (names(&[]), 4));
    let cases = [
        (PlcFilter { plant_id: some("p1"), ..all() }, names(&["A", "B", "C"])),
        (PlcFilter { process_id: some("s3"), ..all() }, names(&["D"])),
        (PlcFilter { line_id: some("l2"), ..all() }, names(&["B"])),
        (PlcFilter { plc_id: some("C"), ..all() }, names(&["C"])),
        (PlcFilter { active: Some(false), ..all() }, names(&["A"])),
        (PlcFilter { active: Some(true), line_id: some("l1"), ..all() }, names(&["C"])),
        (PlcFilter { plant_id: some("nowhere"), ..all() }, names(&[])),
    ];
    for (filter, expected) in cases {
        let total = i64::try_from(expected.len()).unwrap_or(-1);
        assert_eq!(listed(&store, filter.clone(), 0, 10).await, (expected, total), "{filter:?}");
    }
}

/// And no other.
pub async fn a_change_touches_the_named_fields(store: TestStore) {
    registered(&store, &[("u1", "A")]).await;
    let before = there(store.plcs.find(uuid("u1")).await);
    let renamed = PlcChange { name: Some("renamed".into()), ..nothing("u1") };
    assert_eq!(ok(store.plcs.change(vec![renamed], at(9)).await), [Ok(())]);
    let now = there(store.plcs.find(uuid("u1")).await);
    let mut expected = before.clone();
    expected.name = "renamed".into();
    expected.updated_at = at(9);
    assert_eq!(now, expected);
    let moved = PlcChange {
        plc_id: Some("Z".into()),
        unit: Some("7".into()),
        plant_id: Some("p2".into()),
        process_id: Some("s3".into()),
        line_id: Some("l3".into()),
        ..nothing("u1")
    };
    assert_eq!(ok(store.plcs.change(vec![moved], at(10)).await), [Ok(())]);
    let now = there(store.plcs.find(uuid("u1")).await);
    assert_eq!((now.plc_id.as_str(), now.unit.as_deref(), now.name.as_str()), ("Z", Some("7"), "renamed"));
    assert_eq!((now.line.id.as_str(), now.plant.id.as_str()), ("l3", "p2"));
    assert_eq!(now.created_at, before.created_at);
}

/// The others of the batch are done.
pub async fn a_change_is_refused_where_it_breaks_a_rule(store: TestStore) {
    registered(&store, &[("u1", "A"), ("u2", "B")]).await;
    let before = there(store.plcs.find(uuid("u1")).await);
    let changes = vec![
        PlcChange { plc_id: Some("B".into()), ..nothing("u1") },
        PlcChange { line_id: Some("l3".into()), ..nothing("u1") },
        nothing("nobody"),
        PlcChange { plc_id: Some("B".into()), unit: Some("2".into()), ..nothing("u2") },
    ];
    let rows = ok(store.plcs.change(changes, at(9)).await);
    assert_eq!(rows, [Err(RowFault::Taken), Err(RowFault::UnknownLine), Err(RowFault::Missing), Ok(())]);
    assert_eq!(there(store.plcs.find(uuid("u1")).await), before);
    assert_eq!(there(store.plcs.find(uuid("u2")).await).unit.as_deref(), Some("2"));
}

/// Messages name the id for ever.
pub async fn a_deleted_plc_frees_its_name_and_not_its_id(store: TestStore) {
    registered(&store, &[("u1", "A"), ("u2", "B")]).await;
    let gone = store.plcs.delete(vec![uuid("u1"), uuid("nobody"), uuid("u1")], "bob".into(), at(5)).await;
    assert_eq!(ok(gone), [true, false, false]);
    assert_eq!(ok(store.plcs.find(uuid("u1")).await), None);
    assert_eq!(listed(&store, PlcFilter::default(), 0, 10).await, (vec!["B".to_owned()], 1));
    assert_eq!(ok(store.plcs.set_active(uuid("u1"), true, at(6)).await), None);
    assert_eq!(ok(store.plcs.change(vec![nothing("u1")], at(6)).await), [Err(RowFault::Missing)]);
    let again = vec![new_plc("u1", "C"), new_plc("u3", "A")];
    assert_eq!(ok(store.plcs.register(again, at(7)).await), [Err(RowFault::Taken), Ok(())]);
}

/// Neither inactive nor deleted ones, nor those that never were.
pub async fn only_active_plcs_are_shown(store: TestStore) {
    registered(&store, &[("u1", "A"), ("u2", "B"), ("u3", "C")]).await;
    let asked = || ["u1", "u2", "u3", "nobody"].map(uuid).to_vec();
    there(store.plcs.set_active(uuid("u1"), false, at(3)).await);
    ok(store.plcs.delete(vec![uuid("u2")], "bob".into(), at(3)).await);
    assert_eq!(ok(store.plcs.active(asked()).await), [uuid("u3")]);
    let back = there(store.plcs.set_active(uuid("u1"), true, at(4)).await);
    assert!(back.active && back.updated_at == at(4));
    let mut shown = ok(store.plcs.active(asked()).await);
    shown.sort();
    assert_eq!(shown, [uuid("u1"), uuid("u3")]);
    assert_eq!(ok(store.plcs.active(Vec::new()).await), []);
}
