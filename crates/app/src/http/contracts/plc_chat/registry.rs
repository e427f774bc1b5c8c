//! The registry of PLCs (contract §4.4).

use super::Refusal;
use super::fields::{Asked, Item, Query};
use super::refusal::RefusalShape;
use super::shapes::local;
use crate::http::plc_facts::PlcFacts;
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::tz::TimeZone;
use maru_domain::error::{FieldRule, Kind};
use maru_domain::once::KeptAnswer;
use maru_domain::plcs::{
    BatchReport, ID_CHARS, NAME_CHARS, Plc, PlcDraft, PlcEdit, PlcFilter, PlcUuid, RowFailure, RowFault,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Rows of a page when nobody says how many, and at most.
const PAGE: (i64, i64) = (20, 1_000);
/// The last page that can be asked for.
const LAST_PAGE: i64 = 1_000_000;

/// A PLC of the registry.
#[derive(Serialize, ToSchema)]
#[schema(as = Plc)]
pub struct PlcShape {
    #[schema(example = "plc-uuid-001")]
    plc_uuid: String,
    #[serde(flatten)]
    facts: PlcFacts,
    is_active: bool,
    #[schema(example = "2025-10-31 18:39:00")]
    create_dt: String,
    create_user: String,
    #[schema(example = "2025-10-31 18:39:00")]
    update_dt: String,
}

impl PlcShape {
    /// A PLC as the registry shows it.
    pub fn new(plc: &Plc, zone: &TimeZone) -> Self {
        let now = plc.snapshot();
        Self {
            plc_uuid: plc.uuid.0.clone(),
            facts: PlcFacts::from(&now),
            is_active: plc.active,
            create_dt: local(plc.created_at, zone),
            create_user: plc.created_by.clone(),
            update_dt: local(plc.updated_at, zone),
        }
    }
}

/// A page of the registry.
#[derive(Serialize, ToSchema)]
#[schema(as = PlcPage)]
pub struct PlcPageShape {
    items: Vec<PlcShape>,
    total_count: i64,
    page: i64,
    page_size: i64,
    total_pages: i64,
}

/// Rows to be registered or changed.
#[derive(ToSchema)]
#[schema(as = PlcBatch)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct BatchBody {
    items: Vec<BatchRow>,
}

/// A row. To change a PLC, its `plc_uuid` and the fields that change.
#[derive(ToSchema)]
#[schema(as = PlcBatchRow)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct BatchRow {
    plc_uuid: Option<String>,
    #[schema(example = "M1CFB01000")]
    plc_id: String,
    #[schema(example = "01_01_CELL_FABRICATOR")]
    plc_name: String,
    plant_id: String,
    process_id: String,
    line_id: String,
    unit: Option<String>,
    create_user: String,
}

/// PLCs to be deleted.
#[derive(ToSchema)]
#[schema(as = PlcDeletion)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct DeleteBody {
    plc_uuids: Vec<String>,
    delete_user: String,
}

/// Whether a PLC is shown.
#[derive(ToSchema)]
#[schema(as = PlcActivation)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct ActivateBody {
    is_active: bool,
}

fn draft(item: &Item<'_>) -> Result<PlcDraft, Refusal> {
    Ok(PlcDraft {
        // A new PLC gets its id from us; one that is imported brings it along.
        uuid: None,
        plc_id: item.text("plc_id")?,
        name: item.text("plc_name")?,
        unit: item.optional("unit")?,
        plant_id: item.text("plant_id")?,
        process_id: item.text("process_id")?,
        line_id: item.text("line_id")?,
        by: item.text("create_user")?,
    })
}

fn edit(item: &Item<'_>) -> Result<PlcEdit, Refusal> {
    Ok(PlcEdit {
        uuid: item.text("plc_uuid")?,
        plc_id: item.optional("plc_id")?,
        name: item.optional("plc_name")?,
        unit: item.optional("unit")?,
        plant_id: item.optional("plant_id")?,
        process_id: item.optional("process_id")?,
        line_id: item.optional("line_id")?,
    })
}

/// Why a row was not done: a code and a sentence.
fn words(fault: &RowFault) -> (&'static str, String) {
    match fault {
        RowFault::Field(field, FieldRule::Required) => {
            ("REQUIRED_FIELD_MISSING", format!("{field}: 필수 항목이 누락되었습니다."))
        }
        RowFault::Field(field, FieldRule::TooLong(most)) => {
            ("VALIDATION_ERROR", format!("{field}: {most}자를 넘을 수 없습니다."))
        }
        RowFault::Field(field, _) => ("VALIDATION_ERROR", format!("{field}: 허용되지 않는 문자가 있습니다.")),
        RowFault::UnknownLine => {
            ("MASTER_NOT_FOUND", "해당 Plant, 공정, Line을 찾을 수 없습니다.".to_owned())
        }
        RowFault::Taken => ("PLC_ALREADY_EXISTS", "이미 등록된 PLC입니다.".to_owned()),
        RowFault::Missing => ("PLC_NOT_FOUND", "PLC를 찾을 수 없습니다.".to_owned()),
    }
}

fn errors(failed: &[RowFailure]) -> Vec<Value> {
    let row = |row: &RowFailure| {
        let (code, message) = words(&row.fault);
        json!({ "index": row.index, "plc_id": row.plc_id, "code": code, "message": message })
    };
    failed.iter().map(row).collect()
}

/// `{"success","message","created_count","failed_count","errors"}`
fn report(report: &BatchReport, counted: &str, verb: &str) -> Value {
    let (done, failed) = (report.done, report.failed.len());
    let message = if failed == 0 {
        format!("PLC {done}건이 {verb}되었습니다.")
    } else {
        format!("PLC {done}건이 {verb}되었고 {failed}건은 실패했습니다.")
    };
    json!({
        "success": failed == 0,
        "message": message,
        counted: done,
        "failed_count": failed,
        "errors": errors(&report.failed),
    })
}

/// Registers PLCs, active. A row that is refused does not stop the others.
#[utoipa::path(post, path = "/v1/plcs/batch", operation_id = "plcs_register", tag = "plcs", security((), ("bearer" = [])), request_body = BatchBody, responses(
    (status = 200, description = "`{\"success\",\"message\",\"created_count\",\"failed_count\",\"errors\"}`; an error names its row by `index`."),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn register_batch(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(visitor, fields): Asked,
) -> Result<HttpResponse, Refusal> {
    let key = once::key(&request, &state, visitor.scope(&request), &fields.bytes)?;
    let drafts: Vec<PlcDraft> = fields.items("items")?.iter().map(draft).collect::<Result<_, _>>()?;
    let act = async {
        let done = state.services.plcs.register(drafts).await?;
        Ok(KeptAnswer { status: 200, body: report(&done, "created_count", "등록").to_string() })
    };
    once::repeatable(&state, key, act).await
}

/// Changes PLCs. Messages keep them as they were.
#[utoipa::path(put, path = "/v1/plcs/batch", operation_id = "plcs_change", tag = "plcs", security((), ("bearer" = [])), request_body = BatchBody, responses(
    (status = 200, description = "`{\"success\",\"message\",\"updated_count\",\"failed_count\",\"errors\"}`"),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn change_batch(state: web::Data<State>, Asked(_, fields): Asked) -> Result<HttpResponse, Refusal> {
    let edits: Vec<PlcEdit> = fields.items("items")?.iter().map(edit).collect::<Result<_, _>>()?;
    let done = state.services.plcs.change(edits).await?;
    Ok(HttpResponse::Ok().json(report(&done, "updated_count", "수정")))
}

/// A page of the registry, by `plc_id`.
#[utoipa::path(get, path = "/v1/plcs", operation_id = "plcs_list", tag = "plcs", security((), ("bearer" = [])), params(
    ("page" = Option<i64>, Query, description = "From 1 on."),
    ("page_size" = Option<i64>, Query, description = "1 to 1000; 20 when missing."),
    ("plant_id" = Option<String>, Query, description = "Only of this plant."),
    ("process_id" = Option<String>, Query, description = "Only of this process."),
    ("line_id" = Option<String>, Query, description = "Only of this line."),
    ("plc_id" = Option<String>, Query, description = "Only of this name."),
    ("is_active" = Option<bool>, Query, description = "Only active ones, or inactive ones."),
), responses(
    (status = 200, description = "The page.", body = PlcPageShape),
    (status = 400, description = "`VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn plcs(
    request: HttpRequest,
    state: web::Data<State>,
    _visitor: Visitor,
) -> Result<HttpResponse, Refusal> {
    let query = Query::of(&request);
    let (page, page_size) = (query.number("page", 1, LAST_PAGE)?, query.number("page_size", PAGE.0, PAGE.1)?);
    let filter = PlcFilter {
        plant_id: query.short("plant_id", ID_CHARS)?,
        process_id: query.short("process_id", ID_CHARS)?,
        line_id: query.short("line_id", ID_CHARS)?,
        plc_id: query.short("plc_id", ID_CHARS)?,
        active: query.flag("is_active")?,
    };
    let found = state.services.plcs.list(filter, (page - 1) * page_size, page_size).await?;
    Ok(HttpResponse::Ok().json(PlcPageShape {
        items: found.items.iter().map(|plc| PlcShape::new(plc, &state.zone)).collect(),
        total_count: found.total,
        page,
        page_size,
        total_pages: (found.total + page_size - 1) / page_size,
    }))
}

/// A PLC, or `null`.
#[utoipa::path(get, path = "/v1/plcs/{plc_uuid}", operation_id = "plcs_one", tag = "plcs", security((), ("bearer" = [])), params(
    ("plc_uuid" = String, Path, description = "The PLC's id."),
), responses(
    (status = 200, description = "The PLC; `null` when there is none of that id.", body = Option<PlcShape>),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn plc(
    state: web::Data<State>,
    _visitor: Visitor,
    uuid: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let found = match PlcUuid::parse(&uuid) {
        Some(uuid) => state.services.plcs.find(uuid).await?,
        None => None,
    };
    Ok(HttpResponse::Ok().json(found.map(|plc| PlcShape::new(&plc, &state.zone))))
}

/// Shows or hides a PLC in all messages, old ones too.
#[utoipa::path(patch, path = "/v1/plcs/{plc_uuid}", operation_id = "plcs_activate", tag = "plcs", security((), ("bearer" = [])), request_body = ActivateBody, params(
    ("plc_uuid" = String, Path, description = "The PLC's id."),
), responses(
    (status = 200, description = "The PLC.", body = PlcShape),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
    (status = 404, description = "`PLC_NOT_FOUND`", body = RefusalShape),
))]
pub async fn activate(
    state: web::Data<State>,
    Asked(_, fields): Asked,
    uuid: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let active = fields.flag("is_active")?;
    let uuid = PlcUuid::parse(&uuid).ok_or_else(|| Refusal::no_plc(&uuid))?;
    let name = uuid.clone();
    let plc = state.services.plcs.set_active(uuid, active).await;
    let plc = plc.map_err(|fault| match fault.kind() {
        Kind::NotFound => Refusal::no_plc(&name.0),
        _ => fault.into(),
    })?;
    Ok(HttpResponse::Ok().json(PlcShape::new(&plc, &state.zone)))
}

/// Deletes PLCs. Messages keep their ids and show nothing else of them.
#[utoipa::path(delete, path = "/v1/plcs", operation_id = "plcs_delete", tag = "plcs", security((), ("bearer" = [])), request_body = DeleteBody, responses(
    (status = 200, description = "`{\"success\",\"message\",\"deleted_count\",\"failed_count\",\"errors\"}`"),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `VALIDATION_ERROR`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn delete_plcs(state: web::Data<State>, Asked(_, fields): Asked) -> Result<HttpResponse, Refusal> {
    let uuids = fields.texts("plc_uuids")?;
    let by = fields.required("delete_user", NAME_CHARS)?;
    let done = state.services.plcs.delete(uuids, by).await?;
    Ok(HttpResponse::Ok().json(report(&done, "deleted_count", "삭제")))
}
