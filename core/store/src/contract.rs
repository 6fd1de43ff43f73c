//! What every backend must do. A backend's tests call [`suite!`], and [`durable!`] when it outlives the process.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::Timestamp;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Batch, Collection, Cursor, Error, Expected, Loaded, Query, Range, Store, Stored,
    audit::{self, Entry, Hash, Log, ProofError, Reference, Root},
};

mod rfc6962;

/// A test per rule, each with a fresh store from `$open: impl Fn(&Path) -> Arc<dyn Store>`.
macro_rules! suite {
    ($open:expr) => {
        crate::contract::suite!($open;
            what_was_written_is_read,
            every_expectation_is_checked,
            a_version_never_comes_back,
            a_conflict_leaves_nothing_written,
            a_batch_is_checked_before_it_is_written,
            one_of_many_racing_writers_wins,
            writers_of_different_records_do_not_disturb_each_other,
            a_conflict_does_not_hurt_its_neighbours,
            a_large_batch_is_one_commit,
            keys_are_walked_page_by_page,
            entries_are_passed_over_and_counted,
            indexes_follow_their_records,
            index_ranges_have_exact_edges,
            neighbouring_names_do_not_mix,
            audit_is_without_gaps_under_concurrency,
            audit_is_found_by_subject,
            every_proof_of_the_audit_tree_verifies,
            the_audit_tree_grows_with_its_commits,
            what_is_not_in_the_log_has_no_proof,
            typed_records_say_what_is_wrong,
        );

        #[test]
        fn random_operations_match_the_model() {
            crate::contract::random_operations_match_the_model(&$open);
        }
    };
    ($open:expr; $($rule:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $rule() {
            let folder = tempfile::tempdir().unwrap();
            crate::contract::$rule(($open)(folder.path())).await;
        }
    )*};
}
pub(crate) use suite;

/// Rules for backends that keep their records when they are closed.
macro_rules! durable {
    ($open:expr, $engine:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_store_without_a_tree_gets_one_when_it_is_opened() {
            let folder = tempfile::tempdir().unwrap();
            let forget = || crate::embedded::forget_tree(&($engine)(folder.path()));
            crate::contract::a_store_without_a_tree_gets_one_when_it_is_opened(&|| ($open)(folder.path()), &forget)
                .await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn what_was_committed_survives_closing() {
            let folder = tempfile::tempdir().unwrap();
            crate::contract::what_was_committed_survives_closing(&|| ($open)(folder.path())).await;
        }
    };
}
pub(crate) use durable;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    id: String,
    status: String,
    opened: i64,
}

impl Stored for Session {
    const NAME: &'static str = "sessions";
    const INDEXES: &'static [&'static str] = &["status", "opened"];

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        let mut indexes = vec![("status", self.status.clone())];
        if self.opened != 0 {
            indexes.push(("opened", crate::sortable(self.opened)));
        }
        indexes
    }
}

fn session(id: impl ToString, status: &str) -> Session {
    Session { id: id.to_string(), status: status.to_owned(), opened: 0 }
}

fn entry(action: &str, subject: &str) -> Entry {
    let at = Timestamp::from_second(1_795_000_000).unwrap();
    Entry::new(at, action, Reference::public("role", "issuer"), Reference::public("session", subject))
}

async fn ids(sessions: &Collection<Session>, query: Query) -> Vec<String> {
    sessions.collect(query).await.unwrap().into_iter().map(|loaded| loaded.value.id).collect()
}

pub(crate) async fn what_was_written_is_read(store: Arc<dyn Store>) {
    let sessions = Collection::<Session>::of(&store);
    assert_eq!(sessions.load("s1").await.unwrap(), None);
    let receipt = store.commit(Batch::new().insert(&session("s1", "open"))).await.unwrap();
    assert!(receipt.audit.is_empty());
    let loaded = sessions.load("s1").await.unwrap().unwrap();
    assert_eq!(loaded, Loaded { seen: receipt.version, value: session("s1", "open") });

    // The receipt's version is enough for the next step.
    store.commit(Batch::new().replace(receipt.version, &session("s1", "done"))).await.unwrap();
    let Loaded { seen, value } = sessions.load("s1").await.unwrap().unwrap();
    assert_eq!(value.status, "done");
    assert!(seen > receipt.version);
    store.commit(Batch::new().remove(seen, &value)).await.unwrap();
    assert_eq!(sessions.load("s1").await.unwrap(), None);
}

pub(crate) async fn every_expectation_is_checked(store: Arc<dyn Store>) {
    let put = |expected| Batch::new().put("things", "k", expected, b"x".to_vec(), vec![]);
    let delete = |expected| Batch::new().delete("things", "k", expected);
    let first = store.commit(put(Expected::Absent)).await.unwrap().version;
    for refused in [put(Expected::Absent), delete(Expected::Absent)] {
        assert!(store.commit(refused).await.unwrap_err().is_conflict());
    }
    let second = store.commit(put(Expected::Seen(first))).await.unwrap().version;
    for refused in [put(Expected::Seen(first)), delete(Expected::Seen(first))] {
        assert!(store.commit(refused).await.unwrap_err().is_conflict());
    }
    store.commit(put(Expected::Any)).await.unwrap();
    assert!(store.commit(delete(Expected::Seen(second))).await.unwrap_err().is_conflict());
    store.commit(delete(Expected::Any)).await.unwrap();
    store.commit(delete(Expected::Any)).await.unwrap();
    store.commit(delete(Expected::Absent)).await.unwrap();
    assert!(store.commit(put(Expected::Seen(second))).await.unwrap_err().is_conflict());
    store.commit(put(Expected::Any)).await.unwrap();
}

pub(crate) async fn a_version_never_comes_back(store: Arc<dyn Store>) {
    let first = store.commit(Batch::new().insert(&session("s1", "open"))).await.unwrap().version;
    store.commit(Batch::new().remove(first, &session("s1", "open"))).await.unwrap();
    store.commit(Batch::new().insert(&session("s1", "open"))).await.unwrap();
    let stale = store.commit(Batch::new().replace(first, &session("s1", "approved"))).await;
    assert!(stale.unwrap_err().is_conflict());
}

pub(crate) async fn a_conflict_leaves_nothing_written(store: Arc<dyn Store>) {
    store.commit(Batch::new().insert(&session("s1", "open"))).await.unwrap();
    let batch = Batch::new()
        .insert(&session("s0", "new"))
        .insert(&session("s1", "new"))
        .insert(&session("s2", "new"))
        .audit(entry("session.opened", "s0"));
    match store.commit(batch).await {
        Err(Error::Conflict { collection, key }) => assert_eq!((&*collection, &*key), ("sessions", "s1")),
        other => panic!("{other:?}"),
    }
    let sessions = Collection::<Session>::of(&store);
    assert_eq!(ids(&sessions, Query::all()).await, ["s1"]);
    assert_eq!(ids(&sessions, Query::by("status", Range::Is("new".to_owned()))).await, [""; 0]);
    assert_eq!(Log::of(&store).newest().await.unwrap(), None);
}

pub(crate) async fn a_batch_is_checked_before_it_is_written(store: Arc<dyn Store>) {
    let put = |collection: &str, key: &str, body: usize| {
        Batch::new().put(collection, key, Expected::Any, vec![b' '; body], vec![])
    };
    let refused = [
        put("things", "", 1),
        put("things", "a\0b", 1),
        put("things", &"k".repeat(513), 1),
        put("", "k", 1),
        put("_audit", "00000000000000000000", 1),
        put("things", "k", 5 * 1024 * 1024),
        Batch::new().put("things", "k", Expected::Any, vec![], vec![("i".to_owned(), "\0".to_owned())]),
        put("things", "k", 1).and(put("things", "k", 2)),
    ];
    for batch in refused {
        let told = format!("{:.90?}", batch);
        let error = store.commit(put("things", "innocent", 1).and(batch)).await.expect_err(&told);
        assert!(!error.is_conflict(), "{told}: {error}");
    }
    assert_eq!(store.scan("things", &Query::all()).await.unwrap().items, []);
    for key in ["", "a\0b"] {
        assert!(matches!(store.get("things", key).await, Err(Error::BadKey(_))));
    }
    store.commit(put("things", &"k".repeat(512), 4 * 1024 * 1024)).await.unwrap();
}

pub(crate) async fn one_of_many_racing_writers_wins(store: Arc<dyn Store>) {
    for round in 0..5 {
        let key = format!("race{round}");
        let start = store.commit(Batch::new().insert(&session(&key, "start"))).await.unwrap().version;
        let racers: Vec<_> = (0..64)
            .map(|racer| {
                let (store, next) = (Arc::clone(&store), session(&key, &format!("racer {racer}")));
                tokio::spawn(async move { store.commit(Batch::new().replace(start, &next)).await.map(|_| next) })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            match racer.await.unwrap() {
                Ok(won) => winners.push(won),
                Err(error) => assert!(error.is_conflict(), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        let kept = Collection::<Session>::of(&store).load(&key).await.unwrap().unwrap().value;
        assert_eq!(kept, winners[0]);
    }
}

pub(crate) async fn writers_of_different_records_do_not_disturb_each_other(store: Arc<dyn Store>) {
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut seen = store.commit(Batch::new().insert(&session(writer, "0"))).await?.version;
                for step in 1..10 {
                    let next = session(writer, &step.to_string());
                    seen = store.commit(Batch::new().replace(seen, &next)).await?.version;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    let sessions = Collection::<Session>::of(&store);
    assert_eq!(ids(&sessions, Query::by("status", Range::Is("9".to_owned()))).await.len(), 16);
    assert_eq!(ids(&sessions, Query::by("status", Range::All)).await.len(), 16);
}

pub(crate) async fn a_conflict_does_not_hurt_its_neighbours(store: Arc<dyn Store>) {
    store.commit(Batch::new().insert(&session("taken", "open"))).await.unwrap();
    let commits: Vec<_> = (0..40)
        .map(|n| {
            let store = Arc::clone(&store);
            let key = if n % 2 == 0 { "taken".to_owned() } else { format!("free{n}") };
            tokio::spawn(async move { (n, store.commit(Batch::new().insert(&session(key, "new"))).await) })
        })
        .collect();
    for commit in commits {
        let (n, outcome) = commit.await.unwrap();
        assert_eq!(outcome.is_ok(), n % 2 == 1, "{n}: {outcome:?}");
    }
    let sessions = Collection::<Session>::of(&store);
    assert_eq!(ids(&sessions, Query::all()).await.len(), 21);
}

pub(crate) async fn a_large_batch_is_one_commit(store: Arc<dyn Store>) {
    let batch = (0..5000).fold(Batch::new(), |batch, n| batch.insert(&session(format!("{n:05}"), "bulk")));
    let receipt = store.commit(batch.audit(entry("list.imported", "all"))).await.unwrap();
    assert_eq!(receipt.audit, 0..1);
    let all = Collection::<Session>::of(&store).collect(Query::all()).await.unwrap();
    assert_eq!(all.len(), 5000);
    assert!(all.iter().all(|loaded| loaded.seen == receipt.version));
    let too_large = (0..20_001).fold(Batch::new(), |batch, n| batch.delete("things", n.to_string(), Expected::Any));
    assert!(matches!(store.commit(too_large).await, Err(Error::TooLarge { .. })));
}

pub(crate) async fn keys_are_walked_page_by_page(store: Arc<dyn Store>) {
    let keys: Vec<String> = (0..25).map(|n| format!("k{n:02}")).collect();
    let batch = keys.iter().fold(Batch::new(), |batch, key| batch.insert(&session(key, "open")));
    store.commit(batch).await.unwrap();
    let sessions = Collection::<Session>::of(&store);
    for by in [Query::all(), Query::by("status", Range::All), Query::by("status", Range::Is("open".to_owned()))] {
        for limit in [1, 7, 24, 25, 26] {
            for descending in [false, true] {
                let query = if descending { by.clone().descending() } else { by.clone() }.limit(limit);
                let mut walked = Vec::new();
                let mut after: Option<Cursor> = None;
                loop {
                    let query = after.take().into_iter().fold(query.clone(), Query::after);
                    let page = sessions.scan(&query).await.unwrap();
                    assert!(page.items.len() <= limit);
                    walked.extend(page.items.into_iter().map(|loaded| loaded.value.id));
                    match page.next {
                        // As it comes back in a query string.
                        Some(next) => after = Some(next.to_string().parse().unwrap()),
                        None => break,
                    }
                }
                if descending {
                    walked.reverse();
                }
                assert_eq!(walked, keys, "limit {limit}, descending {descending}, {by:?}");
            }
        }
    }
    assert_eq!(ids(&sessions, Query::keys(Range::Prefix("k1".to_owned()))).await.len(), 10);
    assert_eq!(ids(&sessions, Query::keys(Range::Is("k1".to_owned()))).await.len(), 0);
    assert_eq!(ids(&sessions, Query::keys(Range::Is("k11".to_owned()))).await, ["k11"]);
    let between = Query::keys(Range::Between("k03".to_owned(), "k05".to_owned()));
    assert_eq!(ids(&sessions, between).await, ["k03", "k04"]);
    let nothing = Query::keys(Range::Between("k05".to_owned(), "k03".to_owned()));
    assert_eq!(ids(&sessions, nothing).await, [""; 0]);

    // A cursor made up by a stranger finds nothing outside the walk.
    let astray = Cursor(b"\xff\xff".to_vec());
    assert_eq!(sessions.scan(&Query::all().after(astray.clone())).await.unwrap().items, []);
    assert_eq!(sessions.scan(&Query::all().descending().after(astray)).await.unwrap().items.len(), 25);
}

pub(crate) async fn entries_are_passed_over_and_counted(store: Arc<dyn Store>) {
    let sessions = Collection::<Session>::of(&store);
    for n in 0..25 {
        let session =
            Session { id: format!("s{n:02}"), status: if n < 20 { "open" } else { "shut" }.to_owned(), opened: n };
        store.commit(Batch::new().insert(&session)).await.unwrap();
    }
    let check = async |query: Query, first: &str, items: usize, count: usize| {
        let page = sessions.scan(&query).await.unwrap();
        let found = page.items.first().map_or("", |loaded| loaded.value.id.as_str());
        assert_eq!((found, page.items.len(), page.count), (first, items, count), "{query:?}");
        page.next
    };
    let open = || Query::by("status", Range::Is("open".to_owned())).descending().limit(5);
    check(open(), "s19", 5, 0).await;
    let next = check(open().skip(5).count_to(1000), "s14", 5, 20).await.unwrap();
    check(open().after(next).count_to(7), "s09", 5, 7).await;
    assert!(check(open().skip(18).count_to(20), "s01", 2, 20).await.is_none());
    assert!(check(open().skip(usize::MAX).count_to(usize::MAX), "", 0, 20).await.is_none());
    check(Query::by("status", Range::Is("none".to_owned())).count_to(9), "", 0, 0).await;
    check(Query::all().skip(24), "s24", 1, 0).await;
}

pub(crate) async fn indexes_follow_their_records(store: Arc<dyn Store>) {
    let sessions = Collection::<Session>::of(&store);
    let with = async |status: &str| ids(&sessions, Query::by("status", Range::Is(status.to_owned()))).await;
    let seen = store.commit(Batch::new().insert(&session("s1", "open"))).await.unwrap().version;
    store.commit(Batch::new().insert(&session("s2", "open"))).await.unwrap();
    assert_eq!(with("open").await, ["s1", "s2"]);
    assert_eq!(sessions.find("status", "open").await.unwrap().unwrap().value.id, "s1");
    store.commit(Batch::new().replace(seen, &session("s1", "done"))).await.unwrap();
    assert_eq!((with("open").await, with("done").await), (vec!["s2".to_owned()], vec!["s1".to_owned()]));
    store.commit(Batch::new().overwrite(&session("s1", "open"))).await.unwrap();
    assert_eq!((with("open").await.len(), with("done").await.len()), (2, 0));
    store.commit(Batch::new().erase::<Session>("s1")).await.unwrap();
    assert_eq!(with("open").await, ["s2"]);
    // No entry, no place in the walk.
    assert_eq!(ids(&sessions, Query::by("opened", Range::All)).await, [""; 0]);
}

pub(crate) async fn index_ranges_have_exact_edges(store: Arc<dyn Store>) {
    let at = |id: &str, opened| Session { opened, ..session(id, "open") };
    let batch = Batch::new().insert(&at("a", -10)).insert(&at("b", 20)).insert(&at("c", 20)).insert(&at("d", 30));
    store.commit(batch).await.unwrap();
    let sessions = Collection::<Session>::of(&store);
    let between = async |from, to| {
        ids(&sessions, Query::by("opened", Range::Between(crate::sortable(from), crate::sortable(to)))).await
    };
    assert_eq!(between(-10, 20).await, ["a"]);
    assert_eq!(between(-9, 21).await, ["b", "c"]);
    assert_eq!(between(20, i64::MAX).await, ["b", "c", "d"]);
    assert_eq!(ids(&sessions, Query::by("opened", Range::All).descending()).await, ["d", "c", "b", "a"]);
}

pub(crate) async fn neighbouring_names_do_not_mix(store: Arc<dyn Store>) {
    let put = |collection: &str, key: &str, index_key: &str| {
        let indexes = vec![("by".to_owned(), index_key.to_owned())];
        Batch::new().put(collection, key, Expected::Absent, vec![], indexes)
    };
    let batch = put("a", "b", "x").and(put("ab", "c", "x")).and(put("a", "bb", "xx")).and(put("a", "bbb", ""));
    store.commit(batch).await.unwrap();
    let keys = async |query: Query| -> Vec<String> {
        store.scan("a", &query).await.unwrap().items.into_iter().map(|record| record.key).collect()
    };
    assert_eq!(keys(Query::all()).await, ["b", "bb", "bbb"]);
    assert_eq!(keys(Query::by("by", Range::Is("x".to_owned()))).await, ["b"]);
    assert_eq!(keys(Query::by("by", Range::Is(String::new()))).await, ["bbb"]);
    assert_eq!(keys(Query::by("by", Range::Prefix("x".to_owned()))).await, ["b", "bb"]);
    assert_eq!(keys(Query::by("b", Range::All)).await, [""; 0]);
}

pub(crate) async fn audit_is_without_gaps_under_concurrency(store: Arc<dyn Store>) {
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for step in 0..25 {
                    let subject = format!("{writer}");
                    // Every fifth fails and must leave no number unused.
                    let key = if step % 5 == 4 { format!("{writer}-0") } else { format!("{writer}-{step}") };
                    let batch = Batch::new()
                        .insert(&session(key, "open"))
                        .audit(entry("session.opened", &subject))
                        .audit(entry("session.counted", &subject));
                    let outcome = store.commit(batch).await;
                    assert_eq!(outcome.is_err(), step % 5 == 4, "{outcome:?}");
                    if let Ok(receipt) = outcome {
                        assert_eq!(receipt.audit.end - receipt.audit.start, 2);
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let log = Log::of(&store);
    let entries = log.entries(0, 1000).await.unwrap();
    assert_eq!(entries.len(), 8 * 20 * 2);
    assert_eq!(entries[0].sequence, 0);
    audit::verify(&entries).unwrap();
    // The two entries of a batch stand side by side.
    assert!(entries.chunks(2).all(|pair| pair[0].entry.subject == pair[1].entry.subject));
    assert_eq!(log.entries(318, 10).await.unwrap(), entries[318..]);
    assert_eq!(log.newest().await.unwrap().as_ref(), entries.last());
}

pub(crate) async fn audit_is_found_by_subject(store: Arc<dyn Store>) {
    for (action, subject) in [("session.opened", "s1"), ("session.opened", "s2"), ("session.approved", "s1")] {
        store.commit(Batch::new().audit(entry(action, subject).fact("by", "test"))).await.unwrap();
    }
    let page = Log::of(&store).about(&Reference::public("session", "s1"), None).await.unwrap();
    let actions: Vec<_> = page.items.iter().map(|sealed| &*sealed.entry.action).collect();
    assert_eq!(actions, ["session.opened", "session.approved"]);
}

/// The leaves as they lie in the store, with the log.
async fn grown(store: &Arc<dyn Store>, entries: usize) -> (Log, Vec<Vec<u8>>) {
    let log = Log::of(store);
    let before = usize::try_from(log.size().await.unwrap()).unwrap();
    for n in before..entries {
        let entry = entry("session.opened", &format!("s{n}")).fact("n", n);
        store.commit(Batch::new().audit(entry)).await.unwrap();
    }
    let leaves = store.scan("_audit", &Query::all().limit(1000)).await.unwrap().items;
    (log, leaves.into_iter().map(|record| record.body).collect())
}

fn bytes(proof: &[Hash]) -> Vec<[u8; 32]> {
    proof.iter().map(|hash| *hash.as_bytes()).collect()
}

/// Every inclusion and consistency proof of every size up to 70, by a verifier that shares no code with the store, and
/// none of them for anything else.
pub(crate) async fn every_proof_of_the_audit_tree_verifies(store: Arc<dyn Store>) {
    const SIZES: usize = 70;
    let (log, leaves) = grown(&store, SIZES).await;
    assert_eq!(leaves.len(), SIZES);
    let mut roots = vec![log.root(0).await.unwrap()];
    for size in 1..=SIZES {
        let root = log.root(size as u64).await.unwrap();
        assert_eq!(*root.hash.as_bytes(), rfc6962::root(&leaves[..size]), "root of {size}");
        roots.push(root);
        for (index, leaf) in leaves[..size].iter().enumerate() {
            let told = log.inclusion(index as u64, size as u64).await.unwrap();
            assert_eq!(root.includes(index as u64, leaf, &told), Ok(()), "{index} of {size}");
            let proof = bytes(&told);
            let includes = |index, size, leaf: &[u8], proof: &[[u8; 32]], root: &Root| {
                rfc6962::includes(index, size, leaf, proof, *root.hash.as_bytes())
            };
            assert!(includes(index, size, leaf, &proof, &root), "{index} of {size}");

            let mut altered = leaf.clone();
            let at = (index * 31 + size * 7) % altered.len();
            altered[at] ^= 1;
            assert!(!includes(index, size, &altered, &proof, &root), "byte {at} of {index} of {size}");
            assert!(!includes(index, size, leaf, &proof, &roots[size - 1]), "{index} under the root before");
            let elsewhere = if index + 1 < size { index + 1 } else { size };
            assert!(!includes(elsewhere, size, leaf, &proof, &root), "{index} of {size} at {elsewhere}");
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at][(index + size) % 32] ^= 0x40;
                assert!(!includes(index, size, leaf, &altered, &root), "hash {at} of {index} of {size}");
                let mut short = proof.clone();
                short.remove(at);
                assert!(!includes(index, size, leaf, &short, &root), "without hash {at} of {index} of {size}");
            }
            assert!(proof.len() <= 7);
        }
        for from in 1..=size {
            let told = log.consistency(from as u64, size as u64).await.unwrap();
            assert_eq!(root.continues(&roots[from], &told), Ok(()), "{from} to {size}");
            let proof = bytes(&told);
            let continues = |proof: &[[u8; 32]], older: &Root, root: &Root| {
                rfc6962::continues(from, size, proof, *older.hash.as_bytes(), *root.hash.as_bytes())
            };
            assert!(continues(&proof, &roots[from], &root), "{from} to {size}");
            let other = Root { hash: Hash::from_bytes([from as u8; 32]), ..root };
            assert!(!continues(&proof, &other, &root), "{from} to {size}: another past");
            assert!(!continues(&proof, &roots[from], &other), "{from} to {size}: another present");
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at][(from + size) % 32] ^= 0x40;
                assert!(!continues(&altered, &roots[from], &root), "hash {at} of {from} to {size}");
            }
        }
    }
}

/// Roots do not depend on how entries were spread over commits, nor on commits that failed in between.
pub(crate) async fn the_audit_tree_grows_with_its_commits(store: Arc<dyn Store>) {
    store.commit(Batch::new().insert(&session("taken", "open"))).await.unwrap();
    let mut n = 0;
    for size in [0, 1, 5, 2, 0, 16, 3, 1, 33] {
        let batch = (0..size).fold(Batch::new(), |batch, _| {
            n += 1;
            batch.audit(entry("session.opened", &format!("s{n}")))
        });
        let refused = Batch::new().insert(&session("taken", "new")).audit(entry("session.opened", "never"));
        let (written, refused) = tokio::join!(store.commit(batch), store.commit(refused));
        written.unwrap();
        assert!(refused.unwrap_err().is_conflict());
        let (log, leaves) = grown(&store, 0).await;
        assert_eq!(leaves.len(), n);
        let root = log.root(n as u64).await.unwrap();
        assert_eq!(*root.hash.as_bytes(), rfc6962::root(&leaves));
    }
}

pub(crate) async fn what_is_not_in_the_log_has_no_proof(store: Arc<dyn Store>) {
    let (log, _) = grown(&store, 3).await;
    for size in [4, u64::MAX] {
        assert!(matches!(log.root(size).await, Err(ProofError::NoSuchSize { log: 3, .. })));
        assert!(matches!(log.inclusion(0, size).await, Err(ProofError::NoSuchSize { .. })));
        assert!(matches!(log.consistency(1, size).await, Err(ProofError::NoSuchSize { .. })));
    }
    for (index, size) in [(2, 2), (0, 0), (u64::MAX, 3)] {
        assert!(matches!(log.inclusion(index, size).await, Err(ProofError::NoSuchEntry { .. })));
    }
    assert!(matches!(log.consistency(3, 2).await, Err(ProofError::Backwards { from: 3, to: 2 })));
    // From nothing on, and to itself, every log is consistent without a hash.
    let (empty, root) = (log.root(0).await.unwrap(), log.root(3).await.unwrap());
    assert_eq!(log.consistency(0, 3).await.unwrap(), []);
    assert_eq!(root.continues(&empty, &[]), Ok(()));
    assert_eq!(log.consistency(3, 3).await.unwrap(), []);
    assert_eq!(root.continues(&root, &[]), Ok(()));
}

pub(crate) async fn a_store_without_a_tree_gets_one_when_it_is_opened(
    open: &dyn Fn() -> Arc<dyn Store>,
    forget: &dyn Fn(),
) {
    let before = {
        let store = open();
        let batch = (0..2100).fold(Batch::new(), |batch, n| batch.audit(entry("session.opened", &format!("s{n}"))));
        store.commit(batch).await.unwrap();
        Log::of(&store).root(2100).await.unwrap()
    };
    forget();
    let store = open();
    let log = Log::of(&store);
    assert_eq!(log.root(2100).await.unwrap(), before);
    store.commit(Batch::new().audit(entry("session.opened", "later"))).await.unwrap();
    let after = log.root(2101).await.unwrap();
    let proof = log.consistency(2100, 2101).await.unwrap();
    assert!(rfc6962::continues(2100, 2101, &bytes(&proof), *before.hash.as_bytes(), *after.hash.as_bytes()));
}

pub(crate) async fn typed_records_say_what_is_wrong(store: Arc<dyn Store>) {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Undeclared;
    impl Stored for Undeclared {
        const NAME: &'static str = "undeclared";
        fn key(&self) -> String {
            "k".to_owned()
        }
        fn indexes(&self) -> Vec<(&'static str, String)> {
            vec![("surprise", "x".to_owned())]
        }
    }
    let refused = store.commit(Batch::new().insert(&Undeclared)).await;
    assert!(matches!(refused, Err(Error::NoSuchIndex { collection: "undeclared", .. })), "{refused:?}");
    let refused = Collection::<Undeclared>::of(&store).scan(&Query::by("surprise", Range::All)).await;
    assert!(matches!(refused, Err(Error::NoSuchIndex { .. })), "{refused:?}");

    store.commit(Batch::new().put("sessions", "torn", Expected::Absent, b"{".to_vec(), vec![])).await.unwrap();
    let refused = Collection::<Session>::of(&store).load("torn").await;
    assert!(matches!(refused, Err(Error::Body { .. })), "{refused:?}");
}

pub(crate) async fn what_was_committed_survives_closing(open: &dyn Fn() -> Arc<dyn Store>) {
    let mut seen = None;
    for round in 0..3_u64 {
        let store = open();
        let sessions = Collection::<Session>::of(&store);
        if let Some(seen) = seen {
            let loaded = sessions.load("s1").await.unwrap().unwrap();
            assert_eq!(loaded.seen, seen);
            assert_eq!(ids(&sessions, Query::by("status", Range::Is("open".to_owned()))).await, ["s1"]);
            store.commit(Batch::new().remove(seen, &loaded.value)).await.unwrap();
        }
        let batch = Batch::new().insert(&session("s1", "open")).audit(entry("session.opened", "s1"));
        let receipt = store.commit(batch).await.unwrap();
        assert!(seen.is_none_or(|before| receipt.version > before), "versions go on where they were");
        assert_eq!(receipt.audit, round..round + 1);
        seen = Some(receipt.version);
        let entries = Log::of(&store).entries(0, 10).await.unwrap();
        assert_eq!(entries.len() as u64, round + 1);
        audit::verify(&entries).unwrap();
    }
}

/// One step against store and model; keys and index keys from small sets, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, expected: Guess, body: u8, index_key: Option<u8> },
    Delete { key: u8, expected: Guess },
    Pair { put: u8, delete: u8 },
}

#[derive(Clone, Copy, Debug)]
enum Guess {
    Absent,
    Any,
    Right,
    Stale,
}

type Model = BTreeMap<String, (crate::Version, Vec<u8>, Option<String>)>;

pub(crate) fn random_operations_match_the_model(open: &dyn Fn(&Path) -> Arc<dyn Store>) {
    let guess = prop_oneof![Just(Guess::Absent), Just(Guess::Any), Just(Guess::Right), Just(Guess::Stale)];
    let step = prop_oneof![
        4 => (0..6_u8, guess.clone(), any::<u8>(), proptest::option::of(0..3_u8))
            .prop_map(|(key, expected, body, index_key)| Step::Put { key, expected, body, index_key }),
        2 => (0..6_u8, guess).prop_map(|(key, expected)| Step::Delete { key, expected }),
        1 => (0..6_u8, 0..6_u8).prop_map(|(put, delete)| Step::Pair { put, delete }),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step, 1..40))| {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        runtime.block_on(walk(&*store, steps));
    });
}

async fn walk(store: &dyn Store, steps: Vec<Step>) {
    let mut model = Model::new();
    let mut stale = None;
    for step in steps {
        let expect = |key: &String, guess: Guess, model: &Model| match guess {
            Guess::Absent => Expected::Absent,
            Guess::Any => Expected::Any,
            Guess::Right => model.get(key).map_or(Expected::Absent, |(version, ..)| Expected::Seen(*version)),
            Guess::Stale => stale.map_or(Expected::Any, Expected::Seen),
        };
        let holds = |key: &String, expected: Expected, model: &Model| match expected {
            Expected::Any => true,
            Expected::Absent => !model.contains_key(key),
            Expected::Seen(version) => model.get(key).is_some_and(|(current, ..)| *current == version),
        };
        let (batch, changes) =
            match step {
                Step::Put { key, expected, body, index_key } => {
                    let (key, index_key) = (format!("k{key}"), index_key.map(|n| format!("i{n}")));
                    let expected = expect(&key, expected, &model);
                    let indexes = index_key.iter().map(|index_key| ("by".to_owned(), index_key.clone())).collect();
                    let batch = Batch::new().put("things", key.clone(), expected, vec![body], indexes);
                    (batch, vec![(key, expected, Some((vec![body], index_key)))])
                }
                Step::Delete { key, expected } => {
                    let key = format!("k{key}");
                    let expected = expect(&key, expected, &model);
                    (Batch::new().delete("things", key.clone(), expected), vec![(key, expected, None)])
                }
                Step::Pair { put, delete } if put == delete => continue,
                Step::Pair { put, delete } => {
                    let (put, delete) = (format!("k{put}"), format!("k{delete}"));
                    let seen = expect(&delete, Guess::Right, &model);
                    let batch = Batch::new()
                        .put("things", put.clone(), Expected::Absent, b"pair".to_vec(), vec![])
                        .delete("things", delete.clone(), seen);
                    let changes = vec![(put, Expected::Absent, Some((b"pair".to_vec(), None))), (delete, seen, None)];
                    (batch, changes)
                }
            };
        let should = changes.iter().all(|(key, expected, _)| holds(key, *expected, &model));
        match store.commit(batch).await {
            Ok(receipt) => {
                assert!(should);
                for (key, _, put) in changes {
                    let before = match put {
                        Some((body, index_key)) => model.insert(key, (receipt.version, body, index_key)),
                        None => model.remove(&key),
                    };
                    stale = before.map(|(version, ..)| version).or(stale);
                }
            }
            Err(error) => assert!(error.is_conflict() && !should, "{error}"),
        }
    }
    let all = store.scan("things", &Query::all()).await.unwrap().items;
    let expected: Vec<_> = model.iter().map(|(key, (version, body, _))| (key, *version, body)).collect();
    assert_eq!(all.iter().map(|r| (&r.key, r.version, &r.body)).collect::<Vec<_>>(), expected);
    for index_key in ["i0", "i1", "i2"] {
        let found = store.scan("things", &Query::by("by", Range::Is(index_key.to_owned()))).await.unwrap().items;
        let expected: Vec<_> =
            model.iter().filter(|(_, (_, _, at))| at.as_deref() == Some(index_key)).map(|(key, _)| key).collect();
        assert_eq!(found.iter().map(|r| &r.key).collect::<Vec<_>>(), expected);
    }
}
