//! The list of an application's sessions, newest first, served by one declared index.
//!
//! Every session has an entry for each filter it answers to ([`Listed`]), so a page under one filter is a walk along its
//! entries. Under several the narrowest is walked and the others are held against the open part of each record. What is
//! about the person is sealed: it is found by keyed hashes of exactly what was asked for, and opened for the rows of the
//! page only.

use std::collections::VecDeque;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::Status;
use warifu_session::decision::{Feature, SessionKind};
use warifu_store::{Loaded, Page, Query, Range, sortable};

use crate::kyc::decision;
use crate::kyc::session::{LIST, Listed, OpenSession, Session, Tags, WorkflowName};
use crate::{Error, Issuer};

/// Most rows of a page.
pub const LIMIT: usize = 100;
/// How far a page may begin from the newest session; beyond, the link to the next page leads on.
pub const OFFSET: usize = 10_000;
/// How far is counted.
pub const COUNT: usize = 10_000;
/// Most records that are held against several filters for one answer.
const EXAMINED: usize = 5_000;

/// Which sessions. Every filter that is there has to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// People or companies; there are no companies here.
    pub kind: Option<SessionKind>,
    /// The client's own identifier of the person.
    pub vendor_data: Option<String>,
    /// One of these statuses; any when empty.
    pub statuses: Vec<Status>,
    /// The workflow.
    pub workflow: Option<WorkflowName>,
    /// Issuing state of the document, ISO 3166-1 alpha-3.
    pub country: Option<String>,
    /// Made then or later.
    pub from: Option<Timestamp>,
    /// Made before.
    pub before: Option<Timestamp>,
    /// A session identifier or number, or exactly a full name, family name, number of a document or `vendor_data`, in any
    /// case.
    pub search: Option<String>,
}

/// Which part of the list.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Most rows, 1 to [`LIMIT`].
    pub limit: usize,
    /// How many sessions are passed over first, at most [`OFFSET`].
    pub offset: usize,
    /// The session that the page before ended with: the walk goes on there, however far it is.
    pub after: Option<Place>,
}

/// A session's place in a list: its time and its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    micros: i64,
    id: Uuid,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.micros, self.id.simple())
    }
}

/// A text that is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no place in a list")]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (micros, id) = text.split_once('.').ok_or(NotAPlace)?;
        Ok(Self { micros: micros.parse().map_err(|_| NotAPlace)?, id: id.parse().map_err(|_| NotAPlace)? })
    }
}

impl Place {
    fn of(session: &Session) -> Self {
        Self { micros: session.created_at.as_microsecond(), id: session.id }
    }
}

/// One page.
#[derive(Debug)]
pub struct Sessions {
    /// The rows, newest first.
    pub rows: Vec<Row>,
    /// How many sessions there are under the filter, as far as was counted.
    pub count: usize,
    /// Whether that is all of them.
    pub counted_all: bool,
    /// Where the next page goes on; `None` on the last one.
    pub next: Option<Place>,
}

/// One session as the v3 API lists it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SessionRow)]
pub struct Row {
    /// Identifier.
    pub session_id: Uuid,
    /// Person or company.
    pub session_kind: SessionKind,
    /// Running number inside the application.
    pub session_number: u64,
    /// The hosted page.
    pub session_url: String,
    /// Address of the portrait; pictures are not handed out here.
    pub portrait_image: Option<String>,
    /// `Passport`, …
    pub document_type: Option<String>,
    /// Name on the document.
    pub full_name: Option<String>,
    /// Issuing state, ISO 3166-1 alpha-3.
    pub country: Option<String>,
    /// Status word.
    pub status: Status,
    /// The client's own identifier of the person.
    pub vendor_data: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The workflow.
    pub workflow_id: Uuid,
    /// Its name for people.
    pub workflow_label: String,
    /// How each feature ended.
    pub features: Vec<Feature>,
    /// Not collected here.
    pub phone_number: Option<Value>,
    /// Not collected here.
    pub email_address: Option<Value>,
    /// Scores, 0 to 100.
    pub additional_details: Value,
}

impl Issuer {
    /// A page of the sessions of an application, newest first.
    ///
    /// # Errors
    /// [`Error::Field`] for an offset beyond [`OFFSET`].
    pub async fn list_sessions(
        &self,
        application: Uuid,
        filter: &Filter,
        slice: Slice,
        now: Timestamp,
    ) -> Result<Sessions, Error> {
        if slice.offset > OFFSET && slice.after.is_none() {
            let why = format!("Ensure this value is at most {OFFSET}; follow `next` to go further.");
            return Err(Error::Field { field: "offset", why });
        }
        self.write_lapsed(now).await?;
        let plan = Plan::of(self, application, filter);
        let found = match &plan.prefixes[..] {
            _ if plan.only.is_some() => self.only(&plan, application).await?,
            [] => Found { counted_all: true, ..Found::default() },
            [only] if plan.rest.is_empty() => self.page_of(only, &plan, slice).await?,
            _ => self.merged(&plan, slice).await?,
        };
        let mut rows = Vec::with_capacity(found.sessions.len());
        for session in found.sessions {
            if let Some(open) = OpenSession::open(session, &self.vault)? {
                rows.push(self.row(&open, now));
            }
        }
        Ok(Sessions { rows, count: found.count, counted_all: found.counted_all, next: found.next })
    }

    /// The sessions with these numbers; those that are not there are left out.
    pub(crate) async fn numbered(&self, application: Uuid, numbers: &[u64]) -> Result<Vec<Uuid>, Error> {
        let mut found = Vec::new();
        for number in numbers {
            let range = Range::Prefix(Listed::Number(*number).prefix(application));
            let page = self.sessions().scan(&Query::by(LIST, range).limit(1)).await?;
            found.extend(page.items.first().map(|loaded| loaded.value.id));
        }
        Ok(found)
    }

    /// Some sessions of an application, whichever come first.
    pub(crate) async fn some_sessions(&self, application: Uuid, most: usize) -> Result<Vec<Uuid>, Error> {
        let range = Range::Prefix(Listed::All.prefix(application));
        let page = self.sessions().scan(&Query::by(LIST, range).limit(most)).await?;
        Ok(page.items.iter().map(|loaded| loaded.value.id).collect())
    }

    /// The session that was searched by its identifier.
    async fn only(&self, plan: &Plan, application: Uuid) -> Result<Found, Error> {
        let found = match plan.only {
            Some(id) => self.sessions().load(&id).await?.map(|loaded| loaded.value),
            None => None,
        };
        let mine = |session: &Session| {
            let place = session.listed_at();
            session.application == application
                && !session.is_erased()
                && plan.holds(session)
                && (plan.low.as_str()..plan.high.as_str()).contains(&place.as_str())
        };
        let sessions: Vec<Session> = found.into_iter().filter(mine).collect();
        Ok(Found { count: sessions.len(), counted_all: true, sessions, next: None })
    }

    /// A page under one filter: the store passes over and counts without reading records.
    async fn page_of(&self, prefix: &str, plan: &Plan, slice: Slice) -> Result<Found, Error> {
        let skip = if slice.after.is_some() { 0 } else { slice.offset };
        let query = Query::by(LIST, plan.range(prefix, slice.after)).descending().limit(slice.limit).skip(skip);
        let page = self.sessions().scan(&query.count_to(COUNT + 1)).await?;
        let count = match slice.after {
            None => page.count,
            Some(_) => self.counted(prefix, plan).await?,
        };
        Ok(Found::from(page).counted(count))
    }

    async fn counted(&self, prefix: &str, plan: &Plan) -> Result<usize, Error> {
        let query = Query::by(LIST, plan.range(prefix, None)).limit(1).count_to(COUNT + 1);
        Ok(self.sessions().scan(&query).await?.count)
    }

    /// A page under several filters, or several words of one.
    async fn merged(&self, plan: &Plan, slice: Slice) -> Result<Found, Error> {
        let skip = if slice.after.is_some() { 0 } else { slice.offset };
        let mut walk = Walk::new(plan, slice.after);
        let mut found = Found::default();
        let mut passed = 0;
        let mut more = false;
        while let Some(session) = walk.next(self).await? {
            if !plan.holds(&session) {
                continue;
            }
            passed += 1;
            if passed > skip && found.sessions.len() < slice.limit {
                found.sessions.push(session);
            } else if passed > skip {
                more = true;
                break;
            }
        }
        found.next = found.sessions.last().filter(|_| more || walk.is_tired()).map(Place::of);
        if plan.rest.is_empty() {
            let mut count = 0;
            for prefix in &plan.prefixes {
                count += self.counted(prefix, plan).await?;
            }
            return Ok(found.counted(count));
        }
        let mut all = Walk::new(plan, None);
        while let Some(session) = all.next(self).await? {
            found.count += usize::from(plan.holds(&session));
        }
        found.counted_all = !all.is_tired();
        Ok(found)
    }

    fn row(&self, open: &OpenSession, now: Timestamp) -> Row {
        let session = &open.session;
        let who = open.personal.stage.identity();
        let explained = decision::Explained::of(open, self, now).decision;
        let liveness = explained.liveness_checks.iter().flatten().next();
        let face = explained.face_matches.iter().flatten().next();
        let additional_details = json!({
            "liveness": liveness.map(|check| json!({ "method": check.method, "score": check.score })),
            "face_match": face.map(|check| json!({ "score": check.score })),
            "aml": null,
        });
        Row {
            session_id: session.id,
            session_kind: SessionKind::User,
            session_number: session.number,
            session_url: self.hosted_url(&session.language, open.personal.token.expose()),
            portrait_image: None,
            document_type: who.map(|who| who.document_kind.label().to_owned()),
            full_name: who.map(|who| who.full_name()),
            country: who.map(|who| who.issuing_state.clone()),
            status: session.status_at(now),
            vendor_data: session.vendor_data.clone(),
            created_at: session.created_at,
            workflow_id: session.workflow.id,
            workflow_label: session.workflow.label.clone(),
            features: explained.features,
            phone_number: None,
            email_address: None,
            additional_details,
        }
    }
}

#[derive(Default)]
struct Found {
    sessions: Vec<Session>,
    count: usize,
    counted_all: bool,
    next: Option<Place>,
}

impl From<Page<Loaded<Session>>> for Found {
    fn from(page: Page<Loaded<Session>>) -> Self {
        let sessions: Vec<Session> = page.items.into_iter().map(|loaded| loaded.value).collect();
        let next = sessions.last().filter(|_| page.next.is_some()).map(Place::of);
        Self { sessions, next, ..Self::default() }
    }
}

impl Found {
    fn counted(self, count: usize) -> Self {
        Self { count: count.min(COUNT), counted_all: count <= COUNT, ..self }
    }
}

/// Which entries are walked, and what their records are held against.
struct Plan {
    /// Beginnings of index keys; none where nothing can be found.
    prefixes: Vec<String>,
    /// The one session that can be meant.
    only: Option<Uuid>,
    rest: Vec<Held>,
    low: String,
    high: String,
}

/// A filter that is held against records.
enum Held {
    Statuses(Vec<Status>),
    Workflow(WorkflowName),
    VendorData(String),
    Country(String),
}

impl Plan {
    fn of(issuer: &Issuer, application: Uuid, filter: &Filter) -> Self {
        let tagger = issuer.vault.tagger();
        let prefix = |listed: Listed<'_>| listed.prefix(application);
        let mut walked: Option<Vec<String>> = None;
        let mut only = None;
        let mut rest = Vec::new();
        if let Some(search) = &filter.search {
            // A number is a running number or the number of a document; an identifier is nothing else.
            let term = Tags::term(&tagger, application, search);
            let mut prefixes = vec![prefix(Listed::Term(&term))];
            if let Ok(number) = search.trim().parse() {
                prefixes.push(prefix(Listed::Number(number)));
            }
            only = search.trim().parse().ok();
            walked = Some(prefixes);
        }
        if let Some(vendor_data) = &filter.vendor_data {
            let tag = Tags::vendor_data(&tagger, application, vendor_data);
            match walked {
                None => walked = Some(vec![prefix(Listed::VendorData(&tag))]),
                Some(_) => rest.push(Held::VendorData(tag)),
            }
        }
        if let Some(country) = &filter.country {
            let tag = Tags::country(&tagger, application, country);
            match walked {
                None => walked = Some(vec![prefix(Listed::Country(&tag))]),
                Some(_) => rest.push(Held::Country(tag)),
            }
        }
        if !filter.statuses.is_empty() {
            match walked {
                None => walked = Some(filter.statuses.iter().map(|one| prefix(Listed::Status(*one))).collect()),
                Some(_) => rest.push(Held::Statuses(filter.statuses.clone())),
            }
        }
        match (filter.workflow, &walked) {
            (Some(WorkflowName::Id(id)), None) => walked = Some(vec![prefix(Listed::Workflow(id))]),
            (Some(named), _) => rest.push(Held::Workflow(named)),
            (None, _) => {}
        }
        let mut prefixes = walked.unwrap_or_else(|| vec![prefix(Listed::All)]);
        if filter.kind == Some(SessionKind::Business) {
            only = None;
            prefixes.clear();
        }
        let time = |at: Timestamp| sortable(at.as_microsecond());
        let low = filter.from.map(time).unwrap_or_default();
        // Past all hexadecimal digits.
        let high = filter.before.map_or_else(|| "~".to_owned(), time);
        Self { prefixes, only, rest, low, high }
    }

    /// The entries under a prefix, those before `after` where it is given.
    fn range(&self, prefix: &str, after: Option<Place>) -> Range {
        let place = |place: Place| format!("{}\0{}", sortable(place.micros), place.id);
        let high = match after.map(place) {
            Some(after) if after < self.high => after,
            Some(_) | None => self.high.clone(),
        };
        Range::Between(format!("{prefix}{}", self.low), format!("{prefix}{high}"))
    }

    fn holds(&self, session: &Session) -> bool {
        self.rest.iter().all(|held| match held {
            Held::Statuses(statuses) => statuses.contains(&session.status),
            Held::Workflow(WorkflowName::Id(id)) => session.workflow.id == *id,
            Held::Workflow(WorkflowName::Kind(kind)) => session.workflow.kind == *kind,
            Held::VendorData(tag) => session.tags.vendor_data.as_ref() == Some(tag),
            Held::Country(tag) => session.tags.country.as_ref() == Some(tag),
        })
    }
}

/// Several ranges as one, newest first.
struct Walk {
    sources: Vec<Source>,
    examined: usize,
    last: Option<Uuid>,
}

struct Source {
    query: Option<Query>,
    waiting: VecDeque<Session>,
}

impl Walk {
    fn new(plan: &Plan, after: Option<Place>) -> Self {
        let query = |prefix: &String| Query::by(LIST, plan.range(prefix, after)).descending().limit(LIMIT);
        let source = |prefix| Source { query: Some(query(prefix)), waiting: VecDeque::new() };
        Self { sources: plan.prefixes.iter().map(source).collect(), examined: 0, last: None }
    }

    /// The next session, or nothing at the end or after too many.
    async fn next(&mut self, issuer: &Issuer) -> Result<Option<Session>, Error> {
        loop {
            let next = self.step(issuer).await?;
            // One session can be under two words of a filter; then it comes twice in a row.
            if next.is_none() || next.as_ref().map(|session| session.id) != self.last {
                self.last = next.as_ref().map(|session| session.id);
                return Ok(next);
            }
        }
    }

    async fn step(&mut self, issuer: &Issuer) -> Result<Option<Session>, Error> {
        if self.is_tired() {
            return Ok(None);
        }
        for source in &mut self.sources {
            if let (true, Some(query)) = (source.waiting.is_empty(), source.query.take()) {
                let page = issuer.sessions().scan(&query).await?;
                source.waiting = page.items.into_iter().map(|loaded| loaded.value).collect();
                source.query = page.next.map(|next| query.after(next));
            }
        }
        let newest = |source: &&mut Source| source.waiting.front().map(|session| (session.created_at, session.id));
        let source = self.sources.iter_mut().max_by_key(newest);
        let next = source.and_then(|source| source.waiting.pop_front());
        self.examined += usize::from(next.is_some());
        Ok(next)
    }

    /// Whether it stopped before the end.
    fn is_tired(&self) -> bool {
        self.examined >= EXAMINED
    }
}
