//! Times of day as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present second in UTC, such as `2026-01-31T12:00:00Z`.
pub fn now() -> String {
    utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Seconds since 1970 as a date; days become dates by counting years from 1 March, so that the
/// leap day is the last of its year.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;
    use dst_record::utc::seconds;

    #[test]
    fn dates_are_read_as_they_are_written() {
        let moments = [0, 951_782_399, 951_782_400, 1_709_251_199, 1_735_689_599, 4_107_542_400];
        for moment in moments {
            assert_eq!(seconds(&utc(moment)), Some(moment), "{}", utc(moment));
        }
        for day in 0..40_000 {
            assert_eq!(seconds(&utc(day * 86_400 + 1)), Some(day * 86_400 + 1));
        }
        for no_date in ["", "a moment ago", "2026-13-01T00:00:00Z", "2026-01-31T12:00:0äZ"] {
            assert_eq!(seconds(no_date), None, "{no_date}");
        }
    }

    #[test]
    fn leap_days_and_year_ends() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
