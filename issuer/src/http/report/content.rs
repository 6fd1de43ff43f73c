//! What a report says, in its order.

use jiff::Timestamp;
use warifu_server::text::{Lang, Words};
use warifu_session::Status;
use warifu_session::decision::{Decision, IdVerification};

use super::font::Fonts;
use super::paper::{Frame, Paper, Picture, Style, clean};
use crate::Issuer;
use crate::kyc::check::Outcome;
use crate::kyc::consent::{Consent, ConsentState};
use crate::kyc::evidence::Agreement;
use crate::kyc::explain::{Explained, Explanation};
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::kyc::workflow::{Consequence, Environment};

/// Longest text of others in a report, in characters; what is longer is cut, and that is said.
const LONGEST: usize = 600;
/// Most entries of a list of others.
const MOST: usize = 200;

/// What is known of the session.
pub(super) struct Facts {
    pub(super) decision: Decision,
    pub(super) explanation: Explanation,
    pub(super) consents: Vec<Consent>,
    /// Name of the application.
    pub(super) application: String,
    pub(super) now: Timestamp,
}

/// Pictures that are still kept, as JPEG with width and height.
pub(super) struct Images {
    pub(super) portrait: Option<(Vec<u8>, u32, u32)>,
    pub(super) document: Option<(Vec<u8>, u32, u32)>,
}

/// The report as a PDF file.
pub(super) fn write(
    issuer: &Issuer,
    fonts: &Fonts,
    wished: Lang,
    open: &OpenSession,
    facts: &Facts,
    images: Images,
) -> Vec<u8> {
    let lang = if wished == Lang::Ja && !fonts.has_japanese() { Lang::En } else { wished };
    let words = issuer.catalogue.words(lang);
    let session = &open.session;
    let made = words.fill("report-made", &[("at", lang.moment(facts.now).into())]);
    let issuer_name = short(&issuer.config().name);
    let frame = Frame {
        header: format!("{issuer_name} · {} · {}", words.say("report-title"), session.id),
        band: (session.workflow.environment == Environment::Sandbox).then(|| words.say("report-sandbox")),
        footer: {
            let pattern = [words.say("report-page"), made.clone()];
            Box::new(move |page, pages| {
                let number = pattern[0].replace("%page%", &page.to_string()).replace("%pages%", &pages.to_string());
                format!("{number} · {}", pattern[1])
            })
        },
        title: format!("{} {}", words.say("report-title"), session.id),
        language: lang.tag(),
        at: facts.now,
    };
    let mut report = Report { words, lang, paper: Paper::new(fonts, frame), open, facts };
    report.paper.text(&words.say("report-title"), Style::TITLE);
    report.paper.gap();
    if lang != wished {
        report.paper.text(&words.say("report-no-japanese"), Style::TEXT);
        report.paper.gap();
    }
    report.summary(issuer);
    report.identity();
    report.pictures(images);
    report.checks();
    report.warnings();
    report.reviews();
    report.consents();
    report.origin();
    report.close();
    report.paper.finish()
}

struct Report<'a> {
    words: Words<'a>,
    lang: Lang,
    paper: Paper<'a>,
    open: &'a OpenSession,
    facts: &'a Facts,
}

/// A text of others, at most so long.
fn short(text: &str) -> String {
    let text = clean(text);
    let count = text.chars().count();
    if count <= LONGEST {
        return text;
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{kept}… [{LONGEST}/{count}]")
}

impl Report<'_> {
    fn row(&mut self, label: &str, value: &str) {
        let (label, value) = (self.words.say(label), short(value));
        self.paper.row(&label, if value.trim().is_empty() { "–" } else { &value });
    }

    fn heading(&mut self, id: &str) {
        let text = self.words.say(id);
        self.paper.heading(&text);
    }

    fn status(&self, status: Status) -> String {
        let id = format!("status-{}", status.word().to_ascii_lowercase().replace(' ', "-"));
        let said = self.words.say(&id);
        // The exact word stands beside its translation: files are searched for it.
        if self.lang == Lang::En { status.word().to_owned() } else { format!("{said} ({})", status.word()) }
    }

    fn summary(&mut self, issuer: &Issuer) {
        let (session, lang) = (&self.open.session, self.lang);
        let config = issuer.config();
        let status = self.status(self.facts.decision.status);
        let how = match self.facts.explanation.status_override {
            Some(it) => {
                let (automatic, at) = (self.status(it.automatic_status), lang.moment(it.overridden_at));
                self.words.fill("report-by-reviewer", &[("automatic", automatic.into()), ("at", at.into())])
            }
            None => self.words.say("report-by-checks"),
        };
        let decided = match &self.open.personal.stage {
            Stage::Decided { at, .. } | Stage::Compared { at, .. } => lang.moment(*at),
            Stage::Opened
            | Stage::DocumentRead { .. }
            | Stage::DocumentAgain { .. }
            | Stage::Complete { .. }
            | Stage::AwaitingCredential
            | Stage::AwaitingFace { .. } => String::new(),
        };
        let workflow = &session.workflow;
        let version = self.words.fill("report-version", &[("version", u64::from(workflow.version).into())]);
        self.row("report-status", &status);
        self.row("report-how", &how);
        self.row("report-decided", &decided);
        self.row("report-session", &session.id.to_string());
        self.row("report-number", &session.number.to_string());
        self.row("report-vendor-data", session.vendor_data.as_deref().unwrap_or_default());
        self.row("report-application", &format!("{} ({})", short(&self.facts.application), session.application));
        self.row("report-workflow", &format!("{} · {} · {version}", short(&workflow.label), workflow.id));
        self.row("report-created", &lang.moment(session.created_at));
        self.row("report-issuer", &format!("{}, {}", config.authority, config.country));
    }

    fn identity(&mut self) {
        self.heading("report-identity");
        let Some(document) = self.facts.decision.id_verifications.iter().flatten().next() else {
            let text = self.words.say("report-no-document");
            self.paper.text(&text, Style::TEXT);
            return;
        };
        let lang = self.lang;
        let day = |date: Option<jiff::civil::Date>| date.map(|date| lang.date(date)).unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        // Label, value, its name in corrections, and its name in the printed text where that is compared.
        let rows = [
            ("report-last-name", text(&document.last_name), "last_name", "surname"),
            ("report-first-name", text(&document.first_name), "first_name", "given_names"),
            ("report-birth-date", day(document.date_of_birth), "date_of_birth", "birth_date"),
            ("report-birth-place", text(&document.place_of_birth), "place_of_birth", ""),
            ("report-sex", text(&document.gender), "gender", ""),
            ("report-nationality", text(&document.nationality), "nationality", ""),
            ("report-document-type", text(&document.document_type), "document_type", ""),
            ("report-document-number", text(&document.document_number), "document_number", "number"),
            ("report-personal-number", text(&document.personal_number), "personal_number", ""),
            ("report-issuing-state", text(&document.issuing_state), "issuing_state", ""),
            ("report-expires", day(document.expiration_date), "expiration_date", "expiry"),
        ];
        for (label, value, name, printed) in rows {
            if value.is_empty() && !document.corrections.contains_key(name) {
                continue;
            }
            let source = self.source(document, name, printed);
            let shown = if value.is_empty() { "–".to_owned() } else { self.shown(&value, name) };
            let label = self.words.say(label);
            self.paper.row(&label, &format!("{shown}  ({source})"));
        }
        if let Some(mrz) = document.mrz.as_ref().and_then(|mrz| mrz["mrz_string"].as_str()) {
            let lines = mrz.to_owned();
            let label = self.words.say("report-mrz");
            for (n, line) in lines.lines().take(3).enumerate() {
                self.paper.row(if n == 0 { &label } else { " " }, &short(line));
            }
        }
    }

    /// A value, and where it can not be drawn what the machine-readable zone says in Latin letters.
    fn shown(&self, value: &str, name: &str) -> String {
        let value = short(value);
        if self.paper.draws(&value) {
            return value;
        }
        let latin = match name {
            "last_name" => self.latin_name().map(|(surname, _)| surname),
            "first_name" => self.latin_name().map(|(_, given)| given),
            _ => None,
        };
        let note = match latin {
            Some(latin) => self.words.fill("report-undrawn-latin", &[("latin", latin.into())]),
            None => self.words.say("report-undrawn"),
        };
        format!("{value} {note}")
    }

    /// Surname and given names as the machine-readable zone spells them (ICAO Doc 9303 parts 4 to 6).
    fn latin_name(&self) -> Option<(String, String)> {
        let mrz = self.open.personal.stage.document()?.read.mrz.as_ref()?;
        let field = match mrz.lines.as_slice() {
            [first, _] => first.get(5..)?,
            [_, _, third] => third.as_str(),
            _ => return None,
        };
        let (surname, given) = field.split_once("<<").unwrap_or((field, ""));
        let plain = |text: &str| text.replace('<', " ").trim().to_owned();
        Some((plain(surname), plain(given)))
    }

    /// Where a value comes from, and whether the printed text agrees.
    fn source(&self, document: &IdVerification, name: &str, printed: &str) -> String {
        let words = self.words;
        if let Some(correction) = document.corrections.get(name) {
            let corrected = short(&correction.corrected);
            let at = self.lang.moment(correction.at);
            return words.fill("report-source-corrected", &[("value", corrected.into()), ("at", at.into())]);
        }
        if name == "place_of_birth" {
            return words.say("report-source-printed");
        }
        let fields = self.open.personal.stage.document().map(|it| &it.read.visual_zone.0);
        let agreement = fields.into_iter().flatten().find(|field| field.field == printed).map(|field| field.agreement);
        words.say(match agreement {
            Some(Agreement::Agrees) => "report-source-both",
            Some(Agreement::Differs) => "report-source-differs",
            Some(Agreement::NotRead) => "report-source-unread",
            None => "report-source-mrz",
        })
    }

    fn pictures(&mut self, images: Images) {
        let Images { portrait, document } = images;
        let mut pictures = Vec::new();
        for (image, caption) in [(portrait, "report-portrait"), (document, "report-scan")] {
            if let Some((jpeg, width, height)) = image {
                pictures.push(Picture { caption: self.words.say(caption), jpeg, width, height });
            }
        }
        if !pictures.is_empty() {
            self.heading("report-pictures");
            self.paper.pictures(pictures);
        }
    }

    fn checks(&mut self) {
        self.heading("report-checks");
        let lead = self.words.say("report-checks-lead");
        self.paper.text(&lead, Style::SOFT);
        for check in &self.facts.explanation.checks {
            self.check(check);
        }
    }

    fn check(&mut self, check: &Explained) {
        let words = self.words;
        let signal = &check.signal;
        let outcome = words.say(match signal.outcome {
            Outcome::Pass => "outcome-pass",
            Outcome::Warn => "outcome-warn",
            Outcome::Fail => "outcome-fail",
            Outcome::NotRun => "outcome-not-performed",
        });
        self.paper.gap();
        self.paper.text(&format!("{} – {outcome}", words.say(&format!("check-{}", signal.name))), Style::STRONG);
        let reason = words.say(&format!("reason-{}", signal.code));
        self.paper.text(&reason, Style::TEXT);
        let [value, threshold] = super::super::pages::measured(words, signal);
        if !value.is_empty() || !threshold.is_empty() {
            let value = if value.is_empty() { "–".to_owned() } else { value };
            let line = words.fill("report-measured", &[("value", value.into()), ("threshold", threshold.into())]);
            self.paper.text(&line, Style::TEXT);
        }
        if let Some(consequence) = check.consequence {
            let follows = words.say(match consequence {
                Consequence::Accept => "report-accept",
                Consequence::Warn => "report-warn",
                Consequence::Review => "report-review",
                Consequence::Decline => "report-decline",
            });
            let line = words.fill("report-follows", &[("follows", follows.into()), ("knob", check.knob.into())]);
            self.paper.text(&line, Style::SOFT);
        }
    }

    fn warnings(&mut self) {
        let decision = &self.facts.decision;
        let documents = decision.id_verifications.iter().flatten().flat_map(|it| &it.warnings);
        let liveness = decision.liveness_checks.iter().flatten().flat_map(|it| &it.warnings);
        let faces = decision.face_matches.iter().flatten().flat_map(|it| &it.warnings);
        let rows: Vec<(String, String)> = documents
            .chain(liveness)
            .chain(faces)
            .take(MOST)
            .map(|it| (it.risk.clone(), self.words.say(&format!("check-{}", it.short_description))))
            .collect();
        self.heading("report-warnings");
        if rows.is_empty() {
            let none = self.words.say("report-none");
            self.paper.text(&none, Style::TEXT);
        }
        for (risk, check) in rows {
            self.paper.text(&format!("{risk} – {check}"), Style::TEXT);
        }
    }

    fn reviews(&mut self) {
        self.heading("report-reviews");
        let entries = &self.open.personal.reviews;
        if entries.is_empty() {
            let none = self.words.say("report-none");
            self.paper.text(&none, Style::TEXT);
        }
        for entry in entries.iter().take(MOST) {
            let mut value = format!("{}: {}", short(&entry.actor_name), self.status(entry.new_status));
            if !entry.changed_fields.is_empty() {
                value = format!("{value} · {}", short(&entry.changed_fields.join(", ")));
            }
            if !entry.comment.is_empty() {
                value = format!("{value} · {}", short(&entry.comment));
            }
            let at = self.lang.moment(entry.created_at);
            self.paper.row(&at, &value);
        }
    }

    fn consents(&mut self) {
        self.heading("report-consents");
        if self.facts.consents.is_empty() {
            let none = self.words.say("report-no-consents");
            self.paper.text(&none, Style::TEXT);
        }
        for consent in self.facts.consents.iter().take(MOST) {
            let state = self.words.say(match consent.state {
                ConsentState::Given => "consents-given",
                ConsentState::Expired => "consents-expired",
                ConsentState::Withdrawn => "consents-withdrawn",
            });
            let scope: Vec<String> = consent
                .scope
                .iter()
                .map(|scope| self.words.say(&format!("scope-{}", scope.word().replace('_', "-"))))
                .collect();
            let value = format!(
                "{} ({}) · {} · {} · {state}",
                short(&consent.recipient),
                short(&consent.audience),
                short(&consent.purpose),
                scope.join(", "),
            );
            let at = self.lang.moment(consent.given_at);
            self.paper.row(&at, &value);
        }
    }

    /// Of a reuse session: whose face it was compared with.
    fn origin(&mut self) {
        let Stage::Compared { compared, .. } = &self.open.personal.stage else { return };
        self.heading("report-reuse");
        let text = match compared.session {
            Some(session) => self.words.fill("report-reuse-session", &[("session", session.to_string().into())]),
            None => self.words.say("report-reuse-portrait"),
        };
        self.paper.text(&text, Style::TEXT);
    }

    fn close(&mut self) {
        self.heading("report-about");
        let text = self.words.say("report-statement");
        self.paper.text(&text, Style::TEXT);
        if self.paper.has_undrawn() {
            self.paper.gap();
            let text = self.words.say("report-undrawn-note");
            self.paper.text(&text, Style::TEXT);
        }
    }
}
