//! The script with one button for partners' own pages.

use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// Where the script lies. The address stands in partners' pages, so it does not change with the script.
pub(super) const PATH: &str = "/button.js";
const SCRIPT: &str = include_str!("../../assets/button.js");

/// `GET /button.js`: a module, which browsers load from another origin only where it says that all may.
pub(super) async fn script() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, SCRIPT).into_response()
}
