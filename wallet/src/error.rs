//! Why the wallet refused, in one place, each with a stable name.

use warifu_keys::jwk::KeyError;

use crate::accept::AcceptError;
use crate::consent::ConsentUnusable;
use crate::holding::{CredentialError, CredentialId};
use crate::presence::PresenceError;
use crate::present::PresentError;
use crate::qr::QrError;
use crate::share::ShareRefused;
use crate::store::{SealError, StoreError};

/// Why the wallet refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The wallet's file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting has an impossible value.
    #[error("the setting `{setting}` is not usable: {why}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Neither an offer nor a request.
    #[error("not a link for a wallet: neither a credential offer nor a presentation request")]
    NotAWalletLink,
    /// No link could be read from a picture.
    #[error(transparent)]
    Qr(#[from] QrError),
    /// An offer did not become a credential.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// A request was not answered.
    #[error(transparent)]
    Present(#[from] PresentError),
    /// Consent or selfie match does not serve.
    #[error(transparent)]
    Consent(#[from] ConsentUnusable),
    /// The selfie did not become a match.
    #[error(transparent)]
    Presence(#[from] PresenceError),
    /// A selfie is to be matched and the credential has no face.
    #[error("the credential has no face template, so no selfie can be matched with it")]
    NoFaceTemplate,
    /// The face template was asked for. It never leaves the wallet.
    #[error("the face template was asked for; it never leaves the wallet")]
    FaceTemplateAsked,
    /// No share was made.
    #[error(transparent)]
    Share(#[from] ShareRefused),
    /// No credential has this name.
    #[error("there is no credential `{0}` in the wallet")]
    NoSuchCredential(CredentialId),
    /// A held credential can not be read or presented.
    #[error("the held credential: {0}")]
    Held(#[source] CredentialError),
    /// A device key can not be used.
    #[error("the device key: {0}")]
    Key(#[source] KeyError),
    /// Work in the background was cut off.
    #[error("the work was cut off")]
    CutOff,
}

impl Error {
    /// Stable name of the reason, for the history, for programs and for pages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => match error {
                StoreError::NotInitialised => "no_wallet",
                StoreError::AlreadyInitialised => "wallet_exists",
                StoreError::PassphraseTooShort => "passphrase_too_short",
                StoreError::Full => "wallet_full",
                StoreError::Seal(SealError::WrongPassphrase) => "wrong_passphrase",
                StoreError::Seal(SealError::Damaged(_)) => "wallet_damaged",
                StoreError::Seal(SealError::Parameters | SealError::Encryption) => "wallet_unusable",
                StoreError::Busy => "wallet_busy",
                StoreError::Io(_) => "wallet_io",
            },
            Self::Setting { .. } => "bad_setting",
            Self::NotAWalletLink => "not_a_wallet_link",
            Self::Qr(error) => match error {
                QrError::Picture(_) => "bad_picture",
                QrError::NotFound => "no_qr_code",
                QrError::Several(_) => "several_qr_codes",
            },
            Self::Accept(error) => error.code(),
            Self::Present(error) => error.code(),
            Self::Consent(error) => error.code(),
            Self::Presence(error) => error.code(),
            Self::NoFaceTemplate => "no_face_template",
            Self::FaceTemplateAsked => "face_template_asked",
            Self::Share(error) => error.code(),
            Self::NoSuchCredential(_) => "no_such_credential",
            Self::Held(_) => "held_credential",
            Self::Key(_) => "device_key",
            Self::CutOff => "cut_off",
        }
    }
}
