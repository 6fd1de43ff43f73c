//! Examples of RFC 9901 that are plain SD-JWTs: another `typ`, no `vct`. They can not pass through the public door, so
//! they are held against what lies behind it. Those that are SD-JWT VCs stand with the other standards' vectors.

use super::*;
use crate::sd_jwt::disclosure::{read, unpack};
use crate::sd_jwt::json_form::to_compact;

/// Issuer key of the examples (appendix A.5).
fn issuer() -> PublicKey {
    Jwk::from_value(&json!({ "kty": "EC", "crv": "P-256",
        "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ", "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8" }))
    .unwrap()
    .public_key()
    .unwrap()
}

/// Holder key of the examples.
fn holder() -> PublicKey {
    Jwk::from_value(&holder_jwk()).unwrap().public_key().unwrap()
}

fn holder_jwk() -> Value {
    json!({ "kty": "EC", "crv": "P-256",
        "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc", "y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ" })
}

/// Signature, disclosures and `sd_hash` of an example; its type is not ours and it has no `vct`.
#[track_caller]
fn check(text: &str, expected: Value) -> Unopened {
    let (unopened, _) = Unopened::parse(text).unwrap();
    assert!(matches!(unopened.jws.expect_typ(TYP), Err(JwsError::Type { .. })));
    let payload = unopened.jws.verify_claims(&issuer()).unwrap();
    let unpacked = unpack(payload, unopened.sd_jwt.disclosures(), unopened.contents.clone()).unwrap();
    assert_eq!(Value::Object(unpacked.claims), expected);
    assert_eq!(unpacked.places.len(), unopened.sd_jwt.disclosures().count());
    unopened
}

/// The key binding JWT after the last `~`.
#[track_caller]
fn check_bound(text: &str, unopened: &Unopened) {
    let jws = Unverified::parse(text.rsplit_once('~').unwrap().1).unwrap();
    let at = Timestamp::from_second(1_748_536_865).unwrap();
    let rules = KeyBindingRules { audience: "https://verifier.example.org", nonce: "1234567890", ..rules() };
    crate::sd_jwt::key_binding::check(&jws, &holder(), &unopened.sd_jwt, at, &rules).unwrap();
}

#[test]
fn section_5_2_presentation_with_key_binding() {
    let unopened = check(
        SECTION_5_2,
        json!({
            "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000, "sub": "user_42",
            "nationalities": ["US"], "cnf": { "jwk": holder_jwk() }, "family_name": "Doe", "given_name": "John",
            "address": { "street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US" },
        }),
    );
    assert_eq!(unopened.sd_jwt.sd_hash(), "fMV05vuMARs3uG0Dg0BYd_7mQR9EGBkRof0cTZyuqXE");
    check_bound(SECTION_5_2, &unopened);
    assert!(matches!(Received::parse(SECTION_5_2), Err(Error::KeyBindingFromIssuer)));
    let refused = Presentation::parse(SECTION_5_2).unwrap().authenticate(&[], now(), &rules());
    assert!(matches!(refused, Err(Error::Jws(JwsError::Type { .. }))));
}

/// The digests of section 6.3: an object whose members have disclosures of their own.
#[test]
fn section_6_3_recursive_disclosures() {
    let payload = json!({ "_sd": ["HvrKX6fPV0v9K_yCVFBiLFHsMaxcD_114Em6VT8x1lg"], "_sd_alg": "sha-256" });
    let opened = |texts: &[&str]| {
        let contents = texts.iter().enumerate().map(|(at, text)| read(at, text)).collect::<Result<_, _>>()?;
        unpack(payload.as_object().unwrap().clone(), texts.iter().copied(), contents)
    };
    let all = opened(&SECTION_6_3).unwrap();
    let address = json!({ "street_address": "Schulstr. 12", "locality": "Schulpforta", "region": "Sachsen-Anhalt",
        "country": "DE" });
    assert_eq!(all.claims["address"], address);
    let country = opened(&SECTION_6_3[3..]).unwrap();
    assert_eq!(Value::Object(country.claims), json!({ "address": { "country": "DE" } }));
    // A member without the object that it belongs to.
    assert!(matches!(opened(&SECTION_6_3[..1]), Err(Error::UnreferencedDisclosure { at: 0 })));
}

#[test]
fn section_8_2_json_form() {
    let json = json!({"header": {"disclosures": SECTION_8_2.disclosures, "kb_jwt": SECTION_8_2.kb_jwt}, "payload": SECTION_8_2.payload, "protected": SECTION_8_2.protected, "signature": SECTION_8_2.signature}).to_string();
    let text = to_compact(json.as_bytes()).unwrap();
    let unopened = check(
        &text,
        json!({
            "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000,
            "cnf": { "jwk": holder_jwk() }, "family_name": "Doe", "given_name": "John",
        }),
    );
    assert_eq!(unopened.sd_jwt.sd_hash(), "I2Mcv0qJlB0swb9M9dtZKFKdqAw9UCPr906BwSxGpxw");
    check_bound(&text, &unopened);
}

/// Decoys on two levels.
#[test]
fn appendix_a_1_with_decoys() {
    let claims = json!({
        "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000,
        "address": { "region": "港区", "country": "JP" },
    });
    check(APPENDIX_A_1, claims);
}

/// Disclosures inside array entries inside objects.
#[test]
fn appendix_a_2_complex() {
    let claims = json!({
        "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000,
        "verified_claims": {
            "verification": {
                "trust_framework": "de_aml", "evidence": [{ "method": "pipp" }], "time": "2012-04-23T18:25Z",
            },
            "claims": {
                "given_name": "Max", "family_name": "Müller",
                "address": { "locality": "Maxstadt", "postal_code": "12344", "country": "DE",
                    "street_address": "Weidenstraße 22" },
            },
        },
    });
    check(APPENDIX_A_2, claims);
}

/// Checked digests of section 5.1.
#[test]
fn section_5_1_digests() {
    for (text, expected) in [
        (
            "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
        ),
        ("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0", "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"),
    ] {
        assert_eq!(digest(HashAlgorithm::Sha256, text), expected);
    }
}

const SECTION_5_2: &str = "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0.eyJfc2QiOiBbIkNyUWU3UzVrcUJBSHQtbk1ZWGdjNmJk\
    dDJTSDVhVFkxc1VfTS1QZ2tqUEkiLCAiSnpZakg0c3ZsaUgwUjNQeUVNZmVadTZKdDY5dTVxZWhabzdGN0VQWWxTRSIsICJQb3JG\
    YnBLdVZ1Nnh5bUphZ3ZrRnNGWEFiUm9jMkpHbEFVQTJCQTRvN2NJIiwgIlRHZjRvTGJnd2Q1SlFhSHlLVlFaVTlVZEdFMHc1cnRE\
    c3JaemZVYW9tTG8iLCAiWFFfM2tQS3QxWHlYN0tBTmtxVlI2eVoyVmE1TnJQSXZQWWJ5TXZSS0JNTSIsICJYekZyendzY002R242\
    Q0pEYzZ2Vks4QmtNbmZHOHZPU0tmcFBJWmRBZmRFIiwgImdiT3NJNEVkcTJ4Mkt3LXc1d1BFemFrb2I5aFYxY1JEMEFUTjNvUUw5\
    Sk0iLCAianN1OXlWdWx3UVFsaEZsTV8zSmx6TWFTRnpnbGhRRzBEcGZheVF3TFVLNCJdLCAiaXNzIjogImh0dHBzOi8vaXNzdWVy\
    LmV4YW1wbGUuY29tIiwgImlhdCI6IDE2ODMwMDAwMDAsICJleHAiOiAxODgzMDAwMDAwLCAic3ViIjogInVzZXJfNDIiLCAibmF0\
    aW9uYWxpdGllcyI6IFt7Ii4uLiI6ICJwRm5kamtaX1ZDem15VGE2VWpsWm8zZGgta284YUlLUWM5RGxHemhhVllvIn0sIHsiLi4u\
    IjogIjdDZjZKa1B1ZHJ5M2xjYndIZ2VaOGtoQXYxVTFPU2xlclAwVmtCSnJXWjAifV0sICJfc2RfYWxnIjogInNoYS0yNTYiLCAi\
    Y25mIjogeyJqd2siOiB7Imt0eSI6ICJFQyIsICJjcnYiOiAiUC0yNTYiLCAieCI6ICJUQ0FFUjE5WnZ1M09IRjRqNFc0dmZTVm9I\
    SVAxSUxpbERsczd2Q2VHZW1jIiwgInkiOiAiWnhqaVdXYlpNUUdIVldLVlE0aGJTSWlyc1ZmdWVjQ0U2dDRqVDlGMkhaUSJ9fX0.\
    xJUoRLl1sVRxz57ralck9kBWbzbq0soK6dQ5liBXuge3IY8vVYq2xi1tywYwvlRTtPIM2A-XDzyta-SaJLhexQ~WyJlbHVWNU9nM\
    2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd~WyJBSngtMDk1VlBycFR0TjRRTU9xUk9BIiwgImFkZHJlc3Mi\
    LCB7InN0cmVldF9hZGRyZXNzIjogIjEyMyBNYWluIFN0IiwgImxvY2FsaXR5IjogIkFueXRvd24iLCAicmVnaW9uIjogIkFueXN0\
    YXRlIiwgImNvdW50cnkiOiAiVVMifV0~WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd~WyJ\
    sa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0~eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImtiK2p3dCJ9.eyJub25jZSI6IC\
    IxMjM0NTY3ODkwIiwgImF1ZCI6ICJodHRwczovL3ZlcmlmaWVyLmV4YW1wbGUub3JnIiwgImlhdCI6IDE3NDg1MzY4NjUsICJzZF\
    9oYXNoIjogImZNVjA1dnVNQVJzM3VHMERnMEJZZF83bVFSOUVHQmtSb2YwY1RaeXVxWEUifQ.76YniH11s4EDLnqNXKzYtIU1yXE\
    BNzY8wfTd1QkpKzcJ0JY_KXbURL8qQBJA7xpZiA8vXYrlpPpd4yfHJTfhQA";

const SECTION_6_3: [&str; 5] = [
    "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgInN0cmVldF9hZGRyZXNzIiwgIlNjaHVsc3RyLiAxMiJd",
    "WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImxvY2FsaXR5IiwgIlNjaHVscGZvcnRhIl0",
    "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgInJlZ2lvbiIsICJTYWNoc2VuLUFuaGFsdCJd",
    "WyJlSThaV205UW5LUHBOUGVOZW5IZGhRIiwgImNvdW50cnkiLCAiREUiXQ",
    "WyJRZ19PNjR6cUF4ZTQxMmExMDhpcm9BIiwgImFkZHJlc3MiLCB7Il9zZCI6IFsiNnZoOWJxLXpTNEdLTV83R3BnZ1ZiWXp6dTZv\
    T0dYcm1OVkdQSFA3NVVkMCIsICI5Z2pWdVh0ZEZST0NnUnJ0TmNHVVhtRjY1cmRlemlfNkVyX2o3NmttWXlNIiwgIktVUkRQaDRa\
    QzE5LTN0aXotRGYzOVY4ZWlkeTFvVjNhM0gxRGEyTjBnODgiLCAiV045cjlkQ0JKOEhUQ3NTMmpLQVN4VGpFeVc1bTV4NjVfWl8y\
    cm8yamZYTSJdfV0",
];

struct JsonForm {
    disclosures: [&'static str; 2],
    kb_jwt: &'static str,
    payload: &'static str,
    protected: &'static str,
    signature: &'static str,
}

const SECTION_8_2: JsonForm = JsonForm {
    disclosures: [
        "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd",
        "WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
    ],
    kb_jwt: "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImtiK2p3dCJ9.eyJub25jZSI6ICIxMjM0NTY3ODkwIiwgImF1ZCI6ICJodHRwczovL3Z\
    lcmlmaWVyLmV4YW1wbGUub3JnIiwgImlhdCI6IDE3NDg1MzY4NjUsICJzZF9oYXNoIjogIkkyTWN2MHFKbEIwc3diOU05ZHRaS0Z\
    LZHFBdzlVQ1ByOTA2QndTeEdweHcifQ.CTQ2n8JhDX6kNZ3FJjUHrvHDhnY-mDhaHXDKvOSKfrj_md-WzVEjJpCA7J_KQKQnxHHa\
    WM8LeJVOzJxaRN9Wmg",
    payload: "eyJfc2QiOiBbIjRIQm42YUlZM1d0dUdHV1R4LXFVajZjZGs2V0JwWnlnbHRkRmF2UGE3TFkiLCAiOHNtMVFDZjAyMXBObkhBQ0k1\
    c1A0bTRLWmd5Tk9PQVljVGo5SE5hQzF3WSIsICJjZ0ZkaHFQbzgzeFlObEpmYWNhQ2FhN3VQOVJDUjUwVkU1UjRMQVE5aXFVIiwg\
    ImpNQ1hWei0tOWI4eDM3WWNvRGZYUWluencxd1pjY2NmRlJCQ0ZHcWRHMm8iXSwgImlzcyI6ICJodHRwczovL2lzc3Vlci5leGFt\
    cGxlLmNvbSIsICJpYXQiOiAxNjgzMDAwMDAwLCAiZXhwIjogMTg4MzAwMDAwMCwgIl9zZF9hbGciOiAic2hhLTI1NiIsICJjbmYi\
    OiB7Imp3ayI6IHsia3R5IjogIkVDIiwgImNydiI6ICJQLTI1NiIsICJ4IjogIlRDQUVSMTladnUzT0hGNGo0VzR2ZlNWb0hJUDFJ\
    TGlsRGxzN3ZDZUdlbWMiLCAieSI6ICJaeGppV1diWk1RR0hWV0tWUTRoYlNJaXJzVmZ1ZWNDRTZ0NGpUOUYySFpRIn19fQ",
    protected: "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0",
    signature: "d-0d8Zgqe9uc9LxZ5Fszge_pW9v1wUZ8kRCZLKqg4jT7zOnrOFj9CKd-4xOa1iCxYIRBHPOliuLPoGafF3ot3w",
};

const APPENDIX_A_1: &str = "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0.eyJfc2QiOiBbIkM5aW5wNllvUmFFWFI0Mjd6WUpQN1Fy\
    azFXSF84YmR3T0FfWVVyVW5HUVUiLCAiS3VldDF5QWEwSElRdlluT1ZkNTloY1ZpTzlVZzZKMmtTZnFZUkJlb3d2RSIsICJNTWxk\
    T0ZGekIyZDB1bWxtcFRJYUdlcmhXZFVfUHBZZkx2S2hoX2ZfOWFZIiwgIlg2WkFZT0lJMnZQTjQwVjd4RXhad1Z3ejd5Um1MTmNW\
    d3Q1REw4Ukx2NGciLCAiWTM0em1JbzBRTExPdGRNcFhHd2pCZ0x2cjE3eUVoaFlUMEZHb2ZSLWFJRSIsICJmeUdwMFdUd3dQdjJK\
    RFFsbjFsU2lhZW9iWnNNV0ExMGJRNTk4OS05RFRzIiwgIm9tbUZBaWNWVDhMR0hDQjB1eXd4N2ZZdW8zTUhZS08xNWN6LVJaRVlN\
    NVEiLCAiczBCS1lzTFd4UVFlVTh0VmxsdE03TUtzSVJUckVJYTFQa0ptcXhCQmY1VSJdLCAiaXNzIjogImh0dHBzOi8vaXNzdWVy\
    LmV4YW1wbGUuY29tIiwgImlhdCI6IDE2ODMwMDAwMDAsICJleHAiOiAxODgzMDAwMDAwLCAiYWRkcmVzcyI6IHsiX3NkIjogWyI2\
    YVVoelloWjdTSjFrVm1hZ1FBTzN1MkVUTjJDQzFhSGhlWnBLbmFGMF9FIiwgIkF6TGxGb2JrSjJ4aWF1cFJFUHlvSnotOS1OU2xk\
    QjZDZ2pyN2ZVeW9IemciLCAiUHp6Y1Z1MHFiTXVCR1NqdWxmZXd6a2VzRDl6dXRPRXhuNUVXTndrclEtayIsICJiMkRrdzBqY0lG\
    OXJHZzhfUEY4WmN2bmNXN3p3Wmo1cnlCV3ZYZnJwemVrIiwgImNQWUpISVo4VnUtZjlDQ3lWdWIyVWZnRWs4anZ2WGV6d0sxcF9K\
    bmVlWFEiLCAiZ2xUM2hyU1U3ZlNXZ3dGNVVEWm1Xd0JUdzMyZ25VbGRJaGk4aEdWQ2FWNCIsICJydkpkNmlxNlQ1ZWptc0JNb0d3\
    dU5YaDlxQUFGQVRBY2k0MG9pZEVlVnNBIiwgInVOSG9XWWhYc1poVkpDTkUyRHF5LXpxdDd0NjlnSkt5NVFhRnY3R3JNWDQiXX0s\
    ICJfc2RfYWxnIjogInNoYS0yNTYifQ.oJdAsPFk47txJvbiGPxFpMHxY3y_-f2RqT_3BqCdb82f2ZI9vuDNQzhwyXHDudbdM6hls\
    eqpyGRRyiky6DXlSA~WyJHMDJOU3JRZmpGWFE3SW8wOXN5YWpBIiwgInJlZ2lvbiIsICJcdTZlMmZcdTUzM2EiXQ~WyJsa2x4RjV\
    qTVlsR1RQVW92TU5JdkNBIiwgImNvdW50cnkiLCAiSlAiXQ~";

const APPENDIX_A_2: &str = "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0.eyJfc2QiOiBbIi1hU3puSWQ5bVdNOG9jdVFvbENsbHN4\
    VmdncTEtdkhXNE90bmhVdFZtV3ciLCAiSUticllObjN2QTdXRUZyeXN2YmRCSmpERFVfRXZRSXIwVzE4dlRScFVTZyIsICJvdGt4\
    dVQxNG5CaXd6TkozTVBhT2l0T2w5cFZuWE9hRUhhbF94a3lOZktJIl0sICJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS5j\
    b20iLCAiaWF0IjogMTY4MzAwMDAwMCwgImV4cCI6IDE4ODMwMDAwMDAsICJ2ZXJpZmllZF9jbGFpbXMiOiB7InZlcmlmaWNhdGlv\
    biI6IHsiX3NkIjogWyI3aDRVRTlxU2N2REtvZFhWQ3VvS2ZLQkpwVkJmWE1GX1RtQUdWYVplM1NjIiwgInZUd2UzcmFISUZZZ0ZB\
    M3hhVUQyYU14Rno1b0RvOGlCdTA1cUtsT2c5THciXSwgInRydXN0X2ZyYW1ld29yayI6ICJkZV9hbWwiLCAiZXZpZGVuY2UiOiBb\
    eyIuLi4iOiAidFlKMFREdWN5WlpDUk1iUk9HNHFSTzV2a1BTRlJ4RmhVRUxjMThDU2wzayJ9XX0sICJjbGFpbXMiOiB7Il9zZCI6\
    IFsiUmlPaUNuNl93NVpIYWFka1FNcmNRSmYwSnRlNVJ3dXJSczU0MjMxRFRsbyIsICJTXzQ5OGJicEt6QjZFYW5mdHNzMHhjN2NP\
    YW9uZVJyM3BLcjdOZFJtc01vIiwgIldOQS1VTks3Rl96aHNBYjlzeVdPNklJUTF1SGxUbU9VOHI4Q3ZKMGNJTWsiLCAiV3hoX3NW\
    M2lSSDliZ3JUQkppLWFZSE5DTHQtdmpoWDFzZC1pZ09mXzlsayIsICJfTy13SmlIM2VuU0I0Uk9IbnRUb1FUOEptTHR6LW1oTzJm\
    MWM4OVhvZXJRIiwgImh2RFhod21HY0pRc0JDQTJPdGp1TEFjd0FNcERzYVUwbmtvdmNLT3FXTkUiXX19LCAiX3NkX2FsZyI6ICJz\
    aGEtMjU2In0.VR5WqMh7Dv7ttRH89qfpn6VDDzq1JqX3MBZmjWq7dLEaYDer7mn25LrwLByrWm5WdpUkLwsXqAFeFjQnpbWzUQ~W\
    yIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgInRpbWUiLCAiMjAxMi0wNC0yM1QxODoyNVoiXQ~WyJQYzMzSk0yTGNoY1VfbEhnZ3\
    ZfdWZRIiwgeyJfc2QiOiBbIjl3cGpWUFd1RDdQSzBuc1FETDhCMDZsbWRnVjNMVnliaEh5ZFFwVE55TEkiLCAiRzVFbmhPQU9vVT\
    lYXzZRTU52ekZYanBFQV9SYy1BRXRtMWJHX3djYUtJayIsICJJaHdGcldVQjYzUmNacTl5dmdaMFhQYzdHb3doM08ya3FYZUJJc3\
    dnMUI0IiwgIldweFE0SFNvRXRjVG1DQ0tPZURzbEJfZW11Y1lMejJvTzhvSE5yMWJFVlEiXX1d~WyJlSThaV205UW5LUHBOUGVOZ\
    W5IZGhRIiwgIm1ldGhvZCIsICJwaXBwIl0~WyJHMDJOU3JRZmpGWFE3SW8wOXN5YWpBIiwgImdpdmVuX25hbWUiLCAiTWF4Il0~W\
    yJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgImZhbWlseV9uYW1lIiwgIk1cdTAwZmNsbGVyIl0~WyJ5MXNWVTV3ZGZKYWhWZGd3U\
    GdTN1JRIiwgImFkZHJlc3MiLCB7ImxvY2FsaXR5IjogIk1heHN0YWR0IiwgInBvc3RhbF9jb2RlIjogIjEyMzQ0IiwgImNvdW50c\
    nkiOiAiREUiLCAic3RyZWV0X2FkZHJlc3MiOiAiV2VpZGVuc3RyYVx1MDBkZmUgMjIifV0~";
