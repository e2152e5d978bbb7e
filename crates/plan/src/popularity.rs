/// Tokens of about the same popularity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Number of tokens.
    pub(crate) tokens: f64,
    /// Share of all requests that each of them has.
    pub(crate) share: f64,
}

/// Ranks of a group for each rank before it: the first 39 are alone, since they differ the most.
/// Shares within a group differ by a twentieth, which moves a sum by less than a thousandth.
const GRAIN: u64 = 20;

/// Groups tokens whose requests follow Zipf's law: that of rank `i` gets a share in proportion to
/// `i` to the power of `-exponent`. Some 350 groups stand for 5e7 tokens.
pub(crate) fn zipf(tokens: u64, exponent: f64) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut first = 1;
    while first <= tokens {
        let next = (first + (first / GRAIN).max(1)).min(tokens + 1);
        let count = (next - first) as f64;
        let share = weight(first, next, exponent) / count;
        groups.push(Group {
            tokens: count,
            share,
        });
        first = next;
    }
    let total: f64 = groups.iter().map(|group| group.tokens * group.share).sum();
    for group in &mut groups {
        group.share /= total;
    }
    groups
}

/// Sum of the powers of the ranks from `first` to the one before `next`: exact for one rank, for
/// more of them by the integral.
fn weight(first: u64, next: u64, exponent: f64) -> f64 {
    if next - first == 1 {
        return (first as f64).powf(-exponent);
    }
    let (low, high) = (first as f64 - 0.5, next as f64 - 0.5);
    let power = 1.0 - exponent;
    if power.abs() < 1e-9 {
        return (high / low).ln();
    }
    (high.powf(power) - low.powf(power)) / power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_every_token_and_all_requests() {
        for tokens in [1, 2, 39, 40, 1000, 50_000_000, 1_000_000_000_000] {
            for exponent in [0.0, 0.9, 1.0, 2.5] {
                let groups = zipf(tokens, exponent);
                let counted: f64 = groups.iter().map(|group| group.tokens).sum();
                let requests: f64 = groups.iter().map(|group| group.tokens * group.share).sum();
                assert_eq!(counted, tokens as f64);
                assert!((requests - 1.0).abs() < 1e-9, "{requests}");
                assert!(groups.len() < 700, "{} groups", groups.len());
            }
        }
    }

    #[test]
    fn grouped_shares_are_those_of_single_ranks() {
        let (tokens, exponent) = (20_000_u64, 0.9);
        let powers: Vec<f64> = (1..=tokens)
            .map(|rank| (rank as f64).powf(-exponent))
            .collect();
        let total: f64 = powers.iter().sum();
        let rate = 1000.0;
        let distinct = |share: f64| -(-share * rate).exp_m1();
        let exact: f64 = powers.iter().map(|power| distinct(power / total)).sum();
        let grouped: f64 = zipf(tokens, exponent)
            .iter()
            .map(|group| group.tokens * distinct(group.share))
            .sum();
        assert!((grouped / exact - 1.0).abs() < 1e-3, "{grouped} {exact}");
    }
}
