//! The parts of pages, one function each: data in, markup out. What they say themselves comes from the shared
//! messages; everything passed in is already in the reader's language.
//!
//! Colour never stands alone: every state has an icon and a word.

use jiff::Timestamp;
use maud::{Markup, html};
use qrcode::{EcLevel, QrCode};
use url::Url;

use super::Icon;
use crate::text::Words;

/// How something stands, for colour and icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Done, passed, valid.
    Ok,
    /// Needs a look, or will soon.
    Warn,
    /// Failed, refused, revoked.
    Stop,
    /// Under way.
    Active,
    /// Nothing to say about good or bad.
    Quiet,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Stop => "stop",
            Self::Active => "active",
            Self::Quiet => "quiet",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Ok => Icon::Check,
            Self::Warn => Icon::Alert,
            Self::Stop => Icon::Stop,
            Self::Active => Icon::Clock,
            Self::Quiet => Icon::Info,
        }
    }
}

/// The logo: a tally in two halves, the marks across the cut in line again.
#[must_use]
pub fn logo() -> Markup {
    html! {
        svg class="logo" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" { (tally_halves()) }
    }
}

/// The halves meet: shown once, when something was proven, above the words that say what.
#[must_use]
pub fn proven() -> Markup {
    html! {
        svg class="proven" viewBox="0 0 32 32" width="96" height="96" aria-hidden="true" { (tally_halves()) }
    }
}

fn tally_halves() -> Markup {
    html! {
        g class="half left" {
            path d="M5 2h11.2l-2.4 7 3.6 7-3.6 7 2.4 7H5a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z" {}
            path class="mark" d="M7.5 9h10M10.5 16h6.5M7.5 23h10" {}
        }
        g class="half right" {
            path d="M17.8 2H27a2 2 0 0 1 2 2v24a2 2 0 0 1-2 2h-9.2l-2.4-7 3.6-7-3.6-7z" {}
            path class="mark" d="M15 9h9.5M15 16h6.5M15 23h9.5" {}
        }
    }
}

/// A state in one word: "Approved", "In Review", "Revoked".
#[must_use]
pub fn pill(tone: Tone, text: &str) -> Markup {
    html! { span class={ "pill " (tone.class()) } { (tone.icon()) (text) } }
}

/// A session's status in its exact words (`Not Started`, `In Review`, …), translated beside where the page is not
/// English. An unknown status is shown as it is.
#[must_use]
pub fn status_pill(words: &Words<'_>, status: &str) -> Markup {
    let tone = match status {
        "Approved" => Tone::Ok,
        "In Review" | "Resubmitted" | "Kyc Expired" => Tone::Warn,
        "Declined" => Tone::Stop,
        "In Progress" | "Awaiting User" => Tone::Active,
        _ => Tone::Quiet,
    };
    let id = format!("status-{}", status.to_ascii_lowercase().replace(' ', "-"));
    let said = words.say(&id);
    pill(tone, if said == id { status } else { &said })
}

/// Identifier of the line that says where the reader is.
pub(super) const STEP: &str = "step";

/// Where the reader is: "Step 2 of 4", and a bar of that many pieces. `step` counts from 1.
#[must_use]
pub fn steps(words: &Words<'_>, step: usize, labels: &[&str]) -> Markup {
    let text = words.fill("steps-of", &[("step", step.into()), ("steps", labels.len().into())]);
    let here = step.checked_sub(1).and_then(|before| labels.get(before)).copied().unwrap_or("");
    html! {
        nav class="steps" aria-label=(words.say("steps-label")) {
            p id=(STEP) { (text) " · " strong { (here) } }
            ol aria-hidden="true" {
                @for (number, label) in (1..).zip(labels) {
                    li class=(match number.cmp(&step) {
                            std::cmp::Ordering::Less => "done",
                            std::cmp::Ordering::Equal => "here",
                            std::cmp::Ordering::Greater => "ahead",
                        }) { span { (label) } }
                }
            }
        }
    }
}

/// A credential as it lies in the wallet: it looks like the card it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// What it is: "Identity attestation".
    pub kind: &'a str,
    /// Who issued it.
    pub issuer: &'a str,
    /// The line that tells this card from others, printed large: the holder's name as printed.
    pub holder: &'a str,
    /// Further lines, as (label, value).
    pub lines: &'a [(&'a str, &'a str)],
    /// How it stands, in a word.
    pub status: (Tone, &'a str),
    /// Where a click leads, or `None` for a card that only shows.
    pub href: Option<&'a str>,
    /// Whether the sandbox mark is printed on it.
    pub sandbox: bool,
}

/// A credential card. See [`Card`].
#[must_use]
pub fn credential_card(words: &Words<'_>, card: &Card<'_>) -> Markup {
    let (tone, status) = card.status;
    html! {
        article class="credential" {
            header {
                p class="credential-issuer" { (card.issuer) }
                (pill(tone, status))
            }
            h3 { @if let Some(href) = card.href { a href=(href) { (card.kind) } } @else { (card.kind) } }
            p class="credential-holder" { (card.holder) }
            dl {
                @for (label, value) in card.lines { div { dt { (label) } dd { (value) } } }
            }
            @if card.sandbox { p class="credential-sandbox" { (words.say("card-sandbox")) } }
            (logo())
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Passed.
    Pass,
    /// Let through with a remark, or for a person to decide.
    Warn,
    /// Failed.
    Fail,
    /// Not performed; never shown as passed.
    NotPerformed,
}

/// One check, with everything it was judged by.
#[derive(Clone, Copy, Debug)]
pub struct CheckRow<'a> {
    /// What was checked.
    pub name: &'a str,
    /// What was measured, as text with its unit; empty when nothing was.
    pub value: &'a str,
    /// What it was measured against; empty when there is no threshold.
    pub threshold: &'a str,
    /// How it came out.
    pub outcome: Outcome,
    /// Why, or what to do; empty when the outcome says it all.
    pub why: &'a str,
}

/// A list of checks with value, threshold, outcome and reason.
#[must_use]
pub fn checks(words: &Words<'_>, caption: &str, rows: &[CheckRow<'_>]) -> Markup {
    html! {
        table class="checks" {
            caption { (caption) }
            thead {
                tr {
                    th scope="col" { (words.say("check-name")) }
                    th scope="col" { (words.say("check-value")) }
                    th scope="col" { (words.say("check-threshold")) }
                    th scope="col" { (words.say("check-outcome")) }
                }
            }
            tbody {
                @for row in rows { (check_row(words, row)) }
            }
        }
    }
}

fn check_row(words: &Words<'_>, row: &CheckRow<'_>) -> Markup {
    let (class, icon, id) = match row.outcome {
        Outcome::Pass => ("ok", Icon::Check, "outcome-pass"),
        Outcome::Warn => ("warn", Icon::Alert, "outcome-warn"),
        Outcome::Fail => ("stop", Icon::Stop, "outcome-fail"),
        Outcome::NotPerformed => ("quiet", Icon::NotRun, "outcome-not-performed"),
    };
    // Nothing was measured against anything: where a row is a card, the two dashes are left out.
    let bare = if row.value.is_empty() && row.threshold.is_empty() { " bare" } else { "" };
    let or_dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    html! {
        tr class={ (class) (bare) } {
            th scope="row" {
                (row.name)
                @if !row.why.is_empty() { span class="why" { (row.why) } }
            }
            td data-label=(words.say("check-value")) { (or_dash(row.value)) }
            td data-label=(words.say("check-threshold")) { (or_dash(row.threshold)) }
            td class="outcome" { (icon) span { (words.say(id)) } }
        }
    }
}

/// What a person is asked to agree to.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// Who asks.
    pub asker: &'a str,
    /// Whether the trust registry knows the asker.
    pub known: bool,
    /// What the registry says about the asker, or that it knows nothing.
    pub known_as: &'a str,
    /// What for, in the asker's words.
    pub purpose: &'a str,
    /// What is shared: (label, exact value).
    pub shared: &'a [(&'a str, &'a str)],
    /// What stays hidden: labels.
    pub hidden: &'a [&'a str],
    /// How long the asker keeps it.
    pub kept: &'a str,
}

/// Who asks, what for, exactly what is shared and what is not. The buttons are the page's, beside each other, refusing
/// as easy as agreeing.
#[must_use]
pub fn consent(words: &Words<'_>, consent: &Consent<'_>) -> Markup {
    html! {
        section class="consent" {
            header {
                (Icon::Bank)
                div {
                    p class="consent-asker" { (consent.asker) }
                    p class={ "consent-known " (if consent.known { "ok" } else { "warn" }) } {
                        @if consent.known { (Icon::Verified) } @else { (Icon::Unverified) }
                        (consent.known_as)
                    }
                }
            }
            dl class="consent-facts" {
                div { dt { (words.say("consent-purpose")) } dd { (consent.purpose) } }
                div { dt { (words.say("consent-kept")) } dd { (consent.kept) } }
            }
            h2 { (Icon::Shown) (words.fill("consent-shared", &[("count", consent.shared.len().into())])) }
            dl class="consent-shared" {
                @for (label, value) in consent.shared { div { dt { (label) } dd { (value) } } }
            }
            @if !consent.hidden.is_empty() {
                h2 { (Icon::Hidden) (words.say("consent-hidden")) }
                ul class="consent-hidden" { @for label in consent.hidden { li { (label) } } }
            }
        }
    }
}

/// Something to scan, with the way for people whose wallet is on this device.
#[derive(Clone, Copy, Debug)]
pub struct QrPanel<'a> {
    /// What the code says; also what the link opens unless `link` is given.
    pub payload: &'a str,
    /// Where "open on this device" leads, or `None` for the payload itself.
    pub link: Option<&'a str>,
    /// When it stops working; the rest of the time is counted down.
    pub expires: Option<Timestamp>,
    /// Where the page asks how things stand (see `poll.js`), or `None` for a code that only stands there.
    pub poll: Option<&'a str>,
    /// What the reader waits for, in the live line: "Waiting for your wallet".
    pub waiting: &'a str,
}

/// Where "open on this device" leads: the page of a wallet that takes links as `uri`, or `None` for the link's own scheme.
#[must_use]
pub fn same_device(wallet: Option<&Url>, link: &str) -> Option<String> {
    let mut page = wallet?.clone();
    page.query_pairs_mut().append_pair("uri", link);
    Some(page.into())
}

/// A QR code with countdown, same-device button, and a live line that [`Script::Poll`](crate::assets::Script::Poll)
/// keeps up to date.
#[must_use]
pub fn qr_panel(words: &Words<'_>, panel: &QrPanel<'_>) -> Markup {
    html! {
        section class="qr-panel" data-poll=[panel.poll] {
            (qr(panel.payload, &words.say("qr-alt")))
            p class="live" role="status" aria-live="polite" data-poll-text {
                @if panel.poll.is_some() { span class="pulse" aria-hidden="true" {} }
                span data-poll-words { (panel.waiting) }
            }
            @if let Some(expires) = panel.expires {
                p class="countdown" data-over=(words.say("qr-over")) {
                    (words.say("qr-valid")) " "
                    time datetime=(expires) data-countdown { (words.lang.moment(expires)) }
                }
            }
            a class="button secondary" href=(panel.link.unwrap_or(panel.payload)) {
                (Icon::Phone) (words.say("qr-same-device"))
            }
        }
    }
}

/// A QR code as a picture, black on white in both schemes: scanners expect that. A text too long for any code (2953
/// bytes) gives an empty frame with the text below it.
#[must_use]
pub fn qr(payload: &str, alt: &str) -> Markup {
    let code = [EcLevel::M, EcLevel::L]
        .into_iter()
        .find_map(|level| QrCode::with_error_correction_level(payload.as_bytes(), level).ok());
    let Some(code) = code else {
        return html! { p class="qr-missing" { code { (payload) } } };
    };
    let width = code.width();
    let colors = code.to_colors();
    // One path instead of thousands of squares: a run of dark modules is one stroke.
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            if row[x] == qrcode::Color::Dark {
                let run = row[x..].iter().take_while(|color| **color == qrcode::Color::Dark).count();
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + 4, y + 4));
                x += run;
            } else {
                x += 1;
            }
        }
    }
    let side = width + 8;
    html! {
        svg class="qr" viewBox={ "0 0 " (side) " " (side) } role="img" aria-label=(alt) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

/// What the camera looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The reader's face: front camera, mirrored preview, oval frame.
    Face,
    /// A passport's data page (ID-3, 125 x 88 mm): back camera.
    Passport,
    /// A card (ID-1, 85.6 x 54 mm): back camera.
    IdCard,
}

/// A form that takes one picture.
#[derive(Clone, Copy, Debug)]
pub struct Camera<'a> {
    /// What it looks at.
    pub subject: Subject,
    /// Where the picture is posted, as `multipart/form-data`.
    pub action: &'a str,
    /// Name of the file field.
    pub field: &'a str,
    /// Further hidden fields, such as the form token.
    pub hidden: &'a [(&'a str, &'a str)],
    /// Whether a file may be chosen instead.
    pub upload: bool,
    /// What the picture is for, said before the browser asks for the camera.
    pub reason: &'a str,
    /// Text of the button that sends the picture: "Use this picture".
    pub send: &'a str,
    /// A button that stands beside it, such as the one that refuses.
    pub beside: Option<&'a Markup>,
    /// Where a recording is asked for instead of one picture.
    pub capture: Option<Capture<'a>>,
    /// Where the reader learns how to go on with another device.
    pub elsewhere: Option<&'a str>,
}

/// A recording of a face for a liveness challenge (`capture.js`).
#[derive(Clone, Copy, Debug)]
pub struct Capture<'a> {
    /// Takes a small JPEG by `POST` and answers with what to do about it, for hints while the person finds their place.
    pub look: &'a str,
    /// Gives a challenge by `POST`.
    pub challenge: &'a str,
}

/// Name of the text field that describes a recording.
pub const RECORDING: &str = "recording";

/// What the camera panel can say during a recording: the names of tasks and hints.
pub const CAPTURE_WORDS: [&str; 18] = [
    "look_straight",
    "turn_left",
    "turn_right",
    "nod",
    "blink",
    "come_closer",
    "hold_still",
    "and_back",
    "no_face",
    "several_faces",
    "too_far",
    "too_close",
    "off_centre",
    "too_dark",
    "too_bright",
    "blurred",
    "open_eyes",
    "covered",
];

fn capture_words(words: &Words<'_>) -> String {
    let said = CAPTURE_WORDS.map(|word| (word, words.say(&format!("capture-{}", word.replace('_', "-")))));
    serde_json::Value::from_iter(said).to_string()
}

/// The camera panel. Without scripts it is a form with a file picker; [`Script::Camera`](crate::assets::Script::Camera)
/// adds preview, hints, capture and "Use it / Take again", and puts the picture into the same file field. Further fields of
/// the form can stand elsewhere on the page: its `id` is [`camera_form`] of the field.
#[must_use]
pub fn camera(words: &Words<'_>, camera: &Camera<'_>) -> Markup {
    let (kind, facing) = match camera.subject {
        Subject::Face => ("face", "user"),
        Subject::Passport => ("passport", "environment"),
        Subject::IdCard => ("id-card", "environment"),
    };
    let id = format!("camera-{}", camera.field);
    html! {
        form id=(camera_form(camera.field)) class={ "camera " (kind) } method="post" action=(camera.action) enctype="multipart/form-data"
            data-camera=(facing)
            data-starting=(words.say("camera-starting"))
            data-ready=(words.say(if camera.subject == Subject::Face { "camera-ready-face" } else { "camera-ready-document" }))
            data-dark=(words.say("camera-dark"))
            data-bright=(words.say("camera-bright"))
            data-still=(words.say("camera-still"))
            data-taken=(words.say("camera-taken"))
            data-sending=(words.say("camera-sending"))
            data-refused=(words.say(if camera.upload { "camera-refused" } else { "camera-refused-only" }))
            data-absent=(words.say(if camera.upload { "camera-absent" } else { "camera-absent-only" }))
            data-busy=(words.say(if camera.upload { "camera-busy" } else { "camera-busy-only" }))
            data-failed=(words.say("camera-failed"))
            data-look=[camera.capture.map(|capture| capture.look)]
            data-challenge=[camera.capture.map(|capture| capture.challenge)]
            data-words=[camera.capture.map(|_| capture_words(words))] {
            @for (name, value) in camera.hidden { input type="hidden" name=(name) value=(value); }
            @if camera.capture.is_some() { input type="hidden" name=(RECORDING) data-recording; }
            p class="camera-reason" id={ (id) "-reason" } { (Icon::Lock) span { (camera.reason) } }
            div class="camera-view" data-view hidden {
                video data-preview playsinline muted aria-label=(words.say("camera-preview")) {}
                img data-picture hidden alt=(words.say("camera-picture"));
                (camera_frame(camera.subject))
            }
            @if camera.capture.is_some() { div class="camera-veil" data-veil hidden {} }
            p class="camera-hint" role="status" aria-live="polite" data-hint {}
            div class="camera-file" data-file hidden[!camera.upload] {
                label for=(id) { (Icon::Upload) (words.say("camera-upload")) }
                input id=(id) type="file" name=(camera.field) accept="image/jpeg,image/png,image/webp" required
                    multiple[camera.capture.is_some()] aria-describedby={ (id) "-reason" };
            }
            @if let Some(elsewhere) = camera.elsewhere {
                p class="camera-elsewhere" data-elsewhere {
                    (Icon::Phone) a href=(elsewhere) { (words.say("camera-elsewhere")) }
                }
            }
            div class="actions" {
                button class="button" type="button" data-start hidden { (Icon::Camera) (words.say("camera-start")) }
                button class="button shutter" type="button" data-shutter hidden { (Icon::Camera) (words.say("camera-take")) }
                button class="button" type="submit" data-send { (camera.send) }
                button class="button secondary" type="button" data-again hidden { (Icon::Again) (words.say("camera-again")) }
                @if let Some(beside) = camera.beside { (beside) }
            }
        }
    }
}

/// The `id` of the camera panel's form with this file field.
#[must_use]
pub fn camera_form(field: &str) -> String {
    format!("camera-{field}-form")
}

fn camera_frame(subject: Subject) -> Markup {
    // The shade around the frame is one path with a hole, in units of the view (3:4 for a face, 4:3 for a document).
    let (view, outer, hole) = match subject {
        Subject::Face => (
            "0 0 300 400",
            "M0 0h300v400H0z",
            "M150 62c62 0 100 50 100 122s-42 146-100 146S50 256 50 184 88 62 150 62z",
        ),
        Subject::Passport => (
            "0 0 400 300",
            "M0 0h400v300H0z",
            "M32 26h336a8 8 0 0 1 8 8v232a8 8 0 0 1-8 8H32a8 8 0 0 1-8-8V34a8 8 0 0 1 8-8z",
        ),
        Subject::IdCard => (
            "0 0 400 300",
            "M0 0h400v300H0z",
            "M32 39h336a10 10 0 0 1 10 10v202a10 10 0 0 1-10 10H32a10 10 0 0 1-10-10V49a10 10 0 0 1 10-10z",
        ),
    };
    html! {
        svg class="camera-frame" viewBox=(view) preserveAspectRatio="none" aria-hidden="true" {
            path class="shade" fill-rule="evenodd" d={ (outer) (hole) } {}
            path class="edge" d=(hole) {}
            path class="ring" d=(hole) pathLength="1" {}
        }
    }
}

/// Text to copy: a request, an identifier, a link. The button appears with [`Script::Copy`](crate::assets::Script::Copy).
/// `id` names the block on its page.
#[must_use]
pub fn code_block(words: &Words<'_>, id: &str, label: &str, code: &str) -> Markup {
    html! {
        figure class="code" {
            figcaption {
                span { (label) }
                button class="quiet" type="button" data-copy={ "#" (id) } data-copied=(words.say("copy-done")) hidden {
                    (Icon::Copy) span aria-live="polite" { (words.say("copy")) }
                }
            }
            pre tabindex="0" { code id=(id) { (code) } }
        }
    }
}

/// Nothing here yet: what would be here, and how to get it.
#[must_use]
pub fn empty(icon: Icon, title: &str, text: &str, action: Option<(&str, &str)>) -> Markup {
    html! {
        section class="empty" {
            (icon)
            h2 { (title) }
            p { (text) }
            @if let Some((href, label)) = action { a class="button" href=(href) { (label) } }
        }
    }
}

/// Something to know before going on: what was seen, and what to do. `reference` is the correlation id, shown small.
#[must_use]
pub fn notice(words: &Words<'_>, tone: Tone, title: &str, text: &str, reference: Option<&str>) -> Markup {
    let role = if tone == Tone::Stop { "alert" } else { "status" };
    html! {
        section class={ "notice " (tone.class()) } role=(role) {
            (tone.icon())
            div {
                h2 { (title) }
                p { (text) }
                @if let Some(reference) = reference {
                    p class="reference" { (words.say("shell-reference")) " " code { (reference) } }
                }
            }
        }
    }
}

/// A value that was read, with where it comes from and how sure that is.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What it is: "Date of birth".
    pub label: &'a str,
    /// The value, as printed.
    pub value: &'a str,
    /// Where it was read: "MRZ", "Chip"; empty when that goes without saying.
    pub source: &'a str,
    /// How sure, as text and tone.
    pub confidence: Option<(Tone, &'a str)>,
}

/// A list of read values.
#[must_use]
pub fn fields(rows: &[Field<'_>]) -> Markup {
    html! {
        dl class="fields" {
            @for row in rows {
                div {
                    dt { (row.label) }
                    dd {
                        span class="field-value" { (row.value) }
                        @if !row.source.is_empty() { span class="field-source" { (row.source) } }
                        @if let Some((tone, text)) = row.confidence { (pill(tone, text)) }
                    }
                }
            }
        }
    }
}

/// A table of things that happened or are kept. Cells are markup, so they can hold pills and links.
#[must_use]
pub fn log_table(caption: &str, columns: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div class="table-scroll" tabindex="0" role="region" aria-label=(caption) {
            table class="log" {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for row in rows {
                        // Narrow screens show a row as a card, each cell under its heading.
                        tr { @for (cell, column) in row.iter().zip(columns) { td data-label=(column) { div { (cell) } } } }
                    }
                }
            }
        }
    }
}

/// A question before something that cannot be taken back. It opens without a script; `form` holds the deciding button.
#[must_use]
pub fn confirm(words: &Words<'_>, id: &str, open: &str, title: &str, text: &str, form: &Markup) -> Markup {
    html! {
        button class="button secondary" type="button" popovertarget=(id) { (open) }
        section class="dialog" id=(id) popover="auto" role="dialog" aria-label=(title) {
            h2 { (title) }
            p { (text) }
            div class="actions" {
                (form)
                button class="button secondary" type="button" popovertarget=(id) popovertargetaction="hide" {
                    (words.say("dialog-cancel"))
                }
            }
        }
    }
}
