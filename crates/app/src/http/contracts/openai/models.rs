//! The models of this server, by the names that rooms and requests may use.

use super::fields::Known;
use super::refusal::{Refusal, RefusalShape};
use crate::http::State;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// A model.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiModel)]
pub struct ModelShape {
    /// `<provider>/<model>`, or `demo`.
    #[schema(example = "openai/gpt-4o-mini")]
    id: String,
    #[schema(example = "model")]
    object: &'static str,
    /// Not known: always 0.
    created: i64,
    /// The provider.
    #[schema(example = "openai")]
    owned_by: String,
}

/// Every model.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiModels)]
pub struct ModelsShape {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<ModelShape>,
}

fn model(name: String) -> ModelShape {
    let owned_by = name.split_once('/').map_or("maru", |(provider, _)| provider).to_owned();
    ModelShape { id: name, object: "model", created: 0, owned_by }
}

/// The models of this server, its own default first.
#[utoipa::path(get, path = "/v1/models", operation_id = "openai_models", tag = "openai", security(("bearer" = [])), responses(
    (status = 200, description = "All models.", body = ModelsShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
))]
pub async fn models(state: web::Data<State>, _: Known) -> HttpResponse {
    let data = state.services.models.names().into_iter().map(model).collect();
    HttpResponse::Ok().json(ModelsShape { object: "list", data })
}

/// A model.
#[utoipa::path(get, path = "/v1/models/{model}", operation_id = "openai_model", tag = "openai", security(("bearer" = [])), params(
    ("model" = String, Path, description = "Its name, with its slash or with `%2F`; a bare name that only one provider has will do."),
), responses(
    (status = 200, description = "The model.", body = ModelShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "`model_not_found`", body = RefusalShape),
))]
pub async fn one_model(
    state: web::Data<State>,
    _: Known,
    name: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    if state.services.models.resolve(Some(&name)).is_none() {
        return Err(Refusal::no_model(&name));
    }
    Ok(HttpResponse::Ok().json(model(name.into_inner())))
}
