//! A headless Chromium under a WebDriver, with a picture as its camera.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::http::Method;
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use url::{ParseError, Url};
use warifu_keys::base64url;
use warifu_models::picture::Picture;

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the page is looked at while waiting.
const LOOK: Duration = Duration::from_millis(100);

/// A browser window; the processes behind it end with it.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    screenshots: PathBuf,
    looks: Vec<Look>,
    _profile: tempfile::TempDir,
}

/// What the camera is.
#[derive(Clone, Copy)]
pub(crate) enum Camera<'a> {
    /// It shows this picture with the noise of a camera, and every page may use it.
    Shows(&'a Picture),
    /// The same for so many seconds until it begins again, in a smaller size.
    ShowsFor(&'a Picture, usize),
    /// There is one, but no page may use it.
    Denied,
}

/// How the window looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    name: &'static str,
    width: u32,
    height: u32,
    dark: bool,
}

impl Look {
    /// A phone by day.
    pub(crate) const PHONE: Self = Self { name: "360-light", width: 360, height: 800, dark: false };
    /// A phone by night.
    pub(crate) const PHONE_DARK: Self = Self { name: "360-dark", dark: true, ..Self::PHONE };
    /// A desktop by day.
    pub(crate) const DESKTOP: Self = Self { name: "1280-light", width: 1280, height: 900, dark: false };
    /// A desktop by night.
    pub(crate) const DESKTOP_DARK: Self = Self { name: "1280-dark", dark: true, ..Self::DESKTOP };
    /// The narrowest screen that pages are made for.
    const NARROWEST: Self = Self { name: "320", width: 320, height: 640, dark: false };
}

/// A command of the DevTools protocol, or a log, neither of which the WebDriver standard has.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Whether a browser and its driver are installed here.
    pub(crate) fn installed() -> bool {
        binary().is_some() && which("chromedriver").is_some()
    }

    /// Starts a browser. The first of `looks` is how its window looks; pictures for people to look at are taken in all
    /// of them, and saved in the folder `name`.
    pub(crate) async fn start(name: &str, camera: Camera<'_>, looks: &[Look]) -> Result<Self> {
        // A cold start sometimes times out on the video source; the second attempt is warm.
        let browser = match Self::attempt(name, camera, looks).await {
            Ok(browser) => browser,
            Err(_) => Self::attempt(name, camera, looks).await?,
        };
        browser.look(browser.looks[0]).await?;
        Ok(browser)
    }

    async fn attempt(name: &str, camera: Camera<'_>, looks: &[Look]) -> Result<Self> {
        let screenshots = screenshots().join(name);
        std::fs::create_dir_all(&screenshots)?;
        let profile = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let driver = Command::new(which("chromedriver").context("no chromedriver")?)
            .arg(format!("--port={port}"))
            .arg("--allowed-ips=127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--lang=en".to_owned(),
            "--use-fake-device-for-media-stream".to_owned(),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        let mut preferences = json!({"intl": {"accept_languages": "en"}});
        match camera {
            Camera::Shows(_) | Camera::ShowsFor(..) => {
                let film = profile.path().join("camera.y4m");
                write_film(&film, camera)?;
                arguments.push("--use-fake-ui-for-media-stream".to_owned());
                arguments.push(format!("--use-file-for-fake-video-capture={}", film.display()));
            }
            Camera::Denied => {
                preferences["profile"] = json!({"default_content_setting_values": {"media_stream_camera": 2}})
            }
        }
        let mut capabilities = serde_json::Map::new();
        let options = json!({"binary": binary().context("no browser")?, "args": arguments, "prefs": preferences});
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({"browser": "ALL", "performance": "ALL"}));
        let address = format!("http://127.0.0.1:{port}");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let mut waited = 0;
        let client = loop {
            match builder.connect(&address).await {
                Ok(client) => break client,
                Err(error) if waited >= 100 => return Err(error).context("the driver does not answer"),
                Err(_) => {
                    waited += 1;
                    tokio::time::sleep(LOOK).await;
                }
            }
        };
        Ok(Self { client, driver, screenshots, looks: looks.to_vec(), _profile: profile })
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        Ok(self.client.issue_cmd(Vendor { path: "goog/cdp/execute", body }).await?)
    }

    /// What was logged since the last time this was asked.
    async fn log(&self, kind: &str) -> Result<Vec<Value>> {
        let log = self.client.issue_cmd(Vendor { path: "se/log", body: json!({"type": kind}) }).await?;
        Ok(log.as_array().cloned().unwrap_or_default())
    }

    /// Changes how the window looks. Motion is reduced, so that pictures show how things end.
    pub(crate) async fn look(&self, look: Look) -> Result<()> {
        let Look { width, height, dark, .. } = look;
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await?;
        Ok(())
    }

    /// Goes back to how the window looks to the person.
    pub(crate) async fn look_again(&self) -> Result<()> {
        self.look(self.looks[0]).await
    }

    /// Works in the first frame of the page from now on.
    pub(crate) async fn work_in_frame(&self) -> Result<()> {
        Ok(self.find("iframe").await?.enter_frame().await?)
    }

    /// Works in the page itself again.
    pub(crate) async fn out_of_frame(&self) -> Result<()> {
        Ok(self.client.enter_parent_frame().await?)
    }

    /// Whether scripts of pages run.
    pub(crate) async fn scripts(&self, run: bool) -> Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !run})).await?;
        Ok(())
    }

    /// Saves the whole page in every look of this browser, for a person to look at, and sees that it can be read on the
    /// narrowest screen without scrolling sideways.
    pub(crate) async fn picture(&self, name: &str) -> Result<()> {
        for look in &self.looks {
            self.look(*look).await?;
            let height = self.run("return document.documentElement.scrollHeight").await?.as_u64().unwrap_or_default();
            let height = height.clamp(u64::from(look.height), 6000);
            // A window as high as the page: what sticks to the lower edge is where it belongs.
            let screen = json!({"width": look.width, "height": height, "deviceScaleFactor": 1, "mobile": false});
            self.devtools("Emulation.setDeviceMetricsOverride", screen).await?;
            let taken = self.devtools("Page.captureScreenshot", json!({"format": "png"})).await?;
            let png = base64url::decode_standard(taken["data"].as_str().context("no picture")?)?;
            std::fs::write(self.screenshots.join(format!("{name}-{}.png", look.name)), png)?;
        }
        self.look(Look::NARROWEST).await?;
        let wide = self
            .run(
                "const most = innerWidth; if (document.documentElement.scrollWidth <= most) return null; \
                 return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > most + 0.5) \
                 .map(e => e.outerHTML.slice(0, 120)).slice(0, 4).join('\\n') || 'something';",
            )
            .await?;
        self.look(self.looks[0]).await?;
        match wide {
            Value::Null => Ok(()),
            wide => bail!("{name} is wider than 320 px: {wide}"),
        }
    }

    /// Sees that since the last time no page logged an error, and none reached beyond its own origin.
    pub(crate) async fn clean(&self) -> Result<()> {
        let errors = self.errors().await?;
        if !errors.is_empty() {
            bail!("the console says: {errors:?}");
        }
        for line in self.log("performance").await? {
            let event: Value = serde_json::from_str(line["message"].as_str().unwrap_or_default())?;
            let event = &event["message"];
            if event["method"] != "Network.requestWillBeSent" || event["params"]["type"] == "Document" {
                continue;
            }
            let origin =
                |address: &Value| address.as_str().and_then(|address| Url::parse(address).ok()).map(|url| url.origin());
            let (page, asked) = (&event["params"]["documentURL"], &event["params"]["request"]["url"]);
            if asked.as_str().is_some_and(|asked| asked.starts_with("http")) && origin(page) != origin(asked) {
                bail!("{page} asks {asked}");
            }
        }
        Ok(())
    }

    /// The errors that pages logged since the last time.
    pub(crate) async fn errors(&self) -> Result<Vec<Value>> {
        Ok(self.log("browser").await?.into_iter().filter(|line| line["level"] == "SEVERE").collect())
    }

    /// Forgets what was logged: something was refused on purpose.
    pub(crate) async fn forget_log(&self) -> Result<()> {
        self.log("browser").await?;
        Ok(())
    }

    /// Opens a second window and works there; gives the first one's handle.
    pub(crate) async fn second_window(&self) -> Result<fantoccini::wd::WindowHandle> {
        let first = self.client.window().await?;
        let second = self.client.new_window(true).await?.handle;
        self.client.switch_to_window(second).await?;
        self.look(self.looks[0]).await?;
        Ok(first)
    }

    pub(crate) async fn back_to(&self, window: fantoccini::wd::WindowHandle) -> Result<()> {
        Ok(self.client.switch_to_window(window).await?)
    }

    pub(crate) async fn open(&self, url: &str) -> Result<()> {
        Ok(self.client.goto(url).await?)
    }

    /// The first element that matches, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Result<Element> {
        match self.client.wait().at_most(PATIENCE).every(LOOK).for_element(Locator::Css(css)).await {
            Ok(element) => Ok(element),
            Err(error) => {
                let text = self.text().await.unwrap_or_default();
                bail!("`{css}` does not appear on {}: {error}; the page says: {text}", self.client.current_url().await?)
            }
        }
    }

    pub(crate) async fn click(&self, css: &str) -> Result<()> {
        Ok(self.find(css).await?.click().await?)
    }

    /// Puts text into a field, as pasting does.
    pub(crate) async fn paste(&self, css: &str, text: &str) -> Result<()> {
        self.find(css).await?;
        let put = "const field = document.querySelector(arguments[0]); field.value = arguments[1]; \
                   field.dispatchEvent(new Event('input', { bubbles: true }));";
        self.client.execute(put, vec![json!(css), json!(text)]).await?;
        Ok(())
    }

    /// What is written in every element that matches.
    pub(crate) async fn texts(&self, css: &str) -> Result<Vec<String>> {
        let read = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim());";
        let texts = self.client.execute(read, vec![json!(css)]).await?;
        Ok(serde_json::from_value(texts)?)
    }

    /// Everything that is written on the page.
    pub(crate) async fn text(&self) -> Result<String> {
        Ok(self.client.find(Locator::Css("body")).await?.text().await?)
    }

    /// Waits until the page says `words`.
    pub(crate) async fn says(&self, words: &str) -> Result<()> {
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.text().await.is_ok_and(|text| text.contains(words)) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("the page never says `{words}`; it says: {}", self.text().await?)
    }

    /// What is written in the first element that matches.
    pub(crate) async fn read(&self, css: &str) -> Result<String> {
        self.find(css).await?;
        self.texts(css).await?.into_iter().next().with_context(|| format!("`{css}` is gone"))
    }

    /// Chooses a file.
    pub(crate) async fn choose(&self, css: &str, file: &Path) -> Result<()> {
        Ok(self.find(css).await?.send_keys(file.to_str().context("a path")?).await?)
    }

    pub(crate) async fn url(&self) -> Result<String> {
        Ok(self.client.current_url().await?.to_string())
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Ends the browser and its driver.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.client.close().await?;
        self.driver.kill().await?;
        Ok(())
    }
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn binary() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| which(name))
}

/// Where screenshots are saved.
fn screenshots() -> PathBuf {
    let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).parent().map(|target| target.join("screenshots"));
    std::env::var_os("WARIFU_SCREENSHOTS").map(PathBuf::from).or_else(beside).unwrap_or_default()
}

/// Frames a second of the film.
const RATE: usize = 15;
/// Longer side of a long film in pixels.
const LONG_SIDE: u32 = 480;

/// A film of one still picture in YUV4MPEG2, 4:2:0: what the fake camera plays in a loop. It has the picture's own size: a
/// border around the picture would look like the edge of a screen held into the camera. Every frame has its own noise, as
/// a camera's has; without it the frames would be one frame, which is refused.
fn write_film(path: &Path, camera: Camera<'_>) -> Result<()> {
    let (picture, frames) = match camera {
        Camera::Shows(picture) => (picture.clone(), 2 * RATE),
        Camera::ShowsFor(picture, seconds) => {
            let scale = f64::from(LONG_SIDE) / f64::from(picture.width().max(picture.height()));
            let side = |side: u32| (f64::from(side) * scale.min(1.0)) as u32;
            (picture.resize(side(picture.width()), side(picture.height())), seconds * RATE)
        }
        Camera::Denied => bail!("a camera that is denied shows nothing"),
    };
    let frame = picture.crop(0, 0, picture.width() & !1, picture.height() & !1);
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    // BT.601 studio range, as the format's default says.
    let yuv: Vec<[f32; 3]> = frame
        .rgb()
        .chunks_exact(3)
        .map(|rgb| {
            let [r, g, b] = [f32::from(rgb[0]), f32::from(rgb[1]), f32::from(rgb[2])];
            [
                16.0 + 0.257 * r + 0.504 * g + 0.098 * b,
                128.0 - 0.148 * r - 0.291 * g + 0.439 * b,
                128.0 + 0.439 * r - 0.368 * g - 0.071 * b,
            ]
        })
        .collect();
    let light: Vec<u8> = yuv.iter().map(|pixel| pixel[0] as u8).collect();
    let mut colour = Vec::with_capacity(w * h / 2);
    for channel in [1, 2] {
        for y in (0..h).step_by(2) {
            for x in (0..w).step_by(2) {
                let sum: f32 =
                    [(0, 0), (1, 0), (0, 1), (1, 1)].iter().map(|(dx, dy)| yuv[(y + dy) * w + x + dx][channel]).sum();
                colour.push((sum / 4.0) as u8);
            }
        }
    }
    let mut film = std::io::BufWriter::new(std::fs::File::create(path)?);
    film.write_all(format!("YUV4MPEG2 W{w} H{h} F{RATE}:1 Ip A1:1 C420jpeg\n").as_bytes())?;
    let mut state = 1u32;
    for _ in 0..frames {
        film.write_all(b"FRAME\n")?;
        let noisy: Vec<u8> = light
            .iter()
            .map(|value| {
                // A linear congruential generator (Numerical Recipes): any noise will do.
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                value.saturating_add((state >> 29) as u8 & 3).saturating_sub(1)
            })
            .collect();
        film.write_all(&noisy)?;
        film.write_all(&colour)?;
    }
    Ok(film.flush()?)
}
