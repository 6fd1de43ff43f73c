//! The mdoc in an answer: a device response of one document (OpenID4VP 1.0 appendix B.2, HAIP 1.0 section 5.3.1).
//!
//! One signature of the device covers what a key binding JWT says in claims: the session transcript has the verifier, the
//! nonce, the encryption key and the response URI in one hash. So an answer for another verifier or another request fails
//! the check `key_binding`, and `aud` and `nonce` are not reached.

use jiff::Timestamp;
use warifu_credential::mdoc::{DeviceAuth, DeviceResponse, Error, Session, SessionTranscript};
use warifu_keys::cose::CoseError;
use warifu_trust::Trust;

use super::{Known, Proof, Settled, passed};
use crate::Verifier;
use crate::check::{CheckName, Tally};

impl Verifier {
    /// Signature, digests, trust, device authentication, validity and status of one device response; `None` once a check
    /// failed.
    pub(super) async fn settle_mdoc(
        &self,
        text: &str,
        audience: &str,
        transcript: &SessionTranscript,
        trust: &Trust,
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Settled> {
        let received = match DeviceResponse::from_base64url(text).and_then(DeviceResponse::only) {
            Ok(received) => received,
            Err(error) => {
                tally.fail(place(&error), error.to_string());
                return None;
            }
        };
        let chain = received.issuer_chain().unwrap_or_default();
        let issuer = super::named_issuer(&chain, trust, now, tally)?;
        // OpenID4VP has no key of the verifier that a device could agree on a message authentication code with.
        let session = Session { transcript, reader_key: None };
        let (authentic, device) = match received.authenticate(&trust.issuer_anchors(now), now, &session) {
            Ok(pair) => pair,
            Err(error) => {
                let known = Known { issuer: &issuer, chain: &chain, audience };
                super::failed(held_before(&error), place(&error), &error, &known, tally);
                return None;
            }
        };
        passed(&authentic, &issuer, audience, tally);
        let how = match device.by() {
            DeviceAuth::Signature => "signed by the device that it is bound to",
            DeviceAuth::Mac => "authenticated by the device that it is bound to",
        };
        tally.pass(CheckName::KeyBinding, how);
        let verified = self.check_status(authentic, trust, now, tally).await?;
        Some(Settled { verified, proof: Proof::Device(device), issuer, chain, inherited: Ok(Vec::new()) })
    }
}

/// Which check an error of the credential layer belongs to.
fn place(error: &Error) -> CheckName {
    match error {
        Error::Issuer(_) | Error::SignerCountry { .. } | Error::IssuerChain(_) | Error::IssuingCountry { .. } => {
            CheckName::IssuerTrusted
        }
        Error::ValidityInfo(_) | Error::SignedInFuture { .. } | Error::NotYetValid { .. } | Error::Expired { .. } => {
            CheckName::NotExpired
        }
        Error::DigestAlgorithm(_)
        | Error::IssuerAuth(CoseError::Algorithm(_) | CoseError::AlgorithmMismatch { .. })
        | Error::DeviceSignature(CoseError::Algorithm(_) | CoseError::AlgorithmMismatch { .. })
        | Error::DeviceMac(CoseError::Algorithm(_) | CoseError::AlgorithmMismatch { .. }) => CheckName::AlgAllowed,
        Error::DeviceKey(_)
        | Error::DeviceSignature(_)
        | Error::DeviceMac(_)
        | Error::NoReaderKey
        | Error::NotAuthorized { .. }
        | Error::NotTheDeviceKey => CheckName::KeyBinding,
        Error::Cbor { .. }
        | Error::NotBase64url
        | Error::Member(_)
        | Error::UnknownMember(_)
        | Error::Version { .. }
        | Error::Status(_)
        | Error::NoDocument
        | Error::SeveralDocuments(_)
        | Error::IssuerAuth(_)
        | Error::DocType { .. }
        | Error::DuplicateElement { .. }
        | Error::DuplicateDigestId { .. }
        | Error::ShortRandom { .. }
        | Error::NoDigest { .. }
        | Error::DigestMismatch { .. }
        | Error::StatusReference(_)
        | Error::Element(_)
        | Error::NotHeld { .. }
        | Error::Signer(_) => CheckName::Signature,
    }
}

/// The checks that held when authentication, in the order of the credential layer, ended with this error: chain, signature,
/// validity, digests, then the device's signature and what its key may sign.
fn held_before(error: &Error) -> &'static [CheckName] {
    use CheckName as Name;
    const CREDENTIAL: &[CheckName] = &[Name::Signature, Name::IssuerTrusted, Name::NotExpired];
    match (place(error), error) {
        (Name::NotExpired, _) => &[Name::IssuerTrusted],
        (Name::KeyBinding, Error::NotAuthorized { .. }) => {
            &[Name::Signature, Name::IssuerTrusted, Name::NotExpired, Name::Aud, Name::Nonce]
        }
        (Name::KeyBinding, Error::DeviceSignature(_) | Error::DeviceMac(_) | Error::NoReaderKey)
        | (Name::AlgAllowed, Error::DeviceSignature(_) | Error::DeviceMac(_)) => CREDENTIAL,
        (
            Name::Signature
            | Name::IssuerTrusted
            | Name::KeyBinding
            | Name::Aud
            | Name::Nonce
            | Name::AlgAllowed
            | Name::NotRevoked
            | Name::QuerySatisfied
            | Name::SelfieReauth,
            _,
        ) => &[],
    }
}
