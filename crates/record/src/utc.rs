//! Times of day as results write them.

/// Seconds since 1970 of a time in UTC such as `2026-01-31T12:00:00Z`; none if it is not written
/// like that.
pub fn seconds(text: &str) -> Option<u64> {
    let shape = "dddd-dd-ddTdd:dd:ddZ";
    let fits = |(byte, shape): (u8, u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    };
    if text.len() != shape.len() || !text.bytes().zip(shape.bytes()).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + (day - 1);
    let since_1970 = days - 719_468;
    Some(since_1970 * 86_400 + number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn leap_days_and_year_ends() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(seconds("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        assert_eq!(seconds("2024-12-31T23:59:59Z"), Some(1_735_689_599));
        assert_eq!(seconds("2100-03-01T00:00:00Z"), Some(4_107_542_400));
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in ["", "yesterday", "2026-01-31 12:00:00", "2026-13-01T00:00:00Z"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        for text in ["1969-12-31T23:59:59Z", "2026-00-10T00:00:00Z", "2026-01-é1T00:00:0Z"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
