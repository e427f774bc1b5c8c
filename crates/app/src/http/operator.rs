//! What operators and their machines ask: is it alive, is it ready, how much.

use super::State;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use std::time::Duration;

/// Alive: the process serves. Asks nothing of anybody else.
#[utoipa::path(get, path = "/livez", tag = "operator", responses((status = 200, description = "The process serves.")))]
pub async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// Whether requests should come here.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Readiness {
    /// `ready`, `draining` or `store_unavailable`.
    status: &'static str,
    /// When a commit counts as done.
    durability: String,
    /// `ok`, or `away`: then requests are served without it. Missing when none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<&'static str>,
}

/// Ready: the database answers and the server is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "operator", responses(
    (status = 200, description = "Requests may come.", body = Readiness),
    (status = 503, description = "The server is about to stop, or the database is away.", body = Readiness),
))]
pub async fn readyz(state: web::Data<State>) -> HttpResponse {
    let answers = tokio::time::timeout(Duration::from_secs(2), state.store.ping());
    let status = if state.status.is_draining() {
        "draining"
    } else if matches!(answers.await, Ok(Ok(()))) {
        "ready"
    } else {
        "store_unavailable"
    };
    // Never a reason to say no: nothing needs it.
    let redis = state.redis.as_ref().map(|redis| if redis.is_up() { "ok" } else { "away" });
    let readiness = Readiness { status, durability: state.durability.clone(), redis };
    if status == "ready" {
        HttpResponse::Ok().json(readiness)
    } else {
        HttpResponse::ServiceUnavailable().json(readiness)
    }
}

/// Counters and histograms in Prometheus's text format.
#[utoipa::path(get, path = "/metrics", tag = "operator", responses((status = 200, description = "Prometheus text.", content_type = "text/plain")))]
pub async fn metrics(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(state.metrics.render())
}
