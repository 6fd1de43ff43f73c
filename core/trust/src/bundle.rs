//! The key files of each role, as the registry's set-up writes them: names of the files and how to read them.
//!
//! Nothing here opens a file: every function takes a `read` function from file name to text, so the caller decides
//! where the folder is. All files are PEM (RFC 7468); private keys are PKCS#8.
//!
//! ```text
//! operator/            root.cert.pem root.key.pem            the scheme operator's root; signs list signers only
//!                      list.cert.pem list.key.pem            signs the trusted list
//!                      access-ca.cert.pem access-ca.key.pem  signs the access certificates of verifiers
//! issuer/              ca.cert.pem ca.key.pem                the KYC issuer's authority; stands in the trusted list
//!                      signer.cert.pem signer.key.pem        document signer: credentials, status lists, shares
//!                      access.cert.pem access.key.pem        asks wallets for credentials of its own; may be missing
//! wallet-provider/     ca.cert.pem ca.key.pem                stands in the trusted list
//!                      signer.cert.pem signer.key.pem        signs wallet attestations
//! verifiers/NAME/      access.cert.pem access.key.pem        signs presentation requests
//!                      share.key.pem                         opens share tokens (ECDH-ES)
//! anchors/             operator.cert.pem                     what every role pins; the only public folder
//! ```

use std::io;

use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::issue::Authority;
use warifu_keys::x509::{Certificate, X509Error};
use warifu_keys::{Jwk, Signer as _, SigningKey};

/// Reads the text of one file of a role's folder.
pub type Read<'a> = &'a dyn Fn(&str) -> io::Result<String>;

/// Folder of the scheme operator.
pub const OPERATOR: &str = "operator";
/// Folder of the KYC issuer.
pub const ISSUER: &str = "issuer";
/// Folder of the wallet provider.
pub const WALLET_PROVIDER: &str = "wallet-provider";
/// Folder that holds a folder for each verifier.
pub const VERIFIERS: &str = "verifiers";
/// Folder of the pinned certificates.
pub const ANCHORS: &str = "anchors";

/// Stem of the operator's root in [`OPERATOR`].
pub const ROOT: &str = "root";
/// Stem of the list signer in [`OPERATOR`].
pub const LIST: &str = "list";
/// Stem of the access authority in [`OPERATOR`].
pub const ACCESS_CA: &str = "access-ca";
/// Stem of the authority in [`ISSUER`] and [`WALLET_PROVIDER`].
pub const CA: &str = "ca";
/// Stem of the signer in [`ISSUER`] and [`WALLET_PROVIDER`].
pub const SIGNER: &str = "signer";
/// Stem of the access certificate of a verifier, or of an issuer that asks for credentials of its own.
pub const ACCESS: &str = "access";
/// Stem of the share key of a verifier.
pub const SHARE: &str = "share";
/// The operator's certificate in [`ANCHORS`].
pub const OPERATOR_ANCHOR: &str = "operator.cert.pem";

/// Why a role's files could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file is missing or unreadable.
    #[error("`{file}` can not be read: {source}")]
    Read {
        /// Name of the file inside the role's folder.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate file that is none, or that does not belong to the key beside it.
    #[error("`{file}`: {source}")]
    Certificate {
        /// Name of the file inside the role's folder.
        file: String,
        /// What was wrong.
        source: X509Error,
    },
    /// A key file that is none.
    #[error("`{file}` holds no usable private key")]
    Key {
        /// Name of the file inside the role's folder.
        file: String,
    },
    /// Certificate and key are of two different pairs.
    #[error("`{certificate}` does not belong to `{key}`")]
    NotAPair {
        /// Name of the certificate file.
        certificate: String,
        /// Name of the key file.
        key: String,
    },
}

/// File name of the certificate with this stem.
#[must_use]
pub fn certificate_file(stem: &str) -> String {
    format!("{stem}.cert.pem")
}

/// File name of the private key with this stem.
#[must_use]
pub fn key_file(stem: &str) -> String {
    format!("{stem}.key.pem")
}

/// A signing key and the certificate that speaks for it.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The end-entity certificate as an `x5c` chain; the anchor stays out.
    pub chain: Vec<Certificate>,
    /// The private key.
    pub key: SigningKey,
}

impl Credentials {
    /// Reads certificate and key with this stem and checks that they are a pair.
    pub fn load(stem: &str, read: Read<'_>) -> Result<Self, BundleError> {
        let certificate = certificate(&certificate_file(stem), read)?;
        let key = signing_key(&key_file(stem), read)?;
        let known = certificate.public_key();
        let known = known.map_err(|source| BundleError::Certificate { file: certificate_file(stem), source })?;
        if known != key.public_key() {
            return Err(BundleError::NotAPair { certificate: certificate_file(stem), key: key_file(stem) });
        }
        Ok(Self { chain: vec![certificate], key })
    }

    /// [`Credentials::load`]; `None` where there is no certificate with this stem.
    pub fn load_if_there(stem: &str, read: Read<'_>) -> Result<Option<Self>, BundleError> {
        match read(&certificate_file(stem)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Ok(_) | Err(_) => Self::load(stem, read).map(Some),
        }
    }

    /// The end-entity certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.chain.first()
    }
}

/// What the registry's operator holds.
#[derive(Debug, Clone)]
pub struct OperatorBundle {
    /// The root that everyone pins.
    pub root: Authority,
    /// Signs the trusted list.
    pub list: Credentials,
    /// Signs the access certificates of verifiers.
    pub access: Authority,
}

impl OperatorBundle {
    /// Reads the folder [`OPERATOR`].
    pub fn load(read: Read<'_>) -> Result<Self, BundleError> {
        Ok(Self {
            root: authority(ROOT, read)?,
            list: Credentials::load(LIST, read)?,
            access: authority(ACCESS_CA, read)?,
        })
    }
}

/// What the KYC issuer holds.
#[derive(Debug, Clone)]
pub struct IssuerBundle {
    /// The authority that stands in the trusted list.
    pub authority: Authority,
    /// Signs credentials, status lists and shares.
    pub signer: Credentials,
    /// Signs presentation requests for credentials of its own, where it may make any.
    pub access: Option<Credentials>,
}

impl IssuerBundle {
    /// Reads the folder [`ISSUER`].
    pub fn load(read: Read<'_>) -> Result<Self, BundleError> {
        Ok(Self {
            authority: authority(CA, read)?,
            signer: Credentials::load(SIGNER, read)?,
            access: Credentials::load_if_there(ACCESS, read)?,
        })
    }
}

/// What a wallet provider holds.
#[derive(Debug, Clone)]
pub struct WalletProviderBundle {
    /// The authority that stands in the trusted list.
    pub authority: Authority,
    /// Signs wallet attestations.
    pub signer: Credentials,
}

impl WalletProviderBundle {
    /// Reads the folder [`WALLET_PROVIDER`].
    pub fn load(read: Read<'_>) -> Result<Self, BundleError> {
        Ok(Self { authority: authority(CA, read)?, signer: Credentials::load(SIGNER, read)? })
    }
}

/// What a verifier holds.
#[derive(Debug, Clone)]
pub struct VerifierBundle {
    /// Signs presentation requests.
    pub access: Credentials,
    /// Opens share tokens.
    pub share: AgreementKey,
}

impl VerifierBundle {
    /// Reads a folder below [`VERIFIERS`].
    pub fn load(read: Read<'_>) -> Result<Self, BundleError> {
        Ok(Self { access: Credentials::load(ACCESS, read)?, share: share_key(read)? })
    }

    /// The public half of the share key, as it stands in the trusted list.
    #[must_use]
    pub fn share_jwk(&self) -> Jwk {
        self.share.public_jwk()
    }
}

/// The pinned certificate of the operator, from the folder [`ANCHORS`]: the anchor for
/// [`TrustedList::verify`](crate::list::TrustedList::verify).
pub fn operator_anchor(read: Read<'_>) -> Result<Certificate, BundleError> {
    certificate(OPERATOR_ANCHOR, read)
}

/// The certificate of the signer in [`ISSUER`] and [`WALLET_PROVIDER`], where its key is on a token and not in a file.
pub fn signer_certificate(read: Read<'_>) -> Result<Certificate, BundleError> {
    certificate(&certificate_file(SIGNER), read)
}

fn share_key(read: Read<'_>) -> Result<AgreementKey, BundleError> {
    let file = key_file(SHARE);
    signing_key(&file, read)?.agreement_key().ok_or(BundleError::Key { file })
}

fn authority(stem: &str, read: Read<'_>) -> Result<Authority, BundleError> {
    let certificate = certificate(&certificate_file(stem), read)?;
    let key = signing_key(&key_file(stem), read)?;
    Authority::from_parts(certificate, key)
        .map_err(|_| BundleError::NotAPair { certificate: certificate_file(stem), key: key_file(stem) })
}

fn certificate(file: &str, read: Read<'_>) -> Result<Certificate, BundleError> {
    let text = read(file).map_err(|source| BundleError::Read { file: file.to_owned(), source })?;
    Certificate::from_pem(&text).map_err(|source| BundleError::Certificate { file: file.to_owned(), source })
}

fn signing_key(file: &str, read: Read<'_>) -> Result<SigningKey, BundleError> {
    let text = read(file).map_err(|source| BundleError::Read { file: file.to_owned(), source })?;
    let key = SigningKey::from_pkcs8_pem(&text).map_err(|_| BundleError::Key { file: file.to_owned() })?;
    Ok(key.with_fast_path())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fixture::Scheme;

    #[test]
    fn a_role_reads_what_was_written_and_nothing_else() {
        let scheme = Scheme::new();
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        files.insert(certificate_file(CA), scheme.issuer.certificate().to_pem().unwrap());
        files.insert(key_file(CA), scheme.issuer.key().to_pkcs8_pem().unwrap().to_string());
        files.insert(certificate_file(SIGNER), scheme.document_chain[0].to_pem().unwrap());
        files.insert(key_file(SIGNER), scheme.document_key.to_pkcs8_pem().unwrap().to_string());
        let load = |files: &BTreeMap<String, String>| {
            let missing = || io::Error::from(io::ErrorKind::NotFound);
            IssuerBundle::load(&|file| files.get(file).cloned().ok_or_else(missing))
        };
        let bundle = load(&files).unwrap();
        assert_eq!(bundle.signer.certificate(), scheme.document_chain.first());
        assert_eq!(bundle.authority.certificate(), scheme.issuer.certificate());
        assert!(bundle.access.is_none());
        let mut asking = files.clone();
        asking.insert(certificate_file(ACCESS), scheme.document_chain[0].to_pem().unwrap());
        assert!(matches!(load(&asking), Err(BundleError::Read { .. })), "a certificate without its key");
        asking.insert(key_file(ACCESS), scheme.document_key.to_pkcs8_pem().unwrap().to_string());
        assert!(load(&asking).unwrap().access.is_some());

        let mut swapped = files.clone();
        swapped.insert(key_file(SIGNER), scheme.list_key.to_pkcs8_pem().unwrap().to_string());
        assert!(matches!(load(&swapped), Err(BundleError::NotAPair { .. })));
        let mut broken = files.clone();
        broken.insert(key_file(SIGNER), "-----BEGIN PRIVATE KEY-----".to_owned());
        assert!(matches!(load(&broken), Err(BundleError::Key { .. })));
        files.remove(&certificate_file(CA));
        assert!(matches!(load(&files), Err(BundleError::Read { .. })));
    }

    #[test]
    fn a_share_key_survives_its_file() {
        let entropy = warifu_keys::entropy::Seeded::dangerous_new("share");
        let key = SigningKey::generate_p256(&entropy);
        let again = SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
        assert_eq!(again.agreement_key().unwrap().public_jwk(), key.agreement_key().unwrap().public_jwk());
        assert_eq!(key.agreement_key().unwrap().public_jwk().public_key().unwrap(), key.public_key());
        assert!(SigningKey::generate_ed25519(&entropy).agreement_key().is_none());
    }
}
