//! Mdocs: accepted beside an SD-JWT VC, shown, presented, never shared.

use serde_json::json;
use warifu_credential::ClaimPath;
use warifu_credential::face_template::{FaceTemplateClaim, ModelId, Source};
use warifu_credential::mdoc::{DeviceResponse, Handover, Session, SessionTranscript};
use warifu_openid4vc::dcql::CredentialQuery;
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::{Answer, ReceivedResponse};
use warifu_session::share::Life;

use super::world::{Fault, World, now};
use crate::Wallet;
use crate::consent::{Asked, Ready};
use crate::history::TransactionResult;
use crate::share::NewShareRequest;
use crate::store::SelfieRule;

const DOCTYPE: &str = "org.warifu.kyc.1";

fn template() -> FaceTemplateClaim {
    let model = ModelId::new("face", &[7; 32]).unwrap();
    FaceTemplateClaim::new(model, &[1; 128], 200, Source::Selfie, "2026-11-22".parse().unwrap(), 90).unwrap()
}

/// A wallet that accepted an offer of these configurations.
async fn holder(world: &std::sync::Arc<World>, configurations: &[&str]) -> Wallet {
    let wallet = world.wallet();
    let (link, code) = world.offer_of(configurations);
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    wallet
}

#[tokio::test]
async fn every_format_of_an_offer_is_held() {
    let world = World::new(Some(template()));
    let wallet = world.wallet();
    let (link, code) = world.offer_of(&["kyc", "kyc-w3c", "kyc-mdoc"]);
    let accepted = wallet.accept(&link, Some(&code), now()).await.unwrap();
    assert_eq!((accepted.credential.format, accepted.further.len()), ("dc+sd-jwt", 1), "{accepted:?}");
    let mdoc = &accepted.further[0];
    assert_eq!((mdoc.format, mdoc.vct.as_str(), mdoc.name.as_str()), ("mso_mdoc", DOCTYPE, "Verified identity"));
    assert_eq!(mdoc.holder_name.as_deref(), Some("ANNA MARIA SPECIMEN-VALUE"));
    assert!(mdoc.has_face_template && !mdoc.can_be_shared && mdoc.expires.is_some());
    assert_eq!(
        wallet.list(now()).unwrap(),
        [mdoc.clone(), accepted.credential.clone()],
        "the preferred one is the newest"
    );
    let text = serde_json::to_value(&accepted).unwrap();
    assert_eq!((&text["format"], &text["further"][0]["format"]), (&json!("dc+sd-jwt"), &json!("mso_mdoc")));

    // A key and a nonce for each.
    let proved = world.proved();
    assert_eq!(proved.len(), 2);
    assert!(proved[0].0 != proved[1].0 && proved[0].1 != proved[1].1);

    let shown = wallet.show_in(&mdoc.id, "ja", now()).unwrap();
    let first = &shown.claims[0];
    assert_eq!((first.name.as_str(), first.label.as_str()), ("family_name", "姓"));
    assert_eq!(first.path, ClaimPath::claim(DOCTYPE).name("family_name"));
    assert!(shown.claims.iter().all(|row| !row.name.starts_with("face_template")));
    let birth = shown.claims.iter().find(|row| row.name == "birth_date").unwrap();
    assert_eq!((birth.label.as_str(), &birth.value), ("生年月日", &json!("1974-08-12")));

    let history = wallet.history().unwrap();
    let [entry] = &history[..] else { panic!("{history:?}") };
    assert_eq!(entry.transaction_result, TransactionResult::Completed);
    let came: Vec<&str> =
        entry.list_of_claims_presented.iter().map(|claims| claims.credential_identifier.as_str()).collect();
    assert_eq!(came, [World::vct().as_str(), DOCTYPE]);
    let element = ClaimPath::claim(DOCTYPE).name("birth_date");
    assert!(entry.list_of_claims_presented[1].claims.contains(&element));
    let labels = entry.list_of_claims_presented[1].labels(&wallet.types().unwrap(), "en");
    assert!(labels.contains(&"Date of birth".to_owned()), "{labels:?}");
    assert!(!serde_json::to_string(&history).unwrap().contains("SPECIMEN-VALUE"));
}

#[tokio::test]
async fn what_is_not_believed_is_not_stored() {
    let check = async |configurations: &[&str], fault: Fault, expected: &str| {
        let world = World::new(None);
        let wallet = world.wallet();
        let (link, code) = world.offer_of(configurations);
        world.break_it(fault);
        let error = wallet.accept(&link, Some(&code), now()).await.unwrap_err();
        assert_eq!(error.code(), expected, "{configurations:?} {fault:?}: {error}");
        assert!(wallet.list(now()).unwrap().is_empty(), "{fault:?}");
        let history = wallet.history().unwrap();
        assert_eq!(history.len(), 1, "{fault:?}");
        assert_eq!(history[0].reason_of_noncompletion.as_deref(), Some(expected));
    };
    let mdoc: &[&str] = &["kyc-mdoc"];
    check(mdoc, Fault::Unlisted, "unknown_issuer").await;
    check(mdoc, Fault::Tampered, "credential_not_authentic").await;
    check(mdoc, Fault::OtherKey, "wrong_key").await;
    check(mdoc, Fault::Revoked, "revoked").await;
    check(mdoc, Fault::OtherType, "other_type").await;
    check(mdoc, Fault::NoList, "no_trusted_list").await;
    check(&["attested"], Fault::None, "issuance_failed").await;
    check(&["kyc-w3c"], Fault::None, "no_known_format").await;
    // The first credential is good, the second is not: the issuer is not believed in halves.
    check(&["kyc", "kyc-mdoc"], Fault::OtherKey, "wrong_key").await;
    let world = World::new(None);
    let wallet = world.wallet();
    let (link, code) = world.offer_of(&["attested", "kyc"]);
    let accepted = wallet.accept(&link, Some(&code), now()).await.unwrap();
    assert!(accepted.further.is_empty(), "what this wallet can not prove is left out");
}

/// The code is used up by then, so what came is kept, and the history says that the rest did not.
#[tokio::test]
async fn an_issuer_that_stops_half_way() {
    for (fault, reason) in [(Fault::Stops, "issuance_failed"), (Fault::Silent, "unanswered")] {
        let world = World::new(None);
        let wallet = world.wallet();
        let (link, code) = world.offer_of(&["kyc", "kyc-mdoc"]);
        world.break_it(fault);
        let accepted = wallet.accept(&link, Some(&code), now()).await.unwrap();
        assert_eq!((accepted.credential.format, accepted.further.len()), ("dc+sd-jwt", 0));
        assert_eq!(wallet.list(now()).unwrap().len(), 1);
        let history = wallet.history().unwrap();
        let reasons: Vec<_> = history.iter().map(|entry| entry.reason_of_noncompletion.as_deref()).collect();
        assert_eq!(reasons, [Some(reason), None], "{fault:?}");
    }
}

/// What the verifier got for request `id`.
fn answered(world: &World, id: &str, body: &[u8]) -> ReceivedResponse {
    match world.awaiting(id).accept(Received::parse(body).unwrap(), now()).unwrap() {
        Answer::Presented(answer) => *answer,
        Answer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

#[tokio::test]
async fn presented_in_its_session_only() {
    let world = World::new(Some(template()));
    let wallet = holder(&world, &["kyc-mdoc", "kyc"]).await;
    let link = world.mdoc_request(&["age_over_18", "family_name"], None);
    let request = wallet.inspect_request(&link, now()).await.unwrap();
    let disclosure = &request.question().disclosures[0];
    assert_eq!((disclosure.vct.as_str(), disclosure.credential_name.as_str()), (DOCTYPE, "Verified identity"));
    let shared: Vec<_> = disclosure.shared.iter().map(|row| (row.label.as_str(), &row.value)).collect();
    assert_eq!(shared, [("Family name", &json!("SPECIMEN-VALUE")), ("18 or older", &json!(true))]);
    let hidden: Vec<_> = disclosure.hidden.iter().map(|claim| claim.label.as_str()).collect();
    assert!(hidden.contains(&"Date of birth") && hidden.contains(&"Face template"), "{hidden:?}");
    assert!(world.posted().is_empty(), "nothing leaves before consent");
    let consent = request.question().agree(now());
    let facts = wallet.present(Ready::agreed(request, consent, now()).unwrap(), now()).await.unwrap();
    assert_eq!(facts.claims, ["family_name", "age_over_18"]);
    let entry = &wallet.history().unwrap()[0];
    assert_eq!(entry.list_of_claims_presented[0].credential_identifier, DOCTYPE);
    assert!(entry.list_of_claims_presented[0].claims.contains(&ClaimPath::claim(DOCTYPE).name("age_over_18")));

    let answer = answered(&world, "0", &world.posted()[0]);
    let text = answer.vp_token.0["kyc"][0].text().unwrap();
    let opened = |transcript: &SessionTranscript| {
        let session = Session { transcript, reader_key: None };
        let document = DeviceResponse::from_base64url(text).unwrap().only().unwrap();
        document.authenticate(&[world.issuer_anchor()], now(), &session)
    };
    let (credential, device) = opened(&answer.request.session_transcript().unwrap()).unwrap();
    assert!(device.elements().is_empty(), "nothing is said that was not asked");
    assert_eq!(credential.vct(), DOCTYPE);
    // The session is that of the response mode: without the thumbprint of the encryption key it is another.
    let plain = SessionTranscript::new(&Handover::OpenId4Vp {
        client_id: answer.request.client_id.as_str(),
        nonce: &answer.request.nonce,
        encryption_key: None,
        response_uri: answer.request.response_uri.as_str(),
    });
    assert!(opened(&plain).is_err());
    let other = world.request(&[ClaimPath::claim("family_name")], None);
    wallet.inspect_request(&other, now()).await.unwrap();
    assert!(opened(&world.awaiting("1").request().session_transcript().unwrap()).is_err());
    for held_back in ["ANNA", "1974", "L898902C3", "face_template"] {
        let bytes = warifu_keys::base64url::decode(text).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(held_back), "{held_back}");
    }
}

#[tokio::test]
async fn both_formats_in_one_answer() {
    let world = World::new(None);
    let wallet = holder(&world, &["kyc", "kyc-mdoc"]).await;
    let link = world.request_by(
        vec![
            CredentialQuery::sd_jwt_vc("a", &World::vct(), vec![ClaimPath::claim("family_name")]),
            CredentialQuery::mdoc("b", DOCTYPE, vec![ClaimPath::claim(DOCTYPE).name("assurance")]),
        ],
        None,
    );
    let request = wallet.inspect_request(&link, now()).await.unwrap();
    // An element is given whole, and the question says so.
    let whole = &request.question().disclosures[1].shared;
    assert!(whole.iter().any(|row| row.name == "assurance.method"), "{whole:?}");
    let consent = request.question().agree(now());
    wallet.present(Ready::agreed(request, consent, now()).unwrap(), now()).await.unwrap();
    let answer = answered(&world, "0", &world.posted()[0]);
    assert!(answer.vp_token.0["a"][0].text().unwrap().contains('~'));
    let transcript = answer.request.session_transcript().unwrap();
    let document = DeviceResponse::from_base64url(answer.vp_token.0["b"][0].text().unwrap()).unwrap().only().unwrap();
    let session = Session { transcript: &transcript, reader_key: None };
    document.authenticate(&[world.issuer_anchor()], now(), &session).unwrap();
}

#[tokio::test]
async fn the_face_template_is_asked_for_in_vain() {
    let world = World::new(Some(template()));
    let wallet = holder(&world, &["kyc", "kyc-mdoc"]).await;
    let query = |path: ClaimPath| vec![CredentialQuery::mdoc("kyc", DOCTYPE, vec![path])];
    for path in [
        ClaimPath::claim(DOCTYPE).name("face_template"),
        ClaimPath::claim("org.example.other").name("face_template"),
        ClaimPath::claim("face_template").name("value"),
    ] {
        let link = world.request_by(query(path.clone()), None);
        let error = wallet.inspect_request(&link, now()).await.unwrap_err();
        assert_eq!(error.code(), "face_template_asked", "{path:?}");
        let entry = &wallet.history().unwrap()[0];
        assert_eq!(entry.reason_of_noncompletion.as_deref(), Some("face_template_asked"));
    }
    assert!(world.posted().is_empty());
    // A type that is not held, and a format of a type that is: the same answer as a refusal.
    let only = holder(&world, &["kyc"]).await;
    let error = only.inspect_request(&world.mdoc_request(&["family_name"], None), now()).await.unwrap_err();
    assert_eq!(error.code(), "no_matching_credential");
}

#[tokio::test]
async fn only_an_sd_jwt_vc_is_shared() {
    let world = World::new(None);
    let new = |credential| NewShareRequest {
        partner: "partner-b".to_owned(),
        purpose: "onboarding".to_owned(),
        scope: vec![],
        claims: None,
        credential,
        life: Life::default(),
    };
    // The mdoc is the newer of the two.
    let wallet = holder(&world, &["kyc-mdoc", "kyc"]).await;
    let held = wallet.list(now()).unwrap();
    let proposal = wallet.propose_share(new(None), now()).await.unwrap();
    assert_eq!(proposal.question().disclosures[0].credential, held[0].id);
    let error = wallet.propose_share(new(Some(held[1].id.clone())), now()).await.unwrap_err();
    assert_eq!(error.code(), "format_not_shared");
    let only = holder(&world, &["kyc-mdoc"]).await;
    assert_eq!(only.propose_share(new(None), now()).await.unwrap_err().code(), "no_credential");
}

/// What was stored is read back by whoever opens the wallet again.
#[tokio::test]
async fn an_mdoc_survives_the_store() {
    let world = World::new(Some(template()));
    let seams = world.seams();
    let files = std::sync::Arc::clone(&seams.files);
    let wallet = world.wallet_with(seams, SelfieRule::WhenAsked);
    let (link, code) = world.offer_of(&["kyc", "kyc-mdoc"]);
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    let seams = crate::Seams { files, ..world.seams() };
    let again = Wallet::open(seams, &warifu_keys::Secret::new(b"482913".to_vec())).unwrap();
    assert_eq!(again.list(now()).unwrap(), wallet.list(now()).unwrap());
    let request = again.inspect_request(&world.mdoc_request(&["family_name"], None), now()).await.unwrap();
    let consent = request.question().agree(now());
    again.present(Ready::agreed(request, consent, now()).unwrap(), now()).await.unwrap();
}
