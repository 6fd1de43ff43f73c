//! The doors for workflows and questionnaires of the v3 API.
//!
//! A workflow comes as a graph (`graph`), as a list of `features`, or with the older switches `is_…_enabled`. It is published at
//! once unless `status` says `draft`. `{id}` is a version, or a workflow and then its published version, else its draft.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{Json, Path};
use warifu_session::workflow::edit::Operation;
use warifu_session::workflow::flat::{FlatFeature, SWITCHES, from_features, from_switches};
use warifu_session::workflow::questionnaire::{NotAQuestionnaire, Questionnaire};
use warifu_session::workflow::ready::Ready;
use warifu_session::workflow::{Draft, Feature, Kind};

use super::Front;
use super::api::{Body, Client, Refusal, text};
use super::openapi::bodies::{Edits, GraphBody, QuestionnaireBody, WorkflowBody};
use super::openapi::{Doors, Found, answers, both};
use crate::kyc::workflow::Workflow;
use crate::workflows::record::Kept;
use crate::workflows::{Checked, Refused, Shown, Wanted};
use crate::{Application, Error, Issuer};

/// Largest body, in bytes: a graph or a questionnaire, and the rest.
const BODY: usize = 512 * 1024;

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(list, create));
    let doors = both(doors, routes!(validate));
    let doors = both(doors, routes!(one, change, remove));
    let doors = both(doors, routes!(create_draft));
    let doors = both(doors, routes!(graph, put_graph));
    let doors = both(doors, routes!(edit));
    let doors = both(doors, routes!(publish));
    let doors = both(doors, routes!(validate_one));
    let doors = both(doors, routes!(questionnaires, create_questionnaire));
    let one = routes!(questionnaire, change_questionnaire, replace_questionnaire, remove_questionnaire);
    both(doors, one).layer(DefaultBodyLimit::max(BODY))
}

/// A workflow in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what is read from the path")]
struct WorkflowId {
    /// Identifier of a version, or of a workflow: its published version, else its draft.
    id: String,
}

/// A questionnaire in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what is read from the path")]
struct QuestionnaireId {
    /// Identifier of the questionnaire.
    id: Uuid,
}

/// Lists the workflows: those that are there from the start, and those that were drawn, oldest first.
#[utoipa::path(
    get, path = "/v3/workflows/", tag = "workflows", operation_id = "workflow_list",
    responses((status = 200, description = "The workflows.", body = answers::WorkflowList))
)]
async fn list(State(front): State<Front>, client: Client) -> Result<Response, Refusal> {
    let ready = front.0.config().workflows_of(client.0.environment);
    let drawn = front.0.workflows(client.0.id).await?;
    let results: Vec<Value> = ready.iter().map(ready_row).chain(drawn.iter().map(row)).collect();
    Ok(page(results))
}

/// Makes a workflow.
///
/// Of a `graph`, of a list of `features`, or of the older switches. It is published at once unless `status` says `draft`; nothing
/// is kept of a graph that can not be published.
#[utoipa::path(
    post, path = "/v3/workflows/", tag = "workflows", operation_id = "workflow_create", request_body = WorkflowBody,
    responses((status = 201, description = "The first version.", body = answers::WorkflowVersion))
)]
async fn create(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let (wanted, status) = (wanted(&body, None)?, status(&body)?.unwrap_or(Wish::Publish));
    let shown = match status {
        Wish::Draft => front.0.create_workflow(&client.0, wanted, now).await?,
        Wish::Publish => {
            // Nothing is kept of a graph that can not be published.
            let (graph, kind) = (wanted.graph.clone().unwrap_or_default(), wanted.kind.unwrap_or(Kind::Kyc));
            let checked = front.0.check_graph(&client.0, &graph, kind).await?;
            if !checked.valid {
                return Err(Error::from(Refused::Problems(checked.errors)).into());
            }
            let shown = front.0.create_workflow(&client.0, wanted, now).await?;
            front.0.publish_workflow(&client.0, shown.version.uuid, now).await?
        }
    };
    Ok((StatusCode::CREATED, Json(row(&shown))).into_response())
}

/// One version of a workflow.
#[utoipa::path(
    get, path = "/v3/workflows/{id}/", tag = "workflows", operation_id = "workflow_get", params(WorkflowId),
    responses((status = 200, description = "The version.", body = answers::WorkflowVersion), Found)
)]
async fn one(State(front): State<Front>, client: Client, Path(id): Path<String>) -> Result<Response, Refusal> {
    Ok(match named(&front.0, &client.0, &id)? {
        Named::Ready(workflow) => Json(ready_row(&workflow)).into_response(),
        Named::Id(id) => Json(row(&front.0.workflow_version(client.0.id, id).await?)).into_response(),
    })
}

/// Changes what is named of a draft. `{"status": "published"}` publishes it.
#[utoipa::path(
    patch, path = "/v3/workflows/{id}/", tag = "workflows", operation_id = "workflow_update", params(WorkflowId), request_body = WorkflowBody,
    responses((status = 200, description = "The version.", body = answers::WorkflowVersion), Found)
)]
async fn change(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let (id, body) = (drawn(&front.0, &client.0, &id)?, body?.0);
    let kind = front.0.workflow_version(client.0.id, id).await?.version.kind;
    let mut shown = front.0.change_workflow(&client.0, id, wanted(&body, Some(kind))?, now).await?;
    if status(&body)? == Some(Wish::Publish) {
        shown = front.0.publish_workflow(&client.0, shown.version.uuid, now).await?;
    }
    Ok(Json(row(&shown)).into_response())
}

/// Removes a workflow. Sessions that were made with it keep their version.
#[utoipa::path(
    delete, path = "/v3/workflows/{id}/", tag = "workflows", operation_id = "workflow_delete", params(WorkflowId),
    responses((status = 204, description = "It is gone."), Found)
)]
async fn remove(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    front.0.delete_workflow(client.0.id, drawn(&front.0, &client.0, &id)?, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Makes a draft of what is published.
#[utoipa::path(
    post, path = "/v3/workflows/{id}/create-draft/", tag = "workflows", operation_id = "workflow_create_draft", params(WorkflowId),
    responses((status = 201, description = "The draft.", body = answers::WorkflowVersion), Found)
)]
async fn create_draft(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let shown = front.0.create_draft(client.0.id, drawn(&front.0, &client.0, &id)?, now).await?;
    Ok((StatusCode::CREATED, Json(row(&shown))).into_response())
}

/// The graph of a version.
#[utoipa::path(
    get, path = "/v3/workflows/{id}/graph/", tag = "workflows", operation_id = "workflow_graph", params(WorkflowId),
    responses((status = 200, description = "The graph.", body = GraphBody), Found)
)]
async fn graph(State(front): State<Front>, client: Client, Path(id): Path<String>) -> Result<Response, Refusal> {
    let shown = front.0.workflow_version(client.0.id, drawn(&front.0, &client.0, &id)?).await?;
    Ok(Json(shown.version.graph).into_response())
}

/// Replaces the graph of a draft: the body, or its member `graph`.
///
/// What is wrong with it comes back, and is no reason not to keep it.
#[utoipa::path(
    put, path = "/v3/workflows/{id}/graph/", tag = "workflows", operation_id = "workflow_put_graph", params(WorkflowId),
    request_body = GraphBody, responses((status = 200, description = "The version, and what is in the way of publishing it.", body = answers::CheckedVersion), Found)
)]
async fn put_graph(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let (id, body) = (drawn(&front.0, &client.0, &id)?, body?.0);
    let graph = body.get("graph").cloned().unwrap_or(Value::Object(body));
    let graph = Draft::try_from(graph).map_err(|error| Error::from(Refused::from(error)))?;
    let shown = front.0.change_workflow(&client.0, id, Wanted { graph: Some(graph), ..Wanted::default() }, now).await?;
    Ok(Json(checked(&front.0, &client.0, &shown).await?).into_response())
}

/// Edits a draft: all operations or none.
#[utoipa::path(
    post, path = "/v3/workflows/{id}/edit/", tag = "workflows", operation_id = "workflow_edit", params(WorkflowId), request_body = Edits,
    responses((status = 200, description = "The version, and what is in the way of publishing it.", body = answers::CheckedVersion), Found)
)]
async fn edit(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let (id, body) = (drawn(&front.0, &client.0, &id)?, body?.0);
    let bad = |why: String| Error::Field { field: "operations", why };
    let operations = body.get("operations").cloned().unwrap_or_default();
    let operations: Vec<Operation> = serde_json::from_value(operations).map_err(|error| bad(short(&error)))?;
    let shown = front.0.edit_workflow(client.0.id, id, &operations, now).await?;
    Ok(Json(checked(&front.0, &client.0, &shown).await?).into_response())
}

/// Publishes a draft. New sessions take it from now on.
#[utoipa::path(
    post, path = "/v3/workflows/{id}/publish/", tag = "workflows", operation_id = "workflow_publish", params(WorkflowId),
    responses((status = 200, description = "The published version.", body = answers::WorkflowVersion),
    (status = 400, description = "It can not be published; `errors` says why.", body = answers::Problems), Found)
)]
async fn publish(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let shown = front.0.publish_workflow(&client.0, drawn(&front.0, &client.0, &id)?, now).await?;
    Ok(Json(row(&shown)).into_response())
}

/// Says what is wrong with a graph that is nowhere kept.
#[utoipa::path(
    post, path = "/v3/workflows/validate/", tag = "workflows", operation_id = "workflow_validate", request_body = WorkflowBody,
    responses((status = 200, description = "What is wrong.", body = Checked))
)]
async fn validate(State(front): State<Front>, client: Client, body: Body) -> Result<Response, Refusal> {
    let Wanted { graph, kind, .. } = wanted(&body?.0, None)?;
    let graph = graph.unwrap_or_default();
    Ok(Json(front.0.check_graph(&client.0, &graph, kind.unwrap_or(Kind::Kyc)).await?).into_response())
}

/// Says what is in the way of publishing a version.
#[utoipa::path(
    post, path = "/v3/workflows/{id}/validate/", tag = "workflows", operation_id = "workflow_validate_version", params(WorkflowId),
    responses((status = 200, description = "What is wrong.", body = Checked), Found)
)]
async fn validate_one(State(front): State<Front>, client: Client, Path(id): Path<String>) -> Result<Response, Refusal> {
    let shown = front.0.workflow_version(client.0.id, drawn(&front.0, &client.0, &id)?).await?;
    Ok(Json(front.0.check_graph(&client.0, &shown.version.graph, shown.version.kind).await?).into_response())
}

/// Lists the questionnaires.
#[utoipa::path(
    get, path = "/v3/questionnaires/", tag = "questionnaires", operation_id = "questionnaire_list",
    responses((status = 200, description = "The questionnaires.", body = answers::QuestionnaireList))
)]
async fn questionnaires(State(front): State<Front>, client: Client) -> Result<Response, Refusal> {
    let all = front.0.questionnaires(client.0.id).await?;
    Ok(page(all.iter().map(questionnaire_row).collect()))
}

/// Makes a questionnaire.
#[utoipa::path(
    post, path = "/v3/questionnaires/", tag = "questionnaires", operation_id = "questionnaire_create", request_body = QuestionnaireBody,
    responses((status = 201, description = "The questionnaire.", body = answers::KeptQuestionnaire),
    (status = 400, description = "Something in it is wrong; `errors` says what.", body = answers::Problems))
)]
async fn create_questionnaire(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    body: Body,
) -> Result<Response, Refusal> {
    let kept = front.0.create_questionnaire(client.0.id, read(body?.0)?, now).await?;
    Ok((StatusCode::CREATED, Json(questionnaire_row(&kept))).into_response())
}

/// One questionnaire.
#[utoipa::path(
    get, path = "/v3/questionnaires/{id}/", tag = "questionnaires", operation_id = "questionnaire_get", params(QuestionnaireId),
    responses((status = 200, description = "The questionnaire.", body = answers::KeptQuestionnaire), Found)
)]
async fn questionnaire(
    State(front): State<Front>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    Ok(Json(questionnaire_row(&front.0.questionnaire(client.0.id, questionnaire_id(&id)?).await?)).into_response())
}

/// Changes a questionnaire. Members that are absent stay as they are.
#[utoipa::path(
    patch, path = "/v3/questionnaires/{id}/", tag = "questionnaires", operation_id = "questionnaire_update", params(QuestionnaireId),
    request_body = QuestionnaireBody, responses((status = 200, description = "The questionnaire.", body = answers::KeptQuestionnaire),
    (status = 400, description = "Something in it is wrong; `errors` says what.", body = answers::Problems), Found)
)]
async fn change_questionnaire(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let (id, body) = (questionnaire_id(&id)?, body?.0);
    let kept = front.0.questionnaire(client.0.id, id).await?;
    let mut members = questionnaire_row(&kept).as_object().cloned().unwrap_or_default();
    members.extend(body);
    let kept = front.0.change_questionnaire(client.0.id, id, read(members)?, now).await?;
    Ok(Json(questionnaire_row(&kept)).into_response())
}

/// Changes a questionnaire, as with `PATCH`.
#[utoipa::path(
    put, path = "/v3/questionnaires/{id}/", tag = "questionnaires", operation_id = "questionnaire_replace", params(QuestionnaireId),
    request_body = QuestionnaireBody, responses((status = 200, description = "The questionnaire.", body = answers::KeptQuestionnaire),
    (status = 400, description = "Something in it is wrong; `errors` says what.", body = answers::Problems), Found)
)]
async fn replace_questionnaire(
    front: State<Front>,
    client: Client,
    now: Now,
    id: Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    change_questionnaire(front, client, now, id, body).await
}

/// Removes a questionnaire.
#[utoipa::path(
    delete, path = "/v3/questionnaires/{id}/", tag = "questionnaires", operation_id = "questionnaire_delete", params(QuestionnaireId),
    responses((status = 204, description = "It is gone."), Found)
)]
async fn remove_questionnaire(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    front.0.delete_questionnaire(client.0.id, questionnaire_id(&id)?, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a refusal looks like: problems under the member that has them.
pub(super) fn refusal(refused: &Refused) -> Response {
    let text = refused.to_string();
    let (status, body) = match refused {
        Refused::NoWorkflow | Refused::NoQuestionnaire => (StatusCode::NOT_FOUND, json!({ "detail": text })),
        Refused::Published | Refused::TooMany => (StatusCode::BAD_REQUEST, json!({ "detail": text })),
        Refused::Draft(_) => (StatusCode::BAD_REQUEST, json!({ "graph": [text] })),
        Refused::Flat(_) => (StatusCode::BAD_REQUEST, json!({ "features": [text] })),
        Refused::Edit(_) => (StatusCode::BAD_REQUEST, json!({ "operations": [text] })),
        Refused::Problems(problems) => (StatusCode::BAD_REQUEST, json!({ "detail": text, "errors": problems })),
        Refused::Questions(problems) => (StatusCode::BAD_REQUEST, json!({ "detail": text, "errors": problems })),
    };
    (status, Json(body)).into_response()
}

/// What a workflow's identifier names.
enum Named {
    /// One that is there from the start.
    Ready(Box<Workflow>),
    /// One that was drawn, or none at all.
    Id(Uuid),
}

fn named(issuer: &Issuer, application: &Application, id: &str) -> Result<Named, Error> {
    let ready = issuer.config().workflows_of(application.environment);
    let is = |workflow: &Workflow| workflow.kind.name() == id || id.parse::<Uuid>() == Ok(workflow.id);
    match (ready.into_iter().find(is), id.parse()) {
        (Some(workflow), _) => Ok(Named::Ready(Box::new(workflow))),
        (None, Ok(id)) => Ok(Named::Id(id)),
        (None, Err(_)) => Err(Refused::NoWorkflow.into()),
    }
}

/// One that was drawn. Those that are there from the start do not change.
fn drawn(issuer: &Issuer, application: &Application, id: &str) -> Result<Uuid, Error> {
    match named(issuer, application, id)? {
        Named::Id(id) => Ok(id),
        Named::Ready(_) => Err(Refused::Published.into()),
    }
}

fn questionnaire_id(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| Refused::NoQuestionnaire.into())
}

fn read(members: Map<String, Value>) -> Result<Questionnaire, Error> {
    let read = Questionnaire::try_from(Value::Object(members));
    read.map_err(|NotAQuestionnaire(problems)| Refused::Questions(problems).into())
}

/// What a client wants a version to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Draft,
    Publish,
}

fn status(body: &Map<String, Value>) -> Result<Option<Wish>, Error> {
    match text(body, "status")? {
        None => Ok(None),
        Some("draft") => Ok(Some(Wish::Draft)),
        Some("published") => Ok(Some(Wish::Publish)),
        Some(_) => Err(Error::Field { field: "status", why: "Must be one of draft, published.".to_owned() }),
    }
}

/// What the body says of a workflow; `kind` is the type of the one that is changed.
fn wanted(body: &Map<String, Value>, kind: Option<Kind>) -> Result<Wanted, Error> {
    let bad = |field, why: String| Error::Field { field, why };
    let wanted_kind = match text(body, "workflow_type")? {
        None => None,
        Some(word) => {
            let kind = Kind::try_from(word.to_owned());
            Some(kind.map_err(|error| bad("workflow_type", error.to_string()))?)
        }
    };
    let is_default = match body.get("is_default") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(is_default)) => Some(*is_default),
        Some(_) => return Err(bad("is_default", "Must be a valid boolean.".to_owned())),
    };
    let list = |features: &[FlatFeature]| from_features(features).map_err(|error| Error::from(Refused::from(error)));
    let graph = if let Some(graph) = body.get("graph") {
        Some(Draft::try_from(graph.clone()).map_err(|error| Error::from(Refused::from(error)))?)
    } else if let Some(features) = body.get("features") {
        let features = serde_json::from_value::<Vec<FlatFeature>>(features.clone());
        Some(list(&features.map_err(|error| bad("features", short(&error)))?)?)
    } else if SWITCHES.iter().any(|(name, _)| body.contains_key(*name)) {
        let kind = wanted_kind.or(kind).unwrap_or(Kind::Kyc);
        let features = from_switches(body, kind).map_err(|error| Error::from(Refused::from(error)))?;
        Some(list(&features)?)
    } else {
        None
    };
    let label = text(body, "workflow_label")?.map(str::to_owned);
    Ok(Wanted { label, kind: wanted_kind, graph, is_default })
}

/// What could not be read, shortened: foreign text may be in it.
fn short(error: &serde_json::Error) -> String {
    error.to_string().chars().take(160).collect()
}

fn page(results: Vec<Value>) -> Response {
    Json(json!({ "count": results.len(), "next": null, "previous": null, "results": results })).into_response()
}

fn row(shown: &Shown) -> Value {
    let Shown { lineage, version } = shown;
    let graph = Value::from(version.graph.clone());
    let named = |node: &Value| node.get("feature").and_then(Value::as_str).and_then(Feature::read);
    let mut features: Vec<Feature> =
        graph["nodes"].as_object().into_iter().flatten().filter_map(|(_, node)| named(node)).collect();
    features.sort_unstable();
    features.dedup();
    json!({
        "uuid": version.uuid,
        "workflow_id": version.workflow_id,
        "workflow_label": version.label,
        "workflow_type": version.kind,
        "version": version.number,
        "status": if version.published_at.is_some() { "published" } else { "draft" },
        "is_default": lineage.is_default,
        "features": features.iter().map(|feature| json!({ "feature": feature })).collect::<Vec<_>>(),
        "graph": graph,
        "draft": lineage.draft,
        "published": lineage.published,
        "total_price": "0.00",
        "created_at": version.created_at,
        "published_at": version.published_at,
    })
}

/// A workflow that is there from the start, in the same shape; its graph is that of its kind.
fn ready_row(workflow: &Workflow) -> Value {
    let ready = Ready::named(workflow.kind.name());
    let features = ready.map(|ready| ready.features).unwrap_or_default();
    json!({
        "uuid": workflow.id,
        "workflow_id": workflow.id,
        "workflow_label": workflow.label,
        "workflow_type": workflow.kind,
        "version": workflow.version,
        "status": "published",
        "is_default": false,
        "features": features.iter().map(|feature| json!({ "feature": feature })).collect::<Vec<_>>(),
        "graph": ready.map(Ready::draft),
        "draft": null,
        "published": workflow.id,
        "total_price": "0.00",
        "name": workflow.kind.name(),
    })
}

/// A version, and what would be in the way of publishing it.
async fn checked(issuer: &Issuer, application: &Application, shown: &Shown) -> Result<Value, Error> {
    let mut answer = row(shown);
    let checked = issuer.check_graph(application, &shown.version.graph, shown.version.kind).await?;
    answer["valid"] = checked.valid.into();
    answer["errors"] = json!(checked.errors);
    answer["ignored"] = json!(checked.ignored);
    Ok(answer)
}

fn questionnaire_row(kept: &Kept) -> Value {
    let mut row = json!(kept.questionnaire);
    row["uuid"] = json!(kept.uuid);
    row["version"] = json!(kept.version);
    row["created_at"] = json!(kept.created_at);
    row
}
