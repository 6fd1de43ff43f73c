//! did:web (W3C CCG did:web): the document lies below a domain's `https` address.

use url::{Host, Url};
use warifu_keys::json;

use super::{Did, DidError, Document};

/// The address of the document of `did`: `/.well-known/did.json` of its host, or `did.json` below its path.
pub fn document_url(did: &Did) -> Result<Url, DidError> {
    https(did, did.of_method("web")?, "did.json")
}

/// The document of `did` from what its address answered.
pub fn document(did: &Did, body: &[u8]) -> Result<Document, DidError> {
    did.of_method("web")?;
    Document::of(did, json::parse_object(body).map_err(|_| DidError::Document("object"))?)
}

/// The `https` address of `file` for a host with optional port and path, written with colons (did:web section 3.2,
/// did:webvh 1.0 section "The DID to HTTPS Transformation").
pub(super) fn https(did: &Did, location: &str, file: &str) -> Result<Url, DidError> {
    let mut parts = location.split(':');
    let domain = decoded(did, parts.next().unwrap_or_default())?;
    let (host, port) = match domain.split_once(':') {
        None => (domain.as_str(), None),
        Some((host, port)) => {
            let number = port.parse::<u16>().ok().filter(|number| *number > 0 && port.len() <= 5);
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            (host, Some(number.filter(|_| digits).ok_or_else(|| did.refused("its port is no port"))?))
        }
    };
    let mut url = Url::parse("https://placeholder.invalid/").map_err(|_| did.refused("it has no address"))?;
    let plain = |host: &str| !host.is_empty() && !host.contains(['/', '\\', '?', '#', '@', '[', ']', '%']);
    if !plain(host) || url.set_host(Some(host)).is_err() {
        return Err(did.refused("its host is no domain name"));
    }
    // An address instead of a name has nobody who vouches for it, and numbers can be written so that few see one.
    match url.host() {
        Some(Host::Domain(name)) if name == "localhost" || name.contains('.') => {}
        Some(_) | None => return Err(did.refused("its host is no domain name")),
    }
    if url.set_port(port).is_err() {
        return Err(did.refused("its port is no port"));
    }
    let segments: Vec<String> = parts.map(|part| decoded(did, part)).collect::<Result<_, _>>()?;
    {
        let mut path = url.path_segments_mut().map_err(|()| did.refused("it has no path"))?;
        path.clear();
        if segments.is_empty() {
            path.push(".well-known");
        }
        for segment in &segments {
            let outside = matches!(segment.as_str(), "" | "." | "..") || segment.contains(['/', '\\', '\0']);
            if outside || segment.trim() != segment {
                return Err(did.refused("its path leaves its place"));
            }
            path.push(segment);
        }
        path.push(file);
    }
    Ok(url)
}

/// Percent-decoded exactly once. (The syntax of [`Did`] has seen to it that every `%` is followed by two digits.)
fn decoded(did: &Did, text: &str) -> Result<String, DidError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let digits = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(digits.ok_or_else(|| did.refused("a percent sign stands alone"))?);
        rest = &escape[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| did.refused("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(did: &str, expected: Option<&str>) {
        let url = document_url(&Did::parse(did).unwrap());
        assert_eq!(url.as_ref().ok().map(Url::as_str), expected, "{did}: {url:?}");
    }

    /// The examples of did:web section 3.2, and what must not become an address.
    #[test]
    fn addresses() {
        check("did:web:w3c-ccg.github.io", Some("https://w3c-ccg.github.io/.well-known/did.json"));
        check("did:web:w3c-ccg.github.io:user:alice", Some("https://w3c-ccg.github.io/user/alice/did.json"));
        check("did:web:example.com%3A3000:user:alice", Some("https://example.com:3000/user/alice/did.json"));
        check("did:web:example.com%3A443", Some("https://example.com/.well-known/did.json"));
        check("did:web:localhost%3A8443", Some("https://localhost:8443/.well-known/did.json"));
        check("did:web:xn--bcher-kva.example:caf%C3%A9", Some("https://xn--bcher-kva.example/caf%C3%A9/did.json"));
        for bad in [
            "did:web:127.0.0.1",
            "did:web:0x7f.1",
            "did:web:2130706433",
            "did:web:%5B%3A%3A1%5D",
            "did:web:example",
            "did:web:user%40example.com",
            "did:web:example.com%2Fpath",
            "did:web:example.com%3A0",
            "did:web:example.com%3A65536",
            "did:web:example.com%3A80%3A80",
            "did:web:example.com%3A+80".split('+').next().unwrap(),
            "did:web:example.com:..",
            "did:web:example.com:%2E%2E",
            "did:web:example.com:a%2Fb",
            "did:web:example.com::a",
            "did:web:example.com:%20a",
            "did:web:example.com:%FF",
            "did:key:z6Mk",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn the_document_must_be_its_own() {
        let did = Did::parse("did:web:example.com").unwrap();
        assert!(document(&did, br#"{"id":"did:web:example.com"}"#).is_ok());
        assert!(matches!(document(&did, br#"{"id":"did:web:evil.example"}"#), Err(DidError::OtherSubject { .. })));
        assert_eq!(document(&did, br#"{"id":"did:web:example.com","id":"x"}"#), Err(DidError::Document("object")));
        assert_eq!(document(&did, b"[]"), Err(DidError::Document("object")));
    }
}
