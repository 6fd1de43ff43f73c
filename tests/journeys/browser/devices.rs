//! Two devices and one: a code on one screen read by the camera of another, and a wallet on the device of the page.

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::{get, post};
use serde_json::json;
use url::Url;
use warifu_cli::files;
use warifu_models::picture::Picture;

use super::harness::{Browser, Camera, Look};
use super::{Stage, checks, issue};

/// Agrees to what the wallet asks, where no selfie is demanded.
async fn agree(wallet: &Browser) -> Result<()> {
    wallet.find(".consent").await?;
    wallet.click("form[action^='/ask/']:not([action$='/refuse']) button").await?;
    wallet.find(".proven").await.map(drop)
}

/// The picture of the code as it stands on the page, before a camera some way off.
async fn code_of(page: &Browser, stage: &Stage) -> Result<Picture> {
    let png = page.find(".qr-panel .qr").await?.screenshot().await?;
    let file = stage.folder.path().join("code.png");
    std::fs::write(&file, png)?;
    let code = files::picture(&file)?;
    let mut seen = Picture::filled(1280, 720, [200, 202, 205]);
    seen.paste(&code, 1280_u32.saturating_sub(code.width()) / 2, 720_u32.saturating_sub(code.height()) / 2);
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_reads_the_code_of_another_screen() -> Result<()> {
    let name = "the_wallet_reads_the_code_of_another_screen";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let desk = Browser::start(&format!("{name}/desk"), Camera::Denied, &[Look::DESKTOP]).await?;
    let told = async {
        desk.open(&format!("{}en/", sandbox.partners[0].url)).await?;
        desk.click("form:has(input[value='identity']) button").await?;
        let code = code_of(&desk, &stage).await?;
        desk.picture("1-code").await?;

        let phone = Browser::start(&format!("{name}/phone"), Camera::Shows(&code), &[Look::PHONE]).await?;
        let told = async {
            phone.open(&sandbox.agent.entry()).await?;
            phone.open(&stage.wallet("open")).await?;
            phone.click("[data-scan] [data-start]").await?;
            phone.find(".consent").await?;
            phone.says("Bank A").await?;
            phone.picture("1-consent").await?;
            agree(&phone).await?;
            phone.picture("2-presented").await?;
            // Not final by the code alone: the page waits for what this device shows.
            desk.find("#confirmation-code").await?;
            ensure!(!desk.text().await?.contains("ERIKSSON"), "the desk shows values before they are confirmed");
            phone.click(".actions a.button[rel='noreferrer']").await?;
            let code = phone.read("#confirmation-code code").await?;
            phone.picture("3-code").await?;
            Ok::<_, anyhow::Error>(code)
        };
        let told = told.await;
        let closed = phone.close().await;
        let code = told?;
        closed?;
        desk.picture("2-asked").await?;
        desk.paste("#confirmation-code", &code).await?;
        desk.click("form[action$='/confirm'] button").await?;
        let (rows, passed) = checks(&desk).await?;
        ensure!(rows == 10 && passed == 9, "{passed} of {rows} checks passed, with no selfie asked for");
        desk.picture("3-result").await?;
        desk.clean().await
    };
    let told = told.await;
    stage.end(desk, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_of_the_same_device_leads_back() -> Result<()> {
    let name = "the_wallet_of_the_same_device_leads_back";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let browser = Browser::start(name, Camera::Denied, &[Look::PHONE]).await?;
    let told = async {
        browser.open(&sandbox.agent.entry()).await?;
        browser.open(&format!("{}en/", sandbox.partners[0].url)).await?;
        browser.click("form:has(input[value='identity']) button").await?;
        browser.find(".qr-panel .qr").await?;
        browser.picture("1-request").await?;
        let here = browser.run("return document.querySelector('.qr-panel a.button').href").await?;
        let here = here.as_str().context("a link for this device")?.to_owned();
        ensure!(here.starts_with(stage.wallet("open").as_str()), "{here}");
        browser.click(".qr-panel a.button").await?;
        browser.picture("2-opened").await?;
        if browser.run("return document.querySelector('.consent') === null").await? == json!(true) {
            browser.click("form[action='/open'] button").await?;
        }
        agree(&browser).await?;
        browser.picture("3-presented").await?;
        browser.click(".actions a.button[rel='noreferrer']").await?;
        let (rows, passed) = checks(&browser).await?;
        ensure!(rows == 10 && passed == 9, "{passed} of {rows} checks passed, with no selfie asked for");
        ensure!(!browser.url().await?.contains("response_code"), "the code stays in the address");
        browser.picture("4-result").await?;
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

/// A shop with one button: its own server makes the request with the bank's key, the browser goes to the page of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_button_of_a_partners_page_leads_to_the_request() -> Result<()> {
    let name = "the_button_of_a_partners_page_leads_to_the_request";
    let Some(mut stage) = Stage::set(name).await? else { return Ok(()) };
    let (bank, key) = (stage.sandbox.partners[0].url.clone(), stage.sandbox.partners[0].api_key.clone());
    let origin = bank.origin().ascii_serialization();
    let page = format!(
        "<!doctype html><html lang=ja><meta charset=utf-8><title>Shop</title>\
         <script type=module src=\"{bank}button.js\"></script><h1>Shop</h1>\
         <verify-with-wallet request=\"/verify\"></verify-with-wallet>\
         <verify-with-wallet request=\"/elsewhere\" lang=en></verify-with-wallet>"
    );
    let policy = format!("default-src 'none'; script-src {origin}; connect-src 'self'");
    let shown = async move || ([("content-security-policy", policy), ("content-type", "text/html".to_owned())], page);
    let fetcher = stage.sandbox.fetcher().clone();
    let verify = async move || {
        let url = bank.join("v1/requests").expect("an address");
        let body = json!({"policy": "of-age", "language": "ja"});
        let answer = fetcher.post_json(&url, &body, &[("x-api-key", &key)]).await.expect("an answer");
        ([("content-type", "application/json")], answer.body)
    };
    // A page of somebody else, which the script does not go to.
    let elsewhere = async || r#"{"page_url": "https://evil.example/en/request/x"}"#;
    let router = |_: &Url| {
        Router::new().route("/", get(shown)).route("/verify", post(verify)).route("/elsewhere", post(elsewhere))
    };
    let shop = stage.sandbox.also_serve(0, router).await?;
    let browser = Browser::start(name, Camera::Denied, &[Look::PHONE]).await?;
    let told = async {
        browser.open(shop.as_str()).await?;
        let press = |at: usize| {
            format!("document.querySelectorAll('verify-with-wallet')[{at}].shadowRoot.querySelector('button').click()")
        };
        let ready = "return !!document.querySelectorAll('verify-with-wallet')[1]?.shadowRoot";
        while browser.run(ready).await? != json!(true) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        browser.picture("1-shop").await?;
        browser.run(&press(1)).await?;
        let said =
            "return document.querySelectorAll('verify-with-wallet')[1].shadowRoot.querySelector('p').textContent";
        while browser.run(said).await? != json!("That did not work. Try again.") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        ensure!(browser.url().await? == shop.as_str(), "the script went to somebody else's page");
        browser.run(&press(0)).await?;
        browser.find(".qr-panel .qr").await?;
        ensure!(browser.url().await?.contains("/ja/request/"), "{}", browser.url().await?);
        browser.picture("2-request").await?;
        // The shop's page may ask the bank for the script: that it asks elsewhere is what it is for.
        let errors = browser.errors().await?;
        ensure!(errors.is_empty(), "the console says: {errors:?}");
        Ok(())
    };
    let told = told.await;
    stage.end(browser, told).await
}
