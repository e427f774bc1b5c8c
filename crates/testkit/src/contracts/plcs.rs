//! The contract of [`PlcStore`](maru_domain::plcs::ports::PlcStore), and of what messages keep of a PLC.

mod kept;
mod registry;

pub use kept::*;
pub use registry::*;

use super::durable::{at, ok};
use maru_domain::plcs::ports::NewPlc;
use maru_domain::plcs::{Line, Masters, Plant, PlcUuid, Process};
use maru_domain::services::StorePorts;

/// Names the tests of PLCs for an expression that opens an empty [`TestStore`](super::durable::TestStore).
#[macro_export]
macro_rules! plcs_contract {
    ($new:expr) => {
        $crate::contract_tests!(plcs, $new =>
            masters_are_put_by_their_id,
            masters_without_a_parent_are_refused_together,
            rows_are_registered_each_for_itself,
            a_plc_is_registered_once_whoever_comes,
            a_plc_is_listed_by_where_it_stands,
            a_change_touches_the_named_fields,
            a_change_is_refused_where_it_breaks_a_rule,
            a_deleted_plc_frees_its_name_and_not_its_id,
            only_active_plcs_are_shown,
            a_message_keeps_its_plc_as_it_was,
            a_message_about_no_plc_that_is_there_leaves_no_trace,
            a_new_reply_names_the_plc_of_its_message,
            a_message_without_a_reply_keeps_its_plc,
        );
    };
}

/// Two plants; the first has two processes, the first of which has two lines.
#[must_use]
pub fn masters() -> Masters {
    let plant = |id: &str| Plant { id: id.into(), code: format!("{id}-code"), name: format!("{id} 공장") };
    let process = |id: &str, plant: &str| Process {
        id: id.into(),
        code: format!("{id}-code"),
        name: format!("{id} 공정"),
        plant_id: plant.into(),
    };
    let line = |id: &str, process: &str| Line {
        id: id.into(),
        code: format!("{id}-code"),
        name: format!("{id} 라인"),
        process_id: process.into(),
    };
    Masters {
        plants: vec![plant("p1"), plant("p2")],
        processes: vec![process("s1", "p1"), process("s2", "p1"), process("s3", "p2")],
        lines: vec![line("l1", "s1"), line("l2", "s1"), line("l3", "s3")],
    }
}

/// A PLC on the first line.
#[must_use]
pub fn new_plc(uuid: &str, plc_id: &str) -> NewPlc {
    NewPlc {
        uuid: PlcUuid(uuid.into()),
        plc_id: plc_id.into(),
        name: format!("{plc_id}_CELL"),
        unit: Some("1".into()),
        plant_id: "p1".into(),
        process_id: "s1".into(),
        line_id: "l1".into(),
        by: "ann".into(),
    }
}

/// The masters, and these PLCs on the first line.
pub async fn registered(store: &StorePorts, plcs: &[(&str, &str)]) {
    assert!(ok(store.plcs.put_masters(masters()).await));
    let new = plcs.iter().map(|(uuid, plc_id)| new_plc(uuid, plc_id)).collect();
    let rows = ok(store.plcs.register(new, at(1)).await);
    assert!(rows.iter().all(Result::is_ok), "{rows:?}");
}
