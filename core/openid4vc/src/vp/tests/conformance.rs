//! The modules of the OpenID conformance suite for OpenID4VP 1.0 final, by the suite's own names: rows `VP1FinalVerifier…`
//! break what a wallet sends, rows `VP1FinalWallet…` what a verifier asks.
//!
//! Every row is tested here, on values. What a row needs of the wire beside that stands in [`ROWS`] and is for the journeys.

#![expect(non_snake_case, reason = "the suite's names, letter by letter")]

use warifu_credential::mdoc::{self, DataElements, DeviceKey, KeyAuthorizations};
use warifu_credential::sd_jwt::{self, Held, IssuerKey, KeyBinding, KeyBindingRules, Presentation, Registered};
use warifu_keys::{PublicKey, Signer, base64url, cbor, sha256};

use super::*;
use crate::dcql::{self, Candidate};
use crate::vp::dc_api;
use crate::vp::identity::{Proof, Terms};

mod verifier;
mod wallet;

use verifier::*;
use wallet::*;

/// Names every row by its test, so that none is without one, and says what is left to a test over the wire.
macro_rules! rows {
    ($($row:ident $(: $wire:literal)?,)*) => {
        const ROWS: &[(&str, &[&str])] = &[$((stringify!($row), &[$($wire)?])),*];

        #[test]
        fn every_row_has_its_test() {
            let tests: &[fn()] = &[$($row),*];
            assert_eq!(tests.len(), ROWS.len());
        }
    };
}

rows! {
    VP1FinalVerifierHappyFlow: "the response endpoint's redirect with its response code",
    VP1FinalVerifierInvalidCredentialSignature,
    VP1FinalVerifierInvalidKbJwtAud,
    VP1FinalVerifierInvalidKbJwtNonce,
    VP1FinalVerifierInvalidKbJwtSignature,
    VP1FinalVerifierInvalidSdHash,
    VP1FinalVerifierInvalidSessionTranscript,
    VP1FinalVerifierKbJwtIatInFuture,
    VP1FinalVerifierKbJwtIatInPast,
    VP1FinalVerifierMinimalCnfJwk,
    VP1FinalVerifierRequestUriFetchedTwice: "the request URI answers a second fetch with an error",
    VP1FinalVerifierRequestUriMethodPost: "the request URI takes a POST",
    VP1FinalWalletAlternateHappyFlow: "the wallet opens the redirect URI",
    VP1FinalWalletFewerClaimsThanAvailable,
    VP1FinalWalletHappyFlow,
    VP1FinalWalletIgnoresUnusableEncryptionKey,
    VP1FinalWalletInvalidClientIdPrefix,
    VP1FinalWalletInvalidRequestObjectSignature,
    VP1FinalWalletMismatchedClientIdInRequestObject,
    VP1FinalWalletMissingNonce,
    VP1FinalWalletMultiSignedOneInvalidSignature,
    VP1FinalWalletNoClaimsInDcqlQuery,
    VP1FinalWalletOptionalCredentialSet,
    VP1FinalWalletRedirectUriWithDirectPost,
    VP1FinalWalletRequestUriMethodPost,
    VP1FinalWalletRequiredNonMatchingCredential: "`access_denied` reaches the response URI",
    VP1FinalWalletResponseUriNotClientId,
    VP1FinalWalletUnknownTransactionDataType,
    VP1FinalWalletWrongExpectedOrigins,
}

/// No row of the suite is missing, where the shared list of its modules is at hand.
#[test]
fn every_row_is_here() {
    let Some(text) = crate::vectors::shared("every_row_is_here", "openid-conformance/modules.txt") else { return };
    let wanted: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("VP1Final")).collect();
    assert_eq!(wanted, ROWS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, wire) in ROWS.iter().filter(|(_, wire)| !wire.is_empty()) {
        println!("{name} leaves to the journeys: {}", wire.concat());
    }
}

/// An issuer, a credential of theirs in both formats, and its holder.
struct World {
    entropy: Seeded,
    root: Certificate,
    signer: SigningKey,
    chain: Vec<Certificate>,
    holder: SigningKey,
    verifier: Verifier,
}

impl World {
    fn new() -> Self {
        let entropy = Seeded::dangerous_new("issuer");
        let name = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
        let period = Period::days(now(), 300);
        let key = SigningKey::generate_p256(&entropy);
        let root = Authority::self_signed(&name("Issuer CA"), key, period, "https://i.example", &entropy).unwrap();
        let signer = SigningKey::generate_p256(&entropy);
        let request = issue::Request {
            subject: name("Issuer"),
            public_key: &signer.public_key(),
            period,
            purpose: Purpose::DocumentSigner,
            dns_names: Vec::new(),
            uris: Vec::new(),
        };
        let leaf = root.issue(&request, &entropy).unwrap();
        let holder = SigningKey::generate_p256(&entropy);
        let root = root.certificate().clone();
        Self { root, signer, chain: vec![leaf], holder, verifier: Verifier::new("shop"), entropy }
    }

    fn issued(&self) -> String {
        let values = json!({ "given_name": "Ada", "family_name": "Lovelace", "nationalities": ["UT", "XX"] });
        let claims = sd_jwt::Claims::new(values.as_object().unwrap().clone()).selective_throughout();
        let registered = Registered {
            vct: "urn:x",
            issuer: None,
            issued_at: Some(now()),
            not_before: None,
            expires: Some(later(86_400)),
            holder_key: Some(&self.holder.public_key()),
            status: None,
        };
        let issuer = IssuerKey { signer: &self.signer, chain: &self.chain };
        sd_jwt::issue(&claims, &registered, issuer, &self.entropy).unwrap()
    }

    fn held(&self) -> Held {
        Held::dangerous_reload(&self.issued()).unwrap()
    }

    /// What the wallet offers to a query.
    fn candidate(&self) -> Candidate {
        Candidate {
            id: "card".to_owned(),
            format: "dc+sd-jwt".to_owned(),
            types: vec!["urn:x".to_owned()],
            claims: self.held().claims().clone(),
            holder_bound: true,
            ..Candidate::default()
        }
    }

    /// The presentation that the query selects, bound as it should be.
    fn present(&self, request: &PresentationRequest) -> String {
        let selection = dcql::select(request.query(), &[self.candidate()]).unwrap();
        let disclose = &selection.answers[0].choices[0].disclose;
        let paths: Vec<ClaimPath> = disclose.iter().flat_map(|item| item.resolved.clone()).collect();
        let binding = KeyBinding {
            audience: request.client_id().as_str().to_owned(),
            nonce: request.nonce().to_owned(),
            issued_at: now(),
            extra: Map::new(),
        };
        self.held().present(&paths, &binding, &self.holder).unwrap()
    }

    /// A presentation whose key binding JWT has some claims replaced, signed with `key`.
    fn bound(&self, request: &PresentationRequest, key: &SigningKey, changes: Value) -> String {
        let good = self.present(request);
        let (sd_jwt, key_binding) = good.rsplit_once('~').unwrap();
        let mut claims = jws::Unverified::parse(key_binding).unwrap().dangerous_claims().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            claims.insert(name.clone(), value.clone());
        }
        format!("{sd_jwt}~{}", jws::sign_claims(Header::typ("kb+jwt"), &claims, key).unwrap())
    }

    /// The whole way: asked, presented by `present`, answered, opened, verified. What came is held against the query.
    fn exchange(&self, present: impl Fn(&PresentationRequest) -> String) -> Result<Value, sd_jwt::Error> {
        let awaiting = self.verifier.ask();
        let request = understood(&self.verifier, &awaiting);
        let vp_token = VpToken::of([("kyc".to_owned(), present(&request))]);
        let post = request.respond(&vp_token, &self.entropy).unwrap();
        let response = presented(accept(awaiting, &post.body, now()).unwrap());
        let rules = KeyBindingRules {
            audience: response.request.client_id.as_str(),
            nonce: &response.request.nonce,
            max_age: SignedDuration::from_secs(300),
            leeway: SignedDuration::from_secs(60),
        };
        let text = response.vp_token.0["kyc"][0].text().unwrap();
        let (authentic, _) =
            Presentation::parse(text)?.authenticate(std::slice::from_ref(&self.root), now(), &rules)?;
        let verified = authentic.settle_without_status(now()).unwrap();
        let candidate =
            Candidate { types: vec![verified.vct().to_owned()], claims: verified.claims().clone(), ..self.candidate() };
        let presented = [("kyc".to_owned(), vec![candidate])].into_iter().collect();
        dcql::check_response(&response.request.query, &presented).unwrap();
        Ok(verified.claims().clone())
    }
}

#[track_caller]
fn refused(found: Result<Value, sd_jwt::Error>, expected: fn(&sd_jwt::Error) -> bool) {
    let error = found.unwrap_err();
    assert!(expected(&error), "{error:?}");
}

fn post_link(verifier: &Verifier) -> RequestUri {
    let request_uri = Url::parse("https://shop.example/request/1").unwrap();
    RequestUri { client_id: verifier.client_id(), request_uri, method: Method::Post }
}
