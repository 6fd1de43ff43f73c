//! W3C Bitstring Status List 1.0: lists that others encoded.

use warifu_vectors::vector_text;
use warifu_w3c::bitstring_status_list::{Bitstring, MIN_ENTRIES, StatusError};

fn list(name: &str) -> Option<String> {
    Some(vector_text("bitstring_status_list", &format!("interop/status/{name}-encodedList.txt"))?.trim().to_owned())
}

/// Example 3 of the standard: the shortest list that may be, nobody revoked.
#[test]
fn example_of_the_standard() {
    let Some(text) = list("w3c-rec-example3") else { return };
    let found = Bitstring::decode(&text, 1).unwrap();
    assert_eq!(found.entries(), MIN_ENTRIES);
    assert!((0..MIN_ENTRIES).all(|index| found.value(index) == Ok(0)));
    assert_eq!(Bitstring::decode(&found.encode().unwrap(), 1).unwrap(), found);
}

/// Another implementation's list of 100,000 entries, with the one at 50,007 set: shorter than a list may be in use.
#[test]
fn one_bit_by_another_implementation() {
    let Some(text) = list("digitalbazaar-100k-50k-revoked") else { return };
    let found = Bitstring::decode(&text, 1).unwrap();
    assert_eq!(found.entries(), 100_000);
    let set: Vec<u64> = (0..found.entries()).filter(|index| found.value(*index) == Ok(1)).collect();
    assert_eq!(set, [50_007]);
    assert_eq!(found.value(100_000), Err(StatusError::Range(100_000)));
}
