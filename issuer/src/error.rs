//! Everything the issuer's services refuse, and why.

use warifu_models::ModelsError;
use warifu_session::Status;
use warifu_session::consent::ConsentError;
use warifu_session::share::ShareError;
use warifu_trust::Refusal;

use crate::config::BadSetting;
use crate::kyc::stage::OutOfTurn;
use crate::kyc::vault::VaultError;
use crate::workflows::Refused;

/// Why a service of the issuer refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No session has this identifier or token.
    #[error("there is no such session")]
    NoSuchSession,
    /// The workflow is not one of this issuer's.
    #[error("there is no such workflow")]
    NoSuchWorkflow,
    /// A workflow or questionnaire was refused.
    #[error(transparent)]
    Workflow(Box<Refused>),
    /// A field of the request has an impossible value.
    #[error("{field}: {why}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The session can not become that.
    #[error(transparent)]
    Transition(#[from] warifu_session::status::OutOfTurn),
    /// A reviewer approved against what the checks found; credentials are made of what the checks passed.
    #[error("a reviewer approved the session against what the checks found, so there is no credential for it")]
    ApprovedByReviewer,
    /// It is not the turn of what came.
    #[error(transparent)]
    OutOfTurn(#[from] OutOfTurn),
    /// The session is over: finished or out of time.
    #[error("the session is over, it is `{0}`")]
    Over(Status),
    /// Too many uploads that could not be used.
    #[error("too many tries; ask for a new session")]
    TooManyTries,
    /// There is no decision yet.
    #[error("the session is not finished, it is `{0}`")]
    NotDecided(Status),
    /// There is no report of a session that is not finished.
    #[error("there is a report of finished sessions only, this one is `{0}`")]
    NoReport(Status),
    /// Only an approved session has a credential.
    #[error("the session is not approved, it is `{0}`")]
    NotApproved(Status),
    /// The person's data were erased.
    #[error("the data of this session were erased")]
    Erased,
    /// The credentials of this session were revoked.
    #[error("the credentials of this session were revoked")]
    Revoked,
    /// The credentials of this session are suspended.
    #[error("the credentials of this session are suspended")]
    Suspended,
    /// A credential of this session is in a status list that knows valid and revoked only.
    #[error("a credential of this session can be revoked only, not suspended")]
    NotSuspendable,
    /// The person did not consent to this share.
    #[error("there is no consent of the person to share this with `{0}`")]
    NoConsent(String),
    /// The person took the consent back.
    #[error("the person took back the consent {consent} to share this with `{audience}`")]
    ConsentWithdrawn {
        /// Who may not receive any more.
        audience: String,
        /// The consent.
        consent: uuid::Uuid,
    },
    /// Nothing of the session may go.
    #[error("the session is under a legal hold since {since}; lift it first")]
    OnHold {
        /// Since when.
        since: jiff::Timestamp,
    },
    /// The session has no consent of this identifier.
    #[error("there is no such consent")]
    NoSuchConsent,
    /// The audience may not receive shares.
    #[error("`{audience}` can not receive shares: {refusal}")]
    Audience {
        /// The audience.
        audience: String,
        /// What the trusted list says.
        refusal: Box<Refusal>,
    },
    /// The share could not be made.
    #[error(transparent)]
    Share(Box<ShareError>),
    /// The consent could not be recorded.
    #[error(transparent)]
    Consent(Box<ConsentError>),
    /// A reuse session needs a face to compare with.
    #[error(
        "NO_REFERENCE_IMAGE: no face of this person is known; send a portrait, ask for a credential, or let them pass the full \
         verification"
    )]
    NoReference,
    /// People can not be asked for a credential here.
    #[error("this issuer has no access certificate, so it can not ask for a credential")]
    NoAccessCertificate,
    /// No request for a credential waits under this identifier: it ended, was used, or never was.
    #[error("there is no such request, or it has ended")]
    NoSuchRequest,
    /// What came is no answer to the request for a credential.
    #[error("this is no answer to the request")]
    Unreadable,
    /// The face that is known was measured by a model that is not loaded any more.
    #[error("face template of another model: let the person pass the full verification again")]
    OtherModel,
    /// The session has no face that could be put on a list.
    #[error("the session has no selfie with a face")]
    NoFace,
    /// The session proves that it is the same person and holds no identity.
    #[error("the session holds no identity that a credential could be made of")]
    NoIdentity,
    /// The API key is missing or wrong.
    #[error("the API key is missing or wrong; name it in the header `x-api-key`")]
    ApiKey,
    /// The operator's key is missing or wrong.
    #[error("the operator's key is missing or wrong; name it in the header `x-operator-key`")]
    OperatorKey,
    /// No application has this identifier.
    #[error("there is no such application")]
    NoSuchApplication,
    /// What a sandbox approved is never minted for real people.
    #[error("the session belongs to a sandbox application, so there is no credential for it here")]
    SandboxSession,
    /// The application has no such destination of webhooks.
    #[error("there is no such webhook destination")]
    NoSuchDestination,
    /// There is no such delivery, or none that could be sent again.
    #[error("there is no such delivery, or what it sent is not kept any more")]
    NoSuchDelivery,
    /// There is no such offer, or it has ended.
    #[error("there is no such offer, or it has ended")]
    NoSuchOffer,
    /// There is no such status list.
    #[error("there is no such status list")]
    NoSuchList,
    /// This issuer does not say how its status lists were.
    #[error("this issuer does not say how its status lists were")]
    NoHistory,
    /// The time lies ahead, before the list, or longer ago than is kept.
    #[error("nothing is known of that time")]
    NotInHistory,
    /// The record was changed again and again meanwhile.
    #[error("the session is being changed by someone else; try again")]
    Busy,
    /// A setting that cannot be used.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The models are absent or failed.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] warifu_store::Error),
    /// Sealed data did not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The credential could not be made.
    #[error("the credential could not be made: {0}")]
    Mint(#[from] warifu_credential::profile::Error),
    /// The face template does not fit the credential.
    #[error("the face template: {0}")]
    Template(#[from] warifu_credential::face_template::Error),
    /// The status list could not be made.
    #[error("the status list: {0}")]
    Status(#[from] warifu_credential::status::Error),
    /// A request for a credential could not be made.
    #[error("the request for a credential could not be made: {0}")]
    Asking(String),
    /// A task ended badly.
    #[error("a task ended badly: {0}")]
    Task(String),
}

// Boxed, because they are far larger than the others and every service returns this type.
impl From<ShareError> for Error {
    fn from(error: ShareError) -> Self {
        Self::Share(Box::new(error))
    }
}

impl From<ConsentError> for Error {
    fn from(error: ConsentError) -> Self {
        Self::Consent(Box::new(error))
    }
}
