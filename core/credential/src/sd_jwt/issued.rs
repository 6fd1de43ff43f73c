//! A credential as it was issued: which of its claims can be withheld, entries counted that were not disclosed.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::disclosure::Content;
use crate::claim_path::{ClaimPath, PathError, PathStep};

/// How a claim stands in the issued credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Visible whenever what surrounds it is.
    Plain,
    /// Under a disclosure of its own, which is there.
    Selective,
    /// Behind a digest in an array, without its disclosure: a withheld entry, or a decoy.
    Withheld,
}

/// The payload that the issuer signed, digests in place, and the disclosures that are known.
pub(crate) struct Issued {
    payload: Value,
    known: HashMap<String, Content>,
}

/// One selected element; an entry that was not disclosed has no value.
#[derive(Clone, Copy)]
struct Selected<'a> {
    standing: Standing,
    value: Option<&'a Value>,
}

impl Issued {
    pub(super) fn new(payload: Map<String, Value>, known: impl Iterator<Item = (String, Content)>) -> Self {
        Self { payload: Value::Object(payload), known: known.collect() }
    }

    /// How each claim stands that `path` selects (SD-JWT VC draft-19, section on claim metadata): positions count every
    /// entry that was issued, and of an entry that was not disclosed nothing below is known. Empty where nothing is
    /// selected; fails only for a component that meets the wrong kind of value.
    pub(crate) fn standing(&self, path: &ClaimPath) -> Result<Vec<Standing>, PathError> {
        let mut selected = vec![Selected { standing: Standing::Plain, value: Some(&self.payload) }];
        for (at, step) in path.steps().iter().enumerate() {
            let mut next = Vec::new();
            for value in selected.into_iter().filter_map(|selected| selected.value) {
                match step {
                    PathStep::Name(name) => {
                        next.extend(self.member(value.as_object().ok_or(PathError::WrongContainer { at })?, name));
                    }
                    PathStep::Index(index) => {
                        let entries = value.as_array().ok_or(PathError::WrongContainer { at })?;
                        next.extend(entries.get(*index).map(|entry| self.entry(entry)));
                    }
                    PathStep::Every => {
                        let entries = value.as_array().ok_or(PathError::WrongContainer { at })?;
                        next.extend(entries.iter().map(|entry| self.entry(entry)));
                    }
                }
            }
            selected = next;
        }
        Ok(selected.into_iter().map(|selected| selected.standing).collect())
    }

    fn member<'a>(&'a self, members: &'a Map<String, Value>, wanted: &str) -> Option<Selected<'a>> {
        if let Some(value) = members.get(wanted).filter(|_| wanted != "_sd") {
            return Some(Selected { standing: Standing::Plain, value: Some(value) });
        }
        let digests = members.get("_sd").and_then(Value::as_array)?;
        digests.iter().filter_map(Value::as_str).find_map(|digest| match self.known.get(digest) {
            Some(Content::Member { name, value }) if name == wanted => {
                Some(Selected { standing: Standing::Selective, value: Some(value) })
            }
            Some(Content::Member { .. } | Content::Entry { .. }) | None => None,
        })
    }

    fn entry<'a>(&'a self, entry: &'a Value) -> Selected<'a> {
        let Some(digest) = entry.get("...").and_then(Value::as_str) else {
            return Selected { standing: Standing::Plain, value: Some(entry) };
        };
        match self.known.get(digest) {
            Some(Content::Entry { value }) => Selected { standing: Standing::Selective, value: Some(value) },
            Some(Content::Member { .. }) | None => Selected { standing: Standing::Withheld, value: None },
        }
    }
}
