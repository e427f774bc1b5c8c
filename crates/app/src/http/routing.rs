//! From a path and a verb to the handler of the table.
//!
//! actix' own router asks one regular expression after the other, which took a third of the time of a cached page; a
//! tree finds a path in one walk, and needs no memory for expressions in every worker.

use super::contracts::Contract;
use super::routes::{Entry, Policy};
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{Error, HttpMessage, HttpResponse, Route};
use futures_util::future::{LocalBoxFuture, ready, try_join_all};
use std::collections::BTreeMap;
use std::rc::Rc;

type RouteService = <Route as ServiceFactory<ServiceRequest>>::Service;

/// The path of the table that a request has met, for whoever counts requests.
#[derive(Clone, Copy)]
pub struct Met(pub &'static str);

/// The table as actix wants a service: one for each worker.
pub struct Routing {
    paths: Vec<Rc<[Entry]>>,
}

impl Routing {
    /// Routes for these rows.
    pub fn new(table: Vec<Entry>) -> Self {
        let mut paths: BTreeMap<&'static str, Vec<Entry>> = BTreeMap::new();
        for entry in table {
            paths.entry(entry.path).or_default().push(entry);
        }
        Self { paths: paths.into_values().map(Rc::from).collect() }
    }
}

impl ServiceFactory<ServiceRequest> for Routing {
    type Response = ServiceResponse;
    type Error = Error;
    type Config = ();
    type Service = Routes;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Routes, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let paths = self.paths.clone();
        Box::pin(async move {
            let mut tree = matchit::Router::new();
            let mut places = Vec::with_capacity(paths.len());
            for (index, entries) in paths.iter().enumerate() {
                let Some(first) = entries.first() else { continue };
                for form in forms(first.path) {
                    tree.insert(form, index).map_err(|error| {
                        tracing::error!(path = first.path, %error, "two routes have the same path");
                    })?;
                }
                places.push(Place::new(first, entries).await?);
            }
            Ok(Routes { tree, places })
        })
    }
}

/// What stands at one path.
struct Place {
    path: &'static str,
    contract: Contract,
    /// Only whoever shows a good token is told anything here, be it that a verb is wrong.
    wants_token: bool,
    allow: HeaderValue,
    handlers: Vec<(Method, RouteService)>,
}

impl Place {
    async fn new(first: &Entry, entries: &[Entry]) -> Result<Self, ()> {
        let handlers = try_join_all(
            entries.iter().map(async |entry| Ok((entry.verb.clone(), entry.route().new_service(()).await?))),
        );
        let options = has_options(first.contract).then_some("OPTIONS");
        let verbs = entries.iter().map(|entry| entry.verb.as_str()).chain(options);
        let allow = verbs.collect::<Vec<_>>().join(", ");
        Ok(Self {
            path: first.path,
            contract: first.contract,
            wants_token: entries.iter().any(|entry| entry.policy == Policy::Token),
            allow: HeaderValue::from_str(&allow).map_err(drop)?,
            handlers: handlers.await?,
        })
    }

    fn handler(&self, verb: &Method) -> Option<&RouteService> {
        let verb = if *verb == Method::HEAD { &Method::GET } else { verb };
        self.handlers.iter().find(|(its, _)| its == verb).map(|(_, handler)| handler)
    }

    /// OPTIONS tells what a path can do, where a contract has it; any other verb that is not in the table is refused, once it is known who calls.
    fn other_verb(&self, request: ServiceRequest) -> <Routes as Service<ServiceRequest>>::Future {
        let (contract, allow) = (self.contract, self.allow.clone());
        let is_options = request.method() == Method::OPTIONS && has_options(contract);
        let asks = self.wants_token && !is_options;
        Box::pin(async move {
            if asks && let Some(refusal) = contract.stranger(request.request()).await {
                return Ok(request.into_response(refusal));
            }
            let mut response = if is_options {
                HttpResponse::NoContent().finish()
            } else {
                contract.wrong_verb(request.method().as_str())
            };
            response.headers_mut().insert(ALLOW, allow);
            Ok(request.into_response(response))
        })
    }
}

/// The pages have the verbs of the table alone (contract §3): no other site may ask them what they can do.
fn has_options(contract: Contract) -> bool {
    contract != Contract::Pages
}

/// The table of one worker.
pub struct Routes {
    tree: matchit::Router<usize>,
    places: Vec<Place>,
}

impl Service<ServiceRequest> for Routes {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    always_ready!();

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let path = request.path();
        // A path with and without a slash at its end is the same (contract §0.2).
        let found = self.tree.at(path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path));
        let Some((place, mut ids)) = found.ok().and_then(|found| {
            let ids = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            Some((self.places.get(*found.value)?, ids.collect::<Vec<_>>()))
        }) else {
            let response = Contract::of_path(path).unknown_path();
            return Box::pin(ready(Ok(request.into_response(response))));
        };
        if ids.is_empty() && place.path.contains("/{chat_id}/") {
            ids.push(("chat_id".to_owned(), NO_CHAT.to_owned()));
        }
        for (name, value) in ids {
            request.match_info_mut().add_static(name, value);
        }
        request.extensions_mut().insert(Met(place.path));
        match place.handler(request.method()) {
            Some(handler) => handler.call(request),
            None => place.other_verb(request),
        }
    }
}

/// No chat of the PLC chat API has this id, and `/v1/chat/completions/history` asks for one all the same: it is no
/// chat completion of OpenAI's API (contract §6.1).
const NO_CHAT: &str = "completions";

/// The forms of a path that are served: the AInfo rooms stand under `/api/v1` too, where the original
/// has them as well (contract §0.1). A model's name has a slash in it.
fn forms(path: &str) -> Vec<String> {
    // Without the slash at its end, the path of the front page is empty.
    let path = if path.is_empty() { "/" } else { path };
    let mut forms = vec![path.replace("{model}", "{*model}")];
    if path.starts_with("/v1/chat/{chat_id}/") {
        forms.push(path.replace("{chat_id}", NO_CHAT));
    }
    if path.starts_with("/chatbot/") {
        forms.push(format!("/api/v1{path}"));
    }
    forms
}
