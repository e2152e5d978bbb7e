//! Figures as people read them, with three digits that count: the model is no better.

use std::time::Duration;

/// Rounds to so many digits that count.
pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    // Powers above one are exact, so that no 0.30000000000000004 is printed.
    let power = digits - 1 - whole_digits(number);
    if power >= 0 {
        let scale = 10_f64.powi(power);
        (number * scale).round() / scale
    } else {
        let scale = 10_f64.powi(-power);
        (number / scale).round() * scale
    }
}

/// Power of ten of the first digit.
fn whole_digits(number: f64) -> i32 {
    let text = format!("{number:e}");
    let (_, power) = text.split_once('e').unwrap_or_default();
    power.parse().unwrap_or_default()
}

pub(super) fn count(number: f64) -> String {
    let rounded = rounded(number, 3);
    if rounded != 0.0 && rounded < 0.001 {
        return "under 0.001".to_owned();
    }
    let text = format!("{rounded}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

pub(super) fn rate(a_second: f64) -> String {
    format!("{}/s", count(a_second))
}

pub(super) fn share(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.01 => "under 0.01 %".to_owned(),
        percent if percent < 1.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

pub(super) fn bytes(number: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = number;
    let mut unit = "B";
    for next in units.into_iter().skip(1) {
        if scaled < 1000.0 {
            break;
        }
        scaled /= 1024.0;
        unit = next;
    }
    format!("{} {unit}", count(scaled))
}

pub(super) fn time(seconds: f64) -> String {
    let millis = Duration::from_secs_f64(seconds).as_millis();
    let millis = u64::try_from(millis).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (number, text) in [
            (0.0, "0"),
            (0.0001, "under 0.001"),
            (0.012_345, "0.0123"),
            (9.999, "10"),
            (12.0, "12"),
            (99.95, "100"),
            (1234.5, "1,230"),
            (999_999.0, "1,000,000"),
            (50_000_000.0, "50,000,000"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn units_are_those_that_operators_write() {
        assert_eq!(bytes(665.0), "665 B");
        assert_eq!(bytes(268_435_456.0), "256 MiB");
        assert_eq!(bytes(1_073_741_824.0 * 1.5), "1.5 GiB");
        assert_eq!(share(0.8854), "88.5 %");
        assert_eq!(share(0.001_234), "0.12 %");
        assert_eq!(share(1e-6), "under 0.01 %");
        assert_eq!(rate(125_000.0), "125,000/s");
        assert_eq!(time(3.0), "3s");
        assert_eq!(time(0.05), "50ms");
    }
}
