//! Card pictures: SVG templates with the claims of one credential in them (SD-JWT VC draft-19, section on SVG
//! rendering).
//!
//! The template comes from whoever wrote the type metadata and is not believed. It is parsed, held against a list of
//! elements that only draw, and written anew from what was understood: no script, no event handler, no animation, no
//! foreign content, no reference beyond the document. Show the result as a picture (`<img>`), never inside a page.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, NodeType, ParsingOptions};

/// Largest template, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most nodes (elements and texts).
const MAX_NODES: u32 = 10_000;
/// Deepest nesting of elements.
const MAX_DEPTH: usize = 32;
/// Most placeholders.
const MAX_PLACEHOLDERS: usize = 100;
/// Longest value put into a placeholder, in characters.
const MAX_VALUE: usize = 200;

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Elements that draw or describe. `use` is left out, because nested uses multiply; `style`, because it reaches beyond
/// its place; filters and animations, because no card needs them.
const ELEMENTS: [&str; 24] = [
    "svg",
    "g",
    "defs",
    "symbol",
    "title",
    "desc",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "textPath",
    "image",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "pattern",
    "marker",
];

/// Functions of CSS that only compute; `url` is looked at by itself.
const FUNCTIONS: [&str; 14] = [
    "rgb",
    "rgba",
    "hsl",
    "hsla",
    "matrix",
    "translate",
    "translatex",
    "translatey",
    "scale",
    "rotate",
    "skewx",
    "skewy",
    "calc",
    "",
];

/// Why a template is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SvgError {
    /// More than [`MAX_BYTES`], too many nodes or nested too deep.
    #[error("the template is too large")]
    TooLarge,
    /// Not well-formed XML, with a document type, or not an SVG.
    #[error("the template is no SVG: {0}")]
    Malformed(String),
    /// A `script` element.
    #[error("the template holds a script")]
    Script,
    /// A `foreignObject` element, or an element of another vocabulary.
    #[error("the template holds foreign content")]
    ForeignContent,
    /// An attribute whose name starts with `on`.
    #[error("the template has the event handler `{0}`")]
    EventHandler(String),
    /// A reference beyond the document, or a value that may hold one.
    #[error("the template refers elsewhere by `{0}`")]
    ExternalReference(String),
    /// An element outside the list of those that only draw.
    #[error("element `{0}` is not allowed in a template")]
    Element(String),
    /// A processing instruction.
    #[error("the template holds a processing instruction")]
    ProcessingInstruction,
    /// `{{` in an attribute or comment.
    #[error("a placeholder stands outside of the text")]
    PlaceholderOutsideText,
    /// `{{` without an identifier and `}}`, or too many of them.
    #[error("a placeholder is malformed")]
    Placeholder,
    /// An identifier that no claim of the type has.
    #[error("no claim has the identifier `{0}`")]
    UnknownPlaceholder(String),
}

/// A template that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    root: Element,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Element {
    name: &'static str,
    attributes: Vec<(String, String)>,
    children: Vec<Child>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Child {
    Element(Element),
    Text(String),
    Placeholder(String),
}

impl Template {
    /// Reads and checks a template.
    pub fn parse(bytes: &[u8]) -> Result<Self, SvgError> {
        if bytes.len() > MAX_BYTES {
            return Err(SvgError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SvgError::Malformed("not UTF-8".to_owned()))?;
        let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, entity_resolver: None };
        let document = Document::parse_with_options(text, options).map_err(|error| match error {
            roxmltree::Error::NodesLimitReached => SvgError::TooLarge,
            other => SvgError::Malformed(other.to_string().chars().take(120).collect()),
        })?;
        for node in document.descendants() {
            match node.node_type() {
                NodeType::PI => return Err(SvgError::ProcessingInstruction),
                NodeType::Comment if node.text().is_some_and(|text| text.contains("{{")) => {
                    return Err(SvgError::PlaceholderOutsideText);
                }
                NodeType::Root | NodeType::Element | NodeType::Comment | NodeType::Text => {}
            }
        }
        let root = element(document.root_element(), 0, &mut 0)?;
        if root.name == "svg" { Ok(Self { root }) } else { Err(SvgError::Malformed(format!("`{}`", root.name))) }
    }

    /// The picture with `values` in the places of their identifiers, escaped; `None` leaves the place empty. An
    /// identifier that `values` lacks is [`SvgError::UnknownPlaceholder`].
    pub fn render(&self, values: &BTreeMap<String, Option<String>>) -> Result<String, SvgError> {
        let mut out = String::new();
        write(&self.root, true, values, &mut out)?;
        Ok(out)
    }
}

fn element(node: Node<'_, '_>, depth: usize, placeholders: &mut usize) -> Result<Element, SvgError> {
    if depth > MAX_DEPTH {
        return Err(SvgError::TooLarge);
    }
    let name = node.tag_name().name();
    match (node.tag_name().namespace(), name) {
        (_, "script") => return Err(SvgError::Script),
        (_, "foreignObject") => return Err(SvgError::ForeignContent),
        (Some(SVG), _) => {}
        (_, _) => return Err(SvgError::ForeignContent),
    }
    let name = ELEMENTS.into_iter().find(|known| *known == name).ok_or_else(|| SvgError::Element(short(name)))?;
    let mut attributes = Vec::new();
    for attribute in node.attributes() {
        if let Some(name) = attribute_name(attribute.namespace(), attribute.name(), attribute.value())? {
            attributes.push((name, attribute.value().to_owned()));
        }
    }
    let mut children = Vec::new();
    for child in node.children() {
        match child.node_type() {
            NodeType::Element => children.push(Child::Element(element(child, depth + 1, placeholders)?)),
            NodeType::Text => pieces(child.text().unwrap_or_default(), placeholders, &mut children)?,
            NodeType::Comment | NodeType::PI | NodeType::Root => {}
        }
    }
    Ok(Element { name, attributes, children })
}

/// The name to write an attribute under, once its value was found harmless; `None` for those that are left out.
fn attribute_name(namespace: Option<&str>, name: &str, value: &str) -> Result<Option<String>, SvgError> {
    if name.to_ascii_lowercase().starts_with("on") {
        return Err(SvgError::EventHandler(short(name)));
    }
    if value.contains("{{") {
        return Err(SvgError::PlaceholderOutsideText);
    }
    let name = match (namespace, name) {
        // `xlink:href` has the same meaning, and SVG 2 the shorter name.
        (None | Some(XLINK), "href") if is_local(value) => "href".to_owned(),
        (None | Some(XLINK), "href") => return Err(SvgError::ExternalReference(short(name))),
        // Another base would turn local references into others.
        (Some(XML), "base") | (None, "src" | "srcset" | "ping" | "action" | "formaction") => {
            return Err(SvgError::ExternalReference(short(name)));
        }
        (Some(XML), "space" | "lang") => format!("xml:{name}"),
        (None, _) => name.to_owned(),
        (Some(_), _) => return Ok(None),
    };
    if name != "href" && !computes_only(value) {
        return Err(SvgError::ExternalReference(short(&name)));
    }
    Ok(Some(name))
}

/// Whether a reference stays in the document, or carries a raster picture with it.
fn is_local(reference: &str) -> bool {
    const RASTER: [&str; 4] =
        ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,", "data:image/gif;base64,"];
    reference.starts_with('#') || RASTER.iter().any(|start| reference.starts_with(start))
}

/// Whether a value of CSS calls nothing but [`FUNCTIONS`] and `url(#…)`. Escapes and at-rules are refused, as they can
/// spell others.
fn computes_only(value: &str) -> bool {
    if value.contains(['\\', '@']) {
        return false;
    }
    let value = value.to_ascii_lowercase();
    let mut rest = value.as_str();
    while let Some(at) = rest.find('(') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii();
        let name = &before[before.trim_end_matches(is_name).len()..];
        let allowed = match name {
            "url" => after.trim_start().trim_start_matches(['"', '\'']).starts_with('#'),
            other => FUNCTIONS.contains(&other),
        };
        if !allowed {
            return false;
        }
        rest = after;
    }
    true
}

/// Cuts a text at its placeholders.
fn pieces(text: &str, placeholders: &mut usize, out: &mut Vec<Child>) -> Result<(), SvgError> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (id, after) = after.split_once("}}").ok_or(SvgError::Placeholder)?;
        *placeholders += 1;
        if !is_svg_id(id) || *placeholders > MAX_PLACEHOLDERS {
            return Err(SvgError::Placeholder);
        }
        out.push(Child::Text(before.to_owned()));
        out.push(Child::Placeholder(id.to_owned()));
        rest = after;
    }
    out.push(Child::Text(rest.to_owned()));
    Ok(())
}

/// Alphanumeric characters and underscores, no digit first (SD-JWT VC draft-19, section on claim metadata).
pub(super) fn is_svg_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && text.len() <= 64 && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn write(
    element: &Element,
    is_root: bool,
    values: &BTreeMap<String, Option<String>>,
    out: &mut String,
) -> Result<(), SvgError> {
    out.push('<');
    out.push_str(element.name);
    if is_root {
        out.push_str(&format!(" xmlns=\"{SVG}\""));
    }
    for (name, value) in &element.attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape(value, out);
        out.push('"');
    }
    out.push('>');
    for child in &element.children {
        match child {
            Child::Element(child) => write(child, false, values, out)?,
            Child::Text(text) => escape(text, out),
            Child::Placeholder(id) => {
                let value = values.get(id).ok_or_else(|| SvgError::UnknownPlaceholder(id.clone()))?;
                escape(&shown(value.as_deref().unwrap_or_default()), out);
            }
        }
    }
    out.push_str("</");
    out.push_str(element.name);
    out.push('>');
    Ok(())
}

/// A value as it is put into the picture: no control characters, no line breaks, shortened.
fn shown(value: &str) -> String {
    let mut shown: String = value.chars().filter(|c| !c.is_control()).take(MAX_VALUE).collect();
    if value.chars().count() > MAX_VALUE {
        shown.push('…');
    }
    shown
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Not characters of XML 1.0, whoever wrote them.
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => {}
            c => out.push(c),
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> BTreeMap<String, Option<String>> {
        [("name", Some("A & <B> \"'\u{0}\n")), ("gone", None)]
            .into_iter()
            .map(|(id, value)| (id.to_owned(), value.map(str::to_owned)))
            .collect()
    }

    fn svg(inner: &str) -> String {
        format!("<svg xmlns=\"{SVG}\" xmlns:xlink=\"{XLINK}\">{inner}</svg>")
    }

    fn render(inner: &str) -> Result<String, SvgError> {
        Template::parse(svg(inner).as_bytes())?.render(&values())
    }

    #[test]
    fn values_stand_in_their_places() {
        let drawn = |inner: &str| Ok(format!("<svg xmlns=\"{SVG}\">{inner}</svg>"));
        let check = |inner: &str, expected: &str| assert_eq!(render(inner), drawn(expected), "{inner}");
        check("<text x='1'>Name: {{name}}!</text>", "<text x=\"1\">Name: A &amp; &lt;B&gt; &quot;&apos;!</text>");
        check("<text>{{gone}}{{name}}</text>", "<text>A &amp; &lt;B&gt; &quot;&apos;</text>");
        check("<text>&#123;{name}}</text>", "<text>A &amp; &lt;B&gt; &quot;&apos;</text>");
        check("<!-- x --><text>a &lt; b { c }</text>", "<text>a &lt; b { c }</text>");
        check("<text><![CDATA[<b>]]></text>", "<text>&lt;b&gt;</text>");
        check("<image xlink:href='data:image/png;base64,AA'/>", "<image href=\"data:image/png;base64,AA\"></image>");
        check(
            "<rect fill='url(#g)' transform='rotate(3) translate(1 2)' style='fill:rgb(1,2,3)'/>",
            "<rect fill=\"url(#g)\" transform=\"rotate(3) translate(1 2)\" style=\"fill:rgb(1,2,3)\"></rect>",
        );
        let long = "x".repeat(300);
        let long = Template::parse(svg("{{name}}").as_bytes())
            .unwrap()
            .render(&BTreeMap::from([("name".to_owned(), Some(long))]))
            .unwrap();
        assert!(long.contains(&("x".repeat(MAX_VALUE) + "…")));
    }

    /// The example of SD-JWT VC draft-19, section on SVG rendering.
    #[test]
    fn example_of_the_standard() {
        let template = r#"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">
  <text x="10" y="20">Street address: {{address_street_address}}</text>
</svg>"#;
        let values = BTreeMap::from([("address_street_address".to_owned(), Some("42 Galaxy Way".to_owned()))]);
        let drawn = Template::parse(template.as_bytes()).unwrap().render(&values).unwrap();
        assert!(drawn.contains(">Street address: 42 Galaxy Way</text>"));
    }

    #[test]
    fn refuses() {
        let check = |inner: &str, expected: SvgError| assert_eq!(render(inner), Err(expected), "{inner}");
        let elsewhere = |name: &str| SvgError::ExternalReference(name.to_owned());
        check("<script>x</script>", SvgError::Script);
        check("<h:script xmlns:h='http://www.w3.org/1999/xhtml'/>", SvgError::Script);
        check("<foreignObject/>", SvgError::ForeignContent);
        check("<b xmlns='http://www.w3.org/1999/xhtml'/>", SvgError::ForeignContent);
        check("<g xmlns=''/>", SvgError::ForeignContent);
        for name in ["onload", "onclick", "OnClick", "onanything"] {
            check(&format!("<rect {name}='x()'/>"), SvgError::EventHandler(name.to_owned()));
        }
        for name in ["use", "a", "style", "animate", "set", "filter", "feImage", "iframe", "Script"] {
            check(&format!("<{name}/>"), SvgError::Element(name.to_owned()));
        }
        for reference in [
            "https://a.example/x.png",
            "//a.example/x",
            "x.svg#y",
            "javascript:x()",
            " #x",
            "data:image/svg+xml;base64,AA",
            "data:text/html,x",
            "",
        ] {
            check(&format!("<image href='{reference}'/>"), elsewhere("href"));
            check(&format!("<image xlink:href='{reference}'/>"), elsewhere("href"));
        }
        for value in [
            "url(https://a.example/x)",
            "URL( 'https://a.example/x')",
            "url(x.svg#y)",
            "u\\72l(https://a.example/x)",
            "image-set(\"https://a.example/x\" 1x)",
            "image(\"x\")",
            "src(\"x\")",
            "rgb(1,2,3) url(x)",
            "@import x",
        ] {
            check(&format!("<rect fill='{}'/>", value.replace('\'', "&apos;")), elsewhere("fill"));
            check(&format!("<rect style='{}'/>", value.replace('\'', "&apos;")), elsewhere("style"));
        }
        check("<g xml:base='https://a.example'/>", elsewhere("base"));
        check("<?x y?>", SvgError::ProcessingInstruction);
        check("<text x='{{name}}'/>", SvgError::PlaceholderOutsideText);
        check("<!-- {{name}} -->", SvgError::PlaceholderOutsideText);
        for bad in ["{{", "{{name}", "{{ name }}", "{{1a}}", "{{}}", "{{a-b}}"] {
            check(bad, SvgError::Placeholder);
        }
        check(&"{{name}}".repeat(MAX_PLACEHOLDERS + 1), SvgError::Placeholder);
        check("{{other}}", SvgError::UnknownPlaceholder("other".to_owned()));
        check(&("<g>".repeat(40) + &"</g>".repeat(40)), SvgError::TooLarge);
        check(&"<g/>".repeat(MAX_NODES as usize), SvgError::TooLarge);
        let parse = |text: &str| Template::parse(text.as_bytes()).unwrap_err();
        assert_eq!(parse(&" ".repeat(MAX_BYTES + 1)), SvgError::TooLarge);
        for bad in [
            "",
            "<svg>",
            "x",
            &format!("<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='{SVG}'>&a;</svg>"),
            &format!("<svg xmlns='{SVG}'>&nbsp;</svg>"),
            &format!("<g xmlns='{SVG}'/>"),
        ] {
            assert!(matches!(parse(bad), SvgError::Malformed(_)), "{bad}");
        }
        assert!(matches!(Template::parse(b"\xff"), Err(SvgError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn never_panics(inner in r"[<>/a-z:='{}&;#! -]{0,80}") {
            let _ = render(&inner);
        }

        /// Whatever a claim says, what comes out is the same picture with another text.
        #[test]
        fn values_stay_text(value in ".{0,40}") {
            let template = Template::parse(svg("<text>{{name}}</text>").as_bytes()).unwrap();
            let drawn = template.render(&BTreeMap::from([("name".to_owned(), Some(value.clone()))])).unwrap();
            let document = Document::parse(&drawn).unwrap();
            let text = document.root_element().first_element_child().unwrap();
            let expected: String =
                value.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
            prop_assert_eq!(text.text().unwrap_or_default(), expected);
            prop_assert_eq!(document.descendants().filter(|node| node.is_element()).count(), 2);
        }
    }
}
