//! From a person's claims to credentials of a profile, in every encoding from one table ([`warifu_schemas::Profile`]).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::{Map, Value};
use warifu_keys::{Entropy, PublicKey};
use warifu_schemas::{Profile, Step};

use crate::claim_path::{ClaimPath, PathStep};
use crate::sd_jwt::{self, Claims, IssuerKey, Registered};
use crate::status::StatusReference;

mod mdoc;

pub use mdoc::{element_value, mint_mdoc};

/// Digests of an SD-JWT VC come in multiples of this on every level; decoys make up the rest.
const DECOYS: u8 = 4;

/// Why a credential of a profile can not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A claim's value breaks a rule of the profile.
    #[error("claim `{0}` is not acceptable")]
    Claim(&'static str),
    /// The credential could not be issued.
    #[error(transparent)]
    Issue(#[from] sd_jwt::Error),
    /// The mdoc could not be issued.
    #[error(transparent)]
    IssueMdoc(#[from] crate::mdoc::Error),
}

/// The claims of one person by one profile, in the JSON form, checked against the profile's rules. Only the profiles'
/// own types make one.
#[derive(Clone, PartialEq)]
pub struct ProfileClaims {
    profile: &'static Profile,
    values: Map<String, Value>,
}

/// Shows the profile only: claims are personal data.
impl std::fmt::Debug for ProfileClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProfileClaims({})", self.profile.doctype)
    }
}

impl ProfileClaims {
    pub(crate) fn new(profile: &'static Profile, values: Map<String, Value>) -> Self {
        Self { profile, values }
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// The claims as JSON, by their SD-JWT VC names.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The claims of an SD-JWT VC: every row of the profile's table selectively disclosable, array entries too.
    #[must_use]
    pub fn to_sd_jwt(&self) -> Claims {
        let paths = self.profile.attributes.iter().filter_map(|attribute| claim_path(attribute.path));
        paths.fold(Claims::new(self.values.clone()), Claims::selective)
    }
}

/// What a credential needs beside the claims.
#[derive(Debug, Clone, Copy)]
pub struct Minting<'a> {
    /// Type identifier of an SD-JWT VC: for the `kyc` profile the issuer identifier followed by
    /// [`warifu_schemas::kyc::VCT_PATH`].
    pub vct: &'a str,
    /// The key that the holder proved to have.
    pub holder_key: &'a PublicKey,
    /// Where the status is listed, at an index that no other credential has.
    pub status: Option<&'a StatusReference>,
    /// How long the credential lives, in days.
    pub lifetime_days: u16,
    /// The instant of issuance; `iat`, `nbf` and `exp` are written at the start of the UTC day, so that copies of one
    /// batch and of many people look alike.
    pub now: Timestamp,
}

impl Minting<'_> {
    /// The day of issuance, in UTC.
    #[must_use]
    pub fn day(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }

    /// From when on the credential is valid: the start of [`Minting::day`].
    #[must_use]
    pub fn valid_from(&self) -> Timestamp {
        floor(self.now, 86_400)
    }

    /// Until when.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        let lifetime = SignedDuration::from_hours(24 * i64::from(self.lifetime_days));
        self.valid_from().saturating_add(lifetime).unwrap_or(Timestamp::MAX)
    }
}

/// Makes an SD-JWT VC in compact form, with fresh salts, decoys on every level, and digests in an order of their own.
pub fn mint_sd_jwt(
    claims: &ProfileClaims,
    minting: &Minting<'_>,
    issuer: IssuerKey<'_>,
    entropy: &dyn Entropy,
) -> Result<String, Error> {
    let registered = Registered {
        vct: minting.vct,
        issuer: None,
        issued_at: Some(minting.valid_from()),
        not_before: Some(minting.valid_from()),
        expires: Some(minting.valid_until()),
        holder_key: Some(minting.holder_key),
        status: minting.status,
    };
    Ok(sd_jwt::issue(&claims.to_sd_jwt().with_decoys(DECOYS), &registered, issuer, entropy)?)
}

/// `instant` rounded down to whole `seconds` since 1970.
pub(crate) fn floor(instant: Timestamp, seconds: i64) -> Timestamp {
    let second = instant.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds)).unwrap_or(instant)
}

/// The claims path of a row.
pub(crate) fn claim_path(steps: &[Step]) -> Option<ClaimPath> {
    let step = |step: &Step| match step {
        Step::Name(name) => PathStep::Name((*name).to_owned()),
        Step::Every => PathStep::Every,
    };
    ClaimPath::new(steps.iter().map(step).collect()).ok()
}
