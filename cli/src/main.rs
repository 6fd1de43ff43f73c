//! `warifu`: issuer, wallet, verifier and trust registry in one binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    warifu_cli::run().await
}
