//! The audit log's doors: the signed checkpoint, the entries, and the proofs that bind them together.
//!
//! | door | answer |
//! |---|---|
//! | `GET /v3/audit/checkpoint` | the checkpoint in a signed note, as text |
//! | `GET /v3/audit/key` | the public key of the checkpoints, as the C2SP tools spell it |
//! | `GET /v3/audit/entries?from=&to=` | `entries` from `from` up to `to`, which is left out; `size` of the log |
//! | `GET /v3/audit/proof/inclusion?index=&size=` | `hashes` that lead from entry `index` to the `root` of `size` entries |
//! | `GET /v3/audit/proof/consistency?from=&to=` | `hashes` that show that `to` entries continue `from` entries |
//!
//! The leaf of an entry is the entry as it stands in `entries`, written as JSON without spaces. Hashes are base64url here
//! and base64 in the checkpoint, as its specification wants. Mistakes are answered with problem documents. The role
//! that merges this router lets only its own clients in.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use warifu_keys::signer::SignerError;
use warifu_keys::{Jwk, PublicKey, Signer, base64url};
use warifu_store::audit::export::{self, Checked, Fault};
use warifu_store::audit::{Checkpoint, Log, Malformed, NoteKey, ProofError, SignedNote, Unsigned};
use warifu_store::{Error as StoreError, Store};

use crate::Problem;
use crate::extract::{Json, Query};

/// Entries in one answer.
const PAGE: u64 = 1000;

/// Why an audit log can not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Checkpoints are signed with Ed25519 only (C2SP signed-note, signature type 1).
    #[error("checkpoints are signed with an Ed25519 key; this is another one")]
    NotEd25519,
    /// The address of the role makes no name for the log.
    #[error("the address of the log makes no name for it: {0}")]
    Name(#[from] Malformed),
    /// No key was handed in.
    #[error("this log has no key to sign checkpoints with")]
    NoKey,
    /// The key could not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// There is no such root or proof, or the store failed.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Proof(error.into())
    }
}

/// The audit log of a role and the key its checkpoints are signed with.
#[derive(Clone)]
pub struct AuditLog {
    log: Log,
    sealer: Option<(NoteKey, Arc<dyn Signer>)>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditLog({:?})", self.sealer.as_ref().map(|(key, _)| key.name()))
    }
}

impl AuditLog {
    /// The log of this store. Without a key it has entries and proofs, and no checkpoint.
    #[must_use]
    pub fn of(store: &Arc<dyn Store>) -> Self {
        Self { log: Log::of(store), sealer: None }
    }

    /// The log with the key for its checkpoints. Its name, for all time, is the role's address without scheme.
    ///
    /// # Errors
    /// [`AuditError::NotEd25519`], [`AuditError::Name`].
    pub fn signed_with(self, signer: Arc<dyn Signer>, base_url: &Url) -> Result<Self, AuditError> {
        let port = base_url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = base_url.path().trim_end_matches('/');
        let name = format!("{}{port}{path}/v3/audit", base_url.host_str().unwrap_or_default());
        let key = NoteKey::new(name, ed25519(&signer.public_key()).ok_or(AuditError::NotEd25519)?)?;
        Ok(Self { sealer: Some((key, signer)), ..self })
    }

    /// The public key of the checkpoints.
    ///
    /// # Errors
    /// [`AuditError::NoKey`].
    pub fn key(&self) -> Result<&NoteKey, AuditError> {
        self.sealer.as_ref().map(|(key, _)| key).ok_or(AuditError::NoKey)
    }

    /// The entries and proofs.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A signed checkpoint over everything in the log.
    ///
    /// # Errors
    /// [`AuditError::NoKey`], [`AuditError::Signer`], [`AuditError::Proof`] from the store.
    pub async fn checkpoint(&self) -> Result<SignedNote, AuditError> {
        let (key, signer) = self.sealer.as_ref().ok_or(AuditError::NoKey)?;
        let root = self.log.root(self.log.size().await?).await?;
        let checkpoint = Checkpoint { origin: key.name().to_owned(), root };
        Ok(SignedNote::sign(&checkpoint, key, |message| signer.sign(message))?)
    }

    /// Hands the lines of an export of the whole log to `write`, the head first, without line feeds.
    ///
    /// # Errors
    /// As [`AuditLog::checkpoint`]; what `write` says.
    pub async fn export<E: From<AuditError>>(&self, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<u64, E> {
        let note = self.checkpoint().await?;
        let key = self.key()?;
        write(&export::head(key, &note))?;
        let size = signed_checkpoint(&note, key).map_err(|_| AuditError::NoKey)?.root.size;
        let mut next = 0;
        while next < size {
            let page = self.log.entries(next, PAGE.min(size - next) as usize).await.map_err(AuditError::from)?;
            let Some(last) = page.last() else { break };
            next = last.sequence + 1;
            page.iter().try_for_each(|sealed| write(&export::line(sealed)))?;
        }
        Ok(size)
    }
}

/// The 32 bytes of an Ed25519 public key; `None` for any other.
#[must_use]
pub fn ed25519(key: &PublicKey) -> Option<[u8; 32]> {
    let jwk: Jwk = key.to_jwk();
    (jwk.crv == "Ed25519").then(|| base64url::decode(&jwk.x).ok()?.try_into().ok()).flatten()
}

/// The checkpoint in a note, if `key` signed it.
///
/// # Errors
/// [`Unsigned`].
pub fn signed_checkpoint(note: &SignedNote, key: &NoteKey) -> Result<Checkpoint, Unsigned> {
    note.checkpoint(key, holds)
}

/// Checks an export from the first byte to the last; see [`export::check`].
///
/// # Errors
/// The first [`Fault`].
pub fn check_export(
    file: impl std::io::BufRead,
    key: Option<&[u8; 32]>,
    older: Option<&Checkpoint>,
) -> Result<Checked, Fault> {
    export::check(file, key, older, holds)
}

fn holds(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(public) });
    let key = serde_json::from_value::<Jwk>(jwk).ok().and_then(|jwk| jwk.public_key().ok());
    key.is_some_and(|key| key.verify(message, signature).is_ok())
}

/// The doors. The caller puts its own guard before them.
pub fn router<S: Clone + Send + Sync + 'static>(log: AuditLog) -> Router<S> {
    Router::new()
        .route("/v3/audit/checkpoint", get(checkpoint))
        .route("/v3/audit/key", get(key))
        .route("/v3/audit/entries", get(entries))
        .route("/v3/audit/proof/inclusion", get(inclusion))
        .route("/v3/audit/proof/consistency", get(consistency))
        .with_state(log)
}

async fn checkpoint(State(log): State<AuditLog>) -> Result<Response, Problem> {
    let note = log.checkpoint().await?.to_string();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}

async fn key(State(log): State<AuditLog>) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{}\n", log.key()?)).into_response())
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    from: u64,
    to: Option<u64>,
}

async fn entries(State(log): State<AuditLog>, Query(piece): Query<Piece>) -> Result<Response, Problem> {
    let size = log.log.size().await.map_err(AuditError::from)?;
    let end = piece.to.unwrap_or(size).min(size);
    let limit = end.saturating_sub(piece.from).min(PAGE);
    let entries = match limit {
        0 => Vec::new(),
        _ => log.log.entries(piece.from, limit as usize).await.map_err(AuditError::from)?,
    };
    Ok(Json(json!({ "size": size, "entries": entries })).into_response())
}

#[derive(Deserialize)]
struct Inclusion {
    index: u64,
    size: u64,
}

async fn inclusion(State(log): State<AuditLog>, Query(asked): Query<Inclusion>) -> Result<Response, Problem> {
    let Inclusion { index, size } = asked;
    let hashes = log.log.inclusion(index, size).await.map_err(AuditError::from)?;
    let root = log.log.root(size).await.map_err(AuditError::from)?;
    Ok(Json(json!({ "index": index, "size": size, "root": root.hash, "hashes": hashes })).into_response())
}

#[derive(Deserialize)]
struct Consistency {
    from: u64,
    to: u64,
}

async fn consistency(State(log): State<AuditLog>, Query(asked): Query<Consistency>) -> Result<Response, Problem> {
    let Consistency { from, to } = asked;
    let hashes = log.log.consistency(from, to).await.map_err(AuditError::from)?;
    let (older, newer) = (log.log.root(from).await, log.log.root(to).await);
    let (older, newer) = (older.map_err(AuditError::from)?, newer.map_err(AuditError::from)?);
    let answer = json!({ "from": from, "to": to, "from_root": older.hash, "to_root": newer.hash, "hashes": hashes });
    Ok(Json(answer).into_response())
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match &error {
            AuditError::Proof(ProofError::NoSuchSize { .. } | ProofError::NoSuchEntry { .. }) => {
                Self::not_found(error.to_string())
            }
            AuditError::Proof(ProofError::Backwards { .. }) => Self::bad_request("backwards", error.to_string()),
            AuditError::NoKey => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no_audit_key",
                "this log has no key to sign checkpoints with; its operator has to set one",
            ),
            AuditError::NotEd25519 | AuditError::Name(_) | AuditError::Signer(_) | AuditError::Proof(_) => {
                Self::internal(&error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use jiff::Timestamp;
    use serde_json::Value;
    use tower::ServiceExt as _;
    use warifu_keys::SigningKey;
    use warifu_keys::entropy::Seeded;
    use warifu_store::Batch;
    use warifu_store::audit::{Entry, Hash, Reference, Root, Sealed};

    use super::*;

    async fn log(entries: u32) -> (Arc<dyn Store>, AuditLog) {
        let store = warifu_store::memory::open().unwrap();
        grow(&store, entries).await;
        let signer = Arc::new(SigningKey::generate_ed25519(&Seeded::dangerous_new("audit")));
        let base = "https://issuer.example:8443/kyc/".parse().unwrap();
        let log = AuditLog::of(&store).signed_with(signer, &base).unwrap();
        (store, log)
    }

    async fn grow(store: &Arc<dyn Store>, entries: u32) {
        let at = Timestamp::from_second(1_795_000_000).unwrap();
        for n in 0..entries {
            let subject = Reference::keyed(&[1; 32], "session", &n.to_string());
            let entry = Entry::new(at, "session.created", Reference::public("issuer", "hosted"), subject);
            store.commit(Batch::new().audit(entry)).await.unwrap();
        }
    }

    async fn get(log: &AuditLog, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router::<()>(log.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn json(log: &AuditLog, path: &str) -> Value {
        let (status, text) = get(log, path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn hashes(value: &Value) -> Vec<Hash> {
        serde_json::from_value(value["hashes"].clone()).unwrap()
    }

    /// What an auditor does who has nothing but the doors and the public key.
    #[tokio::test]
    async fn an_auditor_follows_the_log_by_its_doors() {
        let (store, log) = log(13).await;
        let key: NoteKey = get(&log, "/v3/audit/key").await.1.trim_end().parse().unwrap();
        assert_eq!(key.name(), "issuer.example:8443/kyc/v3/audit");
        let checkpoint = async || {
            let (status, text) = get(&log, "/v3/audit/checkpoint").await;
            assert_eq!(status, 200);
            signed_checkpoint(&text.parse().unwrap(), &key).unwrap().root
        };
        let before = checkpoint().await;
        assert_eq!(before.size, 13);
        let listed = json(&log, "/v3/audit/entries?from=3&to=5").await;
        assert_eq!((listed["size"].as_u64(), listed["entries"].as_array().unwrap().len()), (Some(13), 2));
        for entry in listed["entries"].as_array().unwrap() {
            let sealed: Sealed = serde_json::from_value(entry.clone()).unwrap();
            let path = format!("/v3/audit/proof/inclusion?index={}&size=13", sealed.sequence);
            let proof = hashes(&json(&log, &path).await);
            assert_eq!(before.includes(sealed.sequence, export::line(&sealed).as_bytes(), &proof), Ok(()));
        }
        grow(&store, 8).await;
        let after = checkpoint().await;
        let shown = json(&log, "/v3/audit/proof/consistency?from=13&to=21").await;
        assert_eq!(after.continues(&before, &hashes(&shown)), Ok(()));
        let other = Root { hash: Hash::GENESIS, ..before };
        assert!(after.continues(&other, &hashes(&shown)).is_err());
        let all = json(&log, "/v3/audit/entries").await;
        assert_eq!(all["entries"].as_array().unwrap().len(), 21);
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let (store, log) = log(3).await;
        for (path, expected) in [
            ("/v3/audit/proof/inclusion?index=0&size=4", 404),
            ("/v3/audit/proof/inclusion?index=3&size=3", 404),
            ("/v3/audit/proof/inclusion?index=0", 400),
            ("/v3/audit/proof/inclusion?index=-1&size=2", 400),
            ("/v3/audit/proof/consistency?from=3&to=2", 400),
            ("/v3/audit/proof/consistency?from=1&to=9", 404),
            ("/v3/audit/entries?from=x", 400),
            ("/v3/audit/entries?from=9", 200),
            ("/v3/audit/entries?from=2&to=1", 200),
        ] {
            let (status, text) = get(&log, path).await;
            assert_eq!(status, expected, "{path}: {text}");
        }
        assert_eq!(get(&AuditLog::of(&store), "/v3/audit/checkpoint").await.0, 503);
        let p256 = Arc::new(SigningKey::generate_p256(&Seeded::dangerous_new("p256")));
        let base = "https://issuer.example".parse().unwrap();
        assert!(matches!(AuditLog::of(&store).signed_with(p256, &base), Err(AuditError::NotEd25519)));
    }

    /// The fault of a changed byte is shown in `warifu_store::audit::export`; here, that the signature is a real one.
    #[tokio::test]
    async fn an_export_is_checked_against_the_key() {
        let (store, log) = log(4).await;
        let mut file = String::new();
        let written = log
            .export(|line| {
                file.push_str(&format!("{line}\n"));
                Ok::<_, AuditError>(())
            })
            .await
            .unwrap();
        assert_eq!((written, file.lines().count()), (4, 5));
        let public = *log.key().unwrap().public();
        let checked = check_export(file.as_bytes(), Some(&public), None).unwrap();
        assert_eq!(checked.checkpoint.root.size, 4);
        assert!(matches!(check_export(file.as_bytes(), Some(&[9; 32]), None), Err(Fault::OtherKey(_))));
        // Someone else's key under the same name.
        let thief = Arc::new(SigningKey::generate_ed25519(&Seeded::dangerous_new("thief")));
        let base = "https://issuer.example:8443/kyc/".parse().unwrap();
        let forged = AuditLog::of(&store).signed_with(thief, &base).unwrap().checkpoint().await.unwrap();
        assert_eq!(signed_checkpoint(&forged, log.key().unwrap()), Err(Unsigned::NotBy));
        for at in 0..file.find('\n').unwrap() {
            let mut changed = file.clone().into_bytes();
            changed[at] ^= 1;
            assert!(check_export(&changed[..], Some(&public), None).is_err(), "byte {at}");
        }
        let mut longer = file.clone();
        grow(&store, 2).await;
        longer.clear();
        log.export(|line| {
            longer.push_str(&format!("{line}\n"));
            Ok::<_, AuditError>(())
        })
        .await
        .unwrap();
        assert!(check_export(longer.as_bytes(), Some(&public), Some(&checked.checkpoint)).is_ok());
        let other = Checkpoint { root: Root { hash: Hash::GENESIS, ..checked.checkpoint.root }, ..checked.checkpoint };
        assert!(matches!(check_export(longer.as_bytes(), None, Some(&other)), Err(Fault::Rewritten(_))));
    }
}
