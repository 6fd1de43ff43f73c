//! The OpenAPI 3.1 document of the doors for the partner's servers, made of the doors themselves.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;
use warifu_server::assets::Script;
use warifu_server::extract::Json;
use warifu_server::openapi::{complete, describe_audit};
use warifu_server::page::reference::{self, Asks};
use warifu_server::text::Lang;

use super::{Doors, api, billing, events, pages, policies};
use crate::Verifier;

/// Doors, and what the document says of them.
pub(super) type Described = OpenApiRouter<Doors>;

/// Adds doors at their path, and at the same path without the slash at its end.
fn both(doors: Described, routes: UtoipaMethodRouter<Doors>) -> Described {
    let paths: Vec<String> = routes.1.paths.keys().cloned().collect();
    let methods = routes.2.clone();
    paths.iter().fold(doors.routes(routes), |doors, path| doors.route(path.trim_end_matches('/'), methods.clone()))
}

/// The doors for the partner's servers, but those of the audit log.
fn doors() -> Described {
    let doors = Described::default()
        .routes(routes!(api::create))
        .routes(routes!(api::show))
        .routes(routes!(api::collect))
        .routes(routes!(events::events));
    let doors = doors.routes(routes!(policies::list)).routes(routes!(policies::show, policies::put, policies::retire));
    let doors = doors.routes(routes!(policies::versions));
    let doors = both(doors, api::import_door());
    let doors = both(doors, routes!(api::decision));
    let doors = both(both(doors, routes!(billing::prices)), routes!(billing::usage));
    both(doors.routes(routes!(described)), routes!(page))
}

pub(super) fn router() -> Router<Doors> {
    doors().into()
}

/// The document as JSON.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let mut described = Api::openapi();
        described.merge(doors().into_openapi());
        let mut document = serde_json::to_value(described).unwrap_or_default();
        describe_audit(&mut document, &json!([{ "api_key": [] }]));
        let refusal = json!({ "oneOf": [
            { "$ref": "#/components/schemas/Detail" }, { "$ref": "#/components/schemas/FieldErrors" },
        ] });
        complete(
            &mut document,
            &refusal,
            &[("api_key", "x-api-key", "The partner's own key, from the configuration.")],
        );
        document
    });
    &DOCUMENT
}

/// What can not be read from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Warifu verifier",
        version = "3",
        description = "Presentation requests and imported sessions, for the partner's own servers.\n\n\
            `/v1` is our own and says mistakes in problem documents; `/v3` mirrors another API and says them as \
            `{\"detail\": \"…\"}`, or as `{\"field\": [\"…\"]}` where one field of the body is wrong. Paths below `/v3/session/` are \
            taken with and without the slash at their end; this document names the one with it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The verifier that serves this document.")),
    components(schemas(Detail, FieldErrors)),
    tags(
        (name = "requests", description = "Asking a wallet for claims."),
        (name = "policies", description = "What is asked and demanded, by name and version."),
        (name = "imports", description = "Taking over a session that a person shared."),
        (name = "billing", description = "What imports would cost. Nothing is blocked by it."),
        (name = "audit", description = "The Merkle tree of everything that happened."),
        (name = "document", description = "This document."),
    )
)]
struct Api;

/// What was wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) struct Detail {
    /// In a sentence.
    #[schema(example = "the share has expired")]
    detail: String,
}

/// What was wrong with which field of the body: its name, and sentences.
#[derive(ToSchema)]
#[schema(example = json!({ "share_token": ["This field is required."] }))]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) struct FieldErrors(std::collections::BTreeMap<String, Vec<String>>);

/// This document.
///
/// OpenAPI 3.1 as JSON. `warifu openapi --role verifier` prints the same.
#[utoipa::path(
    get, path = "/v3/openapi.json", tag = "document", operation_id = "openapi_document", security(()),
    responses((status = 200, description = "The document.", body = Object, content_type = "application/json"))
)]
async fn described() -> Json<&'static Value> {
    Json(document())
}

/// This document as a page.
///
/// In English or Japanese, by `lang` or by what the browser asks for.
#[utoipa::path(
    get, path = "/v3/docs/", tag = "document", operation_id = "openapi_page", security(()),
    params(("lang" = Option<String>, Query, description = "`en` or `ja`.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
async fn page(State(verifier): State<Arc<Verifier>>, lang: Lang, uri: Uri) -> Response {
    let base = verifier.config.base_url.as_str().trim_end_matches('/');
    let asks = Asks { base, document: "/v3/openapi.json" };
    let words = pages::words(lang);
    let page = pages::page(&verifier, words, &words.say("reference-title"));
    page.wide().at(&uri).script(Script::Copy).main(reference::operations(&words, document(), &asks)).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use warifu_server::openapi::{faults, operations, served};

    use super::*;

    #[test]
    fn the_document_is_valid_and_names_every_door() {
        assert_eq!(faults(document()), Vec::<String>::new());
        let pairs = |path: &str, method: &str| {
            [(path.to_owned(), method.to_owned()), (path.trim_end_matches('/').to_owned(), method.to_owned())]
        };
        let described: BTreeSet<_> = operations(document())
            .filter(|(path, ..)| !path.starts_with("/v3/audit"))
            .flat_map(|(path, method, _)| pairs(path, method))
            .collect();
        let served = served(&router()).into_iter();
        let served: BTreeSet<_> =
            served.flat_map(|(path, methods)| methods.into_iter().map(move |method| (path.clone(), method))).collect();
        assert_eq!(served, described);
    }

    #[test]
    fn the_copy_in_the_repository_is_fresh() {
        let kept = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi/verifier.json"));
        let kept: Value = serde_json::from_str(kept).unwrap();
        assert!(
            kept == *document(),
            "the document has changed; refresh the copy: warifu openapi --role verifier > docs/openapi/verifier.json"
        );
    }

    #[test]
    fn the_example_of_a_request_is_read() {
        let schemas = &document()["components"]["schemas"];
        let request =
            serde_json::from_value::<crate::request::NewRequest>(schemas["PresentationRequest"]["example"].clone());
        assert!(request.is_ok(), "{request:?}");
        assert!(api::import_request(schemas["ShareImport"]["example"].clone()).is_ok());
    }
}
