//! Style, scripts and the sign: inside the binary, under addresses that change with them.

use super::answer::{self, Trouble};
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::error::{Fault, codes};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

macro_rules! assets {
    ($($name:literal $kind:literal;)+) => {
        &[$(($name, $kind, include_bytes!(concat!("../../../assets/", $name)))),+]
    };
}

static ASSETS: &[(&str, &str, &[u8])] = assets! {
    "maru.css" "text/css; charset=utf-8";
    "maru.js" "text/javascript; charset=utf-8";
    "maru.svg" "image/svg+xml";
    "htmx-2.0.11.min.js" "text/javascript; charset=utf-8";
    "htmx-ext-sse-2.2.4.min.js" "text/javascript; charset=utf-8";
};

/// Of all of them, so that no page gets the style of one version and the script of another.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    ASSETS.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

/// Where one is.
pub fn address(name: &str) -> String {
    format!("/assets/{name}?v={}", *VERSION)
}

/// Its type and its bytes.
pub fn find(name: &str) -> Option<(&'static str, &'static [u8])> {
    ASSETS.iter().find(|(known, ..)| *known == name).map(|(_, kind, bytes)| (*kind, *bytes))
}

/// What the pages are made of.
#[utoipa::path(get, path = "/assets/{file}", operation_id = "pages_asset", tag = "pages", params(
    ("file" = String, Path, description = "The name."),
), responses(
    (status = 200, description = "A style sheet, a script or a picture."),
    (status = 404, description = "The pages have no such part."),
))]
pub async fn asset(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Trouble> {
    let is_this_one = request.query_string() == format!("v={}", *VERSION);
    answer::part(&file, is_this_one).ok_or_else(|| Fault::new(&codes::NOT_FOUND).into())
}
