//! `warifu wallet`: the wallet in the terminal, and its pages on this machine.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use url::Url;
use warifu_keys::{Entropy, Secret};
use warifu_models::plugin::Plugins;
use warifu_models::{Models, Parts};
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_server::fetch::{Fetcher, Limits as FetchLimits, Policy as FetchPolicy};
use warifu_server::run::{Limits, Listener, asked_to_stop};
use warifu_session::share::{Life, Scope};
use warifu_wallet::consent::{Asked, Disclosure, Question, Ready};
use warifu_wallet::holding::CredentialId;
use warifu_wallet::http::{Agent, router};
use warifu_wallet::present::{NothingFits, Picks, PresentError};
use warifu_wallet::share::NewShareRequest;
use warifu_wallet::store::{AnswerRule, Folder, Kdf, SelfieRule, Settings};
use warifu_wallet::{Error, Seams, Wallet};

use crate::{NOT_APPROVED, answer, files};

/// `warifu wallet`.
#[derive(Debug, clap::Args)]
pub(crate) struct WalletArgs {
    /// Folder of the wallet.
    #[arg(long, value_name = "DIR", env = "WARIFU_WALLET")]
    home: PathBuf,
    /// File that holds the passphrase; asked for in the terminal when absent.
    #[arg(long, value_name = "FILE", env = "WARIFU_WALLET_PASSPHRASE_FILE", global = true)]
    passphrase_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WalletCommand {
    /// Make a wallet.
    Init {
        /// Address of the trust registry.
        #[arg(long, value_name = "URL")]
        registry: Url,
        /// The registry operator's certificate, to be pinned.
        #[arg(long, value_name = "PEM")]
        operator: PathBuf,
        /// Demand a selfie before anything leaves, whoever asks.
        #[arg(long)]
        always_selfie: bool,
        /// A sandbox: plain http on this machine is fine.
        #[arg(long)]
        sandbox: bool,
    },
    /// Accept a credential offer: a link, or a picture of its QR code.
    Accept {
        /// Link, or picture file.
        offer: String,
        /// The transaction code that the issuer gave you.
        #[arg(long, value_name = "N")]
        tx_code: Option<String>,
    },
    /// List what is held.
    List,
    /// Show one credential with its values.
    Show {
        /// Its identifier in the list.
        id: CredentialId,
    },
    /// Answer a presentation request: a link, or a picture of its QR code.
    Present {
        /// Link, or picture file.
        request: String,
        /// A selfie, where one is demanded.
        #[arg(long, value_name = "FILE")]
        selfie: Option<PathBuf>,
        /// Agree without being asked. Where nothing fits, it tells the verifier that there is no answer.
        #[arg(long)]
        yes: bool,
        /// Another credential than the newest for a query, as the question names both.
        #[arg(long, value_name = "QUERY=ID", value_parser = picked)]
        choose: Vec<(String, CredentialId)>,
        /// Add something that is asked for and not needed, by its number in the question.
        #[arg(long, value_name = "N")]
        add: Vec<usize>,
        /// Agree to the portrait as well, where one is among the details.
        #[arg(long)]
        portrait: bool,
    },
    /// Share with a partner: makes a token that only the partner can import, once.
    Share {
        /// Identifier of the partner in the trusted list.
        #[arg(long, value_name = "PARTNER")]
        to: String,
        /// What is shared.
        #[arg(long, default_value = "kyc")]
        scope: Vec<Scope>,
        /// What for.
        #[arg(long)]
        purpose: String,
        /// Life in seconds, 60 to 86400.
        #[arg(long, default_value_t = Life::default().seconds())]
        seconds: i64,
        /// A selfie, where your own setting demands one.
        #[arg(long, value_name = "FILE")]
        selfie: Option<PathBuf>,
        /// Agree without being asked.
        #[arg(long)]
        yes: bool,
        /// Agree to the portrait as well, where one is among the details.
        #[arg(long)]
        portrait: bool,
    },
    /// Show the settings, after changing those that are named.
    Settings {
        /// In which form verifiers are answered.
        #[arg(long, value_name = "FORM")]
        answers: Option<Answers>,
        /// Whether a selfie is demanded before anything leaves, whoever asks.
        #[arg(long, value_name = "BOOL")]
        always_selfie: Option<bool>,
    },
    /// What left this wallet, to whom; never the values.
    History,
    /// Show the wallet as pages on this machine.
    Serve {
        /// Where to listen; this machine only.
        #[arg(long, default_value = "127.0.0.1:7405")]
        listen: SocketAddr,
    },
}

/// In which form verifiers are answered.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Answers {
    /// Encrypted to the verifier, or not at all.
    Encrypted,
    /// As the verifier asks, in the clear too.
    AsAsked,
}

impl From<Answers> for AnswerRule {
    fn from(answers: Answers) -> Self {
        match answers {
            Answers::Encrypted => Self::Encrypted,
            Answers::AsAsked => Self::AsAsked,
        }
    }
}

/// A query and the credential for it.
fn picked(text: &str) -> Result<(String, CredentialId), String> {
    let (query, id) = text.split_once('=').ok_or("write QUERY=ID")?;
    Ok((query.to_owned(), id.parse().map_err(|error| format!("`{id}`: {error}"))?))
}

/// Runs a subcommand. A selfie that does not match ends with status 3.
pub(crate) async fn run(args: WalletArgs) -> Result<ExitCode> {
    let WalletArgs { home, passphrase_file, json, command } = args;
    let now = Timestamp::now();
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    if let WalletCommand::Init { registry, operator, always_selfie, sandbox } = command {
        let pem =
            std::fs::read_to_string(&operator).with_context(|| format!("{} can not be read", operator.display()))?;
        let settings = Settings {
            registry,
            operator_certificate: pem,
            language: None,
            selfie: if always_selfie { SelfieRule::Always } else { SelfieRule::WhenAsked },
            answers: AnswerRule::default(),
            sandbox,
        };
        let passphrase = passphrase(passphrase_file.as_deref(), true)?;
        let wallet = Wallet::init(seams(&home, sandbox, entropy)?, &passphrase, Kdf::default(), settings, now)?;
        print(json, &wallet.facts()?, || format!("the wallet is in {}", home.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let passphrase = passphrase(passphrase_file.as_deref(), false)?;
    // Whether plain http is fine is the wallet's own setting, known only once it is open: the client for this machine
    // refuses every other private address and plain http elsewhere.
    let wallet = Arc::new(Wallet::open(seams(&home, true, Arc::clone(&entropy))?, &passphrase)?);
    match perform(&wallet, command, json, now, entropy).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<Error>() {
            Some(Error::Presence(_)) => {
                answer(json, &json!({"error": error.to_string()}), || format!("warifu: {error:#}"));
                Ok(ExitCode::from(NOT_APPROVED))
            }
            Some(_) | None => Err(error),
        },
    }
}

async fn perform(
    wallet: &Arc<Wallet>,
    command: WalletCommand,
    json: bool,
    now: Timestamp,
    entropy: Arc<dyn Entropy>,
) -> Result<()> {
    match command {
        WalletCommand::Init { .. } => bail!("the wallet is open already"),
        WalletCommand::Accept { offer, tx_code } => {
            let link = link(wallet, &offer).await?;
            let accepted = wallet.accept(&link, tx_code.as_deref(), now).await?;
            print(json, &accepted, || match accepted.further.len() {
                0 => "the credential is in the wallet; see it with `list`".to_owned(),
                further => format!("{} credentials are in the wallet; see them with `list`", further + 1),
            })
        }
        WalletCommand::List => {
            let held = wallet.list(now)?;
            print(json, &held, || pretty(&held))
        }
        WalletCommand::Show { id } => {
            let details = wallet.show(&id, now)?;
            print(json, &details, || pretty(&details))
        }
        WalletCommand::Present { request, selfie, yes, choose, add, portrait } => {
            let link = link(wallet, &request).await?;
            let request = match wallet.inspect_request(&link, now).await {
                Err(Error::Present(PresentError::NoMatch(Some(nothing)))) => {
                    // At the user's own pace, as a refusal is: so that the verifier can not tell one from the other.
                    if yes || told(&nothing)? {
                        wallet.say_nothing_fits(&nothing).await;
                    }
                    return Err(Error::from(PresentError::NoMatch(Some(nothing))).into());
                }
                inspected => inspected?,
            };
            let picks = Picks { credentials: choose.into_iter().collect(), extras: add.into_iter().collect() };
            let language = wallet.settings()?.language.unwrap_or_else(|| "en".to_owned());
            let request = wallet.choose(request, &picks, &language, now)?;
            if !agreed(request.question(), yes, json)? {
                wallet.refuse_request(request, Timestamp::now()).await?;
                bail!("nothing was shared");
            }
            let ready = ready(wallet, request, selfie.as_deref(), portrait).await?;
            let facts = wallet.present(ready, Timestamp::now()).await?;
            print(json, &facts, || {
                let shared = format!("shared {} details with {}", facts.claims.len(), facts.verifier);
                match &facts.redirect_uri {
                    Some(url) => format!("{shared}; go on at {url}"),
                    None => shared,
                }
            })
        }
        WalletCommand::Share { to, scope, purpose, seconds, selfie, yes, portrait } => {
            let life = Life::from_seconds(seconds)?;
            let wanted = NewShareRequest { partner: to, purpose, scope, claims: None, credential: None, life };
            let proposal = wallet.propose_share(wanted, now).await?;
            if !agreed(proposal.question(), yes, json)? {
                wallet.refuse_share(&proposal, Timestamp::now())?;
                bail!("nothing was shared");
            }
            let facts = wallet.share(ready(wallet, proposal, selfie.as_deref(), portrait).await?, Timestamp::now())?;
            print(json, &facts, || facts.share_token.clone())
        }
        WalletCommand::Settings { answers, always_selfie } => {
            let mut settings = wallet.settings()?;
            if let Some(answers) = answers {
                settings.answers = answers.into();
            }
            if let Some(always) = always_selfie {
                settings.selfie = if always { SelfieRule::Always } else { SelfieRule::WhenAsked };
            }
            if answers.is_some() || always_selfie.is_some() {
                wallet.set_settings(settings.clone())?;
            }
            print(json, &settings, || pretty(&settings))
        }
        WalletCommand::History => {
            let entries = wallet.history()?;
            print(json, &entries, || pretty(&entries))
        }
        WalletCommand::Serve { listen } => {
            let listener = Listener::bind(listen).await?;
            let agent = Arc::new(Agent::new(Arc::clone(wallet), Clock::system(), entropy, listener.address())?);
            let entry = agent.entry();
            answer(json, &json!({"open": entry}), || format!("open {entry}\nCtrl-C stops the wallet"));
            listener.serve(router(agent), Limits::default(), asked_to_stop()).await;
            Ok(())
        }
    }
}

/// The question with consent and, where a selfie is demanded, with its match.
async fn ready<A: Asked>(wallet: &Wallet, asked: A, selfie: Option<&Path>, portrait: bool) -> Result<Ready<A>> {
    let question = asked.question();
    if question.has_portrait() && !portrait {
        bail!("your portrait is among the details: agree to that with --portrait");
    }
    let agreed = |now| if portrait { question.agree_with_portrait(now) } else { question.agree(now) };
    let consent = agreed(Timestamp::now());
    if asked.demand().is_none() {
        return Ok(Ready::agreed(asked, consent, Timestamp::now())?);
    }
    let path = selfie.context("a selfie is demanded: give one with --selfie")?;
    let file = std::fs::read(path).with_context(|| format!("{} can not be read", path.display()))?;
    let matched = wallet.match_selfie(&asked, file, Timestamp::now()).await?;
    Ok(Ready::matched(asked, consent, matched, Timestamp::now())?)
}

/// A link as it was given, or the one in the QR code of a picture file.
async fn link(wallet: &Wallet, given: &str) -> Result<String> {
    let path = Path::new(given);
    if !path.is_file() {
        return Ok(given.to_owned());
    }
    let file = std::fs::read(path).with_context(|| format!("{} can not be read", path.display()))?;
    Ok(wallet.read_qr(file).await?)
}

/// Shows exactly what would leave, and asks. Without a terminal only `--yes` agrees.
#[expect(clippy::print_stderr, reason = "the question stands beside the command's answer")]
fn agreed(question: &Question, yes: bool, json: bool) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if json || !std::io::stdin().is_terminal() {
        bail!("nothing is shared without your consent: agree with --yes");
    }
    eprintln!("{} asks: {}", question.asker.name, question.purpose.as_deref().unwrap_or("(no purpose given)"));
    for disclosure in &question.disclosures {
        show(disclosure);
    }
    for warning in &question.warnings {
        eprintln!("Mind: {}", serde_json::to_string(warning)?);
    }
    for choice in &question.choices {
        for offered in choice.offered.iter().filter(|offered| !question.disclosures.contains(offered)) {
            eprintln!("Instead, with --choose {}={}:", choice.query_id, offered.credential);
            show(offered);
        }
    }
    for extra in question.extras.iter().filter(|extra| !extra.added) {
        eprintln!("Not needed; with --add {}:", extra.number);
        extra.disclosures.iter().for_each(show);
    }
    eprint!("Share these {} details? [y/N] ", question.count());
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// What a credential would give away, row by row.
#[expect(clippy::print_stderr, reason = "the question stands beside the command's answer")]
fn show(disclosure: &Disclosure) {
    for row in &disclosure.shared {
        eprintln!("  {}: {}", row.label, row.value);
    }
}

/// Whether the verifier is to be told that there is no answer; never without a person or `--yes`.
#[expect(clippy::print_stderr, reason = "the question stands beside the command's answer")]
fn told(nothing: &NothingFits) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Nothing in the wallet answers this. Tell {} that there is no answer? [y/N] ", nothing.verifier());
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn passphrase(file: Option<&Path>, new: bool) -> Result<Secret> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} can not be read", path.display()))?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec()));
    }
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt).context("no terminal to ask for the passphrase: use --passphrase-file")
    };
    let first = ask(if new { "New passphrase: " } else { "Passphrase: " })?;
    if new && ask("Once more: ")? != first {
        bail!("the two passphrases differ");
    }
    Ok(Secret::new(first.into_bytes()))
}

/// Files in `home`, the network, randomness, and models at the first selfie.
fn seams(home: &Path, this_machine: bool, entropy: Arc<dyn Entropy>) -> Result<Seams> {
    let policy = if this_machine { FetchPolicy::Loopback } else { FetchPolicy::Public };
    let weights = files::weights(None)?;
    Ok(Seams {
        files: Arc::new(Folder::at(home)),
        wire: Arc::new(Fetcher::new(policy, FetchLimits::default())?),
        entropy,
        load_models: Box::new(move || Models::load_with(&weights, Parts::FACE, &Plugins::from_environment()?)),
    })
}

fn print<T: Serialize>(as_json: bool, value: &T, text: impl FnOnce() -> String) -> Result<()> {
    answer(as_json, &serde_json::to_value(value)?, text);
    Ok(())
}

fn pretty<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
