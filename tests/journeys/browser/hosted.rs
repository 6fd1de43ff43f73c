//! The hosted flow of the issuer as people expect it: by keyboard alone in both languages, from a desktop to a phone, inside
//! a partner's page, and once more where a reviewer asks for it.

use axum::Router;
use axum::http::Method;
use axum::response::Html;
use axum::routing::get;
use warifu_cli::sandbox::Place;
use warifu_issuer::Issuer;

use super::*;

/// Every look there is.
const LOOKS: [Look; 4] = [Look::PHONE, Look::PHONE_DARK, Look::DESKTOP, Look::DESKTOP_DARK];

/// A partner's page: it embeds the address in its query and keeps what it is told. And where people go back to.
const PARTNER: &str = r#"<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Partner</title><h1>Partner</h1>
<iframe title="Verification" width="420" height="900" style="max-width: 100%; box-sizing: border-box" allow="camera; microphone; fullscreen; autoplay; encrypted-media"></iframe>
<script>
window.told = [];
addEventListener("message", (event) => { window.told.push({ origin: event.origin, ...event.data }); });
const embed = new URLSearchParams(location.search).get("embed");
if (embed) document.querySelector("iframe").src = embed;
</script></html>"#;

impl Stage {
    /// Serves the partner's page, and gives its port.
    async fn partner(&mut self) -> Result<u16> {
        let router = |_: &Url| Router::new().route("/", get(|| async { Html(PARTNER) }));
        self.sandbox.also_serve(0, router).await?.port().context("a port")
    }

    /// Makes a session as whoever has the key, and gives its identifier and its link.
    async fn session(&self, place: &Place<Issuer>, wanted: serde_json::Value) -> Result<(String, String)> {
        let made = self.sandbox.post(place, "v3/session/", &wanted).await?.expect(201)?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("a text");
        Ok((text("session_id")?, text("url")?))
    }

    async fn decided(&self, id: &str) -> Result<serde_json::Value> {
        self.sandbox.get(&self.sandbox.issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)
    }
}

/// Lets the camera panel take its recording by keyboard alone, and sends it.
async fn selfie_by_key(browser: &Browser) -> Result<()> {
    browser.enter("[data-start]").await?;
    browser.find("form.camera[data-state=taken]").await?;
    browser.enter("[data-send]").await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_workflows_are_done_by_keyboard_alone() -> Result<()> {
    let name = "both_workflows_are_done_by_keyboard_alone";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let browser = Browser::start(name, Camera::Shows(&stage.close), &LOOKS).await?;
    let told = async {
        for (lang, titles) in [
            ("en", ["Verify your identity", "Your document", "Your selfie", "Your identity is verified"]),
            ("ja", ["本人確認", "身分証の撮影", "自撮り写真", "本人確認が完了しました"]),
        ] {
            let screen = async |at: &str, title: &str| {
                browser.says(title).await?;
                ensure!(browser.run("return document.documentElement.lang").await? == lang, "{at} is not in {lang}");
                browser.begins_at_title().await?;
                browser.screen(name, &format!("{lang}-{at}")).await
            };
            let issuer = &stage.sandbox.issuer;
            let wanted = json!({ "language": lang, "vendor_data": "u-7", "callback": "https://app.example/done" });
            let (_, link) = stage.session(issuer, wanted).await?;
            ensure!(link.contains(&format!("/{lang}/session/")), "{link}");
            browser.open(&link).await?;
            screen("1-welcome", titles[0]).await?;
            browser.enter(".actions a.button").await?;
            browser.find("form.passport").await?;
            screen("2-document", titles[1]).await?;
            // A picture that cannot be used: what was seen, what to do, how often still.
            browser.choose_by_key("input[type=file]", &stage.file("selfie.jpg")).await?;
            browser.enter("[data-send]").await?;
            browser.find(".notice.stop").await?;
            screen("3-document-again", titles[1]).await?;
            browser.choose_by_key("input[type=file]", &stage.file("document.jpg")).await?;
            browser.enter("[data-send]").await?;
            browser.find("form.face").await?;
            screen("4-selfie", titles[2]).await?;
            selfie_by_key(&browser).await?;
            browser.find("#tx-code").await?;
            screen("5-approved", titles[3]).await?;
            let step = browser.read("#step").await?;
            ensure!(step.contains('3'), "{step}");

            // The second time a selfie is enough.
            let callback = "https://app.example/done";
            let again = json!({ "workflow_id": "wf_reusable_kyc", "vendor_data": "u-7", "language": lang, "callback": callback });
            let (id, link) = stage.session(issuer, again).await?;
            browser.open(&link).await?;
            screen("6-reuse-selfie", titles[2]).await?;
            selfie_by_key(&browser).await?;
            browser.find(".pill").await?;
            screen("7-recognised", titles[3]).await?;
            // Nothing is left to do, so the page would go back by itself; whoever wants to read on says so.
            browser.enter("[data-stay]").await?;
            browser.find("[data-return] a:focus").await?;
            ensure!(browser.texts("[data-stay]:not([hidden])").await?.is_empty(), "it can be stayed twice");
            ensure!(stage.decided(&id).await?["status"] == "Approved");
        }
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_without_camera_hands_over_to_a_phone() -> Result<()> {
    let name = "a_desktop_without_camera_hands_over_to_a_phone";
    let Some(mut stage) = Stage::set(name).await? else { return Ok(()) };
    let port = stage.partner().await?;
    let callback = format!("http://127.0.0.1:{port}/?from=kyc");
    let (id, link) = stage.session(&stage.sandbox.issuer, json!({ "callback": callback })).await?;
    let desktop = Browser::start(name, Camera::Denied, &[Look::DESKTOP, Look::DESKTOP_DARK]).await?;
    let phone = Browser::start(&format!("{name}/phone"), Camera::Denied, &[Look::PHONE, Look::PHONE_DARK]).await?;
    let told = async {
        desktop.open(&link).await?;
        desktop.click(".actions a.button:not(.secondary)").await?;
        desktop.enter("[data-start]").await?;
        desktop.find("form.camera[data-state=refused]").await?;
        desktop.screen(name, "1-camera-refused").await?;
        desktop.enter("[data-elsewhere] a").await?;
        desktop.find(".qr-panel .qr").await?;
        desktop.says("Waiting for your other device").await?;
        desktop.screen(name, "2-code").await?;
        let code = desktop.read("#handoff-link").await?;
        ensure!(code == link, "{code} is not {link}");

        phone.open(&code).await?;
        phone.screen(name, "3-phone").await?;
        desktop.says("Your other device is at step 1 of 3: Document").await?;
        desktop.screen(name, "4-followed").await?;
        phone.click(".actions a.button:not(.secondary)").await?;
        phone.choose("input[type=file]", &stage.file("document.jpg")).await?;
        phone.click("[data-send]").await?;
        phone.find("form.face").await?;
        desktop.says("step 2 of 3: Selfie").await?;
        phone.choose("input[type=file]", &stage.file("selfie.jpg")).await?;
        phone.click("[data-send]").await?;

        // Both end on the same result; the desktop, which began, goes back.
        for browser in [&phone, &desktop] {
            ensure!(browser.read(".pill").await? == "Approved");
        }
        ensure!(phone.read("#offer-link").await? == desktop.read("#offer-link").await?, "two results");
        phone.says("go on with your other device").await?;
        ensure!(phone.texts(".return").await?.is_empty(), "the phone goes back too");
        phone.screen(name, "5-phone-done").await?;
        desktop.screen(name, "6-desktop-done").await?;
        phone.clean().await?;
        desktop.enter(".return a").await?;
        desktop.says("Partner").await?;
        let url = desktop.url().await?;
        ensure!(url == format!("{callback}&verificationSessionId={id}&status=Approved"), "{url}");
        Ok(())
    };
    let told = told.await;
    if told.is_err() {
        phone.picture("failed").await.ok();
    }
    phone.close().await?;
    stage.end(desktop, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_embeds_the_flow_and_hears_its_events() -> Result<()> {
    let name = "a_partner_embeds_the_flow_and_hears_its_events";
    let Some(mut stage) = Stage::set(name).await? else { return Ok(()) };
    let port = stage.partner().await?;
    // Two names of this machine are two sites to a browser.
    let (listed, stranger) = (format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}"));
    let role = &stage.sandbox.issuer.role;
    let now = stage.sandbox.clock().now();
    let environment = warifu_issuer::kyc::workflow::Environment::Sandbox;
    let made = role.applications().create("Embedder", environment, &System, now).await?;
    role.applications().embed(made.application.id, vec![listed.parse()?], now).await?;
    let place = Place { url: stage.sandbox.issuer.url.clone(), api_key: made.key.clone(), role: Arc::clone(role) };
    let (id, link) = stage.session(&place, json!({})).await?;
    let embedded = |origin: &str, link: &str| -> Result<String> {
        let mut page = Url::parse(origin)?;
        page.query_pairs_mut().append_pair("embed", link);
        Ok(page.into())
    };
    let browser = Browser::start(name, Camera::Shows(&stage.close), &[Look::DESKTOP]).await?;
    let told = async {
        // What the page around the frame was told, once that is so many events.
        let heard = async |events: usize| -> Result<Vec<serde_json::Value>> {
            browser.out_of_frame().await?;
            for _ in 0..50 {
                let told: Vec<_> = serde_json::from_value(browser.run("return window.told").await?)?;
                if told.len() >= events {
                    return Ok(told);
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            anyhow::bail!("{events} events never come: {}", browser.run("return window.told").await?)
        };
        browser.open(&embedded(&stranger, &link)?).await?;
        browser.work_in_frame().await?;
        let refused = browser.text().await?;
        ensure!(!refused.contains("Verify your identity"), "a stranger shows {refused}");
        ensure!(heard(0).await?.is_empty(), "a stranger hears something");

        browser.open(&embedded(&listed, &link)?).await?;
        browser.work_in_frame().await?;
        browser.click(".actions a.button:not(.secondary)").await?;
        browser.choose("input[type=file]", &stage.file("document.jpg")).await?;
        browser.click("[data-send]").await?;
        browser.find("form.face").await?;
        browser.click("[data-start]").await?;
        browser.find("form.camera[data-state=taken]").await?;
        browser.click("[data-send]").await?;
        ensure!(browser.read(".pill").await? == "Approved");
        let known = browser.texts(".field-value").await?;
        browser.out_of_frame().await?;
        browser.picture("1-embedded-result").await?;
        browser.work_in_frame().await?;
        browser.click("[data-embed-close]").await?;
        let told = heard(15).await?;
        let types: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).collect();
        let expected = [
            "ready",
            "started",
            "step_started",
            "document_selected",
            "step_completed",
            "step_changed",
            "step_started",
            "status_updated",
            "media_started",
            "media_captured",
            "verification_submitted",
            "step_completed",
            "status_updated",
            "completed",
            "close_request",
        ];
        let expected: Vec<String> = expected.iter().map(|name| format!("didit:{name}")).collect();
        ensure!(types == expected, "{types:#?}");
        let origin = place.url.origin().ascii_serialization();
        for event in &told {
            ensure!(event["origin"] == origin.as_str() && event["timestamp"].is_number(), "{event}");
            ensure!(event["data"]["sessionId"] == id.as_str(), "{event}");
            let mut members: Vec<_> = event["data"].as_object().context("data")?.keys().collect();
            members.sort();
            ensure!(members == ["nodeId", "sessionId", "status", "step"], "{event}");
        }
        let at = |number: usize| (&told[number]["data"]["step"], &told[number]["data"]["status"]);
        ensure!(at(2) == (&json!("document_front"), &json!("Not Started")), "{}", told[2]);
        ensure!(at(4) == (&json!("document_front"), &json!("In Progress")), "{}", told[4]);
        ensure!(at(6) == (&json!("face"), &json!("In Progress")), "{}", told[6]);
        ensure!(at(13) == (&serde_json::Value::Null, &json!("Approved")), "{}", told[13]);
        let all = serde_json::to_string(&told)?;
        for value in known.iter().filter(|value| value.chars().count() >= 4) {
            ensure!(!all.contains(value.as_str()), "the events hold `{value}`");
        }

        // Another session, left.
        let (_, link) = stage.session(&place, json!({})).await?;
        browser.open(&embedded(&listed, &link)?).await?;
        browser.work_in_frame().await?;
        browser.click("[popovertarget=embed-stop]").await?;
        browser.find("[data-embed-stop]").await?;
        browser.out_of_frame().await?;
        browser.picture("2-embedded-stop").await?;
        browser.work_in_frame().await?;
        browser.click("[data-embed-stop]").await?;
        let left: Vec<_> = heard(3).await?.iter().map(|event| event["type"].clone()).collect();
        ensure!(left == ["didit:ready", "didit:cancelled", "didit:close_request"], "{left:?}");
        Ok(())
    };
    let told = told.await;
    stage.end(browser, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reviewer_asks_for_is_handed_in_again_and_nothing_else() -> Result<()> {
    let name = "what_a_reviewer_asks_for_is_handed_in_again_and_nothing_else";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let sandbox = &stage.sandbox;
    // The name differs from what was expected, so a person decides.
    let wanted = json!({ "expected_details": { "last_name": "Someone Else" } });
    let (id, link) = stage.session(&sandbox.issuer, wanted).await?;
    let token = link.rsplit('/').next().context("a token")?.to_owned();
    sandbox.upload(&format!("session/{token}/document"), &stage.person.document).await?.success()?;
    sandbox.upload(&format!("session/{token}/selfie"), &stage.person.selfie).await?.success()?;
    let resubmit = async |feature: &str, reason: &str| -> Result<()> {
        let nodes = json!([{ "node_id": "default", "feature": feature, "reason": reason }]);
        let body = json!({ "new_status": "Resubmitted", "comment": "internal", "nodes_to_resubmit": nodes });
        let url = sandbox.issuer.url.join(&format!("v3/session/{id}/update-status/"))?;
        let headers = [("x-api-key", sandbox.issuer.api_key.as_str()), ("content-type", "application/json")];
        let answer = sandbox.fetcher().send(Method::PATCH, &url, &headers, body.to_string().into_bytes()).await?;
        ensure!(answer.status.is_success(), "{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(())
    };
    let browser = Browser::start(name, Camera::Denied, &LOOKS).await?;
    let told = async {
        for (at, feature, reason, form, file) in [
            ("1-selfie", "LIVENESS", "Your hat hides your forehead.", "form.face", "selfie.jpg"),
            ("2-document", "OCR", "A corner of your passport is missing.", "form.passport", "document.jpg"),
        ] {
            ensure!(stage.decided(&id).await?["status"] == "In Review");
            resubmit(feature, reason).await?;
            browser.open(&link).await?;
            browser.find(form).await?;
            browser.says(reason).await?;
            browser.says("Everything else stays as you handed it in").await?;
            browser.begins_at_title().await?;
            browser.screen(name, &format!("{at}-again")).await?;
            let text = browser.text().await?;
            ensure!(text.contains("Step 1 of 2") && !text.contains("internal"), "{text}");
            browser.choose("input[type=file]", &stage.file(file)).await?;
            browser.click("[data-send]").await?;
            browser.find(".pill").await?;
            browser.screen(name, &format!("{at}-done")).await?;
            ensure!(browser.read(".pill").await? == "In Review");
        }
        let decision = stage.decided(&id).await?;
        ensure!(decision["id_verifications"][0].is_object() && decision["face_matches"][0].is_object(), "{decision}");
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}

/// A workflow that asks questions behind the document and branches on the answers; its identifier.
async fn questioning(stage: &Stage) -> Result<String> {
    let issuer = &stage.sandbox.issuer;
    let text = |en: &str, ja: &str| json!({ "en": en, "ja": ja });
    let questionnaire = json!({
        "title": text("About your work", "お仕事について"), "description": text("This takes a minute.", "1分ほどで終わります。"),
        "languages": ["en", "ja"], "default_language": "en",
        "form_elements": [
            { "id": "job", "element_type": "SHORT_TEXT", "title": text("What is your job?", "ご職業"), "is_required": true },
            { "id": "born", "element_type": "COUNTRY", "title": text("Where were you born?", "出生国"), "is_required": true },
            { "id": "office", "element_type": "SINGLE_CHOICE", "title": text("Do you hold a public office?", "公職に就いていますか"),
              "is_required": true, "choices": [
                { "value": "no", "title": text("No", "いいえ") }, { "value": "yes", "title": text("Yes", "はい") }] },
            { "id": "home", "element_type": "ADDRESS", "title": text("Where do you live?", "ご住所") },
            { "id": "kin", "element_type": "REPEATABLE_GROUP", "title": text("Children", "お子さま"), "max": 3, "form_elements": [
                { "id": "name", "element_type": "SHORT_TEXT", "title": text("Name", "お名前"), "is_required": true },
                { "id": "born", "element_type": "DATE_PICKER", "title": text("Date of birth", "生年月日") }] },
            { "id": "line", "element_type": "SEPARATOR" },
            { "id": "note", "element_type": "LONG_TEXT", "title": text("Anything else?", "ご連絡事項") },
            { "id": "true", "element_type": "CONSENT", "title": text("All of this is true.", "以上の内容に相違ありません。"), "is_required": true }],
    });
    let made = stage.sandbox.post(issuer, "v3/questionnaires/", &questionnaire).await?.expect(201)?;
    let feature = |feature: &str, next: &str| json!({ "node_type": "feature", "feature": feature, "next": next });
    let mut asks = feature("QUESTIONNAIRE", "b1");
    asks["config"] = json!({ "questionnaire_uuid": made["uuid"] });
    let rule = json!({ "field": "questionnaire.office", "operator": "equals", "value": "yes" });
    let graph = json!({ "start_node": "n1", "nodes": {
        "n1": feature("OCR", "q1"), "q1": asks, "n2": feature("LIVENESS", "n3"), "n3": feature("FACE_MATCH", "s1"),
        "b1": { "node_type": "branch", "branches": [
            { "id": "office", "logic": "and", "rules": [rule], "goto": "s2" },
            { "id": "else", "logic": "and", "rules": [], "goto": "n2" }] },
        "s1": { "node_type": "status", "session_status": "Determine" },
        "s2": { "node_type": "status", "session_status": "In Review" } } });
    let wanted = json!({ "workflow_label": "With questions", "graph": graph });
    let made = stage.sandbox.post(issuer, "v3/workflows/", &wanted).await?.expect(201)?;
    made["workflow_id"].as_str().map(str::to_owned).context("a workflow")
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_by_keyboard_and_lead_on() -> Result<()> {
    let name = "questions_are_answered_by_keyboard_and_lead_on";
    let Some(stage) = Stage::set(name).await? else { return Ok(()) };
    let workflow = questioning(&stage).await?;
    let browser = Browser::start(name, Camera::Shows(&stage.close), &LOOKS).await?;
    let told = async {
        for (lang, title, office, country, end) in
            [("en", "About your work", "no", "Japan", "Approved"), ("ja", "お仕事について", "yes", "日本", "In Review")]
        {
            let wanted = json!({ "workflow_id": workflow, "language": lang });
            let (id, link) = stage.session(&stage.sandbox.issuer, wanted).await?;
            browser.open(&link).await?;
            browser.enter(".actions a.button").await?;
            browser.choose_by_key("input[type=file]", &stage.file("document.jpg")).await?;
            browser.enter("[data-send]").await?;
            browser.says(title).await?;
            browser.begins_at_title().await?;
            browser.screen(name, &format!("{lang}-1-questions")).await?;
            let shown = browser.run("return document.querySelector('#q-born option[value=JP]').text").await?;
            ensure!(shown == country, "{shown} is not {country}");

            // Another entry, with everything else as it was.
            browser.type_by_key("#q-job", "Baker").await?;
            browser.enter("button[name='@more']").await?;
            browser.find("[name='kin[1].name']").await?;
            ensure!(browser.run("return document.querySelector('#q-job').value").await? == "Baker");
            browser.run("document.querySelector('form.questions').noValidate = true; return true").await?;
            browser.enter("form.questions > .actions button").await?;
            browser.find("[aria-invalid=true]").await?;
            browser.screen(name, &format!("{lang}-2-again")).await?;
            // The answers were refused on purpose.
            browser.forget_log().await?;

            browser.type_by_key("#q-born", "J").await?;
            browser.run("document.querySelector('#q-born').value = 'JP'; return true").await?;
            let choice = if office == "no" { "#q-office-0" } else { "#q-office-1" };
            browser.run(&format!("document.querySelector({}).focus(); return true", json!(choice))).await?;
            browser.type_by_key(choice, " ").await?;
            browser.type_by_key("#q-kin_0__name", "Alix").await?;
            browser.type_by_key("#q-true", " ").await?;
            browser.enter("form.questions > .actions button").await?;
            if office == "no" {
                browser.find("form.face").await?;
                let step = browser.read("#step").await?;
                ensure!(step.contains('3') && step.contains('4'), "{step}");
                selfie_by_key(&browser).await?;
            }
            browser.find(".pill").await?;
            let decision = stage.decided(&id).await?;
            ensure!(decision["status"] == end, "{decision}");
            let items = &decision["questionnaire_responses"][0]["sections"][0]["items"];
            let answers: Vec<_> = (0..4).map(|at| items[at]["answer"].clone()).collect();
            ensure!(answers == [json!("Baker"), json!("JP"), json!(office), serde_json::Value::Null], "{answers:?}");
            ensure!(items[4]["answer"] == json!([{ "name": "Alix" }]), "{items}");
        }
        browser.clean().await
    };
    let told = told.await;
    stage.end(browser, told).await
}
