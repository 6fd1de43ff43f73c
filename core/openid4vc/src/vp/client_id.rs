//! Client identifiers and their prefixes (OpenID4VP 1.0 section 5.9).
//!
//! Left out: clients that were registered before (an identifier without a prefix) and `openid_federation`. `origin` is
//! reserved and never accepted.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;
use warifu_keys::base64url;
use warifu_keys::x509::Certificate;

use crate::http;

/// Longest identifier, in bytes.
pub const MAX_BYTES: usize = http::MAX_URL_BYTES;

/// How a client identifier is to be read, and how its owner proves it (section 5.9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// `x509_hash`: the SHA-256 hash of a certificate (HAIP 1.0 section 5.1).
    X509Hash,
    /// `x509_san_dns`: a DNS name in a certificate.
    X509SanDns,
    /// `decentralized_identifier`: a DID.
    DecentralizedIdentifier,
    /// `verifier_attestation`: the subject of a verifier attestation (section 12).
    VerifierAttestation,
    /// `redirect_uri`: the address of the response itself. Nobody can sign for it.
    RedirectUri,
}

impl Prefix {
    /// All that are supported.
    pub const ALL: [Self; 5] =
        [Self::X509Hash, Self::X509SanDns, Self::DecentralizedIdentifier, Self::VerifierAttestation, Self::RedirectUri];

    /// The prefix as it stands before the colon.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X509Hash => "x509_hash",
            Self::X509SanDns => "x509_san_dns",
            Self::DecentralizedIdentifier => "decentralized_identifier",
            Self::VerifierAttestation => "verifier_attestation",
            Self::RedirectUri => "redirect_uri",
        }
    }

    /// The prefix of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|prefix| prefix.name() == name)
    }

    /// Whether requests under it are signed; the others can not be.
    #[must_use]
    pub fn is_signed(self) -> bool {
        match self {
            Self::X509Hash | Self::X509SanDns | Self::DecentralizedIdentifier | Self::VerifierAttestation => true,
            Self::RedirectUri => false,
        }
    }
}

/// A client identifier with its prefix, such as `x509_hash:…`: the verifier's name everywhere, in `aud` too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId {
    text: String,
    prefix: Prefix,
}

/// Why a text is no client identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAClientId {
    /// Without a prefix, or with one that is not supported.
    #[error("client identifier `{0}` has no supported prefix")]
    Prefix(String),
    /// What follows the prefix is not what the prefix demands.
    #[error("client identifier `{0}` is not of the form that its prefix demands")]
    Form(String),
}

impl ClientId {
    /// The identifier that belongs to an access certificate.
    #[must_use]
    pub fn x509_hash(leaf: &Certificate) -> Self {
        Self::of(Prefix::X509Hash, &leaf.sha256_base64url())
    }

    /// The identifier of a DNS name, to be proved by a certificate for it.
    pub fn x509_san_dns(name: &str) -> Result<Self, NotAClientId> {
        Self::parse(&format!("{}:{name}", Prefix::X509SanDns.name()))
    }

    /// The identifier of a DID.
    pub fn decentralized_identifier(did: &str) -> Result<Self, NotAClientId> {
        Self::parse(&format!("{}:{did}", Prefix::DecentralizedIdentifier.name()))
    }

    /// The identifier of the subject of a verifier attestation.
    pub fn verifier_attestation(subject: &str) -> Result<Self, NotAClientId> {
        Self::parse(&format!("{}:{subject}", Prefix::VerifierAttestation.name()))
    }

    /// The identifier of whoever receives at this response URI.
    pub fn redirect_uri(response_uri: &Url) -> Result<Self, NotAClientId> {
        Self::parse(&format!("{}:{response_uri}", Prefix::RedirectUri.name()))
    }

    fn of(prefix: Prefix, original: &str) -> Self {
        Self { text: format!("{}:{original}", prefix.name()), prefix }
    }

    /// Reads an identifier: the prefix is what stands before the first colon (section 5.9.1).
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        let unsupported = || NotAClientId::Prefix(http::shorten(text));
        let (prefix, original) = text.split_once(':').ok_or_else(unsupported)?;
        let prefix = Prefix::from_name(prefix).ok_or_else(unsupported)?;
        let fits = match prefix {
            Prefix::X509Hash => base64url::decode(original).is_ok_and(|hash| hash.len() == 32),
            Prefix::X509SanDns => is_dns_name(original),
            Prefix::DecentralizedIdentifier => is_did(original),
            Prefix::VerifierAttestation => !original.is_empty() && original.bytes().all(|byte| byte.is_ascii_graphic()),
            Prefix::RedirectUri => http::callable(original).is_ok(),
        };
        if fits && text.len() <= MAX_BYTES {
            Ok(Self { text: text.to_owned(), prefix })
        } else {
            Err(NotAClientId::Form(http::shorten(text)))
        }
    }

    /// The whole identifier, prefix included: what stands in `aud` and in the session transcript.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The prefix.
    #[must_use]
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// The identifier without its prefix.
    #[must_use]
    pub fn original(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, original)| original)
    }

    /// Whether the identifier is this certificate's.
    #[must_use]
    pub fn is_of(&self, leaf: &Certificate) -> bool {
        match self.prefix {
            Prefix::X509Hash => self.original() == leaf.sha256_base64url(),
            Prefix::X509SanDns => leaf.dns_names().iter().any(|name| name.eq_ignore_ascii_case(self.original())),
            Prefix::DecentralizedIdentifier | Prefix::VerifierAttestation | Prefix::RedirectUri => false,
        }
    }

    /// Whether the prefix lets its owner be answered at `response_uri`, written as `written` (section 8.2: what may be a
    /// redirect URI by section 5.9.3). What an attestation says beyond that is known to its reader only.
    pub(super) fn may_be_answered_at(&self, written: &str, response_uri: &Url) -> bool {
        match self.prefix {
            Prefix::X509SanDns => {
                response_uri.host_str().is_some_and(|host| host.eq_ignore_ascii_case(self.original()))
            }
            Prefix::RedirectUri => written == self.original(),
            Prefix::X509Hash | Prefix::DecentralizedIdentifier | Prefix::VerifierAttestation => true,
        }
    }
}

/// A DNS name of letters, digits and hyphens (RFC 1123 section 2.1), without a wildcard; not an address.
fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.split('.').all(label)
        && text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A DID without path, query and fragment (DID 1.0 section 3.1); its method's own rules are for whoever resolves it.
fn is_did(text: &str) -> bool {
    let rest = text.strip_prefix("did:").and_then(|rest| rest.split_once(':'));
    let idchar = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    rest.is_some_and(|(method, id)| {
        !method.is_empty()
            && method.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && !id.is_empty()
            && !id.ends_with(':')
            && id.bytes().all(idchar)
    })
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;

    fn try_from(text: String) -> Result<Self, NotAClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";

    /// The examples of section 5.9.3, and the shortest of each kind.
    #[test]
    fn prefixes() {
        let check = |text: &str, prefix: Prefix, original: &str| {
            let id = ClientId::parse(text).unwrap();
            assert_eq!((id.prefix(), id.original(), id.as_str()), (prefix, original, text));
            assert_eq!(serde_json::from_value::<ClientId>(serde_json::to_value(&id).unwrap()).unwrap(), id);
        };
        check(&format!("x509_hash:{HASH}"), Prefix::X509Hash, HASH);
        check("x509_san_dns:client.example.org", Prefix::X509SanDns, "client.example.org");
        check("x509_san_dns:localhost", Prefix::X509SanDns, "localhost");
        check("decentralized_identifier:did:example:123", Prefix::DecentralizedIdentifier, "did:example:123");
        check(
            "decentralized_identifier:did:web:shop.example%3A8443:a",
            Prefix::DecentralizedIdentifier,
            "did:web:shop.example%3A8443:a",
        );
        check("verifier_attestation:verifier.example", Prefix::VerifierAttestation, "verifier.example");
        check("verifier_attestation:https://v.example", Prefix::VerifierAttestation, "https://v.example");
        check("redirect_uri:https://client.example.org/cb", Prefix::RedirectUri, "https://client.example.org/cb");
    }

    #[test]
    fn other_prefixes() {
        for text in [
            "",
            "shop",
            "x509_hash",
            "X509_HASH:AAAA",
            "https://shop.example",
            "origin:https://shop.example",
            "openid_federation:https://shop.example",
            "pre-registered:shop",
            "invalid_scheme:shop",
            ":shop",
        ] {
            assert!(matches!(ClientId::parse(text), Err(NotAClientId::Prefix(_))), "`{text}`");
        }
    }

    #[test]
    fn other_forms() {
        let long = format!("verifier_attestation:{}", "x".repeat(MAX_BYTES));
        for text in [
            "x509_hash:",
            "x509_hash:AAAA",
            &format!("x509_hash:{HASH}="),
            "x509_san_dns:",
            "x509_san_dns:*.example.org",
            "x509_san_dns:example.org:443",
            "x509_san_dns:https://example.org",
            "x509_san_dns:127.0.0.1",
            "x509_san_dns:a..b",
            "x509_san_dns:-a.example",
            "decentralized_identifier:",
            "decentralized_identifier:shop",
            "decentralized_identifier:did:web",
            "decentralized_identifier:did:web:shop.example#key",
            "decentralized_identifier:did:Web:shop.example",
            "verifier_attestation:",
            "verifier_attestation:a b",
            &long,
            "redirect_uri:",
            "redirect_uri:shop",
            "redirect_uri:http://shop.example/",
            "redirect_uri:https://shop.example/#x",
        ] {
            assert!(matches!(ClientId::parse(text), Err(NotAClientId::Form(_))), "`{text}`");
        }
    }

    #[test]
    fn where_each_may_be_answered() {
        let check = |id: &str, uri: &str, expected: bool| {
            let found = ClientId::parse(id).unwrap().may_be_answered_at(uri, &Url::parse(uri).unwrap());
            assert_eq!(found, expected, "{id} at {uri}");
        };
        check("x509_san_dns:shop.example", "https://shop.example/r", true);
        check("x509_san_dns:SHOP.example", "https://shop.example:8443/r", true);
        check("x509_san_dns:shop.example", "https://www.shop.example/r", false);
        check("x509_san_dns:shop.example", "https://shop.example.org/r", false);
        check("redirect_uri:https://shop.example/r", "https://shop.example/r", true);
        check("redirect_uri:https://shop.example/r", "https://shop.example/r?x", false);
        check("redirect_uri:https://shop.example", "https://shop.example/", false);
        check(&format!("x509_hash:{HASH}"), "https://anywhere.example/r", true);
        check("decentralized_identifier:did:web:shop.example", "https://anywhere.example/r", true);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,100}", prefix in 0usize..5) {
            let _ = ClientId::parse(&text);
            if let Ok(id) = ClientId::parse(&format!("{}:{text}", Prefix::ALL[prefix].name())) {
                assert_eq!((id.prefix(), id.original()), (Prefix::ALL[prefix], text.as_str()));
            }
        }
    }
}
