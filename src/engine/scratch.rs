//! Room for numbers that are needed for a moment, many times a token: each thread keeps what it had, since asking for memory and
//! filling it with noughts takes as long as some of the products do.

use std::cell::RefCell;

thread_local! {
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with room for `n` numbers, which are whatever was there before.
pub(crate) fn with<R>(n: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut room = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    if room.len() < n {
        room.resize(n, 0.0);
    }
    let result = work(&mut room[..n]);
    KEPT.with_borrow_mut(|kept| kept.push(room));
    result
}

#[cfg(test)]
mod tests {
    #[test]
    fn room_within_room_is_another_and_both_are_had_again() {
        let places = || {
            super::with(8, |a| {
                a.fill(1.0);
                super::with(4, |b| {
                    b.fill(2.0);
                    (a.as_ptr(), b.as_ptr())
                })
            })
        };
        let first = places();
        assert_ne!(first.0, first.1);
        let second = places();
        assert!([first.0, first.1].contains(&second.0) && [first.0, first.1].contains(&second.1));
        super::with(100, |more| assert_eq!(more.len(), 100));
    }
}
