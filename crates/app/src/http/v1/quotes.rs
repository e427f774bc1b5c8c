//! The catalogue of quotes (contract §8).

use super::caller::Caller;
use super::query::{self, Paging, Query};
use super::shapes::{self, PageShape, QuoteShape};
use super::{Problem, answers, etag};
use crate::http::State;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::error::{Fault, codes};
use maru_domain::page::Order;
use maru_domain::quotes::Category;

/// The catalogue by number, or one category of it.
#[utoipa::path(get, path = "/v1/quotes", operation_id = "v1_quotes", tag = "quotes", security(("bearer" = [])), params(
    ("category" = Option<String>, Query, description = "`hope`, `motivation`, `productivity` or `resilience`."),
    ("limit" = Option<u16>, Query, description = "1 to 200; 50 when missing.", minimum = 1, maximum = 200),
    ("after" = Option<String>, Query, description = "A cursor: what follows it in this order."),
    ("before" = Option<String>, Query, description = "A cursor: what comes just before it in this order."),
    ("order" = Option<String>, Query, description = "`asc` or `desc`."),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
), responses(
    (status = 200, description = "A page.", body = PageShape<QuoteShape>),
    (status = 304, description = "As it was under that `ETag`."),
))]
pub async fn quotes(
    request: HttpRequest,
    state: web::Data<State>,
    _: Caller,
) -> Result<HttpResponse, Problem> {
    let wanted = Paging::of(&request)?.request::<i64>(Order::Ascending)?;
    let category = Query::of(&request).one("category")?.map(|word| category(&word)).transpose()?;
    let page = state.services.quotes.page(category, wanted).await?;
    let page = answers::text(&query::shape(page, &wanted, |quote| quote.id, |quote| shapes::quote(&quote)))?;
    Ok(etag::by_bytes(&request, &state, page))
}

fn category(word: &str) -> Result<Category, Fault> {
    Category::parse(word).ok_or_else(|| {
        let words = Category::ALL.map(Category::as_str).join(", ");
        Fault::new(&codes::INVALID_PARAMETER).detail(format!("category must be one of {words}"))
    })
}

/// A quote.
#[utoipa::path(get, path = "/v1/quotes/{id}", operation_id = "v1_quote", tag = "quotes", security(("bearer" = [])), params(
    ("id" = String, Path, description = "The quote's id."),
), responses((status = 200, description = "The quote.", body = QuoteShape)))]
pub async fn quote(
    state: web::Data<State>,
    _: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let number = id.parse().ok().filter(|_| id.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.ok_or_else(|| Fault::new(&codes::QUOTE_NOT_FOUND))?;
    Ok(HttpResponse::Ok().json(shapes::quote(&state.services.quotes.find(number).await?)))
}
