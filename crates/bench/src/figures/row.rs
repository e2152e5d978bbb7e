//! Short forms of rows.

use super::Reach::AtMost;
use super::{Figure, Reach, Unit, Value, own};
use crate::group::Group;
use crate::ledger::Metric::{self, Cpu, P99};
use crate::ledger::{Disturbance, Key, Load};
use crate::subject::Subject::{self, Moka, QuickCache};

pub(super) const fn ratio(load: Load, metric: Metric, to: Subject) -> Value {
    Value::Ratio(own(load, metric), Key(to, load, metric))
}

pub(super) const fn plain(load: Load) -> Value {
    Value::Plain(own(load, Metric::Value))
}

pub(super) const fn times(group: Group, name: &'static str, reach: Reach, value: Value) -> Figure {
    Figure {
        group,
        name,
        reach,
        unit: Unit::Times,
        value,
    }
}

pub(super) const fn one(
    group: Group,
    name: &'static str,
    reach: f64,
    unit: Unit,
    load: Load,
) -> Figure {
    Figure {
        group,
        name,
        reach: AtMost(reach),
        unit,
        value: plain(load),
    }
}

pub(super) const fn beside(disturbance: Disturbance, quiet: Disturbance) -> Value {
    Value::Ratio(
        own(Load::Beside(disturbance), P99),
        own(Load::Beside(quiet), P99),
    )
}

pub(super) const fn neighbour(disturbance: Disturbance) -> Value {
    Value::Ratio(
        own(Load::Neighbour(disturbance), P99),
        own(Load::Neighbour(Disturbance::QuietBeforeFault), P99),
    )
}

pub(super) const fn information(
    group: Group,
    name: &'static str,
    unit: Unit,
    value: Value,
) -> Figure {
    Figure {
        group,
        name,
        reach: Reach::Open,
        unit,
        value,
    }
}

/// Nanoseconds of a get of the cache that introspectd has.
pub(super) const fn get(name: &'static str, count: u64) -> Figure {
    let value = Value::Plain(Key(QuickCache, Load::Get(count), Metric::Value));
    information(Group::Maps, name, Unit::Nanoseconds, value)
}

pub(super) const fn alone(name: &'static str, load: Load) -> Figure {
    to_quick_cache(name, load, Metric::Value)
}

pub(super) const fn in_hyper(name: &'static str, count: u64) -> Figure {
    to_quick_cache(name, Load::InHyper(count), Cpu)
}

const fn to_quick_cache(name: &'static str, load: Load, metric: Metric) -> Figure {
    let value = Value::Ratio(Key(Moka, load, metric), Key(QuickCache, load, metric));
    information(Group::Maps, name, Unit::Times, value)
}
