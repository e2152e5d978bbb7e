use std::fmt;

/// Trace that a request is part of (W3C Trace Context, `traceparent`), handed on as it came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceParent([u8; LENGTH]);

const LENGTH: usize = 55;

/// Flags of Trace Context level 2: sampled, and a trace id that is random.
const DEFINED: u8 = 3;

impl TraceParent {
    /// Parses the value of the header: version, trace, parent and flags in lower-case hexadecimal.
    /// `None` for anything else, for ids of zeros only, and for the version `ff`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let bytes: [u8; LENGTH] = text.try_into().ok()?;
        let is_well_formed = bytes.iter().enumerate().all(|(place, byte)| match place {
            2 | 35 | 52 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
        let [version, trace, parent, _] = [(0, 2), (3, 35), (36, 52), (53, 55)]
            .map(|(from, until)| bytes.get(from..until).unwrap_or_default());
        let is_zero = |id: &[u8]| id.iter().all(|byte| *byte == b'0');
        let is_valid = version != b"ff" && !is_zero(trace) && !is_zero(parent);
        (is_well_formed && is_valid).then_some(Self(bytes))
    }

    /// Creates the value that names a span of ours as the parent. Of `flags` only those are kept
    /// that are defined.
    pub(super) fn new(trace_id: u128, span: u64, flags: u8) -> Self {
        let text = format!("00-{trace_id:032x}-{span:016x}-{:02x}", flags & DEFINED);
        let mut bytes = [b'0'; LENGTH];
        // Both are as long.
        bytes
            .iter_mut()
            .zip(text.bytes())
            .for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// Returns the value of the header.
    pub fn as_str(&self) -> &str {
        // It is ASCII, as parsed.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the id of the trace, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.as_str().get(3..35).unwrap_or_default()
    }

    /// Returns the flags.
    pub fn flags(&self) -> u8 {
        u8::try_from(self.number(53, 55)).unwrap_or_default()
    }

    pub(super) fn trace_number(&self) -> u128 {
        self.number(3, 35)
    }

    pub(super) fn span_number(&self) -> u64 {
        u64::try_from(self.number(36, 52)).unwrap_or_default()
    }

    fn number(&self, from: usize, until: usize) -> u128 {
        let digits = self.as_str().get(from..until).unwrap_or_default();
        u128::from_str_radix(digits, 16).unwrap_or_default()
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn id_of_the_trace_is_the_second_field() {
        let parsed = TraceParent::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn valid_value_is_handed_on_unchanged() {
        for good in [GOOD, &GOOD.replacen("00", "cc", 1)] {
            let parsed = TraceParent::parse(good.as_bytes());
            assert_eq!(parsed.as_ref().map(TraceParent::as_str), Some(good));
        }
    }

    #[test]
    fn anything_else_is_none() {
        for bad in [
            "",
            &GOOD.replacen("00-", "0-", 1),
            &format!("{GOOD}-x"),
            &GOOD.to_uppercase(),
            &GOOD.replace('-', "_"),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace("-01", "-0g"),
            &GOOD.replace("-01", "-0\n"),
        ] {
            assert_eq!(TraceParent::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn any_value_is_handed_on_unchanged_or_not_at_all() {
        introspectd_fuzz::check!(&[GOOD.as_bytes()], |bytes: &[u8]| {
            if let Some(trace) = TraceParent::parse(bytes) {
                assert_eq!(trace.as_str().as_bytes(), bytes);
                assert_eq!(format!("{trace:?}"), trace.as_str());
            }
        });
    }
}
