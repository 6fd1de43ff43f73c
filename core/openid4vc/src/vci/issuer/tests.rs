use std::collections::BTreeMap;

use warifu_keys::entropy::Seeded;
use warifu_keys::{Signer as _, SigningKey};

use super::*;
use crate::vci::metadata::Batch;

const ISSUER: &str = "https://issuer.example";
const POLICY: TokenPolicy = TokenPolicy { binding: Binding::Dpop, clients: Clients::Anonymous };

fn entropy() -> Seeded {
    Seeded::dangerous_new("issuer")
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn proven() -> dpop::Proven {
    dpop::Proven { jkt: "thumb".to_owned(), jti: "1".to_owned(), nonce: None, expires: later(61) }
}

fn open(tx_code: TxCodeTerms) -> NewOffer {
    let terms = Terms {
        credential_issuer: IssuerIdentifier::parse(ISSUER).unwrap(),
        configuration_ids: vec!["kyc".to_owned(), "kyc-mdoc".to_owned()],
        subject: "session-1".to_owned(),
        life: SignedDuration::from_mins(10),
        tx_code,
    };
    OfferState::open(terms, &entropy(), now())
}

fn with_tx_code() -> NewOffer {
    open(TxCodeTerms::Numeric { digits: 6, description: None })
}

fn request(offer: &NewOffer) -> TokenRequest {
    TokenRequest {
        pre_authorized_code: offer.offer.pre_authorized_code().unwrap().code.clone(),
        tx_code: offer.tx_code.clone(),
        client_id: None,
        authorization_details: None,
    }
}

fn redeem(state: OfferState, request: &TokenRequest) -> Transition {
    state.redeem(request, Some(&proven()), POLICY, &entropy(), now())
}

#[test]
fn redeemed_once() {
    let offer = with_tx_code();
    assert_eq!(offer.tx_code.as_ref().map(String::len), Some(6));
    assert_eq!(offer.offer.pre_authorized_code().unwrap().tx_code.as_ref().unwrap().length, Some(6));
    assert_eq!(offer.state.key(), code_key(&request(&offer).pre_authorized_code));
    let first = redeem(offer.state.clone(), &request(&offer));
    let redeemed = first.outcome.unwrap();
    assert_eq!((redeemed.response.token_type.as_str(), redeemed.response.expires_in), ("DPoP", Some(900)));
    assert_eq!(redeemed.grant.subject(), "session-1");
    assert_eq!(redeemed.grant.key(), oauth::token_hash(&redeemed.response.access_token));
    assert_eq!(redeemed.response.authorization_details, None);
    let second = redeem(first.state.clone(), &request(&offer));
    assert_eq!((second.outcome.unwrap_err().code, &second.state), (Code::InvalidGrant, &first.state));
}

#[test]
fn nothing_secret_is_stored() {
    let offer = with_tx_code();
    let stored = serde_json::to_string(&offer.state).unwrap();
    let code = &offer.offer.pre_authorized_code().unwrap().code;
    assert!(!stored.contains(code.as_str()) && !stored.contains(offer.tx_code.as_deref().unwrap()));
    let grant = redeem(offer.state.clone(), &request(&offer)).outcome.unwrap();
    assert!(!serde_json::to_string(&grant.grant).unwrap().contains(&grant.response.access_token));
    assert_eq!(serde_json::from_str::<OfferState>(&stored).unwrap(), offer.state);
}

#[test]
fn fifth_wrong_tx_code_kills() {
    let offer = with_tx_code();
    let wrong = TokenRequest { tx_code: Some("not it".to_owned()), ..request(&offer) };
    let mut state = offer.state.clone();
    for attempt in 1..=MAX_WRONG_TX_CODES {
        let next = redeem(state.clone(), &wrong);
        assert_eq!(next.outcome.unwrap_err().code, Code::InvalidGrant);
        assert_ne!(next.state, state, "attempt {attempt} is counted");
        state = next.state;
        if attempt == MAX_WRONG_TX_CODES - 1 {
            assert!(redeem(state.clone(), &request(&offer)).outcome.is_ok());
        }
    }
    assert!(matches!(state.stage(), Stage::Dead { .. }));
    assert_eq!(redeem(state, &request(&offer)).outcome.unwrap_err().code, Code::InvalidGrant);
}

#[track_caller]
fn refused(offer: &NewOffer, request: &TokenRequest, code: Code) {
    let transition = redeem(offer.state.clone(), request);
    assert_eq!(transition.outcome.unwrap_err().code, code);
    assert_eq!(transition.state, offer.state, "a mistake of form changes nothing");
}

#[test]
fn mistakes_of_form_do_not_use_the_code_up() {
    let (coded, open) = (with_tx_code(), open(TxCodeTerms::None));
    refused(&coded, &TokenRequest { tx_code: None, ..request(&coded) }, Code::InvalidRequest);
    refused(&open, &TokenRequest { tx_code: Some("1".to_owned()), ..request(&open) }, Code::InvalidRequest);
    refused(&open, &TokenRequest { pre_authorized_code: "other".to_owned(), ..request(&open) }, Code::InvalidGrant);
    let beyond = Some(vec!["kyc".to_owned(), "more".to_owned()]);
    refused(
        &open,
        &TokenRequest { authorization_details: beyond, ..request(&open) },
        Code::InvalidAuthorizationDetails,
    );

    let unproved = open.state.clone().redeem(&request(&open), None, POLICY, &entropy(), now());
    assert_eq!(unproved.outcome.unwrap_err().code, Code::InvalidDpopProof);
    let named = TokenPolicy { clients: Clients::Named, ..POLICY };
    let anonymous = open.state.clone().redeem(&request(&open), Some(&proven()), named, &entropy(), now());
    assert_eq!(anonymous.outcome.unwrap_err().code, Code::InvalidClient);
    let late = open.state.clone().redeem(&request(&open), Some(&proven()), POLICY, &entropy(), later(600));
    assert_eq!(late.outcome.unwrap_err().code, Code::InvalidGrant);
}

#[test]
fn bearer_tokens_are_short() {
    let offer = open(TxCodeTerms::None);
    let policy = TokenPolicy { binding: Binding::DpopOrBearer, ..POLICY };
    let redeemed = offer.state.clone().redeem(&request(&offer), None, policy, &entropy(), now()).outcome.unwrap();
    assert_eq!((redeemed.response.token_type.as_str(), redeemed.response.expires_in), ("Bearer", Some(300)));
    let token = AccessToken::parse(Some(&format!("Bearer {}", redeemed.response.access_token))).unwrap();
    redeemed.grant.authorize(&token, None, later(299)).unwrap();
    assert_eq!(redeemed.grant.authorize(&token, None, later(300)).unwrap_err().code, Code::InvalidToken);
}

#[test]
fn tokens_are_used_as_bound() {
    let offer = open(TxCodeTerms::None);
    let redeemed = redeem(offer.state.clone(), &request(&offer)).outcome.unwrap();
    let token =
        |scheme: &str| AccessToken::parse(Some(&format!("{scheme} {}", redeemed.response.access_token))).unwrap();
    let other_key = dpop::Proven { jkt: "other".to_owned(), ..proven() };
    let check = |token: &AccessToken, proof: Option<&dpop::Proven>, at, code: Code| {
        assert_eq!(redeemed.grant.authorize(token, proof, at).unwrap_err().code, code);
    };
    redeemed.grant.authorize(&token("DPoP"), Some(&proven()), now()).unwrap();
    check(&token("DPoP"), None, now(), Code::InvalidDpopProof);
    check(&token("DPoP"), Some(&other_key), now(), Code::InvalidToken);
    check(&token("Bearer"), Some(&proven()), now(), Code::InvalidToken);
    check(&token("Bearer"), None, now(), Code::InvalidToken);
    check(&token("DPoP"), Some(&proven()), later(900), Code::InvalidToken);
    check(&AccessToken::parse(Some("DPoP other")).unwrap(), Some(&proven()), now(), Code::InvalidToken);
}

fn metadata() -> IssuerMetadata {
    let url = |path: &str| url::Url::parse(&format!("{ISSUER}{path}")).unwrap();
    IssuerMetadata {
        credential_issuer: IssuerIdentifier::parse(ISSUER).unwrap(),
        authorization_servers: None,
        credential_endpoint: url("/credential"),
        nonce_endpoint: Some(url("/nonce")),
        deferred_credential_endpoint: None,
        notification_endpoint: None,
        credential_request_encryption: None,
        credential_response_encryption: None,
        batch_credential_issuance: Some(Batch { batch_size: 3 }),
        status_list_aggregation_endpoint: None,
        display: Vec::new(),
        credential_configurations_supported: BTreeMap::from([
            ("kyc".to_owned(), Configuration::sd_jwt_vc("urn:x", "kyc")),
            ("kyc-mdoc".to_owned(), Configuration::mdoc("org.x", "kyc-mdoc")),
            ("other".to_owned(), Configuration::sd_jwt_vc("urn:y", "other")),
            ("plain".to_owned(), Configuration { format: "dc+sd-jwt".to_owned(), ..Configuration::default() }),
        ]),
    }
}

struct Desk {
    grant: AccessGrant,
    nonce_key: NonceKey,
    nonce: String,
}

impl Desk {
    fn new(authorization_details: Option<Vec<String>>) -> Self {
        let offer = open(TxCodeTerms::None);
        let request = TokenRequest { authorization_details, ..request(&offer) };
        let grant = redeem(offer.state.clone(), &request).outcome.unwrap().grant;
        let nonce_key = NonceKey::generate(&entropy());
        let nonce = nonce_key.mint(&entropy(), now());
        Self { grant, nonce_key, nonce }
    }

    fn proofs(&self, keys: usize) -> Option<Proofs> {
        let entropy = Seeded::dangerous_new("holder");
        let prove = |_| {
            let key = SigningKey::generate_p256(&entropy);
            proof::prove(&key, ISSUER, None, Some(&self.nonce), now()).unwrap()
        };
        Some(Proofs::Jwt((0..keys).map(prove).collect()))
    }

    fn order(&self, wanted: Wanted, proofs: Option<Proofs>) -> Result<Order, OAuthError> {
        self.grant.order(&CredentialRequest { wanted, proofs }, &metadata(), &self.nonce_key, now())
    }

    #[track_caller]
    fn refuses(&self, wanted: Wanted, proofs: Option<Proofs>, code: Code) {
        assert_eq!(self.order(wanted, proofs).unwrap_err().code, code);
    }
}

fn configuration(id: &str) -> Wanted {
    Wanted::Configuration(id.to_owned())
}

fn identifier(id: &str) -> Wanted {
    Wanted::Identifier(id.to_owned())
}

#[test]
fn orders() {
    let desk = Desk::new(None);
    let order = desk.order(configuration("kyc"), desk.proofs(3)).unwrap();
    assert_eq!((order.configuration_id.as_str(), order.keys.len(), order.nonces.len()), ("kyc", 3, 1));
    desk.refuses(configuration("kyc"), None, Code::InvalidProof);
    desk.refuses(configuration("kyc"), desk.proofs(4), Code::InvalidProof);
    desk.refuses(configuration("kyc"), Some(Proofs::Other("di_vp".to_owned())), Code::InvalidProof);
    desk.refuses(configuration("nothing"), desk.proofs(1), Code::UnknownCredentialConfiguration);
    desk.refuses(configuration("other"), desk.proofs(1), Code::CredentialRequestDenied);
    desk.refuses(identifier("kyc"), desk.proofs(1), Code::UnknownCredentialIdentifier);
    let stale =
        Desk { nonce: NonceKey::generate(&Seeded::dangerous_new("x")).mint(&entropy(), now()), ..Desk::new(None) };
    stale.refuses(configuration("kyc"), stale.proofs(1), Code::InvalidNonce);
    // mdoc metadata lists ES256 only.
    let edwards = SigningKey::generate_ed25519(&entropy());
    let proof = proof::prove(&edwards, ISSUER, None, Some(&desk.nonce), now()).unwrap();
    desk.refuses(configuration("kyc-mdoc"), Some(Proofs::Jwt(vec![proof.clone()])), Code::InvalidProof);
    let order = desk.order(configuration("kyc"), Some(Proofs::Jwt(vec![proof]))).unwrap();
    assert_eq!(order.keys, [edwards.public_key()]);
}

#[test]
fn identifiers_only_where_given() {
    let desk = Desk::new(Some(vec!["kyc".to_owned()]));
    desk.order(identifier("kyc"), desk.proofs(1)).unwrap();
    desk.order(configuration("kyc"), desk.proofs(1)).unwrap();
    desk.refuses(identifier("kyc-mdoc"), desk.proofs(1), Code::UnknownCredentialIdentifier);
    desk.refuses(configuration("kyc-mdoc"), desk.proofs(1), Code::CredentialRequestDenied);
}
