//! Accept, present, refuse, share.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use warifu_credential::ClaimPath;
use warifu_credential::sd_jwt::{KeyBindingRules, Presentation};
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::Answer;
use warifu_session::share::{self, Claimed, Life, Scope};

use super::world::{Fault, ISSUER, World, now};
use crate::consent::{Asked, ConsentUnusable, Ready};
use crate::history::{Channel, TransactionResult, TransactionType};
use crate::present::{PresentError, Request};
use crate::share::NewShareRequest;
use crate::store::SelfieRule;
use crate::{Error, LinkKind, Wallet};

fn names() -> Vec<ClaimPath> {
    vec![ClaimPath::claim("family_name"), ClaimPath::claim("age_equal_or_over").name("18")]
}

fn agreed(request: Request, at: Timestamp) -> Ready<Request> {
    let consent = request.question().agree(at);
    Ready::agreed(request, consent, at).unwrap()
}

/// What the verifier got for request `id`: the disclosed claims.
fn received(world: &World, id: &str, body: &[u8]) -> Value {
    let Answer::Presented(answer) = world.awaiting(id).accept(Received::parse(body).unwrap(), now()).unwrap() else {
        panic!("the wallet refused")
    };
    let text = answer.vp_token.0["kyc"][0].text().unwrap().to_owned();
    let rules = KeyBindingRules {
        audience: answer.request.client_id.as_str(),
        nonce: &answer.request.nonce,
        max_age: SignedDuration::from_mins(5),
        leeway: SignedDuration::from_secs(30),
    };
    let presentation = Presentation::parse(&text).unwrap();
    let (_, bound) = presentation.authenticate(&[world.issuer_anchor()], now(), &rules).unwrap();
    assert!(!bound.claims().contains_key("selfie_reauth"));
    // The payload as the verifier reads it: disclosures are base64url between the tildes.
    let disclosures: Vec<Value> = text
        .split('~')
        .skip(1)
        .filter(|part| !part.is_empty() && !part.contains('.'))
        .map(|part| serde_json::from_slice(&warifu_keys::base64url::decode(part).unwrap()).unwrap())
        .collect();
    Value::Array(disclosures)
}

#[tokio::test]
async fn accept_list_show_present() {
    let world = World::new(None);
    let wallet = world.wallet();
    let (link, code) = world.offer();
    assert_eq!(Wallet::link_kind(&link).unwrap(), LinkKind::Offer);
    let facts = wallet.inspect_offer(&link).unwrap();
    assert_eq!((facts.issuer.as_str(), facts.by_reference, facts.tx_code_needed), (ISSUER, true, None));
    assert!(world.asked().is_empty(), "looking at an offer asks nobody");

    let facts = wallet.accept(&link, Some(&code), now()).await.unwrap().credential;
    assert_eq!((facts.issuer_name.as_str(), facts.name.as_str()), ("Utopia KYC", "Verified identity"));
    assert_eq!(facts.holder_name.as_deref(), Some("ANNA MARIA SPECIMEN-VALUE"));
    assert_eq!(wallet.list(now()).unwrap(), std::slice::from_ref(&facts));
    let shown = wallet.show_in(&facts.id, "ja", now()).unwrap();
    let first = &shown.claims[0];
    assert_eq!((first.label.as_str(), &first.value), ("姓", &json!("SPECIMEN-VALUE")));

    let link = world.request(&names(), None);
    assert_eq!(Wallet::link_kind(&link).unwrap(), LinkKind::Request);
    let request = wallet.inspect_request(&link, now()).await.unwrap();
    let question = request.question().clone();
    assert_eq!(
        (question.asker.name.as_str(), question.asker.certificate_name.as_deref()),
        ("Bank B", Some("Bank B Ltd"))
    );
    let shared: Vec<_> = question.disclosures[0].shared.iter().map(|row| (row.name.as_str(), &row.value)).collect();
    assert_eq!(shared, [("family_name", &json!("SPECIMEN-VALUE")), ("age_equal_or_over.18", &json!(true))]);
    let hidden: Vec<_> = question.disclosures[0].hidden.iter().map(|claim| claim.name.as_str()).collect();
    assert!(hidden.contains(&"birthdate") && hidden.contains(&"age_equal_or_over.21"), "{hidden:?}");
    assert!(world.posted().is_empty(), "nothing leaves before consent");

    let presented = wallet.present(agreed(request, now()), now()).await.unwrap();
    assert_eq!(presented.claims, ["family_name", "age_equal_or_over.18"]);
    let disclosed = received(&world, "0", &world.posted()[0]).to_string();
    assert!(disclosed.contains("SPECIMEN-VALUE") && disclosed.contains("\"18\""), "{disclosed}");
    assert!(!disclosed.contains("ANNA") && !disclosed.contains("1974") && !disclosed.contains("\"21\""), "{disclosed}");

    let history = wallet.history().unwrap();
    let kinds: Vec<_> = history.iter().map(|entry| (entry.transaction_type, entry.transaction_result)).collect();
    let done = TransactionResult::Completed;
    assert_eq!(kinds, [(TransactionType::Presentation, done), (TransactionType::CredentialIssuance, done)]);
    assert_eq!(history[0].channel, Some(Channel::Request));
    assert_eq!(history[0].list_of_claims_presented[0].claims.len(), 2);
    let text = serde_json::to_string(&history).unwrap();
    for row in &shown.claims {
        // A value in lower case letters may be part of a claim's name (`document`), so it is looked for whole; those
        // that are a word of every text (`true`, `2`) prove nothing.
        let Some(value) = row.value.as_str().filter(|value| value.len() >= 4) else { continue };
        let word = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let found = if word { text.contains(&format!("\"{value}\"")) } else { text.contains(value) };
        assert!(!found, "`{}` stands in the history", row.name);
    }
    assert!(text.contains("family_name"));
}

#[tokio::test]
async fn a_wrong_code_can_be_typed_again() {
    let world = World::new(None);
    let wallet = world.wallet();
    let (link, code) = world.offer();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(wallet.accept(&link, None, now()).await.unwrap_err().code(), "tx_code_needed");
    assert_eq!(wallet.accept(&link, Some(wrong), now()).await.unwrap_err().code(), "code_refused");
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    assert_eq!(wallet.accept(&link, Some(&code), now()).await.unwrap_err().code(), "code_refused");
    assert_eq!(wallet.list(now()).unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_believed_is_not_stored() {
    let check = async |fault: Fault, expected: &str| {
        let world = World::new(None);
        let wallet = world.wallet();
        let (link, code) = world.offer();
        world.break_it(fault);
        let error = wallet.accept(&link, Some(&code), now()).await.unwrap_err();
        assert_eq!(error.code(), expected, "{fault:?}: {error}");
        assert!(wallet.list(now()).unwrap().is_empty(), "{fault:?}");
        let history = wallet.history().unwrap();
        assert_eq!(history.len(), 1, "{fault:?}");
        assert_eq!(history[0].transaction_result, TransactionResult::NotCompleted);
        assert_eq!(history[0].reason_of_noncompletion.as_deref(), Some(expected));
    };
    check(Fault::Unlisted, "unknown_issuer").await;
    check(Fault::Tampered, "credential_not_authentic").await;
    check(Fault::OtherKey, "wrong_key").await;
    check(Fault::Revoked, "revoked").await;
    check(Fault::OtherType, "type_metadata").await;
    check(Fault::LacksClaim, "type_metadata").await;
    check(Fault::NoList, "no_trusted_list").await;
    assert_eq!(Wallet::link_kind("https://a.example/").unwrap_err().code(), "not_a_wallet_link");
}

#[tokio::test]
async fn consent_fits_one_question_for_a_while() {
    let world = World::new(None);
    let wallet = world.wallet_with_credential().await;
    let one = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    let other = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    let refused = |request: &Request, consent, at| Ready::agreed(request.clone(), consent, at).unwrap_err();
    assert_eq!(refused(&one, other.question().agree(now()), now()), ConsentUnusable::OtherQuestion);
    // A request lives five minutes here; the shorter life counts.
    let later = now() + SignedDuration::from_mins(11);
    assert_eq!(refused(&one, one.question().agree(now()), later), ConsentUnusable::Stale);
    let expired = now() + SignedDuration::from_mins(6);
    assert_eq!(refused(&one, one.question().agree(expired), expired), ConsentUnusable::Expired);
    assert_eq!(refused(&one, one.question().agree(later), now()), ConsentUnusable::Stale);
    assert!(world.posted().is_empty());
}

#[tokio::test]
async fn refusing_looks_like_having_nothing() {
    let world = World::new(None);
    let empty = world.wallet();
    let error = empty.inspect_request(&world.request(&names(), None), now()).await.unwrap_err();
    assert_eq!(error.code(), "no_matching_credential");
    // Nothing is sent by the wallet's own clock, which would be quicker than any person.
    assert!(world.posted().is_empty());
    let Error::Present(PresentError::NoMatch(Some(nothing))) = error else { panic!("{error}") };
    assert_eq!(nothing.verifier(), "Bank B");
    empty.say_nothing_fits(&nothing).await;
    let wallet = world.wallet_with_credential().await;
    let request = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    wallet.refuse_request(request, now()).await.unwrap();
    let posted = world.posted();
    let state = |id: &str| format!("error=access_denied&state={}", world.awaiting(id).state());
    assert_eq!(posted, [state("0").into_bytes(), state("1").into_bytes()]);
    assert_eq!(wallet.history().unwrap()[0].reason_of_noncompletion.as_deref(), Some("refused_by_user"));
}

#[tokio::test]
async fn strangers_get_no_answer() {
    let world = World::new(None);
    let wallet = world.wallet_with_credential().await;
    let face = world.request(&[ClaimPath::claim("face_template")], None);
    assert_eq!(wallet.inspect_request(&face, now()).await.unwrap_err().code(), "face_template_asked");
    let parts = world.request(&[ClaimPath::claim("face_template").name("value")], None);
    assert_eq!(wallet.inspect_request(&parts, now()).await.unwrap_err().code(), "face_template_asked");
    world.unlist_verifier();
    let link = world.request(&names(), None);
    // The list is kept for a minute; then its new state counts.
    let later = now() + SignedDuration::from_secs(61);
    assert_eq!(wallet.inspect_request(&link, later).await.unwrap_err().code(), "unknown_verifier");
    assert!(world.posted().is_empty());
}

#[tokio::test]
async fn share_reaches_its_partner_only() {
    let world = World::new(None);
    let wallet = world.wallet_with_credential().await;
    let partners = wallet.partners(now()).await.unwrap();
    assert_eq!(partners.iter().map(|partner| partner.id.as_str()).collect::<Vec<_>>(), ["partner-b"]);
    let new = |partner: &str, claims: Option<Vec<&str>>| NewShareRequest {
        partner: partner.to_owned(),
        purpose: "onboarding".to_owned(),
        scope: vec![Scope::Kyc],
        claims: claims.map(|claims| claims.into_iter().map(str::to_owned).collect()),
        credential: None,
        life: Life::default(),
    };
    let nobody = wallet.propose_share(new("partner-x", None), now()).await.unwrap_err();
    assert_eq!(nobody.code(), "partner_not_listed");
    let claim = wallet.propose_share(new("partner-b", Some(vec!["shoe_size"])), now()).await.unwrap_err();
    assert_eq!(claim.code(), "no_such_claim");
    // What could not be shared stands in the history too, with whom, what for and why not.
    let tried = wallet.history().unwrap();
    for (entry, (party, reason)) in
        tried.iter().zip([("partner-b", "no_such_claim"), ("partner-x", "partner_not_listed")])
    {
        assert_eq!((&*entry.party.identifier, entry.channel), (party, Some(Channel::Share)));
        assert_eq!(entry.reason_of_noncompletion.as_deref(), Some(reason));
        assert!(entry.purpose.is_some() && entry.share_id.is_none());
    }

    let chosen = vec!["family_name", "assurance", "nationalities"];
    let proposal = wallet.propose_share(new("partner-b", Some(chosen)), now()).await.unwrap();
    let consent = proposal.question().agree(now());
    let facts = wallet.share(Ready::agreed(proposal, consent, now()).unwrap(), now()).unwrap();
    assert_eq!(facts.expires_at, now() + SignedDuration::from_secs(900));
    assert!(facts.claims.contains(&"assurance.level".to_owned()), "{:?}", facts.claims);

    let opened = share::Received::open(&facts.share_token, &world.share_key).unwrap();
    let Claimed::Wallet(claimed) = opened.addressed_to("partner-b", now()).unwrap() else { panic!("not a wallet's") };
    let nonce = claimed.expected_nonce();
    let rules = KeyBindingRules {
        audience: claimed.expected_audience(),
        nonce: &nonce,
        max_age: SignedDuration::from_mins(15),
        leeway: SignedDuration::from_secs(30),
    };
    let presentation = Presentation::parse(claimed.presentation()).unwrap();
    let (credential, _) = presentation.authenticate(&[world.issuer_anchor()], now(), &rules).unwrap();
    let holder = credential.holder_key().unwrap().clone();
    let authentic = claimed.authenticate(&holder, now()).unwrap();
    assert_eq!(authentic.terms().id(), facts.share_id);
    assert_eq!(authentic.receipt().claims().count(), facts.claims.len());

    let entry = &wallet.history().unwrap()[0];
    assert_eq!((entry.channel, entry.expires_at), (Some(Channel::Share), Some(facts.expires_at)));
    assert_eq!((entry.share_id, &entry.scope), (Some(facts.share_id), &facts.scope));
    assert_eq!(entry.user_pid.as_ref(), Some(authentic.terms().user_pid()));
    assert_eq!((&*entry.party.identifier, entry.purpose.as_deref()), ("partner-b", Some(authentic.terms().purpose())));
    // Without a choice the scope decides: all but portrait and face template.
    let whole = wallet.propose_share(new("partner-b", None), now()).await.unwrap();
    let shared = &whole.question().disclosures[0].shared;
    assert!(shared.iter().any(|row| row.name == "birthdate"));
    assert!(shared.iter().all(|row| row.name != "picture" && !row.name.starts_with("face_template")));
}

#[tokio::test]
async fn own_rule_demands_a_selfie_everywhere() {
    let world = World::new(None);
    let wallet = world.wallet_with(world.seams(), SelfieRule::Always);
    let (link, code) = world.offer();
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    // This credential has no face, so the rule can not be kept and nothing can leave.
    let error = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap_err();
    assert!(matches!(error, Error::NoFaceTemplate), "{error}");
    let new = NewShareRequest {
        partner: "partner-b".to_owned(),
        purpose: "onboarding".to_owned(),
        scope: vec![],
        claims: None,
        credential: None,
        life: Life::default(),
    };
    let proposal = wallet.propose_share(new, now()).await.unwrap();
    let consent = proposal.question().agree(now());
    assert_eq!(Ready::agreed(proposal, consent, now()).unwrap_err(), ConsentUnusable::SelfieDemanded);
}
