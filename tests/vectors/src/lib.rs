//! The examples that standards and other implementations publish, and where they lie.
//!
//! The files are not in this repository: they are read from `../shared/vectors` beside the checkout, or below the folder
//! that the variable `WARIFU_SHARED` names. Where there are none, a test says so by name and passes.

use std::path::PathBuf;

pub mod fuzz;

/// The bytes of a file below `vectors/`; `None`, and a line that says so, where the shared data is absent.
///
/// # Panics
/// Where the shared data is there and the file is not: a vector must not disappear unseen.
#[must_use]
#[expect(clippy::panic, reason = "a missing vector fails the test that asks for it")]
#[expect(clippy::print_stdout, reason = "a test says what it skips")]
pub fn vector(test: &str, file: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("WARIFU_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    if !root.is_dir() {
        println!("skipped: {test}: shared data is absent");
        return None;
    }
    let path = root.join("vectors").join(file);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The text of a file below `vectors/`; as [`vector`].
///
/// # Panics
/// As [`vector`], and where the file is not UTF-8.
#[must_use]
#[expect(clippy::panic, reason = "a broken vector fails the test that asks for it")]
pub fn vector_text(test: &str, file: &str) -> Option<String> {
    let bytes = vector(test, file)?;
    Some(String::from_utf8(bytes).unwrap_or_else(|error| panic!("{file}: {error}")))
}
