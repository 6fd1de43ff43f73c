//! `warifu audit`: the audit log of a role as a file, and the check of such a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use warifu_keys::PublicKey;
use warifu_server::audit::{AuditLog, check_export, ed25519, signed_checkpoint};
use warifu_server::fetch::{Fetcher, Limits, Policy};
use warifu_store::audit::{NoteKey, Sealed, SignedNote, export};

use crate::{answer, serve};

/// Entries asked for in one call.
const PAGE: u64 = 500;

/// Subcommands of `warifu audit`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AuditCommand {
    /// Write the whole audit log with a signed checkpoint as JSON lines.
    Export(ExportArgs),
    /// Check an export: every byte of it, its signature, and that it continues an older checkpoint.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Configuration file of a role that is not running: its store is read in place.
    #[arg(long, value_name = "FILE", conflicts_with = "from", required_unless_present = "from")]
    config: Option<PathBuf>,
    /// Address of a running role.
    #[arg(long, value_name = "URL", requires = "api_key")]
    from: Option<Url>,
    /// File with an API key of that role; its first line is taken.
    #[arg(long, value_name = "FILE", requires = "from")]
    api_key: Option<PathBuf>,
    /// The role is on this machine and may answer over plain http; otherwise public https addresses only.
    #[arg(long, requires = "from")]
    this_machine: bool,
    /// Where to write; refuses to write over a file. Standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The export.
    file: PathBuf,
    /// File with the public key of the checkpoints, as PEM or as `/v3/audit/key` says it. Without it the key in the
    /// export is taken, which shows accidents and no forgery.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A signed checkpoint, or an export, that was kept from before: the log must begin with what it covers.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs a subcommand.
pub(crate) async fn run(command: AuditCommand) -> Result<()> {
    match command {
        AuditCommand::Export(args) => export_log(&args).await,
        AuditCommand::Verify(args) => verify(&args),
    }
}

async fn export_log(args: &ExportArgs) -> Result<()> {
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => {
            let file = File::create_new(path).with_context(|| format!("{} can not be made", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(std::io::stdout()),
    };
    let written = match (&args.config, &args.from, &args.api_key) {
        (Some(config), None, _) => from_store(config, &mut out).await,
        (None, Some(url), Some(api_key)) => from_role(url, api_key, args.this_machine, &mut out).await,
        _ => bail!("name the configuration of a role, or its address and an API key"),
    };
    let written = written.and_then(|()| Ok(out.flush()?));
    if let (Err(_), Some(path)) = (&written, &args.out) {
        // Half an export is none, and it would be in the way of the next try.
        std::fs::remove_file(path).ok();
    }
    written
}

async fn from_store(config: &Path, out: &mut dyn Write) -> Result<()> {
    let common = serve::common(config)?;
    let path = common.data.join("records.redb");
    ensure!(path.is_file(), "{} is not there", path.display());
    let store = warifu_store::redb::open(&path).with_context(|| format!("{} can not be opened", path.display()))?;
    let log = AuditLog::of(&store).signed_with(serve::audit_key(&common.data)?, &common.base_url)?;
    log.export(|line| Ok::<_, anyhow::Error>(writeln!(out, "{line}")?)).await?;
    Ok(())
}

async fn from_role(base: &Url, api_key: &Path, this_machine: bool, out: &mut dyn Write) -> Result<()> {
    let policy = if this_machine { Policy::Loopback } else { Policy::Public };
    let fetcher = Fetcher::new(policy, Limits::default())?;
    let keys = std::fs::read_to_string(api_key).with_context(|| format!("{} can not be read", api_key.display()))?;
    let api_key = keys.lines().map(str::trim).find(|line| !line.is_empty()).context("the file holds no API key")?;
    let get = async |path: &str| {
        let url = Url::parse(&format!("{}/v3/audit/{path}", base.as_str().trim_end_matches('/')))?;
        let answer = fetcher.send(axum::http::Method::GET, &url, &[("x-api-key", api_key)], Vec::new()).await?;
        ensure!(answer.status.is_success(), "{url} answers {}", answer.status.as_u16());
        Ok(String::from_utf8(answer.body)?)
    };
    let key: NoteKey = get("key").await?.trim_end().parse()?;
    let note: SignedNote = get("checkpoint").await?.parse()?;
    let size = signed_checkpoint(&note, &key)?.root.size;
    writeln!(out, "{}", export::head(&key, &note))?;
    let mut next = 0;
    while next < size {
        #[derive(Deserialize)]
        struct Entries {
            entries: Vec<Sealed>,
        }
        let page = get(&format!("entries?from={next}&to={}", size.min(next + PAGE))).await?;
        let Entries { entries } = serde_json::from_str(&page)?;
        ensure!(!entries.is_empty(), "the log has no entry {next}, though its checkpoint covers {size}");
        for sealed in &entries {
            writeln!(out, "{}", export::line(sealed))?;
        }
        next += entries.len() as u64;
    }
    Ok(())
}

fn verify(args: &VerifyArgs) -> Result<()> {
    let key = args.key.as_deref().map(public_key).transpose()?;
    let older = match &args.checkpoint {
        Some(path) => {
            // Kept as an export, or as the checkpoint alone, which then is of the same key.
            let (by, note) = match head(path)? {
                Some(head) => head,
                None => {
                    let note = read(path)?.parse().with_context(|| format!("{} is no checkpoint", path.display()))?;
                    (head(&args.file)?.context("this is no audit export")?.0, note)
                }
            };
            ensure!(key.is_none_or(|key| key == *by.public()), "{} is signed with another key", path.display());
            Some(signed_checkpoint(&note, &by).with_context(|| path.display().to_string())?)
        }
        None => None,
    };
    let file = File::open(&args.file).with_context(|| format!("{} can not be read", args.file.display()))?;
    let checked = check_export(BufReader::new(file), key.as_ref(), older.as_ref())
        .with_context(|| format!("{} is not what was logged", args.file.display()))?;
    let root = checked.checkpoint.root;
    let value = json!({
        "ok": true,
        "origin": checked.checkpoint.origin,
        "entries": root.size,
        "root": root.hash,
        "key": checked.key.to_string(),
        "key_given": key.is_some(),
        "continues": older.as_ref().map(|older| older.root.size),
    });
    answer(args.json, &value, || {
        let mut text = format!("{}: {} entries, unchanged under {}", checked.checkpoint.origin, root.size, root.hash);
        if let Some(older) = &older {
            text.push_str(&format!("\nthe first {} entries are those of the older checkpoint", older.root.size));
        }
        if key.is_none() {
            text.push_str(&format!(
                "\nthe signature was checked with the key in the file, {}; pass --key to rule out a forgery",
                checked.key
            ));
        }
        text
    });
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} can not be read", path.display()))
}

/// Key and checkpoint in the head of an export; `None` where the file is no export.
fn head(path: &Path) -> Result<Option<(NoteKey, SignedNote)>> {
    let file = File::open(path).with_context(|| format!("{} can not be read", path.display()))?;
    Ok(export::read_head(BufReader::new(file)))
}

/// The Ed25519 public key in a PEM file, or in the spelling of the C2SP tools.
fn public_key(path: &Path) -> Result<[u8; 32]> {
    let text = read(path)?;
    if let Ok(key) = text.trim().parse::<NoteKey>() {
        return Ok(*key.public());
    }
    let key = PublicKey::from_spki_pem(&text).with_context(|| format!("{} holds no public key", path.display()))?;
    ed25519(&key).with_context(|| format!("{} holds no Ed25519 key", path.display()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use warifu_keys::SigningKey;
    use warifu_store::Batch;
    use warifu_store::audit::{Entry, Reference};

    use super::*;

    const CONFIG: &str = r#"
[common]
listen = "127.0.0.1:7602"
base_url = "https://issuer.example/"
name = "Utopia"
keys = "keys"
data = "data"
registry = "https://registry.example/"
operator = "operator.pem"
api_keys = "keys.txt"

[issuer]
authority = "Utopia"
country = "UT"
"#;

    async fn log(folder: &Path, entries: u32) {
        let store = warifu_store::redb::open(folder.join("data/records.redb")).unwrap();
        for n in 0..entries {
            let at = Timestamp::from_second(1_795_000_000).unwrap();
            let subject = Reference::keyed(&[1; 32], "session", &n.to_string());
            let entry = Entry::new(at, "session.created", Reference::public("issuer", "hosted"), subject);
            store.commit(Batch::new().audit(entry)).await.unwrap();
        }
    }

    async fn exported(folder: &Path, name: &str) -> Result<PathBuf> {
        let out = folder.join(name);
        let (config, out_arg) = (Some(folder.join("issuer.toml")), Some(out.clone()));
        let args = ExportArgs { config, from: None, api_key: None, this_machine: false, out: out_arg };
        run(AuditCommand::Export(args)).await.map(|()| out)
    }

    async fn verified(file: &Path, key: Option<&Path>, checkpoint: Option<&Path>) -> Result<()> {
        let (key, checkpoint) = (key.map(Path::to_owned), checkpoint.map(Path::to_owned));
        run(AuditCommand::Verify(VerifyArgs { file: file.to_owned(), key, checkpoint, json: true })).await
    }

    /// What an auditor does: export, check against the key, come back a year later with the file of before.
    #[tokio::test]
    async fn an_export_is_checked_by_key_and_by_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir(at.join("data")).unwrap();
        std::fs::write(at.join("issuer.toml"), CONFIG).unwrap();
        log(at, 3).await;
        let first = exported(at, "first.jsonl").await.unwrap();
        assert!(exported(at, "first.jsonl").await.is_err(), "nothing is written over");
        let signer = SigningKey::from_pkcs8_pem(&std::fs::read_to_string(at.join("data/audit.key.pem")).unwrap());
        let (pem, spelled) = (at.join("audit.pem"), at.join("audit.pub"));
        std::fs::write(&pem, warifu_keys::Signer::public_key(&signer.unwrap()).to_spki_pem().unwrap()).unwrap();
        let (key, note) = head(&first).unwrap().unwrap();
        assert_eq!(key.name(), "issuer.example/v3/audit");
        std::fs::write(&spelled, format!("{key}\n")).unwrap();
        let checkpoint = at.join("checkpoint");
        std::fs::write(&checkpoint, note.to_string()).unwrap();
        log(at, 2).await;
        let second = exported(at, "second.jsonl").await.unwrap();
        for key in [None, Some(pem.as_path()), Some(&spelled)] {
            for older in [None, Some(first.as_path()), Some(&checkpoint)] {
                verified(&second, key, older).await.unwrap();
            }
            assert!(verified(&first, key, Some(&second)).await.is_err(), "the log lost its end");
        }
        let other = SigningKey::generate_ed25519(&warifu_server::System);
        let stranger = at.join("stranger.pem");
        std::fs::write(&stranger, warifu_keys::Signer::public_key(&other).to_spki_pem().unwrap()).unwrap();
        assert!(verified(&second, Some(&stranger), None).await.is_err());
        let text = std::fs::read_to_string(&second).unwrap().replace("session.created", "session.erased");
        std::fs::write(at.join("altered.jsonl"), text).unwrap();
        let altered = verified(&at.join("altered.jsonl"), Some(&pem), None).await.unwrap_err();
        assert!(format!("{altered:#}").contains("line 2: entry 0 was altered"), "{altered:#}");
    }
}
