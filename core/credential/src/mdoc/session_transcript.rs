//! What binds a response to one exchange: `SessionTranscript = [DeviceEngagementBytes, EReaderKeyBytes, Handover]`
//! (ISO/IEC 18013-5 section 9.1.5.1), without the first two where the exchange is OpenID4VP.

use warifu_keys::cbor::{self, Value};
use warifu_keys::{PublicKey, sha256};

use super::{Error, members};

/// How an exchange began (OpenID4VP 1.0 appendix B.2.6). The values are those of the request object that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover<'a> {
    /// `OpenID4VPHandover`: a request over redirects, answered at the response URI.
    OpenId4Vp {
        /// The verifier's client identifier with its prefix.
        client_id: &'a str,
        /// `nonce` of the request.
        nonce: &'a str,
        /// The verifier's key that the response is encrypted to; `None` if it is not encrypted.
        encryption_key: Option<&'a PublicKey>,
        /// `response_uri`, or `redirect_uri` where the response mode has none.
        response_uri: &'a str,
    },
    /// `OpenID4VPDCAPIHandover`: a request over the Digital Credentials API.
    OpenId4VpDcApi {
        /// The origin that the platform vouches for, without the prefix `origin:`.
        origin: &'a str,
        /// `nonce` of the request.
        nonce: &'a str,
        /// The verifier's key that the response is encrypted to; `None` if it is not encrypted.
        encryption_key: Option<&'a PublicKey>,
    },
}

impl Handover<'_> {
    fn to_value(self) -> Value {
        let thumbprint = |key: Option<&PublicKey>| key.map_or(Value::Null, |key| Value::Bytes(key.thumbprint().into()));
        let (name, info) = match self {
            Self::OpenId4Vp { client_id, nonce, encryption_key, response_uri } => (
                "OpenID4VPHandover",
                vec![client_id.into(), nonce.into(), thumbprint(encryption_key), response_uri.into()],
            ),
            Self::OpenId4VpDcApi { origin, nonce, encryption_key } => {
                ("OpenID4VPDCAPIHandover", vec![origin.into(), nonce.into(), thumbprint(encryption_key)])
            }
        };
        let hash = sha256(&cbor::encode(&Value::Array(info)));
        Value::Array(vec![name.into(), Value::Bytes(hash.into())])
    }
}

/// What both sides know about their exchange, each from its own knowledge. A device signs over it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionTranscript(Value);

impl SessionTranscript {
    /// The transcript of an exchange over OpenID4VP: `[null, null, Handover]`.
    #[must_use]
    pub fn new(handover: &Handover<'_>) -> Self {
        Self(Value::Array(vec![Value::Null, Value::Null, handover.to_value()]))
    }

    /// A transcript that another protocol made, such as one in proximity: an array of three.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        match members::parse(bytes, "SessionTranscript")? {
            Value::Array(parts) if parts.len() == 3 => Ok(Self(Value::Array(parts))),
            _ => Err(Error::Member("SessionTranscript")),
        }
    }

    /// The transcript as CBOR.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&self.0)
    }

    /// `SessionTranscriptBytes`: the transcript as an encoded data item.
    pub(super) fn embedded(&self) -> Vec<u8> {
        cbor::encode(&cbor::embed(self.to_bytes()))
    }

    /// `DeviceAuthenticationBytes` (ISO/IEC 18013-5 section 9.1.3.4): what a device signs.
    pub(super) fn device_authentication(&self, doc_type: &str, name_spaces: &[u8]) -> Vec<u8> {
        let authentication = Value::Array(vec![
            "DeviceAuthentication".into(),
            self.0.clone(),
            doc_type.into(),
            cbor::embed(name_spaces.to_vec()),
        ]);
        cbor::encode(&cbor::embed(cbor::encode(&authentication)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warifu_keys::Jwk;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    const NONCE: &str = "exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA";

    /// The key of OpenID4VP 1.0 appendix B.2.6.1.
    fn key() -> PublicKey {
        let jwk = json!({"kty": "EC", "crv": "P-256",
            "x": "DxiH5Q4Yx3UrukE2lWCErq8N8bqC9CHLLrAwLz5BmE0", "y": "XtLM4-3h5o3HUH0MHVJV0kyq0iBlrBwlh8qEDMZ4-Pc"});
        Jwk::from_value(&jwk).unwrap().public_key().unwrap()
    }

    /// OpenID4VP 1.0 appendix B.2.6.1: the hash, and the transcript around it.
    #[test]
    fn redirects() {
        let key = key();
        assert_eq!(hex(&key.thumbprint()), "4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047");
        let transcript = SessionTranscript::new(&Handover::OpenId4Vp {
            client_id: "x509_san_dns:example.com",
            nonce: NONCE,
            encryption_key: Some(&key),
            response_uri: "https://example.com/response",
        });
        assert_eq!(
            hex(&transcript.to_bytes()),
            "83f6f682714f70656e494434565048616e646f7665725820\
             048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac"
        );
        assert_eq!(SessionTranscript::parse(&transcript.to_bytes()).unwrap(), transcript);
    }

    /// OpenID4VP 1.0 appendix B.2.6.2.
    #[test]
    fn digital_credentials_api() {
        let key = key();
        let transcript = SessionTranscript::new(&Handover::OpenId4VpDcApi {
            origin: "https://example.com",
            nonce: NONCE,
            encryption_key: Some(&key),
        });
        assert_eq!(
            hex(&transcript.to_bytes()),
            "83f6f682764f70656e4944345650444341504948616e646f7665725820\
             fbece366f4212f9762c74cfdbf83b8c69e371d5d68cea09cb4c48ca6daab761a"
        );
    }

    #[test]
    fn every_part_counts() {
        let key = key();
        let transcript = |client_id, nonce, encryption_key, response_uri| {
            SessionTranscript::new(&Handover::OpenId4Vp { client_id, nonce, encryption_key, response_uri }).to_bytes()
        };
        let all = [
            transcript("a", "b", Some(&key), "c"),
            transcript("b", "a", Some(&key), "c"),
            transcript("a", "b", None, "c"),
            transcript("a", "b", Some(&key), "d"),
            transcript("a", "c", Some(&key), "c"),
            SessionTranscript::new(&Handover::OpenId4VpDcApi { origin: "a", nonce: "b", encryption_key: None })
                .to_bytes(),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn refuses() {
        assert_eq!(SessionTranscript::parse(&[0x82, 0xf6, 0xf6]).unwrap_err(), Error::Member("SessionTranscript"));
        assert!(matches!(SessionTranscript::parse(&[0x83, 0xf6]), Err(Error::Cbor { .. })));
    }
}
