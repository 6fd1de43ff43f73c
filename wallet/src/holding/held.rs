//! A held credential, whatever its format: the same verbs for all.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_credential::face_template::{self, FaceTemplateClaim, mdoc_template_digest, template_digest};
use warifu_credential::mdoc::{self, DeviceKey, SessionTranscript};
use warifu_credential::sd_jwt::{self, KeyBinding};
use warifu_credential::selfie_reauth::{Assertion, HASHES, HASHES_ALG, MEMBER, NAMESPACE};
use warifu_credential::type_metadata::TypeMetadata;
use warifu_credential::{ClaimPath, Format, PathStep};
use warifu_keys::jws::Unverified;
use warifu_keys::x509::Certificate;
use warifu_keys::{SigningKey, base64url};
use warifu_schemas::Profile;
use zeroize::Zeroize as _;

use super::rows::{self, ClaimFact};
use super::{FACE_TEMPLATE, label};

/// Why a credential can not be read or presented.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// An SD-JWT VC.
    #[error(transparent)]
    SdJwtVc(#[from] sd_jwt::Error),
    /// An mdoc.
    #[error(transparent)]
    Mdoc(#[from] mdoc::Error),
}

/// A credential as it lies in the store, with everything that could be disclosed. Wiped on drop.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Kept {
    /// The SD-JWT with all disclosures, and what its type says about itself.
    #[serde(rename = "dc+sd-jwt")]
    SdJwtVc { text: String, metadata: Box<TypeMetadata> },
    /// base64url of `IssuerSigned` with all elements.
    #[serde(rename = "mso_mdoc")]
    Mdoc { issuer_signed: String },
}

impl Drop for Kept {
    fn drop(&mut self) {
        match self {
            Self::SdJwtVc { text, .. } => text.zeroize(),
            Self::Mdoc { issuer_signed } => issuer_signed.zeroize(),
        }
    }
}

impl Kept {
    /// Readable again. It was verified when it was stored, and the store is authenticated.
    pub(super) fn reload(&self) -> Result<Held, CredentialError> {
        Ok(match self {
            Self::SdJwtVc { text, metadata } => {
                Held::SdJwtVc(Box::new(sd_jwt::Held::dangerous_reload(text)?), metadata.clone())
            }
            Self::Mdoc { issuer_signed } => {
                let bytes = base64url::decode(issuer_signed).map_err(|_| mdoc::Error::NotBase64url)?;
                Held::Mdoc(Box::new(mdoc::Held::dangerous_reload(&zeroize::Zeroizing::new(bytes))?))
            }
        })
    }

    /// What an SD-JWT VC's type says about itself; an mdoc has no such document.
    pub(super) fn metadata(&self) -> Option<&TypeMetadata> {
        match self {
            Self::SdJwtVc { metadata, .. } => Some(metadata),
            Self::Mdoc { .. } => None,
        }
    }
}

/// What a presentation answers.
pub(crate) struct Exchange<'a> {
    /// Whom it is made for.
    pub(crate) audience: &'a str,
    /// The other side's nonce.
    pub(crate) nonce: &'a str,
    /// What an mdoc's device signs over.
    pub(crate) transcript: &'a SessionTranscript,
    /// When it is made.
    pub(crate) now: Timestamp,
}

/// A selfie match in the other side's words, and the transaction data that it answers.
pub(crate) struct Reauth<'a> {
    pub(crate) assertion: &'a Assertion,
    pub(crate) transaction_data: &'a [&'a str],
}

/// A held credential, readable.
#[derive(Debug, Clone)]
pub enum Held {
    /// An SD-JWT VC, with what its type says about itself.
    SdJwtVc(Box<sd_jwt::Held>, Box<TypeMetadata>),
    /// An mdoc.
    Mdoc(Box<mdoc::Held>),
}

impl Held {
    pub(super) fn to_kept(&self) -> Kept {
        match self {
            Self::SdJwtVc(held, metadata) => Kept::SdJwtVc { text: held.text(), metadata: metadata.clone() },
            Self::Mdoc(held) => Kept::Mdoc { issuer_signed: base64url::encode(&held.to_bytes()) },
        }
    }

    /// What its type says about itself; an mdoc has no such document.
    pub(crate) fn metadata(&self) -> Option<&TypeMetadata> {
        match self {
            Self::SdJwtVc(_, metadata) => Some(metadata),
            Self::Mdoc(_) => None,
        }
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Self::SdJwtVc(..) => Format::SdJwtVc,
            Self::Mdoc(_) => Format::Mdoc,
        }
    }

    /// The type identifier: `vct`, or the `docType` of an mdoc.
    #[must_use]
    pub fn vct(&self) -> &str {
        match self {
            Self::SdJwtVc(held, _) => held.vct(),
            Self::Mdoc(held) => held.doc_type(),
        }
    }

    /// Every type that it is of: the identifier and, for an SD-JWT VC, those it is also known as and those that its type
    /// extends.
    pub(crate) fn types(&self) -> Vec<String> {
        let mut types = vec![self.vct().to_owned()];
        match self {
            Self::SdJwtVc(held, metadata) => {
                let also = held.claims().get("aka_vcts").and_then(Value::as_array).into_iter().flatten();
                types.extend(also.filter_map(|vct| vct.as_str().map(str::to_owned)));
                types.extend(metadata.extends.iter().cloned());
            }
            Self::Mdoc(_) => {}
        }
        types
    }

    /// What people call the type: as it says about itself, for an mdoc as our own profile of the document type does; the
    /// identifier where neither does.
    #[must_use]
    pub fn name(&self, language: &str) -> &str {
        let name = match self {
            Self::SdJwtVc(_, metadata) => metadata.name(language),
            Self::Mdoc(held) => Profile::of_doctype(held.doc_type()).map(|profile| profile.name.for_language(language)),
        };
        name.unwrap_or(self.vct())
    }

    /// Everything in it; an mdoc as `{namespace: {element: value}}`.
    #[must_use]
    pub fn claims(&self) -> &Value {
        match self {
            Self::SdJwtVc(held, _) => held.claims(),
            Self::Mdoc(held) => held.claims(),
        }
    }

    /// Everything that can be asked for: the face template is not among it.
    pub(crate) fn askable(&self) -> Value {
        let mut claims = self.claims().clone();
        match (self, &mut claims) {
            (Self::SdJwtVc(..), Value::Object(members)) => drop(members.remove(FACE_TEMPLATE)),
            (Self::Mdoc(_), Value::Object(namespaces)) => {
                for elements in namespaces.values_mut().filter_map(Value::as_object_mut) {
                    elements.remove(FACE_TEMPLATE);
                }
            }
            (Self::SdJwtVc(..) | Self::Mdoc(_), _) => {}
        }
        claims
    }

    /// A claim's text by its name, in an mdoc in whichever namespace it stands.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self {
            Self::SdJwtVc(held, _) => held.claims().get(name)?.as_str(),
            Self::Mdoc(held) => held.claims().as_object()?.values().find_map(|elements| elements.get(name)?.as_str()),
        }
    }

    /// The values one by one, as they are shown.
    #[must_use]
    pub fn rows(&self, language: &str) -> Vec<ClaimFact> {
        self.rows_of(self.claims(), language)
    }

    /// The values of `claims`, which are part of it, one by one.
    fn rows_of(&self, claims: &Value, language: &str) -> Vec<ClaimFact> {
        match self {
            Self::SdJwtVc(_, metadata) => rows::of_claims(claims, metadata, language),
            Self::Mdoc(_) => rows::of_elements(claims, language),
        }
    }

    /// What presenting `paths` gives away, as it is shown. An mdoc's element is given whole or not at all.
    pub(crate) fn reveals(&self, paths: &[ClaimPath], language: &str) -> Result<Vec<ClaimFact>, CredentialError> {
        let revealed = match self {
            Self::SdJwtVc(held, _) => held.reveals(paths)?,
            Self::Mdoc(held) => held.reveals(&elements(paths))?,
        };
        Ok(self.rows_of(&revealed, language))
    }

    /// What people call the face template in it; `None` if it has none.
    pub(crate) fn face_template_label(&self, language: &str) -> Option<String> {
        let (path, metadata) = match self {
            Self::SdJwtVc(held, metadata) => {
                held.claims().get(FACE_TEMPLATE)?;
                (ClaimPath::claim(FACE_TEMPLATE), Some(&**metadata))
            }
            Self::Mdoc(held) => {
                held.mdoc().element(held.doc_type(), FACE_TEMPLATE)?;
                (ClaimPath::claim(held.doc_type()).name(FACE_TEMPLATE), None)
            }
        };
        Some(label(metadata, &path, language).unwrap_or(FACE_TEMPLATE).to_owned())
    }

    /// The face template, with the issuer's digest of it; `None` if it has none that could be used.
    pub(crate) fn face_template(&self) -> Option<(FaceTemplateClaim, String)> {
        let (claim, digest): (_, Result<_, face_template::Error>) = match self {
            Self::SdJwtVc(held, _) => (FaceTemplateClaim::of(held), template_digest(held)),
            Self::Mdoc(held) => (FaceTemplateClaim::of_mdoc(held), mdoc_template_digest(held)),
        };
        Some((claim.ok()??, digest.ok()?))
    }

    /// Whether its key may say that a selfie was matched: an mdoc's issuer has to allow that.
    pub(crate) fn may_tell_of_a_selfie(&self) -> bool {
        match self {
            Self::SdJwtVc(..) => true,
            Self::Mdoc(held) => {
                let authorizations = &held.mdoc().mso().key_authorizations;
                [HASHES, HASHES_ALG, MEMBER].iter().all(|element| authorizations.allow(NAMESPACE, element))
            }
        }
    }

    /// From when it is valid, blurred by the issuer.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        match self {
            Self::SdJwtVc(held, _) => held.issued_at(),
            Self::Mdoc(held) => held.issued_at(),
        }
    }

    /// From when it is no longer accepted.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::SdJwtVc(held, _) => held.expires(),
            Self::Mdoc(held) => held.expires(),
        }
    }

    /// Whether possession of its key can be proved.
    pub(crate) fn holder_bound(&self) -> bool {
        match self {
            Self::SdJwtVc(held, _) => held.holder_key().is_some(),
            Self::Mdoc(_) => true,
        }
    }

    /// The issuer's certificates, leaf first, verified when it was received.
    pub(crate) fn issuer_chain(&self) -> Vec<Certificate> {
        match self {
            Self::SdJwtVc(held, _) => {
                let text = zeroize::Zeroizing::new(held.text());
                let jwt = text.split('~').next().unwrap_or_default();
                Unverified::parse(jwt).and_then(|jws| jws.x5c()).unwrap_or_default()
            }
            Self::Mdoc(held) => held.issuer_chain().unwrap_or_default(),
        }
    }

    /// What only an SD-JWT VC can do: be shared.
    pub(crate) fn sd_jwt(&self) -> Option<&sd_jwt::Held> {
        match self {
            Self::SdJwtVc(held, _) => Some(held),
            Self::Mdoc(_) => None,
        }
    }

    /// The presentation of `paths` in this exchange, as it stands in a `vp_token`: with a key binding JWT, or as a device
    /// response of one document. A selfie match is told in the one or signed by the device in the other.
    pub(crate) fn present(
        &self,
        paths: &[ClaimPath],
        exchange: &Exchange<'_>,
        reauth: Option<&Reauth<'_>>,
        key: &SigningKey,
    ) -> Result<String, CredentialError> {
        Ok(match self {
            Self::SdJwtVc(held, _) => {
                let extra = reauth.map(|reauth| reauth.assertion.key_binding_claims(reauth.transaction_data));
                let binding = KeyBinding {
                    audience: exchange.audience.to_owned(),
                    nonce: exchange.nonce.to_owned(),
                    issued_at: exchange.now,
                    extra: extra.unwrap_or_default(),
                };
                held.present(paths, &binding, key)?
            }
            Self::Mdoc(held) => {
                let said = reauth.map(|reauth| reauth.assertion.device_elements(reauth.transaction_data));
                let said = said.unwrap_or_default();
                let response = held.present(&elements(paths), &said, exchange.transcript, DeviceKey::Signs(key))?;
                base64url::encode(&response)
            }
        })
    }
}

/// The elements that paths lead into, each once: `(namespace, element)` (OpenID4VP 1.0 section 7.2).
fn elements(paths: &[ClaimPath]) -> Vec<(&str, &str)> {
    let steps = paths.iter().map(ClaimPath::steps);
    let elements: BTreeSet<_> = steps
        .filter_map(|steps| match steps {
            [PathStep::Name(namespace), PathStep::Name(element), ..] => Some((namespace.as_str(), element.as_str())),
            _ => None,
        })
        .collect();
    elements.into_iter().collect()
}
