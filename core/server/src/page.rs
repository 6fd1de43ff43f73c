//! The look of all pages: the shell around them, and the parts they are made of.
//!
//! A handler builds its content with [`maud::html!`] and the functions of [`components`], wraps it in a [`Page`] and
//! returns that. Style and behaviour come from [`crate::assets`]; no markup here has an inline style or script, which
//! the content security policy would refuse.

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use crate::{
    assets::{self, Script},
    run,
    text::{Lang, Words},
};

pub mod components;
mod icon;
pub mod reference;

pub use icon::Icon;

/// A page in the making. Made with [`Page::new`]; an answer once [`Page::main`] was given.
#[derive(Debug)]
pub struct Page<'w> {
    words: Words<'w>,
    title: String,
    role: String,
    status: StatusCode,
    sandbox: bool,
    wide: bool,
    links: Vec<Link>,
    address: Option<Uri>,
    scripts: Vec<String>,
    form_targets: Vec<String>,
    embedders: Vec<String>,
    focus: Focus,
    main: Markup,
}

/// Where the reader's attention begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// At the beginning of the page.
    #[default]
    Page,
    /// At the title: this is a step on a way, and the title says which.
    Title,
    /// Nowhere, since another page has this one in a frame; a script may move it to the title.
    Framed,
    /// At the title, read out with the step header ([`components::steps`]).
    TitleAndStep,
}

#[derive(Debug)]
struct Link {
    to: String,
    label: String,
    here: bool,
}

impl<'w> Page<'w> {
    /// A page of one narrow column, as capture pages and the wallet have. `title` is the text of its `h1`, already in
    /// the reader's language.
    pub fn new(words: Words<'w>, title: impl Into<String>) -> Self {
        Self {
            words,
            title: title.into(),
            role: String::new(),
            status: StatusCode::OK,
            sandbox: false,
            wide: false,
            links: Vec::new(),
            address: None,
            scripts: Vec::new(),
            form_targets: Vec::new(),
            embedders: Vec::new(),
            focus: Focus::Page,
            main: PreEscaped(String::new()),
        }
    }

    /// Who speaks here, beside the logo: `Issuer`, `Bank B`.
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.role = name.into();
        self
    }

    /// Puts the sandbox band on top.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.sandbox = true;
        self
    }

    /// The width of a console instead of one column.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// A link in the header.
    #[must_use]
    pub fn link(mut self, to: impl Into<String>, label: impl Into<String>) -> Self {
        self.links.push(Link { to: to.into(), label: label.into(), here: false });
        self
    }

    /// The link in the header to the page the reader is on.
    #[must_use]
    pub fn link_here(mut self, to: impl Into<String>, label: impl Into<String>) -> Self {
        self.links.push(Link { to: to.into(), label: label.into(), here: true });
        self
    }

    /// Offers the page in the other languages, under the same address with another `lang`.
    #[must_use]
    pub fn at(mut self, address: &Uri) -> Self {
        self.address = Some(address.clone());
        self
    }

    /// Loads a shared script.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.scripts.push(assets::address(script.file()));
        self
    }

    /// Loads a script module of the role's own, by its address on this origin.
    #[must_use]
    pub fn script_at(mut self, address: impl Into<String>) -> Self {
        self.scripts.push(address.into());
        self
    }

    /// Lets forms of this page lead there as well: `openid4vp:`, `http://127.0.0.1:7002`.
    #[must_use]
    pub fn form_may_lead_to(mut self, target: impl Into<String>) -> Self {
        self.form_targets.push(target.into());
        self
    }

    /// Lets pages of these origins show this one in a frame, or open it and hear from it. Nobody may where there are none.
    #[must_use]
    pub fn embeddable_by(mut self, origins: impl IntoIterator<Item = String>) -> Self {
        self.embedders.extend(origins);
        self
    }

    /// Where the reader's attention begins.
    #[must_use]
    pub fn focus(mut self, focus: Focus) -> Self {
        self.focus = focus;
        self
    }

    /// Another status than 200, for pages that explain an error.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The content below the title.
    #[must_use]
    pub fn main(mut self, content: Markup) -> Self {
        self.main = content;
        self
    }
}

impl Render for Page<'_> {
    fn render(&self) -> Markup {
        let words = &self.words;
        let name = if self.role.is_empty() { "Warifu".to_owned() } else { format!("{} · Warifu", self.role) };
        html! {
            (DOCTYPE)
            html lang=(words.lang) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (self.title) " · " (name) }
                    link rel="icon" type="image/svg+xml" href=(assets::address("logo.svg"));
                    link rel="stylesheet" href=(assets::address("warifu.css"));
                    @for script in &self.scripts { script type="module" src=(script) {} }
                }
                body class=(if self.wide { "wide" } else { "narrow" }) {
                    a class="skip" href="#main" { (words.say("shell-skip")) }
                    @if self.sandbox {
                        p class="sandbox" role="note" { strong { (words.say("shell-sandbox")) } " " (words.say("shell-sandbox-why")) }
                    }
                    header class="top" {
                        a class="brand" href="/" {
                            (components::logo())
                            span class="brand-name" { "Warifu" }
                            @if !self.role.is_empty() { span class="brand-role" { (self.role) } }
                        }
                        @if !self.links.is_empty() {
                            nav aria-label=(words.say("shell-navigation")) {
                                @for link in &self.links {
                                    a href=(link.to) aria-current=[link.here.then_some("page")] { (link.label) }
                                }
                            }
                        }
                    }
                    main id="main" {
                        @match self.focus {
                            Focus::Page => h1 { (self.title) },
                            Focus::Framed => h1 tabindex="-1" { (self.title) },
                            Focus::Title => h1 tabindex="-1" autofocus { (self.title) },
                            Focus::TitleAndStep => h1 tabindex="-1" autofocus aria-describedby=(components::STEP) { (self.title) },
                        }
                        (self.main)
                    }
                    footer {
                        p { (words.say("shell-footer")) }
                        @if let Some(address) = &self.address {
                            p class="languages" {
                                @for lang in Lang::ALL {
                                    @if lang == words.lang {
                                        span aria-current="true" { (lang.name()) }
                                    } @else {
                                        a href=(in_lang(address, lang)) lang=(lang) hreflang=(lang) rel="alternate" {
                                            (lang.name())
                                        }
                                    }
                                }
                            }
                        }
                        @if let Some(id) = run::correlation() {
                            p class="reference" { (words.say("shell-reference")) " " code { (id) } }
                        }
                    }
                }
            }
        }
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let body = self.render().into_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            assets::content_security_policy(&self.form_targets, &self.embedders),
        );
        if !self.embedders.is_empty() {
            // Who opened this page in a window of its own may hear from it too.
            headers.insert("cross-origin-opener-policy", HeaderValue::from_static("unsafe-none"));
        }
        // Only a choice the reader made is kept.
        if self.address.is_some_and(|address| address.query().unwrap_or("").contains("lang=")) {
            let cookie = match self.words.lang {
                Lang::En => "lang=en; Path=/; SameSite=Lax; Max-Age=31536000",
                Lang::Ja => "lang=ja; Path=/; SameSite=Lax; Max-Age=31536000",
            };
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        response
    }
}

/// The same address in another language; a language in the path is replaced there, since it wins over the query.
fn in_lang(address: &Uri, lang: Lang) -> String {
    let mut segments: Vec<&str> = address.path().split('/').collect();
    let in_path = segments.get(1).is_some_and(|segment| segment.parse::<Lang>().is_ok());
    if in_path {
        segments[1] = lang.tag();
    }
    let rest = address.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang="));
    let own = format!("lang={lang}");
    let query: Vec<&str> = rest.chain(std::iter::once(own.as_str())).collect();
    format!("{}?{}", segments.join("/"), query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Catalogue;

    #[test]
    fn the_language_link_keeps_the_rest_of_the_address() {
        let check = |address: &str, expected| assert_eq!(in_lang(&address.parse().unwrap(), Lang::Ja), expected);
        check("/verify?code=1&lang=en", "/verify?code=1&lang=ja");
        check("/en/verify", "/ja/verify?lang=ja");
        check("/", "/?lang=ja");
    }

    #[tokio::test]
    async fn a_page_is_an_answer_with_its_own_policy() {
        let catalogue = Catalogue::new(&[]).unwrap();
        let page = Page::new(catalogue.words(Lang::Ja), "<Title>").sandbox().form_may_lead_to("openid4vp:");
        let response = page.main(html! { p { "text" } }).into_response();
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action 'self' openid4vp:;"));
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let html = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            html.contains("<html lang=\"ja\">") && html.contains("&lt;Title&gt;") && html.contains("class=\"sandbox\"")
        );
    }
}
