//! Choosing among what is held, adding what is not needed, and the portrait's own step.

use serde_json::json;
use warifu_credential::ClaimPath;
use warifu_openid4vc::dcql::Query;
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::Answer;

use super::world::{World, now};
use crate::consent::{Asked, ConsentUnusable, Ready};
use crate::present::{Picks, Request};
use crate::store::SelfieRule;
use crate::{Error, Wallet};

const DOCTYPE: &str = "org.warifu.kyc.1";

fn names() -> Vec<ClaimPath> {
    vec![ClaimPath::claim("family_name")]
}

async fn receive(world: &World, wallet: &Wallet, configurations: &[&str]) {
    let (link, code) = world.offer_of(configurations);
    wallet.accept(&link, Some(&code), now()).await.unwrap();
}

fn choose(wallet: &Wallet, request: &Request, picks: &Picks) -> Result<Request, Error> {
    wallet.choose(request.clone(), picks, "en", now())
}

/// The queries that the posted answer answers.
fn answered(world: &World, id: &str) -> Vec<String> {
    let posted = world.posted();
    let received = Received::parse(posted.last().unwrap()).unwrap();
    let Answer::Presented(answer) = world.awaiting(id).accept(received, now()).unwrap() else { panic!("refused") };
    answer.vp_token.0.keys().cloned().collect()
}

async fn present(wallet: &Wallet, request: Request) {
    let consent = request.question().agree(now());
    wallet.present(Ready::agreed(request, consent, now()).unwrap(), now()).await.unwrap();
}

#[tokio::test]
async fn the_newest_or_another() {
    let world = World::new(None);
    let wallet = world.wallet();
    receive(&world, &wallet, &["kyc"]).await;
    let alone = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    assert!(alone.question().choices.is_empty());
    receive(&world, &wallet, &["kyc"]).await;
    let held = wallet.list(now()).unwrap();
    let (old, new) = (&held[0].id, &held[1].id);

    let request = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    let question = request.question();
    assert_eq!(question.disclosures[0].credential, *new);
    let [choice] = &question.choices[..] else { panic!("{question:?}") };
    let offered: Vec<_> = choice.offered.iter().map(|one| &one.credential).collect();
    assert_eq!((choice.query_id.as_str(), offered), ("kyc", vec![new, old]));
    assert_eq!(choice.offered[0], question.disclosures[0]);
    assert_eq!(choice.offered[1].shared[0].value, json!("SPECIMEN-VALUE"), "with every value");

    let pick = |query: &str, id: &str| Picks {
        credentials: [(query.to_owned(), id.parse().unwrap())].into(),
        ..Picks::default()
    };
    for (query, id) in [("kyc", "abcdefghjkmn"), ("other", &*old.to_string())] {
        let error = choose(&wallet, &request, &pick(query, id)).unwrap_err();
        assert_eq!(error.code(), "no_such_choice");
    }
    let added = Picks { extras: [0].into(), ..Picks::default() };
    assert_eq!(choose(&wallet, &request, &added).unwrap_err().code(), "no_such_choice");

    let older = choose(&wallet, &request, &pick("kyc", &old.to_string())).unwrap();
    assert_eq!(older.question().disclosures[0].credential, *old);
    assert_eq!(older.question().mark, question.mark);
    // Agreeing to the one is not agreeing to the other.
    let consent = question.agree(now());
    assert_eq!(Ready::agreed(older.clone(), consent, now()).unwrap_err(), ConsentUnusable::OtherQuestion);
    // Back to the newest, from what was chosen.
    let back = choose(&wallet, &older, &Picks::default()).unwrap();
    assert_eq!(back.question(), question);
    present(&wallet, older).await;
    let key = &world.proved()[0].0;
    assert_eq!(world.holder_of_answer("1"), *key, "the key of the older one");
}

#[tokio::test]
async fn what_is_not_needed_is_added_whole_or_not_at_all() {
    let world = World::new(None);
    let wallet = world.wallet();
    receive(&world, &wallet, &["kyc", "kyc-mdoc"]).await;
    let query = |required: bool| {
        let value = json!({
            "credentials": [
                { "id": "a", "format": "dc+sd-jwt", "meta": { "vct_values": [World::vct()] }, "claims": [{ "path": ["family_name"] }] },
                { "id": "b", "format": "mso_mdoc", "meta": { "doctype_value": DOCTYPE }, "claims": [{ "path": [DOCTYPE, "given_name"] }] },
                { "id": "c", "format": "dc+sd-jwt", "meta": { "vct_values": [World::vct()] }, "claims": [{ "path": ["birthdate"] }] },
            ],
            "credential_sets": [{ "options": [["a"]], "required": required }, { "options": [["b", "c"]], "required": false }],
        });
        Query::from_value(&value).unwrap()
    };
    let inspect =
        async |required| wallet.inspect_request(&world.request_of(query(required), None), now()).await.unwrap();
    let request = inspect(true).await;
    let question = request.question().clone();
    assert_eq!(question.presented().len(), 1, "nothing is ticked");
    let [extra] = &question.extras[..] else { panic!("{question:?}") };
    let offered: Vec<_> = extra.disclosures.iter().map(|one| one.query_id.as_deref().unwrap()).collect();
    assert_eq!((extra.number, extra.added, offered), (0, false, vec!["b", "c"]));
    present(&wallet, request.clone()).await;
    assert_eq!(answered(&world, "0"), ["a"]);

    let request = inspect(true).await;
    let added = choose(&wallet, &request, &Picks { extras: [0].into(), ..Picks::default() }).unwrap();
    assert!(added.question().extras[0].added && added.question().presented().len() == 3);
    let names: Vec<_> =
        added.question().disclosures.iter().flat_map(|one| &one.shared).map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["family_name", "given_name", "birthdate"]);
    present(&wallet, added).await;
    assert_eq!(answered(&world, "1"), ["a", "b", "c"]);

    // Where nothing is needed, nothing is given unless it is added.
    let request = inspect(false).await;
    assert!(request.question().disclosures.is_empty() && request.question().extras.len() == 2);
    let added = choose(&wallet, &request, &Picks { extras: [1].into(), ..Picks::default() }).unwrap();
    present(&wallet, added).await;
    assert_eq!(answered(&world, "2"), ["b", "c"]);
}

#[tokio::test]
async fn a_portrait_takes_a_step_of_its_own() {
    let world = World::with_portrait();
    let wallet = world.wallet_with(world.seams(), SelfieRule::WhenAsked);
    receive(&world, &wallet, &["kyc", "kyc-mdoc"]).await;
    let picture = [ClaimPath::claim("family_name"), ClaimPath::claim("picture")];
    for (at, link) in [world.request(&picture, None), world.mdoc_request(&["portrait"], None)].iter().enumerate() {
        let request = wallet.inspect_request(link, now()).await.unwrap();
        let question = request.question().clone();
        assert!(question.has_portrait());
        let refused = Ready::agreed(request.clone(), question.agree(now()), now()).unwrap_err();
        assert_eq!((refused.code(), &refused), ("portrait_not_agreed", &ConsentUnusable::PortraitNotAgreed));
        assert_eq!(world.posted().len(), at);
        let ready = Ready::agreed(request, question.agree_with_portrait(now()), now()).unwrap();
        wallet.present(ready, now()).await.unwrap();
        assert_eq!(world.posted().len(), at + 1);
    }
    // Without one the extra word changes nothing.
    let request = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    assert!(!request.question().has_portrait());
    let consent = request.question().agree_with_portrait(now());
    Ready::agreed(request, consent, now()).unwrap();
    let history = serde_json::to_string(&wallet.history().unwrap()).unwrap();
    assert!(history.contains("picture") && !history.contains("data:image") && !history.contains("SPECIMEN-VALUE"));
}
