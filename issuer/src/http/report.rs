//! A session as a PDF report, for a file or an auditor: who, what was found, what followed from it, who decided.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_models::picture::{Limits, Picture};
use warifu_server::Now;
use warifu_server::extract::Query;
use warifu_server::text::Lang;
use warifu_session::Status;

use super::Front;
use super::api::{Id, Refusal};
use super::openapi::{Detail, Doors, Looked, SessionId, both};
use crate::application::BUILT_IN;
use crate::kyc::session::OpenSession;
use crate::{Error, Issuer};

mod content;
mod font;
mod paper;

use self::content::{Facts, Images};
pub(crate) use self::font::Fonts;

/// Longer side of a picture in a report, in pixels.
const SIDE: u32 = 1000;

pub(super) fn doors() -> Doors {
    both(Doors::default(), routes!(report))
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// `en` or `ja`; the session's when absent.
    language: Option<String>,
}

/// A PDF file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes what is written")]
struct PdfFile(Vec<u8>);

/// A session as a PDF report.
///
/// Who, every check with its measure, threshold and outcome, what the document says, reviews and consents. Only of sessions
/// that are `Approved`, `Declined`, `In Review` or `Kyc Expired`.
#[utoipa::path(
    get, path = "/v3/session/{id}/generate-pdf/", tag = "sessions", operation_id = "session_generate_pdf",
    params(SessionId, Asked),
    responses(
        (status = 200, description = "The report.", body = PdfFile, content_type = "application/pdf"),
        (status = 403, description = "The key is missing or wrong, or the session is not finished.", body = Detail),
        Looked
    )
)]
async fn report(
    State(front): State<Front>,
    Now(now): Now,
    id: Id,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let lang = asked.language.as_deref().filter(|tag| !tag.is_empty()).map(str::parse).transpose();
    let wrong = |_| Error::Field { field: "language", why: "Must be one of en, ja.".to_owned() };
    let report = front.0.report(id.0, lang.map_err(wrong)?, now).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"session-{}.pdf\"", id.0)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::OK, headers, report).into_response())
}

impl Issuer {
    /// The report of a session as a PDF file, in the session's language unless another is named. Where no font of this machine
    /// has Japanese, it is in English and says so.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`], [`Error::NoReport`] for a session that is not finished.
    async fn report(self: &Arc<Self>, id: Uuid, lang: Option<Lang>, now: Timestamp) -> Result<Vec<u8>, Error> {
        let open = self.seen_by_id(id).await?.open;
        let status = open.session.status_at(now);
        match status {
            Status::Approved | Status::Declined | Status::InReview | Status::KycExpired => {}
            Status::NotStarted
            | Status::InProgress
            | Status::AwaitingUser
            | Status::Resubmitted
            | Status::Expired
            | Status::Abandoned => return Err(Error::NoReport(status)),
        }
        let tag = open.session.language.split('-').next().and_then(|tag| tag.parse().ok());
        let wished = lang.or(tag).unwrap_or_default();
        let application = match open.session.application {
            BUILT_IN => self.config().name.clone(),
            other => {
                let all = self.applications().all().await?;
                all.into_iter().find(|one| one.id == other).map(|one| one.name).unwrap_or_default()
            }
        };
        let facts = Facts {
            decision: self.decision(id, now).await?.decision,
            explanation: self.explain(id, now).await?,
            consents: self.consents(id, now).await?,
            application,
            now,
        };
        let scan = self.document_picture(&open).await?;
        let issuer = Arc::clone(self);
        let work = move || {
            let fonts = issuer.report_fonts();
            let images = Images {
                portrait: open
                    .personal
                    .stage
                    .document()
                    .and_then(|it| it.read.portrait.as_ref())
                    .and_then(|portrait| small(&portrait.jpeg.0)),
                document: scan.and_then(|bytes| small(&bytes)),
            };
            content::write(&issuer, fonts, wished, &open, &facts, images)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Task(error.to_string()))
    }

    /// The picture of the document, where it is still kept.
    async fn document_picture(&self, open: &OpenSession) -> Result<Option<Vec<u8>>, Error> {
        let Some(document) = open.personal.stage.document() else { return Ok(None) };
        let sealed = self.blobs.get(document.picture.blob).await?;
        sealed.map(|sealed| self.open_kept(open, "document", &sealed)).transpose()
    }

    /// The fonts of reports, found when the first one is made.
    fn report_fonts(&self) -> &Fonts {
        self.fonts.get_or_init(|| Fonts::find(self.config().report_fonts.as_deref()))
    }
}

/// A picture as a JPEG that is large enough to be looked at.
fn small(bytes: &[u8]) -> Option<(Vec<u8>, u32, u32)> {
    let picture = Picture::decode(bytes, &Limits::default()).ok()?;
    let step = picture.width().max(picture.height()).div_ceil(SIDE).max(1);
    let (width, height) = (picture.width() / step, picture.height() / step);
    // The mean of each square of pixels.
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            let mut sums = [0_u32; 3];
            for (dy, dx) in (0..step).flat_map(|dy| (0..step).map(move |dx| (dy, dx))) {
                let pixel = picture.pixel(x * step + dx, y * step + dy);
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(value));
            }
            rgb.extend(sums.map(|sum| u8::try_from(sum / (step * step)).unwrap_or(u8::MAX)));
        }
    }
    let jpeg = Picture::from_rgb(width, height, rgb).ok()?.encode_jpeg(82).ok()?;
    Some((jpeg, width, height))
}
