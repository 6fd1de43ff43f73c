//! One change anywhere.

use proptest::prelude::*;

use super::*;

fn presented(world: &World) -> String {
    held(world).present(&paths(json!([["address", "country"], ["sex"]])), &binding(), &world.holder).unwrap()
}

fn authenticate(world: &World, text: &str) -> Result<(), Error> {
    Presentation::parse(text)?.authenticate(&world.anchors(), now(), &rules()).map(drop)
}

/// Every character of issuer JWT, disclosures and key binding JWT matters: none can be changed or left out.
#[test]
fn any_changed_character_is_refused() {
    let world = world("mutation");
    let text = presented(&world);
    // The chain is the same every time, so it is verified once.
    let mut chains = ChainCache::new(1);
    let mut accepted = |text: &str| {
        Presentation::parse(text)
            .and_then(|presented| presented.authenticate_with(&mut chains, &world.anchors(), now(), &rules()))
            .is_ok()
    };
    assert!(accepted(&text));
    for at in 0..text.len() {
        let original = text.as_bytes()[at];
        // Its neighbour in the alphabet, which is a change of few bits; here and there a separator, or nothing.
        let neighbour =
            if original == b'z' || original == b'Z' || original == b'9' { original - 1 } else { original + 1 };
        let others: &[u8] = if at % 5 == 0 { b"A.~" } else { b"" };
        for other in others.iter().copied().chain([neighbour]).filter(|other| *other != original) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = other;
            assert!(!accepted(&String::from_utf8(bytes).unwrap()), "position {at}: {:?}", char::from(other));
        }
        if at % 5 == 1 {
            assert!(!accepted(&format!("{}{}", &text[..at], &text[at + 1..])), "position {at} removed");
        }
    }
    assert!(!accepted(&format!("{text} ")) && !accepted(&format!("{text}~")) && !accepted(&format!("{text}=")));
}

/// A part of a presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    Header,
    Payload,
    Signature,
    Disclosure,
    BindingHeader,
    BindingPayload,
    BindingSignature,
}

/// Where a byte lies; `None` for the separators.
fn region(text: &str, at: usize) -> Option<Region> {
    if matches!(text.as_bytes()[at], b'.' | b'~') {
        return None;
    }
    let dots = text[..at].bytes().rev().take_while(|byte| *byte != b'~').filter(|byte| *byte == b'.').count();
    let part = text[..at].bytes().filter(|byte| *byte == b'~').count();
    let last = text.bytes().filter(|byte| *byte == b'~').count();
    Some(match (part, dots) {
        (0, 0) => Region::Header,
        (0, 1) => Region::Payload,
        (0, _) => Region::Signature,
        (part, 0) if part == last => Region::BindingHeader,
        (part, 1) if part == last => Region::BindingPayload,
        (part, _) if part == last => Region::BindingSignature,
        (_, _) => Region::Disclosure,
    })
}

/// What may be said about a change in a region. A header is not JSON any more, names something else, or is only no
/// longer what was signed; a signed part can only be unreadable or wrong; a disclosure is unreadable or unknown.
fn says_so(region: Region, error: &Error) -> bool {
    match region {
        Region::Header => matches!(
            error,
            Error::Issuer(_)
                | Error::Jws(
                    JwsError::Malformed
                        | JwsError::Json { part: "header", .. }
                        | JwsError::Algorithm(_)
                        | JwsError::AlgorithmMismatch { .. }
                        | JwsError::Type { .. }
                        | JwsError::Certificate(_)
                        | JwsError::BadSignature
                )
        ),
        Region::Payload | Region::Signature => {
            matches!(error, Error::Jws(JwsError::Malformed | JwsError::BadSignature))
        }
        Region::Disclosure => matches!(
            error,
            Error::DisclosureEncoding { .. }
                | Error::DisclosureJson { .. }
                | Error::DisclosureShape { .. }
                | Error::UnreferencedDisclosure { .. }
        ),
        Region::BindingHeader => matches!(
            error,
            Error::KeyBindingType(_)
                | Error::KeyBindingAlgorithm
                | Error::KeyBindingSignature
                | Error::KeyBinding(
                    JwsError::Malformed | JwsError::Json { part: "header", .. } | JwsError::Algorithm(_)
                )
        ),
        Region::BindingPayload | Region::BindingSignature => {
            matches!(error, Error::KeyBindingSignature | Error::KeyBinding(JwsError::Malformed))
        }
    }
}

/// What may be said when a separator came or went: the parts are other parts then.
fn says_that_parts_are_wrong(error: &Error) -> bool {
    matches!(
        error,
        Error::Malformed
            | Error::Jws(JwsError::Malformed | JwsError::BadSignature | JwsError::Json { .. })
            | Error::DisclosureEncoding { .. }
            | Error::DisclosureJson { .. }
            | Error::DisclosureShape { .. }
            | Error::UnreferencedDisclosure { .. }
            | Error::KeyBinding(JwsError::Malformed | JwsError::Json { .. })
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_flipped_bit_is_refused_for_what_it_is(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        static SOUND: std::sync::LazyLock<(World, String)> = std::sync::LazyLock::new(|| {
            let world = world("bits");
            let text = presented(&world);
            (world, text)
        });
        let (world, text) = &*SOUND;
        let at = at.index(text.len());
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        // Bytes above 127 are no text, and never reach the parser.
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        let error = authenticate(world, &changed).unwrap_err();
        match (region(text, at), changed.as_bytes()[at]) {
            (Some(region), other) if !matches!(other, b'.' | b'~') => {
                prop_assert!(says_so(region, &error), "{at} in {region:?}: {error:?}");
            }
            (found, _) => prop_assert!(says_that_parts_are_wrong(&error), "{at} in {found:?}: {error:?}"),
        }
    }
}
