//! Whose answer it is: the same device with a response code, another device with a confirmation code, and what must not lead
//! to a result.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use url::Url;
use warifu_openid4vc::vp::response::ErrorCode;

use crate::pages::{FORM, begin, id_of, keep, link_of};
use crate::world::{Answer, World, asked, policy};

/// What nobody but the browser of the request may see.
const SECRETS: [&str; 4] = ["ERIKSSON", "ANNA", "1974", "Utopia"];

/// The link of the page for a wallet on the same device.
fn device_link(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("class=\"button secondary\" href=\"openid4vp:").unwrap();
    format!("openid4vp:{}", rest.split('"').next().unwrap().replace("&amp;", "&"))
}

async fn present(world: &World, link: &str) -> Answer {
    let request = world.open(link).await;
    world.respond(&request, world.wallet.present(&asked(), &world.binding(&request))).await
}

/// Types a code into the page of a request.
async fn typed(world: &World, page: &str, cookies: &str, code: &str) -> Answer {
    let headers = [FORM, ("cookie", cookies)];
    world.send(Method::POST, &format!("{}/confirm", &page[1..]), &headers, format!("code={code}").into_bytes()).await
}

/// The digits that the other device shows.
fn code_on(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("id=\"confirmation-code\"><code>").unwrap_or_else(|| panic!("{}", page.text));
    rest.split('<').next().unwrap().to_owned()
}

fn shows_nothing(answer: &Answer) {
    for secret in SECRETS {
        assert!(!answer.text.contains(secret), "`{secret}` in {}", answer.text);
    }
}

/// Claims, checks and presentations of an unconfirmed answer are for nobody, the partner's server included.
async fn is_unconfirmed(world: &World, id: &str, awaits: &str) {
    let result = world.result(id).await;
    assert_eq!((&result["state"], &result["awaits"]), (&json!("unconfirmed"), &json!(awaits)), "{result}");
    for member in ["claims", "checks", "presentations", "confirmed_by"] {
        assert_eq!(result[member], Value::Null, "{member}");
    }
}

#[tokio::test]
async fn the_same_device_comes_back_in_the_browser_that_began() {
    let world = World::new("same device").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let link = device_link(&world.browse(&page, &cookie).await);
    let answer = present(&world, &link).await;
    assert_eq!(answer.status, 200);
    let next: Url = answer.json()["redirect_uri"].as_str().unwrap().parse().unwrap();
    assert_eq!(next.origin(), world.url.origin());
    let (name, code) = next.query_pairs().next().unwrap();
    assert_eq!((&*name, code.len()), ("response_code", 43), "256 random bits");
    is_unconfirmed(&world, id_of(&page), "response_code").await;
    let waiting = world.browse(&page, &cookie).await;
    shows_nothing(&waiting);
    assert!(!waiting.text.contains("name=\"code\""), "there is no code to type");
    keep(&world, "confirm-return-en", &waiting).await;

    // A guessed code, an empty one, one of another request: refused, and the request goes on.
    let (other, foreign) = begin(&world, "en", "identity").await;
    let others = present(&world, &device_link(&world.browse(&other, &foreign).await)).await.json();
    let others: Url = others["redirect_uri"].as_str().unwrap().parse().unwrap();
    let others = others.query_pairs().next().unwrap().1.into_owned();
    for wrong in ["A".repeat(43), String::new(), others] {
        let path = format!("request/{}/return?response_code={wrong}", id_of(&page));
        for cookies in [&cookie, "", &foreign] {
            let refused = world.browse(&path, cookies).await;
            assert_eq!(refused.status, 403, "{wrong}");
            shows_nothing(&refused);
        }
    }
    is_unconfirmed(&world, id_of(&page), "response_code").await;
    assert_eq!(typed(&world, &page, &cookie, "000000").await.status, 409, "no code is shown, so that none is right");
    is_unconfirmed(&world, id_of(&page), "response_code").await;

    let back = world.browse(next.as_str(), &cookie).await;
    assert_eq!((back.status, back.header("location")), (303, page.as_str()));
    let result = world.result(id_of(&page)).await;
    assert_eq!((&result["state"], &result["confirmed_by"]), (&json!("accepted"), &json!("response_code")));
    assert!(world.browse(&page, &cookie).await.text.contains("ERIKSSON"));

    // Good once, in whatever browser.
    for cookies in [&*cookie, ""] {
        let replayed = world.browse(next.as_str(), cookies).await;
        assert_eq!(replayed.status, 409);
        shows_nothing(&replayed);
    }
}

/// Session fixation: somebody begins, and has another person open the link. That person's browser comes back with the code.
#[tokio::test]
async fn another_browser_ends_the_request() {
    let world = World::new("fixation").await;
    for cookies in ["nothing", "a cookie of their own"] {
        let (page, attacker) = begin(&world, "en", "identity").await;
        let link = device_link(&world.browse(&page, &attacker).await);
        let (_, own) = begin(&world, "en", "identity").await;
        let victim = if cookies == "nothing" { String::new() } else { own };
        let answer = present(&world, &link).await;
        let refused = world.follow(&answer, &victim).await;
        assert_eq!(refused.status, 403);
        shows_nothing(&refused);
        assert!(refused.text.contains("begun in another browser"), "{}", refused.text);
        keep(&world, "other-browser-en", &refused).await;
        let result = world.result(id_of(&page)).await;
        assert_eq!((&result["state"], &result["reason"]), (&json!("failed"), &json!("other_browser")));
        assert_eq!(result["claims"], Value::Null);
        // Nothing is left for whoever began, also with the code that they could not know.
        assert_eq!(world.follow(&answer, &attacker).await.status, 409);
        shows_nothing(&world.browse(&page, &attacker).await);
    }
}

/// Without the redirect there is no result, and after a while no request.
#[tokio::test]
async fn who_does_not_come_back_has_nothing() {
    let world = World::new("no return").await;
    for screen in [false, true] {
        let (page, cookie) = begin(&world, "en", "identity").await;
        let seen = world.browse(&page, &cookie).await;
        let link = if screen { link_of(&seen) } else { device_link(&seen) };
        world.hands.step(Duration::from_secs(290));
        let answer = present(&world, &link).await;
        // A little patience beyond the life of the request.
        world.hands.step(Duration::from_secs(119));
        assert_eq!(world.result(id_of(&page)).await["state"], "unconfirmed");
        world.hands.step(Duration::from_secs(1));
        let result = world.result(id_of(&page)).await;
        assert_eq!(result["state"], "expired");
        assert_eq!(result["claims"], Value::Null);
        assert_eq!(world.follow(&answer, &cookie).await.status, 404);
        shows_nothing(&world.browse(&page, &cookie).await);
        // What was never confirmed does not lie open in the store either.
        let stored = world.store.get("requests", id_of(&page)).await.unwrap().unwrap();
        let stored = String::from_utf8(stored.body).unwrap();
        assert!(stored.contains("unconfirmed") && !stored.contains("ERIKSSON"), "{stored}");
    }
}

#[tokio::test]
async fn another_device_shows_a_code() {
    let world = World::new("cross device").await;
    for (lang, words) in [("en", ["Your code", "One more step"]), ("ja", ["確認コード", "あと一つ確認があります"])]
    {
        let (page, cookie) = begin(&world, lang, "identity").await;
        let id = id_of(&page).to_owned();
        let answer = present(&world, &link_of(&world.browse(&page, &cookie).await)).await;
        is_unconfirmed(&world, &id, "confirmation_code").await;
        let state = format!("request/{id}/state?lang={lang}");
        assert_eq!(
            world.browse(&state, "").await.json()["next"],
            page,
            "the page with the QR code goes on to the form"
        );
        let form = world.browse(&page, &cookie).await;
        assert!(form.text.contains(words[1]) && form.text.contains("name=\"code\""), "{}", form.text);
        shows_nothing(&form);
        keep(&world, &format!("confirm-{lang}"), &form).await;
        let waits = world.browse(&format!("{state}&seen=unconfirmed"), "").await.json();
        assert_eq!((&waits["state"], &waits["next"]), (&json!("active"), &Value::Null), "the form stays");

        let headers = [("accept-language", lang)];
        let next = answer.json()["redirect_uri"].as_str().unwrap().to_owned();
        let phone = world.send(Method::GET, &next, &headers, Vec::new()).await;
        assert_eq!(phone.status, 200);
        assert!(phone.text.contains(words[0]) && phone.text.contains("127.0.0.1"), "{}", phone.text);
        shows_nothing(&phone);
        keep(&world, &format!("code-{lang}"), &phone).await;
        let code = code_on(&phone);
        assert_eq!(code_on(&world.browse(&next, "").await), code, "the phone may look again");
        is_unconfirmed(&world, &id, "confirmation_code").await;

        // Somebody else who knows the code, or the one who began with a wrong one: two of three tries are left.
        let (_, foreign) = begin(&world, lang, "identity").await;
        for cookies in ["", &foreign] {
            let refused = typed(&world, &page, cookies, &code).await;
            assert_eq!(refused.status, 403);
            shows_nothing(&refused);
        }
        let wrong = if code.starts_with('0') { "111111" } else { "000000" };
        let again = typed(&world, &page, &cookie, wrong).await;
        assert_eq!((again.status, again.header("location")), (303, format!("{page}?wrong=2").as_str()));
        let told = world.browse(again.header("location"), &cookie).await;
        assert!(told.text.contains('2') && told.text.contains("name=\"code\""));
        keep(&world, &format!("confirm-wrong-{lang}"), &told).await;
        is_unconfirmed(&world, &id, "confirmation_code").await;

        assert_eq!(typed(&world, &page, &cookie, &code).await.header("location"), page);
        let result = world.result(&id).await;
        assert_eq!((&result["state"], &result["confirmed_by"]), (&json!("accepted"), &json!("confirmation_code")));
        assert!(world.browse(&page, &cookie).await.text.contains("ERIKSSON"));
        assert!(world.browse(&format!("{state}&seen=unconfirmed"), "").await.json()["next"].is_string());
        assert_eq!(typed(&world, &page, &cookie, &code).await.status, 409, "good once");
        assert_eq!(world.browse(&next, "").await.status, 409, "and shown no more");
    }
}

#[tokio::test]
async fn three_wrong_codes_end_it() {
    let world = World::new("three codes").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let answer = present(&world, &link_of(&world.browse(&page, &cookie).await)).await;
    let code = code_on(&world.follow(&answer, "").await);
    for wrong in ["", "12345", "not a number"] {
        assert_eq!(typed(&world, &page, &cookie, wrong).await.status, 303);
    }
    let result = world.result(id_of(&page)).await;
    assert_eq!((&result["state"], &result["reason"]), (&json!("failed"), &json!("wrong_confirmation_code")));
    assert_eq!(typed(&world, &page, &cookie, &code).await.status, 409);
    let ended = world.browse(&page, &cookie).await;
    assert!(ended.text.contains("wrong three times"), "{}", ended.text);
    shows_nothing(&ended);
}

/// A QR code that was scanned on the device of the browser itself: nothing needs to be typed.
#[tokio::test]
async fn the_code_comes_back_to_the_browser_itself() {
    let world = World::new("screen, same browser").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let answer = present(&world, &link_of(&world.browse(&page, &cookie).await)).await;
    assert_eq!(world.follow(&answer, &cookie).await.header("location"), page);
    assert_eq!(world.result(id_of(&page)).await["confirmed_by"], "response_code");
}

/// Of several who confirm at the same time one does.
#[tokio::test]
async fn a_code_is_taken_once() {
    let world = World::new("race").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let answer = present(&world, &device_link(&world.browse(&page, &cookie).await)).await;
    let next = answer.json()["redirect_uri"].as_str().unwrap().to_owned();
    let all = futures_of(&world, &next, &cookie).await;
    assert_eq!(all.iter().filter(|status| **status == 303).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|status| **status == 409).count(), 7, "{all:?}");
}

async fn futures_of(world: &World, next: &str, cookie: &str) -> Vec<u16> {
    let one = || async { world.browse(next, cookie).await.status };
    let (a, b, c, d, e, f, g, h) = tokio::join!(one(), one(), one(), one(), one(), one(), one(), one());
    vec![a, b, c, d, e, f, g, h]
}

/// The partner's own link counts at once, and says that nobody confirmed it. It can not be made from what a page shows.
#[tokio::test]
async fn a_partners_link_is_the_partners_own() {
    let world = World::new("own link").await;
    let created = world.post("v1/requests", &policy("identity")).await.json();
    let (id, link) = (created["request_id"].as_str().unwrap(), created["link"].as_str().unwrap());
    let page_url = created["page_url"].as_str().unwrap();
    let first = world.browse(page_url, "").await;
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    let seen = world.browse(first.header("location"), &cookie).await;
    let key = |link: &str| {
        let uri = warifu_openid4vc::vp::holder::RequestUri::parse(link).unwrap().request_uri;
        uri.query_pairs().find(|(name, _)| name == "key").map(|(_, key)| key.into_owned())
    };
    let own = key(link).unwrap();
    for shown in [link_of(&seen), device_link(&seen)] {
        assert_eq!(key(&shown), None);
    }
    assert!(!seen.text.contains(&own));
    let answer = present(&world, &link_of(&seen)).await;
    is_unconfirmed(&world, id, "confirmation_code").await;
    assert_eq!(world.follow(&answer, &cookie).await.status, 303);
    assert_eq!(world.result(id).await["confirmed_by"], "response_code");

    let (id, link) = world.ask(policy("identity")).await;
    let answer = present(&world, &link).await;
    assert_eq!(answer.json(), json!({}), "there is no page to go back to");
    assert_eq!(world.result(&id).await["confirmed_by"], "none");

    // A page that nobody opened confirms nothing: there is no browser that began.
    let created = world.post("v1/requests", &policy("identity")).await.json();
    let (id, page_url) = (created["request_id"].as_str().unwrap(), created["page_url"].as_str().unwrap());
    let clean = page_url.split('?').next().unwrap();
    let answer = present(&world, &device_link(&world.browse(clean, "").await)).await;
    assert_eq!(world.follow(&answer, "").await.status, 403);
    assert_eq!(world.result(id).await["reason"], "other_browser");
}

/// A denial leads back as well, and a refusal tells the wallet nothing.
#[tokio::test]
async fn denials_and_refusals() {
    let world = World::new("denials").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let request = world.open(&device_link(&world.browse(&page, &cookie).await)).await;
    let answer = world.carry(&request.refuse(ErrorCode::AccessDenied)).await;
    let back = world.follow(&answer, &cookie).await;
    assert_eq!((back.status, back.header("location")), (303, page.as_str()));
    assert_eq!(world.result(id_of(&page)).await["state"], "denied");

    let (page, cookie) = begin(&world, "en", "identity").await;
    let request = world.open(&device_link(&world.browse(&page, &cookie).await)).await;
    let answer = world.respond(&request, world.wallet.present(&asked()[..1], &world.binding(&request))).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})));
    assert_eq!(world.result(id_of(&page)).await["state"], "refused");
}
