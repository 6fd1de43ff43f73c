//! The hosted flow across devices, inside other pages, and once more.

use super::*;
use crate::kyc::workflow::Environment;

const BANK: &str = "https://bank.example";

/// A browser as the server sees it: the cookies it keeps, whatever their path.
#[derive(Default)]
struct Browser {
    device: Option<String>,
    framed: bool,
}

impl Browser {
    async fn open(&mut self, world: &World, path: &str) -> Answer {
        let mut request = Request::get(path).header("accept", "text/html");
        if let Some(device) = &self.device {
            request = request.header("cookie", format!("lang=en; warifu_device={device}"));
        }
        if self.framed {
            request = request.header("sec-fetch-dest", "iframe");
        }
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        if let Some(cookie) = cookies(&answer).first() {
            let value = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
            self.device = Some(value.to_owned());
        }
        answer
    }

    /// Sends the form of a page, as a person does; gives where that leads.
    async fn hand_in(&self, world: &World, page: &Answer, what: &str) -> Answer {
        let text = page.text();
        let action = text.split("action=\"").find_map(|rest| {
            let action = rest.split('"').next()?;
            action.contains(&format!("/{what}?")).then(|| action.replace("&amp;", "&"))
        });
        let form = "--B\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\nabc\r\n--B--\r\n";
        let request = Request::post(action.unwrap_or_else(|| panic!("no form for the {what}: {text}")))
            .header("accept", "text/html")
            .header("cookie", format!("warifu_device={}", self.device.clone().unwrap_or_default()))
            .header("content-type", "multipart/form-data; boundary=B");
        world.send(request.body(Body::from(form)).unwrap()).await
    }
}

/// The cookies that tell devices apart.
fn cookies(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned());
    all.filter(|cookie| cookie.starts_with("warifu_device=")).collect()
}

impl World {
    /// A session that will play a scenario, as identifier and token.
    async fn armed(&self, body: Value) -> (String, String) {
        let mut asked = json!({ "sandbox_scenario": "approved", "callback": "https://app.example/done?x=1" });
        asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let made = self.api("POST", "/v3/session/", asked).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
        (text("session_id"), text("session_token"))
    }

    async fn step(&self, token: &str) -> Value {
        self.get(&format!("/session/{token}/step?lang=en")).await.json()
    }
}

#[tokio::test]
async fn a_phone_goes_on_where_the_desktop_was() {
    let world = World::new();
    let (_, token) = world.armed(json!({})).await;
    let link = format!("/en/session/{token}");
    let (mut desktop, mut phone) = (Browser::default(), Browser::default());
    let first = desktop.open(&world, &link).await;
    let set = cookies(&first);
    assert_eq!(set.len(), 3, "{set:?}");
    for (cookie, path) in set.iter().zip([&link, &format!("/ja/session/{token}"), &format!("/session/{token}")]) {
        assert!(cookie.contains(&format!("Path={path}; HttpOnly; ")) && cookie.ends_with("; SameSite=Lax"), "{cookie}");
    }
    assert!(cookies(&desktop.open(&world, &link).await).is_empty(), "it is known already");
    assert_eq!(world.get(&format!("/session/{token}/state")).await.json()["status"], "Not Started", "looked at only");
    let code = desktop.open(&world, &format!("{link}?step=handoff")).await.text();
    assert!(code.contains("class=\"qr\"") && code.contains(&format!("http://127.0.0.1:7001{link}</code>")), "{code}");
    let waiting = world.step(&token).await;
    assert_eq!((&waiting["state"], &waiting["step"]), (&json!("waiting"), &json!("document")));

    phone.open(&world, &link).await;
    let followed = world.step(&token).await;
    let said = "Your other device is at step 1 of 3: Document. Leave this page open.";
    assert_eq!((&followed["state"], &followed["text"]), (&json!("active"), &json!(said)));
    let mut members: Vec<&String> = followed.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["next", "state", "step", "text"], "nothing but the step");

    // Both have the same page open; the phone is faster.
    let stale = desktop.open(&world, &format!("{link}?step=document")).await;
    let page = phone.open(&world, &format!("{link}?step=document")).await;
    let done = phone.hand_in(&world, &page, "document").await;
    assert_eq!((done.status, &done.headers["location"]), (303, &link.parse().unwrap()));
    let over = world.step(&token).await;
    assert_eq!((&over["state"], &over["next"]), (&json!("done"), &json!(link)));
    let late = desktop.hand_in(&world, &stale, "document").await;
    assert_eq!(late.headers["location"], format!("{link}?step=elsewhere"));

    // The desktop opened the session, so it goes back; the phone is done.
    let back = "href=\"https://app.example/done?x=1&amp;verificationSessionId=";
    let [on_desktop, on_phone] = [desktop.open(&world, &link).await.text(), phone.open(&world, &link).await.text()];
    assert!(on_desktop.contains(back) && on_desktop.contains("&amp;status=Approved"), "{on_desktop}");
    assert!(!on_phone.contains(back) && on_phone.contains("go on with your other device"), "{on_phone}");
    assert!(on_phone.contains("openid-credential-offer://"), "otherwise both show the same");
}

#[tokio::test]
async fn an_upload_for_a_step_that_is_behind_replaces_nothing() {
    let world = World::new();
    let (_, token) = world.session().await;
    let link = format!("/en/session/{token}?step=document");
    let mut desktop = Browser::default();
    let stale = desktop.open(&world, &link).await;
    // Another device hands in a document, the selfie is due.
    world
        .issuer
        .change(&token, world.now(), |open| {
            open.personal.stage = open.personal.stage.clone().with_document(handed_document())?;
            Ok("session.document_received")
        })
        .await
        .unwrap();
    let before = world.issuer.seen_by_token(&token).await.unwrap().open.personal.stage;
    let late = desktop.hand_in(&world, &stale, "document").await;
    assert_eq!(late.headers["location"], format!("/en/session/{token}?step=elsewhere"));
    assert_eq!(world.issuer.seen_by_token(&token).await.unwrap().open.personal.stage, before);
    let told = desktop.open(&world, &format!("/en/session/{token}?step=elsewhere")).await.text();
    assert!(told.contains("You went on with another device"), "{told}");
    // Programs that name no turn, and pages that name the right one, are heard.
    let answer = world.upload(&token, "document?turn=AAAAAAAA", vec![1]).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("out_of_turn")));
    assert_eq!(world.upload(&token, "document", vec![1]).await.status, 415);
}

#[tokio::test]
async fn the_method_says_which_device_goes_back() {
    let world = World::new();
    for (method, expected) in [("initiator", [true, false]), ("completer", [false, true]), ("both", [true, true])] {
        let (_, token) = world.armed(json!({ "callback_method": method })).await;
        let link = format!("/en/session/{token}");
        let (mut desktop, mut phone) = (Browser::default(), Browser::default());
        desktop.open(&world, &link).await;
        let page = phone.open(&world, &format!("{link}?step=document")).await;
        phone.hand_in(&world, &page, "document").await;
        let mut goes = Vec::new();
        for browser in [&mut desktop, &mut phone] {
            goes.push(browser.open(&world, &link).await.text().contains("app.example/done"));
        }
        assert_eq!(goes, expected, "{method}");
    }
    let refused = world.api("POST", "/v3/session/", json!({ "callback_method": "phone" })).await;
    let why = json!({ "callback_method": ["Must be one of initiator, completer, both."] });
    assert_eq!((refused.status, refused.json()), (400, why));
    // A browser that only looks ahead is nobody yet.
    let (_, token) = world.armed(json!({})).await;
    let ahead = Request::get(format!("/en/session/{token}")).header("sec-purpose", "prefetch;prerender");
    assert!(cookies(&world.send(ahead.body(Body::empty()).unwrap()).await).is_empty());
}

#[tokio::test]
async fn only_named_origins_embed_and_hear() {
    let world = World::new();
    let made = world.issuer.applications();
    let made = made.create("Bank A", Environment::Sandbox, &*world.entropy, world.now()).await.unwrap();
    let id = made.application.id;
    let set = async |body: Value| {
        let request = Request::patch(format!("/v3/applications/{id}/")).header("x-operator-key", OPERATOR);
        world.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
    };
    let create = async || {
        let made = world.api_as(&made.key, "POST", "/v3/session/", json!({ "sandbox_scenario": "approved" })).await;
        made.json()["session_token"].as_str().unwrap().to_owned()
    };
    let token = create().await;
    let mut browser = Browser { framed: true, ..Browser::default() };
    let closed = browser.open(&world, &format!("/en/session/{token}")).await;
    let policy = |answer: &Answer| answer.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy(&closed).contains("frame-ancestors 'none';") && closed.headers["x-frame-options"] == "DENY");
    assert_eq!(closed.headers["cross-origin-opener-policy"], "same-origin");
    assert!(!closed.text().contains("data-embed") && !closed.text().contains("embed.js"), "{}", closed.text());

    for bad in
        [json!({}), json!({ "embed_origins": "x" }), json!({ "embed_origins": ["*"] }), json!({ "embed_origins": [1] })]
    {
        let answer = set(bad.clone()).await;
        assert_eq!((answer.status, answer.json()["embed_origins"].is_array()), (400, true), "{bad}");
    }
    let many: Vec<String> = (0..21).map(|number| format!("https://b{number}.example")).collect();
    assert_eq!(set(json!({ "embed_origins": many })).await.status, 400);
    assert_eq!(set(json!({ "embed_origins": [BANK] })).await.json()["embed_origins"], json!([BANK]));
    let open = browser.open(&world, &format!("/en/session/{token}?step=document")).await;
    assert!(policy(&open).contains("frame-ancestors https://bank.example;"), "{}", policy(&open));
    assert!(!open.headers.contains_key("x-frame-options"));
    assert!(open.text().contains("embed.js") && !open.text().contains(" autofocus"), "{}", open.text());
    let facts = open.text().split("data-embed=\"").nth(1).unwrap().split('"').next().unwrap().replace("&quot;", "\"");
    let facts: Value = serde_json::from_str(&facts).unwrap();
    assert_eq!((&facts["origins"], &facts["step"]), (&json!([BANK]), &json!("document_front")));
    // The result, a refusal and a link that has ended may be embedded alike; others' pages never.
    assert_eq!(world.upload(&token, "document", vec![1]).await.status, 200);
    let result = browser.open(&world, &format!("/en/session/{token}")).await;
    assert!(policy(&result).contains(BANK) && result.text().contains("&quot;over&quot;:true"));
    let who = world.issuer.seen_by_token(&token).await.unwrap();
    for personal in ["ERIKSSON", "L898902C", "1974", &token] {
        let facts = result.text().split("data-embed=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(!facts.contains(personal), "{personal} in {facts}");
    }
    assert!(who.open.personal.stage.identity().is_some());
    let token = create().await;
    world.hands.step(Duration::from_secs(8 * 86_400));
    let late = browser.open(&world, &format!("/en/session/{token}")).await;
    assert!(policy(&late).contains(BANK) && late.text().contains("sessionExpired"), "{}", late.text());
    let (_, other) = world.session().await;
    assert!(policy(&browser.open(&world, &format!("/en/session/{other}")).await).contains("frame-ancestors 'none'"));
}

#[tokio::test]
async fn in_a_frame_the_device_is_known_inside_that_site_alone() {
    let world = World::new();
    let (_, token) = world.armed(json!({})).await;
    let mut framed = Browser { framed: true, ..Browser::default() };
    let set = cookies(&framed.open(&world, &format!("/en/session/{token}")).await);
    assert!(set.iter().all(|cookie| cookie.ends_with("; SameSite=None; Secure; Partitioned")), "{set:?}");
    let live = World::live();
    let (_, token) = live.session().await;
    let set = cookies(&live.get(&format!("/en/session/{token}")).await);
    assert!(set.len() == 3 && set.iter().all(|cookie| cookie.ends_with("; SameSite=Lax; Secure")), "{set:?}");
}

#[tokio::test]
async fn a_document_again_keeps_the_selfie_and_asks_for_nothing_else() {
    let world = World::new();
    let (id, token) = world.armed(json!({ "sandbox_scenario": "document_expired" })).await;
    assert_eq!(world.upload(&token, "document", vec![1]).await.status, 200);
    let link = format!("/en/session/{token}");
    let patch = async |body: Value| world.api("PATCH", &format!("/v3/session/{id}/update-status/"), body).await;
    let node = |reason: &str| json!({ "node_id": "default", "feature": "OCR", "reason": reason });
    for bad in [node("a\nb"), node(&"x".repeat(501)), json!({ "node_id": "n7" }), json!({ "reason": "x" }), json!(7)] {
        let body = json!({ "new_status": "Resubmitted", "nodes_to_resubmit": [bad] });
        let answer = patch(body.clone()).await;
        assert_eq!((answer.status, answer.json()["nodes_to_resubmit"].is_array()), (400, true), "{body}");
    }
    let before = world.issuer.seen_by_token(&token).await.unwrap().open.personal.stage;
    let reason = "Your passport has run out; <b>use</b> the new one.";
    let body = json!({ "new_status": "Resubmitted", "comment": "suspicious", "nodes_to_resubmit": [node(reason)] });
    assert_eq!(patch(body).await.status, 200);
    let after = world.issuer.seen_by_token(&token).await.unwrap().open.personal.stage;
    assert_eq!((after.selfie(), after.document()), (before.selfie(), None));
    // The page is the document's at once, with the reason and the steps that are left.
    let page = world.get(&link).await.text();
    for words in [
        "Once more, please",
        "Your passport has run out; &lt;b&gt;use&lt;/b&gt; the new one.",
        "The document has expired.",
        "Step 1 of 2",
        "Everything else stays",
    ] {
        assert!(page.contains(words), "`{words}` is not in {page}");
    }
    assert!(!page.contains("suspicious"), "what a reviewer notes is not for the person");
    // Nothing else is due.
    let selfie = world.upload(&token, "selfie", vec![1]).await;
    assert_eq!((selfie.status, &selfie.json()["code"]), (400, &json!("out_of_turn")));
    let challenge = Request::post(format!("/session/{token}/challenge")).body(Body::empty()).unwrap();
    assert_eq!(world.send(challenge).await.status, 400);
    assert!(
        world.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json()["id_verifications"].is_null()
    );
    // It ends as the rules say.
    assert_eq!(world.upload(&token, "document", vec![1]).await.json()["next"], "result");
    let decided = world.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json();
    assert_eq!(decided["status"], "Declined");
}

#[tokio::test]
async fn a_selfie_again_keeps_the_document() {
    let world = World::new();
    let (id, token) = world.armed(json!({ "sandbox_scenario": "liveness_attack" })).await;
    assert_eq!(world.upload(&token, "document", vec![1]).await.status, 200);
    let nodes = json!([{ "node_id": "default", "feature": "LIVENESS" }]);
    let body = json!({ "new_status": "Resubmitted", "nodes_to_resubmit": nodes });
    assert_eq!(world.api("PATCH", &format!("/v3/session/{id}/update-status/"), body).await.status, 200);
    let stage = world.issuer.seen_by_token(&token).await.unwrap().open.personal.stage;
    assert!(stage.document().is_some() && stage.selfie().is_none());
    for address in ["", "?step=again", "?step=document"] {
        let page = world.get(&format!("/ja/session/{token}{address}")).await.text();
        assert!(page.contains("class=\"camera face\"") && page.contains("2ステップ中の1"), "{address}: {page}");
    }
    let refused = world.upload(&token, "document", vec![1]).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("out_of_turn")));
    assert_eq!(world.issuer.seen_by_token(&token).await.unwrap().open.personal.stage, stage);
    // The time for it ends as that of any other link.
    world.hands.step(Duration::from_secs(8 * 86_400));
    for door in ["document", "selfie"] {
        let late = world.upload(&token, door, vec![1]).await;
        assert_eq!((late.status, &late.json()["code"]), (410, &json!("session_over")), "{door}");
    }
    let page = world.get(&format!("/en/session/{token}")).await.text();
    assert!(page.contains("This link has ended") && !page.contains("<form"), "{page}");
}

#[tokio::test]
async fn tries_are_counted_aloud() {
    let world = World::new();
    let (_, token) = world.session().await;
    let most = world.issuer.seen_by_token(&token).await.unwrap().open.session.workflow.attempts;
    world.upload(&token, "document", Vec::new()).await;
    let page = world.get(&format!("/en/session/{token}?step=document&note=quality-blurred")).await.text();
    assert!(page.contains("Hold still and let the camera focus. You have"), "{page}");
    assert!(page.contains(&format!("You have {} tries left.", most - 1)), "{page}");
    for _ in 2..most {
        world.upload(&token, "document", Vec::new()).await;
    }
    let page = world.get(&format!("/en/session/{token}?step=document&note=quality-blurred")).await.text();
    assert!(page.contains("You have 1 try left."), "{page}");
    world.upload(&token, "document", Vec::new()).await;
    let page = world.get(&format!("/en/session/{token}?step=document")).await.text();
    assert!(page.contains("There were too many tries") && !page.contains("<form"), "{page}");
}
