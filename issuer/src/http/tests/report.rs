//! The report of a session: who gets one, what stands in it, and that nobody's name breaks it.

use std::path::PathBuf;

use base64ct::Encoding as _;

use super::*;
use crate::kyc::evidence::Jpeg;
use crate::kyc::session::OpenSession;

impl World {
    /// The same issuer, with these fonts for reports.
    fn writing_with(fonts: Vec<PathBuf>) -> Self {
        let models = Self::new().issuer.models.clone();
        let base = |registry, anchor| Config {
            report_fonts: Some(fonts),
            ..Config::sandbox(Url::parse("http://127.0.0.1:7001").unwrap(), registry, anchor)
        };
        let store = warifu_store::memory::open().unwrap();
        Self::of(base, store, Seeded::dangerous_new("report"), models, "http://127.0.0.1:1", None)
    }

    async fn report(&self, id: Uuid, query: &str) -> Answer {
        self.api("GET", &format!("/v3/session/{id}/generate-pdf/{query}"), Value::Null).await
    }

    /// Changes what is kept of a session, whoever could have.
    async fn alter(&self, token: &str, change: impl Fn(&mut OpenSession)) {
        let altered = |open: &mut OpenSession| {
            change(open);
            Ok("session.altered")
        };
        self.issuer.change(token, self.now(), altered).await.unwrap();
    }
}

/// What is true of every file; and the text of each page as another program reads it (`pdftotext` of Poppler), or `None`
/// where that is not installed.
#[track_caller]
fn pages(answer: &Answer) -> Option<Vec<String>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/pdf");
    let file = answer.text();
    assert!(file.starts_with("%PDF-1.7") && file.trim_end().ends_with("%%EOF"));
    let (_, end) = file.rsplit_once("startxref").unwrap();
    let at: usize = end.split_whitespace().next().unwrap().parse().unwrap();
    assert!(answer.body[at..].starts_with(b"xref"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    std::fs::write(&path, &answer.body).unwrap();
    // To be looked at by a person.
    if let Some(kept) = std::env::var_os("WARIFU_REPORTS") {
        let name = base64ct::Base64UrlUnpadded::encode_string(&warifu_keys::sha256(&answer.body)[..6]);
        std::fs::write(PathBuf::from(kept).join(format!("{name}.pdf")), &answer.body).unwrap();
    }
    let read = std::process::Command::new("pdftotext").args(["-enc", "UTF-8"]).arg(&path).arg("-").output();
    let Ok(read) = read else {
        println!("skipped: what stands in a report: pdftotext is not installed");
        return None;
    };
    let complaints = String::from_utf8_lossy(&read.stderr).into_owned();
    assert!(read.status.success() && complaints.is_empty(), "{complaints}");
    let text = String::from_utf8(read.stdout).unwrap();
    let pages = text.trim_end_matches('\u{c}').split('\u{c}');
    Some(pages.map(|page| page.replace('\n', " ")).collect())
}

fn japanese() -> Option<PathBuf> {
    let known = ["ipafont-gothic/ipag.ttf", "noto/NotoSansCJK-Regular.ttc", "ipaexfont-gothic/ipaexg.ttf"];
    known.iter().map(|name| PathBuf::from("/usr/share/fonts/opentype").join(name)).find(|path| path.exists())
}

/// Sets the name on the document, and what was printed of it.
fn name(open: &mut OpenSession, family: &str) {
    use crate::kyc::stage::Stage;
    if let Stage::Decided { identity, .. } = &mut open.personal.stage {
        family.clone_into(&mut identity.family_name);
    }
}

#[tokio::test]
async fn a_report_says_what_the_session_is() {
    let world = World::writing_with(Vec::new());
    let (id, token) = world.approved().await;
    world
        .alter(&token, |open| {
            use crate::kyc::stage::Stage;
            if let Stage::Decided { signals, .. } = &mut open.personal.stage {
                let same = signals.iter_mut().find(|signal| signal.name == CheckName::FaceMatch).unwrap();
                *same = same.clone().measured(0.41, Measure::Distance.held_to([0.55, 0.62]));
            }
        })
        .await;
    let answer = world.report(id, "").await;
    let Some(pages) = pages(&answer) else { return };
    let all = pages.join(" ");
    for part in [
        "Verification report",
        &id.to_string(),
        "Approved",
        "without a reviewer",
        "Same person",
        "Measured: distance 0.41. Threshold: below 0.55",
        "certified",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    for (n, page) in pages.iter().enumerate() {
        assert!(page.contains("SANDBOX"), "{page}");
        assert!(page.contains(&format!("Page {} of {}", n + 1, pages.len())), "{page}");
    }
}

#[tokio::test]
async fn the_same_session_at_the_same_moment_is_the_same_file() {
    let world = World::writing_with(japanese().into_iter().collect());
    let (id, _) = world.approved().await;
    let answer = world.report(id, "?language=ja").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(world.report(id, "?language=ja").await.body, answer.body);
    world.hands.step(Duration::from_secs(60));
    assert_ne!(world.report(id, "?language=ja").await.body, answer.body);
}

#[tokio::test]
async fn who_gets_no_report() {
    let world = World::writing_with(Vec::new());
    let (unfinished, _) = world.session().await;
    let refused = world.report(unfinished, "").await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("Not Started"));
    let (id, _) = world.approved().await;
    let path = format!("/v3/session/{id}/generate-pdf/");
    assert_eq!(world.get(&path).await.status, 403);
    assert_eq!(world.api_as("wrong", "GET", &path, Value::Null).await.status, 403);
    let other = world.application("Bank B").await;
    assert_eq!(world.api_as(&other, "GET", &path, Value::Null).await.status, 404);
    assert_eq!(world.report(Uuid::nil(), "").await.status, 404);
    assert_eq!(world.report(id, "?language=xx").await.status, 400);
    world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await;
    assert_eq!(world.report(id, "").await.status, 410);
}

#[tokio::test]
async fn no_name_breaks_a_report() {
    let world = World::writing_with(japanese().into_iter().collect());
    let long = "長い".repeat(5_000);
    let hostile = [
        "\u{0}\u{1}\u{1b}[2J\r\nx",
        "\u{202e}gnp.exe\u{2066}\u{200f}",
        "(unbalanced \\ ( <<endobj>> stream",
        "\u{1F600}\u{10FFFF}\u{FFFE}e\u{301}",
        "محمد אבג",
        "",
        &long,
        &"W".repeat(10_000),
    ];
    for text in hostile {
        let (id, token) = world.approved().await;
        world
            .alter(&token, |open| {
                name(open, text);
                open.session.vendor_data = Some(text.to_owned());
            })
            .await;
        let Some(pages) = pages(&world.report(id, "").await) else { continue };
        let all = pages.join(" ");
        assert!(!all.chars().any(|c| matches!(c, '\u{202e}' | '\u{2066}' | '\u{1b}' | '\u{0}')), "{text:?}");
        assert!(all.contains("About this report"), "{text:?}: it goes on after the name");
        if text.contains('م') {
            assert!(all.contains("[U+0645]") && all.contains("no font for"), "{all}");
        }
    }
}

#[tokio::test]
async fn a_name_is_written_in_its_script_or_said_to_be_in_another() {
    // Without a font: the machine-readable lines, and English in place of Japanese.
    let world = World::writing_with(Vec::new());
    let (id, token) = world.approved().await;
    world.alter(&token, |open| name(open, "山田")).await;
    let all = world.report(id, "?language=ja").await;
    let Some(all) = pages(&all).map(|pages| pages.join(" ")) else { return };
    for part in ["No font with Japanese", "[U+5C71]", "the machine-readable lines say: ERIKSSON"] {
        assert!(all.contains(part), "{part} in {all}");
    }
    // With one: the name itself.
    let Some(font) = japanese() else {
        println!("skipped: a_name_is_written_in_its_script: no Japanese font is installed");
        return;
    };
    let world = World::writing_with(vec![font, PathBuf::from("/nowhere/font.ttf")]);
    let (id, token) = world.approved().await;
    world.alter(&token, |open| name(open, "山田")).await;
    let answer = world.report(id, "?language=ja").await;
    let Some(all) = pages(&answer).map(|pages| pages.join(" ")) else { return };
    for part in ["山田", "本人確認報告書", "お試し環境"] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert!(!all.contains("[U+"), "{all}");
    assert!(answer.body.len() < 200_000, "only the glyphs that are used: {} bytes", answer.body.len());
}

#[tokio::test]
async fn pictures_are_in_it_while_they_are_kept() {
    let world = World::writing_with(Vec::new());
    let (id, token) = world.approved().await;
    let jpeg = warifu_models::picture::Picture::filled(280, 360, [200, 120, 80]).encode_jpeg(80).unwrap();
    let count = |answer: &Answer| answer.text().matches("/Subtype /Image").count();
    assert_eq!(count(&world.report(id, "").await), 0, "no blob, and a portrait that is no picture");
    world
        .alter(&token, |open| {
            use crate::kyc::stage::Stage;
            if let Stage::Decided { document, .. } = &mut open.personal.stage {
                document.read.portrait.as_mut().unwrap().jpeg = Jpeg(jpeg.clone());
            }
        })
        .await;
    let answer = world.report(id, "").await;
    assert_eq!(count(&answer), 1);
    assert!(pages(&answer).is_none_or(|pages| pages.join(" ").contains("Portrait in the document")));
}
