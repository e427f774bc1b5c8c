//! Where PLCs can stand: plants, processes and lines (contract §4.4).

use super::Refusal;
use super::fields::{Asked, Item};
use super::refusal::RefusalShape;
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::once::KeptAnswer;
use maru_domain::plcs::{Line, Masters, Plant, Plc, Process};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Masters, each list optional.
#[derive(ToSchema)]
#[schema(as = PlcMasters)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct MastersBody {
    plants: Vec<PlantBody>,
    processes: Vec<ProcessBody>,
    lines: Vec<LineBody>,
}

/// A plant.
#[derive(ToSchema)]
#[schema(as = Plant)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct PlantBody {
    #[schema(example = "plant001")]
    id: String,
    #[schema(example = "P001")]
    code: String,
    #[schema(example = "공장1")]
    name: String,
}

/// A process of a plant.
#[derive(ToSchema)]
#[schema(as = Process)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct ProcessBody {
    id: String,
    code: String,
    name: String,
    plant_id: String,
}

/// A line of a process.
#[derive(ToSchema)]
#[schema(as = Line)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct LineBody {
    id: String,
    code: String,
    name: String,
    process_id: String,
}

fn read(fields: &super::fields::Fields) -> Result<Masters, Refusal> {
    let plant = |item: &Item<'_>| {
        Ok(Plant { id: item.text("id")?, code: item.text("code")?, name: item.text("name")? })
    };
    let process = |item: &Item<'_>| {
        let Plant { id, code, name } = plant(item)?;
        Ok(Process { id, code, name, plant_id: item.text("plant_id")? })
    };
    let line = |item: &Item<'_>| {
        let Plant { id, code, name } = plant(item)?;
        Ok(Line { id, code, name, process_id: item.text("process_id")? })
    };
    Ok(Masters {
        plants: fields.list("plants")?.iter().map(plant).collect::<Result<_, Refusal>>()?,
        processes: fields.list("processes")?.iter().map(process).collect::<Result<_, Refusal>>()?,
        lines: fields.list("lines")?.iter().map(line).collect::<Result<_, Refusal>>()?,
    })
}

fn plant(plant: &Plant) -> Value {
    json!({ "id": plant.id, "code": plant.code, "name": plant.name })
}

fn process(process: &Process) -> Value {
    json!({ "id": process.id, "code": process.code, "name": process.name, "plant_id": process.plant_id })
}

fn line(line: &Line) -> Value {
    json!({ "id": line.id, "code": line.code, "name": line.name, "process_id": line.process_id })
}

fn shape(masters: &Masters) -> Value {
    json!({
        "plants": masters.plants.iter().map(plant).collect::<Vec<_>>(),
        "processes": masters.processes.iter().map(process).collect::<Vec<_>>(),
        "lines": masters.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// All plants, processes and lines.
#[utoipa::path(get, path = "/v1/plcs/masters", operation_id = "plcs_masters", tag = "plcs", security((), ("bearer" = [])), responses(
    (status = 200, description = "The masters.", body = MastersBody),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn masters(state: web::Data<State>, _visitor: Visitor) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(shape(&state.services.plcs.masters().await?)))
}

/// The same, for a form's lists.
#[utoipa::path(get, path = "/v1/plcs/masters/dropdown", operation_id = "plcs_dropdown", tag = "plcs", security((), ("bearer" = [])), responses(
    (status = 200, description = "The masters.", body = MastersBody),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn dropdown(state: web::Data<State>, visitor: Visitor) -> Result<HttpResponse, Refusal> {
    masters(state, visitor).await
}

/// Adds masters, or gives those of the same id their new fields; all or nothing.
#[utoipa::path(post, path = "/v1/plcs/masters", operation_id = "plcs_put_masters", tag = "plcs", security((), ("bearer" = [])), request_body = MastersBody, responses(
    (status = 200, description = "`{\"success\",\"message\",\"plants\",\"processes\",\"lines\"}` with how many of each."),
    (status = 400, description = "`VALIDATION_ERROR`: a field breaks a rule, or a plant or process that is named is not there.", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn put_masters(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(visitor, fields): Asked,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), &fields.bytes)?;
    let masters = read(&fields)?;
    let act = async {
        let body = json!({
            "success": true,
            "message": "기준정보가 저장되었습니다.",
            "plants": masters.plants.len(),
            "processes": masters.processes.len(),
            "lines": masters.lines.len(),
        });
        state.services.plcs.put_masters(masters).await?;
        Ok(KeptAnswer { status: 200, body: body.to_string() })
    };
    once::repeatable(&state, key, act).await
}

/// Plants with their processes, lines and PLCs.
#[utoipa::path(get, path = "/v1/plcs/tree", operation_id = "plcs_tree", tag = "plcs", security((), ("bearer" = [])), responses(
    (status = 200, description = "`{\"plants\":[{\"id\",\"code\",\"name\",\"processes\":[{…,\"lines\":[{…,\"plcs\":[…]}]}]}]}`"),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn tree(state: web::Data<State>, _visitor: Visitor) -> Result<HttpResponse, Refusal> {
    let masters = state.services.plcs.masters().await?;
    let plcs = state.services.plcs.all().await?;
    Ok(HttpResponse::Ok().json(json!({ "plants": branches(&masters, &plcs) })))
}

fn with(mut place: Value, name: &str, inside: Vec<Value>) -> Value {
    place[name] = Value::Array(inside);
    place
}

fn branches(masters: &Masters, plcs: &[Plc]) -> Vec<Value> {
    let leaf = |plc: &Plc| {
        json!({
            "plc_uuid": plc.uuid,
            "plc_id": plc.plc_id,
            "plc_name": plc.name,
            "unit": plc.unit,
            "is_active": plc.active,
        })
    };
    let of_line = |one: &Line| {
        with(line(one), "plcs", plcs.iter().filter(|plc| plc.line.id == one.id).map(leaf).collect())
    };
    let of_process = |one: &Process| {
        let lines = masters.lines.iter().filter(|line| line.process_id == one.id);
        with(process(one), "lines", lines.map(of_line).collect())
    };
    let of_plant = |one: &Plant| {
        let processes = masters.processes.iter().filter(|process| process.plant_id == one.id);
        with(plant(one), "processes", processes.map(of_process).collect())
    };
    masters.plants.iter().map(of_plant).collect()
}
