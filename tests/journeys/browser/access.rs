//! What people without a mouse, or without sight, depend on: everything by keyboard with the focus in sight, and no serious
//! finding of axe-core in any page, in both colour schemes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use warifu_keys::sha256;
use warifu_tests::skip;

use super::harness::{Browser, Look};

/// The checker's package on npm.
const AXE: &str = "axe-core@4.11.0";
/// SHA-256 of its `axe.min.js`.
const AXE_SHA256: &str = "e9e5863c33a874f09bc01acd9234b7e3c871479f5eef8802fa582544465e6d01";
/// Where CI says that a missing checker is an error.
const REQUIRED: &str = "WARIFU_AXE";
/// Most stops until the keyboard has gone round a page.
const STOPS: usize = 80;

/// The source of the checker: kept below `target`, fetched with npm the first time.
fn axe() -> Result<&'static str> {
    static SOURCE: OnceLock<Result<String, String>> = OnceLock::new();
    let source = SOURCE.get_or_init(|| fetched().map_err(|error| format!("{error:#}")));
    source.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn fetched() -> Result<String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("a target folder")?;
    let kept = target.join("axe-core").join(format!("{AXE_SHA256}.js"));
    if let Ok(source) = std::fs::read_to_string(&kept)
        && is_pinned(&source)
    {
        return Ok(source);
    }
    let folder = tempfile::tempdir()?;
    let run = |program: &str, arguments: &[&str]| -> Result<()> {
        let done = Command::new(program).args(arguments).current_dir(folder.path()).output();
        let done = done.with_context(|| format!("{program} can not be run"))?;
        ensure!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    };
    run("npm", &["pack", "--ignore-scripts", "--silent", AXE])?;
    let archive = format!("{}.tgz", AXE.replace('@', "-"));
    run("tar", &["xzf", archive.as_str(), "package/axe.min.js"])?;
    let source = std::fs::read_to_string(folder.path().join("package/axe.min.js"))?;
    ensure!(is_pinned(&source), "axe.min.js is another one than the pinned one");
    let folder: PathBuf = kept.parent().map(Path::to_owned).unwrap_or_default();
    std::fs::create_dir_all(folder)?;
    std::fs::write(kept, &source)?;
    Ok(source)
}

fn is_pinned(source: &str) -> bool {
    sha256(source.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>() == AXE_SHA256
}

impl Browser {
    /// Saves the page as pictures, and sees that it can be used by everybody: no serious finding in either scheme, nothing
    /// cut off with text of twice the size.
    pub(crate) async fn screen(&self, test: &str, name: &str) -> Result<()> {
        self.picture(name).await?;
        self.look(Look::DESKTOP).await?;
        let wide = self
            .run(
                "document.documentElement.style.fontSize = '200%'; \
                 const wide = document.documentElement.scrollWidth > innerWidth; \
                 document.documentElement.style.fontSize = ''; return wide;",
            )
            .await?;
        ensure!(wide == false, "{name} is too wide with text of twice the size");
        let source = match axe() {
            Ok(source) => source,
            Err(error) if std::env::var_os(REQUIRED).is_some() => return Err(error),
            Err(error) => {
                skip(test, &format!("no accessibility check of {name}: {error}"));
                return self.look_again().await;
            }
        };
        for look in [Look::PHONE, Look::PHONE_DARK] {
            self.look(look).await?;
            // By the debugger, which the policy of the page does not bind: the page itself may load nothing.
            let check = format!(
                "(async () => {{ if (!window.axe) {{ {source}\n }} \
                 const found = await axe.run(document, {{ resultTypes: ['violations'] }}); \
                 return found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)) \
                 .map((one) => `${{one.id}}: ${{one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}}`); }})()"
            );
            let asked = json!({"expression": check, "awaitPromise": true, "returnByValue": true});
            let told = self.devtools("Runtime.evaluate", asked).await?;
            let found = told["result"]["value"].as_array().with_context(|| format!("axe said {told}"))?;
            ensure!(found.is_empty(), "{name} in {look:?}: {found:#?}");
        }
        self.look_again().await
    }

    /// Presses a key that a page can do something with.
    async fn press(&self, key: &str, code: u32, text: Option<&str>) -> Result<()> {
        let mut down = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            down["text"] = text.into();
        }
        let up = json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.devtools("Input.dispatchKeyEvent", down).await?;
        self.devtools("Input.dispatchKeyEvent", up).await?;
        Ok(())
    }

    /// Goes from where the focus is to an element, by the tabulator alone. At every stop the focus is in sight.
    pub(crate) async fn tab_to(&self, css: &str) -> Result<()> {
        self.find(css).await?;
        let look = format!(
            "const at = document.activeElement; \
             const style = getComputedStyle(at); \
             const seen = at === document.body || at.tagName === 'H1' \
             || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2); \
             return [at.matches({}), seen, at.outerHTML.slice(0, 120)];",
            json!(css)
        );
        let mut stops = Vec::new();
        for _ in 0..STOPS {
            let at = self.run(&look).await?;
            ensure!(at[1] == true, "the focus is not in sight at {}", at[2]);
            if at[0] == true {
                return Ok(());
            }
            stops.push(at[2].to_string());
            self.press("Tab", 9, None).await?;
        }
        bail!("the tabulator never comes to `{css}`, but to {stops:#?}")
    }

    /// Goes to an element by keyboard and presses Enter.
    pub(crate) async fn enter(&self, css: &str) -> Result<()> {
        self.tab_to(css).await?;
        self.press("Enter", 13, Some("\r")).await
    }

    /// Goes to a field by keyboard and types; a space ticks a box.
    pub(crate) async fn type_by_key(&self, css: &str, text: &str) -> Result<()> {
        self.tab_to(css).await?;
        for letter in text.chars() {
            self.press(&letter.to_string(), u32::from(letter.to_ascii_uppercase()), Some(&letter.to_string())).await?;
        }
        Ok(())
    }

    /// Goes to a file field by keyboard and chooses a file; the window that asks for one is the system's, not the page's.
    pub(crate) async fn choose_by_key(&self, css: &str, file: &Path) -> Result<()> {
        self.tab_to(css).await?;
        self.choose(css, file).await
    }

    /// Sees that the title has the focus, so that a screen reader begins with it and with the step.
    pub(crate) async fn begins_at_title(&self) -> Result<()> {
        self.find("h1:focus").await?;
        Ok(())
    }
}
