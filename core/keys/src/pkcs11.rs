//! The [`Signer`] joint over PKCS#11 (OASIS PKCS #11 3.0): the key stays in a hardware module or a token in software, and
//! only digests go there.
//!
//! One [`Pkcs11Signer`] is one key pair of one token, found by its label. Sessions are opened as callers need them and
//! used again, so several threads sign at once. The public key has to be on the token as an object beside the private
//! one; opening makes one signature and checks it, so a pair that is none is found before the first credential.
//!
//! Left out: making keys on the token (the vendor's tools do), protected authentication paths, logging in again after
//! the token was pulled: then signing fails until the process is started again.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{ObjectIdentifier, OctetStringRef, PrintableStringRef};

use crate::jwk::{ED25519, PublicKey, SECP256R1, SECP384R1, SECP521R1};
use crate::signer::{Signer, SignerError};
use crate::{Algorithm, Secret};

/// What is signed once when a key is opened; the signature is checked and thrown away.
const TRIAL: &[u8] = b"warifu: do these two keys belong together?";

/// Which key signs, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAddress {
    /// The module: a shared library that the token's vendor brings.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// Label of both halves of the key pair.
    pub key: String,
}

/// Why a key on a token can not be used.
#[derive(Debug, thiserror::Error)]
pub enum Pkcs11Error {
    /// The module can not be loaded or does not start.
    #[error("the PKCS#11 module `{module}` can not be used: {why}")]
    Module {
        /// The module.
        module: PathBuf,
        /// What the loader or the module says.
        why: String,
    },
    /// No token has this label.
    #[error("there is no token `{0}`")]
    NoToken(String),
    /// Several tokens have this label.
    #[error("several tokens are called `{0}`")]
    TokenAmbiguous(String),
    /// The token refuses the PIN.
    #[error("the token refuses the PIN")]
    WrongPin,
    /// The PIN is locked, mostly after too many wrong ones.
    #[error("the PIN is locked")]
    PinLocked,
    /// The token has no private key of this label that may sign.
    #[error("the token has no private key `{0}` that may sign")]
    NoKey(String),
    /// The token has no public key of this label.
    #[error("the token has no public key `{0}`")]
    NoPublicKey(String),
    /// Several keys of one kind have this label.
    #[error("several keys of one kind are called `{0}`")]
    KeyAmbiguous(String),
    /// The key is of a type or on a curve that is not supported, or its point is none of the curve.
    #[error("the key `{0}` is not on P-256, P-384, P-521 or Ed25519")]
    Unsupported(String),
    /// What the private key signed is not valid under the public key.
    #[error("the private key and the public key `{0}` do not belong together")]
    NotAPair(String),
    /// The token can not sign with this key.
    #[error("the token can not sign: {0}")]
    Signing(String),
    /// The token fails otherwise.
    #[error("the token fails: {0}")]
    Token(#[from] Error),
}

/// A private key on a token.
pub struct Pkcs11Signer {
    context: Pkcs11,
    slot: Slot,
    private: ObjectHandle,
    public: PublicKey,
    /// Sessions that no thread uses at the moment.
    idle: Mutex<Vec<Session>>,
    /// Logged in; the login lasts for all sessions of the process as long as one is open.
    _login: Mutex<Session>,
}

impl fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pkcs11Signer({:?})", self.public)
    }
}

impl Pkcs11Signer {
    /// Opens the token with its PIN and finds the key pair.
    pub fn open(address: &KeyAddress, pin: &Secret) -> Result<Self, Pkcs11Error> {
        let context = start(&address.module)?;
        let slot = slot(&context, &address.token)?;
        let login = context.open_ro_session(slot)?;
        match login.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(pin.expose().to_vec()))) {
            // The login of another key of this token counts for the whole process.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                return Err(Pkcs11Error::WrongPin);
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => return Err(Pkcs11Error::PinLocked),
            Err(other) => return Err(other.into()),
        }
        let key = || address.key.clone();
        let label = Attribute::Label(address.key.clone().into_bytes());
        let private = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Sign(true), label.clone()];
        let private = only(&login, &private, &address.key)?.ok_or_else(|| Pkcs11Error::NoKey(key()))?;
        let public = only(&login, &[Attribute::Class(ObjectClass::PUBLIC_KEY), label], &address.key)?;
        let public = public.ok_or_else(|| Pkcs11Error::NoPublicKey(key()))?;
        let public = public_key(&login, public)?.ok_or_else(|| Pkcs11Error::Unsupported(key()))?;
        let (idle, _login) = (Mutex::default(), Mutex::new(login));
        let signer = Self { context, slot, private, public, idle, _login };
        let trial = signer.sign(TRIAL).map_err(|error| Pkcs11Error::Signing(error.0))?;
        signer.public.verify(TRIAL, &trial).map_err(|_| Pkcs11Error::NotAPair(key()))?;
        Ok(signer)
    }

    fn sign_in(&self, session: &Session, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self.public.algorithm().hash() {
            // CKM_ECDSA takes a digest and gives `r || s`, as JOSE has it (PKCS #11 3.0 section 6.3.1).
            Some(hash) => session.sign(&Mechanism::Ecdsa, self.private, &hash.digest(message)),
            None => {
                let pure = EddsaParams::new(EddsaSignatureScheme::Ed25519);
                session.sign(&Mechanism::Eddsa(pure), self.private, message)
            }
        }
    }
}

impl Signer for Pkcs11Signer {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let failed = |error: Error| SignerError(error.to_string());
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = match idle {
            Some(session) => session,
            None => self.context.open_ro_session(self.slot).map_err(failed)?,
        };
        // A session that failed is closed by its drop, as nobody knows what state it is in.
        let signature = self.sign_in(&session, message).map_err(failed)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        let expected = self.algorithm().signature_bytes();
        if signature.len() != expected {
            return Err(SignerError(format!("{} bytes for a signature of {expected}", signature.len())));
        }
        Ok(signature)
    }

    fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }
}

/// Loads the module and starts it; it may run already for another key.
fn start(module: &Path) -> Result<Pkcs11, Pkcs11Error> {
    let unusable = |error: Error| Pkcs11Error::Module { module: module.to_owned(), why: error.to_string() };
    let context = Pkcs11::new(module).map_err(unusable)?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(context),
        Err(other) => Err(unusable(other)),
    }
}

fn slot(context: &Pkcs11, label: &str) -> Result<Slot, Pkcs11Error> {
    let mut found = None;
    for slot in context.get_slots_with_initialized_token()? {
        if context.get_token_info(slot)?.label() == label && found.replace(slot).is_some() {
            return Err(Pkcs11Error::TokenAmbiguous(label.to_owned()));
        }
    }
    found.ok_or_else(|| Pkcs11Error::NoToken(label.to_owned()))
}

fn only(session: &Session, template: &[Attribute], label: &str) -> Result<Option<ObjectHandle>, Pkcs11Error> {
    match session.find_objects(template)?[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [_, _, ..] => Err(Pkcs11Error::KeyAmbiguous(label.to_owned())),
    }
}

/// The public key behind an object; `None` for types and curves outside the supported set.
fn public_key(session: &Session, object: ObjectHandle) -> Result<Option<PublicKey>, Error> {
    let wanted = [AttributeType::KeyType, AttributeType::EcParams, AttributeType::EcPoint];
    let (mut kind, mut curve, mut point) = (None, Vec::new(), Vec::new());
    for attribute in session.get_attributes(object, &wanted)? {
        match attribute {
            Attribute::KeyType(found) => kind = Some(found),
            Attribute::EcParams(found) => curve = found,
            Attribute::EcPoint(found) => point = found,
            _ => {}
        }
    }
    // The point stands in a DER OCTET STRING (PKCS #11 3.0 section 6.3.3); that of an Edwards curve also bare (6.3.5).
    let wrapped = <&OctetStringRef>::from_der(&point).ok().map(OctetStringRef::as_bytes);
    let oid = ObjectIdentifier::from_der(&curve).ok();
    Ok(match (kind, oid, wrapped) {
        (Some(KeyType::EC), Some(SECP256R1), Some(point)) => {
            p256::PublicKey::from_sec1_bytes(point).map(PublicKey::P256).ok()
        }
        (Some(KeyType::EC), Some(SECP384R1), Some(point)) => {
            p384::PublicKey::from_sec1_bytes(point).map(PublicKey::P384).ok()
        }
        (Some(KeyType::EC), Some(SECP521R1), Some(point)) => {
            p521::PublicKey::from_sec1_bytes(point).map(PublicKey::P521).ok()
        }
        // The curve by its number, or by its name (6.3.5).
        (Some(KeyType::EC_EDWARDS), oid, wrapped) if oid == Some(ED25519) || named_edwards25519(&curve) => {
            let bare = <[u8; 32]>::try_from(point.as_slice()).ok();
            let point = bare.or_else(|| wrapped?.try_into().ok());
            point.and_then(|point| ed25519_dalek::VerifyingKey::from_bytes(&point).ok()).map(PublicKey::Ed25519)
        }
        (_, _, _) => None,
    })
}

fn named_edwards25519(parameters: &[u8]) -> bool {
    PrintableStringRef::from_der(parameters).is_ok_and(|name| name.as_str() == "edwards25519")
}
