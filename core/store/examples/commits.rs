//! How many durable commits a second an embedded engine gives through the group commit:
//! `cargo run --release -p warifu-store --example commits [--features sled]`.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use warifu_store::{Batch, Error, Expected, Store};

const LASTS: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir_in(".")?;
    let mut engines = vec![("redb", warifu_store::redb::open(folder.path().join("commits.redb"))?)];
    #[cfg(feature = "sled")]
    engines.push(("sled", warifu_store::sled::open(folder.path().join("commits.sled"))?));
    engines.push(("memory", warifu_store::memory::open()?));
    println!("engine  writers  commits/s  p50 us  p99 us   (one 500-byte record and one index entry per commit)");
    for (name, store) in engines {
        for writers in [1, 8, 64] {
            let mut took = measure(&store, writers).await?;
            took.sort_unstable();
            let rate = took.len() as f64 / LASTS.as_secs_f64();
            let at = |share: usize| took[took.len() * share / 100].as_micros();
            println!("{name:7} {writers:7} {rate:10.0} {:7} {:7}", at(50), at(99));
        }
    }
    Ok(())
}

async fn measure(store: &Arc<dyn Store>, writers: usize) -> Result<Vec<Duration>, Error> {
    let end = Instant::now() + LASTS;
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < end {
                    let key = format!("{writers}-{writer}-{}", took.len());
                    let indexes = vec![("writer".to_owned(), writer.to_string())];
                    let batch = Batch::new().put("records", key, Expected::Absent, vec![b'x'; 500], indexes);
                    let begun = Instant::now();
                    store.commit(batch).await?;
                    took.push(begun.elapsed());
                }
                Ok::<_, Error>(took)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.map_err(|_| Error::Stopped)??);
    }
    Ok(all)
}
