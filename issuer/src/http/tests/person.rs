//! The hosted flow, as people and their browsers call it; with real models and pictures where they are installed.

use std::path::PathBuf;

use warifu_models::face;
use warifu_models::picture::{Limits, Picture};
use warifu_models::specimen::head_and_shoulders;

use super::*;
use crate::kyc::workflow::Workflow;

/// The folder of shared test data, or `None` where it is absent.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("WARIFU_SHARED").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    folder.join("faces").is_dir().then_some(folder)
}

struct Pictures {
    folder: PathBuf,
    world: World,
}

impl Pictures {
    fn of(test: &str) -> Option<Self> {
        let Some(folder) = shared() else {
            println!("skipped: {test}: shared data is absent");
            return None;
        };
        World::with_models(test).map(|world| Self { folder, world })
    }

    fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(path)).unwrap()
    }

    fn picture(&self, path: &str) -> Picture {
        Picture::decode(&self.read(path), &Limits::default()).unwrap()
    }

    /// A specimen passport with this person's portrait in its window (left, top, right, bottom).
    fn passport(&self, page: &str, window: [u32; 4], portrait: &str) -> Vec<u8> {
        let [left, top, right, bottom] = window;
        let person = self.picture(portrait);
        let found = face::read_largest(&self.world.issuer.models, &person).unwrap();
        let head = head_and_shoulders(&person, [found.points[0], found.points[1]]);
        let mut page = self.picture(&format!("documents/synthetic/{page}"));
        page.paste(&head.resize(right - left, bottom - top), left, top);
        page.encode_jpeg(92).unwrap()
    }

    /// A good one, in force until 2030.
    fn good(&self, portrait: &str) -> Vec<u8> {
        self.passport("uto-td3-003.jpg", [182, 203, 514, 622], portrait)
    }
}

fn codes(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let problems = body["problems"].as_array().unwrap_or_else(|| panic!("{} {body}", answer.status));
    problems.iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn uploads_that_are_no_pictures() {
    let world = World::new();
    let (_, token) = world.session().await;
    let noise = Picture::filled(64, 64, [90, 120, 60]);
    let mut truncated = noise.encode_jpeg(90).unwrap();
    truncated.truncate(truncated.len() / 2);
    let mut large = noise.encode_jpeg(90).unwrap();
    large.resize(30_000_000, 0);
    let huge = png_header(20_000, 20_000);
    let rows: [(&str, Vec<u8>, u16, &str); 7] = [
        ("empty", Vec::new(), 422, "picture-empty"),
        ("text", b"hello, this is no picture".to_vec(), 415, "picture-unknown"),
        ("PDF", b"%PDF-1.7 and so on".to_vec(), 415, "picture-unknown"),
        ("30 MB", large, 422, "picture-too-large"),
        ("20,000 x 20,000", huge, 422, "picture-too-many-pixels"),
        ("truncated", truncated, 422, "picture-damaged"),
        ("GIF", b"GIF89a\x01\x00\x01\x00".to_vec(), 415, "picture-unknown"),
    ];
    let mut tries_left = None;
    for (name, picture, status, code) in rows {
        let answer = world.upload(&token, "document", picture).await;
        assert_eq!((answer.status, codes(&answer)), (status, vec![code.to_owned()]), "{name}");
        assert_eq!(answer.json()["next"], "document", "{name}");
        assert_eq!(answer.json()["accepted"], false, "{name}");
        let left = answer.json()["tries_left"].as_u64();
        assert!(tries_left.is_none() || left < tries_left, "{name}");
        tries_left = left;
    }
    // Out of turn, unknown, and too often: named, and never a failure of ours.
    assert_eq!(world.upload(&token, "selfie", noise.encode_jpeg(90).unwrap()).await.status, 400);
    assert_eq!(world.upload("unknown", "document", Vec::new()).await.status, 404);
    for _ in 0..20 {
        world.upload(&token, "document", Vec::new()).await;
    }
    let answer = world.upload(&token, "document", Vec::new()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (429, &json!("too_many_tries")));
    world.hands.step(Duration::from_secs(8 * 86_400));
    let answer = world.upload(&token, "document", Vec::new()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (410, &json!("session_over")));
}

/// A PNG whose header announces this size.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = Picture::filled(1, 1, [0; 3]).encode_png().unwrap();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    // CRC-32 of the chunk's type and data (PNG, third edition, section 5.5).
    let crc = png[12..29].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

#[tokio::test]
async fn pages_without_scripts() {
    let world = World::new();
    let (_, token) = world.session().await;
    for lang in ["en", "ja"] {
        let page = world.get(&format!("/{lang}/session/{token}")).await;
        assert_eq!(page.status, 200);
        assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert!(page.text().contains("?step=document"), "{lang}");
        let page = world.get(&format!("/{lang}/session/{token}?step=document&note=mrz-not-seen")).await;
        assert!(page.text().contains("type=\"file\"") && page.text().contains("mrz-not-seen"), "{lang}");
    }
    let (_, token) = world.approved().await;
    let page = world.get(&format!("/en/session/{token}")).await.text();
    assert!(
        page.contains("openid-credential-offer://") && page.contains("tx-code") && page.contains("ERIKSSON"),
        "{page}"
    );
    // Loading it again shows the same offer; asking for a new one shows another.
    let link = |page: &str| page.split("id=\"offer-link\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(link(&world.get(&format!("/en/session/{token}")).await.text()), link(&page));
    assert_ne!(link(&world.get(&format!("/en/session/{token}?step=offer")).await.text()), link(&page));
    let state = world.get(&format!("/session/{token}/state")).await.json();
    assert_eq!((&state["status"], &state["state"]), (&json!("Approved"), &json!("waiting")));
    assert_eq!(world.get("/en/session/unknown").await.status, 404);
    assert_eq!(world.get("/xx/session/unknown").await.status, 404);
    // What to do is the text; the code stands small below it.
    let refused = world.get("/en/session/unknown").await.text();
    assert!(refused.contains("<p>Check that you copied all of it, or ask for a new one.</p>"), "{refused}");
    assert!(refused.contains("<code>no_such_session "), "{refused}");
    assert_eq!(world.get("/").await.status, 200);
    let form = "--B\r\ncontent-disposition: form-data; name=\"image\"; filename=\"\"\r\n\r\n\r\n--B--\r\n";
    let (_, token) = world.session().await;
    let request = Request::post(format!("/session/{token}/document?lang=ja")).header("accept", "text/html");
    let answer = world
        .send(request.header("content-type", "multipart/form-data; boundary=B").body(Body::from(form)).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER.as_u16());
    assert_eq!(answer.headers["location"], format!("/ja/session/{token}?step=document&note=picture-empty"));
    let request = Request::post(format!("/session/{token}/document")).header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, 403);
}

#[tokio::test]
async fn the_same_person_is_approved() {
    let Some(pictures) = Pictures::of("the_same_person_is_approved") else { return };
    let world = &pictures.world;
    let (id, token) = world.session().await;
    let begun = std::time::Instant::now();
    let answer = world.upload(&token, "document", pictures.good("faces/p01_1.jpg")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    println!("document: {} ms, {}", begun.elapsed().as_millis(), answer.text());
    assert_eq!((&answer.json()["next"], &answer.json()["status"]), (&json!("selfie"), &json!("In Progress")));
    let begun = std::time::Instant::now();
    let answer = world.upload(&token, "selfie", pictures.read("faces/p01_2.jpg")).await;
    println!("selfie: {} ms", begun.elapsed().as_millis());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let decision = world.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json();
    let signals = decision["signals"].as_array().unwrap();
    for signal in signals {
        println!("{} {} {} ({})", signal["name"], signal["outcome"], signal["value"], signal["threshold"]);
    }
    let needed = CheckName::ALL.iter().filter(|name| Workflow::sandbox().needs(**name));
    assert_eq!(signals.len(), needed.count());
    assert_eq!(decision["id_verifications"][0]["date_of_birth"], "1949-05-17");
    assert_eq!(decision["id_verifications"][0]["document_number"], "XPQD72U9K");
    let outcome = |name: &str| signals.iter().find(|signal| signal["name"] == name).unwrap()["outcome"].clone();
    assert_eq!(outcome("face_match"), "pass");
    // The picture may be sent to a person for its zone or for liveness, but is never declined.
    assert_eq!(outcome("selfie_capture"), "not_run", "a file says nothing about where it comes from");
    let noted = [json!("document_issuer"), json!("selfie_capture")];
    let clean = signals.iter().all(|signal| signal["outcome"] == "pass" || noted.contains(&signal["name"]));
    assert_eq!(decision["status"], if clean { "Approved" } else { "In Review" }, "{}", decision["causes"]);
    let (id, token) = (id, token);
    let stored = world.issuer.sessions().load(&id).await.unwrap().unwrap().value;
    assert!(!serde_json::to_string(&stored).unwrap().contains("XPQD72U9K"));
    assert_eq!(world.get(&format!("/ja/session/{token}")).await.status, 200);
}

#[tokio::test]
async fn another_person_is_never_approved() {
    let Some(pictures) = Pictures::of("another_person_is_never_approved") else { return };
    let world = &pictures.world;
    for (portrait, selfie) in [("p01_1", "p04_1"), ("p12_1", "p13_1"), ("p04_2", "p14_1")] {
        let (id, token) = world.session().await;
        let answer = world.upload(&token, "document", pictures.good(&format!("faces/{portrait}.jpg"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = world.upload(&token, "selfie", pictures.read(&format!("faces/{selfie}.jpg"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let status = answer.json()["status"].as_str().unwrap().to_owned();
        assert!(["Declined", "In Review"].contains(&status.as_str()), "{portrait} {selfie}: {status}");
        assert_eq!(world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status, 400);
        let page = world.get(&format!("/en/session/{token}")).await.text();
        assert!(!page.contains("openid-credential-offer:"), "{portrait} {selfie}");
    }
}

#[tokio::test]
async fn what_another_picture_can_mend() {
    let Some(pictures) = Pictures::of("what_another_picture_can_mend") else { return };
    let world = &pictures.world;
    let (_, token) = world.session().await;
    let check = async |name: &str, what: &str, picture: Vec<u8>, code: &str, next: &str| {
        let answer = world.upload(&token, what, picture).await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        assert!(codes(&answer).contains(&code.to_owned()), "{name}: {}", answer.text());
        assert_eq!(answer.json()["next"], next, "{name}");
    };
    let grey = Picture::filled(1200, 900, [128, 130, 126]).encode_jpeg(90).unwrap();
    check("nothing on it", "document", grey.clone(), "document-not-seen", "document").await;
    check("a face and no document", "document", pictures.read("faces/p01_1.jpg"), "mrz-not-seen", "document").await;
    let window = [47, 129, 424, 625];
    let expired = pictures.passport("uto-td3-000.jpg", window, "faces/p01_1.jpg");
    check("expired", "document", expired, "document-expired", "document").await;
    let mut faceless = pictures.picture("documents/synthetic/uto-td3-003.jpg");
    faceless.paste(&Picture::filled(360, 450, [200, 200, 205]), 170, 190);
    check("no portrait", "document", faceless.encode_jpeg(92).unwrap(), "portrait-not-seen", "document").await;

    let answer = world.upload(&token, "document", pictures.good("faces/p01_1.jpg")).await;
    assert_eq!((answer.status, &answer.json()["next"]), (200, &json!("selfie")), "{}", answer.text());
    check("no face", "selfie", grey, "no-face", "selfie").await;
    let one = pictures.picture("faces/p01_2.jpg");
    let mut two = Picture::filled(one.width() * 2, one.height(), [90, 90, 90]);
    two.paste(&one, 0, 0);
    two.paste(&one, one.width(), 0);
    check("two faces", "selfie", two.encode_jpeg(92).unwrap(), "several-faces", "selfie").await;
    let small = one.resize(one.width() / 12, one.height() / 12);
    let mut far = Picture::filled(one.width() / 3, one.height() / 3, [90, 90, 90]);
    far.paste(&small, 30, 30);
    let answer = world.upload(&token, "selfie", far.encode_jpeg(95).unwrap()).await;
    assert_eq!(answer.status, 422, "far away: {}", answer.text());
}

#[tokio::test]
async fn a_wrong_check_digit_is_never_approved() {
    let Some(pictures) = Pictures::of("a_wrong_check_digit_is_never_approved") else { return };
    let world = &pictures.world;
    let (id, token) = world.session().await;
    let document = pictures.passport("uto-td3-012.jpg", [47, 129, 424, 625], "faces/p01_1.jpg");
    let answer = world.upload(&token, "document", document).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(codes(&answer).iter().any(|code| code.starts_with("digits-")), "{}", answer.text());
    let page = world.get(&format!("/en/session/{token}?step=selfie&note=digits-wrong")).await.text();
    assert!(page.contains("?step=again"));
    world.upload(&token, "selfie", pictures.read("faces/p01_2.jpg")).await;
    let decision = world.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json();
    assert_eq!(decision["status"], "In Review", "{}", decision["causes"]);
    let risks: Vec<_> =
        decision["id_verifications"][0]["warnings"].as_array().unwrap().iter().map(|w| w["risk"].clone()).collect();
    assert!(risks.contains(&json!("MRZ_VALIDATION_FAILED")), "{risks:?}");
}
