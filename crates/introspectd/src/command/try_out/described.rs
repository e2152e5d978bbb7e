//! First contact with a server that a configuration describes.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use introspectd_adapter_http as described;
use introspectd_core::{Clock, Introspection, SystemClock, TokenValue};
use introspectd_upstream::{Exchange, Outbound};

use super::super::answer::{self, Judged};
use super::super::{Exit, Outcome, Stopped, block_on, read_secret, say};
use super::mask::Mask;
use super::report::Report;
use super::token::Form;

/// Asks the provider once about the token on standard input, and shows what the service would make
/// of the answer.
pub(super) fn run(file: &Path, provider: &str) -> Outcome {
    let (name, config) = answer::load(file, provider)?;
    let lifetime = config.lifetime();
    let token = TokenValue::parse(read_secret("token")?);
    let token = token.map_err(|error| Stopped::usage(error.to_string()))?;
    let clock = Arc::new(SystemClock::default());
    let began = Instant::now();
    let exchange = block_on(ask(config, &token, Arc::<SystemClock>::clone(&clock)))?;
    let Some(exchange) = exchange else {
        say("inactive: the token cannot stand in its place in the request, so nothing is sent")?;
        return Ok(Exit::Refused);
    };
    let mask = Mask::new(token.expose(), None, None);
    let report = Report { mask: &mask };
    let (form, length) = (Form::of(token.expose()), token.expose().chars().count());
    report.request(
        &exchange.sent,
        &format!("{}, {length} characters", form.describe()),
    );
    report.response(
        exchange.head.as_ref(),
        exchange.body.as_deref(),
        began.elapsed(),
    );
    let judged = Judged::of(exchange.outcome, &name, clock.now(), lifetime);
    judged.say()?;
    Ok(judged.exit)
}

async fn ask(
    config: described::Config,
    token: &TokenValue,
    clock: Arc<SystemClock>,
) -> Result<Option<Exchange<Introspection>>, Stopped> {
    let outbound = Outbound::start(Arc::<SystemClock>::clone(&clock));
    let outbound = outbound.map_err(|error| Stopped::unreachable(error.to_string()))?;
    let server = described::Described::new(config, clock, &outbound);
    Ok(server.expose(token).await)
}
