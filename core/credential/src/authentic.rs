//! The proofs of a credential's life: [`Authentic`] and [`Verified`].

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use warifu_keys::PublicKey;
use warifu_keys::x509::{Certificate, VerifiedChain};

use crate::Format;
use crate::mdoc::Mdoc;
use crate::sd_jwt::{SdJwt, WebIssuer};
use crate::status::{
    self, IdentifierList, IdentifierReference, ListSigner, Status, StatusReference, StatusReferences, StatusToken,
    TrustedSigner,
};

/// Why an authentic credential is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// It names a status list, so nobody may do without it.
    #[error("the credential has a status that was not looked up")]
    StatusNotLookedUp,
    /// It names no status list, so the token given belongs to something else.
    #[error("the credential has no status")]
    NoStatus,
    /// The token is of another list.
    #[error("the status token belongs to another list")]
    OtherList,
    /// The token's signer is trusted through another anchor than the credential's issuer.
    #[error("the status token and the credential end at different trust anchors")]
    OtherAnchor,
    /// The token is too old.
    #[error("the status token was good until {until}")]
    StaleStatus {
        /// When its `exp` or `ttl` ended.
        until: Timestamp,
    },
    /// The list has no such index.
    #[error("status: {0}")]
    Status(#[from] status::Error),
    /// Revoked for good (status value 1).
    #[error("the credential is revoked")]
    Revoked,
    /// Suspended for now (status value 2).
    #[error("the credential is suspended")]
    Suspended,
    /// A status value without a meaning here; not valid in any case.
    #[error("the credential has the unknown status {0}")]
    UnknownStatus(u8),
    /// It expired since it was authenticated.
    #[error("the credential expired at {at}")]
    Expired {
        /// Its `exp`.
        at: Timestamp,
    },
}

/// What a credential says, whatever its format.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) format: Format,
    pub(crate) type_identifier: String,
    /// Always an object: everything the issuer signed and the holder disclosed, digests removed.
    pub(crate) claims: Value,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) status: Option<StatusReference>,
    pub(crate) holder_key: Option<PublicKey>,
    /// Digests of top-level claims that were not disclosed; decoys among them can not be told apart.
    pub(crate) withheld: BTreeSet<String>,
}

/// What only one format has; each variant is the credential as it came, its signature checked.
#[derive(Clone)]
pub(crate) enum Form {
    /// With the disclosures that were sent.
    SdJwtVc(SdJwt),
    /// With the elements that were sent.
    Mdoc(Box<Mdoc>),
}

impl Form {
    fn mdoc(&self) -> Option<&Mdoc> {
        match self {
            Self::Mdoc(mdoc) => Some(mdoc),
            Self::SdJwtVc(_) => None,
        }
    }

    fn mdoc_status(&self) -> Option<&StatusReferences> {
        self.mdoc()?.mso().status.as_ref()
    }

    /// Where a revoked credential would be named, for formats that have such lists.
    fn identifier_reference(&self) -> Option<&IdentifierReference> {
        self.mdoc_status()?.identifier_list.as_ref()
    }
}

/// Signature, chain and validity hold; whether the credential was revoked is not known yet, so its claims stay closed.
///
/// The parameter says what the trust in the issuer rests on: a certificate chain, or a
/// [`WebIssuer`] whose keys came from its own web site.
#[derive(Clone)]
pub struct Authentic<Issuer = VerifiedChain> {
    pub(crate) contents: Contents,
    pub(crate) issuer: Issuer,
    pub(crate) form: Form,
}

impl<Issuer> Authentic<Issuer> {
    /// The status list entry to look up before [`Authentic::settle`]; `None` if the credential names no status list.
    #[must_use]
    pub fn status_reference(&self) -> Option<&StatusReference> {
        self.contents.status.as_ref()
    }

    /// The identifier to look up in an identifier list; only an mdoc has one. Where both lists are named, either says it.
    #[must_use]
    pub fn identifier_reference(&self) -> Option<&IdentifierReference> {
        self.form.identifier_reference()
    }

    /// What only an mdoc has: what the issuer signed beside the elements.
    pub(crate) fn mdoc(&self) -> Option<&Mdoc> {
        self.form.mdoc()
    }

    /// What the issuer was authenticated by. For a chain: its certificate and the trust anchor it was found under; whom
    /// the credential is from says this chain, never an `iss` claim.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The format it came in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.contents.format
    }

    /// The type identifier: `vct`, or the `docType` of an mdoc.
    #[must_use]
    pub fn vct(&self) -> &str {
        &self.contents.type_identifier
    }

    /// From when on the credential is not accepted; `None` if it names no end.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.contents.expires
    }

    /// The key that the credential is bound to: `cnf`, or the device key of an mdoc.
    #[must_use]
    pub fn holder_key(&self) -> Option<&PublicKey> {
        self.contents.holder_key.as_ref()
    }

    /// Accepts a credential that names no list; fails with [`SettleError::StatusNotLookedUp`] if it names one.
    pub fn settle_without_status(self, now: Timestamp) -> Result<Verified<Issuer>, SettleError> {
        match (&self.contents.status, self.form.identifier_reference()) {
            (None, None) => self.unexpired(now),
            (_, _) => Err(SettleError::StatusNotLookedUp),
        }
    }

    fn decide(self, status: Status, now: Timestamp) -> Result<Verified<Issuer>, SettleError> {
        match status {
            Status::Valid => self.unexpired(now),
            Status::Invalid => Err(SettleError::Revoked),
            Status::Suspended => Err(SettleError::Suspended),
            Status::Other(value) => Err(SettleError::UnknownStatus(value)),
        }
    }

    fn unexpired(self, now: Timestamp) -> Result<Verified<Issuer>, SettleError> {
        match self.contents.expires {
            Some(at) if now >= at => Err(SettleError::Expired { at }),
            Some(_) | None => Ok(Verified { contents: self.contents, issuer: self.issuer, form: self.form }),
        }
    }
}

impl Authentic {
    /// Accepts the credential if `token` is of its list, from its trust anchor, fresh at `now`, and says valid.
    pub fn settle(self, token: &StatusToken, now: Timestamp) -> Result<Verified, SettleError> {
        let reference = self.contents.status.as_ref().ok_or(SettleError::NoStatus)?;
        if token.uri() != &reference.uri {
            return Err(SettleError::OtherList);
        }
        check_list(token.signer(), &self.status_list_anchor().into(), token.fresh_until(), now)?;
        match self.contents.format {
            Format::Mdoc => token.check_for_mdoc()?,
            Format::SdJwtVc => (),
        }
        let status = token.status(reference.idx)?;
        self.decide(status, now)
    }

    /// Accepts an mdoc if its identifier is not in `list`, which has to be the one it names, from its trust anchor and
    /// fresh at `now` (ISO/IEC 18013-5 second edition, section 12.3.6).
    pub fn settle_with_identifiers(self, list: &IdentifierList, now: Timestamp) -> Result<Verified, SettleError> {
        let reference = self.identifier_reference().ok_or(SettleError::NoStatus)?;
        if list.uri() != &reference.uri {
            return Err(SettleError::OtherList);
        }
        check_list(list.signer(), &self.identifier_list_anchor().into(), list.fresh_until(), now)?;
        let status = list.status(&reference.id);
        self.decide(status, now)
    }

    /// Under which anchor the credential's status list is signed: the one that its issuer was found under, or the one that
    /// its issuer signed in its place.
    pub(crate) fn status_list_anchor(&self) -> &Certificate {
        let named = self.form.mdoc_status().and_then(|status| status.status_list_certificate.as_ref());
        named.unwrap_or(&self.issuer.anchor)
    }

    /// Under which anchor the credential's identifier list is signed, as for the status list.
    pub(crate) fn identifier_list_anchor(&self) -> &Certificate {
        let named = self.form.mdoc_status().and_then(|status| status.identifier_list_certificate.as_ref());
        named.unwrap_or(&self.issuer.anchor)
    }
}

impl Authentic<WebIssuer> {
    /// Accepts the credential if `token` is of its list, signed with a key of the same issuer, fresh at `now`, and says
    /// valid.
    pub fn settle(self, token: &StatusToken, now: Timestamp) -> Result<Verified<WebIssuer>, SettleError> {
        let reference = self.contents.status.as_ref().ok_or(SettleError::NoStatus)?;
        if token.uri() != &reference.uri {
            return Err(SettleError::OtherList);
        }
        check_list(token.signer(), &self.issuer.list_signer(), token.fresh_until(), now)?;
        let status = token.status(reference.idx)?;
        self.decide(status, now)
    }
}

/// A list counts only from whom the credential is from: another trusted issuer must not be able to speak for this one.
fn check_list(
    signer: &ListSigner,
    own: &TrustedSigner<'_>,
    fresh_until: Timestamp,
    now: Timestamp,
) -> Result<(), SettleError> {
    if !signer.is(own) {
        return Err(SettleError::OtherAnchor);
    }
    if now > fresh_until {
        return Err(SettleError::StaleStatus { until: fresh_until });
    }
    Ok(())
}

/// Shows the type only: claims are personal data.
impl<Issuer> fmt::Debug for Authentic<Issuer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authentic({})", self.contents.type_identifier)
    }
}

/// A credential that passed every check. Only here can its claims be read.
#[derive(Clone)]
pub struct Verified<Issuer = VerifiedChain> {
    pub(crate) contents: Contents,
    pub(crate) issuer: Issuer,
    pub(crate) form: Form,
}

impl<Issuer> Verified<Issuer> {
    /// The disclosed claims; always an object. For an SD-JWT VC registered ones are included; for an mdoc it is
    /// `{namespace: {element: value}}` with values by RFC 8949 section 6.1.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.contents.claims
    }

    /// What the issuer was authenticated by; for a chain, its certificate and the trust anchor it was found under.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The format it came in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.contents.format
    }

    /// The type identifier: `vct`, or the `docType` of an mdoc.
    #[must_use]
    pub fn vct(&self) -> &str {
        &self.contents.type_identifier
    }

    /// `iat`, or `nbf` where only that is given. Issuers blur it, so it tells a day rather than a second.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.contents.issued_at.or(self.contents.not_before)
    }

    /// `exp`: from this instant on the credential is not accepted.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.contents.expires
    }

    /// Where its status is listed.
    #[must_use]
    pub fn status_reference(&self) -> Option<&StatusReference> {
        self.contents.status.as_ref()
    }

    /// The key that the credential is bound to: `cnf`, or the device key of an mdoc.
    #[must_use]
    pub fn holder_key(&self) -> Option<&PublicKey> {
        self.contents.holder_key.as_ref()
    }

    /// Whether the issuer signed `digest`, base64url, for a claim or element that was not disclosed: for an SD-JWT VC in
    /// the top-level `_sd`.
    #[must_use]
    pub fn withholds(&self, digest: &str) -> bool {
        match &self.form {
            Form::SdJwtVc(_) => self.contents.withheld.contains(digest),
            Form::Mdoc(mdoc) => mdoc.withholds(digest),
        }
    }

    /// What only an mdoc has: its elements in CBOR, and what the issuer signed beside them.
    #[must_use]
    pub fn mdoc(&self) -> Option<&Mdoc> {
        self.form.mdoc()
    }

    /// What only an SD-JWT VC has.
    pub(crate) fn sd_jwt(&self) -> Option<&SdJwt> {
        match &self.form {
            Form::SdJwtVc(sd_jwt) => Some(sd_jwt),
            Form::Mdoc(_) => None,
        }
    }
}

/// Shows the type only: claims are personal data.
impl<Issuer> fmt::Debug for Verified<Issuer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({})", self.contents.type_identifier)
    }
}
