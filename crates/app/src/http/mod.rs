//! HTTP: one table of routes, thin views over the use cases, and nothing that knows a rule.

mod answer;
pub mod body;
mod client;
mod connection;
mod contracts;
mod cors;
mod credentials;
mod once;
mod openapi;
mod operator;
mod page_place;
mod pages;
mod plc_facts;
mod plc_pages;
pub mod routes;
mod routing;
mod state;
mod surround;
mod unread;
mod v1;
mod visitor;

pub use connection::Connection;
pub use openapi::document;
pub use state::{State, Status};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};
use routing::Routing;

/// The web application, one for each worker.
pub fn app(
    state: web::Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(state.clone())
        .default_service(Routing::new(routes::table()))
        .wrap(from_fn(surround::catch_panics))
        .wrap(cors::cors(&state.cors_origins))
        .wrap(from_fn(surround::surround))
        .wrap(from_fn(cors::as_express_does))
        .wrap(from_fn(unread::hold))
}
