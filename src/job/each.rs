//! The same work on every thing of a list, several at a time.

use super::{Progress, Report, threads, time};
use crate::fault::{Error, Result};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Does `one` to each of the list, so many at a time: several each on one thread, a
/// single one on all that the process uses. What goes wrong first is what comes of it:
/// what is at work then comes to its end, and nothing more is begun.
///
/// # Errors
/// The first of `one`, or a [`crate::fault::Fault`] if the system gives no thread.
pub fn each<T: Sync>(list: &[T], workers: NonZeroUsize, one: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    on_threads(list, workers, &|work| threads::alone(work), one)
}

/// As [`each`], for work that waits for others instead of computing: its threads need no mathematics of their own.
///
/// # Errors
/// The first of `one`.
pub fn each_waiting<T: Sync>(
    list: &[T],
    at_a_time: NonZeroUsize,
    one: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let plain = |work: &(dyn Fn() + Sync)| {
        work();
        Ok(())
    };
    on_threads(list, at_a_time, &plain, one)
}

fn on_threads<T: Sync>(
    list: &[T],
    workers: NonZeroUsize,
    within: &(dyn Fn(&(dyn Fn() + Sync)) -> Result<()> + Sync),
    one: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(None::<Error>));
    let first_wrong = || wrong.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while let Some(item) = list.get(next.fetch_add(1, Ordering::Relaxed)) {
            if first_wrong().is_some() {
                return;
            }
            if let Err(error) = one(item) {
                first_wrong().get_or_insert(error);
            }
        }
    };
    let workers = workers.get().min(list.len());
    if workers == 1 {
        // All threads there are may then work on the one thing.
        work();
        return wrong.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| within(&work))).collect();
        for thread in threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    first_wrong().get_or_insert(error);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// How many workers that is: those named, or one a processor.
pub fn workers(named: Option<NonZeroUsize>) -> NonZeroUsize {
    named.or(NonZeroUsize::new(threads::count())).unwrap_or(NonZeroUsize::MIN)
}

/// How far such work is, and how long the rest will take at the pace so far.
pub struct Clock<'a> {
    report: Report<'a>,
    total: usize,
    before: usize,
    done: AtomicUsize,
    started: Instant,
}

impl<'a> Clock<'a> {
    /// Starts now, with `before` of `total` done earlier.
    pub fn new(report: Report<'a>, before: usize, total: usize) -> Self {
        Self { report, total, before, done: AtomicUsize::new(0), started: Instant::now() }
    }

    /// One more is done.
    pub fn tick(&self, doing: &str) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.tell(doing);
    }

    /// Reports what is being done, and how long it will take once that is known.
    #[allow(clippy::cast_precision_loss)] // Counts of answers.
    pub fn tell(&self, doing: &str) {
        let now = self.done.load(Ordering::Relaxed);
        let done = self.before + now;
        let mut doing = doing.to_owned();
        if now > 0 {
            let each = self.started.elapsed().as_secs_f64() / now as f64;
            doing = format!("{doing} · {} left", time(each * self.total.saturating_sub(done) as f64));
        }
        (self.report)(Progress { doing, done: done as u64, total: self.total as u64 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn everything_is_done_once_however_many_work() {
        let list: Vec<usize> = (0..200).collect();
        for workers in [1, 3, 16] {
            let done = Mutex::new(Vec::new());
            let one = |n: &usize| {
                done.lock().expect("no panic").push(*n);
                Ok(())
            };
            each(&list, NonZeroUsize::new(workers).expect("some"), one).expect("done");
            let done = done.into_inner().expect("no panic");
            assert_eq!((done.len(), done.into_iter().collect::<BTreeSet<_>>().len()), (200, 200));
        }
        each(&[] as &[usize], NonZeroUsize::MIN, |_| Err(Error::Cancelled)).expect("nothing to do");
    }

    #[test]
    fn the_first_thing_that_goes_wrong_stops_the_rest() {
        let done = AtomicUsize::new(0);
        let list: Vec<usize> = (0..100).collect();
        let one = |n: &usize| {
            done.fetch_add(1, Ordering::Relaxed);
            if *n == 3 { Err(Error::Cancelled) } else { Ok(()) }
        };
        assert!(matches!(each(&list, NonZeroUsize::MIN, one), Err(Error::Cancelled)));
        assert_eq!(done.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn what_is_left_is_told_once_there_is_a_pace() {
        let told = Mutex::new(Vec::new());
        let report = |p: Progress| told.lock().expect("no panic").push((p.doing, p.done, p.total));
        let clock = Clock::new(&report, 2, 4);
        clock.tell("asking");
        clock.tick("asking");
        clock.tick("asking");
        let told = told.into_inner().expect("no panic");
        assert_eq!(told[0], ("asking".to_owned(), 2, 4));
        assert!(told[1].0.starts_with("asking · ") && told[1].1 == 3);
        assert_eq!(told[2], ("asking · 0 s left".to_owned(), 4, 4));
    }
}
