use std::fmt;

use introspectd_service::Consequence;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::Current;
use crate::family::{counter, gauge};

/// Metrics of the servers that tell of their subjects. The series of one that a reload removed end
/// with it.
pub struct Events(pub Current);

impl Collector for Events {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let service = (self.0)();
        let mut rows = Vec::new();
        let mut keys = Vec::new();
        for transmitter in service.transmitters().iter() {
            let name = transmitter.name.as_str();
            for consequence in Consequence::ALL {
                let labels = [("transmitter", name), ("outcome", consequence.as_str())];
                rows.push((labels, transmitter.record.total(consequence)));
            }
            let known = u64::try_from(transmitter.keys.status().keys).unwrap_or(u64::MAX);
            keys.push(([("transmitter", name)], known));
        }
        counter(
            &mut to,
            "introspectd_events",
            "Messages of transmitters, by what they led to",
            rows,
        )?;
        gauge(
            &mut to,
            "introspectd_events_keys",
            "Keys of a transmitter that its messages may be signed with",
            keys,
        )
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
