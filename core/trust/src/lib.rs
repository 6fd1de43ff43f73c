//! Who may issue, ask and receive: signed trusted lists and the decisions read from them.
//!
//! The operator of a trust scheme signs one list of trusted entities (ETSI TS 119 602). [`list::TrustedList::verify`]
//! turns its bytes into a list of [`entity`] values that may be believed, [`decide::Trust`] answers from it, and every refusal explains
//! itself ([`decide::Refusal`]). [`lote`] is the wire form, written by the registry; [`bundle`] reads the key files that
//! the registry makes for each role.
//!
//! Every decision fails closed: without a list, with an expired list, or for a party that is not granted at the instant
//! of the question, the answer is a refusal.
//!
//! Left out: the XML lists of ETSI TS 119 612, pointers to other lists (read and written, not followed), OpenID
//! Federation, and the EU profiles, whose lists know no status.

pub mod bundle;
pub mod decide;
pub mod entity;
pub mod keeper;
pub mod list;
pub mod lote;

#[cfg(test)]
mod fixture;

pub use decide::{Refusal, Trust};
pub use entity::{Service, ServiceStatus, ServiceType, TrustedEntity};
pub use keeper::Keeper;
pub use list::{ListError, TrustedList};
