//! The kept faces in memory: one index for each list and model, following the store.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use tokio::sync::Mutex;
use warifu_models::face::Template;
use warifu_models::face::index::{Hit, Index};
use warifu_store::{Collection, Query, Range};

use super::record::{FaceKey, FaceRecord, List, PARTITIONS, partition_name};
use crate::{Error, Issuer};

/// All faces this node searches.
#[derive(Default)]
pub(crate) struct Gallery {
    lists: RwLock<Lists>,
    /// Whether everything was loaded. Held while memory is brought in line with the store, so that what was read last is
    /// what stays.
    loaded: Mutex<bool>,
}

#[derive(Default)]
struct Lists {
    enrolled: BTreeMap<String, Index>,
    blocked: BTreeMap<String, Index>,
}

impl Lists {
    fn of(&mut self, list: List) -> &mut BTreeMap<String, Index> {
        match list {
            List::Enrolled => &mut self.enrolled,
            List::Blocklist => &mut self.blocked,
        }
    }

    /// Puts a face where it belongs and nowhere else: it may have been enrolled anew under another model.
    fn put(&mut self, record: &FaceRecord, template: &Template) -> Result<(), Error> {
        self.remove(record.key);
        let model = template.model();
        let indexes = self.of(record.list);
        let index = indexes.entry(record.model.clone()).or_insert_with(|| Index::new(model.clone()));
        index.upsert(record.key.0, template).map_err(|error| Error::Task(error.to_string()))
    }

    fn remove(&mut self, key: FaceKey) {
        for list in List::ALL {
            self.of(list).values_mut().for_each(|index| {
                index.remove(key.0);
            });
        }
    }
}

impl Gallery {
    /// Everyone on a list nearer than `limit` to a face of the same model, nearest first. Blocks.
    pub(crate) fn near(&self, list: List, template: &Template, limit: f32) -> Result<Vec<Hit>, Error> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let indexes = match list {
            List::Enrolled => &lists.enrolled,
            List::Blocklist => &lists.blocked,
        };
        let Some(index) = indexes.get(template.model().as_str()) else { return Ok(Vec::new()) };
        index.within(template, limit).map_err(|error| Error::Task(error.to_string()))
    }
}

impl Issuer {
    /// Reads all kept faces into memory, anew where they were there already, and says how many there are. Called at the
    /// start; where nobody did, the first search does.
    ///
    /// # Errors
    /// [`Error::Vault`] for a face that does not open: searching without it would let someone in unseen.
    pub async fn load_faces(&self) -> Result<usize, Error> {
        let mut loaded = self.gallery.loaded.lock().await;
        *loaded = false;
        let count = self.fill_gallery().await?;
        *loaded = true;
        Ok(count)
    }

    /// Loads the faces unless that was done.
    pub(crate) async fn faces_are_loaded(&self) -> Result<(), Error> {
        let mut loaded = self.gallery.loaded.lock().await;
        if !*loaded {
            self.fill_gallery().await?;
            *loaded = true;
        }
        Ok(())
    }

    async fn fill_gallery(&self) -> Result<usize, Error> {
        let mut lists = Lists::default();
        let mut count = 0;
        // A node that holds only some of the partitions would read only those.
        for partition in 0..PARTITIONS {
            let mut query = Query::by("partition", Range::Is(partition_name(partition))).limit(1000);
            loop {
                let page = self.faces().scan(&query).await?;
                for found in page.items {
                    lists.put(&found.value, &found.value.open(&self.vault)?)?;
                    count += 1;
                }
                match page.next {
                    Some(next) => query = query.after(next),
                    None => break,
                }
            }
        }
        *self.gallery.lists.write().unwrap_or_else(PoisonError::into_inner) = lists;
        Ok(count)
    }

    /// Brings one face in memory in line with the store, after a commit that changed it. Where that fails, everything is
    /// loaded anew before the next search.
    pub(crate) async fn refresh_face(&self, key: FaceKey) {
        let mut loaded = self.gallery.loaded.lock().await;
        if !*loaded {
            return;
        }
        if let Err(error) = self.follow_store(key).await {
            tracing::error!(%error, "a face could not be brought into memory; all will be loaded again");
            *loaded = false;
        }
    }

    async fn follow_store(&self, key: FaceKey) -> Result<(), Error> {
        let found = self.faces().load(&key).await?;
        let opened = found.map(|found| found.value.open(&self.vault).map(|template| (found.value, template)));
        let opened = opened.transpose()?;
        let mut lists = self.gallery.lists.write().unwrap_or_else(PoisonError::into_inner);
        match opened {
            Some((record, template)) => lists.put(&record, &template),
            None => {
                lists.remove(key);
                Ok(())
            }
        }
    }

    pub(crate) fn faces(&self) -> Collection<FaceRecord> {
        Collection::of(&self.store)
    }
}
