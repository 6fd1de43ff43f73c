//! The `w3c` profile at this issuer (VCDM 2.0, outside HAIP): who signs, the JSON-LD context, and the status lists in
//! W3C's form.
//!
//! Issuer and holder are named by did:jwk, so that checking a signature asks nobody: whoever verifies compares the issuer's
//! identifier with the one that [`Issuer::did`] gives. The lists are those of the other formats, written once more as
//! Bitstring Status Lists; an index is given once for all of them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_credential::profile::{Minting, ProfileClaims};
use warifu_credential::status::{Bits, StatusReference};
use warifu_keys::{Algorithm, PublicKey, Signer};
use warifu_schemas::json_ld::{KYC_CONTEXT_PATH, KYC_TYPE, context};
use warifu_schemas::kyc;
use warifu_w3c::attestation::{self, MintError};
use warifu_w3c::bitstring_status_list::{self, Bitstring, Entry, Listing, MIN_ENTRIES, Purpose};
use warifu_w3c::context::Contexts;
use warifu_w3c::data_integrity::{self, Cryptosuite, Options, ProofError};
use warifu_w3c::did::{Relationship, jwk};

use crate::status::Standing;
use crate::{Config, Error, Issuer};

/// Where the Bitstring Status List beside a Token Status List is.
const BITSTRING: &str = "/bitstring";

/// Mints the credential as a JSON object with a proof inside.
pub(crate) fn mint(
    claims: &ProfileClaims,
    minting: &Minting<'_>,
    signer: &dyn Signer,
    config: &Config,
) -> Result<Value, MintError> {
    let status = minting.status.map(|status| Entry::new(Purpose::Revocation, status.idx, &bitstring_address(status)));
    let (issuer, holder) = (jwk::from_key(&signer.public_key()), jwk::from_key(minting.holder_key));
    let minting = attestation::Minting {
        issuer: issuer.as_str(),
        holder: holder.as_str(),
        context: &config.address(KYC_CONTEXT_PATH),
        credential_type: KYC_TYPE,
        now: minting.now,
        lifetime_days: minting.lifetime_days,
        status: status.as_ref(),
    };
    let credential = attestation::credential(claims.values(), &minting)?;
    Ok(prove(credential.members(), signer, minting.now)?)
}

/// Adds a proof. JSON canonicalisation looks into no context, so none is loaded.
fn prove(document: &Map<String, Value>, signer: &dyn Signer, now: Timestamp) -> Result<Value, ProofError> {
    let key = signer.public_key();
    let options = Options::new(cryptosuite(&key), &jwk::method(&key), Relationship::AssertionMethod, now);
    data_integrity::sign(document, &options, signer, &Contexts::none()).map(Value::Object)
}

/// The suite of a key; JSON canonicalisation, which needs no JSON-LD processor to be verified.
pub(crate) fn cryptosuite(key: &PublicKey) -> Cryptosuite {
    match key.algorithm() {
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => Cryptosuite::EcdsaJcs2019,
        Algorithm::EdDsa => Cryptosuite::EddsaJcs2022,
    }
}

fn bitstring_address(status: &StatusReference) -> String {
    format!("{}{BITSTRING}", status.uri)
}

impl Issuer {
    /// The identifier that signs W3C credentials: the document signer's key as did:jwk.
    #[must_use]
    pub fn did(&self) -> String {
        jwk::from_key(&self.document_signer.public_key()).as_str().to_owned()
    }

    /// The JSON-LD context of the `kyc` profile.
    pub(crate) fn kyc_context(&self) -> Value {
        context(&kyc::PROFILE, &self.config.address(KYC_CONTEXT_PATH), KYC_TYPE)
    }

    /// A status list of one bit as a signed `BitstringStatusListCredential`.
    ///
    /// # Errors
    /// [`Error::NoSuchList`] for numbers that were never begun, and for lists that can say more than valid and revoked.
    pub async fn bitstring_status_list(&self, list: u32, now: Timestamp) -> Result<Arc<Value>, Error> {
        let mut lists = self.bitstrings.lock().await;
        if let Some((made, signed)) = lists.get(&list)
            && now.duration_since(*signed).abs() < self.config.status_ttl
        {
            return Ok(Arc::clone(made));
        }
        let (length, bits, entries) = self.listed(list).await?;
        if bits != Bits::One {
            return Err(Error::NoSuchList);
        }
        let failed = |error: &dyn std::fmt::Display| Error::Task(format!("the bitstring status list: {error}"));
        let mut bitstring = Bitstring::new(length.max(MIN_ENTRIES), 1).map_err(|error| failed(&error))?;
        for (idx, standing) in entries {
            if standing != Standing::Valid {
                bitstring.set(idx, 1).map_err(|error| failed(&error))?;
            }
        }
        let address = bitstring_address(&StatusReference { uri: self.list_address(list)?, idx: 0 });
        let until = now.saturating_add(self.config.status_ttl).unwrap_or(Timestamp::MAX);
        let issuer = self.did();
        let listing = Listing {
            url: &address,
            issuer: &issuer,
            purpose: Purpose::Revocation,
            valid_from: now,
            valid_until: until,
        };
        let unsigned = bitstring_status_list::credential(&listing, &bitstring).map_err(|error| failed(&error))?;
        let signed = Arc::new(prove(&unsigned, &*self.document_signer, now).map_err(|error| failed(&error))?);
        lists.insert(list, (Arc::clone(&signed), now));
        Ok(signed)
    }
}
