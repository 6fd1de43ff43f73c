//! ISO/IEC 18013-5, annex D: a device response with its session, made by the authors of the standard.
//!
//! Response and certificates are files (see [`vector`]); session transcript and keys of D.3.1 and D.5.3 are literals, as
//! they stand in MinBZK/nl-wallet `wallet_core/lib/mdoc/src/examples.rs` and in OpenWallet Foundation multipaz
//! `TestVectors.kt`.

use jiff::Timestamp;
use serde_json::json;
use warifu_credential::mdoc::{
    DataElements, DeviceAuth, DeviceKey, DeviceResponse, Error, Held, Presentation, Session, SessionTranscript,
};
use warifu_credential::{Authentic, Format};
use warifu_keys::cbor::{self, CborError, Value};
use warifu_keys::cose::CoseError;
use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::{Certificate, X509Error};
use warifu_vectors::{vector, vector_text};

const DOC_TYPE: &str = "org.iso.18013.5.1.mDL";
const NAMESPACE: &str = "org.iso.18013.5.1";

/// `SessionTranscript` of D.5.1: device engagement, reader key, NFC handover.
const SESSION_TRANSCRIPT: &str = concat!(
    "83d8185858a20063312e30018201d818584ba4010220012158205a88d182bce5f42efa59943f33359d2e8a968ff289d93e5fa444b624343167",
    "fe225820b16e8cf858ddc7690407ba61d4c338237a8cfcf3de6aa672fc60a557aa32fc67d818584ba40102200121582060e3392385041f5140",
    "3051f2415531cb56dd3f999c71687013aac6768bc8187e225820e58deb8fdbe907f7dd5368245551a34796f7d2215c440c339bb0f7b67beccd",
    "fa8258c391020f487315d10209616301013001046d646f631a200c016170706c69636174696f6e2f766e642e626c7565746f6f74682e6c652e",
    "6f6f6230081b28128b37282801021c015c1e580469736f2e6f72673a31383031333a646576696365656e676167656d656e746d646f63a20063",
    "312e30018201d818584ba4010220012158205a88d182bce5f42efa59943f33359d2e8a968ff289d93e5fa444b624343167fe225820b16e8cf8",
    "58ddc7690407ba61d4c338237a8cfcf3de6aa672fc60a557aa32fc6758cd91022548721591020263720102110204616301013000110206616301",
    "036e6663005102046163010157001a201e016170706c69636174696f6e2f766e642e626c7565746f6f74682e6c652e6f6f6230081b28078080",
    "bf2801021c021107c832fff6d26fa0beb34dfcd555d4823a1c11010369736f2e6f72673a31383031333a6e66636e6663015a172b016170706c",
    "69636174696f6e2f766e642e7766612e6e616e57030101032302001324fec9a70b97ac9684a4e326176ef5b981c5e8533e5f00298cfccbc35e",
    "700a6b020414"
);
/// `EReaderKey` of D.3.1.
const READER_KEY: &str = "de3b4b9e5f72dd9b58406ae3091434da48a6f9fd010d88fcb0958e2cebec947c";
/// The static device key of D.5.3.
const DEVICE_KEY: &str = "6ed542ad4783f0b18c833fadf2171273a35d969c581691ef704359cc7cf1e8c0";

fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim();
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn key(hex: &str) -> AgreementKey {
    AgreementKey::from_bytes(&bytes(hex)).unwrap()
}

fn transcript() -> SessionTranscript {
    SessionTranscript::parse(&bytes(SESSION_TRANSCRIPT)).unwrap()
}

/// Within the certificate of the document signer.
fn now() -> Timestamp {
    "2021-01-01T00:00:00Z".parse().unwrap()
}

struct AnnexD {
    response: Vec<u8>,
    iaca: [Certificate; 1],
}

fn annex_d(test: &str) -> Option<AnnexD> {
    let response = bytes(&vector_text(test, "mdoc/annex_d_device_response.hex")?);
    let iaca = Certificate::from_pem(&vector_text(test, "mdoc/annex_d_iaca_root.pem")?).unwrap();
    Some(AnnexD { response, iaca: [iaca] })
}

impl AnnexD {
    fn presentation(&self) -> Presentation {
        DeviceResponse::parse(&self.response).unwrap().only().unwrap()
    }

    fn authenticate(&self) -> Result<(Authentic, DeviceAuth), Error> {
        let reader_key = key(READER_KEY);
        let transcript = transcript();
        let session = Session { transcript: &transcript, reader_key: Some(&reader_key) };
        let presentation = DeviceResponse::parse(&self.response)?.only()?;
        let (authentic, device) = presentation.authenticate(&self.iaca, now(), &session)?;
        Ok((authentic, device.by()))
    }
}

#[test]
fn annex_d_is_read_byte_for_byte() {
    let Some(annex) = annex_d("annex_d_is_read_byte_for_byte") else { return };
    let value = cbor::parse(&annex.response).unwrap();
    assert_eq!(cbor::encode(&value), annex.response);
    assert_eq!(annex.presentation().doc_type(), DOC_TYPE);
}

/// Chain, signature, six digests, and the MAC under the reader's key over the transcript.
#[test]
fn annex_d_is_authentic() {
    let Some(annex) = annex_d("annex_d_is_authentic") else { return };
    let (authentic, by) = annex.authenticate().unwrap();
    assert_eq!(by, DeviceAuth::Mac);
    assert_eq!(authentic.format(), Format::Mdoc);
    assert_eq!(authentic.vct(), DOC_TYPE);
    assert_eq!(authentic.holder_key(), Some(&key(DEVICE_KEY).public_key()));
    let signer = vector_text("annex_d_is_authentic", "mdoc/annex_d_document_signer.pem").unwrap();
    assert_eq!(authentic.issuer().leaf, Certificate::from_pem(&signer).unwrap());
    assert_eq!(authentic.issuer().anchor, annex.iaca[0]);

    let verified = authentic.settle_without_status(now()).unwrap();
    let mso = verified.mdoc().unwrap().mso();
    assert_eq!(mso.signed.to_string(), "2020-10-01T13:30:02Z");
    assert_eq!(mso.valid_until.to_string(), "2021-10-01T13:30:02Z");
    // The example's certificate ends before its mdoc.
    assert_eq!(verified.expires().unwrap().to_string(), "2021-10-01T00:00:00Z");
}

#[test]
fn annex_d_elements() {
    let Some(annex) = annex_d("annex_d_elements") else { return };
    let (authentic, _) = annex.authenticate().unwrap();
    let verified = authentic.settle_without_status(now()).unwrap();
    let mdoc = verified.mdoc().unwrap();
    let names: Vec<&str> = mdoc.elements().map(|(_, element, _)| element).collect();
    let expected = ["family_name", "issue_date", "expiry_date", "document_number", "portrait", "driving_privileges"];
    assert_eq!(names, expected);

    let portrait = mdoc.element(NAMESPACE, "portrait").and_then(Value::as_bytes).unwrap();
    assert_eq!(portrait.len(), 1042);
    assert!(portrait.starts_with(&[0xff, 0xd8, 0xff, 0xe0]) && portrait.ends_with(&[0xff, 0xd9]));
    let date = Value::Tag(1004, Box::new(Value::from("2019-10-20")));
    assert_eq!(mdoc.element(NAMESPACE, "issue_date"), Some(&date));

    let mut claims = verified.claims()[NAMESPACE].clone();
    assert!(claims["portrait"].take().as_str().unwrap().starts_with("_9j_4AAQSkZJRg"));
    assert_eq!(
        claims,
        json!({
            "family_name": "Doe",
            "issue_date": "2019-10-20",
            "expiry_date": "2024-10-20",
            "document_number": "123456789",
            "portrait": null,
            "driving_privileges": [
                {"vehicle_category_code": "A", "issue_date": "2018-08-09", "expiry_date": "2024-10-20"},
                {"vehicle_category_code": "B", "issue_date": "2017-02-23", "expiry_date": "2024-10-20"},
            ],
        })
    );
}

/// The device's side: the elements of annex D, presented by our wallet with the standard's device key in the standard's
/// session, are the standard's response to the last byte.
#[test]
fn annex_d_is_written_byte_for_byte() {
    let Some(annex) = annex_d("annex_d_is_written_byte_for_byte") else { return };
    let (authentic, _) = annex.authenticate().unwrap();
    let held = Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap();
    let elements: Vec<(&str, &str)> =
        held.mdoc().elements().map(|(namespace, element, _)| (namespace, element)).collect();
    let own = key(DEVICE_KEY);
    let device_key = DeviceKey::Agrees { own: &own, reader: &key(READER_KEY).public_key() };
    let response = held.present(&elements, &DataElements::new(), &transcript(), device_key).unwrap();
    assert_eq!(response, annex.response);
}

#[test]
fn annex_d_refused_when_anything_else_is_expected() {
    let Some(annex) = annex_d("annex_d_refused_when_anything_else_is_expected") else { return };
    let (reader_key, other_key) = (key(READER_KEY), key(DEVICE_KEY));
    let transcript = transcript();
    let check = |reader_key, transcript: &SessionTranscript, anchors: &[Certificate], now: Timestamp| {
        let session = Session { transcript, reader_key };
        annex.presentation().authenticate(anchors, now, &session).map(|_| ()).unwrap_err()
    };
    let bad_mac = Error::DeviceMac(CoseError::BadTag);
    assert_eq!(check(Some(&other_key), &transcript, &annex.iaca, now()), bad_mac);
    assert_eq!(check(None, &transcript, &annex.iaca, now()), Error::NoReaderKey);
    let other = SessionTranscript::parse(&[0x83, 0xf6, 0xf6, 0xf6]).unwrap();
    assert_eq!(check(Some(&reader_key), &other, &annex.iaca, now()), bad_mac);
    let error = check(Some(&reader_key), &transcript, &[], now());
    assert!(matches!(error, Error::Issuer(X509Error::NoAnchor { .. })), "{error}");
    let today = "2026-11-23T00:00:00Z".parse().unwrap();
    let error = check(Some(&reader_key), &transcript, &annex.iaca, today);
    assert!(matches!(error, Error::Issuer(X509Error::NotValidNow { .. })), "{error}");
}

/// The same tampering as in multipaz `DeviceResponseParserTest.kt`: `Doe` to `Foe` in an element, one bit in the MAC, one
/// in the issuer's signature.
#[test]
fn annex_d_refused_when_a_byte_changes() {
    let Some(annex) = annex_d("annex_d_refused_when_a_byte_changes") else { return };
    let check = |at: usize, found: u8, put: u8, expected: Error| {
        let mut response = annex.response.clone();
        assert_eq!(response[at], found, "byte {at}");
        response[at] = put;
        let changed = AnnexD { response, iaca: annex.iaca.clone() };
        assert_eq!(changed.authenticate().map(|_| ()).unwrap_err(), expected, "byte {at}");
    };
    let family_name = Error::DigestMismatch { namespace: NAMESPACE.to_owned(), element: "family_name".to_owned() };
    check(200, 0x44, 0x46, family_name);
    check(3522, 0xe9, 0xe8, Error::DeviceMac(CoseError::BadTag));
    check(3398, 0x59, 0x5a, Error::IssuerAuth(CoseError::BadSignature));
}

/// The elements of annex D in a second encoding: the same values, other bytes.
#[test]
fn annex_d_in_another_encoding_is_refused() {
    let Some(response) = vector("annex_d_in_another_encoding_is_refused", "mdoc/annex_d_device_response.hex") else {
        return;
    };
    let response = bytes(std::str::from_utf8(&response).unwrap());
    // The outer map of three members with an indefinite length.
    let indefinite = [&[0xbf][..], &response[1..], &[0xff]].concat();
    let error = DeviceResponse::parse(&indefinite).unwrap_err();
    assert_eq!(error, Error::Cbor { part: "DeviceResponse", source: CborError::Indefinite });
}
