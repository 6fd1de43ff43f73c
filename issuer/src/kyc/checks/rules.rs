//! What the workflow demands of the document and its holder.

use crate::kyc::check::{Check, CheckName, Code, Outcome, Signal};
use crate::kyc::evidence::Evidence;
use crate::kyc::identity::is_specimen_state;
use crate::kyc::threshold::Measure;
use crate::kyc::workflow::Environment;

/// The document is in force on the day of the check, its last day included.
#[derive(Debug, Clone, Copy)]
pub struct DocumentExpiry;

impl Check for DocumentExpiry {
    fn name(&self) -> CheckName {
        CheckName::DocumentExpiry
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(expires) =
            evidence.document().and_then(|document| document.identity.as_ref()).and_then(|identity| identity.expires)
        else {
            return Signal::new(self.name(), Outcome::NotRun, Code::DateNotRead);
        };
        let days = (expires - evidence.today).get_days();
        let (outcome, code) = if expires >= evidence.today {
            (Outcome::Pass, Code::DocumentInForce)
        } else {
            (Outcome::Fail, Code::DocumentExpired)
        };
        Signal::new(self.name(), outcome, code).measured(f64::from(days), Measure::DaysLeft.held_to([0.0]))
    }
}

/// The document was issued by someone this workflow takes: specimens of the fictional Utopia in a sandbox only.
#[derive(Debug, Clone, Copy)]
pub struct DocumentIssuer {
    /// Whether specimens are taken.
    pub environment: Environment,
}

impl Check for DocumentIssuer {
    fn name(&self) -> CheckName {
        CheckName::DocumentIssuer
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(identity) = evidence.document().and_then(|document| document.identity.as_ref()) else {
            return Signal::new(self.name(), Outcome::NotRun, Code::MrzNotSeen);
        };
        let specimen = is_specimen_state(&identity.issuing_state) || is_specimen_state(&identity.nationality);
        let (outcome, code) = match (specimen, self.environment) {
            (false, _) => (Outcome::Pass, Code::IssuerTaken),
            (true, Environment::Sandbox) => (Outcome::Warn, Code::SpecimenTaken),
            (true, Environment::Live) => (Outcome::Fail, Code::SpecimenRefused),
        };
        Signal::new(self.name(), outcome, code)
    }
}

/// The holder is old enough on the day of the check.
#[derive(Debug, Clone, Copy)]
pub struct MinimumAge {
    /// Youngest age taken, in years; `None` takes everyone.
    pub years: Option<u8>,
}

impl Check for MinimumAge {
    fn name(&self) -> CheckName {
        CheckName::MinimumAge
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let age = evidence
            .document()
            .and_then(|document| document.identity.as_ref())
            .and_then(|identity| identity.age(evidence.today));
        let Some(age) = age else {
            return Signal::new(self.name(), Outcome::NotRun, Code::DateNotRead);
        };
        let Some(years) = self.years else {
            return Signal::new(self.name(), Outcome::Pass, Code::NoMinimumAge);
        };
        let (outcome, code) =
            if age >= u16::from(years) { (Outcome::Pass, Code::OldEnough) } else { (Outcome::Fail, Code::TooYoung) };
        Signal::new(self.name(), outcome, code).measured(f64::from(age), Measure::Age.held_to([f64::from(years)]))
    }
}
