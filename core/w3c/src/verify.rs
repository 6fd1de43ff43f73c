//! Verification of whole credentials and presentations, however they are secured.
//!
//! What is checked: the data model, every proof or the signature around it, that the issuer (or holder) named inside owns
//! a key that signed, and the validity. Not checked: the status, which has to be fetched first (see
//! [`crate::bitstring_status_list`]), and whether the issuer is one to trust, which is the caller's to decide.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::context::Contexts;
use crate::credential::{self, Credential, ModelError, Presentation};
use crate::data_integrity::{self, Expected, Proof, ProofError};
use crate::did::{self, Did, DidError, Documents, Relationship};
use crate::jose::{self, Answer, JoseError};

/// Why a credential or presentation was not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not well formed, or its validity has not come or has passed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its Data Integrity proofs.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The JWS around it.
    #[error(transparent)]
    Jose(#[from] JoseError),
    /// Nobody whom the document names as its issuer or holder signed it.
    #[error("`{named}` did not sign; the signer is `{signer}`")]
    Signer {
        /// The issuer or holder that the document names.
        named: String,
        /// Whose key signed.
        signer: String,
    },
    /// The presentation names no holder, so nobody can be held to it.
    #[error("the presentation names no holder")]
    NoHolder,
}

impl VerifyError {
    /// The identifier whose document was missing: resolve it, add it to the [`Documents`], and verify again.
    #[must_use]
    pub fn unresolved(&self) -> Option<&Did> {
        match self {
            Self::Proof(ProofError::Method(DidError::Unresolved(did)))
            | Self::Jose(JoseError::Did(DidError::Unresolved(did))) => Some(did),
            Self::Proof(_) | Self::Jose(_) | Self::Model(_) | Self::Signer { .. } | Self::NoHolder => None,
        }
    }
}

/// What verification needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Verifier<'a> {
    /// Resolved identifiers.
    pub documents: &'a Documents,
    /// Pinned contexts.
    pub contexts: &'a Contexts,
    /// The instant of the check.
    pub now: Timestamp,
}

/// A credential that its issuer signed and that is valid now. Only verification makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified(Credential);

impl Verified {
    /// The credential.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.0
    }
}

/// A presentation that its holder signed for us, and the credentials in it, each verified.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedPresentation {
    holder: String,
    credentials: Vec<Verified>,
}

impl VerifiedPresentation {
    /// Who presented.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// What was presented. Whether the holder is the subject, the verifier's policy decides.
    #[must_use]
    pub fn credentials(&self) -> &[Verified] {
        &self.credentials
    }
}

impl Verifier<'_> {
    /// Verifies a credential: JSON with proofs, an `EnvelopedVerifiableCredential`, or a bare `vc+jwt`.
    pub fn credential(&self, text: &str) -> Result<Verified, VerifyError> {
        let text = text.trim();
        if text.starts_with('{') {
            let members = credential_members(text)?;
            self.credential_object(&members)
        } else {
            self.credential_jwt(text)
        }
    }

    /// Verifies a presentation made for `challenge` and `domain`: JSON with proofs, or a `vp+jwt`; and every credential
    /// in it.
    pub fn presentation(
        &self,
        text: &str,
        challenge: Option<&str>,
        domain: Option<&str>,
    ) -> Result<VerifiedPresentation, VerifyError> {
        let text = text.trim();
        let (presentation, signers) = if text.starts_with('{') {
            let presentation = Presentation::parse(text.as_bytes())?;
            let expected = Expected { purpose: Relationship::Authentication, challenge, domain, now: self.now };
            let proofs = data_integrity::verify(presentation.members(), &expected, self.documents, self.contexts)?;
            (presentation, owners(&proofs)?)
        } else {
            let answer = Answer { nonce: challenge, audience: domain };
            let (presentation, signer) = jose::verify_presentation(text, &answer, self.documents, self.now)?;
            (presentation, vec![signer])
        };
        let holder = presentation.holder().ok_or(VerifyError::NoHolder)?.to_owned();
        demand(&holder, &signers)?;
        let credentials = presentation.credentials();
        let credentials = credentials.into_iter().map(|members| self.credential_object(members));
        Ok(VerifiedPresentation { holder, credentials: credentials.collect::<Result<_, _>>()? })
    }

    fn credential_object(&self, members: &Map<String, Value>) -> Result<Verified, VerifyError> {
        if let Some(jwt) = credential::opened(members)? {
            return self.credential_jwt(jwt);
        }
        let credential = Credential::from_members(members.clone())?;
        let expected =
            Expected { purpose: Relationship::AssertionMethod, challenge: None, domain: None, now: self.now };
        let proofs = data_integrity::verify(members, &expected, self.documents, self.contexts)?;
        self.settle(credential, &owners(&proofs)?)
    }

    fn credential_jwt(&self, jwt: &str) -> Result<Verified, VerifyError> {
        let (credential, signer) = jose::verify_credential(jwt, self.documents, self.now)?;
        self.settle(credential, &[signer])
    }

    fn settle(&self, credential: Credential, signers: &[Did]) -> Result<Verified, VerifyError> {
        demand(credential.issuer(), signers)?;
        credential.check_validity(self.now)?;
        Ok(Verified(credential))
    }
}

fn credential_members(text: &str) -> Result<Map<String, Value>, ModelError> {
    if text.len() > credential::MAX_BYTES {
        return Err(ModelError::TooLarge(text.len()));
    }
    Ok(warifu_keys::json::parse_object(text.as_bytes())?)
}

fn owners(proofs: &[Proof]) -> Result<Vec<Did>, VerifyError> {
    let owner = |proof: &Proof| did::controller(proof.verification_method()).map_err(ProofError::Method);
    Ok(proofs.iter().map(owner).collect::<Result<_, _>>()?)
}

/// Others may sign beside the one whom the document names, never instead.
fn demand(named: &str, signers: &[Did]) -> Result<(), VerifyError> {
    if signers.iter().any(|signer| signer.as_str() == named) {
        return Ok(());
    }
    let signer = signers.first().map(Did::as_str).unwrap_or_default();
    Err(VerifyError::Signer { named: did::short(named), signer: did::short(signer) })
}

#[cfg(test)]
mod tests;
