//! The pages, in both languages, and who may see a result on them. The pages are left in the build folder for people
//! (and screenshots) to look at.

use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use warifu_server::limit::Rate;
use warifu_verifier::http::Rates;

use crate::world::{Answer, World, asked, policy};

pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Keeps a page with its assets beside it.
pub(crate) async fn keep(world: &World, name: &str, page: &Answer) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verifier-pages");
    fs::create_dir_all(folder.join("assets")).unwrap();
    let mut text = page.text.clone();
    for asset in ["warifu.css", "logo.svg", "poll.js", "copy.js"] {
        let served = world.browse(&format!("assets/{asset}"), "").await;
        assert_eq!(served.status, 200, "{asset}");
        fs::write(folder.join("assets").join(asset), served.text).unwrap();
    }
    text = text.replace("\"/assets/", "\"assets/");
    fs::write(folder.join(format!("{name}.html")), text).unwrap();
}

/// Presses a button of the start page: the page to go to, and the cookie.
pub(crate) async fn begin(world: &World, lang: &str, policy: &str) -> (String, String) {
    let body = format!("policy={policy}").into_bytes();
    let answer = world.send(Method::POST, &format!("{lang}/request"), &[FORM], body).await;
    assert_eq!(answer.status, 303);
    let set = answer.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    (answer.header("location").to_owned(), set.split(';').next().unwrap().to_owned())
}

pub(crate) fn id_of(page: &str) -> &str {
    page.rsplit('/').next().unwrap()
}

/// The link of the page, as a wallet on the same device gets it.
pub(crate) fn link_of(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("id=\"request-link\">").unwrap();
    rest.split('<').next().unwrap().replace("&amp;", "&")
}

/// Answers, and goes back to the browser with these cookies where the verifier says so.
async fn answer_it(world: &World, link: &str, cookies: &str) {
    let request = world.open(link).await;
    let answer = world.respond(&request, world.wallet.present(&asked(), &world.binding(&request))).await;
    if answer.json().get("redirect_uri").is_some() {
        assert_eq!(world.follow(&answer, cookies).await.status, 303);
    }
}

#[tokio::test]
async fn the_result_is_for_the_browser_that_began() {
    let world = World::new("pages").await;
    for (lang, words) in [
        (
            "en",
            ["Show who you are", "Scan with your wallet", "It matches", "The answer has arrived", "Open an account"],
        ),
        ("ja", ["本人確認", "ウォレットで読み取ってください", "一致しました", "回答が届きました", "口座の開設"]),
    ] {
        let start = world.browse(&format!("{lang}/"), "").await;
        assert!(start.text.contains(words[0]), "{}", start.text);
        keep(&world, &format!("start-{lang}"), &start).await;

        let (page, cookie) = begin(&world, lang, "identity-selfie").await;
        let waiting = world.browse(&page, &cookie).await;
        assert!(waiting.text.contains(words[1]) && waiting.text.contains("<svg class=\"qr\""));
        assert!(waiting.text.contains(words[4]), "the purpose in the reader's language");
        assert!(waiting.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(waiting.header("cache-control"), "no-store");
        keep(&world, &format!("scan-{lang}"), &waiting).await;
        let state = format!("request/{}/state?lang={lang}", id_of(&page));
        assert_eq!(world.browse(&state, "").await.json()["state"], "waiting");

        answer_it(&world, &link_of(&waiting), &cookie).await;
        let live = world.browse(&state, "").await;
        assert_eq!(live.json()["next"], page);
        let result = world.browse(&page, &cookie).await;
        assert!(result.text.contains(words[2]) && result.text.contains("ERIKSSON"), "{}", result.text);
        assert!(result.text.contains("Utopia Identity Services"));
        keep(&world, &format!("result-{lang}"), &result).await;

        // Everybody else knows the identifier from the QR code, and has a cookie of their own request at best.
        let (other, foreign) = begin(&world, lang, "identity").await;
        let renamed = foreign.replace(id_of(&other), id_of(&page));
        let name = cookie.split('=').next().unwrap();
        let empty = format!("{name}=");
        let guessed = format!("{name}={}", "A".repeat(43));
        for cookies in ["", &foreign, &renamed, &empty, &guessed] {
            let seen = world.browse(&page, cookies).await;
            assert!(seen.text.contains(words[3]), "{}", seen.text);
            for secret in ["ERIKSSON", "ANNA", "1974", "Utopia", words[2]] {
                assert!(!seen.text.contains(secret), "`{secret}` is shown with `{cookies}`");
            }
            keep(&world, &format!("answered-{lang}"), &seen).await;
        }
        assert!(!live.text.contains("ERIKSSON"));
        // Both cookies at once, as one browser with two pages has.
        let both = format!("{foreign}; lang={lang}; {cookie}");
        assert!(world.browse(&page, &both).await.text.contains("ERIKSSON"));
    }
}

/// The page says in the reader's language what each check found, and nothing of what the API says to programs.
#[tokio::test]
async fn checks_are_explained_to_people() {
    let world = World::new("explained").await;
    for (lang, until, reauth, unasked, lookup) in [
        (
            "en",
            "Until 21 February 2027, 00:00 UTC.",
            "Your wallet says that it matched.",
            "Not asked for.",
            "could not be asked",
        ),
        (
            "ja",
            "期限：2027年2月21日 00:00(UTC)",
            "ウォレットが一致を報告しました。",
            "求めていません。",
            "確認できませんでした",
        ),
    ] {
        let seen = async |policy: &str| {
            let (page, cookie) = begin(&world, lang, policy).await;
            answer_it(&world, &link_of(&world.browse(&page, &cookie).await), &cookie).await;
            let (page, result) = (world.browse(&page, &cookie).await.text, world.result(id_of(&page)).await);
            for check in result["checks"].as_array().unwrap() {
                let detail = check["detail"].as_str().unwrap();
                // The issuer's name is for people as well, and short words may stand in any sentence.
                if detail.len() > 6 && !detail.contains("Utopia Identity Services") {
                    assert!(!page.contains(detail), "`{detail}` stands on the page");
                }
            }
            page
        };
        let page = seen("identity-selfie").await;
        assert!(page.contains(until) && page.contains(reauth), "{page}");
        let page = seen("identity").await;
        assert!(page.contains(until) && page.contains(unasked), "{page}");
        world.outside.lock().unwrap().status_up = false;
        world.hands.step(Duration::from_secs(601));
        let page = seen("identity").await;
        assert!(page.contains(lookup) && page.contains(unasked) && !page.contains(until), "{page}");
        world.outside.lock().unwrap().status_up = true;
    }
}

#[tokio::test]
async fn page_url_opens_the_result_for_the_first_browser() {
    let world = World::new("ticket").await;
    let created = world.post("v1/requests", &policy("identity")).await.json();
    let (page_url, link) = (created["page_url"].as_str().unwrap(), created["link"].as_str().unwrap());
    let (clean, ticket) = page_url.split_once("?ticket=").unwrap();
    assert_eq!(ticket.len(), 43);
    let mistaken = world.browse(&format!("{clean}?ticket={}", "A".repeat(43)), "").await;
    assert_eq!((mistaken.status, mistaken.header("set-cookie")), (303, ""));
    let first = world.browse(page_url, "").await;
    assert_eq!(first.status, 303);
    assert!(!first.header("location").contains("ticket"), "the ticket does not stay in the address");
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(!cookie.contains(ticket));
    let second = world.browse(page_url, "").await;
    assert_eq!((second.status, second.header("set-cookie")), (303, ""));

    answer_it(&world, link, "").await;
    assert!(world.browse(clean, &cookie).await.text.contains("ERIKSSON"));
    let name = cookie.split('=').next().unwrap();
    for cookies in ["", &format!("{name}={ticket}")] {
        assert!(!world.browse(clean, cookies).await.text.contains("ERIKSSON"));
    }
    assert_eq!(world.result(id_of(clean)).await["claims"]["family_name"], "ERIKSSON", "the API has its own key");
}

#[tokio::test]
async fn every_end_has_a_page() {
    let world = World::new("ends").await;
    for lang in ["en", "ja"] {
        // Refused, with the reason and the checks, and no claim.
        // The status list that is known runs out, and no new one can be had.
        world.outside.lock().unwrap().status_up = false;
        world.hands.step(Duration::from_secs(601));
        let (page, cookie) = begin(&world, lang, "identity").await;
        answer_it(&world, &link_of(&world.browse(&page, &cookie).await), &cookie).await;
        let refused = world.browse(&page, &cookie).await;
        assert!(refused.text.contains("class=\"checks\"") && !refused.text.contains("ERIKSSON"));
        keep(&world, &format!("refused-{lang}"), &refused).await;
        world.outside.lock().unwrap().status_up = true;

        let (page, cookie) = begin(&world, lang, "of-age").await;
        let request = world.open(&link_of(&world.browse(&page, &cookie).await)).await;
        world.carry(&request.refuse(warifu_openid4vc::vp::response::ErrorCode::AccessDenied)).await;
        let denied = world.browse(&page, &cookie).await;
        let title = if lang == "en" { "Nothing was shared" } else { "何も共有されていません" };
        assert!(denied.text.contains(title));
        keep(&world, &format!("denied-{lang}"), &denied).await;

        let (page, cookie) = begin(&world, lang, "of-age").await;
        world.hands.step(Duration::from_secs(301));
        let expired = world.browse(&page, &cookie).await;
        let title = if lang == "en" { "The request has expired" } else { "依頼の有効期限が切れました" };
        assert!(expired.text.contains(title));
        keep(&world, &format!("expired-{lang}"), &expired).await;

        let gone = world.browse(&format!("{lang}/request/{}", "A".repeat(43)), "").await;
        keep(&world, &format!("gone-{lang}"), &gone).await;
        let body = b"policy=nobody".to_vec();
        let unknown = world.send(Method::POST, &format!("{lang}/request"), &[FORM], body).await;
        for (page, status) in [(gone, 404), (unknown, 400)] {
            assert_eq!((page.status, page.header("content-type")), (status, "text/html; charset=utf-8"));
            assert!(page.text.contains(&format!("<a class=\"button\" href=\"/{lang}/\">")), "{}", page.text);
        }
    }
    assert_eq!(world.browse("xx/", "").await.status, 404);
    let cross = [FORM, ("sec-fetch-site", "cross-site")];
    assert_eq!(world.send(Method::POST, "en/request", &cross, Vec::new()).await.status, 403);
    let accept = [("accept-language", "ja")];
    assert_eq!(world.send(Method::GET, "", &accept, Vec::new()).await.header("location"), "/ja/");
}

#[tokio::test]
async fn a_caller_can_not_call_for_ever() {
    let few = Rate { calls: 5, per: Duration::from_secs(3600) };
    let world = World::with_rates("rates", Rates { api: few, wallets: few, pages: few }).await;
    // A key that nobody checks at these doors buys no further calls.
    for path in ["en/", "vp/x/request"] {
        let mut statuses = Vec::new();
        for call in 0..7 {
            let key = format!("key {call}");
            let answer = world.send(Method::GET, path, &[("x-api-key", &key)], Vec::new()).await;
            assert_eq!(answer.header("x-ratelimit-limit"), "5");
            statuses.push(answer.status);
        }
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 2, "{path}: {statuses:?}");
    }
    for _ in 0..5 {
        assert_eq!(world.get("v1/requests/x").await.status, 404);
    }
    assert_eq!(world.get("v1/requests/x").await.status, 429);
    assert_eq!(world.browse("health", "").await.status, 200);
}

/// The page leads back to the partner's own pages, and to nobody else's.
#[tokio::test]
async fn the_page_leads_back_to_the_partner() {
    let world = World::new("back").await;
    for url in ["https://evil.example/", "https://shop.example:8443/", "http://shop.example/", "javascript:alert(1)"] {
        let refused = world.post("v1/requests", &json!({ "policy": "identity", "return_url": url })).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("bad_return_url")), "{url}");
    }
    let refused = world.post("v1/requests", &json!({ "policy": "identity", "language": "tlh" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("unknown_language")));
    let back = "https://shop.example/basket?id=7";
    let wanted = json!({ "policy": "identity", "return_url": back, "language": "ja" });
    let created = world.post("v1/requests", &wanted).await.json();
    let page = created["page_url"].as_str().unwrap();
    assert!(page.contains("/ja/request/"), "{page}");
    let opened = world.browse(page, "").await;
    let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
    let request = world.open(created["link"].as_str().unwrap()).await;
    let presentation = world.wallet.present(&asked(), &world.binding(&request));
    world.respond(&request, presentation).await;
    let path = format!("ja/request/{}", created["request_id"].as_str().unwrap());
    assert!(world.browse(&path, &cookie).await.text.contains(&format!("href=\"{back}\"")));
    assert!(!world.browse(&path, "").await.text.contains("shop.example"), "strangers are not led there");
}

/// The button's script may be loaded by other origins' pages.
#[tokio::test]
async fn the_button_is_for_partners_pages() {
    let world = World::new("button").await;
    let script = world.browse("button.js", "").await;
    assert_eq!((script.status, script.header("access-control-allow-origin")), (200, "*"));
    assert!(script.header("content-type").starts_with("text/javascript"));
}
