//! The standards' own examples, where the shared data is at hand: they parse, and what is written back says the same.

use std::path::PathBuf;

use serde_json::{Value, json};
use warifu_keys::json::parse;

use crate::dcql::{self, Candidate, Query};
use crate::vci::credential::{CredentialRequest, CredentialResponse, Proofs, Wanted};
use crate::vci::metadata::{Configuration, IssuerMetadata};
use crate::vci::offer::{CredentialOffer, InputMode, OfferLink, Scheme};
use crate::vci::token::AuthorizationDetails;
use crate::vp::dc_api::{self, Content};
use crate::vp::request::ResponseMode;
use crate::vp::response::ErrorCode;

/// The text of a shared file; `None`, and a line about it, where the shared data is absent.
pub(crate) fn shared(test: &str, file: &str) -> Option<String> {
    let root = std::env::var_os("WARIFU_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    if !root.is_dir() {
        println!("skipped: {test}: shared data is absent");
        return None;
    }
    let path = root.join("vectors").join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn query(test: &str, file: &str) -> Option<Query> {
    let text = shared(test, &format!("openid4vp/{file}"))?;
    let query = Query::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(query.to_value(), parse(text.as_bytes()).unwrap(), "{file}");
    Some(query)
}

fn credential(format: &str, types: &[&str], claims: Value) -> Candidate {
    Candidate {
        id: types[0].to_owned(),
        format: format.to_owned(),
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        claims,
        holder_bound: true,
        ..Candidate::default()
    }
}

/// The identifiers of the queries that are answered.
fn answered(query: &Query, held: &[Candidate]) -> Option<Vec<String>> {
    Some(dcql::select(query, held).ok()?.answers.into_iter().map(|answer| answer.query_id).collect())
}

#[test]
fn dcql_examples() {
    const TEST: &str = "dcql_examples";
    let identity = "https://credentials.example.com/identity_credential";
    let Some(simple) = query(TEST, "query_lang/simple.json") else { return };
    let person = || json!({ "given_name": "John", "family_name": "Doe", "address": { "street_address": "1" }, "postal_code": "90210" });
    let held = |claims| [credential("dc+sd-jwt", &[identity], claims)];
    assert_eq!(answered(&simple, &held(person())).unwrap(), ["my_credential"]);
    assert_eq!(answered(&simple, &held(json!({ "given_name": "John" }))), None);

    let values = query(TEST, "query_lang/value_matching_simple.json").unwrap();
    assert_eq!(answered(&values, &held(person())).unwrap(), ["my_credential"]);
    let mut elsewhere = person();
    elsewhere["postal_code"] = json!("90212");
    assert_eq!(answered(&values, &held(elsewhere)), None);

    let claims = query(TEST, "query_lang/claims_alternatives.json").unwrap();
    let first =
        json!({ "family_name": "Doe", "locality": "x", "region": "y", "date_of_birth": "z", "postal_code": "1" });
    let second = json!({ "family_name": "Doe", "postal_code": "1", "date_of_birth": "z" });
    for (claims_held, disclosed) in [(first, 4), (second, 3)] {
        let selection = dcql::select(&claims, &held(claims_held)).unwrap();
        assert_eq!(selection.answers[0].choices[0].disclose.len(), disclosed);
    }

    let mdoc = query(TEST, "query_lang/simple_mdoc.json").unwrap();
    let vehicle = json!({ "org.iso.7367.1": { "vehicle_holder": "x" }, "org.iso.18013.5.1": { "given_name": "y" } });
    assert_eq!(
        answered(&mdoc, &[credential("mso_mdoc", &["org.iso.7367.1.mVRC"], vehicle)]).unwrap(),
        ["my_credential"]
    );

    for (file, format) in [("request/dcql_jwt_vc.json", "jwt_vc_json"), ("request/dcql_ldp_vc.json", "ldp_vc")] {
        let asked = query(TEST, file).unwrap();
        let address = json!({ "street_address": "1", "locality": "2", "postal_code": "3", "country": "4" });
        let subject = json!({ "family_name": "Doe", "given_name": "John", "birthdate": "5", "address": address });
        let held = credential(format, &["IDCredential"], json!({ "credentialSubject": subject }));
        assert_eq!(answered(&asked, &[held]).unwrap().len(), 1, "{file}");
    }
}

#[test]
fn dcql_examples_with_sets() {
    const TEST: &str = "dcql_examples_with_sets";
    let Some(asked) = query(TEST, "query_lang/credentials_alternatives.json") else { return };
    let name = || json!({ "given_name": "John", "family_name": "Doe", "address": { "street_address": "1" } });
    let sd_jwt = |vct: &str, claims| credential("dc+sd-jwt", &[vct], claims);
    let other = || sd_jwt("https://othercredentials.example/pid", name());
    let reduced = || sd_jwt("https://credentials.example.com/reduced_identity_credential", name());
    let residence = || {
        sd_jwt(
            "https://cred.example/residence_credential",
            json!({ "postal_code": "1", "locality": "2", "region": "3" }),
        )
    };
    let rewards = || sd_jwt("https://company.example/company_rewards", json!({ "rewards_number": 7 }));
    assert_eq!(answered(&asked, &[other()]).unwrap(), ["other_pid"]);
    assert_eq!(
        answered(&asked, &[reduced(), residence(), rewards()]).unwrap(),
        ["pid_reduced_cred_1", "pid_reduced_cred_2", "nice_to_have"]
    );
    assert_eq!(answered(&asked, &[reduced(), rewards()]), None);

    let asked = query(TEST, "query_lang/complex_mdoc.json").unwrap();
    let elements = || json!({ "org.iso.18013.5.1": { "given_name": "a", "family_name": "b", "portrait": "c" } });
    let photo = credential("mso_mdoc", &["org.iso.23220.photoid.1"], elements());
    assert_eq!(answered(&asked, &[photo]).unwrap(), ["photo_card-id"]);
    let mut licence = elements();
    licence["org.iso.18013.5.1"]["resident_address"] = json!("d");
    licence["org.iso.18013.5.1"]["resident_country"] = json!("e");
    let licence = credential("mso_mdoc", &["org.iso.18013.5.1.mDL"], licence);
    assert_eq!(answered(&asked, &[licence]).unwrap(), ["mdl-id", "mdl-address"]);

    let asked = query(TEST, "query_lang/multi_credentials.json").unwrap();
    let pid = || sd_jwt("https://credentials.example.com/identity_credential", name());
    let vehicle = json!({ "org.iso.7367.1": { "vehicle_holder": "x" }, "org.iso.18013.5.1": { "given_name": "y" } });
    let vehicle = credential("mso_mdoc", &["org.iso.7367.1.mVRC"], vehicle);
    assert_eq!(answered(&asked, &[vehicle, pid()]).unwrap(), ["pid", "mdl"]);
    assert_eq!(answered(&asked, &[pid()]), None);
}

#[test]
fn digital_credentials_api_examples() {
    const TEST: &str = "digital_credentials_api_examples";
    const QUERY: &str = r#"{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["t"]}}]}"#;
    for file in ["signed_request_payload", "signed_request_payload_compact"] {
        let Some(text) = shared(TEST, &format!("openid4vp/digital_credentials_api/{file}.json")) else { return };
        // The examples leave the query out, and what can be verified.
        let mut claims = parse(text.replace("{...}", QUERY).as_bytes()).unwrap();
        claims["client_metadata"]["vp_formats_supported"] = json!({ "dc+sd-jwt": {} });
        let content = Content::try_from(claims.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(content.nonce, "n-0S6_WzA2Mj");
        assert_eq!(content.expected_origins, ["https://origin1.example.com", "https://origin2.example.com"]);
        assert_eq!((content.response_mode(), content.encryption_key()), (ResponseMode::DcApi, None));
    }
    let text = shared(TEST, "openid4vp/digital_credentials_api/error_invalid_request.json").unwrap();
    assert_eq!(parse(text.as_bytes()).unwrap(), dc_api::holder::refusal(ErrorCode::InvalidRequest));
}

#[test]
fn credential_offers() {
    const TEST: &str = "credential_offers";
    let files = [
        "credential_offer_by_reference.json",
        "credential_offer_multiple_credentials.json",
        "credential_offer_pre-authz_code.json",
    ];
    for file in files {
        let Some(text) = shared(TEST, &format!("openid4vci/examples/{file}")) else { return };
        let offer = CredentialOffer::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(offer.pre_authorized_code().unwrap().tx_code.is_some(), "{file}");
        assert_eq!(parse(offer.to_json().as_bytes()), parse(text.as_bytes()), "{file}");
        let link = OfferLink::ByValue(offer);
        assert_eq!(OfferLink::parse(&link.to_uri(Scheme::OpenidCredentialOffer)).unwrap(), link);
    }
    let text = shared(TEST, "openid4vci/examples/credential_offer_authz_code.txt").unwrap();
    let (_, body) = text.split_once("\n\n").unwrap();
    let offer = CredentialOffer::parse(body.as_bytes()).unwrap();
    assert!(offer.pre_authorized_code().is_none());
    assert!(offer.grants.unwrap().authorization_code.unwrap().issuer_state.is_some());

    let text = shared(TEST, "openid4vci/spec/offer-4.1.1-pre-authorized.json").unwrap();
    let offer = CredentialOffer::parse(parse(text.as_bytes()).unwrap()["offer"].to_string().as_bytes()).unwrap();
    let tx_code = offer.pre_authorized_code().unwrap().tx_code.clone().unwrap();
    assert_eq!((tx_code.length, tx_code.input_mode), (Some(4), Some(InputMode::Numeric)));
}

#[test]
fn issuer_metadata() {
    const TEST: &str = "issuer_metadata";
    let Some(text) = shared(TEST, "openid4vci/examples/credential_issuer_metadata_sd_jwt_long.json") else { return };
    let value = parse(text.as_bytes()).unwrap();
    let metadata: IssuerMetadata = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&metadata).unwrap(), value);
    assert_eq!((metadata.batch_size(), metadata.demands_encryption()), (10, true));
    let text = shared(TEST, "openid4vci/spec/issuer-metadata-11.2.3.json").unwrap();
    let value = parse(text.as_bytes()).unwrap()["metadata"].clone();
    let metadata: IssuerMetadata = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&metadata).unwrap(), value);
    // Two of the examples name binding methods and no proof types.
    for (file, proof) in [("sd_jwt_vc", true), ("mso_mdoc", false), ("jwt_vc_json", true), ("ldp_vc", false)] {
        let text = shared(TEST, &format!("openid4vci/examples/credential_metadata_{file}.json")).unwrap();
        let value = parse(text.as_bytes()).unwrap();
        for (id, value) in value["credential_configurations_supported"].as_object().unwrap() {
            let configuration: Configuration = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(configuration.needs_proof(), proof, "{file} {id}");
            assert_eq!(serde_json::to_value(&configuration).unwrap(), *value, "{file} {id}");
        }
    }
}

#[test]
fn credential_messages() {
    const TEST: &str = "credential_messages";
    let request = |file: &str| {
        let text = shared(TEST, &format!("openid4vci/spec/{file}"))?;
        Some(CredentialRequest::parse(parse(text.as_bytes()).unwrap()["request"].to_string().as_bytes()).unwrap())
    };
    let Some(mdl) = request("request-8.2-mdl-jwt-proof.json") else { return };
    assert_eq!(mdl.wanted, Wanted::Configuration("org.iso.18013.5.1.mDL".to_owned()));
    let two = request("request-8.2-degree-two-jwt-proofs.json").unwrap();
    assert_eq!(two.wanted, Wanted::Identifier("CivilEngineeringDegree-2023".to_owned()));
    assert!(matches!(&two.proofs, Some(Proofs::Jwt(list)) if list.len() == 2));
    let integrity = request("request-8.2-degree-di-vp-proof.json").unwrap();
    assert_eq!(integrity.proofs, Some(Proofs::Other("di_vp".to_owned())));
    // The example of a draft before the final standard names neither configuration nor identifier.
    let draft = shared(TEST, "openid4vci/examples/credential_request_iso_mdl.json").unwrap();
    assert!(CredentialRequest::parse(draft.as_bytes()).is_err());

    let details = shared(TEST, "openid4vci/examples/authorization_details_multiple_credentials.json").unwrap();
    let details: Vec<AuthorizationDetails> = serde_json::from_str(&details).unwrap();
    assert_eq!(details.len(), 2);

    for (file, credentials) in [("sd_jwt_vc", 1), ("mso_mdoc", 1), ("ldp_vc", 1)] {
        let text = shared(TEST, &format!("openid4vci/examples/credential_response_{file}.txt")).unwrap();
        let (_, body) = text.split_once("\n\n").unwrap();
        // Long texts are wrapped for print.
        let body: String = body.lines().map(str::trim).collect();
        match CredentialResponse::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}")) {
            CredentialResponse::Issued(issued) => assert_eq!(issued.credentials.len(), credentials, "{file}"),
            CredentialResponse::Deferred { .. } => panic!("{file}"),
        }
    }
}
