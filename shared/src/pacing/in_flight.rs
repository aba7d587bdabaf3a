//! A bound on the bytes that concurrent work holds in memory.
//!
//! Entries do not bound memory: 60 users take 40 KB or 30 MB. The size of a piece is known only when it is there.
//! So the work begins a piece only if twice the size of the largest piece so far fits beside what is in flight. A piece
//! always begins if nothing else is in flight. A piece that is larger than expected counts in full, and no other piece
//! begins meanwhile.
//!
//! A page of a listing begins if the most that it can have fits beside what is in flight, or if no other page is on its
//! way and at most the bound is held. So no more than the bound and one page are held, unless a page is larger than any
//! page could be: see [`UserSizes`](super::UserSizes).

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{self, Notify};

/// The least size that is expected of a page.
const MIN_EXPECTED: usize = 128 * 1024;
/// What is left, per mille, of the largest size after each page. So one large page does not slow down all later ones.
const KEPT: usize = 960;

/// Bounds the bytes that concurrent work holds. Pieces begin in the order in which they ask.
#[derive(Debug)]
pub struct InFlightBytes {
    max: usize,
    /// Held by the piece that begins next.
    turn: sync::Mutex<()>,
    freed: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    /// The pages that have begun and are not there yet.
    on_their_way: usize,
    /// The largest size of an entry of a piece so far, which fades. None before the first piece.
    largest: Option<usize>,
}

impl State {
    /// The bytes to expect of a piece of `entries` entries.
    fn expected(&self, entries: usize, max: usize) -> usize {
        let expected = match self.largest.map(|largest| largest * entries) {
            Some(bytes) => bytes.saturating_mul(2),
            None => max,
        };
        expected.max(MIN_EXPECTED).min(max)
    }
}

/// A piece of work in flight. Its bytes are free when it is dropped.
#[derive(Debug)]
pub struct InFlightPiece<'a> {
    bytes: &'a InFlightBytes,
    held: usize,
    /// Whether it is a page that is not there yet.
    is_on_its_way: bool,
}

impl InFlightBytes {
    /// At most `max` bytes, unless a single piece has more.
    pub fn new(max: usize) -> Self {
        Self { max, turn: sync::Mutex::default(), freed: Notify::new(), state: Mutex::default() }
    }

    /// Begins a piece of at most `entries` entries, whose size is not known yet.
    pub async fn begin(&self, entries: usize) -> InFlightPiece<'_> {
        let size = |state: &State| state.expected(entries.max(1), self.max);
        self.begin_when_it_fits(false, size, |state| state.held == 0).await
    }

    /// Begins a page of a listing, which has at most `most()` bytes. What is known of that may change while it waits.
    pub async fn begin_page(&self, most: impl Fn() -> usize) -> InFlightPiece<'_> {
        let may_begin = |state: &State| state.on_their_way == 0 && state.held <= self.max;
        self.begin_when_it_fits(true, |_| most().min(self.max), may_begin).await
    }

    /// Begins a piece of `bytes` bytes.
    pub async fn begin_sized(&self, bytes: usize) -> InFlightPiece<'_> {
        self.begin_when_it_fits(false, |_| bytes, |state| state.held == 0).await
    }

    /// How many of `entries` entries a piece should have, so that others fit beside it: at least 1, and at most `first`
    /// before any size is known.
    pub fn fitting(&self, entries: usize, first: usize) -> usize {
        let most = self.state().largest.map_or(first, |largest| self.max / (2 * largest).max(1));
        most.min(entries).max(1)
    }

    /// Begins a piece if it fits beside the others. A piece of any size begins if it `may_begin`.
    async fn begin_when_it_fits(
        &self,
        is_page: bool,
        size: impl Fn(&State) -> usize,
        may_begin: impl Fn(&State) -> bool,
    ) -> InFlightPiece<'_> {
        let _turn = self.turn.lock().await;
        loop {
            // Before the look: a piece that ends after the look must wake this one.
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                let size = size(&state);
                if may_begin(&state) || state.held + size <= self.max {
                    state.held += size;
                    state.on_their_way += usize::from(is_page);
                    return InFlightPiece { bytes: self, held: size, is_on_its_way: is_page };
                }
            }
            freed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightPiece<'_> {
    /// Notes the size of the piece, now that it is there. A piece without entries tells nothing about later ones.
    pub fn has(&mut self, entries: usize, bytes: usize) {
        {
            let mut state = self.bytes.state();
            state.held = state.held - self.held + bytes;
            state.on_their_way -= usize::from(std::mem::take(&mut self.is_on_its_way));
            if let Some(of_entry) = bytes.checked_div(entries) {
                let faded = state.largest.map_or(0, |largest| largest * KEPT / 1_000);
                state.largest = Some(of_entry.max(faded));
            }
        }
        self.held = bytes;
        self.bytes.freed.notify_one();
    }
}

impl Drop for InFlightPiece<'_> {
    fn drop(&mut self) {
        {
            let mut state = self.bytes.state();
            state.held -= self.held;
            state.on_their_way -= usize::from(self.is_on_its_way);
        }
        self.bytes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const KB: usize = 1024;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_first_piece_is_alone_and_small_ones_are_in_flight_together() {
        let bytes = InFlightBytes::new(1_024 * KB);
        let mut first = poll(pin!(bytes.begin(60))).unwrap();
        let mut second = pin!(bytes.begin(60));
        assert!(poll(second.as_mut()).is_none(), "the size of a page is not known yet");
        first.has(60, 40 * KB);
        let second = poll(second).unwrap();
        let more: Vec<_> = (0..6).map(|_| poll(pin!(bytes.begin(60))).unwrap()).collect();
        assert!(poll(pin!(bytes.begin(60))).is_none());
        drop((more, second));
        assert!(poll(pin!(bytes.begin(60))).is_some());
    }

    #[test]
    fn a_large_piece_is_counted_in_full_and_holds_all_others_up() {
        let bytes = InFlightBytes::new(1_024 * KB);
        poll(pin!(bytes.begin(60))).unwrap().has(60, 40 * KB);
        let mut large = poll(pin!(bytes.begin(60))).unwrap();
        let small = poll(pin!(bytes.begin(60))).unwrap();
        large.has(60, 24_000 * KB);
        let mut waiting = pin!(bytes.begin(4));
        assert!(poll(waiting.as_mut()).is_none());
        drop(small);
        assert!(poll(waiting.as_mut()).is_none());
        drop(large);
        let alone = poll(waiting).unwrap();
        assert!(poll(pin!(bytes.begin(4))).is_none(), "4 entries of that size have 3 MB");
        drop(alone);
        // The size of that piece fades.
        (0..200).for_each(|_| poll(pin!(bytes.begin(60))).unwrap().has(60, 40 * KB));
        let _one = poll(pin!(bytes.begin(60))).unwrap();
        assert!(poll(pin!(bytes.begin(60))).is_some());
    }

    #[test]
    fn at_most_the_bound_and_one_page_are_held() {
        let bytes = InFlightBytes::new(1_000);
        // Of a page of any size, one is on its way, beside others that are there.
        let begin = |most: usize| bytes.begin_page(move || most);
        let mut first = poll(pin!(begin(usize::MAX))).unwrap();
        assert!(poll(pin!(begin(usize::MAX))).is_none() && poll(pin!(begin(1))).is_none());
        first.has(60, 900);
        let mut second = poll(pin!(begin(usize::MAX))).unwrap();
        second.has(60, 24_000);
        assert!(poll(pin!(begin(1))).is_none(), "more than the bound is held");
        drop(second);
        // Pages of a known size are on their way together.
        drop(first);
        let pages: Vec<_> = (0..4).map(|_| poll(pin!(begin(250))).unwrap()).collect();
        assert!(poll(pin!(begin(250))).is_none());
        drop(pages);
        // A call that failed has no page.
        drop(poll(pin!(begin(usize::MAX))).unwrap());
        assert!(poll(pin!(begin(usize::MAX))).is_some());
    }

    #[test]
    fn a_piece_has_as_many_entries_as_fit_twice() {
        let bytes = InFlightBytes::new(1_000 * KB);
        assert_eq!((bytes.fitting(60, 16), bytes.fitting(5, 16)), (16, 5), "no size is known yet");
        poll(pin!(bytes.begin(10))).unwrap().has(10, 100 * KB);
        assert_eq!((bytes.fitting(60, 16), bytes.fitting(5, 16)), (50, 5));
        assert_eq!(bytes.state().expected(20, bytes.max), 400 * KB);
        // A smaller entry leaves 96 % of the largest size.
        poll(pin!(bytes.begin(1))).unwrap().has(1, KB);
        assert_eq!(bytes.state().largest, Some(10 * KB * KEPT / 1_000));
        poll(pin!(bytes.begin(1))).unwrap().has(1, 2_000 * KB);
        assert_eq!(bytes.fitting(60, 16), 1, "one entry always fits");
    }

    #[test]
    fn a_call_that_failed_beside_held_pages_lets_the_next_one_begin() {
        let bytes = InFlightBytes::new(1_000);
        let mut held = poll(pin!(bytes.begin_page(|| usize::MAX))).unwrap();
        held.has(60, 900);
        drop(poll(pin!(bytes.begin_page(|| usize::MAX))).unwrap());
        assert!(poll(pin!(bytes.begin_page(|| usize::MAX))).is_some());
    }

    #[test]
    fn pieces_begin_in_their_order() {
        let bytes = InFlightBytes::new(100);
        let first = poll(pin!(bytes.begin_sized(80))).unwrap();
        let (mut large, mut small) = (pin!(bytes.begin_sized(90)), pin!(bytes.begin_sized(10)));
        assert!(
            poll(large.as_mut()).is_none() && poll(small.as_mut()).is_none(),
            "the small one does not overtake"
        );
        drop(first);
        let large = poll(large).unwrap();
        let small = poll(small).unwrap();
        assert!(poll(pin!(bytes.begin_sized(1))).is_none());
        drop((large, small));
        assert!(poll(pin!(bytes.begin_sized(1_000))).is_some(), "a piece above the bound begins alone");
    }
}
