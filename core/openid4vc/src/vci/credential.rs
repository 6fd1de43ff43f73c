//! The credential endpoint's messages (OpenID4VCI 1.0 section 8), and notifications (section 11).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warifu_keys::json::{self, JsonError};

use crate::http;
use crate::oauth::{Code, OAuthError};

/// Longest credential request read, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;
/// Most proofs read from one request, whatever the issuer's batch size.
pub const MAX_PROOFS: usize = 256;
/// Most credentials read from one response.
pub const MAX_CREDENTIALS: usize = 256;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// `credential_configuration_id`.
    Configuration(String),
    /// `credential_identifier`, from the token response's `authorization_details`.
    Identifier(String),
}

/// The proofs of a request: one member named after the proof type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proofs {
    /// `jwt` proofs, one for each key (appendix F.1).
    Jwt(Vec<String>),
    /// A type that is not supported here; its name.
    Other(String),
}

/// A credential request (section 8.2). Unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRequest {
    /// What is asked for.
    pub wanted: Wanted,
    /// Proofs of possession.
    pub proofs: Option<Proofs>,
}

impl CredentialRequest {
    /// Parses the JSON body. Which error code belongs to which mistake: OpenID4VCI 1.0 section 8.3.1.2.
    pub fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let invalid = |why: &'static str| OAuthError::new(Code::InvalidCredentialRequest, why);
        if body.len() > MAX_BYTES {
            return Err(invalid("the request is too large"));
        }
        let body = json::parse_object(body).map_err(|_| invalid("the request is not acceptable JSON"))?;
        let text = |name: &str| match body.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && text.len() <= 1024 => Ok(Some(text.clone())),
            Some(_) => Err(invalid("an identifier is malformed")),
        };
        let wanted = match (text("credential_configuration_id")?, text("credential_identifier")?) {
            (Some(id), None) => Wanted::Configuration(id),
            (None, Some(id)) => Wanted::Identifier(id),
            (Some(_), Some(_)) | (None, None) => {
                return Err(invalid("exactly one of credential_configuration_id and credential_identifier is needed"));
            }
        };
        if body.contains_key("credential_response_encryption") {
            let why = "encrypted responses are not supported";
            return Err(OAuthError::new(Code::InvalidEncryptionParameters, why));
        }
        Ok(Self { wanted, proofs: body.get("proofs").map(proofs).transpose()? })
    }

    /// The JSON body.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut body = Map::new();
        let (name, id) = match &self.wanted {
            Wanted::Configuration(id) => ("credential_configuration_id", id),
            Wanted::Identifier(id) => ("credential_identifier", id),
        };
        body.insert(name.to_owned(), Value::from(id.as_str()));
        match &self.proofs {
            Some(Proofs::Jwt(list)) => {
                body.insert("proofs".to_owned(), serde_json::json!({ "jwt": list }));
            }
            Some(Proofs::Other(_)) | None => {}
        }
        Value::Object(body)
    }
}

fn proofs(value: &Value) -> Result<Proofs, OAuthError> {
    let invalid = |why: &'static str| OAuthError::new(Code::InvalidProof, why);
    let members = value.as_object().ok_or_else(|| invalid("proofs must be an object"))?;
    let mut members = members.iter();
    let (Some((name, list)), None) = (members.next(), members.next()) else {
        return Err(invalid("proofs must have exactly one member"));
    };
    let list =
        list.as_array().filter(|list| !list.is_empty()).ok_or_else(|| invalid("proofs must be a non-empty array"))?;
    if list.len() > MAX_PROOFS {
        return Err(invalid("too many proofs"));
    }
    if name != "jwt" {
        return Ok(Proofs::Other(http::shorten(name)));
    }
    let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| invalid("a jwt proof must be a string"));
    list.iter().map(text).collect::<Result<_, _>>().map(Proofs::Jwt)
}

/// One credential in a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// A compact text for `dc+sd-jwt`, `mso_mdoc` and `jwt_vc_json`, an object for `ldp_vc`.
    pub credential: Value,
}

/// A credential response (section 8.3).
#[derive(Debug, Clone, PartialEq)]
pub enum CredentialResponse {
    /// 200: the credentials, at most one for each key.
    Issued(Issued),
    /// 202: to be asked for later at the deferred credential endpoint.
    Deferred {
        /// What to ask with.
        transaction_id: String,
        /// Seconds to wait at least.
        interval: u64,
    },
}

/// The members of an immediate credential response.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// The credentials, never empty.
    pub credentials: Vec<IssuedCredential>,
    /// Names the issuance in a notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<String>,
    /// The next nonce. Not a member of the final standard (a nonce comes from the nonce endpoint), but wallets of the
    /// drafts before it take it from here and fail on the second configuration of an offer without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_nonce: Option<String>,
    /// Life of `c_nonce` in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_nonce_expires_in: Option<u64>,
}

impl Issued {
    /// A response with these compact credentials.
    #[must_use]
    pub fn compact(credentials: Vec<String>) -> Self {
        Self::new(credentials.into_iter().map(Value::String).collect())
    }

    /// A response with these credentials, each a compact text or an object as its format has it.
    #[must_use]
    pub fn new(credentials: Vec<Value>) -> Self {
        let wrap = |credential| IssuedCredential { credential };
        Self { credentials: credentials.into_iter().map(wrap).collect(), ..Self::default() }
    }

    /// Adds the next nonce, see [`Issued::c_nonce`].
    #[must_use]
    pub fn with_c_nonce(mut self, c_nonce: String) -> Self {
        self.c_nonce = Some(c_nonce);
        self.c_nonce_expires_in = u64::try_from(super::nonce::LIFE.as_secs()).ok();
        self
    }
}

impl CredentialResponse {
    /// Parses the body of a 2xx answer. Both or neither of `credentials` and `transaction_id` are malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let value = json::parse(bytes)?;
        let malformed = |why: &str| JsonError::Malformed(why.to_owned());
        match (value.get("credentials").is_some(), value.get("transaction_id").and_then(Value::as_str)) {
            (true, None) => {
                let issued: Issued = serde_json::from_value(value).map_err(|error| malformed(&error.to_string()))?;
                let count = issued.credentials.len();
                if count == 0 || count > MAX_CREDENTIALS {
                    return Err(malformed("no credential, or too many"));
                }
                Ok(Self::Issued(issued))
            }
            (false, Some(id)) => {
                let interval = value.get("interval").and_then(Value::as_u64).unwrap_or(5);
                Ok(Self::Deferred { transaction_id: id.to_owned(), interval })
            }
            (true, Some(_)) | (false, None) => {
                Err(malformed("exactly one of `credentials` and `transaction_id` is needed"))
            }
        }
    }

    /// The answer: 200 or 202, JSON.
    #[must_use]
    pub fn respond(&self) -> http::Response {
        match self {
            Self::Issued(issued) => http::Response::json(200, issued),
            Self::Deferred { transaction_id, interval } => http::Response::json(
                202,
                &serde_json::json!({ "transaction_id": transaction_id, "interval": interval }),
            ),
        }
    }
}

/// What became of an issuance (section 11.1). Sent again, it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// From the credential response.
    pub notification_id: String,
    /// What happened.
    pub event: Event,
    /// For people, ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_description: Option<String>,
}

/// What happened to issued credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Stored in the wallet.
    CredentialAccepted,
    /// Not stored, because of what the user did.
    CredentialDeleted,
    /// Not stored, for another reason.
    CredentialFailure,
}

impl Notification {
    /// Parses the body; anything wrong is `invalid_notification_request`.
    pub fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let refuse = |_| OAuthError::new(Code::InvalidNotificationRequest, "the notification is malformed");
        json::parse_as(body).map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, code: Code) {
        assert_eq!(CredentialRequest::parse(body.as_bytes()).unwrap_err().code, code, "`{body}`");
    }

    #[test]
    fn refused_requests() {
        check("", Code::InvalidCredentialRequest);
        check("[]", Code::InvalidCredentialRequest);
        check("{}", Code::InvalidCredentialRequest);
        check(r#"{"credential_configuration_id":"a","credential_identifier":"b"}"#, Code::InvalidCredentialRequest);
        check(
            r#"{"credential_configuration_id":"a","credential_configuration_id":"a"}"#,
            Code::InvalidCredentialRequest,
        );
        check(r#"{"credential_configuration_id":7}"#, Code::InvalidCredentialRequest);
        check(
            r#"{"credential_configuration_id":"a","credential_response_encryption":{}}"#,
            Code::InvalidEncryptionParameters,
        );
        let proofs = |value: &str| format!(r#"{{"credential_configuration_id":"a","proofs":{value}}}"#);
        for bad in ["[]", "{}", r#"{"jwt":[]}"#, r#"{"jwt":"x"}"#, r#"{"jwt":[1]}"#, r#"{"jwt":["x"],"di_vp":[{}]}"#] {
            check(&proofs(bad), Code::InvalidProof);
        }
        let many = vec!["\"x\""; MAX_PROOFS + 1].join(",");
        check(&proofs(&format!(r#"{{"jwt":[{many}]}}"#)), Code::InvalidProof);
    }

    #[test]
    fn requests_round_trip() {
        let proofs = Some(Proofs::Jwt(vec!["a.b.c".to_owned()]));
        for wanted in [Wanted::Configuration("kyc".to_owned()), Wanted::Identifier("kyc-1".to_owned())] {
            let request = CredentialRequest { wanted, proofs: proofs.clone() };
            assert_eq!(CredentialRequest::parse(request.to_value().to_string().as_bytes()).unwrap(), request);
        }
    }

    #[test]
    fn responses() {
        let issued = CredentialResponse::Issued(Issued::compact(vec!["x~".to_owned()]).with_c_nonce("n".to_owned()));
        assert_eq!(CredentialResponse::parse(&issued.respond().body).unwrap(), issued);
        let deferred = CredentialResponse::Deferred { transaction_id: "t".to_owned(), interval: 9 };
        assert_eq!(
            (deferred.respond().status, CredentialResponse::parse(&deferred.respond().body).unwrap()),
            (202, deferred)
        );
        for bad in [
            "{}",
            r#"{"credentials":[]}"#,
            r#"{"credentials":[{"credential":"x"}],"transaction_id":"t"}"#,
            r#"{"credentials":["x"]}"#,
        ] {
            assert!(CredentialResponse::parse(bad.as_bytes()).is_err(), "`{bad}`");
        }
        let notification = Notification::parse(br#"{"notification_id":"1","event":"credential_accepted"}"#).unwrap();
        assert_eq!(notification.event, Event::CredentialAccepted);
        let error = Notification::parse(br#"{"notification_id":"1","event":"other"}"#).unwrap_err();
        assert_eq!(error.code, Code::InvalidNotificationRequest);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), text in "[\\[\\]{}\":,a-z0-9]{0,80}") {
            for bytes in [&bytes[..], text.as_bytes()] {
                let _ = CredentialRequest::parse(bytes);
                let _ = CredentialResponse::parse(bytes);
                let _ = Notification::parse(bytes);
            }
        }
    }
}
