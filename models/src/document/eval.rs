//! How well zones are read, measured on pictures whose lines are known.
//!
//! The list is CSV with a header that has at least `file`, `line1`, `line2`, `line3`; other columns are ignored. A
//! document counts as exact when every line is right, whatever became of it; as review when it is not exact and was not
//! accepted; as wrongly accepted when it is not exact and was.

use jiff::civil::Date;
use serde::Serialize;

use crate::document::{self, Acceptance, DocumentReading};
use crate::picture::{Limits, Picture, PictureError};
use crate::{Models, ModelsError};

/// One picture and what stands in its zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// File name as in the list.
    pub file: String,
    /// The lines of the zone.
    pub lines: Vec<String>,
}

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// Not a CSV file, or a row is broken.
    #[error("the list is not CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("the list has no column `{column}`")]
    Column {
        /// Its name.
        column: &'static str,
    },
    /// A file of the list cannot be read.
    #[error("`{file}` cannot be read: {reason}")]
    File {
        /// File name as in the list.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// A file of the list is no picture.
    #[error("`{file}` is no usable picture")]
    Picture {
        /// File name as in the list.
        file: String,
        /// Why.
        #[source]
        source: PictureError,
    },
    /// The models failed.
    #[error(transparent)]
    Models(#[from] ModelsError),
}

/// The counts that are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Rows of the list.
    pub documents: usize,
    /// Documents of which every line is right.
    pub exact: usize,
    /// Documents that are not exact and were sent to review.
    pub review: usize,
    /// Documents that are not exact and were accepted. Must be none.
    pub wrong_accepted: usize,
    /// Documents that are exact and were accepted.
    pub exact_accepted: usize,
    /// Lines that are right.
    pub lines_exact: usize,
    /// Lines of the list.
    pub lines: usize,
}

/// What became of one document.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// File name as in the list.
    pub file: String,
    /// Whether every line is right.
    pub exact: bool,
    /// Whether it was accepted without a person.
    pub accepted: bool,
    /// The lines that were read, after repair.
    pub read: Vec<String>,
    /// Reasons for review.
    pub doubts: Vec<String>,
}

/// Reads the list.
pub fn expected(csv: &[u8]) -> Result<Vec<Expected>, EvalError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(csv);
    let headers = reader.headers()?.clone();
    let column =
        |name: &'static str| headers.iter().position(|header| header == name).ok_or(EvalError::Column { column: name });
    let file = column("file")?;
    let lines = [column("line1")?, column("line2")?, column("line3")?];
    reader
        .records()
        .map(|record| {
            let record = record?;
            let text = |at: usize| record.get(at).unwrap_or("").to_owned();
            let lines = lines.into_iter().map(text).filter(|line| !line.is_empty()).collect();
            Ok(Expected { file: text(file), lines })
        })
        .collect()
}

/// Compares one reading with what is expected. Pure.
pub fn judge(expected: &Expected, reading: &DocumentReading) -> Row {
    let read = reading.mrz.as_ref().map(|reading| reading.mrz.lines.clone()).unwrap_or_default();
    let (accepted, doubts) = match reading.acceptance() {
        Acceptance::Accepted => (true, Vec::new()),
        Acceptance::Review { doubts } => (false, doubts.iter().map(ToString::to_string).collect()),
    };
    Row { file: expected.file.clone(), exact: read == expected.lines, accepted, read, doubts }
}

impl Report {
    /// Adds one document.
    pub fn add(&mut self, expected: &Expected, row: &Row) {
        self.documents += 1;
        self.exact += usize::from(row.exact);
        self.review += usize::from(!row.exact && !row.accepted);
        self.wrong_accepted += usize::from(!row.exact && row.accepted);
        self.exact_accepted += usize::from(row.exact && row.accepted);
        self.lines += expected.lines.len();
        self.lines_exact += expected.lines.iter().zip(&row.read).filter(|(expected, read)| expected == read).count();
    }
}

/// Reads every picture of the list. `open` hands over the bytes of a file of the list.
pub fn run(
    models: &Models,
    csv: &[u8],
    today: Date,
    mut open: impl FnMut(&str) -> std::io::Result<Vec<u8>>,
) -> Result<(Report, Vec<Row>), EvalError> {
    let mut report = Report::default();
    let mut rows = Vec::new();
    for expected in expected(csv)? {
        let file = || expected.file.clone();
        let bytes =
            open(&expected.file).map_err(|error| EvalError::File { file: file(), reason: error.to_string() })?;
        let picture = Picture::decode(&bytes, &Limits::default())
            .map_err(|source| EvalError::Picture { file: file(), source })?;
        let row = judge(&expected, &document::read(models, &picture, today)?);
        report.add(&expected, &row);
        rows.push(row);
    }
    Ok((report, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_both_shapes_are_read() {
        let short = b"file,kind,line1,line2,line3,failing_checks,note\na.jpg,TD2,AB,CD,,,\n";
        let long = b"file,kind,line1,line2,line3,surname\nb.jpg,TD1,AB,CD,EF,\"O'X, Y\"\n";
        assert_eq!(
            expected(short).unwrap(),
            [Expected { file: "a.jpg".into(), lines: vec!["AB".into(), "CD".into()] }]
        );
        assert_eq!(expected(long).unwrap()[0].lines.len(), 3);
        assert!(matches!(expected(b"file,line1\n"), Err(EvalError::Column { column: "line2" })));
        assert!(matches!(expected(b"file,line1,line2,line3\na\n"), Err(EvalError::Csv(_))));
    }

    #[test]
    fn counts() {
        let expected = Expected { file: "a".into(), lines: vec!["AB".into(), "CD".into()] };
        let row = |read: &[&str], accepted| Row {
            file: "a".into(),
            exact: read == ["AB", "CD"],
            accepted,
            read: read.iter().map(|line| (*line).to_owned()).collect(),
            doubts: Vec::new(),
        };
        let mut report = Report::default();
        for row in [row(&["AB", "CD"], true), row(&["AB", "CX"], true), row(&["AB", "CX"], false), row(&[], false)] {
            report.add(&expected, &row);
        }
        let expected = Report {
            documents: 4,
            exact: 1,
            review: 2,
            wrong_accepted: 1,
            exact_accepted: 1,
            lines_exact: 4,
            lines: 8,
        };
        assert_eq!(report, expected);
    }
}
