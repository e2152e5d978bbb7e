//! Changed configurations: what goes on, and what ends.

use introspectd_core::Selection;
use introspectd_core::ask::Context;
use introspectd_resolver::Unmatched;
use introspectd_service::operation::{PurgeRequest, introspect, purge};
use introspectd_service::refusal::CallerFault;
use introspectd_service::{
    Caller, Configured, Details, EndpointName, NextProviders, OutcomeClass, Permission, Rate,
    Reconfiguration, Rules, Service, Source, Transmitters,
};

use crate::harness::{TIMES, bank, caller, query, rules, service, service_of};

fn edge() -> Caller {
    caller(&[Permission::Introspect], Selection::All)
}

fn changed(service: &Service, rules: Rules, provider: Configured) -> Service {
    let change = Reconfiguration {
        rules,
        transmitters: Transmitters::default(),
        signing: None,
        providers: NextProviders::Reconfigured(vec![provider]),
        unmatched: Unmatched::Reject,
        times: TIMES,
        fingerprints: None,
    };
    service.reconfigured(change).unwrap()
}

fn kept() -> Configured {
    Configured::Kept(bank().name, TIMES)
}

async fn source(service: &Service) -> Source {
    let answer = introspect(service, &edge(), query("b_good"), Context::default).await;
    answer.ok().unwrap().source()
}

#[tokio::test]
async fn kept_provider_keeps_its_facts_in_the_next_revision() {
    let service = service();
    assert_eq!(source(&service).await, Source::Miss);
    let next = changed(&service, rules([]), kept());
    service.retire_for(&next);
    assert_eq!(source(&next).await, Source::Hit);
    assert_eq!((service.revision(), next.revision()), (1, 2));
}

#[tokio::test]
async fn facts_of_a_replaced_provider_are_used_until_it_is_retired() {
    let service = service();
    assert_eq!(source(&service).await, Source::Miss);
    let next = changed(&service, rules([]), Configured::New(bank()));
    assert_eq!(source(&service).await, Source::Hit);
    service.retire_for(&next);
    assert_eq!(source(&service).await, Source::Miss);
}

#[test]
fn caller_of_the_same_name_and_rate_counts_on() {
    let limited = || Caller {
        rate: Some(Rate::parse("1/h").unwrap()),
        ..edge()
    };
    let service = service_of([limited()]);
    let begun = service.begin(EndpointName::Introspect);
    let admit = |service: &Service| {
        let found = service.rules().callers.named("edge").unwrap();
        let admitted = service.admit(begun, Ok(found), &[Permission::Introspect]);
        admitted.map(|caller| caller.tally.count(begun.endpoint, OutcomeClass::Active))
    };
    assert_eq!(admit(&service), Ok(()));
    let next = changed(&service, rules([limited()]), kept());
    let retry_after = 3600;
    assert_eq!(admit(&next), Err(CallerFault::RateLimited { retry_after }));
    let tally = &next.rules().callers.named("edge").unwrap().tally;
    let totals: Vec<_> = tally.totals().collect();
    assert_eq!(
        totals,
        [(EndpointName::Introspect, OutcomeClass::Active, 1)]
    );
}

#[tokio::test]
async fn providers_entries_and_purges_are_shown() {
    let service = service();
    let names = service.all_providers().map(|status| status.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["bank"]);
    for token in ["b_good", "b_other"] {
        let answer = introspect(&service, &edge(), query(token), Context::default).await;
        assert!(answer.is_ok());
    }
    let entries = || service.cache_pools().map(|pool| pool.entries);
    assert_eq!((entries(), service.purged()), ([1, 1], 0));
    let all = PurgeRequest {
        all: true,
        ..PurgeRequest::default()
    };
    let purged = purge(&service, &edge(), all, &mut Details::default()).await;
    assert_eq!(purged.unwrap().count, 2);
    assert_eq!((entries(), service.purged()), ([0, 0], 2));
}
