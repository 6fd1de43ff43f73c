//! A headless Chromium under a WebDriver, with a picture as its camera.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::process::{Child, Command};
use warifu_models::picture::Picture;

/// A browser window; the processes behind it end with it.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    screenshots: PathBuf,
    _profile: tempfile::TempDir,
}

/// How the window looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
    pub(crate) language: &'static str,
}

impl Look {
    /// A phone, light, English.
    pub(crate) const PHONE: Self = Self { width: 360, height: 800, dark: false, language: "en" };
    /// A desktop, light, English.
    pub(crate) const DESKTOP: Self = Self { width: 1280, height: 900, dark: false, language: "en" };
}

impl Browser {
    /// Whether a browser and its driver are installed here.
    pub(crate) fn installed() -> bool {
        binary().is_some() && which("chromedriver").is_some()
    }

    /// Starts a browser whose camera shows `camera`.
    pub(crate) async fn start(camera: &Picture, look: Look, screenshots: &Path) -> Result<Self> {
        // A cold start sometimes times out on the video source; the second attempt is warm.
        match Self::attempt(camera, look, screenshots).await {
            Ok(browser) => Ok(browser),
            Err(_) => Self::attempt(camera, look, screenshots).await,
        }
    }

    async fn attempt(camera: &Picture, look: Look, screenshots: &Path) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let film = profile.path().join("camera.y4m");
        std::fs::write(&film, y4m(camera, 640, 480))?;
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
            "--use-fake-device-for-media-stream".to_owned(),
            "--use-fake-ui-for-media-stream".to_owned(),
            format!("--use-file-for-fake-video-capture={}", film.display()),
            format!("--user-data-dir={}", profile.path().join("profile").display()),
            format!("--window-size={},{}", look.width, look.height),
            format!("--lang={}", look.language),
        ];
        if look.dark {
            arguments.push("--force-dark-mode".to_owned());
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert(
            "goog:chromeOptions".to_owned(),
            json!({
                "binary": binary().context("no browser")?,
                "args": arguments,
                "prefs": {"intl.accept_languages": look.language},
                "mobileEmulation": {"deviceMetrics": {"width": look.width, "height": look.height, "pixelRatio": 1.0, "touch": false}},
            }),
        );
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
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        };
        std::fs::create_dir_all(screenshots)?;
        Ok(Self { client, driver, screenshots: screenshots.to_owned(), _profile: profile })
    }

    pub(crate) async fn open(&self, url: &str) -> Result<()> {
        Ok(self.client.goto(url).await?)
    }

    /// The first element that matches, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Result<Element> {
        match self.client.wait().at_most(Duration::from_secs(40)).for_element(Locator::Css(css)).await {
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

    pub(crate) async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let field = self.find(css).await?;
        field.clear().await.ok();
        Ok(field.send_keys(text).await?)
    }

    /// Everything that is written on the page.
    pub(crate) async fn text(&self) -> Result<String> {
        Ok(self.client.find(Locator::Css("body")).await?.text().await?)
    }

    /// Waits until the page says `words`.
    pub(crate) async fn until_says(&self, words: &str) -> Result<()> {
        for _ in 0..160 {
            if self.text().await.is_ok_and(|text| text.contains(words)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        bail!("the page never says `{words}`; it says: {}", self.text().await?)
    }

    pub(crate) async fn attribute(&self, css: &str, name: &str) -> Result<String> {
        self.find(css).await?.attr(name).await?.with_context(|| format!("`{css}` has no `{name}`"))
    }

    pub(crate) async fn url(&self) -> Result<String> {
        Ok(self.client.current_url().await?.to_string())
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Saves what the window shows, for a person to look at; the whole page, not only the window.
    pub(crate) async fn screenshot(&self, name: &str) -> Result<()> {
        let png = self.client.screenshot().await?;
        std::fs::write(self.screenshots.join(format!("{name}.png")), png)?;
        Ok(())
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

/// A film of one still picture in YUV4MPEG2, 4:2:0, 15 frames a second: what the fake camera plays in a loop. The
/// picture is fitted into the frame with a grey border.
fn y4m(picture: &Picture, width: u32, height: u32) -> Vec<u8> {
    let scale = (f64::from(width) / f64::from(picture.width())).min(f64::from(height) / f64::from(picture.height()));
    let fitted = picture.resize((f64::from(picture.width()) * scale) as u32, (f64::from(picture.height()) * scale) as u32);
    let mut frame = Picture::filled(width, height, [128, 128, 128]);
    frame.paste(&fitted, (width - fitted.width()) / 2, (height - fitted.height()) / 2);
    let (w, h) = (width as usize, height as usize);
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
    let mut planes: Vec<u8> = yuv.iter().map(|pixel| pixel[0] as u8).collect();
    for channel in [1, 2] {
        for y in (0..h).step_by(2) {
            for x in (0..w).step_by(2) {
                let sum: f32 = [(0, 0), (1, 0), (0, 1), (1, 1)].iter().map(|(dx, dy)| yuv[(y + dy) * w + x + dx][channel]).sum();
                planes.push((sum / 4.0) as u8);
            }
        }
    }
    let mut film = format!("YUV4MPEG2 W{w} H{h} F15:1 Ip A1:1 C420jpeg\n").into_bytes();
    for _ in 0..8 {
        film.extend_from_slice(b"FRAME\n");
        film.extend_from_slice(&planes);
    }
    film
}
