//! One change anywhere.

use super::*;

/// Every character of issuer JWT, disclosures and key binding JWT matters.
#[test]
fn any_changed_character_is_refused() {
    let world = world("mutation");
    let text =
        held(&world).present(&paths(json!([["address", "country"], ["sex"]])), &binding(), &world.holder).unwrap();
    let accepted = |text: &str| {
        Presentation::parse(text)
            .and_then(|presentation| presentation.authenticate(&world.anchors(), now(), &rules()))
            .is_ok()
    };
    assert!(accepted(&text));
    for at in 0..text.len() {
        let original = text.as_bytes()[at];
        // Its neighbour in the alphabet (a change of few bits), a fixed other one, and the two separators.
        let neighbour =
            if original == b'z' || original == b'Z' || original == b'9' { original - 1 } else { original + 1 };
        for other in [neighbour, b'A', b'.', b'~'] {
            if other != original {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = other;
                assert!(!accepted(&String::from_utf8(bytes).unwrap()), "position {at}: {:?}", char::from(other));
            }
        }
        let shorter = format!("{}{}", &text[..at], &text[at + 1..]);
        assert!(!accepted(&shorter), "position {at} removed");
    }
    assert!(!accepted(&format!("{text} ")) && !accepted(&format!("{text}~")) && !accepted(&format!("{text}=")));
}
