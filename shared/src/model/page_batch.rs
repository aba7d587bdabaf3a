//! Page batches: consecutive pages of a listing in one item, chained by digests. **The page batch is the
//! export's checkpoint.**
//!
//! A page alone would waste most of its last kilobyte and carry a token of a thousand characters. The pages
//! of a batch share both. The price: after a crash the export lists up to 16 pages again.

use serde::{Deserialize, Serialize};

use super::binary::{bytes, digest_bytes};
use super::{Digest, DigestBuilder, PageContent, PageLimit, UnitId};
use crate::{Error, ErrorKind};

/// Pages in a full batch. With 60 users each that is 33 KB, a twelfth of DynamoDB's limit.
const PAGES: usize = 16;
/// A batch of this many bytes is full, too: names of groups are longer than `sub`s.
const BYTES: usize = 64 * 1024;

/// A page batch as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageBatch {
    /// The number of its first page, from 1. The key has it, too.
    #[serde(rename = "f")]
    pub first: u64,
    /// The packed pages, in order.
    #[serde(rename = "e", with = "bytes")]
    packed: Vec<u8>,
    /// The length of each packed page, two bytes, big-endian.
    #[serde(rename = "l", with = "bytes")]
    lengths: Vec<u8>,
    /// Entries in the batch.
    #[serde(rename = "n")]
    pub count: u32,
    /// Records that no earlier snapshot names.
    #[serde(rename = "w")]
    pub records_written: u32,
    /// Entries in this batch and all before it.
    #[serde(rename = "en")]
    pub entries_so_far: u64,
    /// The sum of `records_written` over this batch and all before it.
    #[serde(rename = "ew")]
    pub records_so_far: u64,
    /// The most bytes of users on a page of this batch or of those before it. 0 if all pages are small.
    #[serde(rename = "b", default, skip_serializing_if = "is_zero")]
    pub largest_page: u64,
    /// If the snapshot before has another kind of listing: the pages of its listings to which this one has come. A split
    /// listing has the page of the one listing, and one listing has a page for each first digit, 0 before the first. The
    /// next invocation reads on there.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub previous_pages: Vec<u64>,
    /// The chain digest of the page before its first. All zero for the first page.
    #[serde(rename = "p", with = "digest_bytes")]
    pub previous: Digest,
    /// The chain digest of its last page, over the page's position, its entries and the chain digest
    /// before.
    #[serde(rename = "c", with = "digest_bytes")]
    pub chain: Digest,
    /// The token of the page after its last. None at the end of the listing.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl PageBatch {
    /// An empty batch after `previous`. Without `previous`, the first batch of a unit.
    pub fn following(previous: Option<&PageBatch>) -> Self {
        let chain = previous.map_or(Digest::default(), |batch| batch.chain);
        Self {
            first: previous.map_or(0, PageBatch::last) + 1,
            packed: Vec::new(),
            lengths: Vec::new(),
            count: 0,
            records_written: 0,
            entries_so_far: previous.map_or(0, |batch| batch.entries_so_far),
            records_so_far: previous.map_or(0, |batch| batch.records_so_far),
            largest_page: previous.map_or(0, |batch| batch.largest_page),
            previous_pages: previous.map(|batch| batch.previous_pages.clone()).unwrap_or_default(),
            previous: chain,
            chain,
            next_token: None,
        }
    }

    /// Adds a page of `unit`, and the token of the next page.
    pub fn push(
        &mut self,
        unit: &UnitId,
        content: &PageContent,
        records_written: u32,
        next_token: Option<String>,
    ) {
        let packed = content.pack();
        self.chain = chain(unit, self.last() + 1, self.chain, &packed);
        // A page holds at most 60 entries of 535 bytes.
        self.lengths.extend((packed.len() as u16).to_be_bytes());
        self.packed.extend(packed);
        let entries = content.0.len();
        self.count += entries as u32;
        self.entries_so_far += entries as u64;
        self.records_written += records_written;
        self.records_so_far += u64::from(records_written);
        self.next_token = next_token;
    }

    /// Notes the size of the users on the page that was added last.
    pub fn note_bytes(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        if bytes > PageLimit::SMALL_PAGE_BYTES {
            self.largest_page = self.largest_page.max(bytes);
        }
    }

    pub fn pages(&self) -> u64 {
        (self.lengths.len() / 2) as u64
    }

    /// The number of its last page. If the batch is empty, the number of the page before.
    pub fn last(&self) -> u64 {
        self.first + self.pages() - 1
    }

    /// Whether the batch is stored with the next page, before another page is added.
    pub fn will_be_full(&self) -> bool {
        self.pages() as usize + 1 >= PAGES || self.packed.len() >= BYTES
    }

    /// Its pages in order, after a check that this is the batch of `unit` that was written.
    ///
    /// # Errors
    /// If the batch was altered, or is another one.
    pub fn verified(&self, unit: &UnitId) -> Result<Vec<PageContent>, Error> {
        let (mut rest, mut before, mut number) = (self.packed.as_slice(), self.previous, self.first);
        let mut pages = Vec::with_capacity(self.pages() as usize);
        let (mut entries, (lengths, odd)) = (0, self.lengths.as_chunks::<2>());
        for length in lengths {
            let cut = || damaged("it is cut short");
            let (packed, tail) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(cut)?;
            before = chain(unit, number, before, packed);
            let content = PageContent::unpack(packed)?;
            entries += content.0.len();
            pages.push(content);
            (rest, number) = (tail, number + 1);
        }
        let whole = rest.is_empty() && odd.is_empty() && !pages.is_empty();
        if before != self.chain || entries != self.count as usize || !whole {
            return Err(damaged("its content does not match its digest"));
        }
        Ok(pages)
    }
}

fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

fn chain(unit: &UnitId, number: u64, previous: Digest, packed: &[u8]) -> Digest {
    DigestBuilder::new("page").text(&unit.to_string()).number(number).digest(previous).bytes(packed).finish()
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::SnapshotDamaged, format!("A page batch cannot be read: {why}."), "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Listing, PageEntry, Sub};

    fn page(seed: u8, entries: u8) -> PageContent {
        let entry = |n: u8| {
            let bytes = [seed, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
            PageEntry {
                key: Sub::from_uuid_bytes(bytes).to_string(),
                digest: Some(Digest::from_bytes(bytes)),
            }
        };
        PageContent((0..entries).map(entry).collect())
    }

    fn batch(unit: &UnitId, previous: Option<&PageBatch>, pages: &[PageContent]) -> PageBatch {
        let mut batch = PageBatch::following(previous);
        pages.iter().for_each(|page| batch.push(unit, page, 1, Some("token".into())));
        batch
    }

    proptest! {
        #[test]
        fn pushed_pages_are_read_back_unchanged(sizes in prop::collection::vec(0u8..61, 1..17)) {
            let unit = Listing::Users.unit_id();
            let pages: Vec<_> = sizes.iter().zip(0u8..).map(|(&size, seed)| page(seed, size)).collect();
            let batch = batch(&unit, None, &pages);
            prop_assert_eq!(batch.count as usize, sizes.iter().map(|&size| usize::from(size)).sum::<usize>());
            prop_assert_eq!(batch.verified(&unit), Ok(pages));
        }

        #[test]
        fn an_altered_batch_is_noticed(at in 0usize..5_000, bit in 0u8..8, in_lengths: bool) {
            let unit = Listing::Users.unit_id();
            let mut altered = batch(&unit, None, &[page(1, 20), page(2, 0), page(3, 60)]);
            prop_assert!(altered.verified(&unit).is_ok());
            let elsewhere = PageBatch { first: 2, ..altered.clone() };
            prop_assert!(elsewhere.verified(&unit).is_err());
            prop_assert!(altered.verified(&Listing::Groups.unit_id()).is_err());
            let bytes = if in_lengths { &mut altered.lengths } else { &mut altered.packed };
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(altered.verified(&unit).is_err());
        }
    }

    #[test]
    fn batches_are_chained_and_counted() {
        let unit = Listing::Groups.unit_id();
        let first = batch(&unit, None, &[page(1, 2), page(2, 3)]);
        let second = batch(&unit, Some(&first), &[page(3, 1)]);
        assert_eq!((first.first, first.last(), second.first, second.last()), (1, 2, 3, 3));
        assert_eq!((second.entries_so_far, second.records_so_far, second.previous), (6, 3, first.chain));
        let item: serde_dynamo::Item = serde_dynamo::to_item(&first).unwrap();
        assert!(matches!(item.inner()["e"], serde_dynamo::AttributeValue::B(_)));
        assert_eq!(serde_dynamo::from_item::<_, PageBatch>(item), Ok(first));
    }

    #[test]
    fn a_full_batch_with_a_long_token_costs_little_more_than_two_write_units_a_page() {
        let unit = Listing::Users.unit_id();
        let mut full = PageBatch::following(None);
        let mut goes_on = true;
        while goes_on {
            goes_on = !full.will_be_full();
            full.push(&unit, &page(full.pages() as u8, 60), 0, Some("t".repeat(1_000)));
        }
        assert_eq!(full.pages(), 16);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&full).unwrap();
        let key =
            crate::ports::vault::Key::new("SNAP#20261121T020000123Z-1a2b3c4d", "PAGES#users-f#001#0000001");
        let units = crate::item_size::of(&key, &item).div_ceil(1024);
        assert!(units as f64 / 16.0 <= 2.1, "{units}");
    }
}
