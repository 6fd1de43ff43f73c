use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use url::Url;
use uuid::Uuid;
use warifu_credential::status::{Bits, Encoding, Status, StatusReference, StatusToken};
use warifu_keys::entropy::Seeded;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Entropy, Secret, Signer as _, SigningKey};
use warifu_models::{Models, Parts};
use warifu_server::Clock;
use warifu_server::fetch::{Fetcher, Limits, Policy};
use warifu_store::blob::Blobs;
use warifu_store::{Batch, Collection, Query, Store, Stored};

use super::record::{Entry, List};
use super::*;
use crate::kyc::session::NewSession;
use crate::{CertifiedKey, Config, Keys, Suspension};

fn start() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

struct NoWeights;

impl warifu_models::Weights for NoWeights {
    fn read(&self, file: &warifu_models::manifest::FileEntry) -> Result<Vec<u8>, warifu_models::WeightsError> {
        Err(warifu_models::WeightsError::Missing { name: file.name.clone(), place: String::new() })
    }
}

/// One issuer over a store; `seed` decides every draw it makes. All have the same anchor.
struct Node {
    issuer: Arc<Issuer>,
    anchor: Certificate,
}

fn node(store: &Arc<dyn Store>, seed: &str, change: impl FnOnce(&mut Config)) -> Node {
    node_with(store, seed, change, |_| None)
}

fn node_with(
    store: &Arc<dyn Store>,
    seed: &str,
    change: impl FnOnce(&mut Config),
    status_signer: impl FnOnce(&dyn Fn(&str) -> (Certificate, SigningKey)) -> Option<CertifiedKey>,
) -> Node {
    let entropy = Seeded::dangerous_new("status authority");
    let period = Period::days(start() - SignedDuration::from_hours(1), 400);
    let subject = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
    let key = SigningKey::generate_p256(&entropy);
    let authority = Authority::self_signed(&subject("Root"), key, period, "https://utopia.example", &entropy).unwrap();
    let certified = |name: &str| {
        let key = SigningKey::generate_p256(&entropy);
        let request = Request {
            subject: subject(name),
            public_key: &key.public_key(),
            period,
            purpose: Purpose::DocumentSigner,
            dns_names: Vec::new(),
            uris: Vec::new(),
        };
        (authority.issue(&request, &entropy).unwrap(), key)
    };
    let (certificate, key) = certified("Document signer");
    let base = Url::parse("http://127.0.0.1:7001").unwrap();
    let registry = Url::parse("http://127.0.0.1:1").unwrap();
    let mut config = Config::sandbox(base, registry, authority.certificate().clone());
    config.status_list_length = 10_000;
    change(&mut config);
    let parts = crate::Parts {
        store: Arc::clone(store),
        blobs: Blobs::memory(),
        models: Models::load(&NoWeights, Parts { face: false, liveness: false, document: false }).unwrap(),
        fetcher: Fetcher::new(Policy::Loopback, Limits::default()).unwrap(),
        clock: Clock::system(),
        entropy: Arc::new(Seeded::dangerous_new(seed)) as Arc<dyn Entropy>,
        keys: Keys {
            document_signer: Arc::new(key),
            chain: vec![certificate],
            status_signer: status_signer(&certified),
            access: None,
            master: Secret::new(vec![9; 32]),
        },
    };
    Node { issuer: Arc::new(Issuer::new(config, parts).unwrap()), anchor: authority.certificate().clone() }
}

impl Node {
    async fn session(&self) -> Uuid {
        self.issuer.create_session(NewSession::default(), start()).await.unwrap().session.id
    }

    /// Entries for `count` credentials, taken as the credential endpoint takes them.
    async fn take(&self, session: Uuid, count: usize, bits: Bits) -> Vec<Entry> {
        loop {
            let drawn = self.issuer.draw_entries(session, count, bits, start()).await.unwrap();
            let batch = drawn.iter().fold(Batch::new(), |batch, entry| batch.insert(entry));
            match self.issuer.store.commit(batch).await {
                Ok(_) => return drawn,
                Err(error) => assert!(error.is_conflict(), "{error}"),
            }
        }
    }

    fn reference(&self, entry: &Entry) -> StatusReference {
        self.issuer.status_reference_of(entry).unwrap()
    }

    async fn status(&self, entry: &Entry, now: Timestamp) -> Status {
        let reference = self.reference(entry);
        let mut seen = Vec::new();
        for encoding in [Encoding::Jwt, Encoding::Cwt] {
            let token = self.issuer.status_list(entry.list, encoding, now).await.unwrap();
            let token = StatusToken::verify(&token.bytes, &reference.uri, &self.anchor, now).unwrap();
            assert_eq!(token.encoding(), encoding);
            assert_eq!(token.aggregation_uri().unwrap().path(), "/status");
            seen.push(token.status(reference.idx).unwrap());
        }
        assert_eq!(seen[0], seen[1], "both encodings say the same");
        seen[0]
    }

    async fn status_at(&self, entry: &Entry, time: i64, now: Timestamp) -> Result<Status, Error> {
        let (time, reference) = (start().as_second() + time, self.reference(entry));
        let token = self.issuer.status_list_at(entry.list, Encoding::Cwt, time, now).await?;
        let time = Timestamp::from_second(time).unwrap();
        let token = StatusToken::verify(&token.bytes, &reference.uri, &self.anchor, time).unwrap();
        assert!(token.covers(time));
        Ok(token.status(reference.idx).unwrap())
    }
}

/// Issuers on several machines that draw the very same numbers, on one store: no entry is ever given twice.
async fn no_entry_twice(store: Arc<dyn Store>) {
    let nodes: Vec<Arc<Node>> = (0..4).map(|_| Arc::new(node(&store, "all alike", |_| {}))).collect();
    let tasks = nodes.into_iter().map(|node| {
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..25 {
                taken.extend(node.take(Uuid::nil(), 5, Bits::Two).await);
            }
            taken
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    let keys: BTreeSet<String> = taken.iter().map(Stored::key).collect();
    assert_eq!(keys.len(), 4 * 25 * 5);
    let kept = Collection::<Entry>::of(&store).collect(Query::all()).await.unwrap();
    assert_eq!(kept.into_iter().map(|entry| entry.value.key()).collect::<BTreeSet<_>>(), keys);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_entry_twice_in_memory() {
    no_entry_twice(warifu_store::memory::open().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_entry_twice_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    no_entry_twice(warifu_store::redb::open(folder.path().join("issuer.redb")).unwrap()).await;
}

#[tokio::test]
async fn lists_are_closed_before_they_are_full() {
    let store = warifu_store::memory::open().unwrap();
    let node = node(&store, "many", |_| {});
    while Collection::<List>::of(&store).collect(Query::all()).await.unwrap().len() < 2 {
        node.take(Uuid::nil(), 250, Bits::One).await;
    }
    let first = Query::keys(Range::Prefix("00000000.".to_owned()));
    let taken = Collection::<Entry>::of(&store).collect(first).await.unwrap().len();
    assert!((2_000..8_000).contains(&taken), "{taken} of 10,000");
    // A list of another kind is another list, and all are named.
    node.take(Uuid::nil(), 1, Bits::Two).await;
    let lists = node.issuer.status_lists().await.unwrap();
    let paths: Vec<_> = lists.lists().iter().map(Url::path).collect();
    assert_eq!(paths, ["/status/0", "/status/1", "/status/2"]);
}

#[tokio::test]
async fn suspended_and_back_but_revoked_for_good() {
    let store = warifu_store::memory::open().unwrap();
    let node = node(&store, "standing", |_| {});
    let (issuer, session) = (&node.issuer, node.session().await);
    let entries = node.take(session, 2, Bits::Two).await;
    let other = node.take(node.session().await, 1, Bits::Two).await;
    let check = async |at: i64, expected: Status| {
        for entry in &entries {
            assert_eq!(node.status(entry, after(at)).await, expected, "{at}");
        }
        assert_eq!(node.status(&other[0], after(at)).await, Status::Valid);
    };
    check(0, Status::Valid).await;
    assert_eq!(issuer.reinstate(session, "nothing to do", after(1)).await.unwrap(), 0);
    assert_eq!(issuer.suspend(session, "lost", after(2)).await.unwrap(), 2);
    assert_eq!(issuer.suspend(session, "lost", after(3)).await.unwrap(), 0);
    check(3, Status::Suspended).await;
    assert!(matches!(issuer.check_standing(session).await, Err(Error::Suspended)));
    assert_eq!(issuer.reinstate(session, "found", after(4)).await.unwrap(), 2);
    assert_eq!(issuer.reinstate(session, "found", after(4)).await.unwrap(), 0);
    check(4, Status::Valid).await;
    issuer.check_standing(session).await.unwrap();
    assert_eq!(issuer.suspend(session, "lost again", after(5)).await.unwrap(), 2);
    assert_eq!(issuer.revoke(session, "stolen", after(6)).await.unwrap(), 2);
    assert_eq!(issuer.revoke(session, "stolen", after(7)).await.unwrap(), 0);
    check(7, Status::Invalid).await;
    assert!(matches!(issuer.reinstate(session, "please", after(8)).await, Err(Error::Revoked)));
    assert!(matches!(issuer.suspend(session, "please", after(8)).await, Err(Error::Revoked)));
    assert!(matches!(issuer.check_standing(session).await, Err(Error::Revoked)));
    check(9, Status::Invalid).await;
    assert!(matches!(issuer.suspend(Uuid::max(), "", after(9)).await, Err(Error::NoSuchSession)));
}

/// A person with one copy that can not be suspended is not suspended at all: that copy would go on being good.
#[tokio::test]
async fn one_bit_has_no_room_for_suspension() {
    let store = warifu_store::memory::open().unwrap();
    let node = node(&store, "one bit", |config| config.suspension = Suspension::No);
    let session = node.session().await;
    let two = node.take(session, 1, Bits::Two).await;
    let one = node.take(session, 1, Bits::One).await;
    assert!(matches!(node.issuer.suspend(session, "lost", after(1)).await, Err(Error::NotSuspendable)));
    for entry in [&two[0], &one[0]] {
        assert_eq!(node.status(entry, after(1)).await, Status::Valid);
    }
    node.issuer.check_standing(session).await.unwrap();
    assert_eq!(node.issuer.revoke(session, "lost", after(2)).await.unwrap(), 2);
    assert_eq!(node.status(&one[0], after(2)).await, Status::Invalid);
    // What mobile documents refer to is as their standard wants it.
    let token = node.issuer.status_list(one[0].list, Encoding::Cwt, after(2)).await.unwrap();
    let uri = node.reference(&one[0]).uri;
    StatusToken::verify(&token.bytes, &uri, &node.anchor, after(2)).unwrap().check_for_mdoc().unwrap();
}

#[tokio::test]
async fn what_was_valid_then() {
    let store = warifu_store::memory::open().unwrap();
    let node = node(&store, "history", |config| config.status_history = Some(SignedDuration::from_secs(1000)));
    let session = node.session().await;
    let entry = node.take(session, 1, Bits::Two).await.remove(0);
    // Between two whole seconds, as changes are.
    let between = |at: i64| after(at) + SignedDuration::from_millis(400);
    node.issuer.suspend(session, "lost", between(100)).await.unwrap();
    node.issuer.reinstate(session, "found", between(103)).await.unwrap();
    node.issuer.revoke(session, "stolen", between(500)).await.unwrap();
    for (time, expected) in [
        (0, Status::Valid),
        (50, Status::Valid),
        (100, Status::Valid),
        (101, Status::Suspended),
        (103, Status::Suspended),
        (104, Status::Valid),
        (500, Status::Valid),
        (501, Status::Invalid),
        (600, Status::Invalid),
    ] {
        assert_eq!(node.status_at(&entry, time, after(600)).await.unwrap(), expected, "{time}");
    }
    // Before the list, in the future, and longer ago than is kept.
    for (time, now) in [(-1, 600), (601, 600), (100, 1101), (i64::MAX / 2, 600)] {
        assert!(matches!(node.status_at(&entry, time, after(now)).await, Err(Error::NotInHistory)), "{time} at {now}");
    }
    let list = node.issuer.status_list_at(99, Encoding::Jwt, start().as_second(), start()).await;
    assert!(matches!(list, Err(Error::NoSuchList)));
    let forgetful = self::node(&store, "history", |_| {});
    assert!(matches!(forgetful.status_at(&entry, 0, after(600)).await, Err(Error::NoHistory)));
}

#[tokio::test]
async fn lists_keep_their_size_when_the_settings_change() {
    let store = warifu_store::memory::open().unwrap();
    let long = node(&store, "long", |config| config.status_list_length = 20_000);
    let entry = long.take(Uuid::nil(), 1, Bits::Two).await.remove(0);
    let short = node(&store, "short", |_| {});
    let token = short.issuer.status_list(entry.list, Encoding::Jwt, start()).await.unwrap();
    let token = StatusToken::verify(&token.bytes, &short.reference(&entry).uri, &short.anchor, start()).unwrap();
    assert_eq!(token.status(20_000), Err(warifu_credential::status::Error::OutOfRange { idx: 20_000, len: 20_000 }));
    assert_eq!(token.status(19_999).unwrap(), Status::Valid);
}

#[tokio::test]
async fn signed_with_a_key_of_its_own_where_that_is_set() {
    let store = warifu_store::memory::open().unwrap();
    let mut expected = None;
    let node = node_with(
        &store,
        "own key",
        |_| {},
        |certified| {
            let (certificate, key) = certified("Status signer");
            expected = Some(certificate.clone());
            Some(CertifiedKey { signer: Arc::new(key), chain: vec![certificate] })
        },
    );
    let entry = node.take(Uuid::nil(), 1, Bits::One).await.remove(0);
    let token = node.issuer.status_list(entry.list, Encoding::Jwt, start()).await.unwrap();
    let token = StatusToken::verify(&token.bytes, &node.reference(&entry).uri, &node.anchor, start()).unwrap();
    let warifu_credential::status::ListSigner::Chain(chain) = token.signer() else { panic!("no chain") };
    assert_eq!(Some(&chain.leaf), expected.as_ref());
}
