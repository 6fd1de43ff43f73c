//! How far a session is. Each stage owns exactly the data it can have.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use warifu_keys::{base64url, sha256};
use warifu_store::blob::BlobId;

use crate::kyc::check::Signal;
use crate::kyc::evidence::{Document, Handed, Selfie};
use crate::kyc::identity::Identity;
use crate::kyc::reuse::{Compared, Reference};
use crate::kyc::verdict::{Verdict, decide, recognise};
use crate::kyc::workflow::Workflow;

/// Something came when its turn had not come, or was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not the turn of the {0}")]
pub struct OutOfTurn(pub &'static str);

/// How far a session is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was handed over yet.
    Opened,
    /// The document was read; the selfie is missing. The document may be handed over again.
    DocumentRead {
        /// What was read.
        document: Box<Handed<Document>>,
        /// Whom the document names.
        identity: Identity,
    },
    /// A reviewer asked for the document once more; the selfie stays.
    DocumentAgain {
        /// The selfie.
        selfie: Box<Handed<Selfie>>,
    },
    /// Everything is there; no verdict yet.
    Complete {
        /// The document.
        document: Box<Handed<Document>>,
        /// Whom the document names.
        identity: Identity,
        /// The selfie.
        selfie: Box<Handed<Selfie>>,
    },
    /// The checks have spoken. The verdict itself is not kept: it follows from what is ([`Stage::verdict`]).
    Decided {
        /// The document.
        document: Box<Handed<Document>>,
        /// Whom the document names.
        identity: Identity,
        /// The selfie.
        selfie: Box<Handed<Selfie>>,
        /// What every check said.
        signals: Vec<Signal>,
        /// When.
        at: Timestamp,
    },
    /// A reuse session: the person is to show a credential of this issuer's, which holds the face to compare with.
    AwaitingCredential,
    /// A reuse session: the face to compare with is known, the selfie is missing.
    AwaitingFace {
        /// Where that face is.
        reference: Reference,
    },
    /// The checks of a reuse session have spoken. There is no identity here, so nothing can be minted from it.
    Compared {
        /// How the comparison came out, and with what.
        compared: Compared,
        /// The selfie.
        selfie: Box<Handed<Selfie>>,
        /// What every check said.
        signals: Vec<Signal>,
        /// When.
        at: Timestamp,
    },
}

impl Stage {
    /// The stage after a document was read. A second document replaces the first until the selfie is there; with a selfie
    /// that stayed, everything is there.
    ///
    /// # Errors
    /// [`OutOfTurn`] once the selfie is there, or for a document that names nobody.
    pub fn with_document(self, document: Handed<Document>) -> Result<Self, OutOfTurn> {
        let identity = document.read.identity.clone().ok_or(OutOfTurn("document"))?;
        match self {
            Self::Opened | Self::DocumentRead { .. } => {
                Ok(Self::DocumentRead { document: Box::new(document), identity })
            }
            Self::DocumentAgain { selfie } => Ok(Self::Complete { document: Box::new(document), identity, selfie }),
            Self::Complete { .. }
            | Self::Decided { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. }
            | Self::Compared { .. } => Err(OutOfTurn("document")),
        }
    }

    /// The stage after a selfie was read.
    ///
    /// # Errors
    /// [`OutOfTurn`] before the document and after the first selfie.
    pub fn with_selfie(self, selfie: Handed<Selfie>) -> Result<Self, OutOfTurn> {
        match self {
            Self::DocumentRead { document, identity } => {
                Ok(Self::Complete { document, identity, selfie: Box::new(selfie) })
            }
            Self::Opened
            | Self::DocumentAgain { .. }
            | Self::Complete { .. }
            | Self::Decided { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. }
            | Self::Compared { .. } => Err(OutOfTurn("selfie")),
        }
    }

    /// The stage after the checks spoke.
    ///
    /// # Errors
    /// [`OutOfTurn`] unless everything is there and nothing was decided.
    pub fn decided(self, signals: Vec<Signal>, at: Timestamp) -> Result<Self, OutOfTurn> {
        match self {
            Self::Complete { document, identity, selfie } => {
                Ok(Self::Decided { document, identity, selfie, signals, at })
            }
            Self::Opened
            | Self::DocumentRead { .. }
            | Self::DocumentAgain { .. }
            | Self::Decided { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. }
            | Self::Compared { .. } => Err(OutOfTurn("verdict")),
        }
    }

    /// The stage of a reuse session after a credential was shown and everything about it holds.
    ///
    /// # Errors
    /// [`OutOfTurn`] for any session that does not wait for exactly this.
    pub fn with_reference(self, reference: Reference) -> Result<Self, OutOfTurn> {
        match self {
            Self::AwaitingCredential => Ok(Self::AwaitingFace { reference }),
            Self::Opened
            | Self::DocumentRead { .. }
            | Self::DocumentAgain { .. }
            | Self::Complete { .. }
            | Self::Decided { .. }
            | Self::AwaitingFace { .. }
            | Self::Compared { .. } => Err(OutOfTurn("credential")),
        }
    }

    /// The stage of a reuse session after its selfie was compared and the checks spoke. The reference itself is not kept.
    ///
    /// # Errors
    /// [`OutOfTurn`] for any session that does not wait for exactly this.
    pub fn compared(
        self,
        compared: Compared,
        selfie: Handed<Selfie>,
        signals: Vec<Signal>,
        at: Timestamp,
    ) -> Result<Self, OutOfTurn> {
        match self {
            Self::AwaitingFace { .. } => Ok(Self::Compared { compared, selfie: Box::new(selfie), signals, at }),
            Self::Opened
            | Self::DocumentRead { .. }
            | Self::DocumentAgain { .. }
            | Self::Complete { .. }
            | Self::Decided { .. }
            | Self::AwaitingCredential
            | Self::Compared { .. } => Err(OutOfTurn("selfie")),
        }
    }

    /// The stage in which the document, and with it the selfie, is handed over again. What was handed over before is no
    /// part of it.
    ///
    /// # Errors
    /// [`OutOfTurn`] for a reuse session, which has no document.
    pub fn reopened_at_document(self) -> Result<Self, OutOfTurn> {
        match self {
            Self::Opened
            | Self::DocumentRead { .. }
            | Self::DocumentAgain { .. }
            | Self::Complete { .. }
            | Self::Decided { .. } => Ok(Self::Opened),
            Self::AwaitingCredential | Self::AwaitingFace { .. } | Self::Compared { .. } => Err(OutOfTurn("document")),
        }
    }

    /// The stage in which the document alone is handed over again, and the selfie stays.
    ///
    /// # Errors
    /// [`OutOfTurn`] for a reuse session, which has no document.
    pub fn reopened_at_document_only(self) -> Result<Self, OutOfTurn> {
        match self {
            Self::DocumentAgain { selfie } | Self::Complete { selfie, .. } | Self::Decided { selfie, .. } => {
                Ok(Self::DocumentAgain { selfie })
            }
            Self::Opened | Self::DocumentRead { .. } => Ok(Self::Opened),
            Self::AwaitingCredential | Self::AwaitingFace { .. } | Self::Compared { .. } => Err(OutOfTurn("document")),
        }
    }

    /// The stage in which the selfie is handed over again. A reuse session needs the face to compare with anew.
    ///
    /// # Errors
    /// [`OutOfTurn`] before the document was read, and for a reuse session without `reference`.
    pub fn reopened_at_selfie(self, reference: Option<Reference>) -> Result<Self, OutOfTurn> {
        match (self, reference) {
            (
                Self::DocumentRead { document, identity }
                | Self::Complete { document, identity, .. }
                | Self::Decided { document, identity, .. },
                _,
            ) => Ok(Self::DocumentRead { document, identity }),
            (Self::AwaitingFace { reference }, None) => Ok(Self::AwaitingFace { reference }),
            (Self::AwaitingFace { .. } | Self::Compared { .. }, Some(reference)) => {
                Ok(Self::AwaitingFace { reference })
            }
            // Without a document there is nothing to compare a selfie with.
            (Self::Compared { .. }, None)
            | (Self::Opened | Self::DocumentAgain { .. } | Self::AwaitingCredential, _) => Err(OutOfTurn("selfie")),
        }
    }

    /// The verdict, which follows from the signals by the rules the session began with.
    #[must_use]
    pub fn verdict(&self, workflow: &Workflow) -> Option<Verdict> {
        match self {
            Self::Opened
            | Self::DocumentRead { .. }
            | Self::DocumentAgain { .. }
            | Self::Complete { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. } => None,
            Self::Decided { identity, signals, .. } => Some(decide(identity.clone(), signals, workflow)),
            Self::Compared { signals, .. } => Some(recognise(signals, workflow)),
        }
    }

    /// The document, once it was read.
    #[must_use]
    pub fn document(&self) -> Option<&Handed<Document>> {
        match self {
            Self::Opened
            | Self::DocumentAgain { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. }
            | Self::Compared { .. } => None,
            Self::DocumentRead { document, .. } | Self::Complete { document, .. } | Self::Decided { document, .. } => {
                Some(document)
            }
        }
    }

    /// The selfie, once there is one.
    #[must_use]
    pub fn selfie(&self) -> Option<&Handed<Selfie>> {
        match self {
            Self::Opened | Self::DocumentRead { .. } | Self::AwaitingCredential | Self::AwaitingFace { .. } => None,
            Self::DocumentAgain { selfie }
            | Self::Complete { selfie, .. }
            | Self::Decided { selfie, .. }
            | Self::Compared { selfie, .. } => Some(selfie),
        }
    }

    /// A short name of exactly this stage with exactly this evidence: two devices that were shown the same page know the
    /// same turn, and whoever comes late does not.
    #[must_use]
    pub fn turn(&self) -> String {
        let place = match self {
            Self::Opened => "opened",
            Self::DocumentRead { .. } => "document read",
            Self::DocumentAgain { .. } => "document again",
            Self::Complete { .. } => "complete",
            Self::Decided { .. } => "decided",
            Self::AwaitingCredential => "awaiting credential",
            Self::AwaitingFace { .. } => "awaiting face",
            Self::Compared { .. } => "compared",
        };
        let pictures: Vec<String> = self.pictures().iter().map(ToString::to_string).collect();
        base64url::encode(&sha256(format!("{place} {}", pictures.join(" ")).as_bytes())[..6])
    }

    /// Where the pictures of document and selfie are kept.
    pub(crate) fn pictures(&self) -> Vec<BlobId> {
        let (document, selfie) = (self.document(), self.selfie());
        document.map(|it| it.picture.blob).into_iter().chain(selfie.map(|it| it.picture.blob)).collect()
    }

    /// Whom the document names, once it was read.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Opened
            | Self::DocumentAgain { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. }
            | Self::Compared { .. } => None,
            Self::DocumentRead { identity, .. } | Self::Complete { identity, .. } | Self::Decided { identity, .. } => {
                Some(identity)
            }
        }
    }

    /// What every check said, once they did.
    #[must_use]
    pub fn signals(&self) -> &[Signal] {
        match self {
            Self::Opened
            | Self::DocumentRead { .. }
            | Self::DocumentAgain { .. }
            | Self::Complete { .. }
            | Self::AwaitingCredential
            | Self::AwaitingFace { .. } => &[],
            Self::Decided { signals, .. } | Self::Compared { signals, .. } => signals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyc::checks::tests::{handed_document as document, handed_selfie as selfie};

    #[test]
    fn one_order_only() {
        let at = Timestamp::UNIX_EPOCH;
        let opened = Stage::Opened;
        assert_eq!(opened.clone().with_selfie(selfie()), Err(OutOfTurn("selfie")));
        assert_eq!(opened.clone().decided(vec![], at), Err(OutOfTurn("verdict")));
        let read = opened.with_document(document()).unwrap();
        assert_eq!(read.clone().decided(vec![], at), Err(OutOfTurn("verdict")));
        let again = read.with_document(document()).unwrap();
        let complete = again.with_selfie(selfie()).unwrap();
        assert_eq!(complete.clone().with_document(document()), Err(OutOfTurn("document")));
        assert_eq!(complete.clone().with_selfie(selfie()), Err(OutOfTurn("selfie")));
        assert_eq!(complete.verdict(&Workflow::live()), None);
        let decided = complete.decided(vec![], at).unwrap();
        assert_eq!(decided.clone().with_document(document()), Err(OutOfTurn("document")));
        assert_eq!(decided.clone().with_selfie(selfie()), Err(OutOfTurn("selfie")));
        assert_eq!(decided.clone().decided(vec![], at), Err(OutOfTurn("verdict")));
        assert!(matches!(decided.verdict(&Workflow::live()), Some(Verdict::InReview { .. })));
        let text = serde_json::to_string(&decided).unwrap();
        assert_eq!(serde_json::from_str::<Stage>(&text).unwrap(), decided);
    }

    #[test]
    fn a_document_again_keeps_the_selfie() {
        let at = Timestamp::UNIX_EPOCH;
        let complete = Stage::Opened.with_document(document()).unwrap().with_selfie(selfie()).unwrap();
        let decided = complete.decided(vec![], at).unwrap();
        let again = decided.clone().reopened_at_document_only().unwrap();
        assert_eq!((again.document(), again.selfie()), (None, decided.selfie()));
        assert_eq!(again.identity(), None);
        assert_eq!(again.clone().with_selfie(selfie()), Err(OutOfTurn("selfie")));
        assert_eq!(again.clone().decided(vec![], at), Err(OutOfTurn("verdict")));
        assert_eq!(again.clone().reopened_at_selfie(None), Err(OutOfTurn("selfie")), "no document to compare with");
        assert!(matches!(again.clone().with_document(document()), Ok(Stage::Complete { .. })));
        assert_eq!(Stage::AwaitingCredential.reopened_at_document_only(), Err(OutOfTurn("document")));
        let turns = [Stage::Opened.turn(), decided.turn(), again.turn()];
        assert!(turns[0] != turns[1] && turns[1] != turns[2] && turns[0] != turns[2], "{turns:?}");
    }

    #[test]
    fn a_document_without_a_name_is_no_document() {
        let mut nameless = document();
        nameless.read.identity = None;
        assert_eq!(Stage::Opened.with_document(nameless), Err(OutOfTurn("document")));
    }
}
