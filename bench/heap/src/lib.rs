//! An allocator that counts the memory of the functions, but not the memory of the service.
//!
//! The bench runs the functions and the simulated service in one thread. Memory that the functions allocate
//! is counted. Memory that the service allocates is not. Each allocation remembers whether it is counted, so
//! both sides may free it.
//!
//! The counts belong to one thread. If another thread frees an allocation, it stays counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The allocator. A program uses it with
/// `#[global_allocator] static HEAP: CountingAllocator = CountingAllocator;`.
#[derive(Debug, Clone, Copy)]
pub struct CountingAllocator;

/// The minimum size in bytes of the header before each allocation. A larger alignment needs a larger header.
/// The header's last byte says whether the allocation is counted.
const MIN_HEADER: usize = 16;

thread_local! {
    /// Whether new allocations are counted.
    static IS_COUNTING: Cell<bool> = const { Cell::new(false) };
    /// The counted bytes that are not freed yet.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    /// The maximum of `LIVE` so far.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Runs `work` without counting its allocations. The service uses it for what it stores.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    with_counting(false, work)
}

/// Runs `work` and counts its allocations.
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    with_counting(true, work)
}

fn with_counting<T>(is_counting: bool, work: impl FnOnce() -> T) -> T {
    /// Restores the old value, even if `work` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_COUNTING.set(self.0);
        }
    }
    let _restore = Restore(IS_COUNTING.replace(is_counting));
    work()
}

/// Runs `future`. Returns its output, and the maximum number of bytes that it had on the heap. Allocations of
/// other futures are not counted while it waits.
pub async fn measured<F: Future>(future: F) -> (F::Output, usize) {
    let start = LIVE.get();
    PEAK.set(start);
    let output = Measured(counted(|| Box::pin(future))).await;
    (output, usize::try_from(PEAK.get() - start).unwrap_or(0))
}

/// A future whose allocations are counted while it is polled.
struct Measured<F>(Pin<Box<F>>);

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        counted(|| self.0.as_mut().poll(context))
    }
}

/// Adds to the counted bytes. Negative numbers subtract.
fn add(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    if live > PEAK.get() {
        PEAK.set(live);
    }
}

fn header(layout: Layout) -> usize {
    layout.align().max(MIN_HEADER)
}

/// The layout of an allocation with its header. None if it is too large for the address space.
fn with_header(layout: Layout) -> Option<Layout> {
    let header = header(layout);
    Layout::from_size_align(layout.size().checked_add(header)?, header).ok()
}

// SAFETY: every method calls the same method of `System`, with a layout that is larger by the header. The
// size of the header is the alignment, or 16 if that is larger; both are powers of two. So the bytes behind
// the header are aligned, have the requested size, and overlap no other allocation. By the trait's contract,
// `dealloc` and `realloc` get the layout of `alloc`. So they compute the same layout with header.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(full) = with_header(layout) else { return std::ptr::null_mut() };
        // SAFETY: the size is not zero, because the header is not empty.
        let base = unsafe { System.alloc(full) };
        if base.is_null() {
            return base;
        }
        let is_counted = IS_COUNTING.get();
        if is_counted {
            add(layout.size() as isize);
        }
        // SAFETY: `base` points to the header and the requested bytes behind it.
        unsafe {
            let start = base.add(header(layout));
            start.sub(1).write(u8::from(is_counted));
            start
        }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let Some(full) = with_header(layout) else { return };
        // SAFETY: `start` comes from `alloc`, which wrote a header before it.
        unsafe {
            if start.sub(1).read() != 0 {
                add(-(layout.size() as isize));
            }
            System.dealloc(start.sub(header(layout)), full);
        }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let header = header(layout);
        let (Some(old), Some(new_size)) = (with_header(layout), size.checked_add(header)) else {
            return std::ptr::null_mut();
        };
        // SAFETY: `start` comes from `alloc`. `System` copies the header with the content.
        unsafe {
            let is_counted = start.sub(1).read() != 0;
            let base = System.realloc(start.sub(header), old, new_size);
            if base.is_null() {
                return base;
            }
            if is_counted {
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
    static HEAP: CountingAllocator = CountingAllocator;

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
    fn memory_that_the_service_stores_is_not_counted_and_memory_of_its_answers_is() {
        let mut stored = Vec::new();
        let ((), peak) = run(measured(async {
            uncounted(|| stored.push(vec![0u8; 1_000_000]));
            drop(vec![0u8; 50_000]);
            let answer = vec![0u8; 30_000];
            drop(vec![0u8; 10_000]);
            drop(answer);
        }));
        assert!((50_000..60_000).contains(&peak), "{peak}");
        assert_eq!(stored.len(), 1);
    }

    #[test]
    fn an_allocation_may_be_freed_and_resized_on_either_side() {
        let before = LIVE.get();
        let counted_bytes = counted(|| vec![1u8; 5_000]);
        assert_eq!(LIVE.get() - before, 5_000);
        uncounted(|| drop(counted_bytes));
        assert_eq!(LIVE.get(), before);
        let mut uncounted_bytes = uncounted(|| vec![1u8; 100]);
        counted(|| uncounted_bytes.reserve_exact(9_000));
        assert_eq!(LIVE.get(), before);
        drop(uncounted_bytes);
        assert_eq!(LIVE.get(), before);
    }

    #[test]
    fn allocations_are_aligned_and_keep_their_content() {
        #[repr(align(128))]
        struct Wide(#[allow(dead_code)] [u8; 128]);
        let wide = counted(|| Box::new(Wide([7; 128])));
        assert_eq!(std::ptr::from_ref(&*wide).addr() % 128, 0);
        let mut grown: Vec<u8> = counted(|| vec![3; 10]);
        counted(|| (0..10_000).for_each(|_| grown.push(3)));
        assert!(grown.iter().all(|&byte| byte == 3));
    }
}
