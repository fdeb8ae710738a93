//! How long a person looks at an item, without the time they were away. Knows no clock: time comes in with the keys.

use std::time::Duration;

/// Without a key for so long, a person counts as away until the next one.
pub const AWAY_AFTER: Duration = Duration::from_secs(60);

/// The time spent on an item. Times given to it are since the review began, and never go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    active: Duration,
    away: Duration,
    /// When the last key came, or when the item came to the screen; `None` before that.
    last: Option<Duration>,
}

impl Clock {
    /// A clock that goes on from earlier times, in seconds; it starts when the item can be read.
    pub fn from(active: f64, away: f64) -> Self {
        // What a file says may be anything.
        let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Self { active: duration(active), away: duration(away), last: None }
    }

    /// The item can be read from now on.
    pub fn start(&mut self, now: Duration) {
        self.last.get_or_insert(now);
    }

    /// A key came: the time since the last one counts, what is over a minute of it as away.
    pub fn key(&mut self, now: Duration) {
        let (active, away) = self.at(now);
        if self.last.is_some() {
            *self = Self { active, away, last: Some(now) };
        }
    }

    /// Active and away, in seconds.
    pub fn seconds(&self, now: Duration) -> (f64, f64) {
        let (active, away) = self.at(now);
        (active.as_secs_f64(), away.as_secs_f64())
    }

    /// How long until the person counts as away; `None` if they do already, or the clock has not started.
    pub fn until_away(&self, now: Duration) -> Option<Duration> {
        (self.last? + AWAY_AFTER).checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Whether the person counts as away.
    pub fn is_away(&self, now: Duration) -> bool {
        self.last.is_some() && self.until_away(now).is_none()
    }

    fn at(&self, now: Duration) -> (Duration, Duration) {
        let gap = self.last.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        (self.active + gap.min(AWAY_AFTER), self.away + gap.saturating_sub(AWAY_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_minute_without_a_key_is_active_and_what_follows_is_away() {
        let mut clock = Clock::from(2.0, 1.0);
        assert_eq!(clock.seconds(secs(500)), (2.0, 1.0), "it has not started");
        clock.start(secs(10));
        clock.key(secs(30));
        assert_eq!(clock.seconds(secs(30)), (22.0, 1.0));
        assert_eq!((clock.until_away(secs(80)), clock.is_away(secs(80))), (Some(secs(10)), false));
        assert!(clock.is_away(secs(90)));
        clock.key(secs(30 + 60 + 7));
        assert_eq!(clock.seconds(secs(97)), (82.0, 8.0));
        assert!(!clock.is_away(secs(97)), "the next key brings the person back");
    }

    #[test]
    fn times_of_a_damaged_draft_do_no_harm() {
        for seconds in [f64::NAN, -1.0, f64::INFINITY, 1e300] {
            assert_eq!(Clock::from(seconds, seconds).seconds(secs(1)), (0.0, 0.0));
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_either_active_or_away(gaps in proptest::collection::vec(0u64..200_000, 0..40)) {
            let mut clock = Clock::from(0.0, 0.0);
            clock.start(Duration::ZERO);
            let mut now = Duration::ZERO;
            for gap in gaps {
                now += Duration::from_millis(gap);
                clock.key(now);
            }
            let (active, away) = clock.seconds(now);
            prop_assert!((active + away - now.as_secs_f64()).abs() < 1e-6);
        }
    }
}
