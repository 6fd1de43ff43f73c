//! The `w3c` profile: an attestation of identity as a VCDM 2.0 credential, outside HAIP, for verifiers of that world.
//!
//! The claims are those of the issuer's table of attributes, under a JSON-LD context that the issuer publishes. Everything
//! in such a credential is visible to whoever gets it, so claims that no verifier needs to see stay out.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use warifu_keys::Signer;

use crate::bitstring_status_list::Entry;
use crate::context::{CREDENTIALS_V2, Contexts};
use crate::credential::{Credential, ModelError};
use crate::data_integrity::{self, Cryptosuite, Options, ProofError};
use crate::did::Relationship;
use crate::jose::{self, JoseError};
use crate::time;

/// Claims that never stand in a credential without selective disclosure: the face template is for the holder's own
/// device only.
pub const NEVER_SHOWN: [&str; 1] = ["face_template"];

/// Why an attestation can not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The claims do not make a credential.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The proof could not be made; a claim without a term in the context ends here.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The JWS could not be made.
    #[error(transparent)]
    Jose(#[from] JoseError),
}

/// What an attestation needs beside the claims.
#[derive(Debug, Clone, Copy)]
pub struct Minting<'a> {
    /// Who attests, a DID.
    pub issuer: &'a str,
    /// Whom it is about, a DID that the holder proved to control.
    pub holder: &'a str,
    /// Address of the context that defines the claims.
    pub context: &'a str,
    /// Type of the credential, a term of that context.
    pub credential_type: &'a str,
    /// The instant of issuance; written as the start of its UTC day, so that credentials of one day look alike.
    pub now: Timestamp,
    /// How long it lives, in days.
    pub lifetime_days: u16,
    /// Where its status is listed.
    pub status: Option<&'a Entry>,
}

/// How the attestation is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Securing {
    /// By a proof inside.
    DataIntegrity(Cryptosuite),
    /// By a JWS around it, `vc+jwt`.
    Jose,
}

/// The attestation of `claims`, yet to be secured. [`NEVER_SHOWN`] claims are left out.
pub fn credential(claims: &Map<String, Value>, minting: &Minting<'_>) -> Result<Credential, ModelError> {
    let mut subject = claims.clone();
    for name in NEVER_SHOWN {
        subject.remove(name);
    }
    subject.insert("id".to_owned(), minting.holder.into());
    let second = minting.now.as_second();
    let from = Timestamp::from_second(second - second.rem_euclid(86_400)).unwrap_or(minting.now);
    let lifetime = SignedDuration::from_hours(24 * i64::from(minting.lifetime_days));
    let until = from.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let mut members = json!({
        "@context": [CREDENTIALS_V2, minting.context],
        "type": ["VerifiableCredential", minting.credential_type],
        "issuer": minting.issuer,
        "validFrom": time::write(from),
        "validUntil": time::write(until),
        "credentialSubject": subject,
    });
    if let Some(status) = minting.status {
        members["credentialStatus"] = status.to_value();
    }
    Credential::from_members(members.as_object().cloned().unwrap_or_default())
}

/// The attestation of `claims`, secured with the key of `method`, the issuer's verification method: a JSON text, or a
/// compact JWS. `contexts` have the one that the claims are defined in.
pub fn mint(
    claims: &Map<String, Value>,
    minting: &Minting<'_>,
    securing: Securing,
    method: &str,
    signer: &dyn Signer,
    contexts: &Contexts,
) -> Result<String, MintError> {
    let credential = credential(claims, minting)?;
    match securing {
        Securing::DataIntegrity(suite) => {
            let options = Options::new(suite, method, Relationship::AssertionMethod, minting.now);
            let signed = data_integrity::sign(credential.members(), &options, signer, contexts)?;
            Ok(Value::Object(signed).to_string())
        }
        Securing::Jose => Ok(jose::sign_credential(&credential, method, signer)?),
    }
}
