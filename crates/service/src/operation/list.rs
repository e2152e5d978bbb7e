use introspectd_core::{Failure, Outage, ProviderName};
use introspectd_resolver::{self as resolver, Listed, Positions, Wanted};

use crate::access::Caller;
use crate::event::{Details, Operation};
use crate::page_token::Bookmark;
use crate::parameters::{List, Parameters};
use crate::refusal::{InvalidQuery, Refusal};
use crate::request_id::settle_current;
use crate::service::Service;

/// Page of records.
pub struct Page<'a> {
    /// Records, in order.
    pub records: Vec<Listed<'a>>,
    /// Token of the next page, if a provider that answered has more.
    pub next: Option<String>,
    /// Token to retry with, if only providers that failed are left.
    pub retry: Option<String>,
    /// Providers whose lists failed. The page of either token asks them again.
    pub failures: Vec<(&'a ProviderName, Failure)>,
    /// Providers that cannot list, or not with these filters.
    pub unlisted: Vec<&'a ProviderName>,
}

/// Lists the records of all providers that the caller may see, page by page. `gone` resolves once
/// the caller has gone away: a list may take long and holds a place that others wait for.
///
/// # Errors
/// [`InvalidQuery`] for parameters that mean nothing, [`Failure::Unsupported`] if the only provider
/// cannot list.
pub async fn list<'a>(
    service: &'a Service,
    caller: &Caller,
    given: Parameters,
    gone: impl Future<Output = ()>,
    details: &mut Details,
) -> Result<Page<'a>, Refusal> {
    let (parameters, mut from) = starting_point(service, caller, given)?;
    let List {
        provider,
        listing,
        state,
        page_size,
    } = List::read(&parameters)?;
    let only = provider
        .map(|name| service.known_provider(caller, name))
        .transpose()?;
    details.provider = only.cloned();
    settle_current(Operation::List, details);
    from.retain(|provider, _| {
        caller.permissions.may_ask(provider) && only.is_none_or(|only| only == provider)
    });
    let wanted = Wanted {
        listing: &listing,
        state,
        size: page_size,
    };
    let page = tokio::select! {
        page = service.resolver.list(&wanted, &from) => page,
        () = gone => return Err(Failure::outage(Outage::Abandoned).into()),
    };
    if only.is_some() && !page.unlisted.is_empty() {
        return Err(Failure::Unsupported.into());
    }
    let resolver::Page {
        records,
        failures,
        unlisted,
        next,
        retry,
    } = page;
    details.count = Some(records.len());
    let seal = |positions: Positions| {
        let bookmark = Bookmark {
            parameters: parameters.clone(),
            positions,
        };
        let has_more = !bookmark.positions.is_empty();
        has_more
            .then(|| service.page_tokens.seal(&caller.name, bookmark))
            .transpose()
    };
    Ok(Page {
        records,
        next: seal(next)?,
        retry: seal(retry)?,
        failures,
        unlisted,
    })
}

/// Returns the list that is meant, and where it continues.
fn starting_point(
    service: &Service,
    caller: &Caller,
    mut given: Parameters,
) -> Result<(Parameters, Positions), Refusal> {
    let Some(token) = given.take_page_token() else {
        let all = service
            .resolver
            .providers()
            .map(|status| (status.name.clone(), None));
        return Ok((given, all.collect()));
    };
    let opened = service.page_tokens.open(&caller.name, &token);
    let Bookmark {
        parameters,
        positions,
    } = opened.ok_or(InvalidQuery::PageToken)?;
    Ok((given.of_the_same_list(&parameters)?, positions))
}
