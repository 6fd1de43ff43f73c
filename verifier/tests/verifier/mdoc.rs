//! Requests that are answered with an mdoc: what is accepted, and every check failing alone.

use std::time::Duration;

use serde_json::{Value as Json, json};
use warifu_credential::face_template::{self, ModelId};
use warifu_credential::mdoc::{DataElements, DeviceKey, Handover, SessionTranscript};
use warifu_credential::selfie_reauth::{Assertion, Liveness};
use warifu_credential::status::Status;
use warifu_keys::cbor::{self, Value};
use warifu_keys::{PublicKey, Signer as _, SigningKey, base64url};
use warifu_openid4vc::vp::holder::PresentationRequest;
use warifu_openid4vc::vp::response::VpToken;
use warifu_trust::entity::{ServiceStatus, ServiceType};

use crate::world::{Answer, MdocWallet, World, asked, model, outcomes, policy};

const NAMESPACE: &str = "org.warifu.kyc.1";
/// The elements that the policies `identity` and `identity-selfie` ask for.
const ASKED: [&str; 3] = ["given_name", "family_name", "birth_date"];

fn holder(world: &World) -> MdocWallet {
    world.minted_mdoc(&world.issuer, &world.signer, SigningKey::generate_p256(&*world.entropy), 90)
}

/// A device response with these elements, and what the device says beside.
fn present(wallet: &MdocWallet, elements: &[&str], said: &DataElements, transcript: &SessionTranscript) -> Vec<u8> {
    let elements: Vec<(&str, &str)> = elements.iter().map(|element| (NAMESPACE, *element)).collect();
    wallet.held.present(&elements, said, transcript, DeviceKey::Signs(&wallet.key)).unwrap()
}

fn assertion(world: &World, wallet: &MdocWallet) -> Assertion {
    Assertion {
        matched_at: world.now() - Duration::from_secs(5),
        model: model(),
        operating_point: "fmr-1e-3".to_owned(),
        liveness: Liveness::Passive,
        template_digest: face_template::mdoc_template_digest(&wallet.held).unwrap(),
    }
}

/// The assertion as the device says it in answer to the demands of this request.
fn said(request: &PresentationRequest, assertion: &Assertion) -> DataElements {
    let entries: Vec<_> = request.transaction_data().iter().map(|entry| entry.encoded()).collect();
    assertion.device_elements(&entries)
}

fn good(request: &PresentationRequest, wallet: &MdocWallet) -> Vec<u8> {
    present(wallet, &ASKED, &DataElements::new(), &request.session_transcript().unwrap())
}

async fn respond(world: &World, request: &PresentationRequest, response: &[u8]) -> Answer {
    let vp_token = VpToken::of([("kyc-mdoc".to_owned(), base64url::encode(response))]);
    world.carry(&request.respond(&vp_token, &*world.entropy).unwrap()).await
}

/// Asks by a policy for an mdoc, answers with what `make` gives, and demands that exactly the named checks fail.
async fn fails(
    world: &World,
    name: &str,
    failing: &[&str],
    make: impl FnOnce(&World, &PresentationRequest) -> Vec<u8>,
) -> Json {
    let (id, link) = world.ask(json!({"policy": name, "formats": "mso_mdoc"})).await;
    let request = world.open(&link).await;
    let answer = respond(world, &request, &make(world, &request)).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})), "{failing:?}");
    let result = world.result(&id).await;
    assert_eq!(result["state"], "refused");
    let found: Vec<String> =
        outcomes(&result).into_iter().filter(|(_, outcome)| outcome == "fail").map(|(name, _)| name).collect();
    assert_eq!(found, failing, "{result}");
    for shown in result["presentations"].as_array().unwrap() {
        assert_eq!(shown["claims"], json!({}), "no claim of a refused answer is kept");
    }
    result
}

/// A member of a CBOR structure; names lead into maps, numbers into arrays.
fn at<'v>(value: &'v mut Value, path: &[&str]) -> &'v mut Value {
    path.iter().fold(value, |value, name| match value {
        Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
        Value::Map(pairs) => &mut pairs.iter_mut().find(|(key, _)| key.as_text() == Some(*name)).unwrap().1,
        _ => panic!("`{name}` leads nowhere"),
    })
}

/// A response with one part changed.
fn changed(response: &[u8], path: &[&str], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = cbor::parse(response).unwrap();
    change(at(&mut value, path));
    cbor::encode(&value)
}

/// The transcript of a request with one part that is wrong.
fn transcript(request: &PresentationRequest, wrong: &str, other: &PublicKey) -> SessionTranscript {
    let object = request.object();
    let key = object.encryption_key().unwrap().public_key().unwrap();
    let part = |name: &str, right, instead| if name == wrong { instead } else { right };
    SessionTranscript::new(&Handover::OpenId4Vp {
        client_id: part("client_id", object.client_id.as_str(), "x509_hash:another"),
        nonce: part("nonce", &object.nonce, "another"),
        encryption_key: match wrong {
            "no encryption" => None,
            "encryption_key" => Some(other),
            _ => Some(&key),
        },
        response_uri: part("response_uri", object.response_uri.as_str(), "https://attacker.example/"),
    })
}

#[tokio::test]
async fn an_mdoc_answers_a_policy_that_takes_either() {
    let world = World::new("mdoc accepted").await;
    let wallet = holder(&world);
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let formats = &request.object().client_metadata.vp_formats_supported;
    assert_eq!(formats["mso_mdoc"]["deviceauth_alg_values"][0], -7);
    assert_eq!(request.query().credential("kyc-mdoc").unwrap().format, "mso_mdoc");
    assert_eq!(respond(&world, &request, &good(&request, &wallet)).await.status, 200);
    let result = world.result(&id).await;
    assert_eq!(result["state"], "accepted", "{result}");
    let elements = json!({"given_name": "ANNA MARIA", "family_name": "ERIKSSON", "birth_date": "1974-08-12"});
    assert_eq!(result["claims"], json!({NAMESPACE: elements}));
    assert_eq!(result["presentations"][0]["query_id"], "kyc-mdoc");
    for (name, outcome) in outcomes(&result) {
        assert_eq!(outcome, if name == "selfie_reauth" { "not_run" } else { "pass" }, "{name}");
    }

    // The same request is answered by an SD-JWT VC, and not by both.
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let presentation = world.wallet.present(&asked(), &world.binding(&request));
    assert_eq!(world.respond(&request, presentation).await.status, 200);
    assert_eq!(world.result(&id).await["state"], "accepted");

    // Where an SD-JWT VC alone is taken, no mdoc query is made.
    let (_, link) = world.ask(json!({"policy": "identity", "formats": "dc+sd-jwt"})).await;
    let request = world.open(&link).await;
    assert!(request.query().credential("kyc-mdoc").is_none() && request.query().credential("kyc").is_some());
}

#[tokio::test]
async fn accepted_with_a_selfie() {
    let world = World::new("mdoc selfie").await;
    let wallet = holder(&world);
    for body in [policy("identity-selfie"), json!({"policy": "identity-selfie", "formats": "mso_mdoc"})] {
        let (id, link) = world.ask(body).await;
        let request = world.open(&link).await;
        let said = said(&request, &assertion(&world, &wallet));
        let response = present(&wallet, &ASKED, &said, &request.session_transcript().unwrap());
        assert_eq!(respond(&world, &request, &response).await.status, 200);
        let result = world.result(&id).await;
        assert!(outcomes(&result).values().all(|outcome| outcome == "pass"), "{result}");
    }
}

#[tokio::test]
async fn every_check_of_the_credential_fails_alone() {
    let world = World::new("mdoc credential").await;
    let wallet = holder(&world);
    // Another value under an intact signature of issuer and device.
    let item = ["documents", "0", "issuerSigned", "nameSpaces", NAMESPACE, "0"];
    let result = fails(&world, "identity", &["signature"], |_, request| {
        changed(&good(request, &wallet), &item, |item| {
            let mut inner = cbor::parse(cbor::embedded(item).unwrap()).unwrap();
            *at(&mut inner, &["elementValue"]) = Value::from("ERIKSEN");
            *item = cbor::embed(cbor::encode(&inner));
        })
    })
    .await;
    assert_eq!(outcomes(&result)["issuer_trusted"], "not_run");
    let auth = ["documents", "0", "issuerSigned", "issuerAuth", "3"];
    fails(&world, "identity", &["signature"], |_, request| {
        changed(&good(request, &wallet), &auth, |signature| signature.as_bytes_mut().unwrap()[9] ^= 1)
    })
    .await;
    fails(&world, "identity", &["signature"], |_, _| b"garbage".to_vec()).await;
    // One document for one query (HAIP 1.0 section 5.3.1).
    fails(&world, "identity", &["signature"], |_, request| {
        changed(&good(request, &wallet), &["documents"], |documents| {
            let copy = documents.as_array().unwrap()[0].clone();
            documents.as_array_mut().unwrap().push(copy);
        })
    })
    .await;
    fails(&world, "identity", &["issuer_trusted"], |world, request| {
        let (foreign, signer) = world.stranger();
        let key = SigningKey::generate_p256(&*world.entropy);
        good(request, &world.minted_mdoc(&foreign, &signer, key, 90))
    })
    .await;
    // Midnight comes between the request and the answer.
    world.hands.set("2026-11-23T23:58:00Z".parse().unwrap());
    let result = fails(&world, "identity", &["not_expired"], |world, request| {
        let key = SigningKey::generate_p256(&*world.entropy);
        let short = world.minted_mdoc(&world.issuer, &world.signer, key, 1);
        world.hands.step(Duration::from_secs(120));
        good(request, &short)
    })
    .await;
    assert_eq!(outcomes(&result)["issuer_trusted"], "pass");
}

#[tokio::test]
async fn what_is_revoked_or_can_not_be_looked_up_is_refused() {
    let world = World::new("mdoc revoked").await;
    let wallet = holder(&world);
    world.outside.lock().unwrap().status_up = false;
    fails(&world, "identity", &["not_revoked"], |_, request| good(request, &wallet)).await;
    world.outside.lock().unwrap().status_up = true;
    world.outside.lock().unwrap().status = Status::Invalid;
    let result = fails(&world, "identity", &["not_revoked"], |_, request| good(request, &wallet)).await;
    assert_eq!(outcomes(&result)["key_binding"], "pass");
    world.outside.lock().unwrap().status = Status::Valid;
    world.set_standing("issuer", ServiceType::Status, ServiceStatus::Suspended);
    world.hands.step(Duration::from_secs(601));
    fails(&world, "identity", &["not_revoked"], |_, request| good(request, &wallet)).await;
}

/// One signature covers key, verifier, nonce, encryption key and response URI.
#[tokio::test]
async fn the_device_answers_in_this_session_only() {
    let world = World::new("mdoc session").await;
    let wallet = holder(&world);
    let signature = ["documents", "0", "deviceSigned", "deviceAuth", "deviceSignature", "3"];
    let result = fails(&world, "identity", &["key_binding"], |_, request| {
        changed(&good(request, &wallet), &signature, |signature| signature.as_bytes_mut().unwrap()[9] ^= 1)
    })
    .await;
    let outcomes = outcomes(&result);
    assert_eq!((&outcomes["signature"], &outcomes["issuer_trusted"]), (&json!("pass"), &json!("pass")));
    assert_eq!((&outcomes["aud"], &outcomes["nonce"]), (&json!("not_run"), &json!("not_run")));

    // Another device's signature over the right session.
    fails(&world, "identity", &["key_binding"], |world, request| {
        let foreign = good(request, &holder(world));
        let mut foreign = cbor::parse(&foreign).unwrap();
        let stolen = at(&mut foreign, &["documents", "0", "deviceSigned"]).clone();
        changed(&good(request, &wallet), &["documents", "0", "deviceSigned"], |device| *device = stolen)
    })
    .await;

    let other = SigningKey::generate_p256(&*world.entropy).public_key();
    for wrong in ["nonce", "client_id", "response_uri", "encryption_key", "no encryption"] {
        fails(&world, "identity", &["key_binding"], |_, request| {
            assert_eq!(transcript(request, "nothing", &other), request.session_transcript().unwrap());
            present(&wallet, &ASKED, &DataElements::new(), &transcript(request, wrong, &other))
        })
        .await;
    }
    // What was right for one request is wrong for the next.
    let (_, link) = world.ask(json!({"policy": "identity", "formats": "mso_mdoc"})).await;
    let first = good(&world.open(&link).await, &wallet);
    fails(&world, "identity", &["key_binding"], |_, _| first).await;
}

#[tokio::test]
async fn what_was_asked_for_and_no_more() {
    let world = World::new("mdoc query").await;
    let wallet = holder(&world);
    let given = |request: &PresentationRequest, elements: &[&str]| {
        present(&wallet, elements, &DataElements::new(), &request.session_transcript().unwrap())
    };
    fails(&world, "identity", &["query_satisfied"], |_, request| given(request, &ASKED[..2])).await;
    fails(&world, "identity", &["query_satisfied"], |_, request| given(request, &[])).await;
    for extra in ["document_number", "assurance", face_template::CLAIM] {
        fails(&world, "identity", &["query_satisfied"], |_, request| given(request, &[&ASKED[..], &[extra]].concat()))
            .await;
    }
}

#[tokio::test]
async fn the_selfie_has_to_be_real() {
    let world = World::new("mdoc reauth").await;
    let wallet = holder(&world);
    let refused = async |make: &dyn Fn(&PresentationRequest, Assertion) -> DataElements| {
        fails(&world, "identity-selfie", &["selfie_reauth"], |world, request| {
            let said = make(request, assertion(world, &wallet));
            present(&wallet, &ASKED, &said, &request.session_transcript().unwrap())
        })
        .await;
    };
    refused(&|_, _| DataElements::new()).await;
    // Each element missing alone.
    for missing in ["transaction_data_hashes", "selfie_reauth"] {
        refused(&|request, assertion| {
            let whole = said(request, &assertion);
            let kept = whole.iter().filter(|(_, element, _)| *element != missing);
            kept.fold(DataElements::new(), |all, (namespace, element, value)| {
                all.with(namespace, element, value.clone())
            })
        })
        .await;
    }
    let changes: [fn(&mut Assertion); 5] = [
        |it| it.matched_at -= Duration::from_secs(60),
        |it| it.matched_at += Duration::from_secs(120),
        |it| it.model = ModelId::new("other", &[2; 32]).unwrap(),
        |it| it.operating_point = "fmr-1e-1".to_owned(),
        |it| it.template_digest = base64url::encode(&[9; 32]),
    ];
    for change in changes {
        refused(&|request, mut assertion| {
            change(&mut assertion);
            said(request, &assertion)
        })
        .await;
    }
    // For another demand.
    refused(&|_, assertion| assertion.device_elements(&["b3RoZXI"])).await;
    // Matched with the face of another credential of the same key.
    let other = world.minted_mdoc(&world.issuer, &world.signer, wallet.key.clone(), 90);
    refused(&|request, _| said(request, &assertion(&world, &other))).await;
    // What the other credential's device said, put beside this credential.
    fails(&world, "identity-selfie", &["selfie_reauth"], |world, request| {
        let transcript = request.session_transcript().unwrap();
        let theirs = present(&other, &ASKED, &said(request, &assertion(world, &other)), &transcript);
        let mut theirs = cbor::parse(&theirs).unwrap();
        let device = at(&mut theirs, &["documents", "0", "deviceSigned"]).clone();
        let ours = present(&wallet, &ASKED, &said(request, &assertion(world, &wallet)), &transcript);
        changed(&ours, &["documents", "0", "deviceSigned"], |ours| *ours = device)
    })
    .await;
    // A disclosed template is no secret of the device any more, and nobody asked for it either.
    fails(&world, "identity-selfie", &["query_satisfied", "selfie_reauth"], |world, request| {
        let said = said(request, &assertion(world, &wallet));
        let elements = [&ASKED[..], &[face_template::CLAIM]].concat();
        present(&wallet, &elements, &said, &request.session_transcript().unwrap())
    })
    .await;
    // An active check of liveness is demanded and only a passive one was made.
    let active = json!({"max_age": 60, "liveness": "active", "operating_point": "fmr-1e-3"});
    let (id, link) = world.ask(json!({"policy": "identity", "formats": "mso_mdoc", "selfie_reauth": active})).await;
    let request = world.open(&link).await;
    let said = said(&request, &assertion(&world, &wallet));
    let response = present(&wallet, &ASKED, &said, &request.session_transcript().unwrap());
    assert_eq!(respond(&world, &request, &response).await.status, 400);
    assert_eq!(outcomes(&world.result(&id).await)["selfie_reauth"], "fail");
}
