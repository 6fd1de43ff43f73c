//! `warifu openapi`: prints the OpenAPI document of a role.

use serde_json::json;

use crate::answer;

/// Which document.
#[derive(Debug, clap::Args)]
pub(crate) struct OpenapiArgs {
    /// Whose doors.
    #[arg(long, value_enum, default_value_t = Role::Issuer)]
    role: Role,
}

/// The roles that servers of others call.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Role {
    /// Sessions, workflows, webhooks.
    Issuer,
    /// Presentation requests and imports.
    Verifier,
}

/// Runs the command.
pub(crate) fn run(args: &OpenapiArgs) -> anyhow::Result<()> {
    let document = match args.role {
        Role::Issuer => warifu_issuer::http::openapi::document(),
        Role::Verifier => warifu_verifier::http::openapi::document(),
    };
    let text = serde_json::to_string_pretty(document)?;
    answer(false, &json!(null), || text);
    Ok(())
}
