//! Memory for what is read at every token: one stretch after the other, which the system is asked to keep in large pages.
//!
//! Weights are read from the first to the last for each token. In pages of 4 KiB a processor asks where the next one lies
//! a quarter of a million times a gigabyte, and does not fetch beyond a page's end before it is needed; in pages of 2 MiB it
//! reads markedly faster. Only memory that is as long as such a page and begins where one may becomes one, and most matrices
//! are shorter: so those of a thread share a stretch, side by side, until it is full.
//!
//! What nobody has written to takes no memory, and a stretch goes back to the system when the last that lay in it is dropped.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

/// Bytes of a large page.
const LARGE: usize = 2 << 20;
/// Bytes of a stretch that is shared.
const STRETCH: usize = if cfg!(miri) { 1 << 14 } else { 64 << 20 };
/// Where a piece begins: at a line of the caches.
const LINE: usize = 64;

/// Plain numbers, one after the other, in a stretch of memory. Like a `Vec` that never moves what it holds.
#[derive(Debug)]
pub struct Paged<T> {
    start: NonNull<T>,
    len: usize,
    room: usize,
    /// Which keeps the memory.
    _stretch: Arc<Stretch>,
}

// SAFETY: as a `Vec`, it alone has the memory from `start` on, for as many as there is room for.
unsafe impl<T: Send> Send for Paged<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Paged<T> {}

impl<T: Copy> Paged<T> {
    /// Room for so many.
    ///
    /// # Panics
    /// If these are more bytes than can be counted.
    pub fn room(n: usize) -> Self {
        const { assert!(align_of::<T>() <= LINE && size_of::<T>() > 0) };
        let bytes = n.checked_mul(size_of::<T>()).expect("bytes that can be counted");
        let (stretch, start) = piece(bytes);
        Self { start: start.cast(), len: 0, room: n, _stretch: stretch }
    }

    /// Adds `n` times the same, and gives what was added.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub fn more(&mut self, n: usize, of: T) -> &mut [T] {
        assert!(n <= self.room - self.len, "{n} more in room for {} with {}", self.room, self.len);
        // SAFETY: from `start` on there is room for `room` of them, which nobody else has; those behind `len` are written
        // before a slice is made of them.
        let added = unsafe {
            let from = self.start.add(self.len);
            (0..n).for_each(|i| from.add(i).write(of));
            std::slice::from_raw_parts_mut(from.as_ptr(), n)
        };
        self.len += n;
        added
    }
}

impl<T> Deref for Paged<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` were written, and the stretch lives as long as this.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

/// Memory of which pieces are given out.
#[derive(Debug)]
struct Stretch {
    start: NonNull<u8>,
    bytes: usize,
    _memory: Memory,
}

// SAFETY: nobody reads or writes through it but the `Paged`s that have a piece of it each.
unsafe impl Send for Stretch {}
// SAFETY: as above.
unsafe impl Sync for Stretch {}

#[derive(Debug)]
#[allow(dead_code)] // Held until it is dropped.
enum Memory {
    Mapped(memmap2::MmapMut),
    /// Where the system maps none.
    Allocated(Vec<MaybeUninit<Line>>),
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
#[allow(dead_code)] // Only its size and place count.
struct Line([u8; LINE]);

impl Stretch {
    fn new(bytes: usize) -> Self {
        Self::mapped(bytes).unwrap_or_else(|| {
            let mut lines = Vec::with_capacity(bytes.div_ceil(LINE));
            let start = NonNull::new(lines.as_mut_ptr()).expect("a `Vec` is somewhere").cast();
            Self { start, bytes, _memory: Memory::Allocated(lines) }
        })
    }

    /// From where a large page may begin.
    fn mapped(bytes: usize) -> Option<Self> {
        if cfg!(miri) {
            return None;
        }
        let mut memory = memmap2::MmapMut::map_anon(bytes.checked_add(LARGE)?).ok()?;
        // Where it is not heeded, pages are as small as they were.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        let from = memory.as_ptr().align_offset(LARGE);
        let start = NonNull::from(memory.get_mut(from..from.checked_add(bytes)?)?).cast();
        Some(Self { start, bytes, _memory: Memory::Mapped(memory) })
    }
}

thread_local! {
    /// The stretch that this thread's next piece may lie in, and how much of it was given out.
    static CURRENT: RefCell<(Weak<Stretch>, usize)> = const { RefCell::new((Weak::new(), 0)) };
}

/// So many bytes that nobody else has, at the beginning of a line.
fn piece(bytes: usize) -> (Arc<Stretch>, NonNull<u8>) {
    if bytes > STRETCH / 2 {
        // What it would leave of a shared one is better left to others.
        let own = Arc::new(Stretch::new(bytes));
        let start = own.start;
        return (own, start);
    }
    CURRENT.with_borrow_mut(|(current, used)| {
        let fitting = |stretch: &Arc<Stretch>| bytes <= stretch.bytes - *used;
        let stretch = current.upgrade().filter(fitting).unwrap_or_else(|| {
            let new = Arc::new(Stretch::new(STRETCH));
            (*current, *used) = (Arc::downgrade(&new), 0);
            new
        });
        // SAFETY: `used + bytes` are within the stretch.
        let start = unsafe { stretch.start.add(*used) };
        *used = (*used + bytes).next_multiple_of(LINE).min(stretch.bytes);
        (stretch, start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 64 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_put_there_stays_whatever_comes_and_goes_beside_it(
            sizes in prop::collection::vec((0usize..STRETCH / 12, any::<bool>()), 1..20),
        ) {
            let mut kept: Vec<(Paged<u32>, u32)> = Vec::new();
            for (n, (size, leaves)) in sizes.into_iter().enumerate() {
                let size = if cfg!(miri) { size } else { size / 64 };
                let mut new = Paged::room(size);
                let number = n as u32;
                prop_assert!(new.more(size / 2, number).iter().all(|x| *x == number));
                new.more(size - size / 2, number);
                prop_assert_eq!(new.len(), size);
                prop_assert!(new.as_ptr().cast::<u8>().align_offset(LINE) == 0);
                kept.push((new, number));
                if leaves {
                    kept.remove(n % kept.len());
                }
                prop_assert!(kept.iter().all(|(all, number)| all.iter().all(|x| x == number)));
            }
        }
    }

    #[test]
    fn those_of_a_thread_lie_side_by_side_and_large_ones_alone() {
        let (mut a, mut b) = (Paged::room(LINE), Paged::room(5));
        a.more(LINE, 1u8);
        b.more(5, 2u8);
        assert_eq!(a.as_ptr().wrapping_add(LINE), b.as_ptr());
        let large = Paged::<u8>::room(STRETCH / 2 + 1);
        let next = Paged::<u8>::room(1);
        assert_eq!(b.as_ptr().wrapping_add(LINE), next.as_ptr());
        assert!(large.is_empty());
    }

    #[test]
    fn a_full_stretch_is_followed_by_another() {
        let most: Vec<_> = (0..3).map(|_| Paged::<u8>::room(STRETCH / 2)).collect();
        assert!(most.iter().all(|p| p.room == STRETCH / 2));
        assert!(
            Arc::ptr_eq(&most[0]._stretch, &most[1]._stretch)
                != Arc::ptr_eq(&most[1]._stretch, &most[2]._stretch)
        );
    }

    #[test]
    fn another_thread_may_have_it() {
        let mut here = Paged::room(3);
        here.more(3, 7u16);
        let there = std::thread::spawn(move || here.iter().sum::<u16>());
        assert_eq!(there.join().expect("no panic"), 21);
    }

    #[test]
    #[should_panic(expected = "1 more in room for 2 with 2")]
    fn more_than_there_is_room_for_is_refused() {
        let mut full = Paged::room(2);
        full.more(2, 0u8);
        full.more(1, 0u8);
    }
}
