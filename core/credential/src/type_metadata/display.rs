//! How a type is shown: names, colours, pictures (section on display metadata).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use warifu_keys::base64url;

use super::document::{list, text};
use super::svg::Template;
use super::{Integrity, TypeMetadataError, short};

/// Most card pictures of one language.
const MAX_TEMPLATES: usize = 16;

/// How the type is shown to readers of one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// Language tag.
    pub locale: String,
    /// Name of the type.
    pub name: String,
    /// What the type is.
    pub description: Option<String>,
    /// Colour behind everything.
    pub background_color: Option<Color>,
    /// Colour of the text.
    pub text_color: Option<Color>,
    /// Emblem.
    pub logo: Option<Logo>,
    /// Picture behind everything.
    pub background_image: Option<Resource>,
    /// Pictures with places for claims.
    pub svg_templates: Vec<SvgTemplate>,
}

/// A colour, red, green and blue from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Color(pub [u8; 3]);

/// The emblem on a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    /// The picture.
    pub picture: Resource,
    /// What to say in its place.
    pub alt_text: Option<String>,
}

/// A picture or template that is referred to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    uri: String,
    integrity: Option<String>,
}

/// Where the bytes of a [`Resource`] are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the `data:` URI itself, checked.
    Inline {
        /// Media type without parameters, in lower case.
        media_type: String,
        /// The content.
        bytes: Vec<u8>,
    },
    /// To be fetched over HTTPS, and then to be given to [`Resource::check`]. Fetching tells the host about it.
    Fetch(Url),
}

/// A card picture with places for claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SvgTemplate {
    /// The template.
    pub template: Resource,
    /// What it is made for.
    pub properties: SvgProperties,
}

/// What a card picture is made for; `None` where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SvgProperties {
    /// Which way up.
    pub orientation: Option<Orientation>,
    /// For light or dark surroundings.
    pub color_scheme: Option<ColorScheme>,
    /// For whom it has to be clearer.
    pub contrast: Option<Contrast>,
}

/// Which way up a card picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Higher than wide.
    Portrait,
    /// Wider than high.
    Landscape,
}

/// Surroundings that a card picture is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorScheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Contrast of a card picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contrast {
    /// Usual.
    Normal,
    /// High.
    High,
}

impl Display {
    /// A type that says nothing but its name.
    pub(super) fn named(name: String) -> Self {
        Self {
            locale: "en".to_owned(),
            name,
            description: None,
            background_color: None,
            text_color: None,
            logo: None,
            background_image: None,
            svg_templates: Vec::new(),
        }
    }

    pub(super) fn parse(value: &Value) -> Result<Self, TypeMetadataError> {
        let malformed = TypeMetadataError::Malformed("display");
        let display = value.as_object().ok_or(malformed.clone())?;
        // Before draft 15 the member was called `lang`.
        let locale = text(display, "locale")?.or(text(display, "lang")?).ok_or(malformed.clone())?;
        let name = text(display, "name")?.ok_or(malformed)?;
        let none = Map::new();
        let rendering = object(display, "rendering")?.unwrap_or(&none);
        let simple = object(rendering, "simple")?.unwrap_or(&none);
        let logo = match object(simple, "logo")? {
            Some(logo) => Some(Logo { picture: Resource::parse(logo)?, alt_text: text(logo, "alt_text")?.map(short) }),
            None => None,
        };
        // Colours that can not be read are left out: a card without them is still a card.
        let color = |name| Ok::<_, TypeMetadataError>(text(simple, name)?.and_then(Color::parse));
        let templates = list(rendering, "svg_templates")?;
        if templates.len() > MAX_TEMPLATES {
            return Err(TypeMetadataError::Malformed("svg_templates"));
        }
        let svg_templates: Vec<SvgTemplate> = templates.iter().map(SvgTemplate::parse).collect::<Result<_, _>>()?;
        let says_nothing = |template: &SvgTemplate| template.properties == SvgProperties::default();
        if svg_templates.len() > 1 && svg_templates.iter().any(says_nothing) {
            return Err(TypeMetadataError::Malformed("properties"));
        }
        Ok(Self {
            locale: short(locale),
            name: short(name),
            description: text(display, "description")?.map(short),
            background_color: color("background_color")?,
            text_color: color("text_color")?,
            logo,
            background_image: object(simple, "background_image")?.map(Resource::parse).transpose()?,
            svg_templates,
        })
    }

    /// The template that agrees with most of what is wished for; the first of several, `None` where there are none.
    #[must_use]
    pub fn svg_template(&self, wished: SvgProperties) -> Option<&SvgTemplate> {
        // One that says nothing lies between one that agrees and one that is made for the opposite.
        let score = |same: Option<bool>| same.map_or(0, |same| if same { 1 } else { -1 });
        let agreement = |given: SvgProperties| {
            score(given.orientation.zip(wished.orientation).map(|(given, wished)| given == wished))
                + score(given.color_scheme.zip(wished.color_scheme).map(|(given, wished)| given == wished))
                + score(given.contrast.zip(wished.contrast).map(|(given, wished)| given == wished))
        };
        self.svg_templates.iter().rev().max_by_key(|template| agreement(template.properties))
    }
}

impl SvgTemplate {
    fn parse(value: &Value) -> Result<Self, TypeMetadataError> {
        let template = value.as_object().ok_or(TypeMetadataError::Malformed("svg_templates"))?;
        let malformed = TypeMetadataError::Malformed("properties");
        let properties = match template.get("properties") {
            None => SvgProperties::default(),
            Some(properties) => match serde_json::from_value(properties.clone()) {
                Ok(properties) if properties != SvgProperties::default() => properties,
                Ok(_) | Err(_) => return Err(malformed),
            },
        };
        Ok(Self { template: Resource::parse(template)?, properties })
    }

    /// The checked template from the bytes that [`Resource::source`] led to.
    pub fn read(&self, bytes: &[u8]) -> Result<Template, TypeMetadataError> {
        self.template.check(bytes)?;
        Ok(Template::parse(bytes)?)
    }
}

impl Resource {
    fn parse(object: &Map<String, Value>) -> Result<Self, TypeMetadataError> {
        let uri = text(object, "uri")?.ok_or(TypeMetadataError::Malformed("uri"))?;
        let resource = Self { uri: uri.to_owned(), integrity: text(object, "uri#integrity")?.map(str::to_owned) };
        let usable = uri.starts_with("data:") || resource.https().is_some();
        if usable { Ok(resource) } else { Err(TypeMetadataError::Malformed("uri")) }
    }

    /// The content itself, checked, or where it is to be fetched from.
    pub fn source(&self) -> Result<Source, TypeMetadataError> {
        if let Some(url) = self.https() {
            return Ok(Source::Fetch(url));
        }
        let (media_type, bytes) = data_uri(&self.uri).ok_or(TypeMetadataError::Malformed("uri"))?;
        self.check(&bytes)?;
        Ok(Source::Inline { media_type, bytes })
    }

    /// Whether these bytes are what the type means, as far as it says (`uri#integrity`).
    pub fn check(&self, bytes: &[u8]) -> Result<(), TypeMetadataError> {
        match &self.integrity {
            Some(integrity) => Ok(integrity.parse::<Integrity>()?.check(bytes)?),
            None => Ok(()),
        }
    }

    fn https(&self) -> Option<Url> {
        Url::parse(&self.uri).ok().filter(|url| url.scheme() == "https" && url.has_host())
    }
}

impl Color {
    /// An RGB value of CSS: `#rgb`, `#rrggbb` or `rgb(r, g, b)`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(hex) = text.strip_prefix('#') {
            let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digits: Vec<u8> = hex.chars().map(digit).collect::<Option<_>>()?;
            return match *digits.as_slice() {
                [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
                [r1, r0, g1, g0, b1, b0] => Some(Self([r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0])),
                _ => None,
            };
        }
        let inner = text.strip_prefix("rgb(")?.strip_suffix(')')?;
        let parts: Vec<u8> = inner.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
        parts.try_into().ok().map(Self)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// Media type and content of a `data:` URI (RFC 2397).
fn data_uri(uri: &str) -> Option<(String, Vec<u8>)> {
    let (kind, data) = uri.strip_prefix("data:")?.split_once(',')?;
    let media_type = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = percent_decoded(data)?;
    let is_base64 = kind.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    let bytes = if is_base64 { base64url::decode_standard(std::str::from_utf8(&bytes).ok()?).ok()? } else { bytes };
    Some((media_type, bytes))
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { digit(bytes.next())? * 16 + digit(bytes.next())? } else { byte });
    }
    Some(decoded)
}

fn object<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a Map<String, Value>>, TypeMetadataError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(TypeMetadataError::Malformed(name)),
    }
}

/// The item for `language`: same tag, same primary language, English, any.
pub(super) fn pick<'a, T>(items: &'a [T], language: &str, tag: impl Fn(&T) -> &str) -> Option<&'a T> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let wanted = primary(language);
    items
        .iter()
        .find(|item| tag(item).eq_ignore_ascii_case(language))
        .or_else(|| items.iter().find(|item| primary(tag(item)) == wanted))
        .or_else(|| items.iter().find(|item| primary(tag(item)) == "en"))
        .or_else(|| items.first())
}
