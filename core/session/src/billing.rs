//! What is counted and what it would cost: the words that issuer and verifier say it in.
//!
//! Prices are in ten-thousandths of a US dollar. Nothing is collected, and nothing is blocked by what was counted.

use serde::Serialize;

use crate::decision::Environment;

/// One row of a price list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Price {
    /// A row at a price in ten-thousandths of a US dollar.
    #[must_use]
    pub fn new(item: &'static str, price: u32, free_per_month: u32, paid_by: &'static str) -> Self {
        Self { item, unit_price: dollars(u64::from(price)), free_per_month, paid_by }
    }
}

/// How often one item was used in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UsageLine))]
pub struct Line {
    /// What was counted.
    pub item: &'static str,
    /// How many.
    pub count: usize,
    /// Whether that is all of them: beyond [`Line::MOST`] nothing is counted.
    pub count_is_exact: bool,
    /// How many of them are free.
    pub free: usize,
    /// How many are left to be paid.
    pub billable: usize,
    /// US dollars for one.
    pub unit_price: String,
    /// US dollars for all.
    pub amount: String,
    #[serde(skip)]
    ten_thousandths: u64,
}

impl Line {
    /// Most uses in a month that are counted.
    pub const MOST: usize = 100_000;

    /// So many uses, of which the first `free` cost nothing, at a price in ten-thousandths of a US dollar.
    #[must_use]
    pub fn new(item: &'static str, count: usize, free: usize, price: u32) -> Self {
        let free = count.min(free);
        let billable = count - free;
        let ten_thousandths = (billable as u64).saturating_mul(u64::from(price));
        Self {
            item,
            count,
            count_is_exact: count < Self::MOST,
            free,
            billable,
            unit_price: dollars(u64::from(price)),
            amount: dollars(ten_thousandths),
            ten_thousandths,
        }
    }
}

/// What was used in one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Usage {
    /// These rows and their sum.
    #[must_use]
    pub fn new(month: String, environment: Environment, lines: Vec<Line>) -> Self {
        let total = lines.iter().fold(0, |sum: u64, line| sum.saturating_add(line.ten_thousandths));
        Self { month, environment, lines, total: dollars(total) }
    }
}

fn dollars(ten_thousandths: u64) -> String {
    format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ones_are_free() {
        let line = |count| Line::new("verification", count, 500, 3_300);
        assert_eq!((line(499).billable, line(499).amount.as_str()), (0, "0.0000"));
        let used = line(503);
        assert_eq!(
            (used.free, used.billable, used.unit_price.as_str(), used.amount.as_str()),
            (500, 3, "0.3300", "0.9900")
        );
        let usage = Usage::new("2026-11".to_owned(), Environment::Live, vec![used, Line::new("import", 2, 0, 3_000)]);
        assert_eq!(usage.total, "1.5900");
        assert!(!line(Line::MOST).count_is_exact);
        assert_eq!(
            Line::new("import", usize::MAX, 0, u32::MAX).amount,
            "1844674407370955.1615",
            "the most that can be said"
        );
    }
}
