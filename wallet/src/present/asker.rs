//! Who asks: from a link to a request whose maker has a name in the trusted list (OpenID4VP 1.0 sections 5.9 to 5.11).
//!
//! A client identifier that a certificate proves is asked about by its chain. Any other must stand in the trusted list
//! itself, and that is found out first: nothing of a stranger is fetched or resolved, neither its request nor its DID. DIDs
//! of the methods `jwk`, `key` and `web` are resolved. Attesters of verifiers are those of the trusted list; whom they
//! attest must stand there too, so that the user can be told a name.
//!
//! Registration certificates count where the list has registrars. One that does not hold ends the request; none at all, and
//! a request beyond them, is said to the user.

use std::sync::Arc;

use jiff::Timestamp;
use warifu_credential::selfie_reauth;
use warifu_credential::status::{Encoding, Status, StatusReference, StatusToken, TrustedSigner, Wanted};
use warifu_credential::type_metadata::path_text;
use warifu_keys::PublicKey;
use warifu_keys::x509::Certificate;
use warifu_openid4vc::http::check_callable;
use warifu_openid4vc::vp::client_id::{ClientId, Prefix};
use warifu_openid4vc::vp::holder::{self, AuthenticRequest, PresentationRequest, ReceivedRequest, RequestLink};
use warifu_openid4vc::vp::identity::{Answers, Attester, Maker, Terms};
use warifu_openid4vc::vp::purpose::Purpose;
use warifu_openid4vc::vp::registration::{Beyond, ReceivedRegistration, Registration, check_registered};
use warifu_openid4vc::vp::wallet_metadata::WalletMetadata;
use warifu_trust::{Trust, TrustedEntity};
use warifu_w3c::did::{self, Did, DidError, Documents, Relationship};

use super::PresentError;
use crate::consent::{Asker, Receiver, Warning};
use crate::history::Party;
use crate::holding::{Holding, label};
use crate::store::AnswerRule;
use crate::{Error, Wallet, wire};

/// A request by a party with a name, before it is held against what the wallet has.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) request: PresentationRequest,
    pub(super) asker: Asker,
    pub(super) asks: Asks,
    /// What the registration says, or does not say.
    pub(super) warnings: Vec<Warning>,
    pub(super) registered_purpose: Option<Purpose>,
}

/// Who asks, as the trusted list knows them.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    entity: String,
    trust: Arc<Trust>,
}

impl Asks {
    /// What they are to a credential: the list has to say that its issuer is the same entity, today.
    pub(super) fn as_receiver(&self, holding: &Holding, now: Timestamp) -> Receiver {
        let chain = holding.held().map(|held| held.issuer_chain()).unwrap_or_default();
        match self.trust.may_issue(&chain, now) {
            Ok(issuer) if issuer.id == self.entity => Receiver::ItsIssuer,
            Ok(_) | Err(_) => Receiver::Another,
        }
    }
}

impl Wallet {
    /// The request behind a link. What is refused after the party has an identifier stands in the history.
    pub(super) async fn asking(&self, link: &str, language: &str, now: Timestamp) -> Result<Asking, Error> {
        let link = RequestLink::parse(link).map_err(PresentError::from)?;
        let client_id = link.client_id().clone();
        let mut party =
            Party { name: String::new(), identifier: client_id.as_str().to_owned(), registrar: self.registrar()? };
        let trust = self.trust(now).await?;
        let by_name = match by_name(&trust, &client_id, now) {
            Ok(entity) => entity,
            Err(error) => return self.stop(party, error.into(), now),
        };
        let authentic = self.authentic(link, &trust, now).await?;
        let certificate_name = authentic.chain().first().and_then(|leaf| leaf.organization().or(leaf.common_name()));
        party.name = certificate_name.clone().unwrap_or_default();
        let entity = match (authentic.maker(), by_name) {
            (Maker::Certificate(chain), _) => trust.may_request(chain, now).map_err(PresentError::UnknownVerifier),
            (Maker::VerificationMethod { .. } | Maker::Attested(_) | Maker::Anybody, Some(entity)) => Ok(entity),
            (Maker::VerificationMethod { .. } | Maker::Attested(_) | Maker::Anybody, None) => {
                let again = trust.may_request_as(client_id.as_str(), now);
                again.map_err(PresentError::UnknownVerifier)
            }
        };
        let entity = match entity {
            Ok(entity) => entity,
            Err(error) => return self.stop(party, error.into(), now),
        };
        party.name.clone_from(&entity.name);
        let registrations = match self.registrations(&authentic, &entity, &trust, now).await {
            Ok(registrations) => registrations,
            Err(error) => return self.stop(party, error, now),
        };
        let request = match authentic.understand(&[selfie_reauth::TYPE]) {
            Ok(request) => request,
            Err(misunderstood) => return self.stop(party, PresentError::Request(misunderstood.reason).into(), now),
        };
        let warning = registrations.as_deref().and_then(|found| unregistered(found, &request, language));
        let purpose = registrations.as_deref().and_then(|found| found.iter().find_map(Registration::purpose)).cloned();
        Ok(Asking {
            request,
            asker: Asker {
                name: entity.name,
                identifier: party.identifier,
                certificate_name,
                website: entity.website,
                contact: entity.contact,
                registry: party.registrar,
            },
            asks: Asks { entity: entity.id, trust },
            warnings: warning.into_iter().collect(),
            registered_purpose: purpose,
        })
    }

    /// Fetches the request object where it is not in the link, and makes sure that its maker owns the client identifier.
    async fn authentic(
        &self,
        link: RequestLink,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<AuthenticRequest, PresentError> {
        let answers = match self.store().read(|contents| contents.settings.answers) {
            Ok(AnswerRule::AsAsked) => Answers::AsAsked,
            // Without a word of the user nothing leaves in the clear.
            Ok(AnswerRule::Encrypted) | Err(_) => Answers::Encrypted,
        };
        let attesters: Vec<Attester> =
            trust.verifier_attesters(now).into_iter().map(|(identifier, key)| Attester { identifier, key }).collect();
        let terms = Terms { verification_methods: &[], attesters: &attesters, answers };
        let received = match link {
            RequestLink::Unsigned(link) => return Ok(link.read(&terms)?),
            RequestLink::ByValue(received) => *received,
            RequestLink::ByReference(link) => {
                let fetching = link.fetch_offering(&WalletMetadata::own(&Prefix::ALL), self.entropy());
                let answer = self.wire().send(fetching.request().clone()).await?;
                fetching.answer(&answer)?
            }
        };
        let methods = self.verification_methods(&received).await?;
        Ok(received.authenticate_with(&Terms { verification_methods: &methods, ..terms }, now)?)
    }

    /// The key of the DID that is said to ask, from its own document; nothing for other prefixes.
    async fn verification_methods(&self, received: &ReceivedRequest) -> Result<Vec<(String, PublicKey)>, PresentError> {
        let Some(method) = received.verification_method()? else { return Ok(Vec::new()) };
        let did = did::controller(&method)?;
        if did.as_str() != received.client_id().original() {
            return Err(holder::Error::OtherMethod.into());
        }
        let documents = self.documents(&did).await?;
        // OpenID4VP 1.0 section 5.9.3 names no relationship. One that is neither for saying who one is nor for making
        // statements was not meant for this.
        let key = documents
            .key(&method, Relationship::Authentication)
            .or_else(|_| documents.key(&method, Relationship::AssertionMethod));
        Ok(vec![(method, key?.1)])
    }

    /// The documents that a DID needs: those of its own method, fetched where they are not in the identifier.
    async fn documents(&self, did: &Did) -> Result<Documents, PresentError> {
        match did.method() {
            "jwk" | "key" => Ok(Documents::offline()),
            "web" => {
                let address = did::web::document_url(did)?;
                let body = wire::get(self.wire(), &address, "application/did+json, application/json;q=0.9").await?;
                Ok(Documents::offline().with(did::web::document(did, &body)?))
            }
            other => Err(DidError::Method(other.chars().take(80).collect()).into()),
        }
    }

    /// What registrars say about the party; `None` where the list has no registrar and nothing could be believed.
    async fn registrations(
        &self,
        authentic: &AuthenticRequest,
        entity: &TrustedEntity,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Option<Vec<Registration>>, Error> {
        if !trust.has_registrars(now) {
            return Ok(None);
        }
        let anchors = trust.registrar_anchors(now);
        let received = authentic.verifier_info().map_or(Ok(Vec::new()), ReceivedRegistration::from_verifier_info);
        // A certificate says which organisation it is. Of one that says nothing, and of whoever has none, the list says it.
        let of_certificate = authentic.chain().first().and_then(Certificate::organization_identifier);
        let organization = of_certificate.unwrap_or_else(|| entity.id.clone());
        let mut registrations = Vec::new();
        for received in received.map_err(PresentError::from)? {
            let registration = received.authenticate(&anchors, now).map_err(PresentError::from)?;
            registration.check_party(Some(&organization)).map_err(PresentError::from)?;
            if let Some(reference) = registration.status() {
                self.check_registration_status(reference, &anchors, now).await?;
            }
            registrations.push(registration);
        }
        Ok(Some(registrations))
    }

    /// Demands that the status list of a registration certificate, signed under a registrar, says valid.
    async fn check_registration_status(
        &self,
        reference: &StatusReference,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<(), PresentError> {
        let unusable = |why: String| PresentError::RegistrationStatus(why);
        check_callable(&reference.uri).map_err(|error| unusable(error.to_string()))?;
        let wanted =
            |anchor| Wanted { uri: &reference.uri, signer: TrustedSigner::Anchor(anchor), encoding: Encoding::Jwt };
        let kept = anchors.iter().find_map(|anchor| self.statuses().look_up(&wanted(anchor), now));
        let token = match kept {
            Some(token) => token,
            None => {
                let accept = <StatusToken as warifu_credential::status::Listed>::accept(Encoding::Jwt);
                let body = wire::get(self.wire(), &reference.uri, accept).await?;
                let mut failure = unusable("there is no registrar".to_owned());
                let mut found = None;
                for anchor in anchors {
                    match self.statuses().take_in(&wanted(anchor), &body, now) {
                        Ok(token) => found = found.or(Some(token)),
                        Err(error) => failure = unusable(error.to_string()),
                    }
                }
                found.ok_or(failure)?
            }
        };
        match token.status(reference.idx).map_err(|error| unusable(error.to_string()))? {
            Status::Valid => Ok(()),
            other => Err(unusable(format!("its status is {other:?}"))),
        }
    }
}

/// Whom the list names by this client identifier; `None` for one that a certificate proves.
fn by_name(trust: &Trust, client_id: &ClientId, now: Timestamp) -> Result<Option<TrustedEntity>, PresentError> {
    match client_id.prefix() {
        Prefix::X509Hash | Prefix::X509SanDns => Ok(None),
        Prefix::DecentralizedIdentifier | Prefix::VerifierAttestation | Prefix::RedirectUri => {
            trust.may_request_as(client_id.as_str(), now).map(Some).map_err(PresentError::UnknownVerifier)
        }
    }
}

/// What the user should know about the registration, where anything.
fn unregistered(registrations: &[Registration], request: &PresentationRequest, language: &str) -> Option<Warning> {
    if registrations.is_empty() {
        return Some(Warning::NotRegistered);
    }
    let (query_id, path) = match check_registered(registrations, request.query()).err()? {
        Beyond::Type { query_id } | Beyond::Whole { query_id } => (query_id, None),
        Beyond::Claim { query_id, path } => (query_id, Some(path)),
    };
    let said = |path| label(None, path, language).map_or_else(|| path_text(path), str::to_owned);
    Some(Warning::BeyondRegistration { query_id, claim: path.as_ref().map(said) })
}
