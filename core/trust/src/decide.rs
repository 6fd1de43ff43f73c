//! Decisions from a trusted list, and refusals that explain themselves.
//!
//! A party is trusted for one service at one instant: the list must be in date, a certificate chain must end at a
//! certificate of a service of that type, and that service must be granted at that instant. A certificate that stands
//! in two services of the type counts as the worse of the two.

use jiff::Timestamp;
use serde::Serialize;
use warifu_keys::x509::{Certificate, X509Error, verify_chain};
use warifu_keys::{Jwk, PublicKey};

use crate::entity::{self, Service, ServiceStatus, ServiceType, Standing, TrustedEntity};
use crate::list::{ListError, TrustedList};

/// What a role knows about whom to trust: a verified list, or the reason why there is none.
#[derive(Debug, Clone)]
pub struct Trust {
    list: Result<TrustedList, String>,
}

/// Why a party is not trusted. [`Refusal::explain`] says it in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no list to decide from.
    #[error("no trusted list: {why}")]
    NoList {
        /// Why there is none.
        why: String,
    },
    /// The list is out of date.
    #[error("the trusted list expired at {next_update}")]
    ListExpired {
        /// Until when it could be trusted.
        next_update: Timestamp,
    },
    /// The certificate chain is unusable, or ends at no listed certificate.
    #[error("not trusted for {}: {cause}", .service.word())]
    Chain {
        /// What the party wanted to do.
        service: ServiceType,
        /// The failing certificate.
        certificate: String,
        /// What was wrong.
        cause: X509Error,
    },
    /// No entity has this identifier for this service.
    #[error("`{identifier}` is not listed for {}", .service.word())]
    NotListed {
        /// What the party wanted to do.
        service: ServiceType,
        /// The identifier that was looked for.
        identifier: String,
    },
    /// Two entities claim this identifier.
    #[error("`{identifier}` is listed for {} more than once", .service.word())]
    Ambiguous {
        /// What the party wanted to do.
        service: ServiceType,
        /// The identifier that was looked for.
        identifier: String,
    },
    /// The service is listed, but not granted now.
    #[error("{} of `{entity}` is {status} since {since}", .service.word())]
    NotGranted {
        /// What the party wanted to do.
        service: ServiceType,
        /// Name of the entity.
        entity: String,
        /// Its status.
        status: ServiceStatus,
        /// Since when.
        since: Timestamp,
    },
    /// The service's first status has not begun.
    #[error("{} of `{entity}` begins only at {from}", .service.word())]
    NotYet {
        /// What the party wanted to do.
        service: ServiceType,
        /// Name of the entity.
        entity: String,
        /// When it begins.
        from: Timestamp,
    },
}

/// A refusal taken apart for a page, a log line or a person at the telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Stable name of the rule that failed, for catalogues of texts.
    pub rule: &'static str,
    /// The certificate or entity that failed.
    pub subject: String,
    /// What the rule demands.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// Since when it is so, where the list says it.
    pub since: Option<Timestamp>,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Every value of [`Explanation::rule`].
pub const RULES: [&str; 12] = [
    "no_list",
    "list_expired",
    "chain_unusable",
    "certificate_not_valid_now",
    "not_listed",
    "chain_broken",
    "certificate_profile",
    "wrong_purpose",
    "ambiguous",
    "suspended",
    "withdrawn",
    "not_yet",
];

impl Refusal {
    /// Which certificate or entity, what is expected, what was found, since when, and what to do.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let purpose = |service: ServiceType| format!("a party granted for {}", service.word());
        match self {
            Self::NoList { why } => Explanation {
                rule: "no_list",
                subject: "trusted list".to_owned(),
                expected: "a trusted list signed by the pinned operator".to_owned(),
                found: why.clone(),
                since: None,
                remedy: "fetch the list from the registry and check the pinned operator certificate",
            },
            Self::ListExpired { next_update } => Explanation {
                rule: "list_expired",
                subject: "trusted list".to_owned(),
                expected: "a list whose next update is not overdue".to_owned(),
                found: format!("the next update was due at {next_update}"),
                since: Some(*next_update),
                remedy: "fetch the list again; if the registry serves the same one, its operator must publish",
            },
            Self::Chain { service, certificate, cause } => {
                let (rule, expected, remedy) = explain_chain(*service, cause);
                Explanation {
                    rule,
                    subject: certificate.clone(),
                    expected,
                    found: cause.to_string(),
                    since: match cause {
                        X509Error::NotValidNow { until, now, .. } if until < now => Some(*until),
                        _ => None,
                    },
                    remedy,
                }
            }
            Self::NotListed { service, identifier } => Explanation {
                rule: "not_listed",
                subject: identifier.clone(),
                expected: purpose(*service),
                found: "no entity of the list has this identifier".to_owned(),
                since: None,
                remedy: "check the spelling; otherwise ask the registry's operator to admit the party",
            },
            Self::Ambiguous { service, identifier } => Explanation {
                rule: "ambiguous",
                subject: identifier.clone(),
                expected: purpose(*service),
                found: "several entities of the list claim this identifier".to_owned(),
                since: None,
                remedy: "the registry's operator must give the identifier to one entity",
            },
            Self::NotGranted { service, entity, status, since } => Explanation {
                rule: match status {
                    ServiceStatus::Withdrawn => "withdrawn",
                    // No refusal is made of a granted service.
                    ServiceStatus::Suspended | ServiceStatus::Granted => "suspended",
                },
                subject: entity.clone(),
                expected: purpose(*service),
                found: format!("the service is {status}"),
                since: Some(*since),
                remedy: "ask the registry's operator why; until the service is granted again nothing can be done here",
            },
            Self::NotYet { service, entity, from } => Explanation {
                rule: "not_yet",
                subject: entity.clone(),
                expected: purpose(*service),
                found: format!("the service begins at {from}"),
                since: None,
                remedy: "wait until then",
            },
        }
    }
}

fn explain_chain(service: ServiceType, cause: &X509Error) -> (&'static str, String, &'static str) {
    match cause {
        X509Error::Missing | X509Error::TooLong(_) | X509Error::Malformed(_) | X509Error::Key { .. } => (
            "chain_unusable",
            "a chain of one to four readable certificates".to_owned(),
            "send the certificates in `x5c`, leaf first, without the anchor",
        ),
        X509Error::NotValidNow { .. } => (
            "certificate_not_valid_now",
            "a certificate that is valid now".to_owned(),
            "renew the certificate, or set the clock",
        ),
        X509Error::NoAnchor { .. } => (
            "not_listed",
            format!("a certificate listed for {}, or one issued by it", service.word()),
            "ask the registry's operator to admit the party with this certificate",
        ),
        X509Error::BadSignature { .. } | X509Error::NameMismatch { .. } | X509Error::KeyIdentifierMismatch { .. } => (
            "chain_broken",
            "each certificate signed by the next, the last by a listed one".to_owned(),
            "check that the chain belongs together and that the listed certificate is the issuer's present one",
        ),
        X509Error::NotAnAuthority { .. }
        | X509Error::NotAnEndEntity { .. }
        | X509Error::UnknownCritical { .. }
        | X509Error::SignatureAlgorithm { .. } => (
            "certificate_profile",
            "an end-entity certificate below an authority, signed with ECDSA or Ed25519, without unknown critical \
             extensions"
                .to_owned(),
            "issue the certificate again by the profile",
        ),
        X509Error::WrongPurpose { .. } => (
            "wrong_purpose",
            service.purpose().map_or_else(String::new, |purpose| format!("a certificate made for {}", purpose.name())),
            "use the certificate that was made for this purpose",
        ),
    }
}

impl From<TrustedList> for Trust {
    fn from(list: TrustedList) -> Self {
        Self { list: Ok(list) }
    }
}

impl Trust {
    /// No list: every decision is a refusal that carries `why`.
    #[must_use]
    pub fn without_list(why: &str) -> Self {
        Self { list: Err(why.to_owned()) }
    }

    /// The list, if there is one.
    #[must_use]
    pub fn list(&self) -> Option<&TrustedList> {
        self.list.as_ref().ok()
    }

    /// The highest sequence number seen, for the next [`TrustedList::verify`].
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.list().map(TrustedList::sequence)
    }

    /// Whether the party behind `chain` (leaf first) may issue KYC attestations at `now`.
    pub fn may_issue(&self, chain: &[Certificate], now: Timestamp) -> Result<TrustedEntity, Refusal> {
        self.may(ServiceType::KycIssuance, chain, now)
    }

    /// Whether the party behind `chain` may publish status lists at `now`.
    pub fn may_publish_status(&self, chain: &[Certificate], now: Timestamp) -> Result<TrustedEntity, Refusal> {
        self.may(ServiceType::Status, chain, now)
    }

    /// Whether the party behind `chain` (of a signed request object) may ask for claims at `now`.
    pub fn may_request(&self, chain: &[Certificate], now: Timestamp) -> Result<TrustedEntity, Refusal> {
        self.may(ServiceType::Access, chain, now)
    }

    /// Whether whoever has proved the client identifier `client_id`, whole with its prefix, may ask for claims at `now`.
    ///
    /// For client identifiers that no certificate proves: those that one proves are asked about by the chain
    /// ([`Trust::may_request`]) and are not listed here, whatever the list says. How the identifier was proved is the
    /// caller's business; the list names it letter by letter, once.
    pub fn may_request_as(&self, client_id: &str, now: Timestamp) -> Result<TrustedEntity, Refusal> {
        let service = ServiceType::Access;
        if entity::is_proved_by_certificate(client_id) {
            self.services(service, now)?;
            return Err(Refusal::NotListed { service, identifier: client_id.chars().take(200).collect() });
        }
        Ok(self.only(service, client_id, now)?.entity.clone())
    }

    /// Who may attest verifiers at `now`: the name (`iss`) and keys of each. A name that two services claim is nobody's.
    #[must_use]
    pub fn verifier_attesters(&self, now: Timestamp) -> Vec<(String, PublicKey)> {
        let service = ServiceType::VerifierAttestation;
        let services = self.services(service, now).unwrap_or_default();
        let names = services.iter().flat_map(|listed| &listed.service.identifiers);
        let granted = names.filter_map(|name| Some((name, self.only(service, name, now).ok()?)));
        let keys = granted.flat_map(|(name, listed)| {
            let keys = listed.service.keys.iter().filter_map(|key| key.public_key().ok());
            keys.map(|key| (name.clone(), key)).collect::<Vec<_>>()
        });
        keys.collect()
    }

    /// Certificates of every registrar at `now`; nothing without a list.
    #[must_use]
    pub fn registrar_anchors(&self, now: Timestamp) -> Vec<Certificate> {
        self.anchors(ServiceType::Registrar, now)
    }

    /// Whether the list knows registrars at all, granted at `now` or not: then whoever asks should be registered.
    #[must_use]
    pub fn has_registrars(&self, now: Timestamp) -> bool {
        self.services(ServiceType::Registrar, now).is_ok_and(|services| !services.is_empty())
    }

    /// The one granted service of a type that has this identifier.
    fn only(&self, service: ServiceType, named: &str, now: Timestamp) -> Result<Listed<'_>, Refusal> {
        let identifier = || named.chars().take(200).collect::<String>();
        let mut found = self
            .services(service, now)?
            .into_iter()
            .filter(|listed| listed.service.identifiers.iter().any(|known| known == named));
        let listed = found.next().ok_or_else(|| Refusal::NotListed { service, identifier: identifier() })?;
        if found.next().is_some() {
            return Err(Refusal::Ambiguous { service, identifier: identifier() });
        }
        listed.check_granted()?;
        Ok(listed)
    }

    /// Whether the party behind `chain` may attest wallets at `now`.
    pub fn may_attest_wallets(&self, chain: &[Certificate], now: Timestamp) -> Result<TrustedEntity, Refusal> {
        self.may(ServiceType::WalletProvider, chain, now)
    }

    /// Whether `audience` may receive shares at `now`, and the key to encrypt them to.
    pub fn may_receive(&self, audience: &str, now: Timestamp) -> Result<(TrustedEntity, Jwk), Refusal> {
        let service = ServiceType::ShareReceiving;
        let listed = self.only(service, audience, now)?;
        let identifier = || audience.chars().take(200).collect();
        let key = listed.service.keys.first();
        let key = key.ok_or_else(|| Refusal::NotListed { service, identifier: identifier() })?;
        Ok((listed.entity.clone(), key.clone()))
    }

    /// Whether whoever has this identifier is granted `service` at `now`: an entity identifier, a client or audience
    /// identifier, or `x509_hash:` of a listed certificate. For explaining only: an identifier proves nothing about who
    /// uses it.
    pub fn known(&self, service: ServiceType, identifier: &str, now: Timestamp) -> Result<TrustedEntity, Refusal> {
        let hash = identifier.strip_prefix("x509_hash:").unwrap_or_default();
        let named = |listed: &Listed<'_>| {
            listed.entity.id == identifier
                || listed.service.identifiers.iter().any(|known| known == identifier)
                || listed.service.certificates.iter().any(|certificate| certificate.sha256_base64url() == hash)
        };
        let mut found = None;
        for listed in self.services(service, now)?.into_iter().filter(named) {
            listed.check_granted()?;
            found = found.or(Some(listed.entity));
        }
        let identifier = identifier.chars().take(200).collect();
        found.cloned().ok_or(Refusal::NotListed { service, identifier })
    }

    /// Certificates of every service that may issue KYC attestations at `now`; nothing without a list.
    #[must_use]
    pub fn issuer_anchors(&self, now: Timestamp) -> Vec<Certificate> {
        self.anchors(ServiceType::KycIssuance, now)
    }

    /// Certificates of every service that may publish status lists at `now`; nothing without a list.
    #[must_use]
    pub fn status_anchors(&self, now: Timestamp) -> Vec<Certificate> {
        self.anchors(ServiceType::Status, now)
    }

    /// Whether the party behind `chain` is granted `service` at `now`.
    pub fn may(&self, service: ServiceType, chain: &[Certificate], now: Timestamp) -> Result<TrustedEntity, Refusal> {
        let services = self.services(service, now)?;
        let broken = |cause| Refusal::Chain {
            service,
            certificate: chain.first().map_or_else(|| "no certificate".to_owned(), Certificate::subject),
            cause,
        };
        let Some(purpose) = service.purpose() else { return Err(broken(X509Error::Missing)) };
        let anchors = |granted: bool| -> Vec<Certificate> {
            let chosen = services.iter().filter(|listed| listed.check_granted().is_ok() == granted);
            chosen.flat_map(|listed| listed.service.certificates.iter().cloned()).collect()
        };
        let (verified, failure) = match verify_chain(chain, &anchors(true), purpose, now) {
            Ok(verified) => (verified, None),
            // Not granted, but perhaps known: then the refusal can say who it is and since when.
            Err(failure) => match verify_chain(chain, &anchors(false), purpose, now) {
                Ok(verified) => (verified, Some(failure)),
                Err(other) => {
                    let vague = matches!(failure, X509Error::NoAnchor { .. });
                    return Err(broken(if vague { other } else { failure }));
                }
            },
        };
        // The leaf's own entry comes before the authority's, so the answer names the party and not who certified it.
        let mut trusted = None;
        for certificate in [&verified.leaf, &verified.anchor] {
            for listed in services.iter().filter(|listed| listed.service.certificates.contains(certificate)) {
                listed.check_granted()?;
                trusted = trusted.or(Some(listed.entity));
            }
        }
        match (trusted, failure) {
            (Some(entity), None) => Ok(entity.clone()),
            (_, Some(failure)) => Err(broken(failure)),
            (None, None) => Err(broken(X509Error::NoAnchor { issuer: verified.anchor.subject() })),
        }
    }

    fn anchors(&self, service: ServiceType, now: Timestamp) -> Vec<Certificate> {
        let services = self.services(service, now).unwrap_or_default();
        let (granted, refused): (Vec<_>, Vec<_>) =
            services.into_iter().partition(|listed| listed.check_granted().is_ok());
        let refused: Vec<&Certificate> = refused.iter().flat_map(|listed| &listed.service.certificates).collect();
        let anchors = granted.into_iter().flat_map(|listed| &listed.service.certificates);
        anchors.filter(|anchor| !refused.contains(anchor)).cloned().collect()
    }

    /// All services of a type in a list that is in date.
    fn services(&self, service: ServiceType, now: Timestamp) -> Result<Vec<Listed<'_>>, Refusal> {
        let list = self.list.as_ref().map_err(|why| Refusal::NoList { why: why.clone() })?;
        list.check_now(now).map_err(|error| match error {
            ListError::Expired { next_update, .. } => Refusal::ListExpired { next_update },
            other => Refusal::NoList { why: other.to_string() },
        })?;
        let mut all = Vec::new();
        for entity in list.entities() {
            for service in entity.services_of(service) {
                all.push(Listed { entity, service, standing: service.standing_at(now) });
            }
        }
        Ok(all)
    }
}

/// A service, its entity and what it is at the instant of the question.
struct Listed<'a> {
    entity: &'a TrustedEntity,
    service: &'a Service,
    standing: Option<Standing>,
}

impl Listed<'_> {
    fn check_granted(&self) -> Result<(), Refusal> {
        let (service, entity) = (self.service.service_type, self.entity.name.clone());
        match self.standing {
            Some(Standing { status: ServiceStatus::Granted, .. }) => Ok(()),
            Some(Standing { status, since }) => Err(Refusal::NotGranted { service, entity, status, since }),
            None => {
                let from = self.service.history.last().unwrap_or(&self.service.current).since;
                Err(Refusal::NotYet { service, entity, from })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use warifu_keys::Signer as _;
    use warifu_keys::x509::Purpose;

    use super::*;
    use crate::fixture::{NOW, Scheme, at, authority, leaf};

    const LATER: &str = "2026-11-23T12:00:00Z";

    fn trust(scheme: &Scheme, entities: Vec<TrustedEntity>) -> Trust {
        Trust::from(scheme.list_of(1, entities))
    }

    /// The list with one party's services of a type in another status since noon.
    fn changed(scheme: &Scheme, party: &str, service: ServiceType, status: ServiceStatus) -> Trust {
        let mut entities = scheme.entities();
        for entity in entities.iter_mut().filter(|entity| entity.id == party) {
            for known in entity.services.iter_mut().filter(|known| known.service_type == service) {
                known.set_status(status, at(LATER)).unwrap();
            }
        }
        trust(scheme, entities)
    }

    #[test]
    fn granted_parties_are_named() {
        let scheme = Scheme::new();
        let trust = trust(&scheme, scheme.entities());
        assert_eq!(trust.may_issue(&scheme.document_chain, at(NOW)).unwrap().id, "issuer");
        assert_eq!(trust.may_publish_status(&scheme.document_chain, at(NOW)).unwrap().id, "issuer");
        assert_eq!(trust.may_request(&scheme.access_chain, at(NOW)).unwrap().id, "partner-b");
        let (entity, key) = trust.may_receive("partner-b", at(NOW)).unwrap();
        assert_eq!((entity.id.as_str(), key), ("partner-b", scheme.share_key.public_jwk()));
        assert_eq!(trust.issuer_anchors(at(NOW)), [scheme.issuer.certificate().clone()]);
        let client = format!("x509_hash:{}", scheme.access_chain[0].sha256_base64url());
        assert_eq!(trust.known(ServiceType::Access, &client, at(NOW)).unwrap().id, "partner-b");
    }

    #[test]
    fn no_list_refuses_everything() {
        let scheme = Scheme::new();
        let trust = Trust::without_list("never fetched");
        let no_list = |refusal: Refusal| assert!(matches!(refusal, Refusal::NoList { .. }), "{refusal}");
        no_list(trust.may_issue(&scheme.document_chain, at(NOW)).unwrap_err());
        no_list(trust.may_request(&scheme.access_chain, at(NOW)).unwrap_err());
        no_list(trust.may_receive("partner-b", at(NOW)).unwrap_err());
        no_list(trust.may_attest_wallets(&scheme.document_chain, at(NOW)).unwrap_err());
        assert!(trust.issuer_anchors(at(NOW)).is_empty());
        assert_eq!(trust.sequence(), None);
    }

    #[test]
    fn an_expired_list_refuses_everything() {
        let scheme = Scheme::new();
        let trust = trust(&scheme, scheme.entities());
        let late = at("2026-11-24T00:00:00Z");
        assert!(matches!(trust.may_issue(&scheme.document_chain, late), Err(Refusal::ListExpired { .. })));
        assert!(matches!(trust.may_receive("partner-b", late), Err(Refusal::ListExpired { .. })));
        assert!(trust.issuer_anchors(late).is_empty());
    }

    /// Each row names the rule that the explanation must carry.
    #[test]
    fn each_refusal_is_named_and_explains_itself() {
        let scheme = Scheme::new();
        let now = at(LATER);
        let check = |refusal: Refusal, rule: &str, since: Option<&str>| {
            let explanation = refusal.explain();
            assert_eq!(explanation.rule, rule, "{refusal}");
            assert!(RULES.contains(&explanation.rule));
            assert_eq!(explanation.since, since.map(at), "{refusal}");
            for text in [&explanation.subject, &explanation.expected, &explanation.found] {
                assert!(!text.is_empty(), "{refusal}");
            }
        };
        for (status, rule) in [(ServiceStatus::Suspended, "suspended"), (ServiceStatus::Withdrawn, "withdrawn")] {
            let trust = changed(&scheme, "issuer", ServiceType::KycIssuance, status);
            check(trust.may_issue(&scheme.document_chain, now).unwrap_err(), rule, Some(LATER));
            assert!(trust.may_publish_status(&scheme.document_chain, now).is_ok(), "the other service stays");
            assert!(trust.may_issue(&scheme.document_chain, at(NOW)).is_ok(), "before it began");
            assert!(trust.issuer_anchors(now).is_empty());
            let trust = changed(&scheme, "partner-b", ServiceType::Access, status);
            check(trust.may_request(&scheme.access_chain, now).unwrap_err(), rule, Some(LATER));
            let trust = changed(&scheme, "partner-b", ServiceType::ShareReceiving, status);
            check(trust.may_receive("partner-b", now).unwrap_err(), rule, Some(LATER));
            check(trust.known(ServiceType::ShareReceiving, "partner-b", now).unwrap_err(), rule, Some(LATER));
        }

        let trust = trust(&scheme, scheme.entities());
        check(trust.may_receive("partner-x", now).unwrap_err(), "not_listed", None);
        check(trust.may_receive("issuer", now).unwrap_err(), "not_listed", None);
        check(trust.may_issue(&[], now).unwrap_err(), "chain_unusable", None);
        let other = authority("other", "Other Issuer");
        let (unknown, _) = leaf(&other, "ds", "Other Issuer", Purpose::DocumentSigner);
        check(trust.may_issue(&unknown, now).unwrap_err(), "not_listed", None);
        // A new authority of the same name is not the listed one.
        let twin = authority("twin", "Utopia Identity Services");
        let (twin, _) = leaf(&twin, "ds", "Utopia Identity Services", Purpose::DocumentSigner);
        check(trust.may_issue(&twin, now).unwrap_err(), "chain_broken", None);
        // The issuer's certificate can not ask, the partner's can not issue.
        check(trust.may_request(&scheme.document_chain, now).unwrap_err(), "wrong_purpose", None);
        check(trust.may_issue(&scheme.access_chain, now).unwrap_err(), "wrong_purpose", None);
        check(trust.may_issue(&[scheme.issuer.certificate().clone()], now).unwrap_err(), "certificate_profile", None);
        // An access certificate of the same authority that was not admitted.
        let (stranger, _) = leaf(&scheme.access, "stranger", "Bank X", Purpose::Access);
        check(trust.may_request(&stranger, now).unwrap_err(), "not_listed", None);
    }

    #[test]
    fn expired_certificates_are_refused_while_the_list_is_fresh() {
        let scheme = Scheme::new();
        let list = TrustedList::new(
            scheme.operator(),
            9,
            at("2028-01-01T00:00:00Z"),
            at("2028-01-02T00:00:00Z"),
            scheme.entities(),
        );
        let trust = Trust::from(list.unwrap());
        let refusal = trust.may_issue(&scheme.document_chain, at("2028-01-01T01:00:00Z")).unwrap_err();
        assert_eq!(refusal.explain().rule, "certificate_not_valid_now");
        assert!(refusal.explain().since.is_some());
    }

    #[test]
    fn the_worse_of_two_entries_counts() {
        let scheme = Scheme::new();
        let mut entities = scheme.entities();
        let mut again = entities[0].clone();
        again.id = "issuer-again".to_owned();
        again.services[0].set_status(ServiceStatus::Suspended, at(LATER)).unwrap();
        entities.push(again);
        let trust = trust(&scheme, entities);
        assert!(matches!(trust.may_issue(&scheme.document_chain, at(LATER)), Err(Refusal::NotGranted { .. })));
        assert!(trust.issuer_anchors(at(LATER)).is_empty());
    }

    #[test]
    fn an_identifier_that_two_claim_is_nobodys() {
        let scheme = Scheme::new();
        let mut entities = scheme.entities();
        let mut again = entities.last().unwrap().clone();
        again.id = "partner-c".to_owned();
        entities.push(again);
        let trust = trust(&scheme, entities);
        assert!(matches!(trust.may_receive("partner-b", at(NOW)), Err(Refusal::Ambiguous { .. })));
    }

    /// The list with services of another kind for `partner-b`, in this status since noon.
    fn with(scheme: &Scheme, services: Vec<Service>) -> Vec<TrustedEntity> {
        let mut entities = scheme.entities();
        entities[1].services.extend(services);
        entities
    }

    fn named(service_type: ServiceType, identifiers: &[&str], keys: Vec<Jwk>) -> Service {
        Service {
            service_type,
            name: service_type.word().to_owned(),
            certificates: Vec::new(),
            keys,
            identifiers: identifiers.iter().map(|id| (*id).to_owned()).collect(),
            current: Standing { status: ServiceStatus::Granted, since: at("2026-11-22T00:00:00Z") },
            history: Vec::new(),
        }
    }

    #[test]
    fn a_client_identifier_asks_where_the_list_names_it() {
        let scheme = Scheme::new();
        let (did, address) = ("decentralized_identifier:did:web:shop.example", "redirect_uri:https://shop.example/cb");
        let access = || named(ServiceType::Access, &[did, address], Vec::new());
        let good = trust(&scheme, with(&scheme, vec![access()]));
        assert_eq!(good.may_request_as(did, at(NOW)).unwrap().id, "partner-b");
        assert_eq!(good.may_request_as(address, at(NOW)).unwrap().id, "partner-b");
        let check = |trust: &Trust, client_id: &str, rule: &str| {
            assert_eq!(trust.may_request_as(client_id, at(NOW)).unwrap_err().explain().rule, rule, "{client_id}");
        };
        // Letter by letter, with the prefix; an audience or an entity is no client.
        let hash = format!("x509_hash:{}", scheme.access_chain[0].sha256_base64url());
        for other in [
            "did:web:shop.example",
            "verifier_attestation:did:web:shop.example",
            "decentralized_identifier:did:web:shop.example:b",
            "redirect_uri:https://shop.example/cb/",
            "redirect_uri:https://SHOP.example/cb",
            "partner-b",
            "",
            &hash,
        ] {
            check(&good, other, "not_listed");
        }
        // What a certificate proves is never proved by its name, also where the list says the name.
        let mut entities = with(&scheme, vec![access()]);
        for service in entities[1].services.iter_mut().filter(|known| known.service_type == ServiceType::Access) {
            service.identifiers.extend([hash.clone(), "x509_san_dns:shop.example".to_owned()]);
        }
        let listed = trust(&scheme, entities);
        check(&listed, &hash, "not_listed");
        check(&listed, "x509_san_dns:shop.example", "not_listed");
        // Twice, suspended, not begun, and no list.
        check(&trust(&scheme, with(&scheme, vec![access(), access()])), did, "ambiguous");
        let mut entities = with(&scheme, vec![access()]);
        entities[0].services.push(access());
        check(&trust(&scheme, entities), did, "ambiguous");
        for (status, rule) in [(ServiceStatus::Suspended, "suspended"), (ServiceStatus::Withdrawn, "withdrawn")] {
            let mut service = access();
            service.current.status = status;
            check(&trust(&scheme, with(&scheme, vec![service])), did, rule);
        }
        let mut future = access();
        future.current.since = at("2026-11-23T23:00:00Z");
        check(&trust(&scheme, with(&scheme, vec![future])), did, "not_yet");
        check(&Trust::without_list("never fetched"), did, "no_list");
        check(&Trust::without_list("never fetched"), &hash, "no_list");
        // A service needs something to be known by.
        for identifiers in [&[][..], &["x509_hash:abc"][..]] {
            let mut entity = scheme.entities()[1].clone();
            entity.services = vec![named(ServiceType::Access, identifiers, Vec::new())];
            assert!(TrustedEntity::from_wire(&entity.to_wire()).is_err(), "{identifiers:?}");
        }
    }

    #[test]
    fn attesters_and_registrars_are_those_of_the_list() {
        let scheme = Scheme::new();
        let entropy = warifu_keys::entropy::Seeded::dangerous_new("attester");
        let key = warifu_keys::SigningKey::generate_p256(&entropy).public_key();
        let attester = || named(ServiceType::VerifierAttestation, &["https://attester.example"], vec![key.to_jwk()]);
        let none = trust(&scheme, scheme.entities());
        assert!(none.verifier_attesters(at(NOW)).is_empty() && !none.has_registrars(at(NOW)));
        let one = trust(&scheme, with(&scheme, vec![attester()]));
        assert_eq!(one.verifier_attesters(at(NOW)), [("https://attester.example".to_owned(), key.clone())]);
        let mut suspended = attester();
        suspended.current.status = ServiceStatus::Suspended;
        for services in [vec![suspended.clone()], vec![attester(), attester()], vec![attester(), suspended]] {
            assert!(trust(&scheme, with(&scheme, services)).verifier_attesters(at(NOW)).is_empty());
        }
        let registrar = authority("registrar", "Registrar");
        let anchor = registrar.certificate().clone();
        let mut service = named(ServiceType::Registrar, &[], Vec::new());
        service.certificates.push(anchor.clone());
        let known = trust(&scheme, with(&scheme, vec![service.clone()]));
        assert_eq!(known.registrar_anchors(at(NOW)), [anchor]);
        assert!(known.has_registrars(at(NOW)));
        // A list whose registrar is suspended still has one: nobody is registered, rather than nobody needs to be.
        service.current.status = ServiceStatus::Suspended;
        let suspended = trust(&scheme, with(&scheme, vec![service]));
        assert!(suspended.registrar_anchors(at(NOW)).is_empty() && suspended.has_registrars(at(NOW)));
        assert!(!Trust::without_list("x").has_registrars(at(NOW)));
    }

    #[test]
    fn a_future_admission_has_not_begun() {
        let scheme = Scheme::new();
        let mut entities = scheme.entities();
        entities[0].services[0].current.since = at("2026-11-23T18:00:00Z");
        let trust = trust(&scheme, entities);
        assert!(matches!(trust.may_issue(&scheme.document_chain, at(LATER)), Err(Refusal::NotYet { .. })));
        assert!(trust.may_issue(&scheme.document_chain, at("2026-11-23T18:00:00Z")).is_ok());
    }
}
