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
