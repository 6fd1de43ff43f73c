//! What the sessions of an application would cost at the operator's prices. Counted, never collected: nothing is blocked
//! and nothing is paid here.
//!
//! A session counts once it is finished, in the month in which it was made, and goes on counting when it is erased. The
//! counts are entries of one index, so they are written in the commit that finishes a session and in no other.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use uuid::Uuid;
use warifu_store::{Query, Range, sortable};

use crate::kyc::session::FINISHED;
use crate::kyc::workflow::{Environment, Kind};
use crate::{Application, Error, Issuer};

/// Most sessions of a month that are counted.
const MOST: usize = 100_000;

/// Prices in ten-thousandths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// One row of the price list.
#[derive(Debug, Clone, Serialize)]
pub struct Price {
    /// What is counted.
    pub item: &'static str,
    /// US dollars, with four decimals.
    pub unit_price: String,
    /// How many are free in each month.
    pub free_per_month: u32,
    /// `creator` of the session, or `importer`.
    pub paid_by: &'static str,
}

impl Prices {
    /// The price list.
    #[must_use]
    pub fn list(&self) -> Vec<Price> {
        let row =
            |item, price, free_per_month, paid_by| Price { item, unit_price: dollars(price), free_per_month, paid_by };
        vec![
            row("verification", u64::from(self.verification), self.free_per_month, "creator"),
            row("biometric_authentication", u64::from(self.biometric_authentication), 0, "creator"),
            row("import", u64::from(self.import), 0, "importer"),
        ]
    }
}

/// What an application used in one month.
#[derive(Debug, Clone, Serialize)]
pub struct Usage {
    /// The month, as `2026-11`.
    pub month: String,
    /// Sandboxes cost nothing.
    pub environment: Environment,
    /// One row for each item.
    pub lines: Vec<Line>,
    /// US dollars, with four decimals.
    pub total: String,
}

/// How often one item was used.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What was counted.
    pub item: &'static str,
    /// How many.
    pub count: usize,
    /// Whether that is all of them: beyond 100,000 nothing is counted.
    pub count_is_exact: bool,
    /// How many of them are free.
    pub free: usize,
    /// How many are left to be paid.
    pub billable: usize,
    /// US dollars for one.
    pub unit_price: String,
    /// US dollars for all.
    pub amount: String,
}

impl Issuer {
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
        let (mut lines, mut total) = (Vec::new(), 0_u64);
        for (item, kind, free, price) in rows {
            let place = |at: Timestamp| finished(application.id, kind, at);
            let query = Query::by(FINISHED, Range::Between(place(from), place(to))).limit(1).count_to(MOST);
            let count = self.sessions().scan(&query).await?.count;
            let free = count.min(if costs { free as usize } else { count });
            let billable = count - free;
            let amount = billable as u64 * u64::from(price);
            total = total.saturating_add(amount);
            lines.push(Line {
                item,
                count,
                count_is_exact: count < MOST,
                free,
                billable,
                unit_price: dollars(u64::from(price)),
                amount: dollars(amount),
            });
        }
        let month = first.strftime("%Y-%m").to_string();
        Ok(Usage { month, environment: application.environment, lines, total: dollars(total) })
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

fn dollars(ten_thousandths: u64) -> String {
    format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}
