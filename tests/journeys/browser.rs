//! The pages of all four roles in a browser, as a person walks through them, with a picture as the camera.
//!
//! The clock and the randomness are the machine's own: pages count down by the browser's clock. Every screen is saved
//! as a picture for a person to look at, under `target/screenshots` or where `WARIFU_SCREENSHOTS` says.

mod access;
mod confirm;
mod devices;
mod harness;
mod hosted;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use url::Url;
use warifu_cli::demo::Person;
use warifu_cli::demo::page::{Demo, router};
use warifu_cli::files;
use warifu_cli::sandbox::{Options, Sandbox};
use warifu_models::picture::{Limits, Picture};
use warifu_models::{Models, face};
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_tests::{models, shared, skip};
use warifu_wallet::store::Kdf;

use harness::{Browser, Camera, Look};

/// Four running roles, the demo's start page, and a fictional person with pictures on disk.
struct Stage {
    name: &'static str,
    sandbox: Sandbox,
    demo: Url,
    person: Person,
    /// The person's second selfie as a camera at arm's length would see it.
    close: Picture,
    folder: tempfile::TempDir,
}

impl Stage {
    /// `None`, with a printed line, where something that this needs is not installed.
    async fn set(name: &'static str) -> Result<Option<Self>> {
        if !Browser::installed() {
            skip(name, "no browser with its driver is installed");
            return Ok(None);
        }
        let Some(models) = models(name) else { return Ok(None) };
        let Ok(person) = Person::fictional(&models) else {
            skip(name, "the sample portrait is absent; run: warifu models fetch");
            return Ok(None);
        };
        let close = at_arms_length(&models, &Picture::decode(&person.second_selfie, &Limits::default())?)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("document.jpg"), &person.document)?;
        std::fs::write(folder.path().join("selfie.jpg"), &person.selfie)?;
        let options = Options {
            data: folder.path().join("sandbox"),
            clock: Clock::system(),
            entropy: Arc::new(System),
            models,
            first_port: None,
            kdf: Kdf::dangerous_fast(),
        };
        let mut sandbox = Sandbox::start(options).await?;
        let demo = Demo::of(&sandbox, Some(person.clone()));
        let demo = sandbox.also_serve(0, |_| router(demo)).await?;
        Ok(Some(Self { name, sandbox, demo, person, close, folder }))
    }

    /// As [`Self::set`], where partners can ask for a selfie: that needs the optional weights for liveness.
    async fn with_liveness(name: &'static str) -> Result<Option<Self>> {
        match Self::set(name).await? {
            Some(stage) if !stage.sandbox.issuer.role.has_liveness() => {
                skip(name, "the optional weights for liveness are absent");
                Ok(None)
            }
            stage => Ok(stage),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start_page(&self, language: &str) -> String {
        format!("{}{language}/", self.demo)
    }

    fn wallet(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.wallet_url)
    }

    /// Ends the browser and everyone. A journey that failed leaves a picture of where it stood.
    async fn end(self, browser: Browser, told: Result<()>) -> Result<()> {
        if told.is_err() {
            browser.picture("failed").await.ok();
        }
        browser.close().await?;
        self.sandbox.stop().await;
        told.context(self.name)
    }
}

/// The part of a picture that a camera held at arm's length would show.
fn at_arms_length(models: &Models, picture: &Picture) -> Result<Picture> {
    let face = face::detect(models, picture)?.into_iter().next().context("a face")?;
    let (centre, side) = (face.bounds.centre(), 3.0 * face.bounds.width);
    let (x, y) = ((centre.x - side / 2.0).max(0.0), (centre.y - side / 2.0).max(0.0));
    Ok(picture.crop(x as u32, y as u32, side as u32, side as u32))
}

/// Lets the camera panel find the face and take its recording by itself, and sends it; both states are saved as pictures.
async fn take_selfie(browser: &Browser, name: &str) -> Result<()> {
    browser.click("[data-start]").await?;
    browser.find("form.camera:is([data-state=good], [data-state=poor], [data-state=recording])").await?;
    browser.picture(&format!("{name}-camera")).await?;
    browser.find("form.camera[data-state=taken]").await?;
    browser.picture(&format!("{name}-taken")).await?;
    browser.click("[data-send]").await
}

/// How many rows the table of checks has, and how many of them passed.
async fn checks(browser: &Browser) -> Result<(usize, usize)> {
    browser.find(".checks").await?;
    let rows = browser.texts(".checks tbody tr th").await?.len();
    Ok((rows, browser.texts(".checks tbody tr.ok th").await?.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_verifies_receives_proves_and_shares() -> Result<()> {
    let Some(stage) = Stage::with_liveness("a_person_verifies_receives_proves_and_shares").await? else {
        return Ok(());
    };
    let looks = [Look::PHONE, Look::DESKTOP_DARK];
    let browser = Browser::start(stage.name, Camera::Shows(&stage.close), &looks).await?;
    let told = async {
        let known = verify(&stage, &browser).await?;
        receive(&stage, &browser).await?;
        prove(&stage, &browser).await?;
        share(&stage, &browser).await?;

        browser.open(&stage.wallet("history")).await?;
        let history = browser.text().await?;
        ensure!(history.contains("Bank A") && history.contains("Bank B"), "{history}");
        for value in known.iter().filter(|value| value.chars().count() >= 6) {
            ensure!(!history.contains(value), "the history holds `{value}`: {history}");
        }
        browser.picture("50-history").await?;

        browser.open(&stage.start_page("en")).await?;
        let done = browser.texts(".story li.done h2").await?.len();
        ensure!(done == 4, "{done} steps are marked as done");
        browser.picture("60-start-done").await?;
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

/// KYC from the start page. Gives the values that were read, and leaves the result page open.
async fn verify(stage: &Stage, browser: &Browser) -> Result<Vec<String>> {
    browser.open(&stage.start_page("en")).await?;
    browser.picture("01-start").await?;
    browser.click("#step-1 form[action$='/verify'] button").await?;
    browser.says("Verify your identity").await?;
    browser.picture("02-welcome").await?;
    browser.click(".actions a.button").await?;
    browser.find("form.passport").await?;
    browser.picture("03-document").await?;
    browser.choose("input[type=file]", &stage.file("document.jpg")).await?;
    browser.find("form.camera[data-state=taken]").await?;
    browser.picture("04-document-chosen").await?;
    browser.click("[data-send]").await?;
    browser.find("form.face").await?;
    browser.picture("05-selfie").await?;
    take_selfie(browser, "06-selfie").await?;
    browser.find("#tx-code").await?;
    ensure!(browser.read(".pill").await? == "Approved");
    let (rows, passed) = checks(browser).await?;
    let remarks = browser.texts(".checks tbody tr.warn th").await?.len();
    // The document is a specimen, and the result says so.
    ensure!(rows >= 10 && remarks == 1 && passed + remarks == rows, "{passed} of {rows} checks passed");
    browser.picture("07-approved").await?;
    browser.texts(".field-value").await
}

/// From the result page into the wallet, with one wrong code on the way.
async fn receive(stage: &Stage, browser: &Browser) -> Result<()> {
    let (offer, code) = (browser.read("#offer-link").await?, browser.read("#tx-code").await?);
    ensure!(offer.starts_with("openid-credential-offer://"), "{offer}");
    browser.open(&stage.start_page("en")).await?;
    browser.click("#step-2 button").await?;
    browser.says("Nothing here yet").await?;
    browser.picture("10-wallet-empty").await?;
    browser.click(".empty a.button").await?;
    browser.paste("#link", &offer).await?;
    browser.picture("11-wallet-open").await?;
    browser.click("form[action='/open'] button").await?;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    browser.paste("#tx_code", wrong).await?;
    browser.picture("12-wallet-offer").await?;
    browser.click("form[action='/accept'] button").await?;
    browser.find(".notice.stop").await?;
    browser.says("The code is wrong or expired").await?;
    browser.picture("13-wallet-wrong-code").await?;
    browser.forget_log().await?;
    browser.paste("#tx_code", &code).await?;
    browser.click("form[action='/accept'] button").await?;
    browser.find(".proven").await?;
    browser.picture("14-wallet-accepted").await?;
    browser.click("main .actions a.button").await?;
    browser.find(".credential").await?;
    browser.says("Valid").await?;
    browser.picture("15-wallet-home").await?;
    browser.click(".credential a").await?;
    browser.says("only its issuer may ask").await?;
    browser.picture("16-wallet-card").await
}

/// Bank A asks for a selfie; the wallet answers in another window.
async fn prove(stage: &Stage, browser: &Browser) -> Result<()> {
    browser.open(&stage.start_page("en")).await?;
    browser.click("#step-3 a.button").await?;
    browser.says("Bank A asks your wallet").await?;
    browser.picture("20-bank").await?;
    browser.click("form:has(input[value='identity-selfie']) button").await?;
    browser.find(".qr-panel .qr").await?;
    browser.picture("21-bank-request").await?;
    let link = browser.read(".code code").await?;
    ensure!(link.starts_with("openid4vp://"), "{link}");

    let bank = browser.second_window().await?;
    browser.open(&stage.wallet("open")).await?;
    browser.paste("#link", &link).await?;
    browser.click("form[action='/open'] button").await?;
    browser.find(".consent").await?;
    let shared = browser.texts(".consent-shared dt").await?;
    ensure!(shared == ["Family name", "Given names", "Date of birth"], "{shared:?}");
    browser.picture("22-wallet-consent").await?;
    take_selfie(browser, "23-wallet-selfie").await?;
    browser.find(".proven").await?;
    browser.picture("24-wallet-presented").await?;
    // Back to the bank with the response code; the bank's own window, which is of the same browser, follows.
    browser.click(".actions a.button[rel='noreferrer']").await?;
    browser.find("main .proven").await?;

    browser.back_to(bank).await?;
    let (rows, passed) = checks(browser).await?;
    ensure!(rows == 10 && passed == 10, "{passed} of {rows} checks passed");
    browser.picture("25-bank-result").await
}

/// A share for Bank B, which imports it once.
async fn share(stage: &Stage, browser: &Browser) -> Result<()> {
    browser.open(&stage.wallet("share")).await?;
    browser.click("#partner option[value='partner-b']").await?;
    browser.picture("30-wallet-share").await?;
    browser.click("form[action='/share'] button[type=submit]").await?;
    browser.find(".consent").await?;
    browser.says("Bank B").await?;
    browser.picture("31-wallet-share-consent").await?;
    browser.click("form[action^='/ask/']:not([action$='/refuse']) button").await?;
    browser.find(".proven").await?;
    browser.picture("32-wallet-shared").await?;
    let token = browser.read("#share-token").await?;

    for (attempt, class) in [("33-imported", ".notice.ok"), ("34-imported-twice", ".notice.stop")] {
        browser.open(&stage.start_page("en")).await?;
        browser.paste("#token", &token).await?;
        browser.click("#step-4 form button").await?;
        browser.find(class).await?;
        browser.picture(attempt).await?;
    }
    Ok(())
}

/// A reuse session that asks for the issuer's own credential: shown in another window, then a selfie.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_and_a_selfie_are_enough_the_second_time() -> Result<()> {
    let name = "a_credential_and_a_selfie_are_enough_the_second_time";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let wanted = json!({ "workflow_id": "wf_reusable_kyc", "reference_source": "presented_credential" });
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &wanted).await?.expect(201)?;
    let (id, page) =
        (created["session_id"].as_str().context("an identifier")?, created["url"].as_str().context("an address")?);
    let browser = Browser::start(name, Camera::Shows(&stage.close), &[Look::PHONE, Look::DESKTOP_DARK]).await?;
    let told = async {
        browser.open(page).await?;
        browser.says("Show your credential").await?;
        browser.find(".qr-panel .qr").await?;
        browser.picture("1-asked").await?;
        let link = browser.read("#request-link").await?;
        ensure!(link.starts_with("openid4vp://"), "{link}");

        let session = browser.second_window().await?;
        browser.open(&sandbox.agent.entry()).await?;
        browser.open(&stage.wallet("open")).await?;
        browser.paste("#link", &link).await?;
        browser.click("form[action='/open'] button").await?;
        browser.find(".consent").await?;
        let shared = browser.texts(".consent-shared dt").await?;
        ensure!(shared == ["Face template"], "{shared:?}");
        browser.says("issued this credential").await?;
        browser.picture("2-consent").await?;
        browser.click("form[action^='/ask/']:not([action$='/refuse']) button").await?;
        browser.find(".proven").await?;

        // The session's page goes on by itself.
        browser.back_to(session).await?;
        browser.find("form.face").await?;
        browser.picture("3-selfie").await?;
        take_selfie(&browser, "4-selfie").await?;
        browser.find(".pill").await?;
        ensure!(browser.read(".pill").await? == "Approved");
        browser.picture("5-recognised").await?;
        let decision = sandbox.get(&sandbox.issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)?;
        ensure!(decision["face_matches"][0]["source_image_session_id"].is_string(), "{decision}");
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_refuses_an_impostor() -> Result<()> {
    let name = "the_wallet_refuses_an_impostor";
    let Some(faces) = shared(name, "faces") else { return Ok(()) };
    let Some(stage) = Stage::with_liveness(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let bank = &sandbox.partners[0];
    let asked = sandbox.post(bank, "v1/requests", &json!({"policy": "identity-selfie"})).await?.expect(201)?;
    let (id, link) =
        (asked["request_id"].as_str().context("an identifier")?, asked["link"].as_str().context("a link")?);

    let face = files::picture(&faces.join("p05_1.jpg"))?;
    let browser = Browser::start(name, Camera::Shows(&face), &[Look::PHONE]).await?;
    let told = async {
        browser.open(&sandbox.agent.entry()).await?;
        browser.open(&stage.wallet("open")).await?;
        browser.paste("#link", link).await?;
        browser.click("form[action='/open'] button").await?;
        browser.find(".consent").await?;
        take_selfie(&browser, "1-impostor").await?;
        browser.find(".notice.stop").await?;
        browser.picture("2-refused").await?;
        let said = browser.text().await?;
        for words in ["The face does not match", "try again", "Nothing was sent"] {
            ensure!(said.contains(words), "`{words}` is not in: {said}");
        }
        let seen = sandbox.get(bank, &format!("v1/requests/{id}")).await?.expect(200)?;
        ensure!(
            seen["state"] != "accepted" && seen["claims"].as_object().is_none_or(|claims| claims.is_empty()),
            "{seen}"
        );
        ensure!(seen["checks"].as_array().is_none_or(Vec::is_empty), "Bank A was told something: {seen}");
        Ok(())
    };
    let told = told.await;
    stage.end(browser, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_still_picture_makes_no_movements() -> Result<()> {
    let name = "a_still_picture_makes_no_movements";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let bank = &sandbox.partners[0];
    let asked = sandbox.post(bank, "v1/requests", &json!({"policy": "identity-live"})).await?.expect(201)?;
    let (id, link) =
        (asked["request_id"].as_str().context("an identifier")?, asked["link"].as_str().context("a link")?);
    // The holder's own face, in a picture held before the camera.
    let browser = Browser::start(name, Camera::ShowsFor(&stage.close, 40), &[Look::PHONE]).await?;
    let told = async {
        browser.open(&sandbox.agent.entry()).await?;
        browser.open(&stage.wallet("open")).await?;
        browser.paste("#link", link).await?;
        browser.click("form[action='/open'] button").await?;
        browser.find(".consent").await?;
        ensure!(!browser.find("input[type=file]").await?.is_displayed().await?, "a file is offered");
        browser.click("[data-start]").await?;
        browser.find("form.camera[data-state=recording]").await?;
        browser.picture("1-recording").await?;
        browser.find("form.camera[data-state=taken]").await?;
        let rate = browser.run("return document.querySelector('form.camera').dataset.fps").await?;
        println!("hints from {rate} frames a second");
        browser.picture("2-taken").await?;
        browser.click("[data-send]").await?;
        browser.find(".notice.stop").await?;
        browser.picture("3-refused").await?;
        let said = browser.text().await?;
        for words in ["A movement was not seen", "Nothing was sent"] {
            ensure!(said.contains(words), "`{words}` is not in: {said}");
        }
        let seen = sandbox.get(bank, &format!("v1/requests/{id}")).await?.expect(200)?;
        ensure!(seen["state"] != "accepted", "{seen}");
        ensure!(seen["checks"].as_array().is_none_or(Vec::is_empty), "Bank A was told something: {seen}");
        Ok(())
    };
    let told = told.await;
    stage.end(browser, told).await
}

/// A QR code as a camera sees it on a screen some way off.
fn seen_code(text: &str) -> Result<Picture> {
    let code = qrcode::QrCode::new(text)?;
    let (width, module) = (code.width() as u32, 6);
    let mut picture = Picture::filled(1280, 720, [200, 202, 205]);
    let dark = Picture::filled(module, module, [25, 25, 30]);
    let (left, top) = ((1280 - width * module) / 2, 720_u32.saturating_sub(width * module) / 2);
    let air = 4 * module;
    let screen = Picture::filled(width * module + 2 * air, (width * module + 2 * air).min(720), [250, 250, 250]);
    picture.paste(&screen, left.saturating_sub(air), top.saturating_sub(air));
    for (at, color) in code.to_colors().iter().enumerate() {
        if *color == qrcode::Color::Dark {
            let at = at as u32;
            picture.paste(&dark, left + at % width * module, top + at / width * module);
        }
    }
    Ok(picture)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_scans_a_code_with_the_camera() -> Result<()> {
    let name = "the_wallet_scans_a_code_with_the_camera";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let asked = sandbox.post(&sandbox.partners[0], "v1/requests", &json!({"policy": "identity"})).await?.expect(201)?;
    let code = seen_code(asked["link"].as_str().context("a link")?)?;
    let browser = Browser::start(name, Camera::Shows(&code), &[Look::PHONE, Look::DESKTOP_DARK]).await?;
    let told = async {
        browser.open(&sandbox.agent.entry()).await?;
        browser.open(&stage.wallet("open")).await?;
        browser.says("The camera is used to read the code").await?;
        browser.picture("1-open").await?;
        browser.click("[data-scan] [data-start]").await?;
        browser.find(".consent").await?;
        browser.says("Bank A").await?;
        browser.picture("2-consent").await?;
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_refused_is_explained() -> Result<()> {
    let name = "a_camera_that_is_refused_is_explained";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let browser = Browser::start(name, Camera::Denied, &[Look::PHONE]).await?;
    let told = async {
        browser.open(&stage.sandbox.agent.entry()).await?;
        browser.open(&stage.wallet("open")).await?;
        browser.click("[data-scan] [data-start]").await?;
        browser.find("[data-scan][data-state=refused]").await?;
        browser.says("The camera is not allowed for this page").await?;
        // Pasting and a picture are there as before.
        ensure!(browser.find("#link").await?.is_displayed().await?);
        browser.picture("1-refused").await?;
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

/// A credential for the fictional person, over the wire and without a browser.
async fn issue(stage: &Stage) -> Result<()> {
    let sandbox = &stage.sandbox;
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &json!({})).await?.expect(201)?;
    let (id, token) =
        (created["session_id"].as_str().context("an id")?, created["session_token"].as_str().context("a token")?);
    sandbox.upload(&format!("session/{token}/document"), &stage.person.document).await?.success()?;
    sandbox.upload(&format!("session/{token}/selfie"), &stage.person.selfie).await?.success()?;
    let offer = sandbox.post(&sandbox.issuer, &format!("v3/session/{id}/offer/"), &json!({})).await?.success()?;
    let link = offer["offer"].as_str().context("an offer")?;
    sandbox.wallet.accept(link, offer["tx_code"].as_str(), sandbox.clock().now()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_camera_and_without_scripts_a_file_is_enough() -> Result<()> {
    let Some(stage) = Stage::set("without_camera_and_without_scripts_a_file_is_enough").await? else { return Ok(()) };
    let browser = Browser::start(stage.name, Camera::Denied, &[Look::PHONE]).await?;
    let told = async {
        browser.open(&stage.start_page("en")).await?;
        browser.click("#step-1 form[action$='/verify'] button").await?;
        browser.click(".actions a.button").await?;
        browser.click("[data-start]").await?;
        browser.find("form.camera[data-state=refused]").await?;
        browser.says("allow the camera and try again, or choose a picture").await?;
        ensure!(browser.find("input[type=file]").await?.is_displayed().await?, "there is no other way than the camera");
        browser.picture("1-refused").await?;
        browser.clean().await?;

        browser.scripts(false).await?;
        let page = browser.url().await?;
        browser.open(&page).await?;
        browser.choose("input[type=file]", &stage.file("selfie.jpg")).await?;
        browser.click("[data-send]").await?;
        browser.says("There is no document in the picture").await?;
        browser.picture("2-no-document").await?;
        browser.choose("input[type=file]", &stage.file("document.jpg")).await?;
        browser.click("[data-send]").await?;
        browser.find("form.face").await?;
        browser.picture("3-selfie").await?;
        browser.choose("input[type=file]", &stage.file("selfie.jpg")).await?;
        browser.click("[data-send]").await?;
        let (rows, _) = checks(&browser).await?;
        ensure!(rows >= 10, "{rows} checks");
        browser.picture("4-result").await
    };
    let told = told.await;
    stage.end(browser, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_speaks_japanese() -> Result<()> {
    let Some(stage) = Stage::set("every_page_speaks_japanese").await? else { return Ok(()) };
    let browser = Browser::start(stage.name, Camera::Denied, &[Look::PHONE_DARK, Look::DESKTOP]).await?;
    let told = async {
        let seen = async |name: &str, words: &str| {
            browser.says(words).await?;
            ensure!(browser.run("return document.documentElement.lang").await? == "ja", "{name} is not Japanese");
            browser.picture(name).await
        };
        // The language link of the start page, as a person finds it; every role on this machine goes by it from then on.
        browser.open(&stage.start_page("en")).await?;
        browser.click(".languages a[lang=ja]").await?;
        seen("01-start", "一度の確認で、どこでも証明").await?;
        browser.click("#step-1 form[action$='/verify'] button").await?;
        seen("02-welcome", "本人確認").await?;
        browser.click(".actions a.button").await?;
        seen("03-document", "身分証の撮影").await?;

        // The sample pictures lead to a result in one step.
        browser.open(&stage.start_page("ja")).await?;
        browser.click("#step-1 form[action$='/try'] button").await?;
        browser.find(".checks").await?;
        seen("04-result", "確認した項目").await?;

        issue(&stage).await?;
        browser.open(&stage.sandbox.agent.entry()).await?;
        seen("10-wallet-home", "あなたの証明書").await?;
        browser.click(".credential a").await?;
        seen("11-wallet-card", "姓").await?;
        for (name, path, words) in [
            ("12-wallet-open", "open", "読み取る・貼り付ける"),
            ("13-wallet-share", "share", "パートナーと共有する"),
            ("14-wallet-history", "history", "履歴"),
        ] {
            browser.open(&stage.wallet(path)).await?;
            seen(name, words).await?;
        }

        browser.open(&format!("{}ja/", stage.sandbox.partners[0].url)).await?;
        seen("20-bank", "Bank A").await?;
        browser.click("form:has(input[value='identity']) button").await?;
        browser.find(".qr-panel").await?;
        seen("21-bank-request", "残り時間").await?;
        let link = browser.read(".code code").await?;
        browser.open(&stage.wallet("open")).await?;
        browser.paste("#link", &link).await?;
        browser.click("form[action='/open'] button").await?;
        browser.find(".consent").await?;
        seen("22-wallet-consent", "生年月日").await?;

        browser.open(stage.sandbox.registry.as_str()).await?;
        seen("30-registry", "参加者").await?;
        browser.click("main a[href*='/parties/']").await?;
        seen("31-registry-party", "Utopia Identity Services").await?;
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}
