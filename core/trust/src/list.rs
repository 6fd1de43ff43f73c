//! The signed trusted list of this project: an own list type of ETSI TS 119 602 with services that can be granted,
//! suspended and withdrawn.
//!
//! The list is the payload of a compact JWS in the manner of a JAdES baseline-B signature (ETSI TS 119 182-1): protected
//! `alg`, `x5c`, `typ` `JOSE` and `iat`. It is believed when the signer's chain ends at the operator's pinned
//! certificate, the signer's organisation and country are those of the list (clause 6.8), the sequence number did not go
//! back and the next update is not overdue. Everything unknown is refused: a critical header, a critical extension, a
//! member outside the schema, a status outside the three known ones. Services of unknown type are passed over, because
//! nothing can be granted through them.
//!
//! How the members of entities and services are used is in [`crate::entity`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use warifu_keys::json::JsonError;
use warifu_keys::jws::{Header, JwsError, Unverified};
use warifu_keys::signer::SignerError;
use warifu_keys::x509::{Certificate, Purpose, X509Error, verify_chain};
use warifu_keys::{Signer, json as strict};

pub use crate::entity::Standing;
use crate::entity::TrustedEntity;
use crate::lote;

/// `LoTEType` of the lists written and accepted here.
pub const LIST_TYPE: &str = "urn:warifu:lote:kyc:1";
/// `StatusDeterminationApproach`: the operator decides.
pub const STATUS_DETERMINATION: &str = "urn:warifu:lote:status-determination:operator:1";
/// Media type of the signed list.
pub const MEDIA_TYPE: &str = "application/jose";
/// Largest signed list accepted, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most entities in one list.
pub const MAX_ENTITIES: usize = 2000;
/// How far the signer's clock may run ahead.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why a trusted list was refused. A refused list changes nothing: the caller keeps the one it has until that expires.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// More bytes than [`MAX_BYTES`].
    #[error("a trusted list of {0} bytes is too large")]
    TooLarge(usize),
    /// The signature, its header or its certificates.
    #[error("the list's signature: {0}")]
    Signature(#[from] JwsError),
    /// The signer's chain does not end at the pinned operator.
    #[error("the list's signer: {0}")]
    Signer(#[from] X509Error),
    /// The signer's certificate names someone else than the list (ETSI TS 119 602 clause 6.8).
    #[error("the list names {member} `{expected}`, its signer's certificate says `{found}`")]
    SignerMismatch {
        /// `SchemeOperatorName` or `SchemeTerritory`.
        member: &'static str,
        /// What the list says.
        expected: String,
        /// What the certificate says.
        found: String,
    },
    /// The header has no `iat` that is a whole number of seconds.
    #[error("the list's header has no signing time")]
    NoSigningTime,
    /// The list was signed or issued after now.
    #[error("the list is dated {at}, it is {now}")]
    FromTheFuture {
        /// The list's time.
        at: Timestamp,
        /// The instant of the check.
        now: Timestamp,
    },
    /// The payload is not acceptable JSON of the schema.
    #[error("the list: {0}")]
    Json(#[from] JsonError),
    /// `LoTEVersionIdentifier` is not 1.
    #[error("the list has version {0}, only 1 is known")]
    Version(u64),
    /// `LoTEType` is another one.
    #[error("the list has type `{0}`, expected `{LIST_TYPE}`")]
    Type(String),
    /// The list is older than one that was seen before.
    #[error("the list has sequence number {found}, {seen} was seen before")]
    RolledBack {
        /// The highest sequence number seen before.
        seen: u64,
        /// This list's sequence number.
        found: u64,
    },
    /// The next update is overdue.
    #[error("the list expired at {next_update}, it is {now}")]
    Expired {
        /// Until when the list could be trusted.
        next_update: Timestamp,
        /// The instant of the check.
        now: Timestamp,
    },
    /// An extension that must be understood is not.
    #[error("the list has a critical extension that is not known")]
    CriticalExtension,
    /// A member has an impossible value; the text says which and why.
    #[error("the list: {what}: {why}")]
    Invalid {
        /// The entity, service or member.
        what: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The list could not be signed.
    #[error(transparent)]
    Unsigned(#[from] SignerError),
}

/// Who runs the scheme; the head of every list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// `SchemeOperatorName`; must be the organisation in the list signer's certificate.
    pub name: String,
    /// `SchemeTerritory`; must be the country in the list signer's certificate.
    pub territory: String,
    /// `SchemeName`.
    pub scheme: String,
    /// `SchemeInformationURI`.
    pub information: String,
}

/// A list that may be believed. [`TrustedList::verify`] makes it from signed bytes, [`TrustedList::new`] from what the
/// operator's own registry knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedList {
    operator: Operator,
    sequence: u64,
    issued: Timestamp,
    next_update: Timestamp,
    entities: Vec<TrustedEntity>,
}

impl TrustedList {
    /// A list of the operator's own making, checked by the same rules that readers apply to its content.
    ///
    /// `sequence` starts at 1; times are cut to whole seconds and `next_update` must be after `issued`.
    pub fn new(
        operator: Operator,
        sequence: u64,
        issued: Timestamp,
        next_update: Timestamp,
        entities: Vec<TrustedEntity>,
    ) -> Result<Self, ListError> {
        let (issued, next_update) = (lote::whole_seconds(issued), lote::whole_seconds(next_update));
        let list = Self { operator, sequence, issued, next_update, entities };
        let again = Self::from_document(&list.to_document())?;
        Ok(again)
    }

    /// Reads a signed list and decides whether it may be believed at `now`.
    ///
    /// `operator` holds the pinned certificates: the operator's root, or the list signer itself. `seen` is the highest
    /// sequence number that this reader accepted before; the same number again is fine, a lower one is
    /// [`ListError::RolledBack`].
    pub fn verify(jws: &str, operator: &[Certificate], now: Timestamp, seen: Option<u64>) -> Result<Self, ListError> {
        if jws.len() > MAX_BYTES {
            return Err(ListError::TooLarge(jws.len()));
        }
        let received = Unverified::parse(jws)?;
        received.expect_typ("JOSE")?;
        let signer = verify_chain(&received.x5c()?, operator, Purpose::ListSigner, now)?.leaf;
        let payload = received.verify(&signer.public_key()?)?;

        // JAdES `iat` takes the place of `sigT` for signatures made after July 2025.
        let signed = received.header("iat").and_then(Value::as_i64).ok_or(ListError::NoSigningTime)?;
        let signed = Timestamp::from_second(signed).map_err(|_| ListError::NoSigningTime)?;

        let list = Self::from_document(&strict::parse_as(payload)?)?;
        for at in [signed, list.issued] {
            if at > now.saturating_add(CLOCK_SKEW).unwrap_or(now) {
                return Err(ListError::FromTheFuture { at, now });
            }
        }
        let mismatch = |member, expected: &str, found: Option<String>| match found {
            Some(found) if found == expected => Ok(()),
            found => Err(ListError::SignerMismatch {
                member,
                expected: expected.to_owned(),
                found: found.unwrap_or_default(),
            }),
        };
        mismatch("SchemeOperatorName", &list.operator.name, signer.organization())?;
        mismatch("SchemeTerritory", &list.operator.territory, signer.country())?;
        if let Some(seen) = seen.filter(|seen| list.sequence < *seen) {
            return Err(ListError::RolledBack { seen, found: list.sequence });
        }
        list.check_now(now)?;
        Ok(list)
    }

    /// Signs the list. `chain` is the list signer's, leaf first, the operator's root left out.
    pub fn sign(&self, chain: &[Certificate], signer: &dyn Signer, now: Timestamp) -> Result<String, ListError> {
        let header = Header::typ("JOSE").x5c(chain).with("iat", json!(now.as_second()));
        let value =
            serde_json::to_value(self.to_document()).map_err(|error| JsonError::Malformed(error.to_string()))?;
        let jws = warifu_keys::jws::sign(header, strict::canonical(&value).as_bytes(), signer)?;
        if jws.len() > MAX_BYTES {
            return Err(ListError::TooLarge(jws.len()));
        }
        Ok(jws)
    }

    /// [`ListError::Expired`] once the next update is overdue.
    pub fn check_now(&self, now: Timestamp) -> Result<(), ListError> {
        if now >= self.next_update {
            return Err(ListError::Expired { next_update: self.next_update, now });
        }
        Ok(())
    }

    /// Who runs the scheme.
    #[must_use]
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The number of this issue; a reader stores the highest one it accepted.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the list was issued.
    #[must_use]
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Until when the list may be trusted.
    #[must_use]
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// All entities, whatever the status of their services.
    #[must_use]
    pub fn entities(&self) -> &[TrustedEntity] {
        &self.entities
    }

    /// The entity with this identifier.
    #[must_use]
    pub fn entity(&self, id: &str) -> Option<&TrustedEntity> {
        self.entities.iter().find(|entity| entity.id == id)
    }

    /// The list in its wire form.
    #[must_use]
    pub fn to_document(&self) -> lote::Document {
        lote::Document {
            lote: lote::Lote {
                scheme: lote::SchemeInformation {
                    version: 1,
                    sequence: self.sequence,
                    list_type: Some(LIST_TYPE.to_owned()),
                    scheme_operator_name: lote::Text::english(&self.operator.name),
                    scheme_operator_address: None,
                    scheme_name: lote::Text::english(&self.operator.scheme),
                    scheme_information: lote::Uri::english(&self.operator.information),
                    status_determination_approach: Some(STATUS_DETERMINATION.to_owned()),
                    scheme_type_community_rules: Vec::new(),
                    scheme_territory: Some(self.operator.territory.clone()),
                    policy_or_legal_notice: Vec::new(),
                    historical_information_period: None,
                    pointers: Vec::new(),
                    list_issue_date_time: self.issued,
                    next_update: self.next_update,
                    distribution_points: Vec::new(),
                    scheme_extensions: Vec::new(),
                },
                entities: self.entities.iter().map(TrustedEntity::to_wire).collect(),
            },
        }
    }

    /// Everything about the content that does not depend on signer and time.
    fn from_document(document: &lote::Document) -> Result<Self, ListError> {
        let lote::Lote { scheme, entities } = &document.lote;
        if scheme.version != 1 {
            return Err(ListError::Version(scheme.version));
        }
        match scheme.list_type.as_deref() {
            Some(LIST_TYPE) => {}
            other => return Err(ListError::Type(shorten(other.unwrap_or_default()))),
        }
        refuse_critical(&scheme.scheme_extensions)?;
        if scheme.sequence == 0 {
            return invalid("LoTESequenceNumber", "it starts at 1");
        }
        if scheme.next_update <= scheme.list_issue_date_time {
            return invalid("NextUpdate", "it is not after the issue of the list");
        }
        let territory = scheme.scheme_territory.clone().unwrap_or_default();
        if territory.len() != 2 {
            return invalid("SchemeTerritory", "two letters are expected");
        }
        if entities.len() > MAX_ENTITIES {
            return invalid("TrustedEntitiesList", "too many entities");
        }
        let operator = Operator {
            name: first(&scheme.scheme_operator_name, "SchemeOperatorName")?,
            territory,
            scheme: scheme.scheme_name.first().map(|text| text.value.clone()).unwrap_or_default(),
            information: scheme.scheme_information.first().map(|uri| uri.value.clone()).unwrap_or_default(),
        };
        let entities: Vec<TrustedEntity> = entities.iter().map(TrustedEntity::from_wire).collect::<Result<_, _>>()?;
        let mut ids: Vec<&str> = entities.iter().map(|entity| entity.id.as_str()).collect();
        ids.sort_unstable();
        if let Some([id, _]) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(id, "two entities have this identifier");
        }
        Ok(Self {
            operator,
            sequence: scheme.sequence,
            issued: scheme.list_issue_date_time,
            next_update: scheme.next_update,
            entities,
        })
    }
}

/// Extensions are open JSON; ETSI marks those that must be understood with a `Critical` member.
pub(crate) fn refuse_critical(extensions: &[Value]) -> Result<(), ListError> {
    let critical = |extension: &Value| {
        extension.as_object().is_some_and(|members| {
            members.iter().any(|(name, value)| name.eq_ignore_ascii_case("critical") && *value != Value::Bool(false))
        })
    };
    if extensions.iter().any(critical) { Err(ListError::CriticalExtension) } else { Ok(()) }
}

pub(crate) fn first(texts: &[lote::Text], member: &'static str) -> Result<String, ListError> {
    match texts.first() {
        Some(text) if !text.value.is_empty() && text.value.len() <= 400 => Ok(text.value.clone()),
        Some(_) | None => invalid(member, "a text of 1 to 400 bytes is expected"),
    }
}

pub(crate) fn invalid<T>(what: &str, why: &'static str) -> Result<T, ListError> {
    Err(ListError::Invalid { what: shorten(what), why })
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;
    use warifu_keys::{SigningKey, base64url};

    use super::*;
    use crate::entity::{ServiceStatus, ServiceType};
    use crate::fixture::{NOW, Scheme, at, authority, leaf};

    fn payload(jws: &str) -> Value {
        let body = jws.split('.').nth(1).unwrap();
        strict::parse(&base64url::decode(body).unwrap()).unwrap()
    }

    /// Signs any payload the way a list is signed.
    fn sign(scheme: &Scheme, payload: &Value, header: Header) -> String {
        warifu_keys::jws::sign(header, payload.to_string().as_bytes(), &scheme.list_key).unwrap()
    }

    fn header(scheme: &Scheme) -> Header {
        Header::typ("JOSE").x5c(&scheme.list_chain).with("iat", json!(at(NOW).as_second()))
    }

    #[test]
    fn what_is_signed_reads_back() {
        let scheme = Scheme::new();
        let list = scheme.list(7);
        let jws = scheme.sign(&list);
        let read = TrustedList::verify(&jws, &scheme.anchors(), at(NOW), Some(7)).unwrap();
        assert_eq!(read, list);
        assert_eq!(read.entity("partner-b").unwrap().name, "Bank B");
        // The pinned certificate may also be the list signer itself.
        TrustedList::verify(&jws, &scheme.list_chain, at(NOW), None).unwrap();
    }

    #[test]
    fn history_reads_back_and_answers_for_the_past() {
        let scheme = Scheme::new();
        let mut entities = scheme.entities();
        let service = &mut entities[0].services[0];
        service.set_status(ServiceStatus::Suspended, at("2026-11-24T00:00:00Z")).unwrap();
        service.set_status(ServiceStatus::Granted, at("2026-11-25T00:00:00Z")).unwrap();
        service.set_status(ServiceStatus::Withdrawn, at("2026-11-25T00:00:00.5Z")).unwrap();
        assert!(
            service.set_status(ServiceStatus::Granted, at("2026-11-26T00:00:00Z")).is_err(),
            "withdrawn is for good"
        );
        let list = scheme.list_of(2, entities);
        let read = TrustedList::verify(&scheme.sign(&list), &scheme.anchors(), at(NOW), None).unwrap();
        let service = &read.entities()[0].services[0];
        let check = |instant: &str, expected: Option<ServiceStatus>| {
            assert_eq!(service.standing_at(at(instant)).map(|standing| standing.status), expected, "{instant}");
        };
        check("2026-11-21T00:00:00Z", None);
        check("2026-11-23T12:00:00Z", Some(ServiceStatus::Granted));
        check("2026-11-24T12:00:00Z", Some(ServiceStatus::Suspended));
        check("2026-11-25T00:00:00Z", Some(ServiceStatus::Withdrawn));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let scheme = Scheme::new();
        let jws = scheme.sign(&scheme.list(1));
        for position in (0..jws.len()).step_by(17) {
            let mut bytes = jws.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            if bytes == jws.as_bytes() {
                continue;
            }
            let changed = String::from_utf8(bytes).unwrap();
            let read = TrustedList::verify(&changed, &scheme.anchors(), at(NOW), None);
            assert!(read.is_err(), "position {position}");
        }
    }

    #[test]
    fn refusals_by_time_and_number() {
        let scheme = Scheme::new();
        let jws = scheme.sign(&scheme.list(5));
        let verify = |now: &str, seen| TrustedList::verify(&jws, &scheme.anchors(), at(now), seen);
        assert!(matches!(verify(NOW, Some(6)), Err(ListError::RolledBack { seen: 6, found: 5 })));
        assert!(matches!(verify("2026-11-24T00:00:00Z", None), Err(ListError::Expired { .. })));
        assert!(matches!(
            verify("2026-11-22T23:50:00Z", None),
            Err(ListError::Signer(_)) | Err(ListError::FromTheFuture { .. })
        ));
        assert!(verify("2026-11-23T23:59:59Z", Some(5)).is_ok());
    }

    #[test]
    fn a_list_from_the_future_is_refused() {
        let scheme = Scheme::new();
        let early = at("2026-11-23T06:00:00Z");
        let list =
            TrustedList::new(scheme.operator(), 1, at("2026-11-23T07:00:00Z"), at("2026-11-24T00:00:00Z"), Vec::new());
        let jws = list.unwrap().sign(&scheme.list_chain, &scheme.list_key, early).unwrap();
        let error = TrustedList::verify(&jws, &scheme.anchors(), early, None).unwrap_err();
        assert!(matches!(error, ListError::FromTheFuture { .. }), "{error}");
        let list = scheme.list(1);
        let jws = list.sign(&scheme.list_chain, &scheme.list_key, at("2026-11-23T07:00:00Z")).unwrap();
        let error = TrustedList::verify(&jws, &scheme.anchors(), early, None).unwrap_err();
        assert!(matches!(error, ListError::FromTheFuture { .. }), "{error}");
    }

    #[test]
    fn foreign_signers_are_refused() {
        let scheme = Scheme::new();
        let list = scheme.list(1);
        let other = authority("other", "Other Operator");
        // A complete copy of the scheme under another operator's keys.
        let (chain, key) = leaf(&other, "other-list", "Warifu Sandbox Registry", Purpose::ListSigner);
        let jws = list.sign(&chain, &key, at(NOW)).unwrap();
        let error = TrustedList::verify(&jws, &scheme.anchors(), at(NOW), None).unwrap_err();
        assert!(matches!(error, ListError::Signer(X509Error::NoAnchor { .. })), "{error}");
        // The right certificate with a stranger's signature.
        let stranger = SigningKey::generate_p256(&Seeded::dangerous_new("stranger"));
        let jws = list.sign(&scheme.list_chain, &stranger, at(NOW)).unwrap();
        let error = TrustedList::verify(&jws, &scheme.anchors(), at(NOW), None).unwrap_err();
        assert!(matches!(error, ListError::Signature(JwsError::BadSignature)), "{error}");
        // A certificate of the operator's root that names another organisation (clause 6.8).
        let (chain, key) = leaf(&scheme.root, "sub", "Someone Else", Purpose::ListSigner);
        let jws = list.sign(&chain, &key, at(NOW)).unwrap();
        let error = TrustedList::verify(&jws, &scheme.anchors(), at(NOW), None).unwrap_err();
        assert!(matches!(error, ListError::SignerMismatch { member: "SchemeOperatorName", .. }), "{error}");
        // No anchor at all.
        let jws = scheme.sign(&list);
        assert!(matches!(TrustedList::verify(&jws, &[], at(NOW), None), Err(ListError::Signer(_))));
    }

    #[test]
    fn headers_are_exact() {
        let scheme = Scheme::new();
        let good = payload(&scheme.sign(&scheme.list(1)));
        let verify = |jws: String| TrustedList::verify(&jws, &scheme.anchors(), at(NOW), None);
        assert!(verify(sign(&scheme, &good, header(&scheme))).is_ok());
        let typ = Header::typ("JWT").x5c(&scheme.list_chain).with("iat", json!(at(NOW).as_second()));
        assert!(matches!(verify(sign(&scheme, &good, typ)), Err(ListError::Signature(JwsError::Type { .. }))));
        let crit = header(&scheme).with("crit", json!(["sigT"])).with("sigT", json!("2026-11-23T00:00:00Z"));
        assert!(matches!(verify(sign(&scheme, &good, crit)), Err(ListError::Signature(JwsError::Critical))));
        let no_time = Header::typ("JOSE").x5c(&scheme.list_chain);
        assert!(matches!(verify(sign(&scheme, &good, no_time)), Err(ListError::NoSigningTime)));
        let no_chain = Header::typ("JOSE").with("iat", json!(at(NOW).as_second()));
        assert!(matches!(verify(sign(&scheme, &good, no_chain)), Err(ListError::Signature(JwsError::Certificate(_)))));
        assert!(matches!(verify("x".repeat(MAX_BYTES + 1)), Err(ListError::TooLarge(_))));
    }

    /// Each row changes one member of a good list and names the refusal.
    #[test]
    fn content_rules() {
        let scheme = Scheme::new();
        let good = payload(&scheme.sign(&scheme.list(1)));
        let check = |pointer: &str, value: Value, expected: fn(&ListError) -> bool| {
            let mut changed = good.clone();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("`{pointer}`"));
            match parent {
                Value::Object(map) => drop(map.insert(member.to_owned(), value)),
                Value::Array(list) => list[member.parse::<usize>().unwrap()] = value,
                _ => panic!("`{pointer}`"),
            }
            let jws = sign(&scheme, &changed, header(&scheme));
            let error = TrustedList::verify(&jws, &scheme.anchors(), at(NOW), None).unwrap_err();
            assert!(expected(&error), "`{pointer}`: {error}");
        };
        let invalid = |error: &ListError| matches!(error, ListError::Invalid { .. });
        let json_error = |error: &ListError| matches!(error, ListError::Json(_));
        let scheme_member = "/LoTE/ListAndSchemeInformation";
        let service = "/LoTE/TrustedEntitiesList/0/TrustedEntityServices/0/ServiceInformation";
        check(&format!("{scheme_member}/LoTEVersionIdentifier"), json!(2), |e| matches!(e, ListError::Version(2)));
        check(
            &format!("{scheme_member}/LoTEType"),
            json!("http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList"),
            |e| matches!(e, ListError::Type(_)),
        );
        check(&format!("{scheme_member}/LoTESequenceNumber"), json!(0), invalid);
        check(&format!("{scheme_member}/NextUpdate"), json!("2026-11-22T00:00:00Z"), invalid);
        check(&format!("{scheme_member}/NextUpdate"), json!("2026-11-24T00:00:00.5Z"), json_error);
        check(&format!("{scheme_member}/NextUpdate"), json!("2026-11-24T00:00:00+09"), json_error);
        check(&format!("{scheme_member}/SchemeTerritory"), json!("XX"), |e| {
            matches!(e, ListError::SignerMismatch { member: "SchemeTerritory", .. })
        });
        check(&format!("{scheme_member}/SchemeExtensions"), json!([{"Critical": true}]), |e| {
            matches!(e, ListError::CriticalExtension)
        });
        check(&format!("{scheme_member}/Unknown"), json!(1), json_error);
        check(&format!("{service}/ServiceStatus"), json!("urn:warifu:service-status:maybe"), invalid);
        check(&format!("{service}/StatusStartingTime"), Value::Null, json_error);
        check(&format!("{service}/ServiceDigitalIdentity"), json!({}), invalid);
        check(&format!("{service}/ServiceDigitalIdentity"), json!({"X509Certificates": [{"val": "AAAA"}]}), |e| {
            matches!(e, ListError::Signer(_))
        });
        check(&format!("{service}/ServiceName"), json!([]), invalid);
        let twice = good.pointer("/LoTE/TrustedEntitiesList/1").unwrap().clone();
        check("/LoTE/TrustedEntitiesList/0", twice, invalid);
        let private = json!({"PublicKeyValues": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}], "OtherIds": ["a"]});
        check(&format!("{service}/ServiceDigitalIdentity"), private, json_error);
    }

    #[test]
    fn services_of_other_schemes_are_passed_over() {
        let scheme = Scheme::new();
        let mut document = serde_json::to_value(scheme.list(1).to_document()).unwrap();
        let service = "/LoTE/TrustedEntitiesList/0/TrustedEntityServices/0/ServiceInformation/ServiceTypeIdentifier";
        *document.pointer_mut(service).unwrap() = json!("http://uri.etsi.org/19602/SvcType/PID/Issuance");
        let jws = sign(&scheme, &document, header(&scheme));
        let list = TrustedList::verify(&jws, &scheme.anchors(), at(NOW), None).unwrap();
        assert!(list.entities()[0].services_of(ServiceType::KycIssuance).next().is_none());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-Za-z0-9_.{}\":-]{0,200}") {
            let _ = TrustedList::verify(&text, &[], at(NOW), None);
        }

        /// Any JSON value in place of any member either reads or is refused.
        #[test]
        fn content_never_panics(member in 0usize..6, text in "[a-zA-Z0-9:/. -]{0,30}", number in proptest::num::i64::ANY) {
            let scheme = Scheme::new();
            let mut document = serde_json::to_value(scheme.list(1).to_document()).unwrap();
            let pointers = [
                "/LoTE/ListAndSchemeInformation/LoTESequenceNumber",
                "/LoTE/ListAndSchemeInformation/NextUpdate",
                "/LoTE/TrustedEntitiesList/0/TrustedEntityInformation/TEInformationExtensions",
                "/LoTE/TrustedEntitiesList/0/TrustedEntityServices/0/ServiceInformation/ServiceDigitalIdentity/X509Certificates/0/val",
                "/LoTE/TrustedEntitiesList/0/TrustedEntityServices/0/ServiceInformation/StatusStartingTime",
                "/LoTE/TrustedEntitiesList/0/TrustedEntityInformation/TEAddress",
            ];
            for value in [json!(text), json!(number), json!([{ "EntityIdentifier": text }])] {
                *document.pointer_mut(pointers[member]).unwrap() = value;
                if let Ok(document) = serde_json::from_value::<lote::Document>(document.clone()) {
                    let _ = TrustedList::from_document(&document);
                }
            }
        }
    }
}
