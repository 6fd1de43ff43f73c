//! Against other people's code: a wallet and a verifier made of packages from npm (`tests/interop`) and ours, in both
//! directions, what must work and what must not. `docs/interop.md` says which packages and what they do differently.

mod peer;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use warifu_cli::demo::Person;
use warifu_credential::selfie_reauth;
use warifu_keys::entropy::Seeded;
use warifu_openid4vc::vp::holder::Error as RequestRefused;
use warifu_openid4vc::vp::request::RequestError;
use warifu_tests::{World, models, skip};
use warifu_trust_registry::setup::PartyNames;
use warifu_trust_registry::{Actor, Registry};
use warifu_wallet::Error;
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::present::{PresentError, PresentedFacts, Request};

use crate::refusals::{approved, offer, state};
use peer::Peer;

const DOCTYPE: &str = "org.warifu.kyc.1";
const PID: &str = "eu.europa.ec.eudi.pid.1";

/// A world that begins now, because the clock of a peer can not be moved.
async fn world(models: warifu_models::Models, seed: &str) -> Result<World> {
    World::start_at(Timestamp::now(), models, seed).await
}

/// Lets everyone's clock show the time of the peer's.
fn catch_up(world: &World) -> Timestamp {
    let now = Timestamp::now();
    world.hands.set(now);
    now
}

/// A file of the scheme's keys.
fn key_file(world: &World, path: &str) -> Result<String> {
    let path = world.sandbox.data.join("keys").join(path);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

fn vct(world: &World) -> Result<String> {
    Ok(world.sandbox.issuer.url.join("vct/kyc-identity/1")?.into())
}

/// A query for claims of the attestation as SD-JWT VC.
fn sd_jwt_query(world: &World, paths: &[&[&str]]) -> Result<Value> {
    let claims: Vec<Value> = paths.iter().map(|path| json!({"path": path})).collect();
    Ok(json!({"id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": [vct(world)?]}, "claims": claims}))
}

/// A query for elements of an mdoc, in the namespace of its document type.
fn mdoc_query(id: &str, doctype: &str, elements: &[&str]) -> Value {
    let claims: Vec<Value> = elements.iter().map(|element| json!({"path": [doctype, element]})).collect();
    json!({"id": id, "format": "mso_mdoc", "meta": {"doctype_value": doctype}, "claims": claims})
}

/// What our verifier makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Every check holds.
    Accepted,
    /// This check fails, and no other one.
    Check(&'static str),
    /// It is no answer, for this reason.
    NoAnswer(&'static str),
}

/// An answer of the npm wallet.
struct Answer {
    name: &'static str,
    request: Value,
    enc: &'static str,
    apu: bool,
    wrong: Option<&'static str>,
    verdict: Verdict,
    /// What must have been shown, as `member/member`.
    shown: &'static [&'static str],
}

fn answers(world: &World) -> Result<Vec<Answer>> {
    let sd_jwt = json!({"policy": "identity", "formats": "dc+sd-jwt"});
    let mdoc = json!({"policy": "identity", "formats": "mso_mdoc"});
    let nested = sd_jwt_query(world, &[&["age_equal_or_over", "18"], &["family_name"]])?;
    let pid = json!({
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:1"]},
        "claims": [{"path": ["family_name"]}, {"path": ["birthdate"]}],
    });
    let both = json!([sd_jwt_query(world, &[&["given_name"]])?, mdoc_query("pid-mdoc", PID, &["family_name"])]);
    let right = |name, request: &Value, enc, apu, shown| Answer {
        name,
        request: request.clone(),
        enc,
        apu,
        wrong: None,
        verdict: Verdict::Accepted,
        shown,
    };
    let wrong = |name, request: &Value, wrong, verdict| Answer {
        name,
        request: request.clone(),
        enc: "A128GCM",
        apu: false,
        wrong: Some(wrong),
        verdict,
        shown: &[],
    };
    let query = |credentials: Value| json!({"dcql_query": {"credentials": credentials}});
    Ok(vec![
        right("SD-JWT VC, A128GCM", &sd_jwt, "A128GCM", false, &["given_name", "family_name", "birthdate"]),
        right("SD-JWT VC, A256GCM", &sd_jwt, "A256GCM", true, &["given_name", "family_name", "birthdate"]),
        right("a nested claim", &query(json!([nested])), "A256GCM", false, &["age_equal_or_over/18", "family_name"]),
        right("the PID as SD-JWT VC", &query(json!([pid])), "A128GCM", true, &["family_name", "birthdate"]),
        right("mdoc, A128GCM", &mdoc, "A128GCM", true, &["org.warifu.kyc.1/given_name"]),
        right("mdoc, A256GCM", &mdoc, "A256GCM", false, &["org.warifu.kyc.1/birth_date"]),
        right("either format", &json!({"policy": "identity"}), "A256GCM", false, &["given_name"]),
        right("two credentials at once", &query(both), "A256GCM", true, &[]),
        wrong("SD-JWT VC for another nonce", &sd_jwt, "nonce", Verdict::Check("nonce")),
        wrong("SD-JWT VC for another audience", &sd_jwt, "audience", Verdict::Check("aud")),
        wrong("SD-JWT VC bound an hour ago", &sd_jwt, "stale", Verdict::Check("key_binding")),
        wrong("mdoc for another nonce", &mdoc, "nonce", Verdict::Check("key_binding")),
        wrong("mdoc for another audience", &mdoc, "audience", Verdict::Check("key_binding")),
        wrong("another state", &sd_jwt, "state", Verdict::NoAnswer("wrong_state")),
        wrong("in the clear", &sd_jwt, "unencrypted", Verdict::NoAnswer("not_encrypted")),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_from_npm_answers_our_verifier() -> Result<()> {
    let name = "a_wallet_from_npm_answers_our_verifier";
    let Some(models) = models(name) else { return Ok(()) };
    let Some(mut wallet) = Peer::start(name, "wallet.mjs")? else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = world(models, name).await?;
    let (session, _) = approved(&world, &person).await?;
    let (issuers, verifiers) =
        (key_file(&world, "issuer/ca.cert.pem")?, key_file(&world, "operator/access-ca.cert.pem")?);
    wallet.ask("trust", json!({"issuers": [issuers], "verifiers": [verifiers]}))?;

    // It takes what our issuer mints: every configuration of an offer, over OpenID4VCI with DPoP.
    let (link, code) = offer(&world, &session).await?;
    catch_up(&world);
    let wrong = if code.starts_with('0') { "111111" } else { "000000" };
    let refused = wallet.ask("accept", json!({"offer": link, "tx_code": wrong})).expect_err("a wrong code");
    ensure!(refused.to_string().contains("invalid_grant"), "{refused}");
    let held = wallet.ask("accept", json!({"offer": link, "tx_code": code}))?;
    let held = held.as_array().context("credentials")?;
    let mut kinds: Vec<(&str, &str)> =
        held.iter().filter_map(|one| Some((one["format"].as_str()?, one["type"].as_str()?))).collect();
    kinds.sort_unstable();
    let vct = vct(&world)?;
    let mut expected =
        vec![("dc+sd-jwt", vct.as_str()), ("dc+sd-jwt", "urn:eudi:pid:1"), ("mso_mdoc", DOCTYPE), ("mso_mdoc", PID)];
    expected.sort_unstable();
    assert_eq!(kinds, expected);

    let mut passed = 0;
    for Answer { name, request, enc, apu, wrong, verdict, shown } in answers(&world)? {
        catch_up(&world);
        let partner = &world.sandbox.partners[0];
        let created = world.sandbox.post(partner, "v1/requests", &request).await?.expect(201)?;
        let id = created["request_id"].as_str().context("an identifier")?;
        let given = json!({"link": created["link"], "enc": enc, "apu": apu, "wrong": wrong});
        let answer = wallet.ask("present", given).with_context(|| name.to_owned())?;
        let result = state(&world, id).await?;
        let status = if verdict == Verdict::Accepted { 200 } else { 400 };
        ensure!(answer["status"] == status, "{name}: {answer}\n{result}");
        if verdict == Verdict::Accepted {
            assert_eq!(
                (&answer["header"]["enc"], &answer["header"]["alg"]),
                (&json!(enc), &json!("ECDH-ES")),
                "{name}"
            );
        }
        judged(&result, verdict).with_context(|| format!("{name}: {answer}\n{result}"))?;
        for path in shown {
            ensure!(!result.pointer(&format!("/claims/{path}")).is_none_or(Value::is_null), "{name}: {path}: {result}");
        }
        // Whatever became of it, the same answer is worth nothing a second time.
        let again = wallet.ask("again", json!({}))?;
        ensure!(again["status"].as_u64().is_some_and(|status| (400..500).contains(&status)), "{name}: {again}");
        assert_eq!(state(&world, id).await?["state"], result["state"], "{name}");
        passed += 1;
    }
    tell(name, passed);
    world.sandbox.stop().await;
    Ok(())
}

/// Whether the result of a request says what it has to.
fn judged(result: &Value, verdict: Verdict) -> Result<()> {
    let checks = result["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |outcome: &str| -> Vec<&str> {
        checks.iter().filter(|check| check["outcome"] == outcome).filter_map(|check| check["name"].as_str()).collect()
    };
    match verdict {
        Verdict::Accepted => {
            ensure!(result["state"] == "accepted");
            ensure!(named("pass").len() == 9 && named("fail").is_empty() && named("not_run") == ["selfie_reauth"]);
        }
        Verdict::Check(name) => {
            ensure!(result["state"] == "refused" && named("fail") == [name]);
            ensure!(result["claims"].as_object().is_none_or(serde_json::Map::is_empty));
        }
        Verdict::NoAnswer(reason) => ensure!(result["state"] == "failed" && result["reason"] == reason),
    }
    Ok(())
}

/// What our wallet makes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It answers, and the peer accepts.
    Answered,
    /// It answers, and the peer refuses for this reason.
    AnswerRefused(&'static str),
    /// It refuses the request, by this name.
    Refused(&'static str),
}

/// A request of the npm verifier.
struct Asked {
    name: &'static str,
    given: Value,
    outcome: Outcome,
    /// What must have been shown, as `query/member/member`.
    shown: &'static [&'static str],
}

fn requests(world: &World, liveness: bool) -> Result<Vec<Asked>> {
    let identity = sd_jwt_query(world, &[&["given_name"], &["family_name"], &["birthdate"]])?;
    let elements = mdoc_query("kyc-mdoc", DOCTYPE, &["given_name", "birth_date"]);
    let nested = sd_jwt_query(world, &[&["age_equal_or_over", "18"]])?;
    let query = |credentials: Value| json!({"credentials": credentials});
    let sd_jwt = query(json!([identity]));
    let right = |name, query: &Value, method, enc, shown| Asked {
        name,
        given: json!({"as": "listed", "query": query, "method": method, "enc": enc}),
        outcome: Outcome::Answered,
        shown,
    };
    let wrong = |name, method, wrong, outcome| Asked {
        name,
        given: json!({"as": "listed", "query": sd_jwt, "method": method, "enc": "A256GCM", "wrong": wrong}),
        outcome,
        shown: &[],
    };
    let mut all = vec![
        right("SD-JWT VC by GET, A128GCM", &sd_jwt, "get", "A128GCM", &["kyc/given_name", "kyc/birthdate"]),
        right("SD-JWT VC by POST, A256GCM", &sd_jwt, "post", "A256GCM", &["kyc/given_name", "kyc/birthdate"]),
        right("a nested claim", &query(json!([nested])), "get", "A256GCM", &["kyc/age_equal_or_over/18"]),
        right(
            "mdoc by GET, A256GCM",
            &query(json!([elements])),
            "get",
            "A256GCM",
            &["kyc-mdoc/org.warifu.kyc.1/birth_date"],
        ),
        right(
            "mdoc by POST, A128GCM",
            &query(json!([elements])),
            "post",
            "A128GCM",
            &["kyc-mdoc/org.warifu.kyc.1/given_name"],
        ),
        right(
            "two credentials at once",
            &query(json!([identity, elements])),
            "post",
            "A256GCM",
            &["kyc/family_name", "kyc-mdoc/org.warifu.kyc.1/given_name"],
        ),
        // The peer verifies: what it does not expect, it does not take.
        wrong("the peer expects another nonce", "get", "expects_another_nonce", Outcome::AnswerRefused("Nonce")),
        wrong(
            "the peer expects another audience",
            "get",
            "expects_another_audience",
            Outcome::AnswerRefused("key binding is for"),
        ),
        wrong("another client identifier in the link", "get", "link_client_id", Outcome::Refused("other_certificate")),
        wrong(
            "another client identifier in the request object",
            "get",
            "object_client_id",
            Outcome::Refused("other_client_id"),
        ),
        wrong(
            "the client identifier of another certificate",
            "get",
            "client_id",
            Outcome::Refused("other_certificate"),
        ),
        wrong("an hour old", "get", "expired", Outcome::Refused("expired")),
        wrong("transaction data of an unknown type", "get", "transaction_data", Outcome::Refused("transaction_data")),
        wrong("an answer in the clear", "get", "unencrypted", Outcome::Refused("not_encrypted")),
        wrong("the package's own audience", "get", "audience", Outcome::Refused("other_audience")),
        wrong("another nonce than the wallet's", "post", "wallet_nonce", Outcome::Refused("wallet_nonce")),
        Asked {
            name: "a certificate that is not listed",
            given: json!({"as": "unlisted", "query": sd_jwt, "method": "get", "enc": "A256GCM"}),
            outcome: Outcome::Refused("unknown_verifier"),
            shown: &[],
        },
    ];
    if liveness {
        let demand = json!({
            "type": selfie_reauth::TYPE, "credential_ids": ["kyc"], "purpose": "Log in", "max_age": 60,
            "liveness": "passive", "operating_point": "fmr-1e-3", "transaction_data_hashes_alg": ["sha-256"],
        });
        let mut selfie = right("a selfie, as transaction data", &sd_jwt, "get", "A256GCM", &["kyc/family_name"]);
        selfie.given["transaction_data"] = json!([demand]);
        all.push(selfie);
    } else {
        skip("a selfie, as transaction data", "the liveness weights are absent");
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_wallet_answers_a_verifier_from_npm() -> Result<()> {
    let name = "our_wallet_answers_a_verifier_from_npm";
    let Some(models) = models(name) else { return Ok(()) };
    let Some(mut verifier) = Peer::start(name, "verifier.mjs")? else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let liveness = models.has_liveness();
    let world = world(models, name).await?;
    let wallet = &world.sandbox.wallet;

    // One party of the scheme stands in the list, another one of the same authority does not.
    let (keys, now) = (world.sandbox.data.join("keys"), catch_up(&world));
    let entropy = Seeded::dangerous_new(name);
    let add = |id: &str, name: &str| Registry::add_verifier(&keys, &PartyNames::sandbox(id, name), now, &entropy);
    let listed = add("listed", "Bank of npm")?;
    add("unlisted", "Bank of nobody")?;
    world.sandbox.operator.admit(&listed, &Actor::administrator("test", "interop"), now).await?;
    let party = |id: &str| -> Result<Value> {
        let file = |kind: &str| key_file(&world, &format!("verifiers/{id}/access.{kind}.pem"));
        Ok(json!({"key": file("key")?, "certificate": file("cert")?}))
    };
    let parties = json!({"listed": party("listed")?, "unlisted": party("unlisted")?});
    verifier.ask("listen", json!({"parties": parties, "issuers": [key_file(&world, "issuer/ca.cert.pem")?]}))?;

    let (session, _) = approved(&world, &person).await?;
    let (link, code) = offer(&world, &session).await?;
    wallet.accept(&link, Some(&code), catch_up(&world)).await?;
    let mut passed = 0;
    for Asked { name, given, outcome, shown } in requests(&world, liveness)? {
        let now = catch_up(&world);
        let made = verifier.ask("ask", given.clone()).with_context(|| name.to_owned())?;
        let link = made["link"].as_str().context("a link")?;
        let said = match wallet.inspect_request(link, now).await {
            Ok(asked) => {
                ensure!(asked.question().asker.name == "Bank of npm", "{name}: {:?}", asked.question().asker);
                answered(&world, asked, &person, now).await.map(|facts| facts.verifier)
            }
            Err(error) => Err(error),
        };
        let result = verifier.ask("result", json!({"id": made["id"]}))?;
        match (outcome, &said) {
            (Outcome::Answered, Ok(_)) => {
                ensure!(result["header"]["enc"] == given["enc"], "{name}: {result}");
                if given["method"] == "post" {
                    ensure!(result["told"]["vp_formats_supported"].is_object(), "{name}: {result}");
                }
                for path in shown {
                    let value = result.pointer(&format!("/claims/{path}"));
                    ensure!(!value.is_none_or(Value::is_null), "{name}: {path}: {result}");
                }
                ensure!(!result.to_string().contains("face_template"), "{name}: {result}");
                if !given["transaction_data"].is_null() {
                    ensure!(result["bindings"]["kyc"][0]["selfie_reauth"]["liveness"] == "passive", "{name}: {result}");
                }
            }
            (Outcome::AnswerRefused(why), Err(error)) => {
                ensure!(refusal(error) == "answer_refused", "{name}: {error}");
                let failed = result["failed"].as_str().unwrap_or_default();
                ensure!(failed.contains(why), "{name}: {result}");
            }
            (Outcome::Refused(why), Err(error)) => {
                ensure!(refusal(error) == why, "{name}: {error}");
                ensure!(result["claims"].is_null(), "{name}: {result}");
            }
            (expected, said) => bail!("{name}: {said:?} instead of {expected:?}: {result}"),
        }
        passed += 1;
    }
    tell(name, passed);
    world.sandbox.stop().await;
    Ok(())
}

/// The wallet's user agrees, with a selfie where one is demanded.
async fn answered(world: &World, asked: Request, person: &Person, now: Timestamp) -> Result<PresentedFacts, Error> {
    let wallet = &world.sandbox.wallet;
    let consent = asked.question().agree(now);
    let ready = if asked.demand().is_some() {
        let matched = wallet.match_selfie(&asked, person.second_selfie.clone(), now).await?;
        Ready::matched(asked, consent, matched, now)?
    } else {
        Ready::agreed(asked, consent, now)?
    };
    wallet.present(ready, now).await
}

/// The name of the reason for which the wallet gave no answer; finer than the wallet's own, which speaks to people.
fn refusal(error: &Error) -> &'static str {
    match error {
        Error::Present(PresentError::Request(reason)) => match reason {
            RequestRefused::OtherClientId => "other_client_id",
            RequestRefused::OtherCertificate => "other_certificate",
            RequestRefused::OtherAudience => "other_audience",
            RequestRefused::WalletNonce => "wallet_nonce",
            RequestRefused::NotEncrypted => "not_encrypted",
            RequestRefused::Request(RequestError::TransactionData(_)) => "transaction_data",
            _ => error.code(),
        },
        _ => error.code(),
    }
}

/// Says how many rows ran.
#[expect(clippy::print_stderr, reason = "tests say what they did")]
fn tell(test: &str, rows: usize) {
    eprintln!("{test}: {rows} rows passed");
}
