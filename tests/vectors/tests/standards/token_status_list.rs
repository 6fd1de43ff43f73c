//! Token Status List, draft-ietf-oauth-status-list-20: the examples of sections 4 to 6 and the test vectors of its
//! appendix. The files are those of its repository (oauth-wg/draft-ietf-oauth-status-list, folder `examples`).

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;
use warifu_credential::status::{
    Bits, Encoding, Error, Status, StatusList, StatusReference, StatusReferences, StatusToken, TrustedSigner,
};
use warifu_keys::cbor;
use warifu_keys::cose::{CoseError, Sign1};
use warifu_keys::{Jwk, PublicKey};
use warifu_vectors::vector_text;

/// The entries of a list that are not 0.
fn nonzero(list: &StatusList) -> Vec<(u64, u8)> {
    let value = |idx| list.get(idx).unwrap().value();
    (0..list.len()).map(|idx| (idx, value(idx))).filter(|(_, value)| *value != 0).collect()
}

/// The text without white space: the files are folded.
fn unfold(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The JSON in an example file, after a comment in some.
fn json_in(text: &str) -> Value {
    serde_json::from_str(&unfold(&text[text.find('{').unwrap()..])).unwrap()
}

/// Section 4.1: lists of 16 entries of 1 bit and 12 of 2 bits, as bytes; standards' own encodings of both.
#[test]
fn short_lists_of_section_4() {
    let check = |file: &str, bits: Bits, lst: &str, bytes: &[u8], values: &[u8]| {
        let list = StatusList::decode(bits, lst).unwrap();
        assert_eq!(list.as_bytes(), bytes);
        let found: Vec<u8> = (0..list.len()).map(|idx| list.get(idx).unwrap().value()).collect();
        assert_eq!(found, values);
        let mut built = StatusList::new(bits, values.len()).unwrap();
        for (idx, value) in values.iter().enumerate() {
            built.set(idx as u64, Status::from_value(*value)).unwrap();
        }
        assert_eq!(built, list);
        assert_eq!(built.encode().unwrap(), lst);
        let claim = json!({ "bits": bits.count(), "lst": lst });
        assert_eq!(list.to_json(None).unwrap(), claim);
        assert_eq!(StatusList::from_json(&claim).unwrap(), list);
        if let Some(text) = vector_text("short_lists_of_section_4", &format!("token-status-list/{file}_json.txt")) {
            assert_eq!(json_in(&text), claim, "{file}");
        }
    };
    check(
        "status_list_encoding",
        Bits::One,
        "eNrbuRgAAhcBXQ",
        &[0xb9, 0xa3],
        &[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1],
    );
    check(
        "status_list_encoding2",
        Bits::Two,
        "eNo76fITAAPfAgc",
        &[0xc9, 0x44, 0xf9],
        &[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3],
    );
}

/// The appendix: lists of 2^20 entries, of which these are not 0.
const LONG: [(&str, &[(u64, u8)]); 3] = [
    (
        "status_list_encoding1_long",
        &[
            (0, 1),
            (1993, 1),
            (25460, 1),
            (159495, 1),
            (495669, 1),
            (554353, 1),
            (645645, 1),
            (723232, 1),
            (854545, 1),
            (934534, 1),
            (1000345, 1),
        ],
    ),
    (
        "status_list_encoding2_long",
        &[
            (0, 1),
            (1993, 2),
            (25460, 1),
            (159495, 3),
            (495669, 1),
            (554353, 1),
            (645645, 2),
            (723232, 1),
            (854545, 1),
            (934534, 2),
            (1000345, 3),
        ],
    ),
    (
        "status_list_encoding4",
        &[
            (0, 1),
            (1993, 2),
            (35460, 3),
            (459495, 4),
            (595669, 5),
            (754353, 6),
            (845645, 7),
            (923232, 8),
            (924445, 9),
            (934534, 10),
            (1000345, 12),
            (1004534, 11),
            (1030203, 13),
            (1030204, 14),
            (1030205, 15),
        ],
    ),
];

#[test]
fn long_lists_of_the_appendix_in_json() {
    for (file, expected) in LONG {
        let path = format!("token-status-list/{file}_json.txt");
        let Some(text) = vector_text("long_lists_of_the_appendix_in_json", &path) else { return };
        let list = StatusList::from_json(&json_in(&text)).unwrap();
        assert_eq!(list.len(), 1 << 20, "{file}");
        assert_eq!(nonzero(&list), expected, "{file}");
        // The same list built here says the same; its compressed bytes are another compressor's.
        let mut built = StatusList::new(list.bits(), 1 << 20).unwrap();
        for (idx, value) in expected {
            built.set(*idx, Status::from_value(*value)).unwrap();
        }
        assert_eq!(StatusList::from_json(&built.to_json(None).unwrap()).unwrap(), list, "{file}");
    }
}

/// With 8 bits, every value stands once.
#[test]
fn long_list_with_8_bits_in_json() {
    let test = "long_list_with_8_bits_in_json";
    let Some(text) = vector_text(test, "token-status-list/status_list_encoding8_json.txt") else { return };
    check_8_bits(&StatusList::from_json(&json_in(&text)).unwrap());
}

/// The appendix, "8-bit Status List": index and value of every entry it names.
#[rustfmt::skip]
const EIGHT_BITS: [(u64, u8); 256] = [
    (233478, 0), (52451, 1), (576778, 2), (513575, 3), (468106, 4), (292632, 5), (214947, 6), (182323, 7),
    (884834, 8), (66653, 9), (62489, 10), (196493, 11), (458517, 12), (487925, 13), (55649, 14), (416992, 15),
    (879796, 16), (462297, 17), (942059, 18), (583408, 19), (13628, 20), (334829, 21), (886286, 22), (713557, 23),
    (582738, 24), (326064, 25), (451545, 26), (705889, 27), (214350, 28), (194502, 29), (796765, 30), (202828, 31),
    (752834, 32), (721327, 33), (554740, 34), (91122, 35), (963483, 36), (261779, 37), (793844, 38), (165255, 39),
    (614839, 40), (758403, 41), (403258, 42), (145867, 43), (96100, 44), (477937, 45), (606890, 46), (167335, 47),
    (488197, 48), (211815, 49), (797182, 50), (582952, 51), (950870, 52), (765108, 53), (341110, 54), (776325, 55),
    (745056, 56), (439368, 57), (559893, 58), (149741, 59), (358903, 60), (513405, 61), (342679, 62), (969429, 63),
    (795775, 64), (566121, 65), (460566, 66), (680070, 67), (117310, 68), (480348, 69), (67319, 70), (661552, 71),
    (841303, 72), (561493, 73), (138807, 74), (442463, 75), (659927, 76), (445910, 77), (1046963, 78), (829700, 79),
    (962282, 80), (299623, 81), (555493, 82), (292826, 83), (517215, 84), (551009, 85), (898490, 86), (837603, 87),
    (759161, 88), (459948, 89), (290102, 90), (1034977, 91), (190650, 92), (98810, 93), (229950, 94), (320531, 95),
    (335506, 96), (885333, 97), (133227, 98), (806915, 99), (800313, 100), (981571, 101), (527253, 102), (24077, 103),
    (240232, 104), (559572, 105), (713399, 106), (233941, 107), (615514, 108), (911768, 109), (331680, 110),
    (951527, 111), (6805, 112), (552366, 113), (374660, 114), (223159, 115), (625884, 116), (417146, 117),
    (320527, 118), (784154, 119), (338792, 120), (1199, 121), (679804, 122), (1024680, 123), (40845, 124),
    (234603, 125), (761225, 126), (644903, 127), (502167, 128), (121477, 129), (505144, 130), (165165, 131),
    (179628, 132), (1019195, 133), (145149, 134), (263738, 135), (269256, 136), (996739, 137), (346296, 138),
    (555864, 139), (887384, 140), (444173, 141), (421844, 142), (653716, 143), (836747, 144), (783119, 145),
    (918762, 146), (946835, 147), (253764, 148), (519895, 149), (471224, 150), (134272, 151), (709016, 152),
    (44112, 153), (482585, 154), (461829, 155), (15080, 156), (148883, 157), (123467, 158), (480125, 159),
    (141348, 160), (65877, 161), (692958, 162), (148598, 163), (499131, 164), (584009, 165), (1017987, 166),
    (449287, 167), (277478, 168), (991262, 169), (509602, 170), (991896, 171), (853666, 172), (399318, 173),
    (197815, 174), (203278, 175), (903979, 176), (743015, 177), (888308, 178), (862143, 179), (979421, 180),
    (113605, 181), (206397, 182), (127113, 183), (844358, 184), (711569, 185), (229153, 186), (521470, 187),
    (401793, 188), (398896, 189), (940810, 190), (293983, 191), (884749, 192), (384802, 193), (584151, 194),
    (970201, 195), (523882, 196), (158093, 197), (929312, 198), (205329, 199), (106091, 200), (30949, 201),
    (195586, 202), (495723, 203), (348779, 204), (852312, 205), (1018463, 206), (1009481, 207), (448260, 208),
    (841042, 209), (122967, 210), (345269, 211), (794764, 212), (4520, 213), (818773, 214), (556171, 215),
    (954221, 216), (598210, 217), (887110, 218), (1020623, 219), (324632, 220), (398244, 221), (622241, 222),
    (456551, 223), (122648, 224), (127837, 225), (657676, 226), (119884, 227), (105156, 228), (999897, 229),
    (330160, 230), (119285, 231), (168005, 232), (389703, 233), (143699, 234), (142524, 235), (493258, 236),
    (846778, 237), (251420, 238), (516351, 239), (83344, 240), (171931, 241), (879178, 242), (663475, 243),
    (546865, 244), (428362, 245), (658891, 246), (500560, 247), (557034, 248), (830023, 249), (274471, 250),
    (629139, 251), (958869, 252), (663071, 253), (152133, 254), (19535, 255),
];

fn check_8_bits(list: &StatusList) {
    assert_eq!((list.bits(), list.len()), (Bits::Eight, 1 << 20));
    for (idx, value) in EIGHT_BITS {
        assert_eq!(list.get(idx).unwrap().value(), value, "{idx}");
    }
    let mut values: Vec<u8> = nonzero(list).into_iter().map(|(_, value)| value).collect();
    values.sort_unstable();
    assert_eq!(values, (1..=255).collect::<Vec<u8>>());
}

/// The key of the examples: `EXAMPLE_KEY` in `src/util.py` of the draft's repository, its public half.
fn example_key() -> PublicKey {
    let key = json!({ "kty": "EC", "crv": "P-256", "x": "I3HWm_0Ds1dPMI-IWmf4mBmH-YaeAVbPVu7vB27CxXo",
        "y": "6N_d5Elj9bs1htgV3okJKIdbHEpkgTmAluYKJemzn1M" });
    Jwk::from_value(&key).unwrap().public_key().unwrap()
}

fn list_uri() -> Url {
    Url::parse("https://example.com/statuslists/1").unwrap()
}

/// Inside of the examples' validity: `iat` is 1686920170, `exp` 2291720170, `ttl` 43200.
fn then() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn check_token(token: &[u8], encoding: Encoding) {
    let keys = [example_key()];
    let issuer = TrustedSigner::Issuer { id: "https://example.com", keys: &keys };
    let verify = |token: &[u8], at| StatusToken::verify(token, &list_uri(), issuer, at);
    let verified = verify(token, then()).unwrap();
    assert_eq!(verified.encoding(), encoding);
    assert_eq!(verified.bits(), Bits::One);
    assert_eq!((verified.status(0).unwrap(), verified.status(1).unwrap()), (Status::Invalid, Status::Valid));
    assert_eq!(verified.status(16), Err(Error::OutOfRange { idx: 16, len: 16 }));
    assert_eq!(verified.issued_at().as_second(), 1_686_920_170);
    assert_eq!(verified.fresh_until().as_second(), 1_700_000_000 + 43_200);
    let at = |second| Timestamp::from_second(second).unwrap();
    assert!(verified.covers(at(1_686_925_000)), "the time that section 8.4 asks for");
    assert_eq!(verify(token, at(2_291_720_170)).unwrap_err(), Error::Expired { at: at(2_291_720_170) });
    assert!(matches!(verify(token, at(1_686_920_100)), Err(Error::IssuedInFuture { .. })));
    let other = Url::parse("https://example.com/statuslists/2").unwrap();
    assert!(matches!(StatusToken::verify(token, &other, issuer, then()), Err(Error::Subject { .. })));
    let mut forged = token.to_vec();
    let last = forged.len() - 3;
    forged[last] ^= 4;
    assert_eq!(verify(&forged, then()).unwrap_err(), Error::Signature);
}

/// Section 5.1.
#[test]
fn token_in_jwt_form() {
    let Some(text) = vector_text("token_in_jwt_form", "token-status-list/status_list_jwt_raw.txt") else { return };
    check_token(unfold(&text).as_bytes(), Encoding::Jwt);
}

/// Section 6.2, the payload of a referenced token.
#[test]
fn referenced_token_in_jose() {
    let status = json!({ "status_list": { "idx": 0, "uri": "https://example.com/statuslists/1" } });
    let reference = StatusReference::from_status_claim(&status).unwrap();
    assert_eq!((reference.idx, &reference.uri), (0, &list_uri()));
    assert_eq!(reference.to_status_claim(), status);
    for refused in [
        json!({}),
        json!({ "status_list": {} }),
        json!({ "status_list": { "idx": -1, "uri": "https://example.com/statuslists/1" } }),
        json!({ "status_list": { "idx": "0", "uri": "https://example.com/statuslists/1" } }),
        json!({ "status_list": { "idx": 0, "uri": "/statuslists/1" } }),
        json!({ "status_list": { "idx": 0, "uri": "file:///statuslists/1" } }),
        json!({ "identifier_list": { "id": "AA", "uri": "https://example.com/statuslists/1" } }),
    ] {
        assert_eq!(StatusReference::from_status_claim(&refused), Err(Error::Reference), "{refused}");
    }
}

/// The bytes in an example file of hexadecimal lines, after a comment in some.
fn hex_in(text: &str) -> Vec<u8> {
    let hex = unfold(text.split("encoded:").last().unwrap());
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn hex_file(test: &str, file: &str) -> Option<Vec<u8>> {
    vector_text(test, &format!("token-status-list/{file}.txt")).map(|text| hex_in(&text))
}

/// The annotated hexadecimal of an example is of the same bytes.
fn check_annotated(test: &str, file: &str, expected: &[u8]) {
    let Some(text) = vector_text(test, &format!("token-status-list/{file}_diag.txt")) else { return };
    let hex: String = text.lines().filter_map(|line| line.split('#').next()).collect();
    assert_eq!(hex_in(&hex), expected, "{file}");
}

/// Section 4.3.
#[test]
fn short_lists_in_cbor() {
    for (file, bits, bytes) in [
        ("status_list_encoding", Bits::One, [0xb9, 0xa3].as_slice()),
        ("status_list_encoding2", Bits::Two, &[0xc9, 0x44, 0xf9]),
    ] {
        let Some(encoded) = hex_file("short_lists_in_cbor", &format!("{file}_cbor")) else { return };
        let list = StatusList::from_cbor(&cbor::parse(&encoded).unwrap()).unwrap();
        assert_eq!((list.bits(), list.as_bytes()), (bits, bytes), "{file}");
        let written = StatusList::from_bytes(bits, bytes.to_vec()).unwrap().to_cbor(None).unwrap();
        assert_eq!(cbor::encode(&written), encoded, "{file}");
        check_annotated("short_lists_in_cbor", &format!("{file}_cbor"), &encoded);
    }
}

#[test]
fn long_lists_of_the_appendix_in_cbor() {
    for (file, expected) in LONG {
        let Some(encoded) = hex_file("long_lists_of_the_appendix_in_cbor", &format!("{file}_cbor")) else { return };
        let list = StatusList::from_cbor(&cbor::parse(&encoded).unwrap()).unwrap();
        assert_eq!(list.len(), 1 << 20, "{file}");
        assert_eq!(nonzero(&list), expected, "{file}");
    }
    let Some(encoded) = hex_file("long_lists_of_the_appendix_in_cbor", "status_list_encoding8_cbor") else { return };
    check_8_bits(&StatusList::from_cbor(&cbor::parse(&encoded).unwrap()).unwrap());
}

/// Section 5.2.
#[test]
fn token_in_cwt_form() {
    let Some(token) = hex_file("token_in_cwt_form", "status_list_cwt") else { return };
    check_annotated("token_in_cwt_form", "status_list_cwt", &token);
    check_token(&token, Encoding::Cwt);
    // Not wrapped in the tag of a CWT (61), and not without the tag of a COSE_Sign1.
    let keys = [example_key()];
    let issuer = TrustedSigner::Issuer { id: "https://example.com", keys: &keys };
    for refused in [[&[0xd8, 0x3d], token.as_slice()].concat(), token[1..].to_vec()] {
        let refused = StatusToken::verify(&refused, &list_uri(), issuer, then()).unwrap_err();
        assert!(matches!(refused, Error::Cose(CoseError::Tag { .. })), "{refused:?}");
    }
    // A list for mobile documents needs certificates; this one names a key only.
    let verified = StatusToken::verify(&token, &list_uri(), issuer, then()).unwrap();
    assert_eq!(verified.check_for_mdoc(), Err(Error::MdocChain));
}

/// Section 6.3: claim 65535 of a CWT.
#[test]
fn referenced_token_in_cose() {
    let Some(token) = hex_file("referenced_token_in_cose", "referenced_token_cwt") else { return };
    check_annotated("referenced_token_in_cose", "referenced_token_cwt", &token);
    let message = Sign1::parse_tagged(&token).unwrap();
    let claims = cbor::parse(message.verify(&example_key(), &[]).unwrap()).unwrap();
    let claims = claims.into_map().unwrap();
    let (_, status) = claims.iter().find(|(label, _)| *label == cbor::Value::from(65535)).unwrap();
    let references = StatusReferences::from_cbor(status).unwrap();
    let expected = StatusReferences::status_list(StatusReference { uri: list_uri(), idx: 0 });
    assert_eq!(references, expected);
    assert_eq!(references.to_cbor(), *status);
}
