//! Everything that needs more than one crate: the floors, the journeys of the four roles, the pages in a browser.

mod floors;
