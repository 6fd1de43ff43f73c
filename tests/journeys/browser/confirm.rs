//! Whose answer it is, at the partner's page: a code from the other device, and a wallet of the browser itself.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use warifu_wallet::consent::{Asked as _, Ready};

use super::harness::{Browser, Camera, Look};
use super::{Stage, checks, issue};

const LOOKS: [Look; 2] = [Look::PHONE, Look::DESKTOP_DARK];

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_the_other_device_is_typed() -> Result<()> {
    let name = "the_code_of_the_other_device_is_typed";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    issue(&stage).await?;
    let browser = Browser::start(name, Camera::Denied, &LOOKS).await?;
    let told = async {
        browser.open(&format!("{}en/", sandbox.partners[0].url)).await?;
        browser.click("form:has(input[value='identity']) button").await?;
        let link = browser.read("#request-link").await?;

        // The wallet is on another device: it is sent to an address whose page shows the code.
        let now = || sandbox.clock().now();
        let asked = sandbox.wallet.inspect_request(&link, now()).await?;
        let consent = asked.question().agree(now());
        let facts = sandbox.wallet.present(Ready::agreed(asked, consent, now())?, now()).await?;
        let back = facts.redirect_uri.context("a way back")?;
        let phone = sandbox.fetcher().get(&back, "text/html").await?;
        let phone = String::from_utf8(phone.body)?;
        let (_, rest) = phone.split_once("id=\"confirmation-code\"><code>").context("a code")?;
        let code = rest.split('<').next().context("its end")?;

        browser.find("#confirmation-code").await?;
        browser.picture("1-asked").await?;
        browser.paste("#confirmation-code", if code.starts_with('0') { "111 111" } else { "000 000" }).await?;
        browser.click("form[action$='/confirm'] button").await?;
        browser.says("2 tries left").await?;
        browser.picture("2-wrong").await?;
        browser.paste("#confirmation-code", code).await?;
        browser.click("form[action$='/confirm'] button").await?;
        let (rows, passed) = checks(&browser).await?;
        ensure!(rows == 10 && passed == 9, "{passed} of {rows} checks passed, with no selfie asked for");
        browser.picture("3-result").await?;
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

/// A wallet in the browser's own hands, which says no: the script asks, posts and goes on, under the page's own policy.
#[tokio::test(flavor = "multi_thread")]
async fn the_browser_is_asked_where_it_can() -> Result<()> {
    let name = "the_browser_is_asked_where_it_can";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let bank = &stage.sandbox.partners[0];
    let browser = Browser::start(name, Camera::Denied, &LOOKS).await?;
    let told = async {
        let without = "delete window.DigitalCredential";
        let hidden = browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": without})).await?;
        browser.open(&format!("{}en/", bank.url)).await?;
        browser.click("form:has(input[value='identity']) button").await?;
        browser.find(".qr-panel .qr").await?;
        ensure!(browser.run("return document.querySelector('[data-digital]').hidden").await? == json!(true));
        browser
            .devtools("Page.removeScriptToEvaluateOnNewDocument", json!({"identifier": hidden["identifier"]}))
            .await?;

        let wallet = "window.DigitalCredential = class { static userAgentAllowsProtocol() { return true; } };
            Object.defineProperty(navigator, 'credentials', { value: { get: async ({ mediation, digital }) => {
                const [first] = digital.requests;
                window.asked = { mediation, protocols: digital.requests.map((one) => one.protocol) };
                sessionStorage.setItem('asked', JSON.stringify(window.asked));
                return { protocol: first.protocol, data: { error: 'access_denied' } };
            } } });";
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": wallet})).await?;
        browser.open(&format!("{}en/", bank.url)).await?;
        browser.click("form:has(input[value='identity']) button").await?;
        let button = browser.find("[data-digital]:not([hidden]) button").await?;
        browser.picture("1-offered").await?;
        button.click().await?;
        browser.says("Nothing was shared").await?;
        browser.picture("2-denied").await?;
        let asked = browser.run("return JSON.parse(sessionStorage.getItem('asked'))").await?;
        let protocols = ["openid4vp-v1-signed", "openid4vp-v1-multisigned", "openid4vp-v1-unsigned"];
        ensure!(asked == json!({"mediation": "required", "protocols": protocols}), "{asked}");
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}
