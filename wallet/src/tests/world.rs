//! The other side of the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;
use warifu_credential::ClaimPath;
use warifu_credential::face_template::FaceTemplateClaim;
use warifu_credential::kyc::{Assurance, KycClaims, Level, Method as Read};
use warifu_credential::person::{CountryCode, Sex};
use warifu_credential::profile::{Minting, mint_mdoc, mint_sd_jwt};
use warifu_credential::sd_jwt::{IssuerKey, KeyBindingRules, Presentation};
use warifu_credential::selfie_reauth;
use warifu_credential::status::{self, Bits, Status, StatusList, StatusReference, TokenClaims};
use warifu_keys::entropy::Seeded;
use warifu_keys::jwe::AgreementKey;
use warifu_keys::jws::{self, Header, Unverified};
use warifu_keys::x509::issue::{Authority, Period, Request as CertificateRequest, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Entropy, Jwk, PublicKey, Secret, Signer as _, SigningKey, base64url, cbor};
use warifu_models::picture::Picture;
use warifu_openid4vc::dcql::{CredentialQuery, Query};
use warifu_openid4vc::http::{Method, Request, Response};
use warifu_openid4vc::oauth::{AccessToken, Code, Endpoint, OAuthError, ServerMetadata, dpop};
use warifu_openid4vc::vci::credential::{CredentialRequest, CredentialResponse, Issued, Proofs};
use warifu_openid4vc::vci::issuer::{
    AccessGrant, Binding, Clients, NewOffer, OfferState, Terms, TokenPolicy, TxCodeTerms,
};
use warifu_openid4vc::vci::metadata::{Batch, Configuration, CredentialMetadata, IssuerIdentifier, IssuerMetadata};
use warifu_openid4vc::vci::nonce::{NonceKey, NonceResponse};
use warifu_openid4vc::vci::offer::{OfferLink, Scheme as OfferScheme};
use warifu_openid4vc::vci::token::TokenRequest;
use warifu_openid4vc::vp::client_id::{ClientId, Prefix};
use warifu_openid4vc::vp::holder::{RequestUri, Scheme as RequestScheme};
use warifu_openid4vc::vp::identity::Proof;
use warifu_openid4vc::vp::registration;
use warifu_openid4vc::vp::response::{Received, ResponseAnswer};
use warifu_openid4vc::vp::transaction_data::TransactionData;
use warifu_openid4vc::vp::verifier::{Answer, AwaitingResponse, RequestBuilder};
use warifu_openid4vc::vp::wallet_metadata::RequestUriPost;
use warifu_schemas::kyc::{self, VCT_PATH};
use warifu_trust::entity::Standing;
use warifu_trust::list::Operator;
use warifu_trust::{Service, ServiceStatus, ServiceType, TrustedEntity, TrustedList};

use crate::store::{AnswerRule, Kdf, Memory, SelfieRule, Settings};
use crate::wire::{Unanswered, Wire};
use crate::{Seams, Wallet};

pub(super) const REGISTRY: &str = "http://127.0.0.1:9001";
pub(super) const ISSUER: &str = "http://127.0.0.1:9002";
pub(super) const VERIFIER: &str = "http://127.0.0.1:9003";
/// The same verifier under its own name.
pub(super) const CLIENT: &str = "https://verifier.example";

pub(super) fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// What goes wrong at the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// The issuer's authority is not in the list.
    Unlisted,
    /// A disclosure of the credential is changed.
    Tampered,
    /// The credential is bound to another key.
    OtherKey,
    Revoked,
    /// The type metadata names another type.
    OtherType,
    /// The type metadata demands a claim that is not there.
    LacksClaim,
    /// There is no trusted list.
    NoList,
    /// The issuer answers for its first configuration only.
    Stops,
    /// The issuer can not be reached after its first credential.
    Silent,
    /// The second copy of a batch says something else.
    CopiesDiffer,
    /// Two copies of a batch are bound to one key.
    OneKey,
}

/// How a verifier proves who it is.
pub(super) enum By {
    /// By its access certificate.
    Certificate,
    /// By the key of this verification method.
    Method(String),
    /// By this attestation of its key.
    Attestation(String),
    /// With this request object, whatever it says.
    Object(Box<dyn Fn(&AwaitingResponse) -> String + Send>),
}

/// A request in every detail.
pub(super) struct Ask {
    pub(super) client_id: ClientId,
    pub(super) by: By,
    pub(super) method: Method,
    pub(super) in_the_clear: bool,
    pub(super) query: Query,
    pub(super) verifier_info: Option<Value>,
}

impl Ask {
    /// For these claims of the credential, by this client.
    pub(super) fn new(client_id: ClientId, by: By, claims: &[ClaimPath]) -> Self {
        let credentials = vec![CredentialQuery::sd_jwt_vc("kyc", &World::vct(), claims.to_vec())];
        let query = Query { credentials, credential_sets: None };
        Self { client_id, by, method: Method::Get, in_the_clear: false, query, verifier_info: None }
    }
}

pub(super) struct World {
    pub(super) entropy: Arc<Seeded>,
    root: Authority,
    list: (Certificate, SigningKey),
    issuer_ca: Authority,
    signer: (Certificate, SigningKey),
    pub(super) access: (Certificate, SigningKey),
    /// The key of a verifier without a certificate.
    pub(super) client_key: SigningKey,
    /// Says what verifiers have registered.
    pub(super) registrar: Authority,
    registrar_signer: (Certificate, SigningKey),
    registrar_lists: (Certificate, SigningKey),
    pub(super) share_key: AgreementKey,
    nonce_key: NonceKey,
    claims: KycClaims,
    state: Mutex<State>,
}

struct State {
    fault: Fault,
    verifier_listed: bool,
    offers: BTreeMap<String, OfferState>,
    offer_by_id: BTreeMap<String, String>,
    grants: BTreeMap<String, AccessGrant>,
    requests: BTreeMap<String, (AwaitingResponse, By)>,
    /// Further services of `partner-b`, and what it answers with.
    services: Vec<Service>,
    onward: Option<Url>,
    /// What lies at addresses of `verifier.example`.
    documents: BTreeMap<String, String>,
    /// How many copies the issuer gives, and what it says about them.
    batch_size: Option<usize>,
    reuse: Option<Value>,
    posted: Vec<Vec<u8>>,
    asked: Vec<String>,
    /// Keys and nonces of the proofs that came, in their order.
    proved: Vec<(PublicKey, String)>,
}

/// A granted service, by which nobody is known yet.
fn service(kind: ServiceType) -> Service {
    Service {
        service_type: kind,
        name: kind.word().to_owned(),
        certificates: vec![],
        keys: vec![],
        identifiers: vec![],
        current: Standing { status: ServiceStatus::Granted, since: now() - SignedDuration::from_hours(1) },
        history: vec![],
    }
}

fn subject(common_name: &str, organization: &str) -> Subject {
    let (common_name, organization) = (common_name.to_owned(), Some(organization.to_owned()));
    Subject { common_name, organization, country: "UT".to_owned() }
}

fn leaf(authority: &Authority, name: &str, purpose: Purpose, entropy: &dyn Entropy) -> (Certificate, SigningKey) {
    let key = SigningKey::generate_p256(entropy);
    let request = CertificateRequest {
        subject: subject(&format!("{name} Signer"), name),
        public_key: &key.public_key(),
        period: Period::days(now() - SignedDuration::from_hours(24), 300),
        purpose,
        dns_names: vec!["127.0.0.1".to_owned(), "verifier.example".to_owned()],
        uris: vec![],
    };
    (authority.issue(&request, entropy).unwrap(), key)
}

pub(super) fn no_models() -> Result<warifu_models::Models, warifu_models::ModelsError> {
    Err(warifu_models::ModelsError::NotLoaded { part: "face" })
}

impl World {
    pub(super) fn new(template: Option<FaceTemplateClaim>) -> Arc<Self> {
        Self::of(template, None)
    }

    /// A world whose credentials hold a portrait.
    pub(super) fn with_portrait() -> Arc<Self> {
        let picture = Picture::filled(24, 32, [120, 90, 70]);
        Self::of(None, Some(picture.encode_jpeg(80).unwrap()))
    }

    fn of(template: Option<FaceTemplateClaim>, picture: Option<Vec<u8>>) -> Arc<Self> {
        let entropy = Arc::new(Seeded::dangerous_new("wallet world"));
        let source: &dyn Entropy = entropy.as_ref();
        let authority = |name: &str| {
            let period = Period::days(now() - SignedDuration::from_hours(24), 3000);
            let key = SigningKey::generate_p256(source);
            Authority::self_signed(&subject(&format!("{name} Root"), name), key, period, "https://a.example", source)
                .unwrap()
        };
        let (root, issuer_ca, access_ca) = (authority("Utopia Trust"), authority("KYC Authority"), authority("Access"));
        let list = leaf(&root, "Utopia Trust", Purpose::ListSigner, source);
        let signer = leaf(&issuer_ca, "KYC Signer", Purpose::DocumentSigner, source);
        let access = leaf(&access_ca, "Bank B Ltd", Purpose::Access, source);
        let registrar = authority("Registrar");
        let registrar_signer = leaf(&registrar, "Registrar", Purpose::Registrar, source);
        let registrar_lists = leaf(&registrar, "Registrar", Purpose::DocumentSigner, source);
        let client_key = SigningKey::generate_p256(source);
        let claims = KycClaims {
            family_name: "SPECIMEN-VALUE".to_owned(),
            given_name: "ANNA MARIA".to_owned(),
            birthdate: "1974-08-12".parse().unwrap(),
            nationalities: vec!["UT".parse().unwrap_or(CountryCode::UNKNOWN)],
            sex: Sex::Female,
            place_of_birth: None,
            picture,
            issuing_country: CountryCode::UNKNOWN,
            issuing_authority: Some("MINISTRY OF UTOPIA".to_owned()),
            date_of_issuance: None,
            date_of_expiry: Some("2032-04-15".parse().unwrap()),
            document_number: Some("L898902C3".to_owned()),
            assurance: Assurance {
                level: Level::Substantial,
                verified_at: now() - SignedDuration::from_hours(50),
                method: Read::Document,
                checks: vec!["document_mrz".to_owned(), "face_match".to_owned()],
            },
            face_template: template,
        };
        Arc::new(Self {
            root,
            list,
            issuer_ca,
            signer,
            access,
            client_key,
            registrar,
            registrar_signer,
            registrar_lists,
            share_key: AgreementKey::generate(source),
            nonce_key: NonceKey::generate(source),
            claims,
            state: Mutex::new(State {
                fault: Fault::None,
                verifier_listed: true,
                offers: BTreeMap::new(),
                offer_by_id: BTreeMap::new(),
                grants: BTreeMap::new(),
                requests: BTreeMap::new(),
                services: vec![],
                onward: None,
                documents: BTreeMap::new(),
                batch_size: None,
                reuse: None,
                posted: vec![],
                asked: vec![],
                proved: vec![],
            }),
            entropy,
        })
    }

    pub(super) fn break_it(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    pub(super) fn unlist_verifier(&self) {
        self.state.lock().unwrap().verifier_listed = false;
    }

    /// Bodies that were posted to the verifier.
    pub(super) fn posted(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().posted.clone()
    }

    /// Keys and nonces of the proofs that came.
    pub(super) fn proved(&self) -> Vec<(PublicKey, String)> {
        self.state.lock().unwrap().proved.clone()
    }

    /// Addresses that were asked.
    pub(super) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    pub(super) fn vct() -> String {
        format!("{ISSUER}{VCT_PATH}")
    }

    pub(super) fn settings(&self, selfie: SelfieRule) -> Settings {
        Settings {
            registry: REGISTRY.parse().unwrap(),
            operator_certificate: self.root.certificate().to_pem().unwrap(),
            language: None,
            selfie,
            answers: AnswerRule::Encrypted,
            sandbox: true,
        }
    }

    pub(super) fn seams(self: &Arc<Self>) -> Seams {
        Seams {
            files: Arc::new(Memory::default()),
            wire: Arc::clone(self) as Arc<dyn Wire>,
            entropy: Arc::clone(&self.entropy) as Arc<dyn Entropy>,
            load_models: Box::new(no_models),
        }
    }

    pub(super) fn wallet_with(self: &Arc<Self>, seams: Seams, selfie: SelfieRule) -> Wallet {
        let pin = Secret::new(b"482913".to_vec());
        Wallet::init(seams, &pin, Kdf::dangerous_fast(), self.settings(selfie), now()).unwrap()
    }

    pub(super) fn wallet(self: &Arc<Self>) -> Wallet {
        self.wallet_with(self.seams(), SelfieRule::WhenAsked)
    }

    /// A wallet that holds the credential.
    pub(super) async fn wallet_with_credential(self: &Arc<Self>) -> Wallet {
        let wallet = self.wallet();
        let (link, code) = self.offer();
        wallet.accept(&link, Some(&code), now()).await.unwrap();
        wallet
    }

    /// An offer by reference and its transaction code.
    pub(super) fn offer(&self) -> (String, String) {
        self.offer_of(&["kyc"])
    }

    /// An offer of these configurations.
    pub(super) fn offer_of(&self, configurations: &[&str]) -> (String, String) {
        let terms = Terms {
            credential_issuer: IssuerIdentifier::parse(ISSUER).unwrap(),
            configuration_ids: configurations.iter().map(|id| (*id).to_owned()).collect(),
            subject: "session-1".to_owned(),
            life: SignedDuration::from_mins(10),
            tx_code: TxCodeTerms::Numeric { digits: 6, description: None },
        };
        let NewOffer { offer, tx_code, state } = OfferState::open(terms, self.entropy.as_ref(), now());
        let mut known = self.state.lock().unwrap();
        let id = known.offers.len().to_string();
        known.offer_by_id.insert(id.clone(), offer.to_json());
        known.offers.insert(state.key().to_owned(), state);
        let link = OfferLink::ByReference(format!("{ISSUER}/offer/{id}").parse().unwrap());
        (link.to_uri(OfferScheme::OpenidCredentialOffer), tx_code.unwrap())
    }

    /// A request for these claims, with a selfie demand if one is given.
    pub(super) fn request(&self, claims: &[ClaimPath], selfie: Option<&selfie_reauth::Demand>) -> String {
        self.request_by(vec![CredentialQuery::sd_jwt_vc("kyc", &Self::vct(), claims.to_vec())], selfie)
    }

    /// A request for these elements of an mdoc, with a selfie demand if one is given.
    pub(super) fn mdoc_request(&self, elements: &[&str], selfie: Option<&selfie_reauth::Demand>) -> String {
        let doctype = kyc::PROFILE.doctype;
        let elements = elements.iter().map(|element| ClaimPath::claim(doctype).name(element)).collect();
        self.request_by(vec![CredentialQuery::mdoc("kyc", doctype, elements)], selfie)
    }

    /// A request for all of these credentials.
    pub(super) fn request_by(
        &self,
        credentials: Vec<CredentialQuery>,
        selfie: Option<&selfie_reauth::Demand>,
    ) -> String {
        let query = Query { credentials, credential_sets: None };
        self.request_of(query, selfie)
    }

    /// A request of this query.
    pub(super) fn request_of(&self, query: Query, selfie: Option<&selfie_reauth::Demand>) -> String {
        let mut known = self.state.lock().unwrap();
        let id = known.requests.len().to_string();
        let uri: Url = format!("{VERIFIER}/vp/{id}/response").parse().unwrap();
        let mut builder = RequestBuilder::new(&self.access.0, uri, query);
        if let Some(demand) = selfie {
            let entry = selfie_reauth::Entry::new(demand).unwrap();
            builder = builder.transaction_data(TransactionData::parse(entry.encoded()).unwrap());
        }
        let awaiting = builder.build(self.entropy.as_ref(), now()).unwrap();
        let link = RequestUri {
            client_id: awaiting.request().client_id.clone(),
            request_uri: format!("{VERIFIER}/vp/{id}/request").parse().unwrap(),
            method: Method::Get,
        };
        known.requests.insert(id, (awaiting, By::Certificate));
        link.to_uri(RequestScheme::Openid4vp)
    }

    /// The link of a request at `verifier.example`.
    pub(super) fn ask(&self, ask: Ask) -> String {
        let mut known = self.state.lock().unwrap();
        let id = known.requests.len().to_string();
        let Ask { client_id, by, method, in_the_clear, query, verifier_info } = ask;
        let uri: Url = match client_id.prefix() {
            Prefix::RedirectUri => client_id.original().parse().unwrap(),
            _ => format!("{CLIENT}/vp/{id}/response").parse().unwrap(),
        };
        let mut builder = RequestBuilder::by(client_id, uri, query);
        builder = if in_the_clear { builder.answered_in_the_clear() } else { builder };
        builder = if let Some(info) = verifier_info { builder.verifier_info(info) } else { builder };
        let awaiting = builder.build(self.entropy.as_ref(), now()).unwrap();
        let client_id = awaiting.request().client_id.clone();
        let link = if client_id.prefix().is_signed() || matches!(by, By::Object(_)) {
            let request_uri = format!("{CLIENT}/vp/{id}/request").parse().unwrap();
            RequestUri { client_id, request_uri, method }.to_uri(RequestScheme::Openid4vp)
        } else {
            awaiting.unsigned_link(RequestScheme::Openid4vp, now()).unwrap()
        };
        known.requests.insert(id, (awaiting, by));
        link
    }

    /// The request object of a request, as it is fetched.
    fn request_object(&self, (awaiting, by): &(AwaitingResponse, By), request: &Request) -> String {
        let post = match request.method {
            Method::Get => RequestUriPost::default(),
            Method::Post => RequestUriPost::parse(&request.body).unwrap(),
        };
        let access = std::slice::from_ref(&self.access.0);
        let source: &dyn Entropy = self.entropy.as_ref();
        let key = &self.client_key;
        match by {
            By::Certificate => awaiting.sign_for(access, &self.access.1, &post, source, now()).unwrap(),
            By::Method(method) => {
                awaiting.sign_for(Proof::VerificationMethod(method), key, &post, source, now()).unwrap()
            }
            By::Attestation(jwt) => awaiting.sign_for(Proof::Attestation(jwt), key, &post, source, now()).unwrap(),
            By::Object(make) => make(awaiting),
        }
    }

    pub(super) fn awaiting(&self, id: &str) -> AwaitingResponse {
        self.state.lock().unwrap().requests[id].0.clone()
    }

    /// A service of `partner-b` of this type; the list of every world has it from now on.
    pub(super) fn list(&self, kind: ServiceType, certificates: Vec<Certificate>, keys: Vec<Jwk>, names: &[&str]) {
        let service = Service {
            certificates,
            keys,
            identifiers: names.iter().map(|name| (*name).to_owned()).collect(),
            ..service(kind)
        };
        self.state.lock().unwrap().services.push(service);
    }

    /// Lets the list have a registrar.
    pub(super) fn list_registrar(&self) {
        self.list(ServiceType::Registrar, vec![self.registrar.certificate().clone()], vec![], &[]);
    }

    /// What the registrar says, with some claims replaced (`null` removes one).
    pub(super) fn registration(&self, changes: &Value) -> String {
        let mut claims = json!({
            "sub": "partner-b", "name": "Bank B", "iat": now().as_second(),
            "entitlements": ["https://uri.etsi.org/19475/Entitlement/Service_Provider"],
            "purpose": [{ "lang": "en", "value": "As registered" }],
            "credentials": [{ "format": "dc+sd-jwt", "meta": { "vct_values": [Self::vct()] },
                "claim": [{ "path": ["family_name"] }, { "path": ["age_equal_or_over"] }] }],
        });
        let members = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| !value.is_null());
        let (leaf, key) = &self.registrar_signer;
        jws::sign_claims(Header::typ(registration::TYP).x5c(std::slice::from_ref(leaf)), members, key).unwrap()
    }

    /// Where browsers go after an answer.
    pub(super) fn send_onward(&self, to: &str) {
        self.state.lock().unwrap().onward = Some(to.parse().unwrap());
    }

    /// Lets something lie at an address of `verifier.example`.
    pub(super) fn serve(&self, path: &str, text: String) {
        self.state.lock().unwrap().documents.insert(path.to_owned(), text);
    }

    /// A status list of the registrar in which entry 1 has this status.
    pub(super) fn serve_registrar_status(&self, status: Status) {
        let mut list = StatusList::new(Bits::from_count(1).unwrap(), 1024).unwrap();
        list.set(1, status).unwrap();
        let claims = TokenClaims {
            uri: format!("{CLIENT}/status").parse().unwrap(),
            issued_at: now(),
            expires: now() + SignedDuration::from_hours(12),
            ttl: SignedDuration::from_mins(10),
            aggregation_uri: None,
        };
        let (leaf, key) = &self.registrar_lists;
        self.serve("/status", list.sign(&claims, std::slice::from_ref(leaf), key).unwrap());
    }

    /// Lets the issuer give copies, under this `credential_reuse_policy`.
    pub(super) fn give_copies(&self, batch_size: usize, reuse: Option<Value>) {
        let mut state = self.state.lock().unwrap();
        (state.batch_size, state.reuse) = (Some(batch_size), reuse);
    }

    /// The key that the last answer, which is to request `id`, was made with.
    pub(super) fn holder_of_answer(&self, id: &str) -> PublicKey {
        self.holder_of_answer_in(self.posted().len() - 1, id)
    }

    /// The key of what was posted at this place, the answer to request `id`.
    pub(super) fn holder_of_answer_in(&self, at: usize, id: &str) -> PublicKey {
        let received = Received::parse(&self.posted()[at]).unwrap();
        let Answer::Presented(answer) = self.awaiting(id).accept(received, now()).unwrap() else { panic!("refused") };
        let text = answer.vp_token.0["kyc"][0].text().unwrap().to_owned();
        let rules = KeyBindingRules {
            audience: answer.request.client_id.as_str(),
            nonce: &answer.request.nonce,
            max_age: SignedDuration::from_mins(5),
            leeway: SignedDuration::from_secs(30),
        };
        let presentation = Presentation::parse(&text).unwrap();
        let (credential, _) = presentation.authenticate(&[self.issuer_anchor()], now(), &rules).unwrap();
        credential.holder_key().unwrap().clone()
    }

    pub(super) fn issuer_anchor(&self) -> Certificate {
        self.issuer_ca.certificate().clone()
    }

    pub(super) fn issuer_signer(&self) -> (Certificate, &SigningKey) {
        (self.signer.0.clone(), &self.signer.1)
    }

    pub(super) fn claims(&self) -> &KycClaims {
        &self.claims
    }

    fn trusted_list(&self, state: &State) -> Response {
        if state.fault == Fault::NoList {
            return Response { status: 503, headers: vec![], body: vec![] };
        }
        let service = |kind: ServiceType, certificates: Vec<Certificate>| Service { certificates, ..service(kind) };
        let entity = |id: &str, name: &str, services: Vec<Service>| TrustedEntity {
            id: id.to_owned(),
            name: name.to_owned(),
            website: "https://a.example/".to_owned(),
            street: "1 Main Street".to_owned(),
            country: "UT".to_owned(),
            contact: "mailto:a@a.example".to_owned(),
            services,
        };
        let mut entities = vec![];
        if state.fault != Fault::Unlisted {
            let ca = || vec![self.issuer_ca.certificate().clone()];
            let services = vec![service(ServiceType::KycIssuance, ca()), service(ServiceType::Status, ca())];
            entities.push(entity("kyc-issuer", "Utopia KYC", services));
        }
        let mut receiving = service(ServiceType::ShareReceiving, vec![]);
        receiving.keys = vec![self.share_key.public_jwk()];
        receiving.identifiers = vec!["partner-b".to_owned()];
        let mut services = vec![receiving];
        if state.verifier_listed {
            services.push(service(ServiceType::Access, vec![self.access.0.clone()]));
        }
        services.extend(state.services.iter().cloned());
        entities.push(entity("partner-b", "Bank B", services));
        let operator = Operator {
            name: "Utopia Trust".to_owned(),
            territory: "UT".to_owned(),
            scheme: "Utopia".to_owned(),
            information: "https://a.example/".to_owned(),
        };
        let until = now() + SignedDuration::from_hours(6);
        let list = TrustedList::new(operator, 7, now(), until, entities).unwrap();
        text(list.sign(std::slice::from_ref(&self.list.0), &self.list.1, now()).unwrap())
    }

    fn metadata(state: &State) -> IssuerMetadata {
        let fault = state.fault;
        let told = |configuration: Configuration| {
            let reuse = state.reuse.clone();
            let metadata = CredentialMetadata { credential_reuse_policy: reuse, ..CredentialMetadata::default() };
            Configuration { credential_metadata: Some(metadata), ..configuration }
        };
        let doctype = if fault == Fault::OtherType { "org.example.other" } else { kyc::PROFILE.doctype };
        let mut attested = Configuration::mdoc(doctype, "attested");
        if let Some(jwt) = attested.proof_types_supported.get_mut("jwt") {
            jwt.key_attestations_required = Some(serde_json::Map::new());
        }
        let url = |path: &str| -> Url { format!("{ISSUER}{path}").parse().unwrap() };
        IssuerMetadata {
            credential_issuer: IssuerIdentifier::parse(ISSUER).unwrap(),
            authorization_servers: None,
            credential_endpoint: url("/credential"),
            nonce_endpoint: Some(url("/nonce")),
            deferred_credential_endpoint: None,
            notification_endpoint: None,
            credential_request_encryption: None,
            credential_response_encryption: None,
            batch_credential_issuance: state.batch_size.map(|batch_size| Batch { batch_size }),
            status_list_aggregation_endpoint: None,
            display: vec![],
            credential_configurations_supported: BTreeMap::from([
                ("kyc".to_owned(), told(Configuration::sd_jwt_vc(&Self::vct(), "kyc"))),
                ("kyc-mdoc".to_owned(), told(Configuration::mdoc(doctype, "kyc-mdoc"))),
                ("kyc-w3c".to_owned(), Configuration::ldp_vc(json!({}), "ecdsa-rdfc-2019", "kyc-w3c")),
                ("attested".to_owned(), attested),
            ]),
        }
    }

    fn token(&self, state: &mut State, request: &Request) -> Result<Response, OAuthError> {
        let token = TokenRequest::parse(&request.body)?;
        let proof = self.proof(request, None);
        let key = warifu_openid4vc::vci::issuer::code_key(&token.pre_authorized_code);
        let offer = state.offers[&key].clone();
        let policy = TokenPolicy { binding: Binding::Dpop, clients: Clients::Anonymous };
        let next = offer.redeem(&token, Some(&proof), policy, self.entropy.as_ref(), now());
        state.offers.insert(key, next.state);
        let redeemed = next.outcome?;
        state.grants.insert(redeemed.grant.key().to_owned(), redeemed.grant);
        Ok(redeemed.response.respond())
    }

    fn proof(&self, request: &Request, token: Option<&str>) -> dpop::Proven {
        let header = request.header_value("dpop").unwrap();
        dpop::Received::parse(header).unwrap().verify(Method::Post, &request.url, now(), token).unwrap()
    }

    fn credential(&self, state: &mut State, request: &Request) -> Result<Response, OAuthError> {
        let token = AccessToken::parse(request.header_value("authorization"))?;
        let proof = self.proof(request, Some(token.expose()));
        let grant = state.grants[&token.hash()].clone();
        grant.authorize(&token, Some(&proof), now())?;
        let wanted = CredentialRequest::parse(&request.body)?;
        let order = grant.order(&wanted, &Self::metadata(state), &self.nonce_key, now())?;
        if state.fault == Fault::Stops && !state.proved.is_empty() {
            return Err(OAuthError::new(Code::CredentialRequestDenied, "no more"));
        }
        // A nonce serves once: whoever proves two keys with one is refused (OpenID4VCI 1.0 section 8.2).
        let nonce = Self::nonce_of(&wanted);
        if state.proved.iter().any(|(_, used)| *used == nonce) {
            return Err(OAuthError::new(Code::InvalidNonce, "used before"));
        }
        state.proved.extend(order.keys.iter().map(|key| (key.clone(), nonce.clone())));
        let copies = (0..order.keys.len()).map(|at| self.mint(state.fault, &order.configuration_id, &order.keys, at));
        Ok(CredentialResponse::Issued(Issued::compact(copies.collect())).respond())
    }

    /// One copy, bound to the key at this place.
    fn mint(&self, fault: Fault, configuration: &str, keys: &[PublicKey], at: usize) -> String {
        let other = SigningKey::generate_p256(self.entropy.as_ref()).public_key();
        let key = match fault {
            Fault::OtherKey => &other,
            Fault::OneKey => &keys[0],
            _ => &keys[at],
        };
        let reference = StatusReference { uri: format!("{ISSUER}/status/1").parse().unwrap(), idx: 3 };
        let vct = Self::vct();
        let minting = Minting { vct: &vct, holder_key: key, status: Some(&reference), lifetime_days: 90, now: now() };
        let issuer = IssuerKey { signer: &self.signer.1, chain: std::slice::from_ref(&self.signer.0) };
        let mut claims = self.claims.clone();
        if fault == Fault::CopiesDiffer && at == 1 {
            claims.family_name = "SOMEBODY ELSE".to_owned();
        }
        let claims = claims.to_claims(minting.day()).unwrap();
        if configuration == "kyc-mdoc" {
            let mut bytes = mint_mdoc(&claims, &minting, issuer, self.entropy.as_ref()).unwrap();
            if fault == Fault::Tampered {
                bytes = other_value(&bytes);
            }
            return base64url::encode(&bytes);
        }
        let mut text = mint_sd_jwt(&claims, &minting, issuer, self.entropy.as_ref()).unwrap();
        if fault == Fault::Tampered {
            // The first disclosure gets another salt, so its digest stands nowhere.
            let at = text.find('~').unwrap() + 6;
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            text.replace_range(at..=at, other);
        }
        text
    }

    /// The nonce in the proofs of a credential request.
    fn nonce_of(wanted: &CredentialRequest) -> String {
        let Some(Proofs::Jwt(proofs)) = &wanted.proofs else { panic!("no proof") };
        let nonce = |proof: &String| {
            Unverified::parse(proof).unwrap().dangerous_claims().unwrap()["nonce"].as_str().unwrap().to_owned()
        };
        let nonces: Vec<String> = proofs.iter().map(nonce).collect();
        assert!(nonces.iter().all(|nonce| *nonce == nonces[0]), "one request, one nonce");
        nonces[0].clone()
    }

    fn status_list(&self, state: &State, cwt: bool) -> Response {
        let mut list = StatusList::new(Bits::from_count(1).unwrap(), 1024).unwrap();
        if state.fault == Fault::Revoked {
            list.set(3, Status::Invalid).unwrap();
        }
        let claims = TokenClaims {
            uri: format!("{ISSUER}/status/1").parse().unwrap(),
            issued_at: now(),
            expires: now() + SignedDuration::from_hours(12),
            ttl: SignedDuration::from_mins(10),
            aggregation_uri: None,
        };
        if cwt {
            let body = list.sign_cwt(&claims, std::slice::from_ref(&self.signer.0), &self.signer.1).unwrap();
            return Response { status: 200, headers: vec![], body };
        }
        assert_eq!(status::MEDIA_TYPE, "application/statuslist+jwt");
        text(list.sign(&claims, std::slice::from_ref(&self.signer.0), &self.signer.1).unwrap())
    }

    fn type_metadata(state: &State) -> Response {
        let mut document = warifu_schemas::type_metadata(&kyc::PROFILE, &Self::vct());
        match state.fault {
            Fault::OtherType => document["vct"] = json!("https://other.example/vct/1"),
            Fault::LacksClaim => {
                document["claims"].as_array_mut().unwrap().push(json!({ "path": ["shoe_size"], "mandatory": true }));
            }
            _ => {}
        }
        Response::json(200, &document)
    }
}

/// The mdoc with another value in its first element, under the issuer's untouched signature.
fn other_value(issuer_signed: &[u8]) -> Vec<u8> {
    let mut signed = cbor::parse(issuer_signed).unwrap();
    let member = |map: &mut cbor::Value, name: &str| {
        let pairs = map.as_map_mut().unwrap();
        let at = pairs.iter().position(|(key, _)| key.as_text() == Some(name)).unwrap();
        std::mem::replace(&mut pairs[at].1, cbor::Value::Null)
    };
    let mut namespaces = member(&mut signed, "nameSpaces");
    let mut items = member(&mut namespaces, kyc::PROFILE.doctype);
    let first = &mut items.as_array_mut().unwrap()[0];
    let mut item = cbor::parse(cbor::embedded(first).unwrap()).unwrap();
    for (key, value) in item.as_map_mut().unwrap() {
        if key.as_text() == Some("elementValue") {
            *value = cbor::Value::from("SOMEBODY ELSE");
        }
    }
    *first = cbor::embed(cbor::encode(&item));
    for (_, value) in namespaces.as_map_mut().unwrap() {
        *value = items.clone();
    }
    for (key, value) in signed.as_map_mut().unwrap() {
        if key.as_text() == Some("nameSpaces") {
            *value = namespaces.clone();
        }
    }
    cbor::encode(&signed)
}

fn text(body: String) -> Response {
    Response { status: 200, headers: vec![], body: body.into_bytes() }
}

#[async_trait]
impl Wire for World {
    async fn send(&self, request: Request) -> Result<Response, Unanswered> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(request.url.to_string());
        let origin = request.url.origin().ascii_serialization();
        let path = request.url.path().to_owned();
        let refused = |error: OAuthError| error.respond(Endpoint::Token);
        let answer = match (origin.as_str(), path.as_str()) {
            (REGISTRY, "/trusted-list") => self.trusted_list(&state),
            (ISSUER, "/.well-known/openid-credential-issuer") => Response::json(200, &Self::metadata(&state)),
            (ISSUER, "/.well-known/oauth-authorization-server") => {
                let token: Url = format!("{ISSUER}/token").parse().unwrap();
                Response::json(200, &ServerMetadata::pre_authorized(ISSUER, token))
            }
            (ISSUER, "/token") => self.token(&mut state, &request).unwrap_or_else(refused),
            (ISSUER, "/nonce") if state.fault == Fault::Silent && !state.proved.is_empty() => {
                return Err(Unanswered("the line is dead".to_owned()));
            }
            (ISSUER, "/nonce") => {
                let c_nonce = self.nonce_key.mint(self.entropy.as_ref(), now());
                Response::json(200, &NonceResponse { c_nonce }.to_value())
            }
            (ISSUER, "/credential") => self.credential(&mut state, &request).unwrap_or_else(refused),
            (ISSUER, "/status/1") => {
                let accept = request.header_value("accept").unwrap_or_default();
                self.status_list(&state, !accept.contains("statuslist+jwt"))
            }
            (ISSUER, VCT_PATH) => Self::type_metadata(&state),
            (ISSUER, path) if path.starts_with("/offer/") => text(state.offer_by_id[&path[7..]].clone()),
            (VERIFIER | CLIENT, path) if path.ends_with("/request") => {
                let id = path.split('/').nth(2).unwrap();
                text(self.request_object(&state.requests[id], &request))
            }
            (VERIFIER | CLIENT, path) if path.ends_with("/response") => {
                assert!(Received::parse(&request.body).is_ok());
                state.posted.push(request.body);
                ResponseAnswer { redirect_uri: state.onward.clone() }.respond()
            }
            (CLIENT, path) if state.documents.contains_key(path) => text(state.documents[path].clone()),
            (origin, path) => return Err(Unanswered(format!("nobody at `{origin}{path}`"))),
        };
        Ok(answer)
    }
}
