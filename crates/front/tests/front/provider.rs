//! A provider with scripted answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use introspectd_core::{
    Batch, Bound, Expiry, Failure, Health, HealthRecord, Introspection, Issuance, Issued, Listing,
    Lists, Order, Position, Provider, Records, Revocation, RevocationById, Status, Token, TokenId,
    TokenValue,
};
use tokio::sync::watch;

use crate::bench::soon;

/// Inactive for what is not in the script. Records every question and can hold its answers back.
#[derive(Debug)]
pub(crate) struct Fake {
    /// Looks up, revokes, binds and issues.
    does_more: bool,
    script: Mutex<HashMap<String, Result<Introspection, Failure>>>,
    objections: Mutex<HashMap<String, String>>,
    asked: watch::Sender<Vec<String>>,
    held: watch::Sender<bool>,
    /// Records, oldest first; `None` if it cannot list.
    records: Mutex<Option<Vec<Token>>>,
    /// Failures of the next lists, in order.
    list_failures: Mutex<VecDeque<Option<Failure>>>,
    listed: watch::Sender<Vec<Listing>>,
    health: HealthRecord,
}

impl Fake {
    pub(crate) fn new(does_more: bool) -> Arc<Self> {
        Arc::new(Self {
            does_more,
            script: Mutex::default(),
            objections: Mutex::default(),
            asked: watch::Sender::default(),
            held: watch::Sender::default(),
            records: Mutex::default(),
            list_failures: Mutex::default(),
            health: HealthRecord::default(),
            listed: watch::Sender::default(),
        })
    }

    /// Sets what `text` is, as a token and as an id.
    pub(crate) fn knows(&self, text: &str, token: Token) {
        self.script(text, Ok(Introspection::Token(Box::new(token))));
    }

    pub(crate) fn fails(&self, text: &str, failure: impl Into<Failure>) {
        self.script(text, Err(failure.into()));
    }

    /// Objects to the token `text`, whatever its script says.
    pub(crate) fn objects(&self, text: &str, objection: &str) {
        let mut objections = self.objections.lock().unwrap();
        objections.insert(text.to_owned(), objection.to_owned());
    }

    fn script(&self, text: &str, answer: Result<Introspection, Failure>) {
        self.script.lock().unwrap().insert(text.to_owned(), answer);
    }

    /// Holds answers back until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Waits until so many questions have arrived in all.
    pub(crate) async fn arrived(&self, questions: usize) {
        let mut asked = self.asked.subscribe();
        soon(
            "questions",
            asked.wait_for(|asked| asked.len() >= questions),
        )
        .await
        .unwrap();
    }

    /// Lists what it was asked about, ids after `id `.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Makes it list these records, oldest first.
    pub(crate) fn lists(&self, records: impl IntoIterator<Item = Token>) {
        *self.records.lock().unwrap() = Some(records.into_iter().collect());
    }

    /// Sets whether its next lists fail.
    pub(crate) fn fails_to_list(&self, failures: impl IntoIterator<Item = Option<Failure>>) {
        self.list_failures.lock().unwrap().extend(failures);
    }

    /// Returns the lists that it was asked for.
    pub(crate) fn listed(&self) -> Vec<Listing> {
        self.listed.borrow().clone()
    }

    /// Waits until so many lists were asked for in all.
    pub(crate) async fn lists_arrived(&self, lists: usize) {
        let mut listed = self.listed.subscribe();
        soon("lists", listed.wait_for(|listed| listed.len() >= lists))
            .await
            .unwrap();
    }

    /// Fails where its script does; else the text is inactive from now on.
    async fn take_back(&self, text: &str) -> Result<(), Failure> {
        self.answer(text, format!("revoke {text}")).await?;
        self.script(text, Ok(Introspection::Inactive));
        Ok(())
    }

    async fn answer(&self, text: &str, question: String) -> Result<Introspection, Failure> {
        let answer = self.script.lock().unwrap().get(text).cloned();
        self.asked.send_modify(|asked| asked.push(question));
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
        let answer = answer.unwrap_or(Ok(Introspection::Inactive));
        self.health.observe(answer.as_ref().map(|_| ()));
        answer
    }
}

#[async_trait]
impl Provider for Fake {
    fn health(&self) -> Health {
        self.health.current()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        self.answer(token.expose(), token.expose().to_owned()).await
    }

    async fn objection(&self, token: &TokenValue) -> Option<String> {
        self.objections.lock().unwrap().get(token.expose()).cloned()
    }

    fn records(&self) -> Option<&dyn Records> {
        self.does_more.then_some(self)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        self.does_more.then_some(self)
    }

    fn revocation_by_id(&self) -> Option<&dyn RevocationById> {
        self.does_more.then_some(self)
    }

    fn issuance(&self) -> Option<&dyn Issuance> {
        self.does_more.then_some(self)
    }

    fn lists(&self) -> Option<&dyn Lists> {
        self.records.lock().unwrap().is_some().then_some(self)
    }
}

#[async_trait]
impl Records for Fake {
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        self.answer(id.as_str(), format!("id {}", id.as_str()))
            .await
    }

    fn is_id(&self, id: &TokenId) -> bool {
        id.as_str().ends_with("-id")
    }

    fn spells_an_id(&self, _: &TokenValue) -> bool {
        false
    }
}

#[async_trait]
impl Revocation for Fake {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        self.take_back(token.expose()).await
    }
}

#[async_trait]
impl RevocationById for Fake {
    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure> {
        self.take_back(id.as_str()).await
    }
}

#[async_trait]
impl Lists for Fake {
    /// Two at once.
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        self.listed
            .send_modify(|listed| listed.push(listing.clone()));
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
        if let Some(Some(failure)) = self.list_failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        let begin = match from {
            Some(Position::After { millis, .. }) => usize::try_from(*millis).unwrap(),
            Some(Position::Page { .. }) => panic!("it was not given by this provider"),
            None => 0,
        };
        let mut records = self.records.lock().unwrap().clone().unwrap();
        if listing.order == Order::Descending {
            records.reverse();
        }
        let (all, handle) = (records.len(), HANDLE.to_owned());
        let after = |place: usize| Position::After {
            millis: i64::try_from(place).unwrap(),
            handle: handle.clone(),
        };
        let batch = records.into_iter().enumerate().skip(begin).take(2);
        let records: Vec<_> = batch
            .map(|(place, token)| (token, after(place + 1)))
            .collect();
        let end = begin + records.len();
        Ok(Batch {
            records,
            next: (end < all).then(|| after(end)),
        })
    }
}

#[async_trait]
impl Issuance for Fake {
    async fn bound(&self, _: &TokenValue) -> Option<TokenId> {
        None
    }

    /// Binds to a record of the script; the token is good afterwards.
    async fn bind(&self, token: &TokenValue, id: &TokenId, _: bool) -> Result<Bound, Failure> {
        match self
            .answer(id.as_str(), format!("bind {}", id.as_str()))
            .await?
        {
            Introspection::Inactive => Ok(Bound::NoSuchToken),
            Introspection::Token(record) => {
                self.knows(token.expose(), *record);
                Ok(Bound::Done)
            }
        }
    }

    /// Says what was asked, unless the script fails it.
    async fn issue(&self, request: Bytes) -> Result<Issued, Failure> {
        let text = String::from_utf8(request.to_vec()).unwrap();
        self.answer(&text, format!("issue {text}")).await?;
        Ok(Issued {
            status: 200,
            content_type: Some("application/json".into()),
            body: request,
            token: None,
        })
    }
}

/// Handle in each of its positions, and nowhere else.
pub(crate) const HANDLE: &str = "a-handle-of-the-provider";

/// A good token without an end.
pub(crate) fn good() -> Token {
    Token::new(Status::Good, Expiry::Never)
}
