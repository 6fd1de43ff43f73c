//! Workflows: the graph that says which check comes next, and what follows from what was found.
//!
//! A [`Draft`] is what an editor sends: bounded JSON, nothing else is promised. [`validate::check`] names every problem of it
//! at once, by node and field, and makes a [`Graph`] where there is none. [`engine::walk`] is a pure function of a graph and of
//! the evidence so far: it says what to ask next, or how the session ends. The same evidence always gives the same answer, and
//! later evidence never changes which way an earlier branch went.
//!
//! The wire form is that of the v3 session API: `start_node`, `nodes` by identifier, five kinds of node ([`Node`]), 14 operators
//! ([`rule::Operator`]). [`flat`] reads and writes the two linear forms, [`edit`] the operations on drafts, [`ready`] holds the
//! workflows that every application begins with, [`questionnaire`] the forms of questionnaire nodes.
//!
//! Left out on purpose: what a feature does. Nothing here runs a check, sends a webhook or reads a clock.

pub mod edit;
pub mod engine;
pub mod feature;
pub mod flat;
pub mod graph;
pub mod questionnaire;
mod read;
pub mod ready;
pub mod rule;
pub mod validate;

#[cfg(test)]
mod tests;

pub use feature::Feature;
pub use flat::Kind;
pub use graph::{Draft, Graph, Node, NodeId};
pub use validate::Problem;

/// A closed set of words on the wire, exact in case.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one that `text` names.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.word() == text)
            }

            /// All words, as an error lists them.
            pub(crate) fn list() -> String {
                Self::ALL.iter().map(|word| word.word()).collect::<Vec<_>>().join(", ")
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::workflow::UnknownWord;

            fn try_from(text: String) -> Result<Self, $crate::workflow::UnknownWord> {
                Self::parse(&text).ok_or_else(|| $crate::workflow::UnknownWord::new(&text, Self::list()))
            }
        }

        impl From<$type> for String {
            fn from(word: $type) -> Self {
                word.word().to_owned()
            }
        }
    };
}
use words;

/// A text that is none of the words that may stand where it was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{seen}` is unknown here; known are {known}")]
pub struct UnknownWord {
    seen: String,
    known: String,
}

impl UnknownWord {
    fn new(seen: &str, known: String) -> Self {
        Self { seen: cut(seen), known }
    }
}

/// Foreign text as an error quotes it: at most 40 characters.
fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
