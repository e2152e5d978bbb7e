//! Tokens as records: list them, look one up, take it back, forget it, bind a token to its own, why it is what it is,
//! and who could be asked.

mod bindings;
mod explain;
mod explained;
mod judged;
mod list;
mod lookup;
pub(crate) mod page_token;
mod providers;
mod purge;
mod query;
mod revoke;

use http::request::Parts;
use http::{HeaderMap, Method};
use hyper::body::Body;
use introspectd_core::{Failure, Outage, ProviderName, TokenId};
use percent_encoding::percent_decode_str;

use crate::api::Session;
use crate::audit::{Call, Note, Outcome, Told};
use crate::language::Language;
use crate::problem::Problem;
use crate::reply::Reply;
use introspectd_service::{Caller, Permission};

impl Session {
    /// Answers at `/revoke` and below `/v1`, and tells of it.
    pub(crate) async fn operate<B>(&self, head: &Parts, body: B) -> Reply
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut telling = Telling { session: self, headers: &head.headers, note: Some(Note::default()) };
        let outcome = self.records(telling.note.get_or_insert_default(), head, body).await;
        let note = telling.note.take().unwrap_or_default();
        let asked = self.asked(&head.headers);
        if note.call.is_none() {
            // To be shown one's providers is no news. Who tries out secrets is, there as elsewhere.
            return outcome
                .unwrap_or_else(|problem| self.refuse(asked, || Note::of(Call::Providers), &problem));
        }
        match outcome {
            Ok(reply) => Told::on(self.tell_through(asked, note, Outcome::Done).await, reply),
            Err(problem) => {
                let told = self.tell_through(asked, note, Outcome::Problem(&problem)).await;
                Told::on(told, problem.reply(Language::of(&head.headers)))
            }
        }
    }

    /// Each call says what it is and fills in what it learns, whatever becomes of it.
    async fn records<B>(&self, note: &mut Note, head: &Parts, body: B) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let path = head.uri.path().strip_prefix('/').unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["revoke"] => match head.method {
                Method::POST => self.revoke(note.is(Call::Revoke), &head.headers, body).await,
                _ => Err(Problem::MethodNotAllowed { allow: "POST" }),
            },
            ["v1", "cache", "purge"] => match head.method {
                Method::POST => self.purge(note.is(Call::Purge), &head.headers, body).await,
                _ => Err(Problem::MethodNotAllowed { allow: "POST" }),
            },
            ["v1", "tokens"] => match head.method {
                Method::GET | Method::HEAD => {
                    self.list(note.is(Call::List), &head.headers, head.uri.query()).await
                }
                _ => Err(Problem::MethodNotAllowed { allow: "GET, HEAD" }),
            },
            ["v1", "explain"] => match head.method {
                Method::POST => self.explain(note.is(Call::Explain), &head.headers, body).await,
                _ => Err(Problem::MethodNotAllowed { allow: "POST" }),
            },
            ["v1", "providers"] => match head.method {
                Method::GET | Method::HEAD => self.providers(&head.headers),
                _ => Err(Problem::MethodNotAllowed { allow: "GET, HEAD" }),
            },
            ["v1", "providers", provider, "bindings"] => match head.method {
                Method::PUT => self.bind(note.is(Call::Bind), &head.headers, provider, body).await,
                _ => Err(Problem::MethodNotAllowed { allow: "PUT" }),
            },
            ["v1", "providers", provider, "tokens"] => match head.method {
                Method::POST => self.issue(note.is(Call::Issue), &head.headers, provider, body).await,
                _ => Err(Problem::MethodNotAllowed { allow: "POST" }),
            },
            ["v1", "providers", provider, "tokens", id] => match head.method {
                Method::GET | Method::HEAD => {
                    self.lookup(note.is(Call::Lookup), &head.headers, provider, id).await
                }
                Method::DELETE => self.revoke_by_id(note.is(Call::Revoke), &head.headers, provider, id).await,
                _ => Err(Problem::MethodNotAllowed { allow: "GET, HEAD, DELETE" }),
            },
            _ => Err(Problem::NotFound),
        }
    }

    /// The provider that a path names, if the caller has this permission and may see it.
    fn provider_with(
        &self,
        permission: Permission,
        headers: &HeaderMap,
        name: &str,
    ) -> Result<&ProviderName, Problem> {
        self.visible(self.caller_with(permission, headers)?, name)
    }

    /// The provider that a path names, if the caller may see it: one that it may not is as good as none.
    fn visible(&self, caller: &Caller, name: &str) -> Result<&ProviderName, Problem> {
        let provider = self.resolver().provider(name);
        provider.filter(|provider| caller.may_ask(provider)).ok_or(Problem::NotFound)
    }
}

/// As a task of its own: whoever asks may go away, and what was begun is not left half done.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(work).await.unwrap_or(Err(Failure::outage(Outage::Abandoned)))
}

/// Sees to it that a call is told of, also when whoever made it goes away before it is answered: what was begun goes
/// on all the same.
struct Telling<'a> {
    session: &'a Session,
    headers: &'a HeaderMap,
    /// Until it is told.
    note: Option<Note>,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let asked = self.session.asked(self.headers);
        // A stranger is refused before there is anything to wait for.
        if let Some(note) = self.note.take().filter(|_| asked.caller.is_some()) {
            self.session.tell(asked, || note, Outcome::Abandoned);
        }
    }
}

/// The id that a path's segment stands for. What can be none is that of no record.
fn id(segment: &str) -> Result<TokenId, Problem> {
    let text = percent_decode_str(segment).decode_utf8().map_err(|_| Problem::NotFound)?;
    TokenId::parse(text.into_owned()).map_err(|_| Problem::NotFound)
}
