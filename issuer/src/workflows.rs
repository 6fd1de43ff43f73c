//! The workflows and questionnaires of applications: drawn, checked, published, and pinned by the sessions that run under them.
//!
//! A workflow has a stable identifier and numbered versions. One version at most is a draft; the published one never changes, and
//! a session keeps the rules and the graph it began with. The two ready workflows ([`warifu_session::workflow::ready`]) and the
//! others of the settings are there without records.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::workflow::edit::{EditError, Operation};
use warifu_session::workflow::flat::NotFlat;
use warifu_session::workflow::graph::NotADraft;
use warifu_session::workflow::questionnaire::{self, Questionnaire};
use warifu_session::workflow::validate::check;
use warifu_session::workflow::{Draft, Graph, Kind, Node, Problem};
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored};

use crate::kyc::service::TRIES;
use crate::kyc::workflow::Workflow;
use crate::{Application, Error, Issuer};

pub mod course;
pub mod record;
pub mod rules;

use record::{Kept, Lineage, Version};
use rules::{Registered, Unbuilt, built, named_questionnaire, rules};

/// Most workflows, and most questionnaires, of one application.
pub const MOST: usize = 200;
/// Most versions of one workflow.
pub const MOST_VERSIONS: u32 = 1000;
/// Longest label, in characters.
pub const LABEL: usize = 50;

/// Why something about workflows was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// No workflow of the application has this identifier.
    #[error("there is no such workflow")]
    NoWorkflow,
    /// No questionnaire of the application has this identifier.
    #[error("there is no such questionnaire")]
    NoQuestionnaire,
    /// A published version does not change.
    #[error("this version is published and does not change; make a draft first")]
    Published,
    /// More than an application may have.
    #[error("there are too many already")]
    TooMany,
    /// A graph that is no draft.
    #[error(transparent)]
    Draft(#[from] NotADraft),
    /// A list of features that is none.
    #[error(transparent)]
    Flat(#[from] NotFlat),
    /// Edits that can not be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A graph with problems.
    #[error("the graph has {} problems", .0.len())]
    Problems(Vec<Complaint>),
    /// A questionnaire with problems.
    #[error("the questionnaire has {} problems", .0.len())]
    Questions(Vec<questionnaire::Problem>),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Workflow(Box::new(refused))
    }
}

/// Why a graph can not be published.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Complaint {
    /// It is wrong.
    Wrong(Problem),
    /// It is right, and this issuer can not carry it out.
    Unbuilt(Unbuilt),
}

/// A version together with its workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The workflow.
    pub lineage: Lineage,
    /// The version.
    pub version: Version,
}

/// What a client wants a workflow to be; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Name for people.
    pub label: Option<String>,
    /// What it is for.
    pub kind: Option<Kind>,
    /// The graph.
    pub graph: Option<Draft>,
    /// Whether it is the default.
    pub is_default: Option<bool>,
}

/// What a dry run says of a graph.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CheckedGraph)]
pub struct Checked {
    /// Whether it could be published.
    pub valid: bool,
    /// Everything that is in the way.
    #[schema(value_type = Vec<Object>)]
    pub errors: Vec<Complaint>,
    /// Settings that no feature has, and that are not kept.
    pub ignored: Vec<Ignored>,
}

/// A setting that no feature has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = IgnoredSetting)]
pub struct Ignored {
    /// The node.
    pub node_id: String,
    /// The setting.
    pub field: String,
}

impl Issuer {
    /// Makes a workflow with a first draft.
    ///
    /// # Errors
    /// [`Refused::TooMany`]; [`Error::Field`] for a label that is too long.
    pub async fn create_workflow(
        &self,
        application: &Application,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Shown, Error> {
        if self.lineages(application.id).await?.len() >= MOST {
            return Err(Refused::TooMany.into());
        }
        let (workflow_id, uuid) = (self.fresh_id(), self.fresh_id());
        let lineage = Lineage {
            workflow_id,
            application: application.id,
            is_default: false,
            published: None,
            draft: Some(uuid),
            newest: 1,
            created_at: now,
        };
        let version = Version {
            uuid,
            workflow_id,
            application: application.id,
            number: 1,
            label: checked_label(wanted.label.as_deref().unwrap_or("Workflow"))?,
            kind: wanted.kind.unwrap_or(Kind::Kyc),
            graph: wanted.graph.unwrap_or_default(),
            rules: None,
            created_at: now,
            published_at: None,
        };
        let entry = workflow_entry(&lineage, "workflow.created", now);
        self.store.commit(Batch::new().insert(&lineage).insert(&version).audit(entry)).await?;
        let shown = Shown { lineage, version };
        match wanted.is_default {
            Some(is_default) => self.change_default(application, &shown, is_default, now).await,
            None => Ok(shown),
        }
    }

    /// The version with this identifier, or of the workflow with it: the published one, else the draft.
    ///
    /// # Errors
    /// [`Refused::NoWorkflow`], also for those of other applications.
    pub async fn workflow_version(&self, application: Uuid, id: Uuid) -> Result<Shown, Error> {
        let Found { lineage, version } = self.found_version(application, id).await?;
        Ok(Shown { lineage: lineage.value, version: version.value })
    }

    /// All workflows of an application, oldest first, each by its published version, else by its draft.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn workflows(&self, application: Uuid) -> Result<Vec<Shown>, Error> {
        let mut all = Vec::new();
        for Loaded { value: lineage, .. } in self.lineages(application).await? {
            if let Some(uuid) = lineage.published.or(lineage.draft)
                && let Some(Loaded { value: version, .. }) = self.versions().load(&uuid).await?
            {
                all.push(Shown { lineage, version });
            }
        }
        all.sort_by_key(|shown| (shown.lineage.created_at, shown.lineage.workflow_id));
        Ok(all)
    }

    /// Changes a draft. Of a published version only whether it is the default changes.
    ///
    /// # Errors
    /// [`Refused::NoWorkflow`], [`Refused::Published`]; [`Error::Field`].
    pub async fn change_workflow(
        &self,
        application: &Application,
        id: Uuid,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Shown, Error> {
        let Wanted { label, kind, graph, is_default } = wanted;
        let label = label.as_deref().map(checked_label).transpose()?;
        let mut shown = if label.is_some() || kind.is_some() || graph.is_some() {
            self.change_draft(application.id, id, now, |version| {
                if let Some(label) = &label {
                    version.label.clone_from(label);
                }
                version.kind = kind.unwrap_or(version.kind);
                if let Some(graph) = &graph {
                    version.graph.clone_from(graph);
                }
                Ok(())
            })
            .await?
        } else {
            self.workflow_version(application.id, id).await?
        };
        if let Some(is_default) = is_default {
            shown = self.change_default(application, &shown, is_default, now).await?;
        }
        Ok(shown)
    }

    /// Makes these edits to a draft, all of them or none.
    ///
    /// # Errors
    /// [`Refused::NoWorkflow`], [`Refused::Published`], [`Refused::Edit`].
    pub async fn edit_workflow(
        &self,
        application: Uuid,
        id: Uuid,
        operations: &[Operation],
        now: Timestamp,
    ) -> Result<Shown, Error> {
        self.change_draft(application, id, now, |version| {
            version.graph = version.graph.clone().edited(operations).map_err(Refused::from)?;
            Ok(())
        })
        .await
    }

    /// A draft that begins as the published version; the one that is there already, where there is one.
    ///
    /// # Errors
    /// [`Refused::NoWorkflow`]; [`Refused::TooMany`] beyond [`MOST_VERSIONS`].
    pub async fn create_draft(&self, application: Uuid, id: Uuid, now: Timestamp) -> Result<Shown, Error> {
        for _ in 0..TRIES {
            let Found { lineage: Loaded { seen, value: mut lineage }, version } =
                self.found_version(application, id).await?;
            if let Some(draft) = lineage.draft {
                return self.workflow_version(application, draft).await;
            }
            if lineage.newest >= MOST_VERSIONS {
                return Err(Refused::TooMany.into());
            }
            lineage.newest += 1;
            let draft = Version {
                uuid: self.fresh_id(),
                number: lineage.newest,
                rules: None,
                created_at: now,
                published_at: None,
                ..version.value
            };
            lineage.draft = Some(draft.uuid);
            let entry = workflow_entry(&lineage, "workflow.draft_created", now);
            match self.store.commit(Batch::new().replace(seen, &lineage).insert(&draft).audit(entry)).await {
                Ok(_) => return Ok(Shown { lineage, version: draft }),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Publishes a draft: new sessions run under it from now on, those that began keep what they have.
    ///
    /// # Errors
    /// [`Refused::NoWorkflow`], [`Refused::Published`]; [`Refused::Problems`] with everything that is in the way.
    pub async fn publish_workflow(&self, application: &Application, id: Uuid, now: Timestamp) -> Result<Shown, Error> {
        for _ in 0..TRIES {
            let Found { lineage: Loaded { seen, value: mut lineage }, version } =
                self.found_draft(application.id, id).await?;
            let Loaded { seen: version_seen, value: mut version } = version;
            let graph = self.soundly(application, &version.graph, version.kind).await?;
            let (_, base) = graph.map_err(Refused::Problems)?;
            let rules =
                Workflow { id: lineage.workflow_id, version: version.number, label: version.label.clone(), ..base };
            version.rules = Some(Box::new(rules));
            version.published_at = Some(now);
            lineage.published = Some(version.uuid);
            lineage.draft = None;
            let entry = workflow_entry(&lineage, "workflow.published", now).fact("version", version.number);
            let batch = Batch::new().replace(seen, &lineage).replace(version_seen, &version).audit(entry);
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Shown { lineage, version }),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// What would be in the way of publishing this graph. Nothing is kept.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn check_graph(&self, application: &Application, graph: &Draft, kind: Kind) -> Result<Checked, Error> {
        Ok(match self.soundly(application, graph, kind).await? {
            Ok((graph, _)) => {
                let ignored = graph.ignored().iter();
                let ignored = ignored.map(|(node, field)| Ignored { node_id: node.to_string(), field: field.clone() });
                Checked { valid: true, errors: Vec::new(), ignored: ignored.collect() }
            }
            Err(errors) => Checked { valid: false, errors, ignored: Vec::new() },
        })
    }

    /// Removes a draft where another version is published, and the whole workflow otherwise. Sessions keep what they run under.
    ///
    /// # Errors
    /// [`Refused::NoWorkflow`].
    pub async fn delete_workflow(&self, application: Uuid, id: Uuid, now: Timestamp) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Found { lineage: Loaded { seen, value: mut lineage }, version } =
                self.found_version(application, id).await?;
            let batch = if lineage.draft == Some(id) && lineage.published.is_some() {
                lineage.draft = None;
                let entry = workflow_entry(&lineage, "workflow.draft_deleted", now);
                Batch::new().replace(seen, &lineage).remove(version.seen, &version.value).audit(entry)
            } else {
                let query = Query::by("workflow", Range::Is(lineage.workflow_id.to_string())).limit(1000);
                let versions = self.versions().collect(query).await?;
                let batch = Batch::new().remove(seen, &lineage);
                let batch = versions.iter().fold(batch, |batch, version| batch.remove(version.seen, &version.value));
                batch.audit(workflow_entry(&lineage, "workflow.deleted", now))
            };
            match self.store.commit(batch).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// The rules of a workflow for a new session.
    pub(crate) async fn published_rules(
        &self,
        application: Uuid,
        workflow_id: Uuid,
    ) -> Result<Option<Workflow>, Error> {
        let lineage = self.lineage_collection().load(&workflow_id).await?;
        let lineage = lineage.map(|found| found.value).filter(|lineage| lineage.application == application);
        self.rules_of(lineage).await
    }

    /// The rules of the workflow that an application made its default.
    pub(crate) async fn default_rules(&self, application: Uuid) -> Result<Option<Workflow>, Error> {
        let lineages = self.lineages(application).await?;
        self.rules_of(lineages.into_iter().map(|found| found.value).find(|lineage| lineage.is_default)).await
    }

    async fn rules_of(&self, lineage: Option<Lineage>) -> Result<Option<Workflow>, Error> {
        let Some(uuid) = lineage.and_then(|lineage| lineage.published) else { return Ok(None) };
        let version = self.versions().load(&uuid).await?;
        Ok(version.and_then(|found| found.value.rules).map(|rules| *rules))
    }

    /// Keeps a questionnaire.
    ///
    /// # Errors
    /// [`Refused::TooMany`].
    pub async fn create_questionnaire(
        &self,
        application: Uuid,
        questionnaire: Questionnaire,
        now: Timestamp,
    ) -> Result<Kept, Error> {
        if self.questionnaires(application).await?.len() >= MOST {
            return Err(Refused::TooMany.into());
        }
        let kept = Kept { uuid: self.fresh_id(), application, version: 1, questionnaire, created_at: now };
        let entry = questionnaire_entry(&kept, "questionnaire.created", now);
        self.store.commit(Batch::new().insert(&kept).audit(entry)).await?;
        Ok(kept)
    }

    /// The questionnaires of an application, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn questionnaires(&self, application: Uuid) -> Result<Vec<Kept>, Error> {
        let query = Query::by("application", Range::Is(application.to_string())).limit(1000);
        let found = self.questionnaire_collection().collect(query).await?;
        let mut all: Vec<_> = found.into_iter().map(|found| found.value).collect();
        all.sort_by_key(|kept| (kept.created_at, kept.uuid));
        Ok(all)
    }

    /// The questionnaire with this identifier.
    ///
    /// # Errors
    /// [`Refused::NoQuestionnaire`], also for those of other applications.
    pub async fn questionnaire(&self, application: Uuid, id: Uuid) -> Result<Kept, Error> {
        Ok(self.found_questionnaire(application, id).await?.value)
    }

    /// Replaces a questionnaire; its version goes up.
    ///
    /// # Errors
    /// [`Refused::NoQuestionnaire`].
    pub async fn change_questionnaire(
        &self,
        application: Uuid,
        id: Uuid,
        questionnaire: Questionnaire,
        now: Timestamp,
    ) -> Result<Kept, Error> {
        for _ in 0..TRIES {
            let Loaded { seen, value } = self.found_questionnaire(application, id).await?;
            let version = value.version.saturating_add(1);
            let kept = Kept { version, questionnaire: questionnaire.clone(), ..value };
            let entry = questionnaire_entry(&kept, "questionnaire.changed", now);
            match self.store.commit(Batch::new().replace(seen, &kept).audit(entry)).await {
                Ok(_) => return Ok(kept),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Removes a questionnaire.
    ///
    /// # Errors
    /// [`Refused::NoQuestionnaire`].
    pub async fn delete_questionnaire(&self, application: Uuid, id: Uuid, now: Timestamp) -> Result<(), Error> {
        let Loaded { seen, value } = self.found_questionnaire(application, id).await?;
        let entry = questionnaire_entry(&value, "questionnaire.deleted", now);
        self.store.commit(Batch::new().remove(seen, &value).audit(entry)).await?;
        Ok(())
    }

    /// The graph of a draft with the rules it would have, or everything that is in the way.
    async fn soundly(
        &self,
        application: &Application,
        draft: &Draft,
        kind: Kind,
    ) -> Result<Result<(Graph, Workflow), Vec<Complaint>>, Error> {
        let environment = application.environment;
        let graph = match check(draft, kind) {
            Ok(graph) => graph,
            Err(problems) => return Ok(Err(problems.into_iter().map(Complaint::Wrong).collect())),
        };
        // Where nothing does what the type says, any base will do to find what else is missing.
        let wanted = built(kind).unwrap_or_default();
        let bases = self.config.workflows_of(environment);
        let own = bases.into_iter().find(|base| base.kind == wanted);
        let base = own.unwrap_or_else(|| match wanted {
            crate::kyc::workflow::Kind::FirstVerification => Workflow { environment, ..Workflow::live() },
            crate::kyc::workflow::Kind::BiometricAuthentication => Workflow::reuse(environment),
        });
        let registered = self.registered(application.id, &graph).await?;
        Ok(match rules(&graph, kind, &base, &registered) {
            Ok(rules) => Ok((graph, rules)),
            Err(unbuilt) => Err(unbuilt.into_iter().map(Complaint::Unbuilt).collect()),
        })
    }

    /// What of the application's the nodes of a graph name.
    async fn registered(&self, application: Uuid, graph: &Graph) -> Result<Registered, Error> {
        let mut registered = Registered::default();
        for node in graph.nodes().values() {
            match node {
                Node::Feature(node) => {
                    let Some(uuid) = named_questionnaire(node) else { continue };
                    match self.found_questionnaire(application, uuid).await {
                        Ok(found) => drop(registered.questionnaires.insert(uuid, found.value)),
                        Err(Error::Workflow(refused)) if *refused == Refused::NoQuestionnaire => {}
                        Err(error) => return Err(error),
                    }
                }
                Node::Webhook(node) => {
                    let Some(uuid) = node.destination else { continue };
                    match self.destination(application, uuid).await {
                        Ok(_) => drop(registered.destinations.insert(uuid)),
                        Err(Error::NoSuchDestination) => {}
                        Err(error) => return Err(error),
                    }
                }
                Node::Action(_) | Node::Branch(_) | Node::Status(_) => {}
            }
        }
        Ok(registered)
    }

    /// Loads, changes and commits a draft, again when someone wrote meanwhile.
    async fn change_draft(
        &self,
        application: Uuid,
        id: Uuid,
        now: Timestamp,
        change: impl Fn(&mut Version) -> Result<(), Error>,
    ) -> Result<Shown, Error> {
        for _ in 0..TRIES {
            let Found { lineage: Loaded { seen, value: lineage }, version } = self.found_draft(application, id).await?;
            let Loaded { seen: version_seen, value: mut version } = version;
            change(&mut version)?;
            let entry = workflow_entry(&lineage, "workflow.draft_changed", now);
            // The workflow is written too: a draft that is published meanwhile does not change any more.
            let batch = Batch::new().replace(seen, &lineage).replace(version_seen, &version).audit(entry);
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Shown { lineage, version }),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Makes a workflow the default, in place of the one that was, or not.
    async fn change_default(
        &self,
        application: &Application,
        shown: &Shown,
        is_default: bool,
        now: Timestamp,
    ) -> Result<Shown, Error> {
        for _ in 0..TRIES {
            let mut batch = Batch::new();
            let mut changed = None;
            for Loaded { seen, value: mut lineage } in self.lineages(application.id).await? {
                let own = lineage.workflow_id == shown.lineage.workflow_id;
                let wanted = if own { is_default } else { lineage.is_default && !is_default };
                if lineage.is_default != wanted {
                    lineage.is_default = wanted;
                    let entry = workflow_entry(&lineage, "workflow.default_changed", now);
                    batch = batch.replace(seen, &lineage).audit(entry);
                }
                if own {
                    changed = Some(lineage);
                }
            }
            let lineage = changed.ok_or(Refused::NoWorkflow)?;
            if batch.is_empty() {
                return Ok(Shown { lineage, version: shown.version.clone() });
            }
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Shown { lineage, version: shown.version.clone() }),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    async fn found_version(&self, application: Uuid, id: Uuid) -> Result<Found, Error> {
        let version = self.versions().load(&id).await?;
        let workflow_id = version.as_ref().map_or(id, |version| version.value.workflow_id);
        let lineage = self.lineage_collection().load(&workflow_id).await?;
        let lineage = lineage.filter(|found| found.value.application == application).ok_or(Refused::NoWorkflow)?;
        let newest = lineage.value.published.or(lineage.value.draft);
        let version = match (version, newest) {
            (Some(version), _) => Some(version),
            (None, Some(newest)) => self.versions().load(&newest).await?,
            (None, None) => None,
        };
        Ok(Found { lineage, version: version.ok_or(Refused::NoWorkflow)? })
    }

    /// The draft that is meant: named by itself or by its workflow.
    async fn found_draft(&self, application: Uuid, id: Uuid) -> Result<Found, Error> {
        let found = self.found_version(application, id).await?;
        let draft = found.lineage.value.draft.ok_or(Refused::Published)?;
        let named = id == draft || id == found.lineage.value.workflow_id;
        match self.versions().load(&draft).await? {
            Some(version) if named => Ok(Found { version, ..found }),
            Some(_) | None => Err(Refused::Published.into()),
        }
    }

    async fn found_questionnaire(&self, application: Uuid, id: Uuid) -> Result<Loaded<Kept>, Error> {
        let found = self.questionnaire_collection().load(&id).await?;
        let own = found.filter(|found| found.value.application == application);
        own.ok_or_else(|| Refused::NoQuestionnaire.into())
    }

    async fn lineages(&self, application: Uuid) -> Result<Vec<Loaded<Lineage>>, Error> {
        let query = Query::by("application", Range::Is(application.to_string())).limit(1000);
        Ok(self.lineage_collection().collect(query).await?)
    }

    fn lineage_collection(&self) -> Collection<Lineage> {
        Collection::of(&self.store)
    }

    fn versions(&self) -> Collection<Version> {
        Collection::of(&self.store)
    }

    fn questionnaire_collection(&self) -> Collection<Kept> {
        Collection::of(&self.store)
    }
}

/// A version and its workflow as they were loaded.
struct Found {
    lineage: Loaded<Lineage>,
    version: Loaded<Version>,
}

fn checked_label(label: &str) -> Result<String, Error> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > LABEL || label.chars().any(char::is_control) {
        let why = "Ensure this field has 1 to 50 characters.".to_owned();
        return Err(Error::Field { field: "workflow_label", why });
    }
    Ok(label.to_owned())
}

fn workflow_entry(lineage: &Lineage, action: &str, now: Timestamp) -> Entry {
    let actor = Reference::public("application", &lineage.application.to_string());
    Entry::new(now, action, actor, Reference::public("workflow", &lineage.key()))
}

fn questionnaire_entry(kept: &Kept, action: &str, now: Timestamp) -> Entry {
    let actor = Reference::public("application", &kept.application.to_string());
    Entry::new(now, action, actor, Reference::public("questionnaire", &kept.key()))
}
