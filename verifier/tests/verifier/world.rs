//! One registry, one issuer, one verifier and one holder, with seeded keys and a clock that stands still.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;
use warifu_credential::face_template::ModelId;
use warifu_credential::mdoc;
use warifu_credential::profile::{Minting, mint_mdoc};
use warifu_credential::sd_jwt::{Held, IssuerKey, KeyBinding};
use warifu_credential::selfie_reauth::{self, Assertion, Liveness};
use warifu_credential::status::{Status, StatusReference, StatusToken};
use warifu_credential::{ClaimPath, face_template};
use warifu_keys::entropy::Seeded;
use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::issue::Authority;
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Signer as _, SigningKey};
use warifu_openid4vc::http as wire;
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_openid4vc::vp::dc_api::Origin;
use warifu_openid4vc::vp::holder::{PresentationRequest, ReceivedRequest, RequestUri};
use warifu_openid4vc::vp::identity::{Answers, Attester, Terms};
use warifu_openid4vc::vp::response::VpToken;
use warifu_openid4vc::vp::wallet_metadata::WalletMetadata;
use warifu_server::clock::Hands;
use warifu_server::extract::ApiKeyHash;
use warifu_server::fetch::{Fetcher, Limits as FetchLimits, Policy as FetchPolicy, Response};
use warifu_server::run::{Limits, Running};
use warifu_store::{Store, memory};
use warifu_trust::bundle::{Credentials, VerifierBundle};
use warifu_trust::entity::{Service, ServiceStatus, ServiceType, TrustedEntity};
use warifu_verifier::acceptance::Rule;
use warifu_verifier::http::Rates;
use warifu_verifier::identity::Identity;
use warifu_verifier::policy::{Formats, Policy};
use warifu_verifier::{Config, Parts, Verifier};

mod made;
mod outside;

pub(crate) use made::{authority, leaf};

use made::{attestation, entity, identity, minted, service};
use outside::{listen, registry, status_cwt, status_lists, types};

pub(crate) const API_KEY: &str = "key-of-partner-b";
pub(crate) const AUDIENCE: &str = "partner-b";
pub(crate) const WORKFLOW: &str = "wf_partner-b";
/// Who attests verifiers.
pub(crate) const ATTESTER: &str = "https://attester.example";
const IDX: u64 = 7;

/// What the registry and the issuer serve; tests change it.
pub(crate) struct Outside {
    pub(crate) entities: Vec<TrustedEntity>,
    pub(crate) status: Status,
    pub(crate) status_up: bool,
    /// How often a status list was asked for.
    pub(crate) status_asked: usize,
    pub(crate) registry_up: bool,
    /// What types of credentials say about themselves, by the last part of their address.
    pub(crate) types: BTreeMap<String, Value>,
}

/// An mdoc and the key it is bound to.
pub(crate) struct MdocWallet {
    pub(crate) held: mdoc::Held,
    pub(crate) key: SigningKey,
}

/// A credential and the key it is bound to.
pub(crate) struct Wallet {
    pub(crate) held: Held,
    pub(crate) key: SigningKey,
}

pub(crate) struct World {
    pub(crate) hands: Hands,
    pub(crate) entropy: Arc<Seeded>,
    pub(crate) issuer: Authority,
    pub(crate) signer: Credentials,
    pub(crate) share_key: AgreementKey,
    pub(crate) wallet: Wallet,
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) url: Url,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) access: Credentials,
    pub(crate) attester: SigningKey,
    pub(crate) status_uri: Url,
    pub(crate) vct: String,
    client: Fetcher,
    _servers: Vec<Running>,
}

/// An answer of the verifier.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let text = String::from_utf8(response.body).unwrap();
        Self { status: response.status.as_u16(), headers: response.headers, text }
    }
}

pub(crate) fn model() -> ModelId {
    ModelId::new("sface", &[1; 32]).unwrap()
}

impl World {
    pub(crate) async fn new(seed: &str) -> Self {
        Self::with_rates(seed, Rates::SANDBOX).await
    }

    /// With rules of its own for imports.
    pub(crate) async fn importing(seed: &str, imports: Vec<Rule>) -> Self {
        Self::with(seed, Rates::SANDBOX, imports).await
    }

    pub(crate) async fn with_rates(seed: &str, rates: Rates) -> Self {
        Self::with(seed, rates, Vec::new()).await
    }

    async fn with(seed: &str, rates: Rates, imports: Vec<Rule>) -> Self {
        Self::configured(seed, rates, |config| config.imports = imports).await
    }

    /// With settings of its own; every client identifier prefix can be used otherwise.
    pub(crate) async fn configured(seed: &str, rates: Rates, change: impl FnOnce(&mut Config)) -> Self {
        let entropy = Arc::new(Seeded::dangerous_new(seed));
        let hands = Hands::at("2026-11-23T09:30:00Z".parse().unwrap());
        let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let root = authority(&*entropy, "Sandbox Registry", start);
        let list_signer = leaf(&root, &*entropy, "Sandbox Registry", Purpose::ListSigner, start);
        let issuer = authority(&*entropy, "Utopia Identity Services", start);
        let signer = leaf(&issuer, &*entropy, "Utopia Identity Services", Purpose::DocumentSigner, start);
        let access_authority = authority(&*entropy, "Sandbox Registry", start);
        let access = leaf(&access_authority, &*entropy, "Bank B", Purpose::Access, start);
        let share_key = AgreementKey::generate(&*entropy);

        let listed = vec![issuer.certificate().clone()];
        let entities = vec![
            entity(
                "issuer",
                "Utopia Identity Services",
                vec![
                    Service { certificates: listed.clone(), ..service(ServiceType::KycIssuance, start) },
                    Service { certificates: listed, ..service(ServiceType::Status, start) },
                ],
            ),
            entity(
                AUDIENCE,
                "Bank B",
                vec![
                    Service { certificates: access.chain.clone(), ..service(ServiceType::Access, start) },
                    Service {
                        keys: vec![share_key.public_jwk()],
                        identifiers: vec![AUDIENCE.to_owned()],
                        ..service(ServiceType::ShareReceiving, start)
                    },
                ],
            ),
        ];
        let outside = Outside {
            entities,
            status: Status::Valid,
            status_up: true,
            status_asked: 0,
            registry_up: true,
            types: BTreeMap::new(),
        };
        let outside = Arc::new(Mutex::new(outside));

        let registry = registry(Arc::clone(&outside), hands.clone(), list_signer);
        let registry = listen().await.spawn(registry, Limits::default());
        let door = listen().await;
        let issuer_url = Url::parse(&format!("http://{}/", door.address())).unwrap();
        let status_uri = issuer_url.join("status/1").unwrap();
        let lists = status_lists(Arc::clone(&outside), hands.clone(), signer.clone(), status_uri.clone())
            .merge(types(Arc::clone(&outside)));
        let lists = door.spawn(lists, Limits::default());

        let client = Fetcher::new(FetchPolicy::Loopback, FetchLimits::default()).unwrap();
        let vct = "https://issuer.example/vct/kyc-identity/1".to_owned();
        let door = listen().await;
        let url = Url::parse(&format!("http://{}/", door.address())).unwrap();
        let attester = SigningKey::generate_p256(&*entropy);
        let mut config = Config {
            base_url: url.clone(),
            name: "Bank B".to_owned(),
            audience: AUDIENCE.to_owned(),
            registry: Url::parse(&format!("http://{}/", registry.address())).unwrap(),
            operator: root.certificate().clone(),
            api_key: ApiKeyHash::of(API_KEY),
            workflow_id: WORKFLOW.to_owned(),
            policies: Policy::built_in(&vct, Formats::Either),
            import_price: warifu_verifier::config::IMPORT_PRICE,
            imports: Vec::new(),
            allowed_models: vec![model()],
            request_seconds: 300,
            same_device: None,
            identity: Identity {
                prefixes: Prefix::ALL.to_vec(),
                attestation: Some(attestation(&attester, &access.key, start)),
                ..Identity::default()
            },
            return_origins: vec![Origin::parse("https://shop.example").unwrap()],
            webhook: None,
            sandbox: true,
        };
        change(&mut config);
        config.check().unwrap();
        let store = memory::open().unwrap();
        let parts = Parts {
            store: Arc::clone(&store),
            fetcher: client.clone(),
            clock: hands.clock(),
            entropy: Arc::new(Seeded::dangerous_new(&format!("{seed} verifier"))),
            bundle: VerifierBundle { access: access.clone(), share: share_key.clone() },
        };
        config.identity.check_keys(&config, &parts.bundle).unwrap();
        let verifier = Arc::new(Verifier::new(config, parts));
        let router = warifu_verifier::http::router_with(Arc::clone(&verifier), rates);
        let running = door.spawn(router, Limits::default());

        let wallet = minted(&*entropy, &vct, &issuer, &signer, &status_uri, hands.clock().now(), 90);
        let servers = vec![registry, lists, running];
        Self {
            hands,
            entropy,
            issuer,
            signer,
            share_key,
            wallet,
            outside,
            url,
            store,
            verifier,
            access,
            attester,
            status_uri,
            vct,
            client,
            _servers: servers,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.hands.clock().now()
    }

    /// A second credential, by this issuer.
    pub(crate) fn minted_by(&self, issuer: &Authority, signer: &Credentials, days: u16) -> Wallet {
        minted(&*self.entropy, &self.vct, issuer, signer, &self.status_uri, self.now(), days)
    }

    /// A credential of another type, by an issuer with this chain.
    pub(crate) fn minted_as(&self, vct: &str, issuer: &Authority, signer: &Credentials) -> Wallet {
        minted(&*self.entropy, vct, issuer, signer, &self.status_uri, self.now(), 90)
    }

    /// The same person's mdoc by this issuer, bound to `key`.
    pub(crate) fn minted_mdoc(
        &self,
        issuer: &Authority,
        signer: &Credentials,
        key: SigningKey,
        days: u16,
    ) -> MdocWallet {
        let now = self.now();
        let status = StatusReference { uri: self.status_uri.clone(), idx: IDX };
        let public = key.public_key();
        let minting = Minting { vct: &self.vct, holder_key: &public, status: Some(&status), lifetime_days: days, now };
        let by = IssuerKey { signer: &signer.key, chain: &signer.chain };
        let claims = identity(now).to_claims(minting.day()).unwrap();
        let bytes = mint_mdoc(&claims, &minting, by, &*self.entropy).unwrap();
        let anchors: [Certificate; 1] = [issuer.certificate().clone()];
        let authentic = mdoc::Received::parse(&bytes).unwrap().authenticate(&anchors, now).unwrap();
        let token = status_cwt(signer, &self.status_uri, Status::Valid, now);
        let token = StatusToken::verify(&token, &self.status_uri, &anchors[0], now).unwrap();
        MdocWallet { held: mdoc::Held::keep(authentic.settle(&token, now).unwrap()).unwrap(), key }
    }

    /// An issuer that stands in no list.
    pub(crate) fn stranger(&self) -> (Authority, Credentials) {
        let start = "2026-11-22T00:00:00Z".parse().unwrap();
        let foreign = authority(&*self.entropy, "Nowhere", start);
        let signer = leaf(&foreign, &*self.entropy, "Nowhere", Purpose::DocumentSigner, start);
        (foreign, signer)
    }

    /// Gives all services of a party and type another status, and lets the verifier notice.
    pub(crate) fn set_standing(&self, party: &str, kind: ServiceType, status: ServiceStatus) {
        self.hands.step(Duration::from_secs(61));
        let now = self.now();
        let mut outside = self.outside.lock().unwrap();
        let services = outside.entities.iter_mut().filter(|entity| entity.id == party).flat_map(|it| &mut it.services);
        for service in services.filter(|service| service.service_type == kind) {
            service.set_status(status, now).unwrap();
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let url = self.url.join(path).unwrap();
        let answer: Answer = self.client.send(method, &url, headers, body).await.unwrap().into();
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text);
        answer
    }

    /// `POST` of JSON with the API key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("x-api-key", API_KEY), ("content-type", "application/json")];
        self.send(Method::POST, path, &headers, body.to_string().into_bytes()).await
    }

    /// `GET` with the API key.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("x-api-key", API_KEY)], Vec::new()).await
    }

    /// `GET` as a browser with these cookies does.
    pub(crate) async fn browse(&self, path: &str, cookies: &str) -> Answer {
        self.send(Method::GET, path, &[("cookie", cookies)], Vec::new()).await
    }

    /// What the holder's half wants sent.
    pub(crate) async fn carry(&self, request: &wire::Request) -> Answer {
        let method = if request.method == wire::Method::Get { Method::GET } else { Method::POST };
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(method, request.url.as_str(), &headers, request.body.clone()).await
    }

    /// Follows what an answer says to do next, in a browser with these cookies.
    pub(crate) async fn follow(&self, answer: &Answer, cookies: &str) -> Answer {
        let next = answer.json()["redirect_uri"].as_str().unwrap().to_owned();
        self.browse(&next, cookies).await
    }

    /// Another verifier on the same store, as after a restart.
    pub(crate) fn restarted(&self) -> Arc<Verifier> {
        let bundle = VerifierBundle { access: self.access.clone(), share: self.share_key.clone() };
        let parts = Parts {
            store: Arc::clone(&self.store),
            fetcher: self.client.clone(),
            clock: self.hands.clock(),
            entropy: Arc::new(Seeded::dangerous_new("restarted")),
            bundle,
        };
        Arc::new(Verifier::new(self.verifier.config().clone(), parts))
    }

    /// A request by API: its identifier and link.
    pub(crate) async fn ask(&self, body: Value) -> (String, String) {
        let created = self.post("v1/requests", &body).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let created = created.json();
        (created["request_id"].as_str().unwrap().to_owned(), created["link"].as_str().unwrap().to_owned())
    }

    /// Fetches the request object as a wallet does.
    pub(crate) async fn open(&self, link: &str) -> PresentationRequest {
        let awaiting = RequestUri::parse(link).unwrap().fetch_as(&WalletMetadata::own(&Prefix::ALL), &*self.entropy);
        let answer = self.carry(awaiting.request()).await;
        assert_eq!(answer.header("content-type"), "application/oauth-authz-req+jwt");
        let response = wire::Response { status: answer.status, headers: Vec::new(), body: answer.text.into_bytes() };
        self.understood(awaiting.answer(&response).unwrap())
    }

    /// A request whose maker is proved, whatever proves it.
    pub(crate) fn understood(&self, received: ReceivedRequest) -> PresentationRequest {
        let key = self.access.key.public_key();
        let method = warifu_w3c::did::jwk::method(&key);
        let attesters = [Attester { identifier: ATTESTER.to_owned(), key: self.attester.public_key() }];
        let terms = Terms { verification_methods: &[(method, key)], attesters: &attesters, answers: Answers::AsAsked };
        let authentic = received.authenticate_with(&terms, self.now()).unwrap();
        authentic.understand(&[selfie_reauth::TYPE]).unwrap()
    }

    /// What the key binding JWT says when all is well, a demanded reauth included.
    pub(crate) fn binding(&self, request: &PresentationRequest) -> KeyBinding {
        let entries: Vec<_> = request.transaction_data().iter().map(|entry| entry.encoded()).collect();
        let extra = if entries.is_empty() { Map::new() } else { self.assertion().key_binding_claims(&entries) };
        KeyBinding {
            audience: request.client_id().as_str().to_owned(),
            nonce: request.nonce().to_owned(),
            issued_at: self.now(),
            extra,
        }
    }

    pub(crate) fn assertion(&self) -> Assertion {
        Assertion {
            matched_at: self.now() - Duration::from_secs(5),
            model: model(),
            operating_point: "fmr-1e-3".to_owned(),
            liveness: Liveness::Passive,
            template_digest: face_template::template_digest(&self.wallet.held).unwrap(),
        }
    }

    /// The encrypted response with this presentation, sent.
    pub(crate) async fn respond(&self, request: &PresentationRequest, presentation: String) -> Answer {
        let vp_token = VpToken::of([("kyc".to_owned(), presentation)]);
        self.carry(&request.respond(&vp_token, &*self.entropy).unwrap()).await
    }

    /// How a request stands, as the partner's server sees it.
    pub(crate) async fn result(&self, id: &str) -> Value {
        let answer = self.get(&format!("v1/requests/{id}")).await;
        assert_eq!(answer.status, 200);
        answer.json()
    }
}

impl Wallet {
    pub(crate) fn present(&self, paths: &[ClaimPath], binding: &KeyBinding) -> String {
        self.held.present(paths, binding, &self.key).unwrap()
    }
}

/// The paths that the policies `identity` and `identity-selfie` ask for.
pub(crate) fn asked() -> Vec<ClaimPath> {
    ["given_name", "family_name", "birthdate"].map(ClaimPath::claim).into()
}

/// The outcomes of all checks by name.
#[track_caller]
pub(crate) fn outcomes(result: &Value) -> Map<String, Value> {
    let checks = result["checks"].as_array().unwrap_or_else(|| panic!("no checks: {result}"));
    checks.iter().map(|check| (check["name"].as_str().unwrap().to_owned(), check["outcome"].clone())).collect()
}

/// The members that a policy's request has in common.
pub(crate) fn policy(name: &str) -> Value {
    json!({ "policy": name })
}
