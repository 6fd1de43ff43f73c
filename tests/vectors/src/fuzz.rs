//! The doors that take foreign bytes, one function each, for the fuzzers in `fuzz/` and for the replay of their corpora.
//!
//! A target passes when it returns: whatever the bytes are, nothing panics, hangs or takes more memory than its cap.
//! Where a parser also writes, the target demands that what was read is written back the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use url::Url;
use warifu_credential::status::{
    IdentifierList, Identifiers, StatusList, StatusReferences, StatusToken, TrustedSigner,
};
use warifu_credential::type_metadata::svg::Template;
use warifu_credential::type_metadata::{Progress, Resolving};
use warifu_credential::{mdoc, sd_jwt};
use warifu_keys::entropy::Seeded;
use warifu_keys::{HashAlgorithm, Signer as _, SigningKey, cbor, cose, json, jwe, jws, x509};
use warifu_openid4vc::dcql::{Candidate, Query, check_response, select};
use warifu_openid4vc::vp::dc_api::{self, Protocol};
use warifu_openid4vc::vp::identity::{Answers, Terms};
use warifu_openid4vc::vp::registration::ReceivedRegistration;
use warifu_openid4vc::vp::wallet_metadata::{RequestUriPost, WalletMetadata};
use warifu_session::status::FeatureStatus;
use warifu_session::workflow::engine::{Evidence, Finding, Step, walk};
use warifu_session::workflow::questionnaire::Questionnaire;
use warifu_session::workflow::{Draft, Kind, validate};
use warifu_w3c::bitstring_status_list::{Bitstring, Entry};
use warifu_w3c::context::Contexts;
use warifu_w3c::did::{Did, Documents, webvh};
use warifu_w3c::verify::Verifier;
use warifu_w3c::{data_integrity, jcs};

/// One door: takes anything, returns.
pub type Target = fn(&[u8]);

/// Every target by the name of its binary and its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("sd_jwt", sd_jwt),
    ("sd_jwt_presentation", sd_jwt_presentation),
    ("sd_jwt_json", sd_jwt_json),
    ("type_metadata", type_metadata),
    ("svg", svg),
    ("jws", jws),
    ("jwe", jwe),
    ("x509", x509),
    ("cbor", cbor),
    ("cose_sign1", cose_sign1),
    ("status_list_jwt", status_list_jwt),
    ("status_list_cwt", status_list_cwt),
    ("identifier_list", identifier_list),
    ("did_webvh", did_webvh),
    ("vc_jwt", vc_jwt),
    ("data_integrity", data_integrity),
    ("jcs", jcs),
    ("bitstring_status_list", bitstring_status_list),
    ("issuer_signed", issuer_signed),
    ("device_response", device_response),
    ("workflow", workflow),
    ("questionnaire", questionnaire),
    ("dcql", dcql),
    ("dc_api_request", dc_api_request),
    ("request_uri_post", request_uri_post),
];

/// An SD-JWT VC as an issuer sends it, opened without its signature: what is kept comes back letter by letter.
pub fn sd_jwt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sd_jwt::Received::parse(text);
        if let Ok(held) = sd_jwt::Held::dangerous_reload(text) {
            assert_eq!(held.text(), text);
        }
    }
}

/// An SD-JWT VC with a key binding JWT.
pub fn sd_jwt_presentation(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sd_jwt::Presentation::parse(text);
    }
}

/// An SD-JWT in JSON form: what is read has the compact form's separators only where they belong.
pub fn sd_jwt_json(bytes: &[u8]) {
    if let Ok(text) = sd_jwt::json_form::to_compact(bytes) {
        let jwt = text.split('~').next().unwrap_or_default();
        assert_eq!(jwt.split('.').count(), 3);
        let _ = sd_jwt::Received::parse_json(bytes);
        let _ = sd_jwt::Presentation::parse_json(bytes);
    }
}

/// A type metadata document, and what its pictures hold.
pub fn type_metadata(bytes: &[u8]) {
    let read = Resolving::start("urn:fuzz:type", None).and_then(|resolving| resolving.feed(bytes));
    if let Ok(Progress::Done(metadata)) = read {
        for display in &metadata.display {
            let logo = display.logo.iter().map(|logo| &logo.picture);
            let templates = display.svg_templates.iter().map(|svg| &svg.template);
            logo.chain(templates).chain(&display.background_image).for_each(|picture| drop(picture.source()));
        }
    }
}

/// A card template; what is drawn from it passes the same checks again.
pub fn svg(bytes: &[u8]) {
    let Ok(template) = Template::parse(bytes) else { return };
    let value = |id: &str| (id.to_owned(), Some("<&>".to_owned()));
    if let Ok(drawn) = template.render(&BTreeMap::from([value("given_name"), value("family_name")])) {
        assert!(Template::parse(drawn.as_bytes()).is_ok());
    }
}

/// A JWS in compact form: its key and its chain, and its signature under a fixed key.
pub fn jws(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(jws) = jws::Unverified::parse(text) else { return };
    let _ = (jws.x5c(), jws.dangerous_claims());
    let _ = jws.verify_claims(&AUTHORITY.key().public_key());
    if let Ok(key) = jws.jwk() {
        assert_eq!(key.to_jwk().public_key(), Ok(key.clone()));
        let _ = jws.verify(&key);
    }
}

/// A JWE in compact form, opened with a fixed key.
pub fn jwe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let (Ok(sealed), Ok(key)) = (jwe::Sealed::parse(text), jwe::AgreementKey::from_bytes(&[7; 32])) {
        let _ = sealed.decrypt(&key);
    }
}

/// A certificate: its fields, its chain to a fixed anchor, and the profiles, as a root, below a root and above a leaf.
pub fn x509(bytes: &[u8]) {
    let Ok(certificate) = x509::Certificate::from_der(bytes) else { return };
    let _ = (certificate.public_key(), certificate.dns_names(), certificate.uris(), certificate.country());
    let anchor = AUTHORITY.certificate();
    let chains = [&[certificate.clone()][..], &[anchor.clone(), certificate.clone()]];
    for chain in chains {
        let anchors = [anchor.clone(), certificate.clone()];
        let _ = x509::verify_chain(chain, &anchors, x509::Purpose::DocumentSigner, Timestamp::UNIX_EPOCH);
    }
    let _ = x509::profile::iaca_root(&certificate);
    for (leaf, authority) in [(&certificate, anchor), (anchor, &certificate)] {
        let _ = x509::profile::document_signer(leaf, authority);
        let _ = x509::profile::reader_authentication(leaf, authority);
        let _ = x509::profile::mso_revocation_signer(leaf, authority);
    }
}

/// The root of the seeds, valid for ten years from the epoch on.
static AUTHORITY: LazyLock<x509::issue::Authority> = LazyLock::new(|| {
    let entropy = Seeded::dangerous_new("fuzz");
    let subject = x509::issue::Subject { common_name: "Fuzz".to_owned(), organization: None, country: "UT".to_owned() };
    let period = x509::issue::Period::days(Timestamp::UNIX_EPOCH, 3650);
    let key = SigningKey::generate_p256(&entropy);
    #[expect(clippy::expect_used, reason = "a constant")]
    x509::issue::Authority::self_signed(&subject, key, period, "https://issuer.example", &entropy).expect("a root")
});

/// One CBOR item; what is read is written back to the same bytes.
pub fn cbor(bytes: &[u8]) {
    if let Ok(value) = cbor::parse(bytes) {
        assert_eq!(cbor::encode(&value), bytes);
    }
}

/// A COSE_Sign1 with its chain, tagged or not.
pub fn cose_sign1(bytes: &[u8]) {
    if let Ok(message) = cose::Sign1::parse(bytes) {
        let _ = message.x5chain();
    }
    let _ = cose::Sign1::parse_tagged(bytes);
}

/// A status list token in JWT form, and the list behind its signature.
pub fn status_list_jwt(bytes: &[u8]) {
    let _ = StatusToken::verify(bytes, &LIST, NOBODY, Timestamp::UNIX_EPOCH);
    if let Ok(list) = json::parse(bytes).map_err(|_| ()).and_then(|list| StatusList::from_json(&list).map_err(|_| ())) {
        let again = list.to_json(None).map(|written| StatusList::from_json(&written));
        assert_eq!(again, Ok(Ok(list)));
    }
}

/// A status list token in CWT form, and the list behind its signature.
pub fn status_list_cwt(bytes: &[u8]) {
    let _ = StatusToken::verify(bytes, &LIST, NOBODY, Timestamp::UNIX_EPOCH);
    if let Ok(value) = cbor::parse(bytes) {
        let _ = StatusReferences::from_cbor(&value);
        if let Ok(list) = StatusList::from_cbor(&value) {
            let again = list.to_cbor(None).map(|written| StatusList::from_cbor(&written));
            assert_eq!(again, Ok(Ok(list)));
        }
    }
}

/// An identifier list token, and the list behind its signature.
pub fn identifier_list(bytes: &[u8]) {
    let _ = IdentifierList::verify(bytes, &LIST, NOBODY, Timestamp::UNIX_EPOCH);
    if let Some(list) = cbor::parse(bytes).ok().and_then(|value| Identifiers::from_cbor(&value).ok()) {
        assert_eq!(Identifiers::from_cbor(&list.to_cbor(None)), Ok(list));
    }
}

/// Nobody's signature counts, so what is read is the envelope.
const NOBODY: TrustedSigner<'static> = TrustedSigner::Issuer { id: "https://issuer.example", keys: &[] };

static LIST: LazyLock<Url> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant")]
    Url::parse("https://issuer.example/status/1").expect("a URL")
});

/// A did:webvh log, and the file of its witnesses behind a form feed: a log that holds is written back as it was read.
pub fn did_webvh(bytes: &[u8]) {
    static DID: LazyLock<Option<Did>> =
        LazyLock::new(|| Did::parse("did:webvh:QmcAxRq5Mcz7PzaHXVUqRUCJfWNEEvaBNeC47Lr2iTEFx5:example.com").ok());
    let Some(did) = &*DID else { return };
    let mut parts = bytes.splitn(2, |byte| *byte == 0x0c);
    let log = parts.next().unwrap_or_default();
    if let Ok(chain) = webvh::Chain::verify(did, log, Timestamp::MAX) {
        assert_eq!(chain.to_jsonl().lines().count(), chain.versions().len());
        if let Ok(log) = chain.witnessed(parts.next(), Timestamp::MAX) {
            let _ = log.resolve(webvh::At::Latest);
        }
    }
}

fn contexts() -> &'static Contexts {
    static CONTEXTS: LazyLock<Contexts> = LazyLock::new(Contexts::builtin);
    &CONTEXTS
}

/// A W3C credential or presentation, however it is secured.
pub fn vc_jwt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let documents = Documents::offline();
        let verifier = Verifier { documents: &documents, contexts: contexts(), now: Timestamp::UNIX_EPOCH };
        let _ = verifier.credential(text);
        let _ = verifier.presentation(text, Some("n"), None);
    }
}

/// A document with Data Integrity proofs, read as JSON-LD whatever its proofs are worth.
pub fn data_integrity(bytes: &[u8]) {
    if let Ok(members) = json::parse_object(bytes) {
        let _ = contexts().canonical(&members, HashAlgorithm::Sha256);
        let purpose = warifu_w3c::did::Relationship::AssertionMethod;
        let expected = data_integrity::Expected { purpose, challenge: None, domain: None, now: Timestamp::UNIX_EPOCH };
        let _ = data_integrity::verify(&members, &expected, &Documents::offline(), contexts());
    }
}

/// Canonical JSON: what is written reads back to the same canonical text.
pub fn jcs(bytes: &[u8]) {
    if let Ok(value) = json::parse(bytes)
        && let Ok(text) = jcs::canonical(&value)
    {
        let again = json::parse(text.as_bytes()).ok().and_then(|value| jcs::canonical(&value).ok());
        assert_eq!(again.as_deref(), Some(text.as_str()));
    }
}

/// An encoded list, or an entry of `credentialStatus`: what is read is written back to the same meaning.
pub fn bitstring_status_list(bytes: &[u8]) {
    if let Some(Ok(list)) = std::str::from_utf8(bytes).ok().map(|text| Bitstring::decode(text.trim(), 1)) {
        let again = list.encode().and_then(|text| Bitstring::decode(&text, 1));
        assert_eq!(again.as_ref(), Ok(&list));
        let _ = list.value(list.entries());
    }
    if let Ok(Ok(entry)) = json::parse_object(bytes).map(|members| Entry::parse(&members)) {
        let again = entry.to_value().as_object().map(Entry::parse);
        assert_eq!(again, Some(Ok(entry)));
    }
}

/// An mdoc as an issuer hands it out, opened without its signature: what is kept comes back byte for byte.
pub fn issuer_signed(bytes: &[u8]) {
    let _ = mdoc::Received::parse(bytes);
    if let Ok(held) = mdoc::Held::dangerous_reload(bytes) {
        let again = mdoc::Held::dangerous_reload(&held.to_bytes());
        assert!(again.is_ok_and(|again| again.claims() == held.claims()));
    }
}

/// A device response, authenticated under no anchor at all.
pub fn device_response(bytes: &[u8]) {
    if let Ok(response) = mdoc::DeviceResponse::parse(bytes) {
        let transcript = mdoc::SessionTranscript::new(&mdoc::Handover::OpenId4VpDcApi {
            origin: "https://verifier.example",
            nonce: "nonce",
            encryption_key: None,
        });
        let session = mdoc::Session { transcript: &transcript, reader_key: None };
        for document in response.documents() {
            assert!(document.authenticate(&[], Timestamp::UNIX_EPOCH, &session).is_err());
        }
    }
}

/// The graph of a workflow, and behind a form feed what its features find: what is accepted is walked to its end, and read again.
pub fn workflow(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0x0c);
    let Ok(draft) = Draft::from_json(parts.next().unwrap_or_default()) else { return };
    let facts = json::parse_object(parts.next().unwrap_or(b"{}")).unwrap_or_default();
    for kind in [Kind::Kyc, Kind::BiometricAuthentication, Kind::QuestionnaireVerification] {
        let Ok(graph) = validate::check(&draft, kind) else { continue };
        let again = Draft::try_from(serde_json::Value::from(draft.clone()));
        assert_eq!(
            again.map_err(|_| ()).and_then(|draft| validate::check(&draft, kind).map_err(|_| ())),
            Ok(graph.clone())
        );
        let mut evidence = Evidence::of("fuzz");
        let ended = (0..=graph.nodes().len()).any(|_| {
            let walked = walk(&graph, &evidence);
            match walked.step {
                Step::Ask { node, .. } => {
                    let finding = Finding { status: FeatureStatus::Approved, facts: facts.clone() };
                    evidence.findings.insert(node.clone(), finding);
                }
                Step::Run { node, .. } | Step::Call { node, .. } => drop(evidence.carried_out.insert(node.clone())),
                Step::End { .. } => {
                    walked.triggered.iter().for_each(|triggered| drop(triggered.warning()));
                    return walked.status().is_some();
                }
            }
            false
        });
        assert!(ended, "a workflow ends");
    }
}

/// A questionnaire, and behind a form feed its answers: answers that are taken are taken again as they came out.
pub fn questionnaire(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0x0c);
    let Ok(questionnaire) = Questionnaire::from_json(parts.next().unwrap_or_default()) else { return };
    let written = serde_json::to_value(&questionnaire).ok();
    assert_eq!(written.and_then(|written| Questionnaire::try_from(written).ok()).as_ref(), Some(&questionnaire));
    let given = json::parse_object(parts.next().unwrap_or(b"{}")).unwrap_or_default();
    if let Ok(answers) = questionnaire.answer(&given) {
        assert_eq!(questionnaire.answer(answers.values()), Ok(answers));
    }
}

/// A query, and behind a form feed the claims of a credential: what is read is written and read again, and what is selected
/// is found again by the re-check.
pub fn dcql(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0x0c);
    let Ok(query) = Query::parse(parts.next().unwrap_or_default()) else { return };
    assert_eq!(Query::from_value(&query.to_value()), Ok(query.clone()));
    let claims = json::parse_object(parts.next().unwrap_or(b"{}")).unwrap_or_default();
    let held = |id: &str, format: &str| Candidate {
        id: id.to_owned(),
        format: format.to_owned(),
        types: vec!["urn:x".to_owned()],
        claims: serde_json::Value::Object(claims.clone()),
        holder_bound: true,
        ..Candidate::default()
    };
    let candidates = [held("a", "dc+sd-jwt"), held("b", "mso_mdoc")];
    if let Ok(selection) = select(&query, &candidates) {
        let chosen = |id: &String| candidates.iter().find(|candidate| candidate.id == *id).cloned();
        let presented = selection
            .answers
            .iter()
            .filter_map(|answer| Some((answer.query_id.clone(), vec![chosen(&answer.choices.first()?.candidate)?])));
        assert_eq!(check_response(&query, &presented.collect()), Ok(()));
    }
}

/// A request over the Digital Credentials API, in each protocol, up to what the user would be asked; and its attestations.
pub fn dc_api_request(bytes: &[u8]) {
    let terms = Terms { answers: Answers::AsAsked, ..Terms::default() };
    for protocol in Protocol::ALL {
        let Ok(received) = dc_api::holder::ReceivedRequest::parse(protocol.name(), bytes, "https://verifier.example")
        else {
            continue;
        };
        let _ = received.verification_methods();
        if let Ok(authentic) = received.authenticate(&terms, Timestamp::UNIX_EPOCH)
            && let Ok(request) = authentic.understand(&["urn:x"])
        {
            let _ = request.session_transcript();
        }
    }
    if let Ok(data) = json::parse_object(bytes)
        && let Some(info) = data.get("verifier_info")
        && let Ok(found) = ReceivedRegistration::from_verifier_info(info)
    {
        for received in found {
            let _ = received.authenticate(&[AUTHORITY.certificate().clone()], Timestamp::UNIX_EPOCH);
        }
    }
}

/// What a wallet posts to the request URI: metadata that are read are written and read again.
pub fn request_uri_post(bytes: &[u8]) {
    if let Ok(RequestUriPost { wallet_metadata: Some(metadata), .. }) = RequestUriPost::parse(bytes) {
        assert_eq!(WalletMetadata::parse(&metadata.to_value().to_string()), Ok(metadata));
    }
}
