//! How a registry is set up.

use jiff::SignedDuration;
use warifu_server::extract::ApiKeyHash;
use warifu_trust::list::Operator;

/// Settings of one registry.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who runs the scheme: the head of every list. Name and territory must be those of the list signer's certificate.
    pub operator: Operator,
    /// How long a published list may be trusted; it is published again when half of that is over. One day by default;
    /// at least two minutes.
    pub life: SignedDuration,
    /// Hash of the token that lets a program change the list; without one, nobody can over HTTP.
    pub admin: Option<ApiKeyHash>,
    /// Whether pages carry the sandbox band.
    pub sandbox: bool,
}

impl Config {
    /// A registry whose lists live a day, that nobody can change over HTTP, and that is no sandbox.
    #[must_use]
    pub fn new(operator: Operator) -> Self {
        Self { operator, life: SignedDuration::from_hours(24), admin: None, sandbox: false }
    }

    /// Lists that live so long; less than two minutes is raised to that.
    #[must_use]
    pub fn life(mut self, life: SignedDuration) -> Self {
        self.life = life.max(SignedDuration::from_mins(2));
        self
    }

    /// Whoever presents this token may change the list.
    #[must_use]
    pub fn admin(mut self, token: ApiKeyHash) -> Self {
        self.admin = Some(token);
        self
    }

    /// Marks every page as sandbox.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.sandbox = true;
        self
    }
}
