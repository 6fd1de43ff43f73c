//! The words of a KYC session and what leaves it: statuses, the decision, consent receipts, the share token.
//!
//! [`status`] and [`decision`] speak the v3 session API that existing clients know. [`share`] is the project's own share
//! token, made by a wallet or by an issuer and opened by a partner; [`consent`] is the receipt inside it (ISO/IEC TS
//! 27560) and the pairwise identifier of the person.
//!
//! [`billing`] says what was counted. [`webhook`] is what partners' servers are told: the event, its canonical form, its signatures and how they are checked.
//! [`workflow`] says what a session asks for next and how it ends; its steps are run by the issuer.

pub mod billing;
pub mod consent;
pub mod decision;
pub mod share;
pub mod status;
pub mod webhook;
pub mod workflow;

#[cfg(test)]
mod fixture;

pub use decision::Decision;
pub use status::{FeatureStatus, Status};
