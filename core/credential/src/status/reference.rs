//! What a credential in CBOR says of its status: the member `status` of a mobile security object.

use url::Url;
use warifu_keys::cbor::{self, Value};
use warifu_keys::x509::Certificate;

use super::{Error, StatusReference, http_url};

/// Longest identifier in an identifier list, in bytes.
pub const MAX_IDENTIFIER: usize = 256;

/// Where a revoked credential is named: the member `status.identifier_list` (ISO/IEC 18013-5 second edition, section
/// 12.3.6). Being in the list means being revoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdentifierReference {
    /// URI of the identifier list token, http or https.
    pub uri: Url,
    /// The credential's identifier, 1 to [`MAX_IDENTIFIER`] bytes.
    pub id: Vec<u8>,
}

/// The member `status` of a mobile security object (ISO/IEC 18013-5 second edition, section 12.3.6): one of the two
/// lists or both, which then say the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusReferences {
    /// Entry in a token status list.
    pub status_list: Option<StatusReference>,
    /// Under which the status list is signed, where that is not the credential's own trust anchor.
    pub status_list_certificate: Option<Certificate>,
    /// Entry in an identifier list.
    pub identifier_list: Option<IdentifierReference>,
    /// Under which the identifier list is signed, where that is not the credential's own trust anchor.
    pub identifier_list_certificate: Option<Certificate>,
}

impl StatusReferences {
    /// An entry in a token status list, and nothing else.
    #[must_use]
    pub fn status_list(reference: StatusReference) -> Self {
        Self { status_list: Some(reference), ..Self::default() }
    }

    /// An entry in an identifier list, and nothing else.
    #[must_use]
    pub fn identifier_list(reference: IdentifierReference) -> Self {
        Self { identifier_list: Some(reference), ..Self::default() }
    }

    /// Reads the map; [`Error::Reference`] if neither list is there or a part of one is malformed. Other mechanisms
    /// beside them are ignored (draft-ietf-oauth-status-list-20 section 6.1).
    pub fn from_cbor(status: &Value) -> Result<Self, Error> {
        let uri = |list: &Value| cbor::member(list, "uri").and_then(Value::as_text).and_then(http_url);
        let certificate = |list: &Value| match cbor::member(list, "certificate") {
            None => Ok(None),
            Some(Value::Bytes(der)) => Certificate::from_der(der).map(Some).map_err(Error::Chain),
            Some(_) => Err(Error::Reference),
        };
        let mut references = Self::default();
        if let Some(list) = cbor::member(status, "status_list") {
            let idx = cbor::member(list, "idx").and_then(Value::as_integer).and_then(|idx| u64::try_from(idx).ok());
            let (uri, idx) = uri(list).zip(idx).ok_or(Error::Reference)?;
            references.status_list = Some(StatusReference { uri, idx });
            references.status_list_certificate = certificate(list)?;
        }
        if let Some(list) = cbor::member(status, "identifier_list") {
            let id = cbor::member(list, "id").and_then(Value::as_bytes);
            let id = id.filter(|id| (1..=MAX_IDENTIFIER).contains(&id.len()));
            let (uri, id) = uri(list).zip(id.cloned()).ok_or(Error::Reference)?;
            references.identifier_list = Some(IdentifierReference { uri, id });
            references.identifier_list_certificate = certificate(list)?;
        }
        if references.status_list.is_none() && references.identifier_list.is_none() {
            return Err(Error::Reference);
        }
        Ok(references)
    }

    /// The map as CBOR.
    #[must_use]
    pub fn to_cbor(&self) -> Value {
        let text = |text: &str| Value::from(text);
        let list = |mut members: Vec<(Value, Value)>, uri: &Url, certificate: &Option<Certificate>| {
            members.push((text("uri"), text(uri.as_str())));
            members.extend(certificate.iter().map(|c| (text("certificate"), Value::Bytes(c.der().to_vec()))));
            Value::Map(members)
        };
        let mut lists = Vec::new();
        if let Some(StatusReference { uri, idx }) = &self.status_list {
            let members = vec![(text("idx"), Value::from(*idx))];
            lists.push((text("status_list"), list(members, uri, &self.status_list_certificate)));
        }
        if let Some(IdentifierReference { uri, id }) = &self.identifier_list {
            let members = vec![(text("id"), Value::Bytes(id.clone()))];
            lists.push((text("identifier_list"), list(members, uri, &self.identifier_list_certificate)));
        }
        Value::Map(lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri() -> Url {
        "https://issuer.example/lists/1".parse().unwrap()
    }

    fn map(members: &[(&str, Value)]) -> Value {
        Value::Map(members.iter().map(|(name, value)| (Value::from(*name), value.clone())).collect())
    }

    #[test]
    fn reads_what_it_writes() {
        let root = crate::example::world("reference").root;
        let status_list = StatusReferences::status_list(StatusReference { uri: uri(), idx: 412 });
        let identifier_list =
            StatusReferences::identifier_list(IdentifierReference { uri: uri(), id: vec![0xab, 0xcd] });
        let both = StatusReferences { identifier_list_certificate: Some(root), ..identifier_list.clone() };
        let both = StatusReferences { status_list: status_list.status_list.clone(), ..both };
        for references in [status_list, identifier_list, both] {
            assert_eq!(StatusReferences::from_cbor(&references.to_cbor()).unwrap(), references);
        }
    }

    #[test]
    fn refuses() {
        let address = || Value::from("https://issuer.example/lists/1");
        for list in [
            map(&[]),
            map(&[("other", map(&[]))]),
            map(&[("status_list", map(&[("idx", Value::from(1))]))]),
            map(&[("status_list", map(&[("uri", address())]))]),
            map(&[("status_list", map(&[("idx", Value::from(-1)), ("uri", address())]))]),
            map(&[("status_list", map(&[("idx", Value::from(1)), ("uri", Value::from("file:///etc/passwd"))]))]),
            map(&[("identifier_list", map(&[("id", Value::Bytes(Vec::new())), ("uri", address())]))]),
            map(&[("identifier_list", map(&[("id", Value::Bytes(vec![1; MAX_IDENTIFIER + 1])), ("uri", address())]))]),
            map(&[("identifier_list", map(&[("id", Value::from("1")), ("uri", address())]))]),
            Value::Null,
        ] {
            assert_eq!(StatusReferences::from_cbor(&list).unwrap_err(), Error::Reference, "{list:?}");
        }
        let list = map(&[("idx", Value::from(1)), ("uri", address()), ("certificate", Value::Bytes(vec![1]))]);
        assert!(matches!(StatusReferences::from_cbor(&map(&[("status_list", list)])), Err(Error::Chain(_))));
    }
}
