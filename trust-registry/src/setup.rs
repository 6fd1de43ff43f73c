//! Making a scheme: the keys and certificates of all roles, written to one folder for each.
//!
//! The layout and the names are those of [`warifu_trust::bundle`], which also reads them. Beside them two public files:
//! `operator/scheme.json` (who runs the scheme) and `operator/parties.json` (the parties as they stand in the list).
//! Private keys and the folders around them are readable by their owner only. Nothing is ever overwritten.
//!
//! | certificate | issued by | lives | profile |
//! |---|---|---|---|
//! | operator root, access authority, issuer authority, wallet provider authority | itself | 10 years | ISO/IEC 18013-5 annex B.1.2 |
//! | list signer | operator root | 825 days | |
//! | document signer | issuer authority | 400 days | ISO/IEC 18013-5 annex B.1.4 |
//! | wallet attestation signer | wallet provider authority | 400 days | |
//! | access certificate of a verifier, or of the issuer | access authority | 400 days | ETSI TS 119 411-8 |
//!
//! All of them keep the rules of annex B where it has a profile for them ([`warifu_keys::x509::profile`]). They name the
//! revocation list of their authority below the operator's website, as the profiles demand; the operator has to serve the
//! list there, as the registry itself serves none.
//!
//! Four authorities and not one, because some of these purposes have no extended key usage that would tell them apart.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use warifu_keys::jwk::KeyError;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose, X509Error};
use warifu_keys::{Entropy, PublicKey, Secret, Signer as _, SigningKey};
use warifu_trust::bundle::{
    ACCESS, ACCESS_CA, ANCHORS, BundleError, CA, ISSUER, LIST, OPERATOR, OPERATOR_ANCHOR, OperatorBundle, ROOT, SHARE,
    SIGNER, VERIFIERS, WALLET_PROVIDER, certificate_file, key_file,
};
use warifu_trust::entity::Standing;
use warifu_trust::list::Operator;
use warifu_trust::{ListError, Service, ServiceStatus, ServiceType, TrustedEntity, lote};

use crate::{Registry, check_identifier};

/// Public file with the head of the lists, inside [`OPERATOR`].
pub const SCHEME_FILE: &str = "scheme.json";
/// Public file with the parties of the beginning, inside [`OPERATOR`].
pub const PARTIES_FILE: &str = "parties.json";

const AUTHORITY_DAYS: u16 = 3650;
const LIST_SIGNER_DAYS: u16 = 825;
const SIGNER_DAYS: u16 = 400;

/// Why a scheme could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Something is there already; nothing was written.
    #[error("`{0}` exists already; keys are never overwritten")]
    Exists(PathBuf),
    /// A file or folder could not be written or read.
    #[error("`{path}`: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate could not be made, mostly for a name that does not fit.
    #[error("a certificate can not be made: {0}")]
    Certificate(#[from] X509Error),
    /// A key could not be written.
    #[error("a key can not be written: {0}")]
    Key(#[from] KeyError),
    /// A name is no identifier, or given twice.
    #[error("`{0}` is no usable name: 1 to 60 of a-z, 0-9 and -, each once")]
    Name(String),
    /// The files are there, but not usable.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// `scheme.json` or `parties.json` is not what was written.
    #[error("`{path}`: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        source: serde_json::Error,
    },
    /// A party does not fit a trusted list.
    #[error(transparent)]
    List(#[from] ListError),
}

/// A party for whom keys are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyNames {
    /// Identifier inside the scheme: 1 to 60 of `a`-`z`, `0`-`9` and `-`.
    pub id: String,
    /// Name shown to people; organisation in its certificates.
    pub name: String,
    /// Country, two upper-case letters.
    pub country: String,
    /// Address of its page.
    pub website: String,
    /// Postal address, one line.
    pub street: String,
    /// How to reach it: a `mailto:` or web address.
    pub contact: String,
}

impl PartyNames {
    /// A fictional party in Utopia (`UT`), for sandboxes.
    #[must_use]
    pub fn sandbox(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            country: "UT".to_owned(),
            website: format!("https://{id}.example"),
            street: "1 Example Street".to_owned(),
            contact: format!("mailto:contact@{id}.example"),
        }
    }

    fn subject(&self, what: &str) -> Subject {
        Subject {
            common_name: format!("{} {what}", self.name).trim_end().to_owned(),
            organization: Some(self.name.clone()),
            country: self.country.clone(),
        }
    }

    fn entity(&self, services: Vec<Service>) -> TrustedEntity {
        TrustedEntity {
            id: self.id.clone(),
            name: self.name.clone(),
            website: self.website.clone(),
            street: self.street.clone(),
            country: self.country.clone(),
            contact: self.contact.clone(),
            services,
        }
    }
}

/// Whose keys [`Registry::init`] makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Who runs the scheme.
    pub operator: PartyNames,
    /// Name of the scheme.
    pub scheme: String,
    /// The KYC issuer.
    pub issuer: PartyNames,
    /// The wallet provider.
    pub wallet_provider: PartyNames,
    /// The verifiers; each can also receive shares.
    pub verifiers: Vec<PartyNames>,
}

impl Setup {
    /// The fictional scheme of the demo: one issuer, one wallet provider, the verifiers `partner-a` and `partner-b`.
    #[must_use]
    pub fn sandbox() -> Self {
        Self {
            operator: PartyNames::sandbox("registry", "Warifu Sandbox Registry"),
            scheme: "Warifu Sandbox".to_owned(),
            issuer: PartyNames::sandbox("issuer", "Utopia Identity Services"),
            wallet_provider: PartyNames::sandbox("wallet-provider", "Warifu Wallets"),
            verifiers: vec![PartyNames::sandbox("partner-a", "Bank A"), PartyNames::sandbox("partner-b", "Bank B")],
        }
    }
}

/// What a folder made by [`Registry::init`] tells a registry that starts from it.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// The operator's keys.
    pub keys: OperatorBundle,
    /// The head of the lists.
    pub operator: Operator,
    /// The parties of the beginning, for [`Registry::admit_missing`].
    pub parties: Vec<TrustedEntity>,
}

/// `scheme.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeFile {
    name: String,
    territory: String,
    scheme: String,
    information: String,
}

impl Registry {
    /// Makes the keys and certificates of a whole scheme below `home` and returns the parties for the list.
    ///
    /// All folders appear at once, when everything is written; [`SetupError::Exists`] when one of them is there before.
    pub fn init(
        home: &Path,
        setup: &Setup,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<TrustedEntity>, SetupError> {
        let mut folder = Folder::at(home, &[OPERATOR, ISSUER, WALLET_PROVIDER, VERIFIERS, ANCHORS])?;
        let parties = make_all(&mut folder, setup, now, entropy)?;
        folder.publish()?;
        Ok(parties)
    }

    /// Makes access certificate and share key of one more verifier in a scheme that exists, and returns the party to be
    /// admitted.
    pub fn add_verifier(
        home: &Path,
        names: &PartyNames,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<TrustedEntity, SetupError> {
        check_identifier(&names.id).map_err(|_| SetupError::Name(names.id.clone()))?;
        let head: SchemeFile = read_json(&home.join(OPERATOR).join(SCHEME_FILE))?;
        let address = crl_address(&head.information, OPERATOR, ACCESS_CA);
        let access = load_keys(home)?.access.with_crl_address(&address);
        let mut folder = Folder::at(home, &[&format!("{VERIFIERS}/{}", names.id)])?;
        let party = make_verifier(&mut folder, names, &access, now, entropy)?;
        folder.publish()?;
        Ok(party)
    }

    /// Reads what [`Registry::init`] made for the operator.
    pub fn load_scheme(home: &Path) -> Result<Scheme, SetupError> {
        let head: SchemeFile = read_json(&home.join(OPERATOR).join(SCHEME_FILE))?;
        let parties: Vec<lote::TrustedEntity> = read_json(&home.join(OPERATOR).join(PARTIES_FILE))?;
        let SchemeFile { name, territory, scheme, information } = head;
        Ok(Scheme {
            keys: load_keys(home)?,
            operator: Operator { name, territory, scheme, information },
            parties: parties.iter().map(TrustedEntity::from_wire).collect::<Result<_, _>>()?,
        })
    }
}

fn make_all(
    folder: &mut Folder,
    setup: &Setup,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<TrustedEntity>, SetupError> {
    let all = || [&setup.operator, &setup.issuer, &setup.wallet_provider].into_iter().chain(&setup.verifiers);
    for (at, names) in all().enumerate() {
        let repeated = all().skip(at + 1).any(|other| other.id == names.id);
        if repeated || check_identifier(&names.id).is_err() {
            return Err(SetupError::Name(names.id.clone()));
        }
    }
    let operator = &setup.operator;
    let crl = |place, stem| crl_address(&operator.website, place, stem);

    let root =
        make_authority(folder, OPERATOR, ROOT, operator, "Root", now, entropy)?.with_crl_address(&crl(OPERATOR, ROOT));
    let lists = Leaf { names: operator, what: "List Signer", purpose: Purpose::ListSigner, days: LIST_SIGNER_DAYS };
    make_signer(folder, OPERATOR, LIST, &root, &lists, now, entropy)?;
    let access = make_authority(folder, OPERATOR, ACCESS_CA, operator, "Access CA", now, entropy)?
        .with_crl_address(&crl(OPERATOR, ACCESS_CA));
    folder.public(&format!("{ANCHORS}/{OPERATOR_ANCHOR}"), root.certificate().to_pem()?);

    let issuer =
        make_authority(folder, ISSUER, CA, &setup.issuer, "IACA", now, entropy)?.with_crl_address(&crl(ISSUER, CA));
    let documents =
        Leaf { names: &setup.issuer, what: "Document Signer", purpose: Purpose::DocumentSigner, days: SIGNER_DAYS };
    make_signer(folder, ISSUER, SIGNER, &issuer, &documents, now, entropy)?;
    // An issuer asks wallets for nothing but credentials of its own: whoever shows one anew needs no document.
    let requests = Leaf { names: &setup.issuer, what: "", purpose: Purpose::Access, days: SIGNER_DAYS };
    let asks = make_signer(folder, ISSUER, ACCESS, &access, &requests, now, entropy)?;

    let wallets = make_authority(folder, WALLET_PROVIDER, CA, &setup.wallet_provider, "CA", now, entropy)?
        .with_crl_address(&crl(WALLET_PROVIDER, CA));
    let attestations = Leaf {
        names: &setup.wallet_provider,
        what: "Attestation Signer",
        purpose: Purpose::WalletProvider,
        days: SIGNER_DAYS,
    };
    make_signer(folder, WALLET_PROVIDER, SIGNER, &wallets, &attestations, now, entropy)?;

    let certified = |service_type, name: &str, certificate: &Certificate| Service {
        certificates: vec![certificate.clone()],
        ..granted(service_type, name, now)
    };
    let mut parties = vec![
        setup.issuer.entity(vec![
            certified(ServiceType::KycIssuance, "KYC identity attestations", issuer.certificate()),
            certified(ServiceType::Status, "Status lists", issuer.certificate()),
            access_service(asks, now),
        ]),
        setup.wallet_provider.entity(vec![certified(
            ServiceType::WalletProvider,
            "Wallet attestations",
            wallets.certificate(),
        )]),
    ];
    for names in &setup.verifiers {
        parties.push(make_verifier(folder, names, &access, now, entropy)?);
    }

    let head = SchemeFile {
        name: operator.name.clone(),
        territory: operator.country.clone(),
        scheme: setup.scheme.clone(),
        information: operator.website.clone(),
    };
    let wire: Vec<lote::TrustedEntity> = parties.iter().map(TrustedEntity::to_wire).collect();
    folder.public(&format!("{OPERATOR}/{SCHEME_FILE}"), pretty(&head)?);
    folder.public(&format!("{OPERATOR}/{PARTIES_FILE}"), pretty(&wire)?);
    Ok(parties)
}

fn make_verifier(
    folder: &mut Folder,
    names: &PartyNames,
    access: &Authority,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<TrustedEntity, SetupError> {
    let place = format!("{VERIFIERS}/{}", names.id);
    let requests = Leaf { names, what: "", purpose: Purpose::Access, days: SIGNER_DAYS };
    let certificate = make_signer(folder, &place, ACCESS, access, &requests, now, entropy)?;
    let share = SigningKey::generate_p256(entropy);
    folder.private(&format!("{place}/{}", key_file(SHARE)), share.to_pkcs8_pem()?.as_bytes());
    let key = share.agreement_key().ok_or(KeyError::Malformed)?.public_jwk();
    let client = client_identifier(&certificate);
    Ok(names.entity(vec![
        access_service(certificate, now),
        Service {
            keys: vec![key],
            identifiers: vec![names.id.clone(), client],
            ..granted(ServiceType::ShareReceiving, "Shared verifications", now)
        },
    ]))
}

/// The client identifier of whoever holds this access certificate (OpenID4VP 1.0 section 5.9.3).
fn client_identifier(certificate: &Certificate) -> String {
    format!("x509_hash:{}", certificate.sha256_base64url())
}

fn access_service(certificate: Certificate, now: Timestamp) -> Service {
    Service {
        identifiers: vec![client_identifier(&certificate)],
        certificates: vec![certificate],
        ..granted(ServiceType::Access, "Presentation requests", now)
    }
}

fn granted(service_type: ServiceType, name: &str, now: Timestamp) -> Service {
    Service {
        service_type,
        name: name.to_owned(),
        certificates: Vec::new(),
        keys: Vec::new(),
        identifiers: Vec::new(),
        current: Standing { status: ServiceStatus::Granted, since: lote::whole_seconds(now) },
        history: Vec::new(),
    }
}

/// Where the revocation list of an authority is to be found: below the operator's website, by the folder and the name of
/// the authority's key.
fn crl_address(website: &str, place: &str, stem: &str) -> String {
    format!("{}/crl/{place}/{stem}.crl", website.trim_end_matches('/'))
}

fn make_authority(
    folder: &mut Folder,
    place: &str,
    stem: &str,
    names: &PartyNames,
    what: &str,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Authority, SetupError> {
    let period = Period::days(now, AUTHORITY_DAYS);
    let key = SigningKey::generate_p256(entropy);
    let authority = Authority::self_signed(&names.subject(what), key, period, &names.contact, entropy)?;
    folder.pair(place, stem, authority.certificate(), authority.key())?;
    Ok(authority)
}

struct Leaf<'a> {
    names: &'a PartyNames,
    what: &'a str,
    purpose: Purpose,
    days: u16,
}

fn make_signer(
    folder: &mut Folder,
    place: &str,
    stem: &str,
    authority: &Authority,
    leaf: &Leaf<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Certificate, SetupError> {
    let key = SigningKey::generate_p256(entropy);
    let public_key: PublicKey = key.public_key();
    let request = Request {
        subject: leaf.names.subject(leaf.what),
        public_key: &public_key,
        period: Period::days(now, leaf.days),
        purpose: leaf.purpose,
        dns_names: Vec::new(),
        uris: vec![leaf.names.contact.clone()],
    };
    let certificate = authority.issue(&request, entropy)?;
    folder.pair(place, stem, &certificate, &key)?;
    Ok(certificate)
}

fn load_keys(home: &Path) -> Result<OperatorBundle, SetupError> {
    Ok(OperatorBundle::load(&|file| fs::read_to_string(home.join(OPERATOR).join(file)))?)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, SetupError> {
    let text = fs::read(path).map_err(|source| SetupError::File { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| SetupError::Json { path: path.to_owned(), source })
}

fn pretty<T: Serialize>(value: &T) -> Result<String, SetupError> {
    serde_json::to_string_pretty(value).map_err(|source| SetupError::Json { path: PathBuf::from(OPERATOR), source })
}

/// Files that are written to one side first and then appear together.
struct Folder {
    home: PathBuf,
    places: Vec<String>,
    files: Vec<(String, Bytes)>,
}

enum Bytes {
    Public(String),
    Private(Secret),
}

impl Folder {
    /// Refuses when one of `places` is there already.
    fn at(home: &Path, places: &[&str]) -> Result<Self, SetupError> {
        for place in places {
            let path = home.join(place);
            if fs::symlink_metadata(&path).is_ok() {
                return Err(SetupError::Exists(path));
            }
        }
        let places = places.iter().map(|place| (*place).to_owned()).collect();
        Ok(Self { home: home.to_owned(), places, files: Vec::new() })
    }

    fn public(&mut self, path: &str, text: String) {
        self.files.push((path.to_owned(), Bytes::Public(text)));
    }

    fn private(&mut self, path: &str, bytes: &[u8]) {
        self.files.push((path.to_owned(), Bytes::Private(Secret::new(bytes.to_vec()))));
    }

    fn pair(&mut self, place: &str, stem: &str, certificate: &Certificate, key: &SigningKey) -> Result<(), SetupError> {
        self.public(&format!("{place}/{}", certificate_file(stem)), certificate.to_pem()?);
        self.private(&format!("{place}/{}", key_file(stem)), key.to_pkcs8_pem()?.as_bytes());
        Ok(())
    }

    fn publish(self) -> Result<(), SetupError> {
        let named = |path: &Path| {
            let path = path.to_owned();
            move |source| SetupError::File { path, source }
        };
        fs::create_dir_all(&self.home).map_err(named(&self.home))?;
        let aside = self.home.join(".unfinished");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(named(&aside))?;
        }
        for (path, bytes) in &self.files {
            let path = aside.join(path);
            let bytes = match bytes {
                Bytes::Public(text) => text.as_bytes(),
                Bytes::Private(secret) => secret.expose(),
            };
            write_private(&path, bytes).map_err(named(&path))?;
        }
        for place in &self.places {
            let (from, to) = (aside.join(place), self.home.join(place));
            if fs::symlink_metadata(&to).is_ok() {
                return Err(SetupError::Exists(to));
            }
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(named(parent))?;
            }
            if from.exists() {
                fs::rename(&from, &to).map_err(named(&to))?;
            }
        }
        fs::remove_dir_all(&aside).map_err(named(&aside))
    }
}

/// A new file of mode 0600 in folders of mode 0700, on disk when this returns.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut folders = DirBuilder::new();
    let mut options = OpenOptions::new();
    folders.recursive(true);
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        folders.mode(0o700);
        options.mode(0o600);
    }
    if let Some(parent) = path.parent() {
        folders.create(parent)?;
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use warifu_keys::entropy::Seeded;
    use warifu_keys::x509::{profile, verify_chain};
    use warifu_trust::bundle::{IssuerBundle, VerifierBundle, WalletProviderBundle, operator_anchor};

    use super::*;

    const NOW: &str = "2026-11-23T00:00:00Z";

    fn init(home: &Path) -> Result<Vec<TrustedEntity>, SetupError> {
        Registry::init(home, &Setup::sandbox(), NOW.parse().unwrap(), &Seeded::dangerous_new("setup"))
    }

    fn files(home: &Path) -> BTreeSet<String> {
        fn walk(home: &Path, at: &Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(home, &path, found);
                } else {
                    found.insert(path.strip_prefix(home).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        let mut found = BTreeSet::new();
        walk(home, home, &mut found);
        found
    }

    #[test]
    fn every_role_reads_its_keys_and_the_chains_hold() {
        let home = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let parties = init(home.path()).unwrap();
        let read = |place: &'static str| {
            let home = home.path().to_owned();
            move |file: &str| fs::read_to_string(home.join(place).join(file))
        };
        let issuer = IssuerBundle::load(&read(ISSUER)).unwrap();
        let wallets = WalletProviderBundle::load(&read(WALLET_PROVIDER)).unwrap();
        let partner = VerifierBundle::load(&read("verifiers/partner-b")).unwrap();
        let scheme = Registry::load_scheme(home.path()).unwrap();
        let anchor = operator_anchor(&read(ANCHORS)).unwrap();
        assert_eq!(&anchor, scheme.keys.root.certificate());
        assert_eq!(scheme.parties, parties);

        let holds = |chain: &[Certificate], anchor: &Certificate, purpose| {
            verify_chain(chain, std::slice::from_ref(anchor), purpose, now).unwrap();
        };
        holds(&issuer.signer.chain, issuer.authority.certificate(), Purpose::DocumentSigner);
        holds(&wallets.signer.chain, wallets.authority.certificate(), Purpose::WalletProvider);
        holds(&partner.access.chain, scheme.keys.access.certificate(), Purpose::Access);
        holds(&scheme.keys.list.chain, &anchor, Purpose::ListSigner);
        for authority in [&issuer.authority, &wallets.authority, &scheme.keys.access, &scheme.keys.root] {
            profile::iaca_root(authority.certificate()).unwrap();
        }
        profile::document_signer(&issuer.signer.chain[0], issuer.authority.certificate()).unwrap();
        let access = scheme.keys.access.certificate();
        profile::reader_authentication(&partner.access.chain[0], access).unwrap();
        let asks = issuer.access.unwrap().chain;
        profile::reader_authentication(&asks[0], access).unwrap();
        let listed = parties.iter().find(|party| party.id == "issuer").unwrap();
        assert_eq!(listed.services_of(ServiceType::Access).next().unwrap().certificates, asks);
        // One that is made later, too.
        let names = PartyNames::sandbox("late", "Bank Late");
        let late = Registry::add_verifier(home.path(), &names, now, &Seeded::dangerous_new("late")).unwrap();
        profile::reader_authentication(&late.services[0].certificates[0], access).unwrap();
        // The wallet provider's signer must not pass as a list signer.
        let confused = verify_chain(&wallets.signer.chain, &[anchor], Purpose::ListSigner, now);
        assert!(confused.is_err());
        let listed = parties.iter().find(|party| party.id == "partner-b").unwrap();
        let share = listed.services_of(ServiceType::ShareReceiving).next().unwrap();
        assert_eq!(share.keys, [partner.share_jwk()]);
    }

    #[test]
    fn keys_are_for_their_owner_and_are_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        init(home.path()).unwrap();
        let before: Vec<_> = files(home.path()).iter().map(|file| fs::read(home.path().join(file)).unwrap()).collect();
        assert!(matches!(init(home.path()), Err(SetupError::Exists(_))));
        let after: Vec<_> = files(home.path()).iter().map(|file| fs::read(home.path().join(file)).unwrap()).collect();
        assert_eq!(before, after);
        #[cfg(unix)]
        for file in files(home.path()) {
            use std::os::unix::fs::PermissionsExt as _;
            let path = home.path().join(&file);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file}");
            assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o077, 0, "{file}");
        }
        // One folder that is there is enough to refuse everything.
        let other = tempfile::tempdir().unwrap();
        fs::create_dir(other.path().join(VERIFIERS)).unwrap();
        assert!(matches!(init(other.path()), Err(SetupError::Exists(path)) if path.ends_with(VERIFIERS)));
        assert_eq!(files(other.path()).len(), 0);
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let home = tempfile::tempdir().unwrap();
        init(home.path()).unwrap();
        let mut expected = BTreeSet::new();
        let mut pair = |stem: &str| expected.extend([format!("{stem}.cert.pem"), format!("{stem}.key.pem")]);
        for stem in
            ["operator/root", "operator/list", "operator/access-ca", "issuer/ca", "issuer/signer", "issuer/access"]
        {
            pair(stem);
        }
        for stem in
            ["wallet-provider/ca", "wallet-provider/signer", "verifiers/partner-a/access", "verifiers/partner-b/access"]
        {
            pair(stem);
        }
        let others = [
            "verifiers/partner-a/share.key.pem",
            "verifiers/partner-b/share.key.pem",
            "anchors/operator.cert.pem",
            "operator/scheme.json",
            "operator/parties.json",
        ];
        expected.extend(others.map(str::to_owned));
        assert_eq!(files(home.path()), expected);
    }

    #[test]
    fn one_more_verifier() {
        let home = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let names = PartyNames::sandbox("partner-c", "Bank C");
        let entropy = Seeded::dangerous_new("more");
        assert!(Registry::add_verifier(home.path(), &names, now, &entropy).is_err(), "there is no scheme yet");
        init(home.path()).unwrap();
        let party = Registry::add_verifier(home.path(), &names, now, &entropy).unwrap();
        assert_eq!(party.id, "partner-c");
        let folder = home.path().join("verifiers/partner-c");
        let bundle = VerifierBundle::load(&|file| fs::read_to_string(folder.join(file))).unwrap();
        assert_eq!(party.services[1].keys, [bundle.share_jwk()]);
        let again = Registry::add_verifier(home.path(), &names, now, &entropy);
        assert!(matches!(again, Err(SetupError::Exists(_))));
        for bad in ["", "../x", "A", "a/b"] {
            let names = PartyNames::sandbox(bad, "Bad");
            assert!(
                matches!(Registry::add_verifier(home.path(), &names, now, &entropy), Err(SetupError::Name(_))),
                "`{bad}`"
            );
        }
    }

    #[test]
    fn a_name_can_not_be_given_twice() {
        let home = tempfile::tempdir().unwrap();
        let mut setup = Setup::sandbox();
        setup.verifiers.push(PartyNames::sandbox("issuer", "Twin"));
        let made = Registry::init(home.path(), &setup, NOW.parse().unwrap(), &Seeded::dangerous_new("twice"));
        assert!(matches!(made, Err(SetupError::Name(name)) if name == "issuer"));
        assert_eq!(files(home.path()).len(), 0);
    }
}
