//! Exact search of one template among many: who in the gallery looks like this face?
//!
//! An [`Index`] holds the templates of one model in memory and compares a query with every one of them, so nothing that
//! is near can be missed and a result never depends on how the gallery came about. Squared distances are whole numbers:
//! every processor and every number of threads finds the same hits, with the distance that [`Template::distance`] says.
//!
//! Left out on purpose: an approximate graph. The scan is bound by memory, reads each template once, and meets its budget
//! at ten million (`warifu bench face`); see docs/decisions/0022-faces-are-searched-exactly.md.

use std::collections::BinaryHeap;
use std::fmt;

use fearless_simd::{Level, Simd, dispatch};
use hashbrown::HashTable;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::template::{Distance, ModelId, OtherModel, Template};

/// Templates in one partition: 1 MiB of 128 bytes each. The index grows by whole partitions and never moves one.
const PARTITION: usize = 8192;
/// Templates whose distances are computed at once, before any is looked at.
const BLOCK: usize = 64;
/// Parts of the table of places, which grow one by one.
const SHARDS: usize = 256;

/// Templates of one model under the caller's keys, searched exactly. Wiped on drop.
///
/// Beside its template an entry takes 8 bytes for the key and 5 to 12 for finding it by key.
pub struct Index {
    model: ModelId,
    /// Values in a template; 0 until the first came.
    dimension: usize,
    /// What their values were multiplied by; 0 until the first came.
    scale: u16,
    /// All full but the last.
    partitions: Vec<Partition>,
    /// Where the template of a key lies, by parts of the key's hash.
    places: Vec<HashTable<u32>>,
    lanes: Lanes,
}

/// Templates one after the other, and their keys in the same order.
struct Partition {
    keys: Vec<u64>,
    values: Vec<i8>,
}

/// How distances are computed. The results are the same.
#[derive(Debug, Clone, Copy)]
enum Lanes {
    /// With the widest registers that this processor has.
    Widest(Level),
    /// As compiled for every processor.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests hold the other against it"))]
    Plain,
}

/// A template that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The caller's key.
    pub key: u64,
    /// How far it is from the query.
    pub distance: Distance,
}

/// Why an index did not take or compare a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The template was made by another model than those in the index.
    #[error(transparent)]
    OtherModel(#[from] OtherModel),
    /// The template has another number of values than those in the index.
    #[error("a template with {found} values in an index of templates with {expected}")]
    Dimension {
        /// Values of the templates in the index.
        expected: usize,
        /// Values of this one.
        found: usize,
    },
    /// The values of the template were multiplied by another scale than those in the index.
    #[error("a template of scale {found} in an index of templates of scale {expected}")]
    Scale {
        /// Scale of the templates in the index.
        expected: u16,
        /// Scale of this one.
        found: u16,
    },
    /// The index holds as many templates as it can count.
    #[error("the index is full")]
    Full,
}

/// A squared distance in steps of the template's scale, and whose: ordered as hits are.
type Candidate = (i32, u64);

impl Index {
    /// An empty index for the templates of `model`.
    pub fn new(model: ModelId) -> Self {
        Self::with(model, Lanes::Widest(Level::new()))
    }

    fn with(model: ModelId, lanes: Lanes) -> Self {
        let places = (0..SHARDS).map(|_| HashTable::new()).collect();
        Self { model, dimension: 0, scale: 0, partitions: Vec::new(), places, lanes }
    }

    /// The model whose templates are searched.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// How many templates there are.
    pub fn len(&self) -> usize {
        self.partitions.last().map_or(0, |last| (self.partitions.len() - 1) * PARTITION + last.keys.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Whether there is a template under `key`.
    pub fn contains(&self, key: u64) -> bool {
        self.row(key).is_some()
    }

    /// Bytes of memory that templates, keys and places take, with what is set aside for the next ones.
    pub fn memory(&self) -> usize {
        let partition = |it: &Partition| it.values.capacity() + it.keys.capacity() * size_of::<u64>();
        let rows: usize = self.partitions.iter().map(partition).sum();
        rows + self.places.iter().map(HashTable::allocation_size).sum::<usize>()
    }

    /// Keeps `template` under `key`, in place of the one that was there.
    ///
    /// # Errors
    /// [`IndexError::OtherModel`], [`IndexError::Dimension`], [`IndexError::Full`]; nothing changes then.
    pub fn upsert(&mut self, key: u64, template: &Template) -> Result<(), IndexError> {
        let values = self.values(template)?;
        (self.dimension, self.scale) = (values.len(), template.scale());
        if let Some(row) = self.row(key) {
            let (partition, at) = (row / PARTITION, row % PARTITION * self.dimension);
            self.partitions[partition].values[at..at + values.len()].copy_from_slice(&values);
            return Ok(());
        }
        let row = u32::try_from(self.len()).map_err(|_| IndexError::Full)?;
        if self.len().is_multiple_of(PARTITION) {
            let (keys, values) = (Vec::with_capacity(PARTITION), Vec::with_capacity(PARTITION * self.dimension));
            self.partitions.push(Partition { keys, values });
        }
        if let Some(last) = self.partitions.last_mut() {
            last.keys.push(key);
            last.values.extend_from_slice(&values);
        }
        let partitions = &self.partitions;
        let hash = hash(key);
        self.places[shard(hash)].insert_unique(hash, row, |&row| self::hash(key_at(partitions, row)));
        Ok(())
    }

    /// Removes the template under `key`, wipes it, and says whether there was one.
    pub fn remove(&mut self, key: u64) -> bool {
        let Some(row) = self.row(key) else { return false };
        let last = self.len() - 1;
        self.take_place(key);
        if row != last {
            // The last one moves into the gap, so that partitions stay full.
            let moved = key_at(&self.partitions, last as u32);
            self.take_place(moved);
            self.copy_row(last, row);
            let (partitions, hash) = (&self.partitions, hash(moved));
            self.places[shard(hash)].insert_unique(hash, row as u32, |&row| self::hash(key_at(partitions, row)));
        }
        let dimension = self.dimension;
        if let Some(partition) = self.partitions.last_mut() {
            partition.keys.pop();
            let kept = partition.keys.len() * dimension;
            partition.values[kept..].zeroize();
            partition.values.truncate(kept);
            if partition.keys.is_empty() {
                self.partitions.pop();
            }
        }
        true
    }

    /// The `k` nearest templates, nearest first, equally near ones by key.
    ///
    /// # Errors
    /// [`IndexError::OtherModel`], [`IndexError::Dimension`].
    pub fn search(&self, template: &Template, k: usize) -> Result<Vec<Hit>, IndexError> {
        let query = self.values(template)?;
        if k == 0 {
            return Ok(Vec::new());
        }
        let nearest = |partition: &Partition| {
            let mut nearest: BinaryHeap<Candidate> = BinaryHeap::new();
            self.scan(partition, &query, |candidate| {
                if nearest.len() < k {
                    nearest.push(candidate);
                } else if let Some(mut farthest) = nearest.peek_mut().filter(|farthest| candidate < **farthest) {
                    *farthest = candidate;
                }
            });
            nearest.into_vec()
        };
        Ok(self.hits(template, nearest, k))
    }

    /// All templates nearer than `limit`, nearest first, equally near ones by key.
    ///
    /// # Errors
    /// [`IndexError::OtherModel`], [`IndexError::Dimension`].
    pub fn within(&self, template: &Template, limit: f32) -> Result<Vec<Hit>, IndexError> {
        let query = self.values(template)?;
        let end = first_at(template, limit);
        let near = |partition: &Partition| {
            let mut near = Vec::new();
            self.scan(partition, &query, |candidate| {
                if candidate.0 < end {
                    near.push(candidate);
                }
            });
            near
        };
        Ok(self.hits(template, near, usize::MAX))
    }

    /// Runs `find` over all partitions, side by side where there are threads, and puts what it found in order.
    fn hits(&self, query: &Template, find: impl Fn(&Partition) -> Vec<Candidate> + Sync, most: usize) -> Vec<Hit> {
        let mut found: Vec<Candidate> = self.partitions.par_iter().flat_map_iter(&find).collect();
        found.sort_unstable();
        found.truncate(most);
        found.into_iter().map(|(squares, key)| Hit { key, distance: query.distance_of(squares) }).collect()
    }

    /// Shows `see` the squared distance of every template of a partition.
    fn scan(&self, partition: &Partition, query: &[i8], mut see: impl FnMut(Candidate)) {
        let mut squares = [0i32; BLOCK];
        let blocks = partition.values.chunks(BLOCK * self.dimension.max(1));
        for (keys, rows) in partition.keys.chunks(BLOCK).zip(blocks) {
            match self.lanes {
                Lanes::Widest(level) => dispatch!(level, simd => squares_of_block(simd, rows, query, &mut squares)),
                Lanes::Plain => squares_of(rows, query, &mut squares),
            }
            keys.iter().zip(squares).for_each(|(key, squares)| see((squares, *key)));
        }
    }

    /// The values of a template that fits into this index.
    fn values(&self, template: &Template) -> Result<Zeroizing<Vec<i8>>, IndexError> {
        if *template.model() != self.model {
            return Err(OtherModel { left: self.model.clone(), right: template.model().clone() }.into());
        }
        if self.scale != 0 && self.scale != template.scale() {
            return Err(IndexError::Scale { expected: self.scale, found: template.scale() });
        }
        let bytes = template.to_bytes();
        let values: Zeroizing<Vec<i8>> = Zeroizing::new(bytes.iter().map(|byte| byte.cast_signed()).collect());
        match self.dimension {
            expected if expected != 0 && expected != values.len() => {
                Err(IndexError::Dimension { expected, found: values.len() })
            }
            _ => Ok(values),
        }
    }

    /// Which template, counted from the first, lies under a key.
    fn row(&self, key: u64) -> Option<usize> {
        let hash = hash(key);
        let found = self.places[shard(hash)].find(hash, |&row| key_at(&self.partitions, row) == key);
        found.map(|&row| row as usize)
    }

    fn take_place(&mut self, key: u64) {
        let (partitions, hash) = (&self.partitions, hash(key));
        if let Ok(place) = self.places[shard(hash)].find_entry(hash, |&row| key_at(partitions, row) == key) {
            place.remove();
        }
    }

    fn copy_row(&mut self, from: usize, to: usize) {
        let at = |row: usize| row % PARTITION * self.dimension;
        let source = &self.partitions[from / PARTITION];
        let values = Zeroizing::new(source.values[at(from)..at(from) + self.dimension].to_vec());
        let key = source.keys[from % PARTITION];
        let start = at(to);
        let target = &mut self.partitions[to / PARTITION];
        target.values[start..start + values.len()].copy_from_slice(&values);
        target.keys[to % PARTITION] = key;
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} templates of {})", self.len(), self.model)
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        // What was removed is wiped already, so the rest of the capacity holds nothing.
        self.values.as_mut_slice().zeroize();
    }
}

impl ZeroizeOnDrop for Index {}

fn key_at(partitions: &[Partition], row: u32) -> u64 {
    partitions[row as usize / PARTITION].keys[row as usize % PARTITION]
}

/// The finaliser of SplitMix64. Keys are the caller's own, so nobody chooses them to collide.
fn hash(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// The part of the table for a hash, by bits that the table itself looks at last.
fn shard(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

/// The smallest squared distance from `query` that is not below `limit`.
fn first_at(query: &Template, limit: f32) -> i32 {
    let (mut low, mut high) = (0i32, i32::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if query.distance_of(middle).value() < limit {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[inline(always)]
fn squares_of_block<S: Simd>(simd: S, rows: &[i8], query: &[i8], squares: &mut [i32; BLOCK]) {
    simd.vectorize(
        #[inline(always)]
        || squares_of(rows, query, squares),
    );
}

/// The squared distance of each row to the query. Sixteen bits hold every difference of two bytes, and a sum of squares
/// stays below 2^31 up to 33,000 values: the compiler makes one multiply-and-add of it for all lanes.
#[inline(always)]
fn squares_of(rows: &[i8], query: &[i8], squares: &mut [i32; BLOCK]) {
    for (row, square) in rows.chunks_exact(query.len()).zip(squares) {
        let differences = row.iter().zip(query).map(|(&a, &b)| i16::from(a) - i16::from(b));
        *square = differences.map(|difference| i32::from(difference) * i32::from(difference)).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn model(name: &str) -> ModelId {
        format!("{name}@sha256-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc").parse().unwrap()
    }

    /// Random templates whose values lie close enough that distances repeat.
    struct Faces(u64);

    impl Faces {
        fn number(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            hash(self.0)
        }

        fn below(&mut self, end: usize) -> usize {
            (self.number() % end as u64) as usize
        }

        /// `spread` 0 gives any bytes, others values from 0 to below it.
        fn template(&mut self, spread: u64) -> Template {
            let mut byte = || if spread == 0 { self.number() as u8 } else { (self.number() % spread) as u8 };
            let bytes: Vec<u8> = (0..Template::DIMENSION).map(|_| byte()).collect();
            Template::from_bytes(model("test"), &bytes).unwrap()
        }
    }

    fn brute_force(kept: &BTreeMap<u64, Template>, query: &Template) -> Vec<Hit> {
        let squares = |other: &Template| -> i64 {
            let (query, other) = (query.to_bytes(), other.to_bytes());
            query
                .iter()
                .zip(other.iter())
                .map(|(a, b)| (i64::from(a.cast_signed()) - i64::from(b.cast_signed())).pow(2))
                .sum()
        };
        // By the exact square: far ones may differ by less than a distance can say.
        let mut order: Vec<(i64, u64)> = kept.iter().map(|(&key, other)| (squares(other), key)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, key)| Hit { key, distance: query.distance(&kept[&key]).unwrap() }).collect()
    }

    #[test]
    fn finds_what_looking_at_everyone_finds() {
        let faces = &mut Faces(1);
        let mut queries = 0;
        while queries < 1000 {
            let mut wide = Index::new(model("test"));
            let mut plain = Index::with(model("test"), Lanes::Plain);
            let mut kept = BTreeMap::new();
            let spread = [0, 2, 40][faces.below(3)];
            // Beyond one block, sometimes beyond one partition; keys repeat, some are removed.
            let size = [1, 3, BLOCK, 500, 2 * PARTITION + 100][faces.below(if queries < 950 { 4 } else { 5 })];
            for _ in 0..size {
                let (key, template) = (faces.number() % (size as u64 * 4 / 3 + 1), faces.template(spread));
                for index in [&mut wide, &mut plain] {
                    index.upsert(key, &template).unwrap();
                }
                kept.insert(key, template);
            }
            for _ in 0..faces.below(size + 1) {
                let key = faces.number() % (size as u64 * 2);
                let expected = kept.remove(&key).is_some();
                assert_eq!((wide.remove(key), plain.remove(key)), (expected, expected), "{key}");
            }
            assert_eq!((wide.len(), plain.len()), (kept.len(), kept.len()));
            for _ in 0..10 {
                let query = faces.template(spread);
                let all = brute_force(&kept, &query);
                let k = faces.below(30);
                let found = wide.search(&query, k).unwrap();
                assert_eq!(found, all[..k.min(all.len())], "{k} of {}", kept.len());
                assert_eq!(plain.search(&query, k).unwrap(), found);
                let limit = all.get(faces.below(all.len() + 1)).map_or(9.0, |hit| hit.distance.value());
                let near: Vec<Hit> = all.iter().copied().filter(|hit| hit.distance.value() < limit).collect();
                assert_eq!(wide.within(&query, limit).unwrap(), near, "within {limit}");
                assert_eq!(plain.within(&query, limit).unwrap(), near);
                queries += 1;
            }
        }
    }

    #[test]
    fn refuses_another_model_and_changes_nothing() {
        let mut index = Index::new(model("test"));
        let other = Template::from_bytes(model("other"), &[0; Template::DIMENSION]).unwrap();
        assert!(matches!(index.upsert(1, &other), Err(IndexError::OtherModel(_))));
        assert!(matches!(index.search(&other, 1), Err(IndexError::OtherModel(_))));
        assert!(matches!(index.within(&other, 1.0), Err(IndexError::OtherModel(_))));
        assert!(index.is_empty() && !index.contains(1));
    }

    #[test]
    fn takes_a_fifth_more_than_the_templates() {
        let mut index = Index::new(model("test"));
        let faces = &mut Faces(2);
        // Just after the table of places grew is the worst moment.
        for count in [8 * PARTITION, 12 * PARTITION] {
            while index.len() < count {
                index.upsert(faces.number(), &faces.template(0)).unwrap();
            }
            let each = index.memory() as f64 / index.len() as f64;
            assert!(each <= 1.2 * Template::DIMENSION as f64, "{each} bytes a template of {count}");
        }
    }

    #[test]
    fn limits_are_exact() {
        let query = Faces(1).template(0);
        for squares in [0, 1, 2, 12_099, 12_100, 12_101, 15_376, 8_258_048] {
            let distance = |squares| query.distance_of(squares).value();
            for limit in [distance(squares), distance(squares).next_up()] {
                let first = first_at(&query, limit);
                assert!(distance(first) >= limit && (first == 0 || distance(first - 1) < limit), "{limit}: {first}");
            }
        }
        assert_eq!(first_at(&query, 0.55), 12_100);
        assert_eq!(["0", "-1", "NaN"].map(|limit| first_at(&query, limit.parse().unwrap())), [0; 3]);
    }

    proptest! {
        #[test]
        fn what_is_in_is_found_at_its_own_distance(keys in proptest::collection::vec(0u64..50, 1..80), seed: u64) {
            let faces = &mut Faces(seed);
            let mut index = Index::new(model("test"));
            let mut last = BTreeMap::new();
            for key in keys {
                let template = faces.template(0);
                index.upsert(key, &template).unwrap();
                last.insert(key, template);
            }
            for (key, template) in &last {
                let hits = index.search(template, 1).unwrap();
                prop_assert_eq!((hits[0].key, hits[0].distance.value()), (*key, 0.0));
            }
        }
    }
}
