//! RFC 8785, JSON Canonicalization Scheme: the test data of its authors.

use warifu_keys::json;
use warifu_vectors::{vector, vector_text};
use warifu_w3c::jcs;

#[test]
fn every_published_file_comes_out_byte_for_byte() {
    for name in ["arrays", "french", "structures", "unicode", "values", "weird"] {
        let test = "every_published_file_comes_out_byte_for_byte";
        let Some(input) = vector(test, &format!("jcs/rfc8785/in/{name}.json")) else { return };
        let Some(expected) = vector_text(test, &format!("jcs/rfc8785/out/{name}.json")) else { return };
        let value = json::parse(&input).unwrap();
        assert_eq!(jcs::canonical(&value).unwrap(), expected, "{name}");
    }
}

/// The same bytes whether or not some crate of the build has `serde_json` keep the order of members or the text of
/// numbers.
#[test]
fn features_of_serde_json_do_not_show() {
    let text = br#"{"z":1.0,"a":100,"m":[1e2,1E+2,0.10e3,-0,-0.0],"A":4.50}"#;
    let expected = r#"{"A":4.5,"a":100,"m":[100,100,100,0,0],"z":1}"#;
    assert_eq!(jcs::canonical(&json::parse(text).unwrap()).unwrap(), expected);
    // Read without our own parser, numbers may have kept their text.
    assert_eq!(jcs::canonical(&serde_json::from_slice(text).unwrap()).unwrap(), expected);
}
