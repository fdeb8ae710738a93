//! How long to wait before asking again: twice as long each time, never all at once, and as long as the server says.

use jiff::Timestamp;
use rand::Rng;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The pause before try `next` (2 is the second one): half a second doubled each time, up to half a minute, of which the
/// later half is drawn, so that requests that failed together do not come back together. What the server asked for is
/// waited out in full.
pub fn pause(next: u32, asked: Option<Duration>) -> Duration {
    let whole = FIRST.saturating_mul(1 << next.saturating_sub(2).min(10)).min(LONGEST);
    let drawn = whole.mul_f64(rand::rng().random_range(0.5..=1.0));
    asked.map_or(drawn, |asked| asked.max(drawn))
}

/// What a `Retry-After` header asks for: seconds, or a date.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute_and_never_undercut_the_server() {
        for (next, whole) in [(2, 0.5), (3, 1.0), (4, 2.0), (9, 30.0), (40, 30.0)] {
            for _ in 0..50 {
                let found = pause(next, None).as_secs_f64();
                assert!(found >= whole / 2.0 && found <= whole, "{next}: {found}");
            }
        }
        assert_eq!(pause(2, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert!(pause(2, Some(Duration::ZERO)) >= Duration::from_millis(250));
    }

    #[test]
    fn a_server_says_seconds_or_a_date() {
        let now: Timestamp = "2026-11-28T07:00:00Z".parse().expect("a time");
        let seconds = |text| retry_after(text, now).map(|d| d.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 1.5 "), Some(1));
        assert_eq!(seconds("Sat, 28 Nov 2026 07:01:00 GMT"), Some(60));
        assert_eq!(seconds("Sat, 28 Nov 2026 06:00:00 GMT"), Some(0), "what is past is now");
        for nothing in ["", "soon", "-3", "NaN", "1e40"] {
            assert_eq!(seconds(nothing), None, "{nothing}");
        }
    }
}
