use std::time::Duration;

use futures_util::future::BoxFuture;

use super::around::{Around, Outcome};
use crate::request::Request;

/// Deadline of each request, counted from the call.
#[derive(Clone)]
pub(super) struct Deadline(pub(super) Duration);

impl Around for Deadline {
    fn call<F>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> BoxFuture<'static, Outcome>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let stage = request.stage.clone();
        let response = tokio::time::timeout(self.0, next(request));
        Box::pin(async move { response.await.unwrap_or_else(|_| Err(stage.timeout())) })
    }
}
