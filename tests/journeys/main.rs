//! Everything that needs more than one crate: the floors, the journeys of the four roles, the pages in a browser.

mod browser;
mod floors;
mod people;
mod refusals;
mod whole;
