//! A credential of this issuer's own, shown in place of a kept face: the second source of a reuse session's reference.
//!
//! The hosted page asks the person's wallet for the claim `face_template` of the `kyc` profile, and for nothing else, over
//! OpenID4VP 1.0 (signed request by reference, `x509_hash`, `direct_post.jwt`), bound to this one session by a nonce of
//! its own. Wallets give the template to nobody but whoever issued the credential.
//!
//! What comes must hold in every respect, or the session stays where it is and another credential may be shown: issued by
//! this issuer, signed by the holder for this request, in date, not revoked, minted for a verification of the same
//! `vendor_data`, measured by the model that is loaded. The template is kept sealed until the selfie was compared, and not
//! beyond.
//!
//! Left out: mobile documents. A wallet that holds one from here holds the SD-JWT VC as well.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;
use warifu_credential::face_template::{self, FaceTemplateClaim};
use warifu_credential::sd_jwt::{Error as SdJwtError, KeyBindingRules, Presentation};
use warifu_credential::status::{Encoding, StatusToken};
use warifu_credential::{Authentic, Format, SettleError, Verified};
use warifu_keys::x509::Certificate;
use warifu_models::face::Template;
use warifu_openid4vc::dcql::Query;
use warifu_openid4vc::http::Method;
use warifu_openid4vc::link::Link;
use warifu_openid4vc::vp::client_id::ClientId;
use warifu_openid4vc::vp::holder::RequestUri;
use warifu_openid4vc::vp::purpose::Purpose;
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::{self, Answer, AwaitingResponse, ReceivedResponse, RequestBuilder};
use warifu_server::text::Lang;
use warifu_store::Loaded;
use warifu_trust::{ServiceType, Trust};
use zeroize::Zeroizing;

use crate::kyc::evidence::FaceTemplate;
use crate::kyc::reuse::Reference;
use crate::kyc::session::{OpenSession, token_hash};
use crate::kyc::stage::{OutOfTurn, Stage};
use crate::status::Standing;
use crate::vci::Renew;
use crate::{CertifiedKey, Error, Issuer};

/// Identifier of the one credential query.
const QUERY: &str = "kyc";
/// How far the wallet's clock may be off.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What became of asking for a credential.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "showing", rename_all = "snake_case")]
pub enum Showing {
    /// Nothing was asked yet.
    #[default]
    NotAsked,
    /// A request waits for its answer.
    Asked(Box<Request>),
    /// What came could not be used; another request may be made.
    Refused {
        /// Why not.
        why: Unusable,
    },
    /// A credential was shown and holds.
    Shown,
}

impl Showing {
    pub(crate) fn asked(&self) -> Asked {
        match self {
            Self::NotAsked => Asked::Not,
            Self::Asked(request) if request.fetched => Asked::Opened,
            Self::Asked(_) => Asked::Waiting,
            Self::Refused { .. } => Asked::Refused,
            Self::Shown => Asked::Shown,
        }
    }

    /// The identifier of the request that waits for its answer.
    pub(crate) fn request_id(&self) -> Option<&str> {
        match self {
            Self::Asked(request) => Some(&request.id),
            Self::NotAsked | Self::Refused { .. } | Self::Shown => None,
        }
    }
}

/// How far asking for a credential is, without what is secret about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// There is no request.
    Not,
    /// No wallet has opened it.
    Waiting,
    /// A wallet has opened it.
    Opened,
    /// What came could not be used.
    Refused,
    /// A credential was shown and holds.
    Shown,
}

/// A request for a credential. It holds the private key for the answer, so it is kept sealed only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// 256 random bits that stand in the addresses of the request.
    id: String,
    awaiting: AwaitingResponse,
    /// Whether a wallet has the signed request object; it is handed out once.
    fetched: bool,
}

/// Why a credential that was shown can not be the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    /// The wallet or its user showed nothing.
    NotShown,
    /// What came is no answer to the request.
    Unreadable,
    /// It was not issued here.
    OtherIssuer,
    /// It is another type of credential, or came in another format.
    OtherType,
    /// The holder did not sign it for this request.
    NotBound,
    /// It has expired, or is not valid yet.
    NotInDate,
    /// It was revoked or suspended.
    Revoked,
    /// It can not be traced to a verification that was made here.
    Untraceable,
    /// It is about somebody else than the session.
    OtherPerson,
    /// It holds no face template.
    NoTemplate,
    /// Its template was made by a model that is not loaded.
    OtherModel,
}

impl Unusable {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::NotShown,
        Self::Unreadable,
        Self::OtherIssuer,
        Self::OtherType,
        Self::NotBound,
        Self::NotInDate,
        Self::Revoked,
        Self::Untraceable,
        Self::OtherPerson,
        Self::NoTemplate,
        Self::OtherModel,
    ];

    /// Stable name, in the audit log and in the names of the texts for people.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotShown => "not_shown",
            Self::Unreadable => "unreadable",
            Self::OtherIssuer => "other_issuer",
            Self::OtherType => "other_type",
            Self::NotBound => "not_bound",
            Self::NotInDate => "not_in_date",
            Self::Revoked => "revoked",
            Self::Untraceable => "untraceable",
            Self::OtherPerson => "other_person",
            Self::NoTemplate => "no_template",
            Self::OtherModel => "other_model",
        }
    }
}

/// A request as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What the QR code holds.
    pub(crate) link: String,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
    /// Why what was shown before could not be used.
    pub(crate) refused: Option<Unusable>,
}

/// What a credential that holds leads to.
#[derive(Debug)]
struct Face {
    template: Template,
    session: Uuid,
}

impl Issuer {
    /// Whether people can be asked for a credential here.
    #[must_use]
    pub fn asks_for_credentials(&self) -> bool {
        self.access.is_some()
    }

    /// The request of a session that waits for a credential, made anew where none waits.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::OutOfTurn`], [`Error::Over`], [`Error::TooManyTries`], [`Error::Asking`].
    pub(crate) async fn shown_request(&self, token: &str, renew: Renew, now: Timestamp) -> Result<Shown, Error> {
        let seen = self.seen_by_token(token).await?;
        self.check_open(&seen.open.session, now)?;
        waits_for_credential(&seen.open.personal.stage)?;
        let refused = match &seen.open.personal.showing {
            Showing::Asked(request) if renew == Renew::WhenOver && now < request.awaiting.expires() => {
                return self.shown(request, None);
            }
            Showing::Refused { why } => Some(*why),
            Showing::Asked(_) | Showing::NotAsked | Showing::Shown => None,
        };
        let id = self.entropy().token();
        let request = Box::new(Request { awaiting: self.ask(&id, now)?, id, fetched: false });
        let shown = self.shown(&request, refused)?;
        self.change(token, now, |open| {
            waits_for_credential(&open.personal.stage)?;
            open.show(Showing::Asked(request.clone()));
            Ok("session.credential_asked")
        })
        .await?;
        Ok(shown)
    }

    fn shown(&self, request: &Request, refused: Option<Unusable>) -> Result<Shown, Error> {
        let (_, leaf) = self.access()?;
        let request_uri = self.presentation_address(&request.id, "request")?;
        let link = RequestUri { client_id: ClientId::x509_hash(leaf), request_uri, method: Method::Get };
        Ok(Shown { link: Link::Request(link).to_uri(), expires_at: request.awaiting.expires(), refused })
    }

    fn ask(&self, id: &str, now: Timestamp) -> Result<AwaitingResponse, Error> {
        let asking = |error: &dyn std::fmt::Display| Error::Asking(error.to_string());
        let (_, leaf) = self.access()?;
        let query = json!({ "credentials": [{
            "id": QUERY,
            "format": Format::SdJwtVc.identifier(),
            "meta": { "vct_values": [self.config.address(warifu_schemas::kyc::VCT_PATH)] },
            "claims": [{ "path": [face_template::CLAIM] }],
        }]});
        let query = Query::from_value(&query).map_err(|error| asking(&error))?;
        let purpose = |lang: Lang| (lang.to_string(), self.catalogue.words(lang).say("presented-purpose"));
        let purpose = Purpose::new(Lang::ALL.into_iter().map(purpose).collect());
        let purpose = purpose.map_err(|error| asking(&error))?;
        RequestBuilder::new(leaf, self.presentation_address(id, "response")?, query)
            .verifier_info(json!([purpose.to_entry()]))
            .build(self.entropy(), now)
            .map_err(|error| asking(&error))
    }

    fn access(&self) -> Result<(&CertifiedKey, &Certificate), Error> {
        let access = self.access.as_ref().ok_or(Error::NoAccessCertificate)?;
        access.chain.first().map(|leaf| (access, leaf)).ok_or(Error::NoAccessCertificate)
    }

    fn presentation_address(&self, id: &str, door: &str) -> Result<url::Url, Error> {
        let address = self.config.address(&format!("/presentation/{id}/{door}"));
        address.parse().map_err(|_| Error::Asking(address))
    }

    /// The signed request object, handed out once (OpenID4VP 1.0 section 5.10).
    ///
    /// # Errors
    /// [`Error::NoSuchRequest`] where it ended, was handed out before, or never was.
    pub async fn request_object(&self, id: &str, now: Timestamp) -> Result<String, Error> {
        let (token, request) = self.asked(id, now).await?;
        let (access, _) = self.access()?;
        let object = request.awaiting.sign(&access.chain, &*access.signer, None, now);
        let object = object.map_err(|error| Error::Asking(error.to_string()))?;
        self.change(&token, now, |open| match &mut open.personal.showing {
            Showing::Asked(request) if request.id == id && !request.fetched => {
                request.fetched = true;
                Ok("session.credential_request_fetched")
            }
            Showing::Asked(_) | Showing::NotAsked | Showing::Refused { .. } | Showing::Shown => {
                Err(Error::NoSuchRequest)
            }
        })
        .await?;
        Ok(object)
    }

    /// Takes a wallet's answer. What is not meant for the request leaves it as it was; an answer, whatever comes of it, uses
    /// it up. `Ok(Some(_))` says why what came can not be used.
    ///
    /// # Errors
    /// [`Error::NoSuchRequest`] for a request that does not wait; [`Error::Unreadable`] for what is no answer to it.
    pub async fn take_presentation(&self, id: &str, body: &[u8], now: Timestamp) -> Result<Option<Unusable>, Error> {
        let (token, request) = self.asked(id, now).await?;
        if !request.fetched {
            return Err(Error::NoSuchRequest);
        }
        let received = Received::parse(body).map_err(|_| Error::Unreadable)?;
        if !request.awaiting.is_meant_by(&received) {
            return Err(Error::Unreadable);
        }
        let seen = self.seen_by_token(&token).await?;
        let face = match request.awaiting.clone().accept(received, now) {
            Ok(Answer::Presented(response)) => self.face_of(&response, &seen.open, now).await?,
            Ok(Answer::Refused(_)) => Err(Unusable::NotShown),
            Err(verifier::Error::VpToken(_)) => Err(Unusable::OtherType),
            Err(error) => {
                tracing::info!(%error, "a presentation could not be read");
                Err(Unusable::Unreadable)
            }
        };
        let unusable = face.as_ref().err().copied();
        self.change(&token, now, |open| {
            // Of two answers the first one counts.
            if open.personal.showing.request_id() != Some(id) {
                return Err(Error::NoSuchRequest);
            }
            match &face {
                Ok(Face { template, session }) => {
                    let reference =
                        Reference::Presented { template: FaceTemplate(template.clone()), session: *session };
                    open.personal.stage = open.personal.stage.clone().with_reference(reference)?;
                    open.show(Showing::Shown);
                    Ok("session.credential_shown")
                }
                Err(why) => {
                    open.session.attempts = open.session.attempts.saturating_add(1);
                    open.show(Showing::Refused { why: *why });
                    Ok("session.credential_refused")
                }
            }
        })
        .await?;
        if let Some(why) = unusable {
            tracing::info!(why = why.code(), "a credential can not be the reference");
        }
        Ok(unusable)
    }

    /// The request that waits under this identifier, and the token of its session.
    async fn asked(&self, id: &str, now: Timestamp) -> Result<(String, Box<Request>), Error> {
        // The index holds only hashes, so looking one up tells nothing about those beside it.
        let found = self.sessions().find("request", &token_hash(id)).await?.ok_or(Error::NoSuchRequest)?;
        let open = OpenSession::open(found.value, &self.vault)?.ok_or(Error::NoSuchRequest)?;
        self.check_open(&open.session, now).map_err(|_| Error::NoSuchRequest)?;
        match open.personal.showing {
            Showing::Asked(request) if request.id == id && now < request.awaiting.expires() => {
                Ok((open.personal.token.expose().to_owned(), request))
            }
            Showing::Asked(_) | Showing::NotAsked | Showing::Refused { .. } | Showing::Shown => {
                Err(Error::NoSuchRequest)
            }
        }
    }

    /// The face of a presentation that holds in every respect.
    async fn face_of(
        &self,
        response: &ReceivedResponse,
        open: &OpenSession,
        now: Timestamp,
    ) -> Result<Result<Face, Unusable>, Error> {
        let trust = self.trust.at(now).await;
        let authentic = match self.authentic(response, &trust, now) {
            Ok(authentic) => authentic,
            Err(why) => return Ok(Err(why)),
        };
        let (verified, session) = match self.settled(authentic, now).await? {
            Ok(settled) => settled,
            Err(why) => return Ok(Err(why)),
        };
        if verified.vct() != self.config.address(warifu_schemas::kyc::VCT_PATH) {
            return Ok(Err(Unusable::OtherType));
        }
        let Some(Loaded { value: source, .. }) = self.sessions().load(&session).await? else {
            return Ok(Err(Unusable::Untraceable));
        };
        // Where the client says whose session it is, the credential must be that person's. One whose verification was erased
        // is nobody's any more, and what one application verified is nothing to another.
        if open.session.application != source.application {
            return Ok(Err(Unusable::OtherPerson));
        }
        if open.session.vendor_data.is_some() && open.session.vendor_data != source.vendor_data {
            return Ok(Err(Unusable::OtherPerson));
        }
        Ok(self.template(&verified).map(|template| Face { template, session }))
    }

    /// Signature of this issuer, validity, and the holder's signature for this request.
    fn authentic(&self, response: &ReceivedResponse, trust: &Trust, now: Timestamp) -> Result<Authentic, Unusable> {
        let [presentation] = response.vp_token.0.get(QUERY).map(Vec::as_slice).unwrap_or_default() else {
            return Err(Unusable::OtherType);
        };
        let presentation = presentation.text().and_then(|text| Presentation::parse(text).ok());
        // Only certificates that the trusted list has for this very issuer count, whoever else may issue.
        let own = trust.may_issue(&self.chain, now).map_err(|_| Unusable::OtherIssuer)?;
        let anchors: Vec<Certificate> =
            own.services_of(ServiceType::KycIssuance).flat_map(|service| service.certificates.clone()).collect();
        let rules = KeyBindingRules {
            audience: response.request.client_id.as_str(),
            nonce: &response.request.nonce,
            max_age: verifier::LIFE,
            leeway: LEEWAY,
        };
        let authentic = presentation.ok_or(Unusable::Unreadable)?.authenticate(&anchors, now, &rules);
        authentic.map(|(authentic, _)| authentic).map_err(|error| match error {
            SdJwtError::Issuer(_) | SdJwtError::IssuerChain(_) | SdJwtError::IssuerMetadata(_) => Unusable::OtherIssuer,
            SdJwtError::NotYetValid { .. } | SdJwtError::IssuedInFuture { .. } | SdJwtError::Expired { .. } => {
                Unusable::NotInDate
            }
            error => {
                tracing::info!(%error, "a presentation is not bound to its request");
                Unusable::NotBound
            }
        })
    }

    /// Status by our own lists and records, and the session that the credential was minted for.
    async fn settled(&self, authentic: Authentic, now: Timestamp) -> Result<Result<(Verified, Uuid), Unusable>, Error> {
        let Some(entry) = (match authentic.status_reference() {
            Some(reference) => self.entry_at(reference).await?,
            None => None,
        }) else {
            return Ok(Err(Unusable::Untraceable));
        };
        let token = self.status_list(entry.list(), Encoding::Jwt, now).await?;
        let Some(Ok(token)) = authentic.wanted_status().map(|wanted| wanted.check::<StatusToken>(&token.bytes, now))
        else {
            return Ok(Err(Unusable::Untraceable));
        };
        Ok(match authentic.settle(&token, now) {
            // The record knows of a change that the signed list of another node does not show yet.
            Ok(_) if entry.standing() != Standing::Valid => Err(Unusable::Revoked),
            Ok(verified) => Ok((verified, entry.session())),
            Err(SettleError::Expired { .. }) => Err(Unusable::NotInDate),
            Err(_) => Err(Unusable::Revoked),
        })
    }

    fn template(&self, verified: &Verified) -> Result<Template, Unusable> {
        let claim = verified.claims().get(face_template::CLAIM).ok_or(Unusable::NoTemplate)?;
        let claim = FaceTemplateClaim::from_value(claim).map_err(|_| Unusable::NoTemplate)?;
        let model = claim.model().as_str().parse().map_err(|_| Unusable::NoTemplate)?;
        if self.models.face_model().is_some_and(|loaded| *loaded != model) {
            return Err(Unusable::OtherModel);
        }
        let values = Zeroizing::new(claim.values().map(i8::cast_unsigned).collect::<Vec<u8>>());
        Template::scaled(model, claim.scale(), &values).map_err(|_| Unusable::NoTemplate)
    }
}

fn waits_for_credential(stage: &Stage) -> Result<(), OutOfTurn> {
    match stage {
        Stage::AwaitingCredential => Ok(()),
        Stage::Opened
        | Stage::DocumentRead { .. }
        | Stage::DocumentAgain { .. }
        | Stage::Complete { .. }
        | Stage::Decided { .. }
        | Stage::AwaitingFace { .. }
        | Stage::Compared { .. } => Err(OutOfTurn("credential")),
    }
}
