//! Stored policies, for the partner's own servers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use warifu_server::extract::{Json, Path, Query};
use warifu_server::{Now, Problem};

use super::api::Partner;
use super::openapi::Detail;
use crate::Verifier;
use crate::policies::{PoliciesError, PolicyVersion, Standing};
use crate::policy::Policy;

/// A policy as it is sent and shown.
#[derive(ToSchema)]
#[schema(example = json!({
    "purpose": "Open an account", "purposes": { "ja": "口座の開設" },
    "dcql_query": { "credentials": [{ "id": "kyc", "format": "dc+sd-jwt",
        "meta": { "vct_values": ["https://issuer.example/vct/kyc-identity/1"] },
        "claims": [{ "path": ["family_name"] }, { "path": ["assurance"] }] }] },
    "max_age_days": 365, "minimum_assurance": "documentary",
    "selfie_reauth": { "max_age": 60, "liveness": "passive" },
    "keep": { "claims": ["family_name"], "days": 30 }
}))]
#[expect(dead_code, reason = "describes what is read from JSON")]
pub(super) struct PolicyWords {
    /// What the claims are for, in English; shown before people consent.
    purpose: String,
    /// The same in other languages, by language tag.
    #[schema(required = false)]
    purposes: Option<std::collections::BTreeMap<String, String>>,
    /// What is asked for (DCQL, OpenID4VP 1.0 section 6).
    #[schema(value_type = Object)]
    dcql_query: Value,
    /// The selfie that is demanded: `max_age` in seconds, `liveness` `passive` or `active`, `operating_point`.
    #[schema(required = false, value_type = Object)]
    selfie_reauth: Option<Value>,
    /// Whose credentials are accepted, by their identifiers in the trusted list; those of every issuer in it when absent.
    #[schema(required = false)]
    issuers: Option<Vec<String>>,
    /// How many days ago the person may have been verified. The query has to ask for `assurance.verified_at`.
    #[schema(required = false)]
    max_age_days: Option<u32>,
    /// `data_match`, `documentary` or `cryptographic`: how the person must have been verified at least. The query has to ask for
    /// `assurance.method`.
    #[schema(required = false)]
    minimum_assurance: Option<String>,
    /// Names of `claims` that are kept for so many `days`. Without it the verdict alone is kept.
    #[schema(required = false, value_type = Object)]
    keep: Option<Value>,
}

/// A version of a policy.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyAnswer {
    /// Name by which requests choose it.
    name: String,
    /// Counts from 1; `null` for a policy of the configuration.
    version: Option<u32>,
    /// When the version was made.
    created_at: Option<Timestamp>,
    /// Whether requests can be made from it.
    standing: Standing,
    /// `configuration`, where it is changed only there, or `stored`.
    #[schema(example = "stored")]
    source: &'static str,
    /// What it says.
    #[schema(value_type = PolicyWords)]
    policy: Value,
}

impl PolicyAnswer {
    fn stored(version: PolicyVersion) -> Self {
        Self {
            name: version.policy.name.clone(),
            version: Some(version.version),
            created_at: Some(version.created),
            standing: version.standing,
            source: "stored",
            policy: words(&version.policy),
        }
    }

    fn configured(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            version: None,
            created_at: None,
            standing: Standing::Active,
            source: "configuration",
            policy: words(policy),
        }
    }
}

/// A policy without its name, as it is sent.
fn words(policy: &Policy) -> Value {
    let mut value = json!(policy);
    if let Some(members) = value.as_object_mut() {
        members.remove("name");
    }
    value
}

/// A list of policies.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyList {
    /// Those of the configuration first.
    policies: Vec<PolicyAnswer>,
}

impl IntoResponse for PoliciesError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Policy(_) => (StatusCode::BAD_REQUEST, "bad_policy"),
            Self::Configured(_) => (StatusCode::CONFLICT, "configured_policy"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Changed => (StatusCode::CONFLICT, "changed_meanwhile"),
            Self::TooMany => (StatusCode::CONFLICT, "too_many_policies"),
            Self::Store(cause) => return Problem::internal(cause).into_response(),
        };
        Problem::new(status, code, self.to_string()).into_response()
    }
}

/// Every policy that there is, in its newest version.
#[utoipa::path(
    get, path = "/v1/policies", tag = "policies", operation_id = "policy_list",
    responses((status = 200, description = "The policies.", body = PolicyList))
)]
pub(super) async fn list(_: Partner, State(verifier): State<Arc<Verifier>>) -> Result<Json<PolicyList>, Response> {
    let stored = verifier.policies().await.map_err(|error| PoliciesError::from(error).into_response())?;
    let configured = verifier.config.policies.iter().map(PolicyAnswer::configured);
    Ok(Json(PolicyList { policies: configured.chain(stored.into_iter().map(PolicyAnswer::stored)).collect() }))
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The version; the newest when absent.
    version: Option<u32>,
}

/// A policy.
#[utoipa::path(
    get, path = "/v1/policies/{name}", tag = "policies", operation_id = "policy_get",
    params(("name" = String, Path, description = "Its name."), Which),
    responses(
        (status = 200, description = "The policy.", body = PolicyAnswer),
        (status = 404, description = "There is no such policy or version.", body = Detail),
    )
)]
pub(super) async fn show(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<PolicyAnswer>, PoliciesError> {
    if let (Some(policy), None) = (verifier.config.policy(Some(&name)), which.version) {
        return Ok(Json(PolicyAnswer::configured(policy)));
    }
    Ok(Json(PolicyAnswer::stored(verifier.policy_version(&name, which.version).await?)))
}

/// All versions of a stored policy, the newest first.
#[utoipa::path(
    get, path = "/v1/policies/{name}/versions", tag = "policies", operation_id = "policy_versions",
    params(("name" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "The versions.", body = PolicyList),
        (status = 404, description = "There is no such stored policy.", body = Detail),
    )
)]
pub(super) async fn versions(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Path(name): Path<String>,
) -> Result<Json<PolicyList>, PoliciesError> {
    let versions = verifier.policy_history(&name).await?;
    Ok(Json(PolicyList { policies: versions.into_iter().map(PolicyAnswer::stored).collect() }))
}

/// Stores a policy, or a new version of it.
///
/// Requests keep the version that they were made from. The same words again change nothing.
#[utoipa::path(
    put, path = "/v1/policies/{name}", tag = "policies", operation_id = "policy_put",
    params(("name" = String, Path, description = "Its name: 1 to 64 characters of a-z, 0-9, `-` and `_`.")),
    request_body = PolicyWords,
    responses(
        (status = 200, description = "The newest version.", body = PolicyAnswer),
        (status = 409, description = "It stands in the configuration, or was changed meanwhile.", body = Detail),
    )
)]
pub(super) async fn put(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(name): Path<String>,
    Json(mut members): Json<Map<String, Value>>,
) -> Result<Json<PolicyAnswer>, Response> {
    if members.insert("name".to_owned(), json!(name)).is_some() {
        let why = "the name of a policy stands in the address alone";
        return Err(Problem::bad_request("bad_json", why).into_response());
    }
    let policy: Policy = serde_json::from_value(Value::Object(members))
        .map_err(|error| Problem::bad_request("bad_json", error.to_string()).into_response())?;
    let stored = verifier.put_policy(policy, now).await.map_err(IntoResponse::into_response)?;
    Ok(Json(PolicyAnswer::stored(stored)))
}

/// Retires a stored policy.
///
/// No request is made from it any more. Its versions stay readable; storing it again makes it active again.
#[utoipa::path(
    delete, path = "/v1/policies/{name}", tag = "policies", operation_id = "policy_retire",
    params(("name" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "The version that says so.", body = PolicyAnswer),
        (status = 404, description = "There is no such policy.", body = Detail),
        (status = 409, description = "It stands in the configuration, or was changed meanwhile.", body = Detail),
    )
)]
pub(super) async fn retire(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(name): Path<String>,
) -> Result<Json<PolicyAnswer>, PoliciesError> {
    Ok(Json(PolicyAnswer::stored(verifier.retire_policy(&name, now).await?)))
}
