//! What pages say, in the reader's language: messages from Fluent catalogues.
//!
//! A message that one language lacks is said in English; one that no language has shows its own name, and a test
//! ([`Catalogue::gaps`]) keeps that from happening.

use std::{collections::BTreeSet, convert::Infallible, fmt, str::FromStr};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
pub use fluent_bundle::FluentValue as Value;
use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use unic_langid::LanguageIdentifier;

/// The languages the pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 日本語.
    Ja,
}

impl Lang {
    /// All of them, English first.
    pub const ALL: [Self; 2] = [Self::En, Self::Ja];

    /// The tag (BCP 47), for `lang` attributes and paths.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    /// Its own name for itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ja => "日本語",
        }
    }

    /// A day as people of the language write it.
    #[must_use]
    pub fn date(self, date: Date) -> String {
        match self {
            Self::En => {
                format!("{} {} {}", date.day(), MONTHS[usize::from(date.month().unsigned_abs()) - 1], date.year())
            }
            Self::Ja => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
        }
    }

    /// A moment, in UTC and labelled so.
    #[must_use]
    pub fn moment(self, at: Timestamp) -> String {
        let at = at.to_zoned(TimeZone::UTC);
        let date = self.date(at.date());
        match self {
            Self::En => format!("{date}, {:02}:{:02} UTC", at.hour(), at.minute()),
            Self::Ja => format!("{date} {:02}:{:02}(UTC)", at.hour(), at.minute()),
        }
    }

    fn identifier(self) -> LanguageIdentifier {
        // Our own tags always read.
        self.tag().parse().unwrap_or_default()
    }

    /// What the reader asked for: the first path segment, `lang` in the query, the cookie `lang`, `Accept-Language`.
    #[must_use]
    pub fn asked(parts: &Parts) -> Self {
        let segment = parts.uri.path().split('/').nth(1).unwrap_or("");
        let query = parts.uri.query().unwrap_or("");
        let query = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let cookie = text(header::COOKIE).split(';').find_map(|pair| pair.trim().strip_prefix("lang="));
        [Some(segment), query, cookie]
            .into_iter()
            .flatten()
            .find_map(|tag| tag.parse().ok())
            .unwrap_or_else(|| accepted(text(header::ACCEPT_LANGUAGE)))
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The best of an `Accept-Language` header (RFC 9110 section 12.5.4), English when none fits.
fn accepted(header: &str) -> Lang {
    let mut best = (0.0, Lang::En);
    for part in header.split(',').take(20) {
        let (tag, quality) = part.split_once(';').unwrap_or((part, "q=1"));
        let quality = quality.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(0.0);
        let language = tag.trim().split('-').next().unwrap_or("");
        if let Ok(lang) = language.parse()
            && quality > best.0
        {
            best = (quality, lang);
        }
    }
    best.1
}

/// A language the pages do not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a language of these pages")]
pub struct UnknownLang;

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(tag: &str) -> Result<Self, UnknownLang> {
        Self::ALL.into_iter().find(|lang| lang.tag().eq_ignore_ascii_case(tag)).ok_or(UnknownLang)
    }
}

/// As a variable part of a path: another language than ours is no page.
impl<'de> serde::Deserialize<'de> for Lang {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        String::deserialize(reader)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Lang {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::asked(parts))
    }
}

/// All messages of a role, and those of the shared page components.
pub struct Catalogue {
    bundles: Vec<(Lang, FluentBundle<FluentResource>)>,
    keys: BTreeSet<String>,
}

/// A catalogue that does not read.
#[derive(Debug, thiserror::Error)]
#[error("the {lang} messages are wrong: {what}")]
pub struct BadCatalogue {
    /// The language.
    pub lang: Lang,
    /// What Fluent says.
    pub what: String,
}

/// The messages of the shared components.
const SHARED: [(Lang, &str); 2] =
    [(Lang::En, include_str!("../locales/en.ftl")), (Lang::Ja, include_str!("../locales/ja.ftl"))];

impl Catalogue {
    /// The shared messages and those given, in Fluent syntax. A role's message of the same name replaces a shared one.
    ///
    /// # Errors
    /// The first message that does not read.
    pub fn new(messages: &[(Lang, &str)]) -> Result<Self, BadCatalogue> {
        let mut bundles: Vec<_> = Lang::ALL
            .into_iter()
            .map(|lang| {
                let mut bundle = FluentBundle::new_concurrent(vec![lang.identifier()]);
                // The marks around placeables would show up in copied text and in attributes.
                bundle.set_use_isolating(false);
                (lang, bundle)
            })
            .collect();
        let mut keys = BTreeSet::new();
        for (lang, text) in SHARED.iter().chain(messages) {
            let resource = FluentResource::try_new((*text).to_owned()).map_err(|(_, errors)| {
                let what = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                BadCatalogue { lang: *lang, what }
            })?;
            keys.extend(identifiers(text));
            if let Some((_, bundle)) = bundles.iter_mut().find(|(of, _)| of == lang) {
                bundle.add_resource_overriding(resource);
            }
        }
        Ok(Self { bundles, keys })
    }

    /// The message `id` in a language, with its arguments put in.
    #[must_use]
    pub fn say(&self, lang: Lang, id: &str, arguments: &[(&str, Value<'_>)]) -> String {
        let mut filled = FluentArgs::new();
        for (name, value) in arguments {
            filled.set(*name, value.clone());
        }
        let in_order = self.bundles.iter().filter(|(of, _)| *of == lang);
        let in_order = in_order.chain(self.bundles.iter().filter(|(of, _)| *of == Lang::En));
        for (_, bundle) in in_order {
            if let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) {
                let mut errors = Vec::new();
                let said = bundle.format_pattern(pattern, Some(&filled), &mut errors);
                if !errors.is_empty() {
                    tracing::warn!(id, %lang, ?errors, "a message is not filled in as it should be");
                }
                return said.into_owned();
            }
        }
        tracing::warn!(id, "no such message");
        id.to_owned()
    }

    /// The catalogue in one language, as components take it.
    #[must_use]
    pub fn words(&self, lang: Lang) -> Words<'_> {
        Words { catalogue: self, lang }
    }

    /// Messages that some language lacks, as `language/id`. A role's test asserts that there are none.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let lacking = |(lang, bundle): &(Lang, FluentBundle<FluentResource>)| {
            let missing = self.keys.iter().filter(|key| !bundle.has_message(key));
            missing.map(|key| format!("{lang}/{key}")).collect::<Vec<_>>()
        };
        self.bundles.iter().flat_map(lacking).collect()
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalogue({} messages)", self.keys.len())
    }
}

/// Message identifiers stand at the beginning of a line, before ` =`; terms begin with `-` and are not counted.
fn identifiers(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let (id, _) = line.split_once('=')?;
        let id = id.trim_end();
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (plain && id.bytes().next()?.is_ascii_alphabetic()).then(|| id.to_owned())
    })
}

/// A catalogue in one language.
#[derive(Clone, Copy, Debug)]
pub struct Words<'c> {
    catalogue: &'c Catalogue,
    /// The language.
    pub lang: Lang,
}

impl Words<'_> {
    /// A message without arguments.
    #[must_use]
    pub fn say(&self, id: &str) -> String {
        self.catalogue.say(self.lang, id, &[])
    }

    /// A message with arguments: `words.fill("steps-of", &[("step", 2.into()), ("steps", 4.into())])`.
    #[must_use]
    pub fn fill(&self, id: &str, arguments: &[(&str, Value<'_>)]) -> String {
        self.catalogue.say(self.lang, id, arguments)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_shared_messages_are_whole_in_every_language() {
        assert_eq!(Catalogue::new(&[]).unwrap().gaps(), [""; 0]);
    }

    #[test]
    fn missing_messages_fall_back_and_show() {
        let en = "hello = Hello { $name }\ntries = { $n ->\n    [one] one try\n   *[other] { $n } tries\n }\n";
        let catalogue = Catalogue::new(&[(Lang::En, en), (Lang::Ja, "hello = { $name }さん、こんにちは\n")]).unwrap();
        let name = [("name", "Erika".into())];
        assert_eq!(catalogue.say(Lang::Ja, "hello", &name), "Erikaさん、こんにちは");
        assert_eq!(catalogue.say(Lang::En, "hello", &name), "Hello Erika");
        assert_eq!(catalogue.words(Lang::Ja).fill("tries", &[("n", 1.into())]), "one try");
        assert_eq!(catalogue.words(Lang::En).fill("tries", &[("n", 3.into())]), "3 tries");
        assert_eq!(catalogue.words(Lang::En).say("nowhere"), "nowhere");
        assert_eq!(catalogue.gaps(), ["ja/tries"]);
        assert!(Catalogue::new(&[(Lang::En, "= nothing")]).is_err());
    }

    #[test]
    fn the_language_is_the_one_asked_for() {
        let check = |uri: &str, cookie: &str, accept: &str, expected| {
            let request =
                Request::get(uri).header("cookie", cookie).header("accept-language", accept).body(()).unwrap();
            assert_eq!(Lang::asked(&request.into_parts().0), expected, "{uri} `{cookie}` `{accept}`");
        };
        check("/ja/x", "lang=en", "en", Lang::Ja);
        check("/x?a=1&lang=ja", "lang=en", "en", Lang::Ja);
        check("/x", "a=b; lang=ja", "en", Lang::Ja);
        check("/x", "", "de, ja-JP;q=0.8, en;q=0.5", Lang::Ja);
        check("/x", "", "ja;q=0.3, en-GB;q=0.5", Lang::En);
        check("/x", "", "fr, *;q=0.1", Lang::En);
        check("/javelin", "lang=xx", "", Lang::En);
    }

    #[test]
    fn dates_are_written_as_people_write_them() {
        let at: Timestamp = "2026-11-02T09:05:00Z".parse().unwrap();
        assert_eq!(Lang::En.moment(at), "2 November 2026, 09:05 UTC");
        assert_eq!(Lang::Ja.moment(at), "2026年11月2日 09:05(UTC)");
    }
}
