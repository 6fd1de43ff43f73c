//! Foreign bytes.

use proptest::prelude::*;

use super::*;

/// Every structure of the response that somebody signed, by what guards it: whatever bit of it changes, the refusal is
/// one of these.
fn sensible(error: &Error) -> bool {
    match error {
        // Not CBOR any more, or not in this encoding, or not this structure.
        Error::Cbor { .. }
        | Error::Member(_)
        | Error::UnknownMember(_)
        | Error::Version { .. }
        | Error::Status(_)
        | Error::NoDocument => true,
        // A digest, a signature, a chain or the session does not hold.
        Error::IssuerAuth(_)
        | Error::Issuer(_)
        | Error::DocType { .. }
        | Error::DuplicateElement { .. }
        | Error::DuplicateDigestId { .. }
        | Error::ShortRandom { .. }
        | Error::NoDigest { .. }
        | Error::DigestMismatch { .. }
        | Error::SignerCountry { .. }
        | Error::DeviceSignature(_) => true,
        // None of these is reached without the issuer's signature being right.
        Error::NotBase64url
        | Error::SeveralDocuments(_)
        | Error::DigestAlgorithm(_)
        | Error::ValidityInfo(_)
        | Error::SignedInFuture { .. }
        | Error::NotYetValid { .. }
        | Error::Expired { .. }
        | Error::IssuingCountry { .. }
        | Error::StatusReference(_)
        | Error::DeviceKey(_)
        | Error::DeviceMac(_)
        | Error::NoReaderKey
        | Error::NotAuthorized { .. }
        | Error::IssuerChain(_)
        | Error::Element(_)
        | Error::NotHeld { .. }
        | Error::NotTheDeviceKey
        | Error::Signer(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Received::parse(&bytes);
        let _ = DeviceResponse::parse(&bytes);
        let _ = Held::dangerous_reload(&bytes);
        let _ = Mso::parse(&bytes);
        let _ = SessionTranscript::parse(&bytes);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[A-Za-z0-9_=-]{0,200}") {
        let _ = Received::from_base64url(&text);
        let _ = DeviceResponse::from_base64url(&text);
    }

    #[test]
    fn a_response_cut_or_spliced_never_panics(
        cut in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let world = world("properties");
        let response = present(&world, SOME);
        prop_assert!(DeviceResponse::parse(&response[..cut.index(response.len())]).is_err());
        let at = at.index(response.len());
        let spliced = [&response[..at], &bytes, &response[at..]].concat();
        prop_assert!(spliced == response || verify(&world, &spliced).is_err());
    }

    #[test]
    fn a_value_comes_back(text in ".{0,40}", number in any::<i64>(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let world = world("properties");
        let values = [Value::from(text), Value::from(number), Value::Bytes(bytes)];
        let nested = Value::Map(vec![(Value::from("a"), Value::Array(values.to_vec()))]);
        let all = DataElements::new().with(NAMESPACE, "value", nested.clone());
        let (device_key, key_authorizations) = (world.holder.public_key(), KeyAuthorizations::default());
        let issuance = Issuance {
            doc_type: DOC_TYPE,
            device_key: &device_key,
            key_authorizations: &key_authorizations,
            validity: validity(),
            status: None,
        };
        let issued = issue(&all, &issuance, world.issuer(), &world.entropy).unwrap();
        let verified = verified(&world, &issued);
        prop_assert_eq!(verified.mdoc().unwrap().element(NAMESPACE, "value"), Some(&nested));
    }
}

/// Every bit of a valid response, one at a time.
#[test]
fn any_flipped_bit_is_refused() {
    let world = world("bits");
    let response = present(&world, &[(NAMESPACE, "family_name")]);
    verify(&world, &response).unwrap();
    // Every byte, one bit of it each: which one moves on from byte to byte.
    for at in 0..response.len() {
        let mut bytes = response.clone();
        bytes[at] ^= 1 << (at % 8);
        match verify(&world, &bytes) {
            Ok(_) => panic!("accepted with byte {at} changed"),
            Err(error) => assert!(sensible(&error), "byte {at}: {error}"),
        }
    }
}
