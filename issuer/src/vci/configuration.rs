//! What can be minted: a profile in an encoding, and what the issuer's metadata says of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use warifu_credential::profile::{Minting, ProfileClaims, mint_mdoc, mint_sd_jwt};
use warifu_credential::sd_jwt::IssuerKey;
use warifu_credential::status::Bits;
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::{Entropy, PublicKey, base64url};
use warifu_openid4vc::vci::metadata::{ClaimMetadata, Configuration, CredentialMetadata, Display};
use warifu_schemas::json_ld::{KYC_CONTEXT_PATH, KYC_TYPE};
use warifu_schemas::{Attribute, Label, Profile, Step, kyc, pid};
use warifu_w3c::attestation::NEVER_SHOWN;
use warifu_w3c::context::CREDENTIALS_V2;

use crate::kyc::evidence::{Document, Selfie};
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::kyc::verdict::{Approved, Verdict};
use crate::{Config, Error, mint, w3c};

/// A credential configuration (OpenID4VCI 1.0 section 12.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CredentialConfiguration {
    /// The `kyc` profile as SD-JWT VC.
    #[serde(rename = "kyc-identity-sd-jwt")]
    KycSdJwt,
    /// The `kyc` profile as ISO mdoc.
    #[serde(rename = "kyc-identity-mdoc")]
    KycMdoc,
    /// The `pid-sandbox` profile as SD-JWT VC.
    #[serde(rename = "pid-sandbox-sd-jwt")]
    PidSdJwt,
    /// The `pid-sandbox` profile as ISO mdoc.
    #[serde(rename = "pid-sandbox-mdoc")]
    PidMdoc,
    /// The `kyc` profile as W3C verifiable credential, which shows everything to everyone it is shown to.
    #[serde(rename = "kyc-identity-w3c")]
    KycW3c,
}

/// How a profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    SdJwtVc,
    Mdoc,
    W3c,
}

impl CredentialConfiguration {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::KycSdJwt, Self::KycMdoc, Self::PidSdJwt, Self::PidMdoc, Self::KycW3c];

    /// The identifier in offers, requests and metadata, which is also the scope.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::KycSdJwt => "kyc-identity-sd-jwt",
            Self::KycMdoc => "kyc-identity-mdoc",
            Self::PidSdJwt => "pid-sandbox-sd-jwt",
            Self::PidMdoc => "pid-sandbox-mdoc",
            Self::KycW3c => "kyc-identity-w3c",
        }
    }

    /// The configuration of an identifier.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|configuration| configuration.id() == id)
    }

    /// Whether it is for tests of interoperability only.
    #[must_use]
    pub fn is_sandbox(self) -> bool {
        match self {
            Self::KycSdJwt | Self::KycMdoc | Self::KycW3c => false,
            Self::PidSdJwt | Self::PidMdoc => true,
        }
    }

    fn profile(self) -> &'static Profile {
        match self {
            Self::KycSdJwt | Self::KycMdoc | Self::KycW3c => &kyc::PROFILE,
            Self::PidSdJwt | Self::PidMdoc => &pid::PROFILE,
        }
    }

    fn encoding(self) -> Encoding {
        match self {
            Self::KycSdJwt | Self::PidSdJwt => Encoding::SdJwtVc,
            Self::KycMdoc | Self::PidMdoc => Encoding::Mdoc,
            Self::KycW3c => Encoding::W3c,
        }
    }

    /// The type identifier of its SD-JWT VC.
    pub(crate) fn vct(self, config: &Config) -> String {
        match self {
            Self::KycSdJwt | Self::KycMdoc | Self::KycW3c => config.address(kyc::VCT_PATH),
            Self::PidSdJwt | Self::PidMdoc => pid::VCT.to_owned(),
        }
    }

    /// Bits per entry of the status lists that its copies are on. Lists of mdocs have one (ISO/IEC 18013-5 second edition,
    /// section 12.3.6), and a Bitstring Status List is about revocation alone: neither can be suspended.
    pub(crate) fn status_bits(self, config: &Config) -> Bits {
        match self.encoding() {
            Encoding::SdJwtVc => config.suspension.bits(),
            Encoding::Mdoc | Encoding::W3c => Bits::One,
        }
    }

    /// The entry in the issuer's metadata.
    pub(crate) fn metadata(self, config: &Config, signer: &PublicKey) -> Configuration {
        let Profile { name, description, doctype, attributes, .. } = self.profile();
        let rows = attributes.iter();
        let (configuration, claims): (_, Vec<_>) = match self.encoding() {
            Encoding::SdJwtVc => {
                (Configuration::sd_jwt_vc(&self.vct(config), self.id()), rows.filter_map(claim).collect())
            }
            Encoding::Mdoc => {
                (Configuration::mdoc(doctype, self.id()), rows.filter_map(|row| element(doctype, row)).collect())
            }
            Encoding::W3c => {
                let definition = json!({
                    "@context": [CREDENTIALS_V2, config.address(KYC_CONTEXT_PATH)],
                    "type": ["VerifiableCredential", KYC_TYPE],
                });
                let suite = w3c::cryptosuite(signer).name();
                (Configuration::ldp_vc(definition, suite, self.id()), rows.filter_map(subject).collect())
            }
        };
        let display = named(name, Some(description));
        let metadata = CredentialMetadata { display, claims, credential_reuse_policy: None };
        Configuration { credential_metadata: Some(metadata), ..configuration }
    }

    /// The claims about an approved person.
    ///
    /// # Errors
    /// [`Error::Mint`] names what the profile demands and the evidence does not show.
    pub(crate) fn claims(self, config: &Config, of: &Evidenced<'_>) -> Result<ProfileClaims, Error> {
        let Evidenced { approved, document, selfie, verified_at, now } = of;
        Ok(match self {
            Self::KycSdJwt | Self::KycMdoc | Self::KycW3c => {
                let today = now.to_zoned(TimeZone::UTC).date();
                mint::claims(approved, document, selfie, *verified_at)?.to_claims(today)?
            }
            Self::PidSdJwt | Self::PidMdoc => {
                mint::pid_claims(approved, document, *verified_at, config)?.to_claims()?
            }
        })
    }

    /// Mints one copy, as the credential endpoint answers with it (OpenID4VCI 1.0 appendix A): compact text for SD-JWT VC,
    /// base64url of `IssuerSigned` for mdoc, an object for W3C.
    pub(crate) fn mint(
        self,
        claims: &ProfileClaims,
        minting: &Minting<'_>,
        issuer: IssuerKey<'_>,
        entropy: &dyn Entropy,
        config: &Config,
    ) -> Result<Value, Error> {
        Ok(match self.encoding() {
            Encoding::SdJwtVc => Value::String(mint_sd_jwt(claims, minting, issuer, entropy)?),
            Encoding::Mdoc => Value::String(base64url::encode(&mint_mdoc(claims, minting, issuer, entropy)?)),
            Encoding::W3c => {
                let minted = w3c::mint(claims, minting, issuer.signer, config);
                minted.map_err(|error| Error::Task(format!("the W3C credential: {error}")))?
            }
        })
    }
}

/// What a credential is minted from.
pub(crate) struct Evidenced<'a> {
    approved: Approved,
    document: &'a Document,
    selfie: &'a Selfie,
    verified_at: Timestamp,
    now: Timestamp,
}

impl<'a> Evidenced<'a> {
    /// What an approved session holds; `None` for every other.
    pub(crate) fn of(open: &'a OpenSession, now: Timestamp) -> Option<Self> {
        let Stage::Decided { document, selfie, at, .. } = &open.personal.stage else { return None };
        let Some(Verdict::Approved(approved)) = open.personal.stage.verdict(&open.session.workflow) else {
            return None;
        };
        Some(Self { approved, document: &document.read, selfie: &selfie.read, verified_at: *at, now })
    }
}

fn named(label: &Label, description: Option<&Label>) -> Vec<Display> {
    let row = |locale: &str| Display {
        name: Some(label.for_language(locale).to_owned()),
        description: description.map(|text| text.for_language(locale).to_owned()),
        locale: Some(locale.to_owned()),
        ..Display::default()
    };
    vec![row("en"), row("ja")]
}

fn claim(attribute: &Attribute) -> Option<ClaimMetadata> {
    let step = |step: &Step| match step {
        Step::Name(name) => PathStep::Name((*name).to_owned()),
        Step::Every => PathStep::Every,
    };
    let path = ClaimPath::new(attribute.path.iter().map(step).collect()).ok()?;
    Some(ClaimMetadata { path, mandatory: attribute.mandatory, display: named(&attribute.label, None) })
}

/// In a W3C credential the claims are about its subject.
fn subject(attribute: &Attribute) -> Option<ClaimMetadata> {
    let shown = !attribute.path.iter().any(|step| NEVER_SHOWN.iter().any(|name| *step == Step::Name(name)));
    let metadata = claim(attribute).filter(|_| shown)?;
    let steps = std::iter::once(PathStep::Name("credentialSubject".to_owned()));
    let path = ClaimPath::new(steps.chain(metadata.path.steps().iter().cloned()).collect()).ok()?;
    Some(ClaimMetadata { path, ..metadata })
}

/// In an mdoc, a claim's path is namespace and element (OpenID4VCI 1.0 appendix C.2).
fn element(namespace: &str, attribute: &Attribute) -> Option<ClaimMetadata> {
    let path = ClaimPath::claim(namespace).name(attribute.element?);
    Some(ClaimMetadata { path, mandatory: attribute.mandatory, display: named(&attribute.label, None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_as_they_are_written() {
        for configuration in CredentialConfiguration::ALL {
            assert_eq!(CredentialConfiguration::from_id(configuration.id()), Some(configuration));
            assert_eq!(serde_json::to_value(configuration).unwrap(), configuration.id());
        }
        assert_eq!(CredentialConfiguration::from_id("kyc"), None);
    }
}
