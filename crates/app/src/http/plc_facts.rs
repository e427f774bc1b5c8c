//! What a PLC is and where it stands, as every contract that shows one has it.

use maru_domain::plcs::PlcSnapshot;
use serde::Serialize;
use utoipa::ToSchema;

/// The fields that are the same wherever a PLC is shown, in their order.
#[derive(Serialize, ToSchema)]
pub struct PlcFacts {
    #[schema(example = "M1CFB01000")]
    plc_id: String,
    #[schema(example = "01_01_CELL_FABRICATOR")]
    plc_name: String,
    plant_id: String,
    plant_name: String,
    plant_code: String,
    process_id: String,
    process_name: String,
    process_code: String,
    line_id: String,
    line_name: String,
    line_code: String,
    unit: Option<String>,
}

impl From<&PlcSnapshot> for PlcFacts {
    fn from(plc: &PlcSnapshot) -> Self {
        Self {
            plc_id: plc.plc_id.clone(),
            plc_name: plc.plc_name.clone(),
            plant_id: plc.plant_id.clone(),
            plant_name: plc.plant_name.clone(),
            plant_code: plc.plant_code.clone(),
            process_id: plc.process_id.clone(),
            process_name: plc.process_name.clone(),
            process_code: plc.process_code.clone(),
            line_id: plc.line_id.clone(),
            line_name: plc.line_name.clone(),
            line_code: plc.line_code.clone(),
            unit: plc.unit.clone(),
        }
    }
}
