//! Edits of a draft: small operations, all of them or none.
//!
//! A draft may be wrong between two edits; what is wrong with it is for [`super::validate::check`] to say.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cut;
use super::graph::{Draft, NodeId, NotADraft, NotANodeId};

/// Most operations at once.
pub const MAX_OPERATIONS: usize = 500;

/// One operation, named by its member `op`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Puts a node in place of the one with this identifier, or adds it.
    SetNode {
        /// Which.
        node_id: String,
        /// The node.
        node: Map<String, Value>,
    },
    /// Removes a node. What leads to it leads nowhere afterwards.
    RemoveNode {
        /// Which.
        node_id: String,
    },
    /// Says where a node goes on.
    SetNext {
        /// Which.
        node_id: String,
        /// Where to.
        next: String,
    },
    /// Replaces the branches of a node.
    SetBranches {
        /// Which.
        node_id: String,
        /// The branches.
        branches: Vec<Value>,
    },
    /// Says where the workflow starts.
    SetStart {
        /// Where.
        node_id: String,
    },
    /// Sets some settings of a node and keeps the others; `null` removes one.
    MergeNodeConfig {
        /// Which.
        node_id: String,
        /// The settings.
        config: Map<String, Value>,
    },
}

/// Why edits were not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// More than [`MAX_OPERATIONS`].
    #[error("{0} operations are too many; at most {MAX_OPERATIONS} are taken")]
    TooMany(usize),
    /// No such node.
    #[error("operation {at}: there is no node `{node}`")]
    NoNode {
        /// Which operation, counted from 0.
        at: usize,
        /// What was named.
        node: String,
    },
    /// No identifier.
    #[error("operation {at}: {source}")]
    Id {
        /// Which operation, counted from 0.
        at: usize,
        /// Why.
        source: NotANodeId,
    },
    /// The draft would be too large.
    #[error(transparent)]
    Size(#[from] NotADraft),
}

impl Draft {
    /// The draft after these operations, in order.
    ///
    /// # Errors
    /// [`EditError`]; the first operation that can not be made is named by its place.
    pub fn edited(mut self, operations: &[Operation]) -> Result<Self, EditError> {
        if operations.len() > MAX_OPERATIONS {
            return Err(EditError::TooMany(operations.len()));
        }
        for (at, operation) in operations.iter().enumerate() {
            self.apply(at, operation)?;
        }
        Ok(self.within_limits()?)
    }

    fn apply(&mut self, at: usize, operation: &Operation) -> Result<(), EditError> {
        let no_node = |node: &str| EditError::NoNode { at, node: cut(node) };
        match operation {
            Operation::SetNode { node_id, node } => {
                let id: NodeId = node_id.parse().map_err(|source| EditError::Id { at, source })?;
                self.nodes.insert(id.into(), Value::Object(node.clone()));
            }
            Operation::RemoveNode { node_id } => {
                self.nodes.remove(node_id).ok_or_else(|| no_node(node_id))?;
            }
            Operation::SetNext { node_id, next } => {
                self.node(node_id).ok_or_else(|| no_node(node_id))?.insert("next".to_owned(), next.as_str().into());
            }
            Operation::SetBranches { node_id, branches } => {
                let node = self.node(node_id).ok_or_else(|| no_node(node_id))?;
                node.insert("branches".to_owned(), Value::Array(branches.clone()));
            }
            Operation::SetStart { node_id } => {
                if !self.nodes.contains_key(node_id) {
                    return Err(no_node(node_id));
                }
                self.start_node = Some(Value::from(node_id.as_str()));
            }
            Operation::MergeNodeConfig { node_id, config } => {
                let node = self.node(node_id).ok_or_else(|| no_node(node_id))?;
                let mut merged = node.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
                for (name, value) in config {
                    if value.is_null() {
                        merged.remove(name);
                    } else {
                        merged.insert(name.clone(), value.clone());
                    }
                }
                node.insert("config".to_owned(), Value::Object(merged));
            }
        }
        Ok(())
    }

    fn node(&mut self, id: &str) -> Option<&mut Map<String, Value>> {
        self.nodes.get_mut(id).and_then(Value::as_object_mut)
    }
}
