use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::example::{list_uri, now, world};
use crate::sd_jwt::{Claims, Registered, issue};
use crate::status::StatusReference;

fn credential() -> String {
    let world = world("inspect");
    let status = StatusReference { uri: list_uri(), idx: 7 };
    let claims = json!({ "name": "Anna", "place": { "town": "Zenith" }, "tags": ["a", "b"] });
    let Value::Object(claims) = claims else { unreachable!() };
    let registered = Registered {
        vct: "urn:example",
        issuer: None,
        issued_at: Some(now()),
        not_before: None,
        expires: None,
        holder_key: None,
        status: Some(&status),
    };
    let claims = Claims::new(claims).selective_throughout();
    issue(&claims, &registered, world.issuer(), &world.entropy).unwrap()
}

#[test]
fn every_disclosure_has_its_place() {
    let report = inspect(credential().as_bytes()).unwrap();
    assert_eq!(report["format"], "dc+sd-jwt");
    assert_eq!(report["type"], "urn:example");
    assert_eq!(report["header"]["alg"], "ES256");
    assert!(report["header"]["x5c"][0]["subject"].as_str().unwrap().contains("CN="));
    assert_eq!(report["validity"], json!({ "iat": now().to_string() }));
    assert_eq!(report["status"]["status_list"]["idx"], 7);
    assert_eq!(report["digests_without_disclosure"], 0);
    let mut paths: Vec<String> =
        report["disclosures"].as_array().unwrap().iter().map(|one| one["path"].to_string()).collect();
    paths.sort();
    assert_eq!(
        paths,
        [r#"["name"]"#, r#"["place","town"]"#, r#"["place"]"#, r#"["tags",0]"#, r#"["tags",1]"#, r#"["tags"]"#]
    );
    assert!(report.get("problems").is_none(), "{report}");
}

#[test]
fn what_does_not_fit_is_named() {
    let text = credential();
    let problems = |text: &str| inspect(text.as_bytes()).unwrap()["problems"].clone();
    let (jws, rest) = text.split_once('~').unwrap();
    let foreign = format!("{jws}~WyJzYWx0IiwiYSIsMV0~");
    assert!(problems(&foreign)[0].as_str().unwrap().contains("has no digest"), "{}", problems(&foreign));
    assert!(problems(&format!("{jws}~AAAA~"))[0].as_str().unwrap().contains("disclosure 0"));
    assert!(problems(&format!("x~{rest}"))[0].as_str().unwrap().contains("no JWS"));
    assert!(problems(&format!("{text}x"))[0].as_str().unwrap().contains("no JWS"));
    assert_eq!(inspect(b"hello"), Err(Error::Unknown));
    assert_eq!(inspect(&vec![b'a'; MAX_BYTES + 1]), Err(Error::TooLarge(MAX_BYTES + 1)));
}

#[test]
fn digests_that_occur_twice_do_not_lead_in_circles() {
    let text = credential();
    let (jws, rest) = text.split_once('~').unwrap();
    let first = rest.split('~').next().unwrap();
    assert!(inspect(format!("{jws}~{first}~{first}~").as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..4000_usize, byte in any::<u8>()) {
        let _ = inspect(&bytes);
        let mut mutated = credential().into_bytes();
        let at = at % mutated.len();
        mutated[at] = byte;
        let _ = inspect(&mutated);
    }
}
