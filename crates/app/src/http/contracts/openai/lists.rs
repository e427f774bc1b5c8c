//! Lists: `{"object":"list","data","first_id","last_id","has_more"}`, paged by the ids in them.

use super::Refusal;
use super::known::NO_LOGPROBS;
use super::sampling::LOGPROBS;
use crate::http::v1::query::Query;
use actix_web::HttpRequest;
use maru_domain::page::{Order, Page, PageRequest, Part};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The items of a page when nobody says how many, and the most.
const USUAL: usize = 20;
const MOST: usize = 100;

/// A page of a list. `has_more` is always there: the Python client asks for ever without it.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiList)]
pub struct ListShape {
    #[schema(example = "list")]
    object: &'static str,
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

impl ListShape {
    /// Items that have ids.
    pub fn new(data: Vec<Value>, has_more: bool) -> Self {
        let id = |item: Option<&Value>| item.and_then(|item| item["id"].as_str()).map(str::to_owned);
        Self { object: "list", first_id: id(data.first()), last_id: id(data.last()), data, has_more }
    }

    /// A page of the domain.
    pub fn of<T>(page: &Page<T>, item: impl Fn(&T) -> Value) -> Self {
        Self::new(page.items.iter().map(item).collect(), page.has_more)
    }
}

/// What an address asks to include, in whatever form an SDK writes a list there, is not there to be left out; but
/// for probabilities, which are not told.
pub fn check_include(request: &HttpRequest) -> Result<(), Refusal> {
    match request.query_string().contains(LOGPROBS) {
        true => Err(Refusal::unsupported("include", NO_LOGPROBS)),
        false => Ok(()),
    }
}

/// What is asked of a list.
pub struct Paging {
    pub limit: usize,
    pub order: Order,
    /// The id of the item that the page comes after.
    pub after: Option<String>,
}

impl Paging {
    /// `limit`, `order` and `after` of a request.
    pub fn of(request: &HttpRequest, usual_order: Order) -> Result<Self, Refusal> {
        check_include(request)?;
        let query = Query::of(request);
        let limit = match query.one("limit")? {
            None => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| Refusal::value("limit", format!("it must be a number from 1 to {MOST}")))?,
        };
        let order = match query.one("order")?.as_deref() {
            None => usual_order,
            Some("asc") => Order::Ascending,
            Some("desc") => Order::Descending,
            Some(_) => return Err(Refusal::value("order", "it must be 'asc' or 'desc'")),
        };
        Ok(Self { limit, order, after: query.one("after")? })
    }

    /// The page after the place of `after`, or from the start.
    pub fn request(&self, after: Option<i64>) -> PageRequest<i64> {
        PageRequest { limit: self.limit, order: self.order, part: after.map_or(Part::Start, Part::After) }
    }
}
