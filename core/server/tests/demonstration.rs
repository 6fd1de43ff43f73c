//! Every component of the shared pages on demonstration pages, in both languages: checks what holds for all of them and
//! leaves the pages in the build folder for people (and screenshots) to look at.

use std::{fs, path::Path};

use jiff::civil::date;
use maud::{Markup, Render, html};
use warifu_server::{
    assets::{Script, router},
    page::{
        Icon, Page,
        components::{
            Camera, Card, CheckRow, Consent, Field, Outcome, QrPanel, Subject, Tone, camera, checks, code_block,
            confirm, consent, credential_card, empty, fields, log_table, notice, pill, proven, qr_panel, status_pill,
            steps,
        },
    },
    text::{Catalogue, Lang, Words},
};

struct Spoken {
    capture: &'static str,
    reason: &'static str,
    send: &'static str,
    card: &'static str,
    holder: &'static str,
    valid: &'static str,
    purpose: &'static str,
    kept: &'static str,
    known: &'static str,
    share: &'static str,
    refuse: &'static str,
    waiting: &'static str,
    labels: [&'static str; 4],
    facts: [(&'static str, &'static str); 3],
    hidden: [&'static str; 4],
    done: (&'static str, &'static str),
    declined: (&'static str, &'static str),
}

const EN: Spoken = Spoken {
    capture: "Your document",
    reason: "We read the page with your photo to check who you are. The picture stays encrypted; you can delete it.",
    send: "Use this picture",
    card: "Identity attestation",
    holder: "Anna Maria Eriksson",
    valid: "Valid until",
    purpose: "Open an account",
    kept: "90 days",
    known: "In the trust registry as a bank, until 22 November 2027",
    share: "Share 3 details with Bank B",
    refuse: "Do not share",
    waiting: "Waiting for your wallet",
    labels: ["Document", "Selfie", "Check", "Wallet"],
    facts: [("Family name", "Eriksson"), ("Given names", "Anna Maria"), ("Age over 18", "Yes")],
    hidden: ["Date of birth", "Address", "Document number", "Face template"],
    done: (
        "You are verified",
        "Put the attestation in your wallet. Then you can prove who you are without this document.",
    ),
    declined: (
        "The picture cannot be used",
        "The lower edge of the page is cut off. Move back a little, so that all four corners are inside the frame.",
    ),
};

const JA: Spoken = Spoken {
    capture: "本人確認書類の撮影",
    reason: "ご本人であることを確かめるために、顔写真のページを読み取ります。写真は暗号化して保管し、いつでも削除できます。",
    send: "この写真を使う",
    card: "本人確認証明",
    holder: "割符 花子",
    valid: "有効期限",
    purpose: "口座の開設",
    kept: "90日間",
    known: "銀行として登録済み(2027年11月22日まで)",
    share: "B銀行に3件を渡す",
    refuse: "渡さない",
    waiting: "ウォレットからの応答を待っています",
    labels: ["書類", "自撮り", "確認", "ウォレット"],
    facts: [("姓", "割符"), ("名", "花子"), ("18歳以上", "はい")],
    hidden: ["生年月日", "住所", "書類番号", "顔の特徴データ"],
    done: (
        "本人確認が完了しました",
        "証明をウォレットに入れてください。次からは、この書類がなくても本人であることを証明できます。",
    ),
    declined: (
        "この写真は使えません",
        "ページの下の端が切れています。少し離れて、四隅をすべて枠の中に入れてください。",
    ),
};

fn spoken(lang: Lang) -> &'static Spoken {
    match lang {
        Lang::En => &EN,
        Lang::Ja => &JA,
    }
}

fn card(words: &Words<'_>, href: Option<&str>) -> Markup {
    let s = spoken(words.lang);
    let valid = words.lang.date(date(2027, 11, 22));
    let lines = [(s.valid, valid.as_str())];
    let status = words.say("status-approved");
    let card = Card {
        kind: s.card,
        issuer: "Bank A",
        holder: s.holder,
        lines: &lines,
        status: (Tone::Ok, &status),
        href,
        sandbox: true,
    };
    credential_card(words, &card)
}

fn rows() -> [CheckRow<'static>; 4] {
    let row = |name, value, threshold, outcome, why| CheckRow { name, value, threshold, outcome, why };
    [
        row("Check digits", "5 of 5", "5 of 5", Outcome::Pass, ""),
        row("Face match", "0.71", "0.42", Outcome::Pass, ""),
        row("Sharpness", "38", "45", Outcome::Warn, "The picture is a little blurred. A person will look at it."),
        row("Liveness", "", "0.80", Outcome::NotPerformed, "The model is not installed: warifu models fetch"),
    ]
}

fn capture(words: Words<'_>) -> Page<'_> {
    let s = spoken(words.lang);
    let capture = Camera {
        subject: Subject::Passport,
        action: "/capture",
        field: "document",
        hidden: &[("csrf", "token")],
        upload: true,
        reason: s.reason,
        send: s.send,
        beside: None,
        capture: None,
        elsewhere: Some("/handoff"),
    };
    let uri = axum::http::Uri::from_static("/capture?code=1");
    Page::new(words, s.capture).role("Bank A").sandbox().at(&uri).script(Script::Camera).main(html! {
        (steps(&words, 1, &s.labels))
        (camera(&words, &capture))
        (notice(&words, Tone::Stop, s.declined.0, s.declined.1, Some("7f3a9c01d2e4b586")))
    })
}

fn agree(words: Words<'_>) -> Page<'_> {
    let s = spoken(words.lang);
    let asked = Consent {
        asker: "Bank B",
        known: true,
        known_as: s.known,
        purpose: s.purpose,
        shared: &s.facts,
        hidden: &s.hidden,
        kept: s.kept,
    };
    Page::new(words, s.purpose).role("Wallet").sandbox().main(html! {
        (consent(&words, &asked))
        form class="decide" method="post" {
            div class="actions" {
                button { (s.share) }
                button class="secondary" { (s.refuse) }
            }
        }
    })
}

fn result(words: Words<'_>) -> Page<'_> {
    let s = spoken(words.lang);
    let panel = QrPanel {
        payload: "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fissuer.example%2Foffer%2F3q2-7wAB",
        link: None,
        expires: Some(jiff::Timestamp::MAX),
        poll: Some("/status"),
        waiting: s.waiting,
    };
    Page::new(words, s.done.0).role("Bank A").sandbox().script(Script::Poll).main(html! {
        (proven())
        p class="lead" { (s.done.1) }
        (card(&words, None))
        (qr_panel(&words, &panel))
    })
}

fn console(words: Words<'_>) -> Page<'_> {
    let s = spoken(words.lang);
    let read = [
        Field { label: "Name", value: s.holder, source: "MRZ", confidence: Some((Tone::Ok, "99 %")) },
        Field { label: "Date of birth", value: "12 August 1974", source: "MRZ", confidence: Some((Tone::Ok, "99 %")) },
        Field { label: "Number", value: "L898902C3", source: "MRZ", confidence: Some((Tone::Warn, "81 %")) },
    ];
    let curl = "curl -X POST https://issuer.example/v3/session/ \\\n  -H 'x-api-key: wk_…' \\\n  -H 'content-type: \
                application/json' \\\n  -d '{\"workflow_id\": \"kyc\", \"vendor_data\": \"customer-1\"}'";
    let log = [
        vec![html! { "22 Nov, 09:05" }, html! { code { "7f3a9c01" } }, status_pill(&words, "Approved")],
        vec![html! { "22 Nov, 09:02" }, html! { code { "51bd0e77" } }, status_pill(&words, "In Review")],
        vec![html! { "22 Nov, 08:58" }, html! { code { "c0ffee12" } }, status_pill(&words, "Declined")],
        vec![html! { "22 Nov, 08:51" }, html! { code { "9a8b7c6d" } }, status_pill(&words, "In Progress")],
        vec![html! { "22 Nov, 08:40" }, html! { code { "00d1e2f3" } }, status_pill(&words, "Not Started")],
    ];
    let decline = html! { form method="post" { button class="stop" { "Decline" } } };
    Page::new(words, "Session 7f3a9c01")
        .role("Issuer")
        .sandbox()
        .wide()
        .link_here("/sessions", "Sessions")
        .link("/keys", "Keys")
        .link("/docs", "Documentation")
        .script(Script::Copy)
        .main(html! {
            div class="cols" {
                section {
                    div class="panel" { (checks(&words, "Checks", &rows())) }
                    (code_block(&words, "curl", "The same by the API", curl))
                    div class="actions" {
                        button { "Approve" }
                        (confirm(&words, "decline", "Decline …", "Decline this session", "The person is told why.", &decline))
                    }
                }
                section {
                    (card(&words, Some("/credentials/1")))
                    div class="panel" { h2 { "Read from the document" } (fields(&read)) }
                    (log_table("Latest sessions", &["When", "Session", "Status"], &log))
                    p { (pill(Tone::Stop, "Revoked")) " " (pill(Tone::Active, "Sending")) " " (pill(Tone::Quiet, "Draft")) }
                    (notice(&words, Tone::Warn, "Two checks need a look", "Liveness was not performed.", None))
                    (notice(&words, Tone::Ok, "Saved", "The new threshold counts from the next session on.", None))
                    (empty(Icon::Empty, "Nothing to review", "Sessions that need a person appear here.", Some(("/", "All sessions"))))
                }
            }
        })
}

#[test]
fn no_page_needs_more_than_the_policy_allows() {
    let catalogue = Catalogue::new(&[]).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(folder.join("assets")).unwrap();
    for lang in Lang::ALL {
        let words = catalogue.words(lang);
        let pages = [
            ("capture", capture(words)),
            ("agree", agree(words)),
            ("result", result(words)),
            ("console", console(words)),
        ];
        for (name, page) in pages {
            let html = page.render().into_string();
            for forbidden in [" style=", "<style", "javascript:", "onclick", "http-equiv", "src=\"http"] {
                assert!(!html.contains(forbidden), "{name} in {lang} has `{forbidden}`");
            }
            for script in html.split("<script").skip(1) {
                assert!(script.starts_with(" type=\"module\" src=\"/assets/"), "{name} in {lang}: {script:.60}");
            }
            assert!(html.contains(&format!("<html lang=\"{lang}\"")));
            assert_eq!(html.matches("<h1>").count(), 1);
            // Opened from a folder, an address below the root leads nowhere.
            let here = html.replace("/assets/", "assets/");
            fs::write(folder.join(format!("{name}-{lang}.html")), here).unwrap();
        }
    }
}

#[tokio::test]
async fn the_stylesheet_is_left_beside_the_pages() {
    use tower::ServiceExt;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages/assets");
    fs::create_dir_all(&folder).unwrap();
    for name in ["warifu.css", "camera.js", "poll.js", "copy.js", "logo.svg"] {
        let request = axum::http::Request::get(format!("/assets/{name}")).body(axum::body::Body::empty()).unwrap();
        let response = router::<()>().oneshot(request).await.unwrap();
        let content = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(!content.is_empty());
        fs::write(folder.join(name), content).unwrap();
    }
}
