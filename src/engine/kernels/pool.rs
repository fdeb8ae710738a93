//! A few threads that share the columns of a product.
//!
//! A token takes a few hundred products of some microseconds each, so a thread that has nothing to do first spins for as
//! long as a product takes, then lets others run, then sleeps: neither does a product wait for a thread to be woken, nor
//! does a lab that waits for its person take a processor. Whoever asks works too, and waits only for threads that have
//! begun a piece: one that the system keeps from running (a busy machine) holds nobody up, and is not needed.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Looks at the gate before others are let run: some 20 microseconds.
const SPINS: u32 = if cfg!(miri) { 10 } else { 3_000 };
/// Times that others are let run before a thread sleeps.
const YIELDS: u32 = if cfg!(miri) { 10 } else { 200 };

/// Threads that work together, the asking one among them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// One piece of work at a time.
    turn: Mutex<()>,
}

/// A closure over pieces of work by their number, with its lifetime forgotten.
type Job = *const (dyn Fn(usize) + Sync);

#[derive(Debug)]
struct Shared {
    /// Bit 0: open; bits 1 to 15: workers inside; the rest: which work this is, counted.
    gate: AtomicU64,
    job: Mutex<Option<Sent>>,
    pieces: AtomicUsize,
    next: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    asleep: Vec<AtomicBool>,
}

#[derive(Debug, Clone, Copy)]
struct Sent(Job);

// SAFETY: the closure behind it is Sync, and is only called while `Pool::each` waits for those inside to leave.
unsafe impl Send for Sent {}

const OPEN: u64 = 1;
const INSIDE: u64 = 2;
const ALL_INSIDE: u64 = 0xfffe;
const WORK: u64 = 0x1_0000;

impl Pool {
    /// Threads for `threads` processors, at least one: the one that asks.
    pub fn new(threads: usize) -> Self {
        let helpers = threads.clamp(1, 256) - 1;
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(0),
            job: Mutex::new(None),
            pieces: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: (0..helpers).map(|_| AtomicBool::new(false)).collect(),
        });
        let workers = (0..helpers).filter_map(|n| {
            let shared = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name("juxta-engine".to_owned());
            // A thread that the system does not give is one helper less.
            builder.spawn(move || shared.help(n)).ok()
        });
        Self { workers: workers.collect(), shared, turn: Mutex::new(()) }
    }

    /// How many threads work together.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` with each number below `n` once, on whichever thread comes first. Returns when all are done.
    ///
    /// # Panics
    /// If `work` panics.
    pub fn each(&self, n: usize, work: &(dyn Fn(usize) + Sync)) {
        if n <= 1 || self.workers.is_empty() {
            return (0..n).for_each(work);
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime is changed. Workers call the closure between entering and leaving the gate, and this
        // function does not return or unwind before the gate is shut and all have left.
        let job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Job>(work) };
        *shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(Sent(job));
        shared.pieces.store(n, Ordering::Relaxed);
        shared.next.store(0, Ordering::Relaxed);
        let count = (shared.gate.load(Ordering::Relaxed) & !(WORK - 1)).wrapping_add(WORK);
        shared.gate.store(count | OPEN, Ordering::SeqCst);
        for (asleep, worker) in shared.asleep.iter().zip(&self.workers) {
            if asleep.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        let own = catch_unwind(AssertUnwindSafe(|| shared.work(work)));
        shared.gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut waited = 0;
        while shared.gate.load(Ordering::Acquire) & ALL_INSIDE != 0 {
            rest(&mut waited);
        }
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!shared.panicked.swap(false, Ordering::AcqRel), "a thread of the engine panicked");
    }

    /// Lets threads fill `out`, `[n, width]`, by columns: each gets `grain` columns of all rows at a time, the last one
    /// perhaps fewer.
    ///
    /// # Panics
    /// If `out` has no whole rows, or `work` panics.
    pub fn columns(&self, out: &mut [f32], width: usize, grain: usize, work: &(dyn Fn(&mut Part) + Sync)) {
        self.parts(out, width, (usize::MAX, grain), work);
    }

    /// Lets threads fill `out`, `[n, width]`, by parts of so many rows and columns at a time, the last ones perhaps fewer.
    ///
    /// # Panics
    /// If `out` has no whole rows, a grain is nought, or `work` panics.
    pub fn parts(
        &self,
        out: &mut [f32],
        width: usize,
        (tall, wide): (usize, usize),
        work: &(dyn Fn(&mut Part) + Sync),
    ) {
        if width == 0 || out.is_empty() {
            return;
        }
        assert!(
            out.len().is_multiple_of(width) && tall > 0 && wide > 0,
            "{} are no rows of {width}",
            out.len()
        );
        let whole = Whole { numbers: out.as_mut_ptr(), width };
        let rows = out.len() / width;
        let across = width.div_ceil(wide);
        self.each(rows.div_ceil(tall) * across, &|n| {
            let (top, left) = (n / across * tall, n % across * wide);
            let rows = top..top.saturating_add(tall).min(rows);
            work(&mut Part { whole: &whole, rows, columns: left..left.saturating_add(wide).min(width) });
        });
    }

    /// Lets threads fill `out`, `[n, width]`, by ranges of columns of all rows, which come in order and do not overlap;
    /// `work` is told which one it has.
    ///
    /// # Panics
    /// If `out` has no whole rows, the ranges overlap or reach beyond a row, or `work` panics.
    pub fn ranges(
        &self,
        out: &mut [f32],
        width: usize,
        ranges: &[Range<usize>],
        work: &(dyn Fn(usize, &mut Part) + Sync),
    ) {
        assert!(width > 0 && out.len().is_multiple_of(width), "{} are no rows of {width}", out.len());
        let in_order = ranges.windows(2).all(|pair| pair[0].end <= pair[1].start);
        let within = ranges.iter().all(|range| range.start <= range.end && range.end <= width);
        assert!(in_order && within, "ranges that overlap");
        let whole = Whole { numbers: out.as_mut_ptr(), width };
        let rows = out.len() / width;
        self.each(ranges.len(), &|n| {
            work(n, &mut Part { whole: &whole, rows: 0..rows, columns: ranges[n].clone() });
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in &self.workers {
            worker.thread().unpark();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Spins, then lets others run.
fn rest(waited: &mut u32) {
    *waited = waited.saturating_add(1);
    if *waited < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
}

impl Shared {
    /// Takes pieces until there are none left.
    fn work(&self, work: &(dyn Fn(usize) + Sync)) {
        let pieces = self.pieces.load(Ordering::Relaxed);
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return;
            }
            work(piece);
        }
    }

    /// A worker's life.
    fn help(&self, number: usize) {
        let mut last = 0;
        let mut waited = 0u32;
        while !self.stop.load(Ordering::Acquire) {
            let gate = self.gate.load(Ordering::Acquire);
            if gate & OPEN == 0 || gate & !(WORK - 1) == last {
                waited = waited.saturating_add(1);
                if waited < SPINS {
                    std::hint::spin_loop();
                } else if waited < SPINS + YIELDS {
                    std::thread::yield_now();
                } else {
                    self.sleep(number, last);
                }
                continue;
            }
            // Enters, unless the gate has changed since.
            if self.gate.compare_exchange(gate, gate + INSIDE, Ordering::AcqRel, Ordering::Acquire).is_err() {
                continue;
            }
            (last, waited) = (gate & !(WORK - 1), 0);
            let job = *self.job.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Sent(job)) = job {
                // SAFETY: this thread is inside the gate, so `Pool::each` has not returned and the closure lives.
                let work = unsafe { &*job };
                if catch_unwind(AssertUnwindSafe(|| self.work(work))).is_err() {
                    self.panicked.store(true, Ordering::Release);
                }
            }
            self.gate.fetch_sub(INSIDE, Ordering::AcqRel);
        }
    }

    fn sleep(&self, number: usize, last: u64) {
        let Some(asleep) = self.asleep.get(number) else { return };
        asleep.store(true, Ordering::SeqCst);
        // Whoever opens the gate looks at `asleep` after it: one of the two sees the other.
        let gate = self.gate.load(Ordering::SeqCst);
        let idle = gate & OPEN == 0 || gate & !(WORK - 1) == last;
        if idle && !self.stop.load(Ordering::SeqCst) {
            std::thread::park();
        }
        asleep.store(false, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Whole {
    numbers: *mut f32,
    width: usize,
}

// SAFETY: it is a slice that a `Pool` has borrowed for itself; threads reach parts of it that do not overlap.
unsafe impl Sync for Whole {}

/// Some columns of some rows of a slice.
#[derive(Debug)]
pub struct Part<'a> {
    whole: &'a Whole,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Part<'_> {
    /// Which rows.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Which columns.
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// Its columns of a row, counted as those of the whole slice are.
    ///
    /// # Panics
    /// If the row is not one of its own.
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(self.rows.contains(&row), "row {row} of {:?}", self.rows);
        // SAFETY: `Pool::parts` or `Pool::ranges` made the ranges: they lie within the slice, and no other part has any of it; the borrow of
        // `self` keeps a second slice of it from being made.
        unsafe {
            let start = self.whole.numbers.add(row * self.whole.width + self.columns.start);
            std::slice::from_raw_parts_mut(start, self.columns.len())
        }
    }
}
