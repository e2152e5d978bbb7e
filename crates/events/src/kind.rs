/// Consequence of an event, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Purge of the subject's facts, which are out of date.
    Purge,
    /// Answer alone: the transmitter tests its stream (SSF 1.0 section 8.1.4).
    Verification,
    /// Nothing here.
    Other,
}

/// Event types of CAEP 1.0, without those that change nothing about a token.
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const CAEP_PURGES: [&str; 3] = [
    "session-revoked",
    "token-claims-change",
    "credential-change",
];

/// Event types of RISC 1.0.
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const RISC_PURGES: [&str; 6] = [
    "account-disabled",
    "account-purged",
    "sessions-revoked",
    "credential-compromise",
    "identifier-changed",
    "identifier-recycled",
];

/// Verification, as SSF 1.0 names it.
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

impl EventKind {
    /// Finds the consequence of a type, which is a URI that is compared to the letter.
    pub fn of(event_type: &str) -> Self {
        let is_one = |family, purges: &[&str]| {
            let name = event_type.strip_prefix(family);
            name.is_some_and(|name| purges.contains(&name))
        };
        if is_one(CAEP, &CAEP_PURGES) || is_one(RISC, &RISC_PURGES) {
            Self::Purge
        } else if event_type == VERIFICATION {
            Self::Verification
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_consequences() {
        for (event_type, expected) in [
            (
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/caep/event-type/token-claims-change",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/caep/event-type/credential-change",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/account-purged",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/credential-compromise",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/identifier-changed",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/identifier-recycled",
                EventKind::Purge,
            ),
            (
                "https://schemas.openid.net/secevent/ssf/event-type/verification",
                EventKind::Verification,
            ),
            (
                "https://schemas.openid.net/secevent/ssf/event-type/stream-updated",
                EventKind::Other,
            ),
            (
                "https://schemas.openid.net/secevent/caep/event-type/session-established",
                EventKind::Other,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/session-revoked",
                EventKind::Other,
            ),
            (
                "https://schemas.openid.net/secevent/risc/event-type/account-enabled",
                EventKind::Other,
            ),
            ("session-revoked", EventKind::Other),
            ("", EventKind::Other),
        ] {
            assert_eq!(EventKind::of(event_type), expected, "{event_type}");
        }
    }
}
