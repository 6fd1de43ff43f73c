//! What a request is for, in the verifier's words: an entry of `verifier_info` (OpenID4VP 1.0 section 5.11).
//!
//! OpenID4VP 1.0 has no member for it. `urn:warifu:purpose:1` is this project's own format on that extension point; its
//! `data` is `{"purpose": [{"lang", "value"}, …]}`, the shape that the registration certificate gives it
//! (ETSI TS 119 475 V1.2.1 section 5.2). A wallet that does not know the format ignores the entry.
//!
//! It is signed with the request and attested by nobody. Left out: the registration certificate itself, and
//! `credential_ids` of the entry, because a purpose is that of the whole request.

use serde_json::{Value, json};

use crate::http;

/// `format` of the entry.
pub const FORMAT: &str = "urn:warifu:purpose:1";
/// Most languages.
pub const MAX_LANGUAGES: usize = 16;
/// Longest purpose in one language, in characters.
pub const MAX_CHARACTERS: usize = 200;
/// Longest language tag (RFC 5646 section 4.4.1), in bytes.
const MAX_TAG: usize = 35;

/// Why a purpose is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `data` is not an object with `purpose`, an array of `lang` and `value`.
    #[error("the purpose is not an array of `lang` and `value`")]
    Malformed,
    /// In no language, or in more than [`MAX_LANGUAGES`].
    #[error("a purpose is given in 1 to {MAX_LANGUAGES} languages, not {0}")]
    Languages(usize),
    /// Not a language tag, or given twice.
    #[error("`{0}` is not a language tag, or it is given twice")]
    Language(String),
    /// Blank, longer than [`MAX_CHARACTERS`], or with control characters.
    #[error("the purpose in `{lang}` has not 1 to {MAX_CHARACTERS} printable characters")]
    Value {
        /// The language.
        lang: String,
    },
}

/// What a request is for, in one language or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose(Vec<(String, String)>);

impl Purpose {
    /// A purpose from pairs of language tag (RFC 5646) and words, the preferred language first.
    pub fn new(texts: Vec<(String, String)>) -> Result<Self, Error> {
        if !(1..=MAX_LANGUAGES).contains(&texts.len()) {
            return Err(Error::Languages(texts.len()));
        }
        for (at, (lang, value)) in texts.iter().enumerate() {
            let twice = texts.iter().take(at).any(|(other, _)| other.eq_ignore_ascii_case(lang));
            if twice || !is_tag(lang) {
                return Err(Error::Language(http::shorten(lang)));
            }
            let length = value.chars().count();
            if value.trim().is_empty() || length > MAX_CHARACTERS || value.chars().any(char::is_control) {
                return Err(Error::Value { lang: lang.clone() });
            }
        }
        Ok(Self(texts))
    }

    /// Reads the first entry of this format; `None` where there is none.
    pub fn from_verifier_info(info: &Value) -> Result<Option<Self>, Error> {
        let ours = |entry: &&Value| entry.get("format").and_then(Value::as_str) == Some(FORMAT);
        let Some(entry) = info.as_array().and_then(|entries| entries.iter().find(ours)) else { return Ok(None) };
        let list = entry.pointer("/data/purpose").and_then(Value::as_array).ok_or(Error::Malformed)?;
        let text = |item: &Value, name: &str| {
            item.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(Error::Malformed)
        };
        let texts = list.iter().map(|item| Ok((text(item, "lang")?, text(item, "value")?)));
        Self::new(texts.collect::<Result<_, Error>>()?).map(Some)
    }

    /// The entry for `verifier_info`.
    #[must_use]
    pub fn to_entry(&self) -> Value {
        let texts: Vec<Value> = self.0.iter().map(|(lang, value)| json!({ "lang": lang, "value": value })).collect();
        json!({ "format": FORMAT, "data": { "purpose": texts } })
    }

    /// The words in this language: of the same tag, else of the same language in another region or script, else the
    /// first.
    #[must_use]
    pub fn in_language(&self, tag: &str) -> &str {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let same = self.0.iter().find(|(lang, _)| lang.eq_ignore_ascii_case(tag));
        let near = || self.0.iter().find(|(lang, _)| primary(lang) == primary(tag));
        same.or_else(near).or_else(|| self.0.first()).map_or("", |(_, value)| value)
    }
}

/// Letters, digits and single hyphens, as every language tag has (RFC 5646 section 2.1).
fn is_tag(text: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= MAX_TAG && text.split('-').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(texts: &[(&str, &str)]) -> Result<Purpose, Error> {
        Purpose::new(texts.iter().map(|(lang, value)| ((*lang).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn round_trip_beside_other_entries() {
        let purpose = purpose(&[("en", "Open an account"), ("ja", "口座の開設")]).unwrap();
        let other = json!({ "format": "registration_cert", "data": "a.b.c" });
        let info = json!([other, purpose.to_entry()]);
        assert_eq!(Purpose::from_verifier_info(&info), Ok(Some(purpose)));
        for none in [json!([other]), json!([]), json!({}), Value::Null] {
            assert_eq!(Purpose::from_verifier_info(&none), Ok(None), "{none}");
        }
    }

    #[test]
    fn the_readers_language_or_the_first() {
        let check = |texts: &[(&str, &str)], tag: &str, expected: &str| {
            assert_eq!(purpose(texts).unwrap().in_language(tag), expected, "`{tag}` of {texts:?}");
        };
        let both = [("en", "login"), ("ja-JP", "ログイン")];
        check(&both, "en", "login");
        check(&both, "ja", "ログイン");
        check(&both, "JA-jp", "ログイン");
        check(&both, "de", "login");
        check(&both, "", "login");
        check(&[("pt-BR", "a"), ("pt", "b")], "pt", "b");
        check(&[("ja", "a")], "en", "a");
    }

    #[test]
    fn refused() {
        let check = |data: Value, expected: Error| {
            let info = json!([{ "format": FORMAT, "data": data }]);
            assert_eq!(Purpose::from_verifier_info(&info), Err(expected), "{data}");
        };
        let texts = |texts: &[(&str, &str)]| -> Value {
            let items = texts.iter().map(|(lang, value)| json!({ "lang": lang, "value": value }));
            json!({ "purpose": items.collect::<Vec<_>>() })
        };
        for data in [json!("x"), json!({}), json!({ "purpose": "x" }), json!({ "purpose": ["x"] })] {
            check(data, Error::Malformed);
        }
        check(json!({ "purpose": [{ "lang": "en", "content": "x" }] }), Error::Malformed);
        check(texts(&[]), Error::Languages(0));
        let many: Vec<String> = (0..=MAX_LANGUAGES).map(|at| format!("l{at}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|lang| (lang.as_str(), "x")).collect();
        check(texts(&many), Error::Languages(MAX_LANGUAGES + 1));
        assert!(purpose(&many[..MAX_LANGUAGES]).is_ok());
        for lang in ["", "-", "en-", "e n", "日本", "abcdefghi"] {
            check(texts(&[(lang, "x")]), Error::Language(lang.to_owned()));
        }
        check(texts(&[("en", "x"), ("EN", "y")]), Error::Language("EN".to_owned()));
        let long = "語".repeat(MAX_CHARACTERS);
        assert!(purpose(&[("ja", &long)]).is_ok());
        for value in ["", " ", "a\nb", &format!("{long}語")] {
            check(texts(&[("ja", value)]), Error::Value { lang: "ja".to_owned() });
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(lang in ".{0,40}", value in ".{0,220}", tag in ".{0,10}") {
            if let Ok(purpose) = purpose(&[(&lang, &value)]) {
                assert_eq!(purpose.in_language(&tag), value);
                assert_eq!(Purpose::from_verifier_info(&json!([purpose.to_entry()])), Ok(Some(purpose)));
            }
        }
    }
}
