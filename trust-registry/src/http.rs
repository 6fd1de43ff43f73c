//! The registry over HTTP: the signed list for machines, pages for people, changes for whoever holds the token.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use warifu_server::text::{BadCatalogue, Catalogue, Lang};
use warifu_server::{Clock, Problem, assets, csrf};

use crate::{Error, Registry};

mod admin;
mod page;
mod public;

/// The messages of the registry's pages.
const MESSAGES: [(Lang, &str); 2] =
    [(Lang::En, include_str!("../locales/en.ftl")), (Lang::Ja, include_str!("../locales/ja.ftl"))];

#[derive(Clone)]
struct App {
    registry: Registry,
    clock: Clock,
    catalogue: Arc<Catalogue>,
}

impl FromRef<App> for Clock {
    fn from_ref(app: &App) -> Self {
        app.clock.clone()
    }
}

/// Everything the registry answers.
///
/// | address | answer |
/// |---|---|
/// | `GET /trusted-list` | the signed list, `application/jose` |
/// | `GET /health` | whether the list can be trusted now |
/// | `GET /` | the parties, the list, the box "why is this refused?" |
/// | `GET /parties/{id}` | one party, its services, history and audit entries |
/// | `POST /why` | the answer of the box |
/// | `POST /admin/parties` | admits a party |
/// | `POST /admin/parties/{id}/status` | grants, suspends or withdraws |
/// | `POST /admin/publish` | publishes the list again |
/// | `GET /admin/audit` | the audit log |
///
/// # Errors
/// [`BadCatalogue`] when the pages' messages do not read, which a test keeps from happening.
pub fn router(registry: Registry, clock: Clock) -> Result<Router, BadCatalogue> {
    let catalogue = Arc::new(Catalogue::new(&MESSAGES)?);
    Ok(Router::new()
        .route("/", get(page::overview))
        .route("/parties/{id}", get(page::party))
        .route("/why", post(page::why))
        .route("/trusted-list", get(public::trusted_list))
        .route("/health", get(public::health))
        .route("/admin/parties", post(admin::admit))
        .route("/admin/parties/{id}/status", post(admin::set_status))
        .route("/admin/publish", post(admin::publish))
        .route("/admin/audit", get(admin::audit))
        .merge(assets::router())
        .layer(from_fn(csrf::same_origin))
        .layer(from_fn(assets::security_headers))
        .with_state(App { registry, clock, catalogue }))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::NoSuchParty(_) => (StatusCode::NOT_FOUND, "no_such_party"),
            Error::NoSuchService { .. } => (StatusCode::NOT_FOUND, "no_such_service"),
            Error::AlreadyAdmitted(_) => (StatusCode::CONFLICT, "already_admitted"),
            Error::Taken { .. } => (StatusCode::CONFLICT, "taken"),
            Error::BadIdentifier(_) => (StatusCode::BAD_REQUEST, "bad_identifier"),
            Error::NoReason => (StatusCode::BAD_REQUEST, "no_reason"),
            Error::List(_) => (StatusCode::BAD_REQUEST, "does_not_fit_the_list"),
            Error::NotACertificate(_) => (StatusCode::BAD_REQUEST, "not_a_certificate"),
            Error::BadQuestion => (StatusCode::BAD_REQUEST, "bad_question"),
            Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Error::Store(cause) => return Self::internal(cause),
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use url::Url;
    use warifu_server::clock::Hands;
    use warifu_server::fetch::{Fetcher, Limits, Policy, Response};
    use warifu_server::run::{Listener, Running};
    use warifu_trust::list::MEDIA_TYPE;
    use warifu_trust::{TrustedEntity, TrustedList};

    use super::*;
    use crate::fixture::{Sandbox, TOKEN, at};

    #[test]
    fn messages_are_whole_in_every_language() {
        assert_eq!(Catalogue::new(&MESSAGES).unwrap().gaps(), [""; 0]);
    }

    const NOW: &str = "2026-11-23T01:00:00Z";

    struct Server {
        sandbox: Sandbox,
        registry: Registry,
        hands: Hands,
        client: Fetcher,
        base: Url,
        running: Running,
    }

    impl Server {
        async fn start() -> Self {
            let sandbox = Sandbox::new();
            let registry = sandbox.registry().await;
            let hands = Hands::at(at(NOW));
            let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let base = Url::parse(&format!("http://{}", listener.address())).unwrap();
            let router = router(registry.clone(), hands.clock()).unwrap();
            let running = listener.spawn(router, warifu_server::run::Limits::default());
            let client = Fetcher::new(Policy::Loopback, Limits::default()).unwrap();
            Self { sandbox, registry, hands, client, base, running }
        }

        async fn get(&self, path: &str) -> Response {
            self.client.get(&self.base.join(path).unwrap(), "*/*").await.unwrap()
        }

        async fn post(&self, path: &str, body: &Value, token: Option<&str>) -> Response {
            let bearer = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
            self.client.post_json(&self.base.join(path).unwrap(), body, &headers).await.unwrap()
        }

        async fn ask(&self, question: &str, service: &str, lang: &str) -> Response {
            let form = [("question", question), ("service", service)];
            let url = self.base.join(&format!("/why?lang={lang}")).unwrap();
            self.client.post_form(&url, &form, &[]).await.unwrap()
        }

        fn now(&self) -> Timestamp {
            self.hands.clock().now()
        }
    }

    fn text(response: &Response) -> &str {
        std::str::from_utf8(&response.body).unwrap()
    }

    fn json_of(response: &Response) -> Value {
        serde_json::from_slice(&response.body).unwrap()
    }

    #[tokio::test]
    async fn readers_fetch_verify_and_obey() {
        let server = Server::start().await;
        let answer = server.get("/trusted-list").await;
        assert_eq!((answer.status.as_u16(), answer.content_type().as_str()), (200, MEDIA_TYPE));
        let anchor = [server.registry.anchor().clone()];
        let list = TrustedList::verify(text(&answer), &anchor, server.now(), None).unwrap();
        let trust = warifu_trust::Trust::from(list);
        assert!(trust.may_request(&server.sandbox.partner_b.access.chain, server.now()).is_ok());
        // Asking again costs nothing.
        let url = server.base.join("/trusted-list").unwrap();
        let tag = answer.header("etag").unwrap().to_owned();
        let again = server.client.send(Method::GET, &url, &[("if-none-match", &tag)], Vec::new()).await.unwrap();
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));

        let change = json!({"service": "access", "status": "suspended", "reason": "complaints"});
        let done = server.post("/admin/parties/partner-b/status", &change, Some(TOKEN)).await;
        assert_eq!((done.status.as_u16(), json_of(&done)["sequence"].clone()), (200, json!(2)));
        let changed = server.client.send(Method::GET, &url, &[("if-none-match", &tag)], Vec::new()).await.unwrap();
        assert_eq!(changed.status, 200);
        let list = TrustedList::verify(text(&changed), &anchor, server.now(), trust.sequence()).unwrap();
        let trust = warifu_trust::Trust::from(list);
        let refusal = trust.may_request(&server.sandbox.partner_b.access.chain, server.now()).unwrap_err();
        assert_eq!(refusal.explain().rule, "suspended");
        assert!(trust.may_receive("partner-b", server.now()).is_ok(), "the other service stays");
        server.running.stop().await;
    }

    #[tokio::test]
    async fn changes_need_the_token() {
        let server = Server::start().await;
        let change = json!({"status": "suspended", "reason": "complaints"});
        for (path, body) in [
            ("/admin/parties/issuer/status", change.clone()),
            ("/admin/parties", json!({})),
            ("/admin/publish", json!({"reason": "x"})),
        ] {
            for token in [None, Some("wrong")] {
                let answer = server.post(path, &body, token).await;
                assert_eq!(answer.status, 401, "{path} {token:?}");
            }
        }
        assert_eq!(server.get("/admin/audit").await.status, 401);
        assert_eq!(server.registry.newest().await.unwrap().unwrap().sequence, 1);
    }

    #[tokio::test]
    async fn administrators_admit_change_and_read_the_log() {
        let server = Server::start().await;
        let entity = server.registry.party("partner-b").await.unwrap();
        let admit = |entity: &TrustedEntity| json!({"party": entity.to_wire(), "reason": "contract signed"});
        let check = async |body: Value, path: &str, status: u16, code: &str| {
            let answer = server.post(path, &body, Some(TOKEN)).await;
            let problem = json_of(&answer);
            assert_eq!((answer.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
        };
        check(admit(&entity), "/admin/parties", 409, "already_admitted").await;
        let mut twin = entity.clone();
        twin.id = "twin".to_owned();
        check(admit(&twin), "/admin/parties", 409, "taken").await;
        twin.id = "Twin".to_owned();
        check(admit(&twin), "/admin/parties", 400, "bad_identifier").await;
        check(json!({"party": {}, "reason": "x"}), "/admin/parties", 400, "bad_json").await;
        check(json!({"status": "suspended", "reason": "x"}), "/admin/parties/nobody/status", 404, "no_such_party")
            .await;
        let access = json!({"service": "access", "status": "suspended", "reason": "x"});
        check(access, "/admin/parties/wallet-provider/status", 404, "no_such_service").await;
        check(json!({"status": "gone", "reason": "x"}), "/admin/parties/issuer/status", 400, "bad_status").await;
        check(
            json!({"service": "x", "status": "granted", "reason": "x"}),
            "/admin/parties/issuer/status",
            400,
            "bad_service",
        )
        .await;
        check(
            json!({"status": "granted", "reason": "x"}),
            "/admin/parties/issuer/status",
            400,
            "does_not_fit_the_list",
        )
        .await;
        check(json!({"reason": ""}), "/admin/publish", 400, "no_reason").await;

        let mut new = entity.clone();
        new.id = "partner-c".to_owned();
        new.name = "Bank C".to_owned();
        new.services.retain(|service| service.keys.is_empty());
        let key = warifu_keys::SigningKey::generate_p256(&warifu_keys::entropy::Seeded::dangerous_new("c"));
        let issuer = &server.sandbox.issuer.authority;
        let request = warifu_keys::x509::issue::Request {
            subject: warifu_keys::x509::issue::Subject {
                common_name: "Bank C".to_owned(),
                organization: None,
                country: "UT".to_owned(),
            },
            public_key: &warifu_keys::Signer::public_key(&key),
            period: warifu_keys::x509::issue::Period::days(at("2026-11-23T00:00:00Z"), 30),
            purpose: warifu_keys::x509::Purpose::Access,
            dns_names: Vec::new(),
            uris: Vec::new(),
        };
        let certificate = issuer.issue(&request, &warifu_keys::entropy::Seeded::dangerous_new("d")).unwrap();
        new.services[0].certificates = vec![certificate.clone()];
        new.services[0].identifiers.clear();
        let done = server.post("/admin/parties", &admit(&new), Some(TOKEN)).await;
        assert_eq!(done.status, 201, "{}", text(&done));
        let trust = server.registry.trust(server.now()).await.unwrap();
        assert_eq!(trust.may_request(&[certificate], server.now()).unwrap().name, "Bank C");
        let url = server.base.join("/admin/audit?from=0").unwrap();
        let log = server.client.send(Method::GET, &url, &[("x-api-key", TOKEN)], Vec::new()).await.unwrap();
        let log = json_of(&log);
        let last = log.as_array().unwrap().iter().rev().find(|row| row["entry"]["action"] == "party.admitted").unwrap();
        assert_eq!(last["entry"]["facts"]["reason"], "contract signed");
    }

    #[tokio::test]
    async fn health_says_whether_the_list_can_be_trusted() {
        let server = Server::start().await;
        let answer = server.get("/health").await;
        assert_eq!((answer.status.as_u16(), json_of(&answer)["sequence"].clone()), (200, json!(1)));
        server.hands.set(at("2026-11-25T00:00:00Z"));
        let answer = server.get("/health").await;
        assert_eq!((answer.status.as_u16(), json_of(&answer)["status"].clone()), (503, json!("no_list")));
        // Fetching the list publishes it again.
        assert_eq!(server.get("/trusted-list").await.status, 200);
        assert_eq!(server.get("/health").await.status, 200);
    }

    #[tokio::test]
    async fn pages_show_parties_history_and_reasons_in_both_languages() {
        let server = Server::start().await;
        let change = json!({"status": "suspended", "reason": "complaints <b>"});
        assert_eq!(server.post("/admin/parties/partner-b/status", &change, Some(TOKEN)).await.status, 200);
        for (lang, suspended) in [("en", "Suspended"), ("ja", "停止中")] {
            let overview = server.get(&format!("/?lang={lang}")).await;
            let html = text(&overview);
            assert_eq!(overview.status, 200);
            for shown in
                ["Bank A", "Bank B", "Utopia Identity Services", suspended, "class=\"sandbox\"", "LoTESequenceNumber"]
            {
                assert!(html.contains(shown), "{lang}: `{shown}`");
            }
            let party = server.get(&format!("/parties/partner-b?lang={lang}")).await;
            let html = text(&party);
            for shown in ["Bank B", suspended, "complaints &lt;b&gt;", "x509_hash:", "party.suspended"] {
                assert!(html.contains(shown), "{lang}: `{shown}`");
            }
            assert!(!html.contains("<b>"));
        }
        let missing = server.get("/parties/nobody").await;
        assert_eq!(missing.status, 404);
        assert_eq!(missing.content_type(), "text/html");

        let pem = server.sandbox.partner_b.access.chain[0].to_pem().unwrap();
        let check = async |question: &str, service: &str, status: u16, en: &str, ja: &str| {
            for (lang, shown) in [("en", en), ("ja", ja)] {
                let answer = server.ask(question, service, lang).await;
                assert_eq!(answer.status.as_u16(), status, "{lang}");
                assert!(text(&answer).contains(shown), "{lang}: `{shown}` in {}", text(&answer));
            }
        };
        check(&pem, "access", 200, "This party is suspended", "停止中です").await;
        check("partner-b", "share-receiving", 200, "This party is suspended", "停止中です").await;
        check("partner-a", "access", 200, "This is not refused", "拒否されません").await;
        check(&pem, "kyc-issuance", 200, "made for something else", "用途が違います").await;
        check("<script>", "access", 200, "&lt;script&gt;", "&lt;script&gt;").await;
        check(&pem[..200], "access", 400, "This cannot be read", "読み取れません").await;
        let answer = server.ask("x", "nothing", "en").await;
        assert_eq!(answer.status, 400);
        // The box is no door for other sites.
        let url = server.base.join("/why").unwrap();
        let form = [("question", "x"), ("service", "access")];
        let answer = server.client.post_form(&url, &form, &[("sec-fetch-site", "cross-site")]).await.unwrap();
        assert_eq!(answer.status, 403);
    }
}
