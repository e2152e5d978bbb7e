//! Numbers of several rounds.

/// The one in the middle, or between the two that are.
pub(crate) fn median(rounds: &[f64]) -> Option<f64> {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle - 1)?, upper))
}

/// The least and the most.
pub(crate) fn spread(rounds: &[f64]) -> Option<(f64, f64)> {
    let least = rounds.iter().copied().min_by(f64::total_cmp)?;
    let most = rounds.iter().copied().max_by(f64::total_cmp)?;
    Some((least, most))
}

/// Each round of the one by the same round of the other: what moved the machine moved both.
pub(crate) fn ratios(top: &[f64], bottom: &[f64]) -> Vec<f64> {
    top.iter()
        .zip(bottom)
        .map(|(top, bottom)| top / bottom)
        .collect()
}

/// Truncates to a whole number; negative ones to zero.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "this is what the cast does"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn spreads() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[2.0, 1.0, 3.0]), Some((1.0, 3.0)));
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        assert_eq!(ratios(&[2.0, 9.0], &[1.0, 3.0]), [2.0, 3.0]);
        // A round that one of them lacks is no round.
        assert_eq!(ratios(&[2.0, 9.0], &[1.0]), [2.0]);
    }

    #[test]
    fn whole_numbers() {
        assert_eq!([2.9, -1.0, f64::NAN].map(whole), [2, 0, 0]);
    }
}
