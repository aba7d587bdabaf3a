//! A counting allocator that tells whose memory it is.
//!
//! The bench runs the functions and the service that they call in one thread. What the functions have on the heap is counted, what the
//! service keeps is not. Every allocation remembers the side that made it, so that it does not matter who frees it.
//!
//! Counts are those of one thread: an allocation that another thread frees stays counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The allocator: `#[global_allocator] static HEAP: Counting = Counting;`.
#[derive(Debug, Clone, Copy)]
pub struct Counting;

/// Bytes before each allocation, where its alignment asks for no more; the last of them says whether it is counted.
const HEADER: usize = 16;

thread_local! {
    /// Whether allocations are counted now.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    /// Bytes counted that are not freed yet.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// The most there ever were of them.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Runs `work` with its allocations uncounted: the service's own.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    with(false, work)
}

/// Runs `work` with its allocations counted.
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    with(true, work)
}

fn with<T>(counts: bool, work: impl FnOnce() -> T) -> T {
    /// Puts back what was before, however `work` ends.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            COUNTS.set(self.0);
        }
    }
    let _before = Before(COUNTS.replace(counts));
    work()
}

/// The most bytes that `future` had on the heap at once, and what it came to. While it waits, nothing of others is counted.
pub async fn measured<F: Future>(future: F) -> (F::Output, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let output = Measured(counted(|| Box::pin(future))).await;
    (output, usize::try_from(PEAK.get() - before).unwrap_or(0))
}

/// A future whose allocations are counted while it is at work.
struct Measured<F>(Pin<Box<F>>);

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        counted(|| self.0.as_mut().poll(context))
    }
}

/// Adds to what is counted; takes off where negative.
fn add(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    if live > PEAK.get() {
        PEAK.set(live);
    }
}

fn header(layout: Layout) -> usize {
    layout.align().max(HEADER)
}

/// The layout of an allocation with its header; none where that would be too large for the address space.
fn whole(layout: Layout) -> Option<Layout> {
    let header = header(layout);
    Layout::from_size_align(layout.size().checked_add(header)?, header).ok()
}

// SAFETY: every method hands the work to `System`, with a layout that is larger by a header of a multiple of the alignment (a power of
// two of at least 16), so what lies behind the header is aligned, as large as asked for, and apart from every other allocation. The
// layout of `dealloc` and `realloc` is that of `alloc`, by the trait's contract, and so is the one that is worked out from it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        // SAFETY: the size is not zero, there is a header.
        let base = unsafe { System.alloc(whole) };
        if base.is_null() {
            return base;
        }
        let counts = COUNTS.get();
        if counts {
            add(layout.size() as isize);
        }
        // SAFETY: `base` is followed by the header and as many bytes as were asked for.
        unsafe {
            let start = base.add(header(layout));
            start.sub(1).write(u8::from(counts));
            start
        }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let Some(whole) = whole(layout) else { return };
        // SAFETY: `start` comes from `alloc`, which put a header before it.
        unsafe {
            if start.sub(1).read() != 0 {
                add(-(layout.size() as isize));
            }
            System.dealloc(start.sub(header(layout)), whole);
        }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let header = header(layout);
        let (Some(before), Some(after)) = (whole(layout), size.checked_add(header)) else { return std::ptr::null_mut() };
        // SAFETY: `start` comes from `alloc`; the first bytes, the header among them, are kept.
        unsafe {
            let counts = start.sub(1).read() != 0;
            let base = System.realloc(start.sub(header), before, after);
            if base.is_null() {
                return base;
            }
            if counts {
                add(size as isize - layout.size() as isize);
            }
            base.add(header)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static HEAP: Counting = Counting;

    fn run<F: Future>(future: F) -> F::Output {
        let mut future = Box::pin(future);
        let mut context = Context::from_waker(std::task::Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
    }

    #[test]
    fn what_the_service_keeps_is_not_counted_and_what_it_answers_is() {
        let mut kept = Vec::new();
        let ((), peak) = run(measured(async {
            uncounted(|| kept.push(vec![0u8; 1_000_000]));
            drop(vec![0u8; 50_000]);
            let answer = vec![0u8; 30_000];
            drop(vec![0u8; 10_000]);
            drop(answer);
        }));
        assert!((50_000..60_000).contains(&peak), "{peak}");
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn it_does_not_matter_who_frees() {
        let before = LIVE.get();
        let handed_over = counted(|| vec![1u8; 5_000]);
        assert_eq!(LIVE.get() - before, 5_000);
        uncounted(|| drop(handed_over));
        assert_eq!(LIVE.get(), before);
        let mut own = uncounted(|| vec![1u8; 100]);
        counted(|| own.reserve_exact(9_000));
        assert_eq!(LIVE.get(), before);
        drop(own);
        assert_eq!(LIVE.get(), before);
    }

    #[test]
    fn alignment_is_kept_and_so_is_the_content() {
        #[repr(align(128))]
        struct Wide(#[allow(dead_code)] [u8; 128]);
        let wide = counted(|| Box::new(Wide([7; 128])));
        assert_eq!(std::ptr::from_ref(&*wide).addr() % 128, 0);
        let mut grown: Vec<u8> = counted(|| vec![3; 10]);
        counted(|| (0..10_000).for_each(|_| grown.push(3)));
        assert!(grown.iter().all(|&byte| byte == 3));
    }
}
