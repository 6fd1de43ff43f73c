//! Pictures and files of a session, behind links that are good for a while.
//!
//! A link names the session, the thing and its end, and proves that whoever made it holds the key of the session. So a link opens one
//! thing, dies with its hour, and dies with the session when that is erased. Ends fall on full hours, one to two hours away: two
//! readings of a decision within an hour say the same.

use jiff::Timestamp;
use uuid::Uuid;
use warifu_keys::equal_in_constant_time;
use warifu_store::Loaded;

use crate::kyc::evidence::Kept;
use crate::kyc::session::OpenSession;
use crate::{Error, Issuer};

/// Something that a person handed over, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium<'a> {
    /// The picture of the document.
    Document,
    /// The portrait, cut out of it.
    Portrait,
    /// The selfie.
    Selfie,
    /// A file with an answer, by its identifier.
    File(&'a str),
}

impl<'a> Medium<'a> {
    /// The one that a link names.
    #[must_use]
    pub fn named(name: &'a str) -> Option<Self> {
        match name {
            "document" => Some(Self::Document),
            "portrait" => Some(Self::Portrait),
            "selfie" => Some(Self::Selfie),
            other => other.strip_prefix("file-").map(Self::File),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Document => "document".to_owned(),
            Self::Portrait => "portrait".to_owned(),
            Self::Selfie => "selfie".to_owned(),
            Self::File(id) => format!("file-{id}"),
        }
    }
}

/// A picture or file as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its media type, as its first bytes said.
    pub media_type: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shown({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

impl Issuer {
    /// The link to one of them, made at `now`.
    pub(crate) fn media_url(&self, open: &OpenSession, medium: Medium<'_>, now: Timestamp) -> String {
        let (id, name) = (open.session.id, medium.name());
        let expires = (now.as_second().div_euclid(3600) + 2) * 3600;
        let proof = open.key.proof(&statement(id, &name, expires));
        self.config.address(&format!("/media/{id}/{name}?expires={expires}&proof={proof}"))
    }

    /// What a link leads to; `None` where the link is not good, or not any more, and where nothing is there.
    ///
    /// # Errors
    /// Those of the store and the vault.
    pub async fn media(
        &self,
        session: Uuid,
        name: &str,
        (expires, proof): (i64, &str),
        now: Timestamp,
    ) -> Result<Option<Shown>, Error> {
        let Some(Loaded { value, .. }) = self.sessions().load(&session).await? else { return Ok(None) };
        let Some(open) = OpenSession::open(value, &self.vault)? else { return Ok(None) };
        let expected = open.key.proof(&statement(session, name, expires));
        let good = equal_in_constant_time(expected.as_bytes(), proof.as_bytes()) && now.as_second() < expires;
        let Some(medium) = Medium::named(name).filter(|_| good) else { return Ok(None) };
        let stage = &open.personal.stage;
        let (document, selfie) = (stage.document(), stage.selfie());
        let (what, kept): (String, &Kept) = match medium {
            Medium::Portrait => {
                let portrait = document.and_then(|document| document.read.portrait.as_ref());
                let jpeg = portrait.map(|portrait| portrait.jpeg.0.clone()).filter(|jpeg| !jpeg.is_empty());
                return Ok(jpeg.map(|bytes| Shown { media_type: "image/jpeg".to_owned(), bytes }));
            }
            Medium::Document => match document {
                Some(document) => ("document".to_owned(), &document.picture),
                None => return Ok(None),
            },
            Medium::Selfie => match selfie {
                // A scenario is played with one picture for both.
                Some(selfie) if document.is_some_and(|document| document.picture == selfie.picture) => {
                    ("document".to_owned(), &selfie.picture)
                }
                Some(selfie) => ("selfie".to_owned(), &selfie.picture),
                None => return Ok(None),
            },
            Medium::File(id) => match open.personal.answers.values().find_map(|answered| answered.files.get(id)) {
                Some(file) => (format!("file {id}"), &file.kept),
                None => return Ok(None),
            },
        };
        let Some(sealed) = self.blobs.get(kept.blob).await? else { return Ok(None) };
        let bytes = self.open_kept(&open, &what, &sealed)?;
        Ok(Some(Shown { media_type: kept.media_type.clone(), bytes }))
    }
}

/// What a proof says.
fn statement(session: Uuid, name: &str, expires: i64) -> String {
    format!("warifu link {session} {name} {expires}")
}
