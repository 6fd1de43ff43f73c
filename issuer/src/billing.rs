//! What the sessions of an application would cost at the operator's prices. Counted, never collected: nothing is blocked
//! and nothing is paid here.
//!
//! A session counts once it is finished, in the month in which it was made, and goes on counting when it is erased. The
//! counts are entries of one index, so they are written in the commit that finishes a session and in no other.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::billing::{Line, Price, Usage};
use warifu_store::{Query, Range, sortable};

use crate::kyc::session::{FINISHED, is_finished};
use crate::kyc::workflow::{Environment, Kind};
use crate::{Application, Error, Issuer};

/// Prices in ten-thousandths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// First verifications that are free in each month. Default: 500.
    pub free_per_month: u32,
    /// A first verification: document, passive liveness, face match.
    pub verification: u32,
    /// A session of someone who was verified before.
    pub biometric_authentication: u32,
    /// Taking over what was verified elsewhere; whoever imports pays.
    pub import: u32,
}

impl Default for Prices {
    fn default() -> Self {
        Self { free_per_month: 500, verification: 3_300, biometric_authentication: 0, import: 3_000 }
    }
}

impl Prices {
    /// The price list.
    #[must_use]
    pub fn list(&self) -> Vec<Price> {
        vec![
            Price::new("verification", self.verification, self.free_per_month, "creator"),
            Price::new("biometric_authentication", self.biometric_authentication, 0, "creator"),
            Price::new("import", self.import, 0, "importer"),
        ]
    }
}

/// What one session costs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Cost {
    /// Always US dollars.
    pub currency: &'static str,
    /// What is counted; nothing for a session that is not finished.
    pub items: Vec<CostItem>,
    /// US dollars, with four decimals, without regard to what is free in a month.
    pub total: String,
}

/// One thing that a session is counted for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CostItem {
    /// What is counted, as in the price list.
    pub item: &'static str,
    /// US dollars, with four decimals.
    pub price: String,
}

impl Issuer {
    /// What a session costs by itself. Sandboxes cost nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], those of the store.
    pub async fn cost(&self, session: Uuid) -> Result<Cost, Error> {
        let session = self.sessions().load(&session).await?.ok_or(Error::NoSuchSession)?.value;
        let (item, price) = match session.workflow.kind {
            Kind::FirstVerification => ("verification", self.config.prices.verification),
            Kind::BiometricAuthentication => ("biometric_authentication", self.config.prices.biometric_authentication),
        };
        let (count, free) = match session.workflow.environment {
            Environment::Live => (usize::from(is_finished(session.status)), 0),
            Environment::Sandbox => (usize::from(is_finished(session.status)), 1),
        };
        let line = Line::new(item, count, free, price);
        let items = (count > 0).then(|| CostItem { item, price: line.amount.clone() });
        Ok(Cost { currency: "USD", items: items.into_iter().collect(), total: line.amount })
    }

    /// What an application used in the month that begins with `first`.
    ///
    /// # Errors
    /// Those of the store; [`Error::Field`] for a month at the end of time.
    pub async fn usage(&self, application: &Application, first: Date) -> Result<Usage, Error> {
        let wrong = || Error::Field { field: "month", why: "Enter a month as YYYY-MM.".to_owned() };
        let moment = |day: Date| Ok::<Timestamp, Error>(day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp());
        let (from, to): (Timestamp, Timestamp) =
            (moment(first)?, moment(first.checked_add(1.month()).map_err(|_| wrong())?)?);
        let prices = &self.config.prices;
        let costs = application.environment == Environment::Live;
        let rows = [
            ("verification", Kind::FirstVerification, prices.free_per_month, prices.verification),
            ("biometric_authentication", Kind::BiometricAuthentication, 0, prices.biometric_authentication),
        ];
        let mut lines = Vec::new();
        for (item, kind, free, price) in rows {
            let place = |at: Timestamp| finished(application.id, kind, at);
            let query = Query::by(FINISHED, Range::Between(place(from), place(to))).limit(1).count_to(Line::MOST);
            let count = self.sessions().scan(&query).await?.count;
            lines.push(Line::new(item, count, if costs { free as usize } else { count }, price));
        }
        let month = first.strftime("%Y-%m").to_string();
        Ok(Usage::new(month, application.environment.into(), lines))
    }
}

/// Index key of a finished session.
pub(crate) fn finished(application: Uuid, kind: Kind, at: Timestamp) -> String {
    let kind = match kind {
        Kind::FirstVerification => 'v',
        Kind::BiometricAuthentication => 'b',
    };
    format!("{} {kind} {}", application.simple(), sortable(at.as_microsecond()))
}
