use introspectd_core::{Failure, Outage};

/// Returns the code of a provider's failure.
pub fn failure_code(failure: &Failure) -> &'static str {
    match failure {
        Failure::Timeout
        | Failure::ConnectTimeout
        | Failure::ProxyTimeout
        | Failure::QueueTimeout => "upstream_timeout",
        Failure::Unavailable { .. } => "temporarily_unavailable",
        Failure::BadAnswer(_) => "upstream_error",
        Failure::Unsupported => "unsupported",
    }
}

/// Returns true if this service is the cause of an outage, and not the provider.
pub fn is_ours(outage: Outage) -> bool {
    match outage {
        Outage::Overloaded
        | Outage::Purged
        | Outage::Abandoned
        | Outage::Bindings(_)
        | Outage::NotSaved
        | Outage::NotShared => true,
        Outage::Unreachable(_)
        | Outage::Closed
        | Outage::Status(_)
        | Outage::KeysMissing
        | Outage::BreakerOpen
        | Outage::Throttled
        | Outage::NoMetadata => false,
    }
}
