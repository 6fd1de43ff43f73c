//! Issuing, holding, presenting.

use std::collections::BTreeSet;

use super::*;

#[test]
fn issued_held_presented_verified() {
    let world = world("round");
    let bytes = issued(&world);
    let held = Held::keep(verified(&world, &bytes)).unwrap();
    assert_eq!(held.to_bytes(), bytes, "what the issuer sent is what is kept");
    assert_eq!(held.doc_type(), DOC_TYPE);
    assert_eq!(held.available().len(), 6);
    assert_eq!(held.claims()[MDL], json!({"issuing_country": "UT", "sex": 2}));
    assert_eq!(Held::dangerous_reload(&bytes).unwrap().claims(), held.claims());
    assert_eq!(held.issuer_chain().unwrap(), world.chain);
    assert_eq!(held.device_key(), &world.holder.public_key());

    let response = held.present(SOME, &DataElements::new(), &transcript(), DeviceKey::Signs(&world.holder)).unwrap();
    let (authentic, device) = verify(&world, &response).unwrap();
    assert_eq!((device.by(), device.claims()), (DeviceAuth::Signature, json!({})));
    assert_eq!((authentic.format(), authentic.vct()), (Format::Mdoc, DOC_TYPE));
    assert_eq!(authentic.holder_key(), Some(&world.holder.public_key()));
    assert_eq!(authentic.issuer().anchor, world.root);
    let verified = authentic.settle_without_status(now()).unwrap();
    let claims = json!({
        NAMESPACE: {"family_name": "MUSTERMANN", "birth_date": "1984-01-26"},
        MDL: {"issuing_country": "UT"},
    });
    assert_eq!(*verified.claims(), claims);
    assert_eq!(held.reveals(SOME).unwrap(), claims);
    let date = verified.mdoc().unwrap().element(NAMESPACE, "birth_date").unwrap();
    assert_eq!(*date, Value::Tag(1004, Box::new(Value::from("1984-01-26"))));
    assert_eq!(verified.mdoc().unwrap().element(NAMESPACE, "given_name"), None);
    assert_eq!(verified.expires(), Some(after(3600)));
    assert_eq!(verified.issued_at(), Some(after(-60)));
    assert!(!format!("{verified:?} {held:?} {device:?} {:?}", verified.mdoc()).contains("MUSTERMANN"));

    // The digest of an element that was withheld, and of one that was not.
    assert!(verified.withholds(&held.digest_of(NAMESPACE, "given_name").unwrap()));
    assert!(!verified.withholds(&held.digest_of(NAMESPACE, "family_name").unwrap()));
    assert!(!verified.withholds("AAAA"));
    let text = warifu_keys::base64url::encode(&response);
    assert_eq!(DeviceResponse::from_base64url(&text).unwrap().only().unwrap().doc_type(), DOC_TYPE);
}

/// By paths of two steps, as DCQL has them.
#[test]
fn claims_are_reached_by_path() {
    let world = world("paths");
    let verified = verified(&world, &issued(&world));
    for path in held(&world).available() {
        assert_eq!(path.resolve(verified.claims()).unwrap().len(), 1, "{path}");
    }
}

/// What published readers leave out.
#[test]
fn an_element_of_no_digest_can_not_be_presented_and_none_need_be() {
    let world = world("none");
    let (authentic, _) = verify(&world, &present(&world, &[])).unwrap();
    assert_eq!(*authentic.settle_without_status(now()).unwrap().claims(), json!({}));
    let key = DeviceKey::Signs(&world.holder);
    let error = held(&world).present(&[(NAMESPACE, "nickname")], &DataElements::new(), &transcript(), key).unwrap_err();
    assert!(matches!(error, Error::NotHeld { .. }));
}

#[test]
fn a_device_may_answer_with_a_mac() {
    let world = world("mac");
    let (own, reader) = (AgreementKey::generate(&world.entropy), AgreementKey::generate(&world.entropy));
    let held = Held::keep(verified(&world, &issue_with(&world, &own.public_key(), None))).unwrap();
    let key = DeviceKey::Agrees { own: &own, reader: &reader.public_key() };
    let response = held.present(SOME, &DataElements::new(), &transcript(), key).unwrap();
    let verify = |reader_key, transcript: &SessionTranscript| {
        let session = Session { transcript, reader_key };
        let presentation = DeviceResponse::parse(&response).unwrap().only().unwrap();
        presentation.authenticate(&world.anchors(), now(), &session).map(|(_, device)| device.by())
    };
    assert_eq!(verify(Some(&reader), &transcript()).unwrap(), DeviceAuth::Mac);
    assert_eq!(verify(None, &transcript()).unwrap_err(), Error::NoReaderKey);
    let other = SessionTranscript::parse(&[0x83, 0xf6, 0xf6, 0xf6]).unwrap();
    assert!(matches!(verify(Some(&reader), &other), Err(Error::DeviceMac(_))));
    assert!(matches!(verify(Some(&own), &transcript()), Err(Error::DeviceMac(_))));
}

#[test]
fn a_device_signs_what_the_issuer_allows() {
    let world = world("device-signed");
    let said = DataElements::new().with("org.example.device.1", "anything", Value::from(1)).with(
        NAMESPACE,
        "nickname",
        Value::from("Rikki"),
    );
    let key = DeviceKey::Signs(&world.holder);
    let response = held(&world).present(SOME, &said, &transcript(), key).unwrap();
    let (_, device) = verify(&world, &response).unwrap();
    assert_eq!(device.claims(), json!({"org.example.device.1": {"anything": 1}, NAMESPACE: {"nickname": "Rikki"}}));
    assert_eq!(device.elements().value(NAMESPACE, "nickname"), Some(&Value::from("Rikki")));
    let more = said.with(NAMESPACE, "family_name", Value::from("VON UND ZU"));
    let error = held(&world).present(SOME, &more, &transcript(), key).unwrap_err();
    assert!(matches!(error, Error::NotAuthorized { .. }));
    let other = SigningKey::generate_p256(&world.entropy);
    let error = held(&world).present(SOME, &DataElements::new(), &transcript(), DeviceKey::Signs(&other)).unwrap_err();
    assert_eq!(error, Error::NotTheDeviceKey);
}

#[test]
fn several_documents_are_for_who_asks_for_them() {
    let world = world("several");
    let several = changed(&present(&world, SOME), |response| {
        let documents = at(response, &["documents"]).as_array_mut().unwrap();
        documents.push(documents[0].clone());
    });
    assert_eq!(DeviceResponse::parse(&several).unwrap().only().unwrap_err(), Error::SeveralDocuments(2));
    let (transcript, anchors) = (transcript(), world.anchors());
    let session = Session { transcript: &transcript, reader_key: None };
    for document in DeviceResponse::parse(&several).unwrap().documents() {
        document.authenticate(&anchors, now(), &session).unwrap();
    }
}

/// Two mdocs of one person share nothing but what they say: no random, no digest, no order.
#[test]
fn copies_are_unlinkable() {
    let world = world("copies");
    let collect = |bytes: &[u8]| {
        let signed = IssuerSigned::from_cbor(cbor::parse(bytes).unwrap()).unwrap();
        let mso = signed.dangerous_mso().unwrap();
        let digests: BTreeSet<Vec<u8>> = mso.value_digests.values().flat_map(|ids| ids.values().cloned()).collect();
        let randoms =
            signed.elements().map(|(_, item)| Members::parse(&item.bytes, "item").unwrap().bytes("random").unwrap());
        let randoms: BTreeSet<Vec<u8>> = randoms.collect();
        let ids: Vec<u32> = signed.elements().map(|(_, item)| item.digest_id).collect();
        (digests, randoms, ids)
    };
    let copies: Vec<_> = (0..12).map(|_| collect(&issued(&world))).collect();
    for (at, (digests, randoms, _)) in copies.iter().enumerate() {
        assert_eq!((digests.len(), randoms.len()), (6, 6));
        assert!(randoms.iter().all(|random| random.len() == 32));
        for (other_digests, other_randoms, _) in &copies[..at] {
            assert!(digests.is_disjoint(other_digests) && randoms.is_disjoint(other_randoms));
        }
    }
    let orders: BTreeSet<&Vec<u32>> = copies.iter().map(|(_, _, ids)| ids).collect();
    assert!(orders.len() > 4, "digest identifiers follow the elements: {orders:?}");
}

#[test]
fn issuing_refuses() {
    let world = world("issuing");
    let device_key = world.holder.public_key();
    let key_authorizations = KeyAuthorizations::default();
    let with = |elements: &DataElements, validity: Validity, issuer: crate::sd_jwt::IssuerKey<'_>| {
        let issuance = Issuance {
            doc_type: DOC_TYPE,
            device_key: &device_key,
            key_authorizations: &key_authorizations,
            validity,
            status: None,
        };
        issue(elements, &issuance, issuer, &world.entropy).unwrap_err()
    };
    let times = |signed, valid_from, valid_until| {
        let validity = Validity { signed, valid_from, valid_until, expected_update: None };
        with(&elements(), validity, world.issuer())
    };
    let day = 86_400;
    assert!(matches!(times(after(0), after(-1), after(60)), Error::ValidityInfo(_)));
    assert!(matches!(times(after(0), after(60), after(60)), Error::ValidityInfo(_)));
    assert!(matches!(times(after(-31 * day), after(0), after(60)), Error::ValidityInfo(_)));
    let end = world.chain[0].not_after().unwrap().as_second() - now().as_second();
    assert!(matches!(times(after(0), after(0), after(end + 1)), Error::ValidityInfo(_)));
    let none = with(&DataElements::new(), validity(), world.issuer());
    assert_eq!(none, Error::Element("(none)".to_owned()));
    let twice = Value::Map(vec![(Value::from(1), Value::Null), (Value::from(1), Value::Null)]);
    let error = with(&DataElements::new().with(NAMESPACE, "x", twice), validity(), world.issuer());
    assert_eq!(error, Error::Element("x".to_owned()));
    let with_root = [world.chain.clone(), vec![world.root.clone()]].concat();
    for (signer, chain) in [(&world.holder, &world.chain[..]), (&world.signer, &[]), (&world.signer, &with_root)] {
        let error = with(&elements(), validity(), crate::sd_jwt::IssuerKey { signer, chain });
        assert!(matches!(error, Error::IssuerChain(_)), "{error}");
    }
}

/// Instants are written in whole seconds.
#[test]
fn no_fractions_of_seconds() {
    let world = world("fractions");
    let fraction = |seconds| Timestamp::from_nanosecond(after(seconds).as_nanosecond() + 123_456_789).unwrap();
    let validity = Validity {
        signed: fraction(-9),
        valid_from: fraction(-9),
        valid_until: fraction(60),
        expected_update: Some(fraction(30)),
    };
    let (device_key, key_authorizations) = (world.holder.public_key(), KeyAuthorizations::default());
    let issuance = Issuance {
        doc_type: DOC_TYPE,
        device_key: &device_key,
        key_authorizations: &key_authorizations,
        validity,
        status: None,
    };
    let bytes = issue(&elements(), &issuance, world.issuer(), &world.entropy).unwrap();
    let verified = verified(&world, &bytes);
    let mso = verified.mdoc().unwrap().mso();
    assert_eq!((mso.signed, mso.valid_until), (after(-9), after(60)));
    assert_eq!(mso.expected_update, Some(after(30)));
}
