//! Why an SD-JWT VC was refused: one variant for each rule that can be broken.

use jiff::Timestamp;
use warifu_keys::json::JsonError;
use warifu_keys::jwk::KeyError;
use warifu_keys::jws::JwsError;
use warifu_keys::signer::SignerError;
use warifu_keys::x509::X509Error;

use super::issuer_metadata::IssuerMetadataError;
use super::json_form::JsonFormError;
use crate::claim_path::PathError;

/// Why an SD-JWT VC was refused or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not `<jwt>~<disclosure>~…~`, or longer than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("not an SD-JWT in compact form")]
    Malformed,
    /// Not an SD-JWT in JSON form either.
    #[error("JSON form: {0}")]
    JsonForm(#[from] JsonFormError),
    /// More than [`MAX_DISCLOSURES`](super::MAX_DISCLOSURES).
    #[error("{0} disclosures are too many")]
    TooManyDisclosures(usize),
    /// Nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("nested too deep")]
    TooDeep,
    /// A disclosed claim's name is longer than [`MAX_NAME`](crate::claim_path::MAX_NAME) bytes.
    #[error("the name of a disclosed claim is too long")]
    NameTooLong,
    /// An issuer hands out credentials without key binding (RFC 9901 section 7.2).
    #[error("a credential with a key binding JWT came where none may be")]
    KeyBindingFromIssuer,
    /// The issuer-signed JWT is malformed, of another type, or its signature is wrong.
    #[error("issuer-signed JWT: {0}")]
    Jws(#[from] JwsError),
    /// The issuer's certificate chain was refused.
    #[error("issuer: {0}")]
    Issuer(#[from] X509Error),
    /// The keys that the issuer publishes on the web do not fit the credential.
    #[error("issuer: {0}")]
    IssuerMetadata(#[from] IssuerMetadataError),
    /// `_sd_alg` is none of `sha-256`, `sha-384` and `sha-512` (RFC 9901 section 7.1 step 2.d).
    #[error("digest algorithm `{0}` is not supported")]
    HashAlgorithm(String),
    /// A disclosure is not base64url without padding.
    #[error("disclosure {at} is not base64url")]
    DisclosureEncoding {
        /// Position, from 0.
        at: usize,
    },
    /// A disclosure is base64url of something else than acceptable JSON.
    #[error("disclosure {at}: {source}")]
    DisclosureJson {
        /// Position, from 0.
        at: usize,
        /// What was wrong.
        source: JsonError,
    },
    /// A disclosure is no array of two or three, or its salt or name is no string (RFC 9901 section 4.2).
    #[error("disclosure {at} is no array of salt, name and value")]
    DisclosureShape {
        /// Position, from 0.
        at: usize,
    },
    /// A digest in `_sd` belongs to a disclosure of two elements (RFC 9901 section 7.1 step 3.c.ii.1).
    #[error("disclosure {at} has no name, and its digest stands in an object")]
    EntryInObject {
        /// Position, from 0.
        at: usize,
    },
    /// A digest in an array belongs to a disclosure of three elements (RFC 9901 section 7.1 step 3.c.iii.1).
    #[error("disclosure {at} has a name, and its digest stands in an array")]
    MemberInArray {
        /// Position, from 0.
        at: usize,
    },
    /// The same disclosure twice.
    #[error("disclosure {at} was sent before")]
    DuplicateDisclosure {
        /// Position of the second, from 0.
        at: usize,
    },
    /// A disclosure whose digest stands nowhere (RFC 9901 section 7.1 step 5).
    #[error("disclosure {at} has no digest in the credential")]
    UnreferencedDisclosure {
        /// Position, from 0.
        at: usize,
    },
    /// A claim is called `_sd`, `...` or, below the top level, `_sd_alg` (RFC 9901 sections 4.1.1 and 7.1 step
    /// 3.c.ii.2).
    #[error("a claim is called `{0}`")]
    ReservedName(String),
    /// `_sd` is not an array of strings.
    #[error("`_sd` is not an array of digests")]
    DigestList,
    /// An object with `...` is not exactly an array's `{"...": "<digest>"}`.
    #[error("a placeholder `...` is malformed or in the wrong place")]
    Placeholder,
    /// One digest stands in two places (RFC 9901 section 7.1 step 4).
    #[error("a digest occurs twice")]
    DuplicateDigest,
    /// A disclosed claim's name is already taken at its level (RFC 9901 section 7.1 step 3.c.ii.3).
    #[error("disclosed claim `{0}` is there already")]
    NameExists(String),
    /// A claim that may never be selectively disclosable is.
    #[error("claim `{0}` may not be selectively disclosable")]
    NeverSelective(String),
    /// A registered claim is missing or of the wrong kind.
    #[error("claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// The `cnf` key can not be used.
    #[error("holder key: {0}")]
    HolderKey(KeyError),
    /// `nbf` lies in the future.
    #[error("valid only from {from}")]
    NotYetValid {
        /// Its `nbf`.
        from: Timestamp,
    },
    /// `iat` lies in the future.
    #[error("issued in the future, at {at}")]
    IssuedInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// `exp` has passed.
    #[error("expired at {at}")]
    Expired {
        /// Its `exp`.
        at: Timestamp,
    },
    /// The issuer restricted the credential to other verifiers by an `aud` claim (RFC 9901 section 7.1 step 6).
    #[error("the issuer made the credential for other verifiers")]
    CredentialAudience,
    /// The verifier wants proof of possession and none came.
    #[error("no key binding JWT")]
    NoKeyBinding,
    /// The credential names no holder key.
    #[error("the credential is bound to no key")]
    NoHolderKey,
    /// The key binding JWT is not a JWS, or not with an allowed algorithm.
    #[error("key binding JWT: {0}")]
    KeyBinding(#[source] JwsError),
    /// The key binding JWT has another `typ` than [`KEY_BINDING_TYP`](super::KEY_BINDING_TYP).
    #[error("the key binding JWT has type `{0}`")]
    KeyBindingType(String),
    /// The key binding JWT was signed with another algorithm than the holder key's.
    #[error("the key binding JWT has an algorithm that is not the holder key's")]
    KeyBindingAlgorithm,
    /// The key binding JWT was not signed by the holder key.
    #[error("the key binding JWT was not signed by the holder key")]
    KeyBindingSignature,
    /// A claim of the key binding JWT is missing or of the wrong kind.
    #[error("claim `{0}` of the key binding JWT is missing or malformed")]
    KeyBindingClaim(&'static str),
    /// The presentation was made for someone else.
    #[error("the presentation was made for `{found}`")]
    Audience {
        /// What `aud` says, shortened.
        found: String,
    },
    /// The presentation was made for another request.
    #[error("the presentation was made for another request: wrong nonce")]
    Nonce,
    /// The presentation was made too long ago.
    #[error("the presentation was made at {at}, too long ago")]
    KeyBindingTooOld {
        /// Its `iat`.
        at: Timestamp,
    },
    /// The presentation was made in the future.
    #[error("the presentation was made in the future, at {at}")]
    KeyBindingInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// The key binding JWT carries an `exp` that has passed (RFC 9901 section 7.3 step 5.h).
    #[error("the key binding JWT expired at {at}")]
    KeyBindingExpired {
        /// Its `exp`.
        at: Timestamp,
    },
    /// The key binding JWT carries an `nbf` in the future (RFC 9901 section 7.3 step 5.h).
    #[error("the key binding JWT is valid only from {from}")]
    KeyBindingNotYetValid {
        /// Its `nbf`.
        from: Timestamp,
    },
    /// The key binding JWT belongs to other disclosures.
    #[error("the key binding JWT belongs to other disclosures: wrong sd_hash")]
    SdHash,
    /// The issuer's certificate chain contains a self-signed certificate, or its leaf is not of the signing key.
    #[error("the issuer's chain does not fit: {0}")]
    IssuerChain(&'static str),
    /// A path that selects nothing in this credential.
    #[error("`{path}` is not in the credential: {source}")]
    NotHeld {
        /// The path.
        path: String,
        /// Why.
        source: PathError,
    },
    /// The signer is not the holder key.
    #[error("the signing key is not the one the credential is bound to")]
    NotTheHolderKey,
    /// An extra claim would replace one of the key binding JWT's own.
    #[error("extra claim `{0}` belongs to the key binding JWT itself")]
    ExtraClaim(String),
    /// The private key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}
