use super::Reach::AtMost;
use super::row::{information, plain, times};
use super::{Figure, Unit, Value, own};
use crate::group::Group;
use crate::ledger::Load;
use crate::ledger::Metric::{self, Cpu};

/// Figures of signed answers.
pub(super) const FIGURES: &[Figure] = &[
    times(
        Group::Signed,
        "signed hit (EdDSA), 1,000 tokens: CPU to an unsigned one and a bare signature",
        AtMost(1.10),
        Value::ToSum(
            own(Load::Signed, Cpu),
            [
                own(Load::Unsigned, Cpu),
                own(Load::Signature, Metric::Value),
            ],
        ),
    ),
    information(
        Group::Signed,
        "bare signature (EdDSA) of an answer",
        Unit::Microseconds,
        plain(Load::Signature),
    ),
];
