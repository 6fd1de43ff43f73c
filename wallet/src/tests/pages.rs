//! The pages, asked without a network.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use tower::ServiceExt as _;
use warifu_credential::ClaimPath;
use warifu_credential::face_template::{FaceTemplateClaim, ModelId, Source};
use warifu_server::clock::Hands;

use super::world::{World, now};
use crate::Wallet;
use crate::http::{Agent, AgentError, router};
use crate::store::SelfieRule;

const HOST: &str = "127.0.0.1:7099";

struct Browser {
    router: Router,
    cookie: String,
}

async fn ask(router: &Router, request: Request<Body>) -> (StatusCode, Response<()>, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, 1 << 22).await.unwrap().to_vec()).unwrap();
    (parts.status, Response::from_parts(parts, ()), text)
}

impl Browser {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("host", HOST).header("cookie", &self.cookie).body(Body::empty());
        let (status, _, text) = ask(&self.router, request.unwrap()).await;
        (status, text)
    }

    async fn post(&self, path: &str, kind: &str, body: String) -> (StatusCode, Option<String>, String) {
        let request =
            Request::post(path).header("host", HOST).header("cookie", &self.cookie).header("content-type", kind);
        let (status, head, text) = ask(&self.router, request.body(Body::from(body)).unwrap()).await;
        let location = head.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (status, location, text)
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Option<String>, String) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.post(path, "application/x-www-form-urlencoded", body).await
    }
}

fn token_in(page: &str) -> String {
    let at = page.find("name=\"csrf\" value=\"").unwrap() + 19;
    page[at..].split('"').next().unwrap().to_owned()
}

fn agent(world: &Arc<World>) -> Arc<Agent> {
    agent_of(world, world.wallet())
}

fn agent_of(world: &Arc<World>, wallet: Wallet) -> Arc<Agent> {
    let clock = Hands::at(now()).clock();
    let entropy = Arc::clone(&world.entropy);
    Arc::new(Agent::new(Arc::new(wallet), clock, entropy, HOST.parse().unwrap()).unwrap())
}

/// The one block of buttons of a page with a question.
fn buttons(page: &str) -> &str {
    let blocks: Vec<&str> = page.split("<div class=\"actions\">").skip(1).collect();
    let [block] = blocks[..] else { panic!("{} blocks of buttons: {page}", blocks.len()) };
    block.split("</div>").next().unwrap()
}

/// Agreeing and refusing stand in the same block, and refusing leads somewhere without scripts.
#[track_caller]
fn check_as_easy(page: &str, act: &str) {
    let block = buttons(page);
    assert!(block.contains(act) && block.contains("Share nothing"), "{block}");
    assert!(block.contains("type=\"submit\" form=\"refuse-form\""), "{block}");
    let form = page.split("<form id=\"refuse-form\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(form.contains("method=\"post\"") && form.contains("/refuse\"") && form.contains("name=\"csrf\""), "{form}");
}

async fn browser(agent: &Arc<Agent>) -> Browser {
    let router = router(Arc::clone(agent));
    let link = agent.entry();
    let path = link.strip_prefix(&format!("http://{HOST}")).unwrap();
    let request = Request::get(path).header("host", HOST).body(Body::empty()).unwrap();
    let (status, head, _) = ask(&router, request).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let cookie = head.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    // The link works once.
    let request = Request::get(path).header("host", HOST).body(Body::empty()).unwrap();
    assert_eq!(ask(&router, request).await.0, StatusCode::UNAUTHORIZED);
    Browser { router, cookie }
}

#[tokio::test]
async fn only_the_owner_on_this_machine_gets_in() {
    let world = World::new(None);
    let clock = Hands::at(now()).clock();
    let open = Agent::new(Arc::new(world.wallet()), clock, world.entropy.clone(), "0.0.0.0:80".parse().unwrap());
    assert!(matches!(open.unwrap_err(), AgentError::NotLoopback(_)));

    let agent = agent(&world);
    let browser = browser(&agent).await;
    let (status, page) = browser.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Nothing here yet") && page.contains("class=\"sandbox\""));
    for path in ["/", "/open", "/share", "/history", "/credential/abcdefghjkmn"] {
        let locked = Request::get(path).header("host", HOST).body(Body::empty()).unwrap();
        assert_eq!(ask(&browser.router, locked).await.0, StatusCode::UNAUTHORIZED, "{path}");
        // Another name for this address is not ours, cookie or not.
        for host in ["wallet.evil.example", "127.0.0.1:7098", "localhost"] {
            let rebound = Request::get(path).header("host", host).header("cookie", &browser.cookie);
            let (status, _, _) = ask(&browser.router, rebound.body(Body::empty()).unwrap()).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}{path}");
        }
    }
    let (status, _, _) = browser.form("/open", &[("csrf", "wrong"), ("link", "openid4vp://?")]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let cross = Request::post("/open").header("host", HOST).header("cookie", &browser.cookie);
    let cross =
        cross.header("origin", "https://evil.example").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(ask(&browser.router, cross.body(Body::empty()).unwrap()).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn receive_agree_look_back() {
    let world = World::new(None);
    let agent = agent(&world);
    let browser = browser(&agent).await;
    let (link, code) = world.offer();

    let (_, page) = browser.get("/open").await;
    let csrf = token_in(&page);
    let (status, _, page) = browser.form("/open", &[("csrf", &csrf), ("link", "https://a.example/")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("not_a_wallet_link"));
    let (_, _, page) = browser.form("/open", &[("csrf", &csrf), ("link", &link)]).await;
    assert!(page.contains("name=\"tx_code\""), "{page}");
    let wrong = [("csrf", csrf.as_str()), ("link", &link), ("tx_code", "x")];
    let (status, _, page) = browser.form("/accept", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("name=\"tx_code\"") && page.contains("code_refused"));
    assert!(page.contains("<h2>The code is wrong or expired</h2>") && page.contains("Nothing was stored."), "{page}");
    let (status, _, page) = browser.form("/accept", &[("csrf", &csrf), ("link", &link), ("tx_code", &code)]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let (_, home) = browser.get("/").await;
    assert!(home.contains("ANNA MARIA SPECIMEN-VALUE") && home.contains("runs on this very machine"));
    let card = home.split("/credential/").nth(1).unwrap().split('"').next().unwrap();
    let (_, card) = browser.get(&format!("/credential/{card}")).await;
    assert!(card.contains("Checks passed") && card.contains("Same person") && !card.contains("face_match"), "{card}");
    assert!(card.contains("Unknown") && !card.contains("QU<"), "the code of no country is said in words: {card}");

    let request = world.request(&[ClaimPath::claim("family_name")], None);
    let (status, to, _) = browser.form("/open?lang=ja", &[("csrf", &csrf), ("link", &request)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let to = to.unwrap();
    let (_, page) = browser.get(&format!("{to}?lang=ja")).await;
    assert!(
        page.contains("Bank B が1項目を求めています") && page.contains("SPECIMEN-VALUE") && page.contains("生年月日"),
        "{page}"
    );
    assert!(!page.contains("1974"), "hidden values are not on the page");
    let boundary = "multipart/form-data; boundary=x";
    let agree = format!("--x\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x--\r\n");
    let (status, _, page) = browser.post(&to, boundary, agree.clone()).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Bank B has your answer"));
    assert_eq!(world.posted().len(), 1);
    // The answer can not be sent twice.
    assert_eq!(browser.post(&to, boundary, agree.clone()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.posted().len(), 1);

    let request = world.request(&[ClaimPath::claim("family_name")], None);
    let (_, to, _) = browser.form("/open", &[("csrf", &csrf), ("link", &request)]).await;
    let to = to.unwrap();
    check_as_easy(&browser.get(&to).await.1, "Share one detail with Bank B");
    let (_, _, page) = browser.form(&format!("{to}/refuse"), &[("csrf", &csrf)]).await;
    assert!(page.contains("Nothing was shared"));

    let (_, page) = browser.get("/share").await;
    assert!(page.contains("partner-b") && page.contains("claim.family_name"));
    let id = page.split("name=\"credential\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [
        ("csrf", csrf.as_str()),
        ("credential", &id),
        ("partner", "partner-b"),
        ("purpose", "onboarding"),
        ("claim.family_name", "on"),
    ];
    let (_, to, page) = browser.form("/share", &fields).await;
    let to = to.unwrap_or_else(|| panic!("{page}"));
    assert!(browser.get(&to).await.1.contains("SPECIMEN-VALUE"));
    let (_, _, page) = browser.post(&to, boundary, agree).await;
    assert!(page.contains("share-token"), "{page}");

    let (_, page) = browser.get("/history").await;
    assert!(page.contains("Family name") && page.contains("you shared nothing") && !page.contains("SPECIMEN-VALUE"));
    assert!(page.contains("The code is wrong or expired") && page.contains("127.0.0.1:9002"), "{page}");
    for raw in ["family_name", "assurance.checks", "refused_by_user", "code_refused", "http://127.0.0.1:9002"] {
        assert!(!page.contains(raw), "{raw}: {page}");
    }
    let (_, page) = browser.get("/history?lang=ja").await;
    assert!(page.contains("姓、") && page.contains("コードが違うか、期限が切れています"), "{page}");
}

#[tokio::test]
async fn refusing_is_as_easy_beside_the_camera() {
    let model = ModelId::new("face", &[7; 32]).unwrap();
    let day = "2026-11-22".parse().unwrap();
    let template = FaceTemplateClaim::new(model, &[1; 128], 200, Source::Selfie, day, 90).unwrap();
    let world = World::new(Some(template));
    let wallet = world.wallet_with(world.seams(), SelfieRule::Always);
    let (link, code) = world.offer();
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    let browser = browser(&agent_of(&world, wallet)).await;

    let (_, page) = browser.get("/open").await;
    let csrf = token_in(&page);
    let request = world.request(&[ClaimPath::claim("family_name")], None);
    let (_, to, _) = browser.form("/open", &[("csrf", &csrf), ("link", &request)]).await;
    let to = to.unwrap();
    let (_, page) = browser.get(&to).await;
    assert!(page.contains("data-camera=\"user\""), "{page}");
    check_as_easy(&page, "data-send");
    assert!(page.contains(&format!("data-challenge=\"{to}/challenge\"")), "{page}");
    let (_, _, page) = browser.form(&format!("{to}/refuse"), &[("csrf", &csrf)]).await;
    assert!(page.contains("Nothing was shared"), "{page}");
    assert!(browser.get("/history").await.1.contains("you shared nothing"));
}

/// The form fields of a multipart body.
fn parts(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--x--\r\n"
}

const MULTIPART: &str = "multipart/form-data; boundary=x";

/// Opens a request and gives the address of its question.
async fn opened(browser: &Browser, csrf: &str, link: &str) -> String {
    let (_, to, page) = browser.form("/open", &[("csrf", csrf), ("link", link)]).await;
    to.unwrap_or_else(|| panic!("{page}"))
}

#[tokio::test]
async fn a_credential_is_chosen_and_a_portrait_ticked() {
    let world = World::with_portrait();
    let wallet = world.wallet();
    for _ in 0..2 {
        let (link, code) = world.offer();
        wallet.accept(&link, Some(&code), now()).await.unwrap();
    }
    let held: Vec<String> = wallet.list(now()).unwrap().iter().map(|facts| facts.id.to_string()).collect();
    let browser = browser(&agent_of(&world, wallet)).await;
    let csrf = token_in(&browser.get("/open").await.1);
    let to = opened(&browser, &csrf, &world.request(&[ClaimPath::claim("picture")], None)).await;
    let (_, page) = browser.get(&to).await;
    for id in &held {
        assert!(page.contains(&format!("name=\"choice.kyc\" value=\"{id}\" form=\"agree-form\"")), "{page}");
    }
    let checked = format!("value=\"{}\" form=\"agree-form\" checked", held[1]);
    assert!(page.contains(&checked) && page.matches(" checked").count() == 1, "the newest: {page}");
    assert!(page.contains("name=\"portrait\"") && page.contains("Bank B may have my portrait"), "{page}");
    // Without the tick nothing leaves, and what was chosen stays chosen.
    let without = [("csrf", csrf.as_str()), ("choice.kyc", &held[0])];
    let (status, _, page) = browser.post(&to, MULTIPART, parts(&without)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("portrait_not_agreed") && page.contains("Nothing was sent."), "{page}");
    assert!(page.contains(&format!("value=\"{}\" form=\"agree-form\" checked", held[0])), "{page}");
    assert!(world.posted().is_empty());
    let bad = [("csrf", csrf.as_str()), ("choice.kyc", "abcdefghjkmn"), ("portrait", "on")];
    let (status, _, page) = browser.post(&to, MULTIPART, parts(&bad)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    assert!(world.posted().is_empty());
    let agree = [("csrf", csrf.as_str()), ("choice.kyc", &held[0]), ("portrait", "on")];
    let (status, _, page) = browser.post(&to, MULTIPART, parts(&agree)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(world.holder_of_answer("0"), world.proved()[0].0, "the older one was shown");
}

/// The part of the OpenID conformance suite's module that needs the wire: the browser goes where the verifier says, by the
/// person's own hand. Refusing and having nothing (`VP1FinalWalletRequiredNonMatchingCredential`) lead on alike.
#[tokio::test]
#[expect(non_snake_case, reason = "the suite's name, letter by letter")]
async fn VP1FinalWalletAlternateHappyFlow() {
    let world = World::new(None);
    world.send_onward("https://verifier.example/done?a=1#response_code=xyz");
    let browser = browser(&agent_of(&world, world.wallet_with_credential().await)).await;
    let csrf = token_in(&browser.get("/open").await.1);
    let onward = "class=\"button\" href=\"https://verifier.example/done?a=1#response_code=xyz\"";
    let family = [ClaimPath::claim("family_name")];
    let to = opened(&browser, &csrf, &world.request(&family, None)).await;
    let (_, _, page) = browser.post(&to, MULTIPART, parts(&[("csrf", csrf.as_str())])).await;
    assert!(page.contains(onward) && page.contains("Go on at Bank B") && !page.contains("http-equiv"), "{page}");
    // Refused, and with nothing that fits: told by the same bytes, only when the person says so, and led on alike.
    let to = opened(&browser, &csrf, &world.request(&family, None)).await;
    let (_, _, page) = browser.form(&format!("{to}/refuse"), &[("csrf", &csrf)]).await;
    assert!(page.contains(onward) && page.contains("Nothing was shared"), "{page}");
    let nothing = world.request(&[ClaimPath::claim("shoe_size")], None);
    let (status, _, page) = browser.form("/open", &[("csrf", &csrf), ("link", &nothing)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("no_matching_credential") && page.contains("Tell Bank B that there is no answer"), "{page}");
    assert_eq!(world.posted().len(), 2, "it was not told yet");
    let door = page.split("action=\"/ask/").nth(1).unwrap().split('"').next().unwrap();
    let (_, _, page) = browser.form(&format!("/ask/{door}"), &[("csrf", &csrf)]).await;
    assert!(page.contains(onward) && page.contains("Nothing was shared"), "{page}");
    let denied = |id: &str| format!("error=access_denied&state={}", world.awaiting(id).state()).into_bytes();
    assert_eq!(world.posted()[1..], [denied("1"), denied("2")]);
    let (_, page) = browser.get("/history").await;
    assert!(page.contains("you shared nothing"), "{page}");
}

#[tokio::test]
async fn warnings_and_extras_are_said_in_plain_words() {
    let world = World::new(None);
    world.list_registrar();
    world.give_copies(2, None);
    let browser = browser(&agent_of(&world, world.wallet_with_credential().await)).await;
    let csrf = token_in(&browser.get("/open").await.1);
    let value = serde_json::json!({
        "credentials": [
            { "id": "a", "format": "dc+sd-jwt", "meta": { "vct_values": [World::vct()] }, "claims": [{ "path": ["family_name"] }] },
            { "id": "b", "format": "dc+sd-jwt", "meta": { "vct_values": [World::vct()] }, "claims": [{ "path": ["birthdate"] }] },
        ],
        "credential_sets": [{ "options": [["a"]] }, { "options": [["b"]], "required": false }],
    });
    let link = world.request_of(warifu_openid4vc::dcql::Query::from_value(&value).unwrap(), None);
    let to = opened(&browser, &csrf, &link).await;
    let (_, page) = browser.get(&to).await;
    assert!(page.contains("Bank B shows no registration") && page.contains("2 fresh copies are left"), "{page}");
    assert!(page.contains("name=\"extra.0\" value=\"on\" form=\"agree-form\">"), "unticked: {page}");
    assert!(page.contains("1974") && page.contains("Share what is chosen with Bank B"), "{page}");
    let (_, japanese) = browser.get(&format!("{to}?lang=ja")).await;
    assert!(japanese.contains("登録を示していません") && japanese.contains("任意の項目"), "{japanese}");
    let (_, _, page) = browser.post(&to, MULTIPART, parts(&[("csrf", &csrf), ("extra.0", "on")])).await;
    assert!(page.contains("Date of birth"), "{page}");
}

#[tokio::test]
async fn a_frame_of_the_camera_is_read() {
    let world = World::new(None);
    let browser = browser(&agent(&world)).await;
    let (_, page) = browser.get("/open").await;
    assert!(page.contains("data-scan=\"/open/scan\" data-into=\"link\" hidden") && page.contains("scan.js"), "{page}");
    let scan = async |bytes: Vec<u8>| {
        let request = Request::post("/open/scan").header("host", HOST).header("cookie", &browser.cookie);
        let request = request.header("content-type", "image/jpeg").body(Body::from(bytes)).unwrap();
        let (status, _, text) = ask(&browser.router, request).await;
        (status, text)
    };
    let link = world.request(&[ClaimPath::claim("family_name")], None);
    let seen = |text: &str| (StatusCode::OK, text.to_owned());
    let found = serde_json::json!({ "seen": "link", "link": link }).to_string();
    let (status, text) = scan(crate::qr::code(&link, 6).encode_jpeg(85).unwrap()).await;
    assert_eq!(
        (status, serde_json::from_str::<serde_json::Value>(&text).unwrap()),
        (StatusCode::OK, serde_json::from_str(&found).unwrap())
    );
    assert_eq!(
        scan(crate::qr::code("https://a.example/", 6).encode_jpeg(85).unwrap()).await,
        seen(r#"{"seen":"other"}"#)
    );
    let empty = warifu_models::picture::Picture::filled(320, 240, [90, 100, 110]);
    assert_eq!(scan(empty.encode_jpeg(85).unwrap()).await, seen(r#"{"seen":"nothing"}"#));
    assert_eq!(scan(b"no picture".to_vec()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.asked().is_empty(), "reading fetches nothing");
    // Not from another page, and not without the cookie.
    let cross = Request::post("/open/scan").header("host", HOST).header("cookie", &browser.cookie);
    let cross = cross.header("origin", "https://evil.example").body(Body::from("x")).unwrap();
    assert_eq!(ask(&browser.router, cross).await.0, StatusCode::FORBIDDEN);
    let locked = Request::post("/open/scan").header("host", HOST).body(Body::from("x")).unwrap();
    assert_eq!(ask(&browser.router, locked).await.0, StatusCode::UNAUTHORIZED);
}
