//! A program of `tests/interop`, run by Node: one JSON object a line in, one answer a line out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use warifu_tests::skip;

/// Where CI says that a peer that can not be run is an error.
const REQUIRED: &str = "WARIFU_INTEROP";
/// The oldest Node that the packages run on.
const NODE: u32 = 18;

/// A running program. It ends with this value, and by itself when its input ends.
pub(super) struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a program; `None`, with a printed line, where it can not be run and need not.
    pub(super) fn start(test: &str, program: &str) -> Result<Option<Self>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
        if let Err(why) = runnable(&folder) {
            if std::env::var_os(REQUIRED).is_some() {
                return Err(why);
            }
            skip(test, &format!("{why:#}"));
            return Ok(None);
        }
        let mut command = Command::new("node");
        command.arg(program).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("node can not be run")?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Some(Self { input: child.stdin.take(), output, child }))
    }

    /// What a command gives; an error in the program's own words where it gives none.
    pub(super) fn ask(&mut self, name: &str, mut given: Value) -> Result<Value> {
        given["do"] = json!(name);
        let answer = tokio::task::block_in_place(|| -> Result<String> {
            let input = self.input.as_mut().context("its input")?;
            writeln!(input, "{given}")?;
            let mut line = String::new();
            self.output.read_line(&mut line)?;
            Ok(line)
        })?;
        let mut answer: Value = serde_json::from_str(&answer).with_context(|| format!("`{name}` gave `{answer}`"))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => bail!("`{name}`: {error}"),
            None => Ok(answer["ok"].take()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether Node is there and new enough, and its packages are.
fn runnable(folder: &Path) -> Result<()> {
    let said = Command::new("node").arg("--version").output().context("node can not be run")?;
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let major = said.strip_prefix('v').and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        bail!("node is {said}, and {NODE} is needed");
    }
    if !folder.join("node_modules").is_dir() {
        bail!("the packages are absent; run: npm ci --prefix tests/interop");
    }
    Ok(())
}
