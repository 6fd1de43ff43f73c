//! From pictures to a verdict.
//!
//! `read` measures what is in the pictures, [`check`]s compare the measures with thresholds, [`verdict::decide`] draws
//! the conclusion, [`stage::Stage`] keeps the order, and [`session`] is the record around it all. Only `read` touches a
//! model and only the services touch the store; everything else here is a pure function of its arguments.
//!
//! [`faces`] keeps and searches the faces of approved people and the blocklist; `reuse` is the session of a person who was
//! verified before, `presented` the credential that they may show in place of a kept face.
//!
//! `lapse` writes down what nobody finished in time.
//!
//! [`consent`] keeps what the person lets others receive, and `share` makes the token for one of them.
//!
//! `capture` takes the selfie in: hints, a challenge, the recording for it. [`questions`] takes the answers to questionnaires.
//!
//! Left out for now: chips, back sides, barcodes, lists of anything but faces.

pub mod capture;
pub mod check;
pub mod checks;
pub mod consent;
pub mod decision;
pub mod device;
pub mod evidence;
pub mod expected;
pub mod explain;
pub mod faces;
pub mod identity;
pub mod list;
pub mod media;
pub mod presented;
pub mod questions;
pub mod resubmit;
pub mod reuse;
pub mod review;
pub mod scenario;
pub mod session;
pub mod stage;
pub mod threshold;
pub mod vault;
pub mod verdict;
pub mod workflow;

pub(crate) mod create;
pub(crate) mod erase;
mod lapse;
pub(crate) mod read;
pub(crate) mod service;
pub(crate) mod share;
