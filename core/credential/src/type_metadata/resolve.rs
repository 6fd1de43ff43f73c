//! From one type to the whole chain that it extends (section on extending type metadata).

use super::document::{Claim, Document};
use super::{ClaimMetadata, Display, Integrity, Sd, TypeMetadata, TypeMetadataError, path_text};

/// Most types above the first one.
pub const MAX_EXTENDS: usize = 8;

/// Type metadata of which a document is still missing.
pub struct Resolving {
    wanted: String,
    integrity: Option<Integrity>,
    /// What was read, the credential's own type first.
    documents: Vec<Document>,
}

/// What a document leads to.
pub enum Progress {
    /// It extends another type, whose document is wanted next.
    More(Resolving),
    /// The chain has ended.
    Done(TypeMetadata),
}

impl Resolving {
    /// Starts with a credential's `vct` and, where it has one, its `vct#integrity`.
    pub fn start(vct: &str, integrity: Option<&str>) -> Result<Self, TypeMetadataError> {
        let integrity = integrity.map(str::parse).transpose()?;
        Ok(Self { wanted: vct.to_owned(), integrity, documents: Vec::new() })
    }

    /// The type whose document is to be fetched now: often the https URL to fetch it from, always a URI.
    #[must_use]
    pub fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Takes the octets of the document for [`Resolving::wanted`], exactly as they came.
    pub fn feed(mut self, bytes: &[u8]) -> Result<Progress, TypeMetadataError> {
        if let Some(integrity) = &self.integrity {
            integrity.check(bytes)?;
        }
        let document = Document::parse(bytes, &self.wanted)?;
        let extends = document.extends.clone();
        self.documents.push(document);
        let Some((wanted, integrity)) = extends else { return merge(self.documents).map(Progress::Done) };
        if self.documents.iter().any(|document| document.vct == wanted) {
            return Err(TypeMetadataError::Circular(wanted.chars().take(120).collect()));
        }
        if self.documents.len() > MAX_EXTENDS {
            return Err(TypeMetadataError::TooManyExtends);
        }
        let integrity = integrity.as_deref().map(str::parse).transpose()?;
        Ok(Progress::More(Self { wanted, integrity, documents: self.documents }))
    }
}

/// Puts the documents together, the extended ones first.
fn merge(documents: Vec<Document>) -> Result<TypeMetadata, TypeMetadataError> {
    let mut types = documents.iter().map(|document| document.vct.clone());
    let vct = types.next().unwrap_or_default();
    let extends = types.collect();
    let mut name = None;
    let mut display: Vec<Display> = Vec::new();
    let mut claims: Vec<ClaimMetadata> = Vec::new();
    for document in documents.into_iter().rev() {
        name = document.name.or(name);
        // Display metadata is replaced as a whole; claim metadata path by path.
        display = document.display.unwrap_or(display);
        for claim in document.claims {
            match claims.iter_mut().find(|known| known.path == claim.path) {
                Some(known) => known.extend(claim)?,
                None => claims.push(claim.into()),
            }
        }
    }
    for (at, claim) in claims.iter().enumerate() {
        if let Some(id) = &claim.svg_id
            && claims.iter().take(at).any(|other| other.svg_id.as_ref() == Some(id))
        {
            return Err(TypeMetadataError::SvgIdTwice(id.clone()));
        }
    }
    if let (true, Some(name)) = (display.is_empty(), name) {
        // Meant for developers, and better than the bare identifier.
        display.push(Display::named(name));
    }
    Ok(TypeMetadata { vct, extends, display, claims })
}

impl ClaimMetadata {
    /// Replaces what an extending type says anew (sections on extending claim metadata and its limitations).
    fn extend(&mut self, child: Claim) -> Result<(), TypeMetadataError> {
        let broken = |member| Err(TypeMetadataError::PromiseBroken { path: path_text(&child.path), member });
        match (self.sd, child.sd) {
            (_, None) => {}
            (Sd::Allowed, Some(sd)) => self.sd = sd,
            (own, Some(sd)) if own == sd => {}
            (Sd::Always | Sd::Never, Some(_)) => return broken("sd"),
        }
        match (self.mandatory, child.mandatory) {
            (_, None) => {}
            (true, Some(false)) => return broken("mandatory"),
            (_, Some(mandatory)) => self.mandatory = mandatory,
        }
        if let Some(labels) = child.labels {
            self.labels = labels;
        }
        if child.svg_id.is_some() {
            self.svg_id = child.svg_id;
        }
        Ok(())
    }
}

impl From<Claim> for ClaimMetadata {
    fn from(claim: Claim) -> Self {
        Self {
            path: claim.path,
            labels: claim.labels.unwrap_or_default(),
            mandatory: claim.mandatory.unwrap_or(false),
            sd: claim.sd.unwrap_or(Sd::Allowed),
            svg_id: claim.svg_id,
        }
    }
}
