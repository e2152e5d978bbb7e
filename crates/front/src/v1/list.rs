use http::StatusCode;
use introspectd_core::{Failure, ProviderName};
use introspectd_service::refusal::{InvalidQuery, Refusal};
use introspectd_service::{Parameters, Record, operation};
use serde::Serialize;

use crate::call::{Answering, Call};
use crate::form;
use crate::language::Language;
use crate::problem;
use crate::reply;

#[derive(Serialize)]
struct Page<'a> {
    tokens: Vec<Record<'a>>,
    /// Absent if no provider that answered has more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Present instead if only providers that failed are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_page_token: Option<String>,
    /// Providers whose lists failed. The page of either token asks them again.
    errors: Vec<ProviderError<'a>>,
    /// Providers that cannot list, or not with these filters.
    unlisted: Vec<&'a str>,
}

#[derive(Serialize)]
struct ProviderError<'a> {
    provider: &'a str,
    error: &'static str,
    error_description: &'static str,
}

/// `GET /v1/tokens`: the records of all providers that the caller may see, page by page.
pub(crate) fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let query = call.head.uri.query().unwrap_or_default();
        let pairs =
            form::pairs(query.as_bytes()).map(|pair| pair.map_err(|_| InvalidQuery::NotEncoded));
        let parameters = Parameters::read(pairs)?;
        let gone = call.peer.hung_up();
        let page =
            operation::list(call.service, call.caller, parameters, gone, call.details).await?;
        let language = Language::of(&call.head.headers);
        let error = |(provider, failure)| ProviderError::new(provider, failure, language);
        let page = Page {
            tokens: page.records.iter().map(Record::from).collect(),
            next_page_token: page.next,
            retry_page_token: page.retry,
            errors: page.failures.into_iter().map(error).collect(),
            unlisted: page
                .unlisted
                .into_iter()
                .map(ProviderName::as_str)
                .collect(),
        };
        Ok(reply::json(StatusCode::OK, &page))
    })
}

impl<'a> ProviderError<'a> {
    fn new(provider: &'a ProviderName, failure: Failure, language: Language) -> Self {
        let refusal = Refusal::from(failure);
        let (error, error_description) = (refusal.code(), problem::description(&refusal, language));
        Self {
            provider: provider.as_str(),
            error,
            error_description,
        }
    }
}
