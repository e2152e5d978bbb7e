use http::{HeaderMap, StatusCode};
use introspectd_core::{Failure, Outage, ProviderName};
use introspectd_resolver::{self as resolver, Positions, Wanted};
use serde::Serialize;

use super::page_token::Bookmark;
use super::query::{List, Parameters};
use crate::api::Session;
use crate::audit::Note;
use crate::language::Language;
use crate::problem::{InvalidQuery, Problem};
use crate::reply::{self, Reply};
use introspectd_service::Record;
use introspectd_service::{Caller, Permission};

#[derive(Serialize)]
struct Page<'a> {
    tokens: Vec<Record<'a>>,
    /// Absent where no provider that answered has more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// In its place where only providers that failed are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_page_token: Option<String>,
    /// The providers that did not say how their lists go on. They are asked again for the page of either token.
    errors: Vec<ProviderError<'a>>,
    /// The providers that cannot list, or not with these filters.
    unlisted: Vec<&'a str>,
}

#[derive(Serialize)]
struct ProviderError<'a> {
    provider: &'a str,
    error: &'static str,
    error_description: &'static str,
}

impl Session {
    /// `GET /v1/tokens`: the records of all providers that the caller may see, page by page.
    pub(super) async fn list(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Reply, Problem> {
        let caller = self.caller_with(Permission::List, headers)?;
        let given = Parameters::parse(query.unwrap_or_default())?;
        let (parameters, mut from) = self.where_to(caller, given)?;
        let List { provider, listing, state, page_size } = List::read(&parameters)?;
        let only = provider.map(|name| self.known(caller, name)).transpose()?;
        note.provider = only.cloned();
        from.retain(|provider, _| caller.may_ask(provider) && only.is_none_or(|only| only == provider));
        let wanted = Wanted { listing: &listing, state, size: page_size };
        // A list may take long and holds a place that others wait for.
        let page = tokio::select! {
            page = self.resolver().list(&wanted, &from) => page,
            () = self.hung_up() => return Err(Failure::outage(Outage::Abandoned).into()),
        };
        if only.is_some() && !page.unlisted.is_empty() {
            return Err(Failure::Unsupported.into());
        }
        let resolver::Page { records, failures, unlisted, next, retry } = page;
        note.count = Some(records.len());
        let language = Language::of(headers);
        let error = |(provider, failure)| ProviderError::new(provider, failure, language);
        let seal = |positions: Positions| {
            let bookmark = Bookmark { parameters: parameters.clone(), positions };
            (!bookmark.positions.is_empty())
                .then(|| self.page_tokens().seal(&caller.name, bookmark))
                .transpose()
        };
        let page = Page {
            tokens: records.iter().map(Record::from).collect(),
            next_page_token: seal(next)?,
            retry_page_token: seal(retry)?,
            errors: failures.into_iter().map(error).collect(),
            unlisted: unlisted.into_iter().map(ProviderName::as_str).collect(),
        };
        Ok(reply::json(StatusCode::OK, &page))
    }

    /// Which list is meant, and where it goes on.
    fn where_to(&self, caller: &Caller, mut given: Parameters) -> Result<(Parameters, Positions), Problem> {
        let Some(token) = given.take_page_token() else {
            let all = self.resolver().providers().map(|status| (status.name.clone(), None));
            return Ok((given, all.collect()));
        };
        let Bookmark { parameters, positions } =
            self.page_tokens().open(&caller.name, &token).ok_or(InvalidQuery::PageToken)?;
        Ok((given.of_the_same_list(&parameters)?, positions))
    }
}

impl<'a> ProviderError<'a> {
    fn new(provider: &'a ProviderName, failure: Failure, language: Language) -> Self {
        let problem = Problem::from(failure);
        let (error, error_description) = (problem.error(), problem.description(language));
        Self { provider: provider.as_str(), error, error_description }
    }
}
