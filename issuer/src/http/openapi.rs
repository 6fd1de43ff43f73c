//! The OpenAPI 3.1 document of the v3 API, made of the doors themselves: each handler names its path, parameters, bodies
//! and answers, and is served where it says so. What is said of a door here can not drift from where it is.
//!
//! The shapes of answers are the types that are written; those of requests, which are read member by member so that each
//! refusal can name its field, are described in [`bodies`], and tests read their examples as the doors do.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::assets::Script;
use warifu_server::extract::Json;
use warifu_server::openapi::{complete, describe_audit};
use warifu_server::page::reference::{self, Asks};
use warifu_server::text::Lang;

use super::{Front, pages};

pub(super) mod answers;
pub(super) mod bodies;

/// Doors, and what the document says of them.
pub(super) type Doors = OpenApiRouter<Front>;

/// Adds doors at their path, and at the same path without the slash at its end.
pub(super) fn both(doors: Doors, routes: UtoipaMethodRouter<Front>) -> Doors {
    let paths: Vec<String> = routes.1.paths.keys().cloned().collect();
    let methods = routes.2.clone();
    paths.iter().fold(doors.routes(routes), |doors, path| doors.route(path.trim_end_matches('/'), methods.clone()))
}

/// The document as JSON.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let mut described = Api::openapi();
        described.merge(super::Api::doors().into_document());
        described.merge(super::audit::Described::openapi());
        let mut document = serde_json::to_value(described).unwrap_or_default();
        describe_audit(&mut document, &json!([{ "operator_key": [] }, { "api_key": [] }]));
        let refusal = json!({ "oneOf": [
            { "$ref": "#/components/schemas/Detail" }, { "$ref": "#/components/schemas/FieldErrors" },
        ] });
        let keys = [
            ("api_key", "x-api-key", "Key of an application, as `warifu app create` prints it."),
            (
                "operator_key",
                "x-operator-key",
                "Key of whoever runs the issuer. It opens the applications and the audit log.",
            ),
        ];
        complete(&mut document, &refusal, &keys);
        document
    });
    &DOCUMENT
}

/// What can not be read from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Warifu issuer",
        version = "3",
        description = "Sessions, workflows, webhooks and what belongs to them, for the servers of clients.\n\n\
            Every path is taken with and without the slash at its end; this document names the one with it. Moments are in \
            UTC (RFC 3339), scores from 0 to 100, countries in ISO 3166-1 alpha-3. What belongs to another application is \
            not there: 404. Refusals are `{\"detail\": \"…\"}`, or `{\"field\": [\"…\"]}` where one field of the body is wrong.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The issuer that serves this document.")),
    components(schemas(Detail, FieldErrors)),
    tags(
        (name = "sessions", description = "Verifications: made, listed, decided, explained, erased."),
        (name = "reviews", description = "What reviewers say of a session. It never mints: credentials are made of what the checks passed."),
        (name = "credentials", description = "What is made of an approved session, and how it is taken back."),
        (name = "sharing", description = "Handing a finished session to a partner, under the person's consent."),
        (name = "retention", description = "How long the data of a session stay."),
        (name = "workflows", description = "What a session asks for and what follows, as a graph."),
        (name = "questionnaires", description = "Questions that a workflow asks."),
        (name = "webhooks", description = "Where events are sent to, and how that went."),
        (name = "blocklist", description = "Faces that are declined."),
        (name = "billing", description = "What was counted. Nothing is blocked by it."),
        (name = "applications", description = "The clients of this API, for whoever runs the issuer."),
        (name = "audit", description = "The Merkle tree of everything that happened, for whoever runs the issuer."),
        (name = "document", description = "This document."),
    )
)]
struct Api;

/// What was wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) struct Detail {
    /// In a sentence, with what to do.
    #[schema(example = "there is no such session")]
    detail: String,
}

/// What was wrong with which field of the body: its name, and sentences.
#[derive(ToSchema)]
#[schema(example = json!({ "workflow_id": ["Must be a valid UUID."] }))]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) struct FieldErrors(std::collections::BTreeMap<String, Vec<String>>);

/// The session in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what is read from the path")]
pub(super) struct SessionId {
    /// Identifier of the session.
    id: Uuid,
}

/// Whatever else is named in a path as `id`.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what is read from the path")]
pub(super) struct OneId {
    /// Identifier.
    id: Uuid,
}

/// What a session is refused with that is only looked at.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) enum Looked {
    /// There is no such session, or it is another application's.
    #[response(status = 404)]
    NoSuchSession(Detail),
    /// The data of this session were erased.
    #[response(status = 410)]
    Erased(Detail),
}

/// What a session is refused with that is to be changed.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) enum Changed {
    /// There is no such session, or it is another application's.
    #[response(status = 404)]
    NoSuchSession(Detail),
    /// Someone else is changing it, or its state does not allow it now.
    #[response(status = 409)]
    Busy(Detail),
    /// The data of this session were erased, or it is over.
    #[response(status = 410)]
    Gone(Detail),
}

/// What is refused that is not there.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what is written as JSON")]
pub(super) enum Found {
    /// There is no such thing, or it is another application's.
    #[response(status = 404)]
    NotFound(Detail),
}

pub(super) fn doors() -> Doors {
    both(Doors::default().routes(routes!(described)), routes!(page))
}

/// This document.
///
/// OpenAPI 3.1 as JSON. `warifu openapi` prints the same.
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
async fn page(State(front): State<Front>, lang: Lang, uri: Uri) -> Response {
    let issuer = &front.0;
    let words = issuer.catalogue.words(lang);
    let base = issuer.config().address("");
    let asks = Asks { base: &base, document: "/v3/openapi.json" };
    let page = pages::shell(issuer, words, words.say("reference-title"), issuer.config().environment);
    page.wide().at(&uri).script(Script::Copy).main(reference::operations(&words, document(), &asks)).into_response()
}
