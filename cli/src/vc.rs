//! `warifu vc` and `warifu vp`: W3C credentials and presentations issued and verified by didkit's verbs, over standard
//! input and output. Verification answers `{"checks":[],"warnings":[],"errors":[]}`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;
use warifu_keys::{Signer as _, SigningKey, json as strict};
use warifu_w3c::bitstring_status_list::{self as status_list, Entry};
use warifu_w3c::context::Contexts;
use warifu_w3c::credential::{Credential, Presentation};
use warifu_w3c::data_integrity::{self, Cryptosuite, Options};
use warifu_w3c::did::{self, Documents, Relationship, key};
use warifu_w3c::jose::{self, Answer};
use warifu_w3c::verify::{Verified, Verifier, VerifyError};

use crate::answer;
use crate::did::{KeyFile, Reach, Resolver, print, read};

/// Most identifiers that one verification resolves.
const MAX_RESOLVED: usize = 16;

/// Subcommands of `warifu vc`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum VcCommand {
    /// Secure the credential on standard input and print it.
    Issue {
        #[command(flatten)]
        signing: Signing,
    },
    /// Verify the credential on standard input: JSON with proofs, enveloped, or `vc+jwt`. Exit status 1 if it fails.
    Verify {
        #[command(flatten)]
        checking: Checking,
    },
}

/// Subcommands of `warifu vp`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum VpCommand {
    /// Secure the presentation on standard input and print it.
    Issue {
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        asked: Asked,
    },
    /// Verify the presentation on standard input and every credential in it. Exit status 1 if it fails.
    Verify {
        #[command(flatten)]
        checking: Checking,
        #[command(flatten)]
        asked: Asked,
    },
}

/// How something is signed.
#[derive(Debug, clap::Args)]
pub(crate) struct Signing {
    #[command(flatten)]
    key: KeyFile,
    /// The signer's verification method; the did:key of the key when absent.
    #[arg(long, value_name = "URL")]
    verification_method: Option<String>,
    /// What the proof is for: assertionMethod or authentication; what fits when absent.
    #[arg(long, value_name = "PURPOSE", value_parser = purpose)]
    proof_purpose: Option<Relationship>,
    /// Cryptosuite of an `ldp` proof; the JCS one of the key when absent.
    #[arg(long, value_name = "SUITE", value_parser = suite)]
    cryptosuite: Option<Cryptosuite>,
    /// How it is secured.
    #[arg(long, value_enum, default_value_t = Format::Ldp)]
    format: Format,
    #[command(flatten)]
    known: Known,
}

/// Ways to secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A Data Integrity proof inside.
    Ldp,
    /// A JWS around it.
    Jwt,
}

/// How something is verified.
#[derive(Debug, clap::Args)]
pub(crate) struct Checking {
    /// DID document of an identifier that is not to be resolved; may be given more than once.
    #[arg(long, value_name = "FILE")]
    did_document: Vec<PathBuf>,
    /// The instant of the check; now when absent.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    reach: Reach,
}

/// Contexts beyond the built-in ones.
#[derive(Debug, clap::Args)]
pub(crate) struct Known {
    /// A JSON-LD context and the file that holds it, as URL=FILE; may be given more than once. Contexts are never fetched.
    #[arg(long, value_name = "URL=FILE")]
    context: Vec<String>,
}

/// What a presentation answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Asked {
    /// The verifier's challenge, or nonce.
    #[arg(long)]
    challenge: Option<String>,
    /// The verifier.
    #[arg(long)]
    domain: Option<String>,
}

fn purpose(text: &str) -> Result<Relationship, String> {
    Relationship::from_name(text).ok_or_else(|| "not a proof purpose".to_owned())
}

fn suite(text: &str) -> Result<Cryptosuite, String> {
    let names = Cryptosuite::ALL.map(Cryptosuite::name).join(", ");
    Cryptosuite::from_name(text).ok_or_else(|| format!("one of {names}"))
}

impl Known {
    fn contexts(&self) -> Result<Contexts> {
        self.context.iter().try_fold(Contexts::builtin(), |contexts, pair| {
            let (url, file) = pair.split_once('=').context("a context is given as URL=FILE")?;
            let text = String::from_utf8(read(Path::new(file))?).with_context(|| format!("{file} is not text"))?;
            Ok(contexts.with(url, &text)?)
        })
    }
}

/// Runs a subcommand of `warifu vc`.
pub(crate) async fn vc(command: VcCommand) -> Result<ExitCode> {
    match command {
        VcCommand::Issue { signing } => {
            print(&issue_credential(&signing, &input(&signing)?, Timestamp::now())?);
            Ok(ExitCode::SUCCESS)
        }
        VcCommand::Verify { checking } => {
            let text = text(read(Path::new("-"))?)?;
            Ok(Check::new(&checking)?.credential(&text).await.say())
        }
    }
}

/// Runs a subcommand of `warifu vp`.
pub(crate) async fn vp(command: VpCommand) -> Result<ExitCode> {
    match command {
        VpCommand::Issue { signing, asked } => {
            print(&issue_presentation(&signing, &asked, &input(&signing)?, Timestamp::now())?);
            Ok(ExitCode::SUCCESS)
        }
        VpCommand::Verify { checking, asked } => {
            let text = text(read(Path::new("-"))?)?;
            Ok(Check::new(&checking)?.presentation(&text, &asked).await.say())
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).context("the input is not text")
}

/// What is to be signed, from standard input; the key then has a file of its own.
fn input(signing: &Signing) -> Result<Map<String, Value>> {
    ensure!(!signing.key.is_stdin(), "standard input holds what is signed; give the key by --key FILE");
    Ok(strict::parse_object(&read(Path::new("-"))?)?)
}

/// Key, verification method and owner.
fn signer(signing: &Signing) -> Result<(SigningKey, String, String)> {
    let signer = signing.key.read()?;
    let method = signing.verification_method.clone().unwrap_or_else(|| key::method(&signer.public_key()));
    let owner = did::controller(&method)?.to_string();
    Ok((signer, method, owner))
}

fn issue_credential(signing: &Signing, input: &Map<String, Value>, now: Timestamp) -> Result<String> {
    let (signer, method, owner) = signer(signing)?;
    let mut members = input.clone();
    members.entry("issuer").or_insert_with(|| owner.into());
    let credential = Credential::from_members(members)?;
    match signing.format {
        Format::Jwt => Ok(jose::sign_credential(&credential, &method, &signer)?),
        Format::Ldp => prove(signing, credential.members(), &signer, options(signing, &signer, &method, now)?),
    }
}

fn issue_presentation(signing: &Signing, asked: &Asked, input: &Map<String, Value>, now: Timestamp) -> Result<String> {
    let (signer, method, owner) = signer(signing)?;
    let mut members = input.clone();
    members.entry("holder").or_insert_with(|| owner.into());
    let presentation = Presentation::from_members(members)?;
    match signing.format {
        Format::Jwt => {
            let answer = Answer { nonce: asked.challenge.as_deref(), audience: asked.domain.as_deref() };
            Ok(jose::sign_presentation(&presentation, &answer, &method, &signer, now)?)
        }
        Format::Ldp => {
            let options = Options {
                purpose: signing.proof_purpose.unwrap_or(Relationship::Authentication),
                challenge: asked.challenge.clone(),
                domain: asked.domain.clone(),
                ..options(signing, &signer, &method, now)?
            };
            prove(signing, presentation.members(), &signer, options)
        }
    }
}

fn options(signing: &Signing, signer: &SigningKey, method: &str, now: Timestamp) -> Result<Options> {
    let suite = signing.cryptosuite.or_else(|| Cryptosuite::jcs_for(signer.algorithm()));
    let suite = suite.context("no cryptosuite signs with this key")?;
    let purpose = signing.proof_purpose.unwrap_or(Relationship::AssertionMethod);
    Ok(Options::new(suite, method, purpose, now))
}

fn prove(signing: &Signing, members: &Map<String, Value>, signer: &SigningKey, options: Options) -> Result<String> {
    let signed = data_integrity::sign(members, &options, signer, &signing.known.contexts()?)?;
    Ok(Value::Object(signed).to_string())
}

/// The result of a verification, in didkit's words.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    checks: Vec<String>,
    warnings: Vec<String>,
    errors: Vec<String>,
}

impl Report {
    fn refused(error: &anyhow::Error) -> Self {
        Self { errors: vec![format!("{error:#}")], ..Self::default() }
    }

    /// Prints the report and gives the exit status.
    fn say(&self) -> ExitCode {
        answer(true, &serde_json::to_value(self).unwrap_or_default(), String::new);
        if self.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// One verification: resolves what is missing as it goes.
struct Check {
    documents: Documents,
    contexts: Contexts,
    resolver: Resolver,
    now: Timestamp,
}

impl Check {
    fn new(checking: &Checking) -> Result<Self> {
        let mut documents = Documents::offline();
        for path in &checking.did_document {
            let members = strict::parse_object(&read(path)?).with_context(|| path.display().to_string())?;
            let id = members.get("id").and_then(Value::as_str).context("the DID document has no `id`")?;
            documents = documents.with(did::Document::of(&did::Did::parse(id)?, members.clone())?);
        }
        Ok(Self {
            documents,
            contexts: checking.known.contexts()?,
            resolver: Resolver::new(checking.reach)?,
            now: checking.at.unwrap_or_else(Timestamp::now),
        })
    }

    async fn credential(mut self, text: &str) -> Report {
        match self.verify(|verifier| verifier.credential(text)).await {
            Ok(verified) => {
                let mut report =
                    Report { checks: vec!["proof".to_owned(), "validity".to_owned()], ..Report::default() };
                self.statuses(&verified, &mut report).await;
                report
            }
            Err(error) => Report::refused(&error),
        }
    }

    async fn presentation(mut self, text: &str, asked: &Asked) -> Report {
        let (challenge, domain) = (asked.challenge.as_deref(), asked.domain.as_deref());
        let verified = self.verify(|verifier| verifier.presentation(text, challenge, domain)).await;
        let presentation = match verified {
            Ok(presentation) => presentation,
            Err(error) => return Report::refused(&error),
        };
        let mut report = Report { checks: vec!["proof".to_owned()], ..Report::default() };
        for (given, name) in [(challenge, "challenge"), (domain, "domain")] {
            match given {
                Some(_) => report.checks.push(name.to_owned()),
                None => report.warnings.push(format!("no {name} was demanded; the presentation may be a replay")),
            }
        }
        report.checks.extend((!presentation.credentials().is_empty()).then(|| "credentials".to_owned()));
        for credential in presentation.credentials() {
            self.statuses(credential, &mut report).await;
        }
        report
    }

    /// Verifies, resolving each identifier that turns out to be missing.
    async fn verify<T>(&mut self, verify: impl Fn(&Verifier<'_>) -> Result<T, VerifyError>) -> Result<T> {
        for _ in 0..MAX_RESOLVED {
            let verifier = Verifier { documents: &self.documents, contexts: &self.contexts, now: self.now };
            let error = match verify(&verifier) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(did) = error.unresolved() else { return Err(error.into()) };
            let document = self.resolver.document(did).await?;
            self.documents = std::mem::take(&mut self.documents).with(document);
        }
        bail!("more than {MAX_RESOLVED} identifiers would have to be resolved")
    }

    async fn statuses(&mut self, verified: &Verified, report: &mut Report) {
        for members in verified.credential().statuses() {
            if members.get("type").is_none_or(|kind| kind != status_list::ENTRY) {
                report.warnings.push("a status of an unknown type was not checked".to_owned());
            } else if self.resolver.is_offline() {
                report.warnings.push("the status was not checked".to_owned());
            } else {
                match self.status(members, verified.credential().issuer()).await {
                    Ok(status) if status.is_good() => {
                        report.checks.push("credentialStatus".to_owned());
                        report.warnings.extend(status.message.filter(|_| status.value != 0));
                    }
                    Ok(status) => report.errors.push(format!("{} is set", status.purpose.name())),
                    Err(error) => report.errors.push(format!("{error:#}")),
                }
            }
        }
    }

    async fn status(&mut self, members: &Map<String, Value>, issuer: &str) -> Result<status_list::Status> {
        let named = |error: status_list::StatusError| anyhow::Error::msg(format!("{}: {error}", error.name()));
        let entry = Entry::parse(members).map_err(named)?;
        let url = Url::parse(&entry.list)?;
        let list = self.resolver.fetch(&url, "application/vc+jwt, application/vc").await;
        let list = text(list.context(status_list::StatusError::Retrieval.name())?)?;
        let list = self.verify(|verifier| verifier.credential(&list)).await;
        let list = list.context("STATUS_VERIFICATION_ERROR")?;
        status_list::status(&entry, issuer, &list).map_err(named)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(subcommand)]
        command: Commands,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Commands {
        #[command(subcommand)]
        Vc(VcCommand),
        #[command(subcommand)]
        Vp(VpCommand),
    }

    fn line(words: &[&str]) -> Commands {
        Line::try_parse_from([&["warifu"], words].concat()).unwrap().command
    }

    async fn verify(words: &[&str], text: &str) -> Report {
        match line(words) {
            Commands::Vc(VcCommand::Verify { checking }) => Check::new(&checking).unwrap().credential(text).await,
            Commands::Vp(VpCommand::Verify { checking, asked }) => {
                Check::new(&checking).unwrap().presentation(text, &asked).await
            }
            other => panic!("{other:?}"),
        }
    }

    fn issue(words: &[&str], input: &Value) -> Result<String> {
        let input = input.as_object().unwrap();
        match line(words) {
            Commands::Vc(VcCommand::Issue { signing }) => issue_credential(&signing, input, Timestamp::now()),
            Commands::Vp(VpCommand::Issue { signing, asked }) => {
                issue_presentation(&signing, &asked, input, Timestamp::now())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Key to credential to presentation, in both formats, with every key.
    #[tokio::test]
    async fn the_whole_way() {
        let folder = tempfile::tempdir().unwrap();
        for (name, algorithm) in [
            ("ed25519", warifu_keys::Algorithm::EdDsa),
            ("p256", warifu_keys::Algorithm::Es256),
            ("p384", warifu_keys::Algorithm::Es384),
        ] {
            let path = folder.path().join(name);
            let key = SigningKey::generate(algorithm, &warifu_server::entropy::System);
            std::fs::write(&path, key.to_private_jwk().unwrap().as_bytes()).unwrap();
            let file = path.to_str().unwrap();
            for format in ["ldp", "jwt"] {
                let credential = json!({
                    "@context": ["https://www.w3.org/ns/credentials/v2"],
                    "type": ["VerifiableCredential"],
                    "credentialSubject": { "id": "did:example:1", "name": "Anna" },
                });
                let vc = issue(&["vc", "issue", "--key", file, "--format", format], &credential).unwrap();
                let report = verify(&["vc", "verify", "--offline"], &vc).await;
                assert_eq!(report, Report { checks: vec!["proof".into(), "validity".into()], ..Report::default() });
                let changed = if format == "ldp" { vc.replace("Anna", "Eve") } else { vc.replace("ey", "ez") };
                assert!(!verify(&["vc", "verify", "--offline"], &changed).await.errors.is_empty());

                let held = if format == "ldp" { serde_json::from_str(&vc).unwrap() } else { Value::from(vc) };
                let presentation = Presentation::of(None, &[held]).unwrap();
                let presentation = Value::Object(presentation.members().clone());
                let options = ["--key", file, "--format", format, "--challenge", "c", "--domain", "rp.example"];
                let vp = issue(&[&["vp", "issue"][..], &options].concat(), &presentation).unwrap();
                let asked = ["vp", "verify", "--offline", "--challenge", "c", "--domain", "rp.example"];
                let report = verify(&asked, &vp).await;
                assert_eq!((report.errors, report.warnings), (Vec::<String>::new(), Vec::new()));
                assert_eq!(report.checks, ["proof", "challenge", "domain", "credentials"]);
                let other = ["vp", "verify", "--offline", "--challenge", "d", "--domain", "rp.example"];
                assert_eq!(verify(&other, &vp).await.errors.len(), 1);
                assert_eq!(verify(&["vp", "verify", "--offline"], &vp).await.warnings.len(), 2);
            }
        }
    }

    #[tokio::test]
    async fn a_missing_document_is_an_error_offline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SigningKey::generate_ed25519(&warifu_server::entropy::System);
        std::fs::write(&path, key.to_private_jwk().unwrap().as_bytes()).unwrap();
        let credential = json!({
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "type": ["VerifiableCredential"],
            "credentialSubject": { "id": "did:example:1" },
            "credentialStatus": Entry::new(status_list::Purpose::Revocation, 1, "https://issuer.example/list").to_value(),
        });
        let method = ["--verification-method", "did:web:issuer.example#1"];
        let words = [&["vc", "issue", "--key", path.to_str().unwrap()][..], &method].concat();
        let vc = issue(&words, &credential).unwrap();
        assert!(vc.contains("\"issuer\":\"did:web:issuer.example\""));
        assert_eq!(verify(&["vc", "verify", "--offline"], &vc).await.errors.len(), 1);
        let document = json!({ "id": "did:web:issuer.example", "assertionMethod": [{
            "id": "#1", "type": "JsonWebKey", "controller": "did:web:issuer.example",
            "publicKeyJwk": key.public_key().to_jwk().to_value(),
        }] });
        let file = folder.path().join("did.json");
        std::fs::write(&file, document.to_string()).unwrap();
        let report = verify(&["vc", "verify", "--offline", "--did-document", file.to_str().unwrap()], &vc).await;
        assert_eq!(
            (report.errors.len(), report.warnings.as_slice()),
            (0, &["the status was not checked".to_owned()][..])
        );
    }
}
