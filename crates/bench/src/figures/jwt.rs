use super::Reach::AtMost;
use super::row::{beside, one, times};
use super::{Figure, Unit, Value, own};
use crate::group::Group;
use crate::ledger::{Disturbance, Load, Metric, Signature};

/// Figures of tokens that are judged here.
pub(super) const FIGURES: &[Figure] = &[
    times(
        Group::Jwt,
        "first sight of a JWT, ES256: CPU to ring's verification alone",
        AtMost(1.50),
        first_sight(Signature::Es256),
    ),
    times(
        Group::Jwt,
        "first sight of a JWT, RS256: CPU to ring's verification alone",
        AtMost(1.50),
        first_sight(Signature::Rs256),
    ),
    times(
        Group::Jwt,
        "hit on a JWT: CPU to an opaque token as long",
        AtMost(1.10),
        Value::Ratio(
            own(Load::JwtHit, Metric::Value),
            own(Load::LongHit, Metric::Value),
        ),
    ),
    times(
        Group::Jwt,
        "10,000 made-up key ids/s: hits' p99 to quiet",
        AtMost(1.50),
        beside(Disturbance::MadeUpKeys, Disturbance::QuietBeforeMadeUpKeys),
    ),
    one(
        Group::Jwt,
        "the same: fetches of keys in 10 s",
        1.0,
        Unit::Calls,
        Load::KeyFetches,
    ),
];

const fn first_sight(signature: Signature) -> Value {
    Value::Ratio(
        own(Load::FirstSight(signature), Metric::Value),
        own(Load::BareVerification(signature), Metric::Value),
    )
}
