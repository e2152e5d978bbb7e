use introspectd_resolver::ProviderStatus;

use crate::access::Caller;
use crate::service::Service;

/// Lists the providers that the caller may ask. It needs no permission.
pub fn providers<'a>(service: &'a Service, caller: &Caller) -> Vec<ProviderStatus<'a>> {
    service
        .resolver
        .providers()
        .filter(|status| caller.permissions.may_ask(status.name))
        .collect()
}
