//! A set of places on one page, and two ways to pack it.

/// A set of places on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Places([u64; 4]);

impl Places {
    pub(super) fn insert(&mut self, place: u8) {
        self.0[usize::from(place / 64)] |= 1 << (place % 64);
    }

    fn contains(&self, place: u8) -> bool {
        self.0[usize::from(place / 64)] >> (place % 64) & 1 == 1
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// All places, in ascending order.
    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |&place| self.contains(place))
    }

    /// The lengths of places taken and places left out, alternately. None if a length does not fit
    /// into a byte.
    pub(super) fn lengths(&self) -> Option<Vec<u8>> {
        let (mut lengths, mut from, mut taken) = (Vec::new(), 0, true);
        for (at, place) in (0..=u8::MAX).enumerate() {
            if self.contains(place) != taken {
                lengths.push(u8::try_from(at - from).ok()?);
                (from, taken) = (at, !taken);
            }
        }
        if taken {
            lengths.push(u8::try_from(256 - from).ok()?);
        }
        Some(lengths)
    }

    /// The places of [`lengths`](Self::lengths). None if there are more than 256.
    pub(super) fn of_lengths(lengths: &[u8]) -> Option<Self> {
        let (mut places, mut from, mut taken) = (Self::default(), 0u8, true);
        for (at, &length) in lengths.iter().enumerate() {
            for offset in 0..if taken { length } else { 0 } {
                places.insert(from.checked_add(offset)?);
            }
            // The last place may be 255.
            from = match from.checked_add(length) {
                Some(next) => next,
                None if at + 1 == lengths.len() && from.checked_add(length.checked_sub(1)?).is_some() => from,
                None => return None,
            };
            taken = !taken;
        }
        Some(places)
    }

    /// A bit for each place, place 0 lowest, without trailing zero bytes.
    pub(super) fn mask(&self) -> Vec<u8> {
        let mut mask = self.0.map(u64::to_le_bytes).concat();
        mask.truncate(mask.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
        mask
    }

    /// The places of [`mask`](Self::mask). None if there are more than 256.
    pub(super) fn of_mask(mask: &[u8]) -> Option<Self> {
        let mut places = Self::default();
        for (at, &byte) in mask.iter().enumerate() {
            *places.0.get_mut(at / 8)? |= u64::from(byte) << (at % 8 * 8);
        }
        Some(places)
    }
}
