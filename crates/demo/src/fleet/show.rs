//! Steps of the show: what a fleet promises, and whether it was kept.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::reply::{Reply, millis};
use super::stage::{Stage, TRUST};
use crate::Verdict;
use crate::ask::Ask;
use crate::output::say;
use crate::ports::REPLICAS;
use crate::print::Voice;

/// Run of all steps.
pub(super) struct Show<'a> {
    voice: &'a Voice,
    stage: &'a mut Stage,
    count: usize,
    right: usize,
    /// Differences from the promise of the step under way.
    differences: Vec<String>,
}

/// Bound on a revocation's way to replicas, whatever they hear.
const BOUND: Duration = TRUST.saturating_add(Duration::from_secs(1));

/// Longest wait for replicas to find a Redis that is back.
const RETURN: Duration = Duration::from_secs(10);

/// Places in [`REPLICAS`].
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Tokens that outlive a restart.
const KNOWN: usize = 20;

impl<'a> Show<'a> {
    pub(super) fn new(voice: &'a Voice, stage: &'a mut Stage) -> Self {
        Self {
            voice,
            stage,
            count: 0,
            right: 0,
            differences: Vec::new(),
        }
    }

    /// Runs all steps, each after the others.
    ///
    /// # Errors
    /// A server does not start, or a replica does not answer.
    pub(super) async fn run(mut self) -> Result<Verdict, String> {
        self.one_question().await?;
        self.hits_elsewhere().await?;
        self.revocation().await?;
        self.restart().await?;
        self.redis_dies().await?;
        self.revocation_without_redis().await?;
        self.redis_returns().await?;
        let (right, count) = (self.right, self.count);
        self.voice.summary(right, count, "promises kept");
        Ok(if right == count {
            Verdict::AsDocumented
        } else {
            Verdict::Different
        })
    }

    async fn one_question(&mut self) -> Result<(), String> {
        self.title(
            "A cold token at all replicas at once",
            "One of them takes the lease and asks the provider. The others wait for its answer.",
        );
        self.stage.issue("cold");
        self.curls(&Ask::token("cold"));
        let before = self.stage.questions();
        let replies = self.ask_all("cold").await?;
        for (name, reply) in REPLICAS.into_iter().zip(&replies) {
            self.show(name, reply);
            self.expect_active(name, reply, None);
        }
        self.expect_questions(before, 1);
        self.end();
        Ok(())
    }

    async fn hits_elsewhere(&mut self) -> Result<(), String> {
        self.title(
            "A token that one replica looked up is a hit at the others",
            "For what is left of its ttl, counted from when its provider was asked.",
        );
        self.stage.issue("known");
        let before = self.stage.questions();
        for (at, cache) in [(A, "miss"), (B, "hit"), (C, "hit")] {
            self.curl(at, &Ask::token("known"));
            let reply = self.ask(at, "known").await?;
            self.show(name(at), &reply);
            self.expect_active(name(at), &reply, Some(cache));
        }
        self.expect_questions(before, 1);
        self.end();
        Ok(())
    }

    async fn revocation(&mut self) -> Result<(), String> {
        self.title(
            "A revocation at one replica is refused at all",
            "Also where the provider goes on showing the token as active, as this one does.",
        );
        self.curl(A, &Ask::revoke("known"));
        let reply = self.send(A, &Ask::revoke("known")).await?;
        let answered = Instant::now();
        self.show(name(A), &reply);
        self.expect(reply.status == 200, "a 200 for the revocation");
        self.see_refused("known", answered, BOUND).await?;
        let reply = self.ask(A, "known").await?;
        self.expect(reply.is_active == Some(false), "the token inactive at a");
        self.note(&format!("promised: within {} s", BOUND.as_secs()));
        self.end();
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), String> {
        self.title(
            "A restart of all replicas sends no storm to the provider",
            "Facts outlive the processes, and so do revocations.",
        );
        let tokens: Vec<_> = (0..KNOWN).map(|nth| format!("known-{nth}")).collect();
        for token in &tokens {
            self.stage.issue(token);
            let reply = self.ask(A, token).await?;
            self.expect_active(name(A), &reply, Some("miss"));
        }
        // Facts are stored just after the answer.
        for token in &tokens {
            let reply = self.ask(B, token).await?;
            self.expect_active(name(B), &reply, Some("hit"));
        }
        let before = self.stage.questions();
        self.note("killing a, b and c, and starting them again");
        self.stage.start_replicas().await?;
        let mut hits = 0;
        for at in [A, B, C] {
            for token in &tokens {
                let reply = self.ask(at, token).await?;
                self.expect_active(name(at), &reply, Some("hit"));
                hits += usize::from(reply.cache == "hit");
            }
        }
        self.note(&format!("{hits} hits of {}", KNOWN * 3));
        self.expect_questions(before, 0);
        for at in [A, B, C] {
            let reply = self.ask(at, "known").await?;
            self.expect(
                reply.is_active == Some(false),
                "the revoked token inactive after the restart",
            );
        }
        self.end();
        Ok(())
    }

    async fn redis_dies(&mut self) -> Result<(), String> {
        self.title(
            "Redis is killed, and answers go on",
            "From the replicas' own caches, and from the provider. What is lost is reuse.",
        );
        self.voice
            .command(&format!("kill -9 {}", self.stage.redis.process_id()));
        self.stage.redis.kill();
        let before = self.stage.questions();
        let end = Instant::now() + TRUST + Duration::from_millis(500);
        let mut slowest = Duration::ZERO;
        let mut answers = 0;
        while Instant::now() < end {
            let fresh = format!("meanwhile-{answers}");
            self.stage.issue(&fresh);
            for token in ["known-0", &fresh] {
                for (name, reply) in REPLICAS.into_iter().zip(&self.ask_all(token).await?) {
                    self.expect_active(name, reply, None);
                    slowest = slowest.max(reply.took);
                    answers += 1;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        let asked = self.stage.questions() - before;
        self.note(&format!(
            "{answers} answers, the slowest after {}; {asked} questions to the provider",
            millis(slowest)
        ));
        self.end();
        Ok(())
    }

    async fn revocation_without_redis(&mut self) -> Result<(), String> {
        self.title(
            "A revocation without Redis says that only this replica knows of it",
            "It is tried for five seconds, and again in the background until the others know.",
        );
        self.curl(A, &Ask::revoke("known-0"));
        let reply = self.send(A, &Ask::revoke("known-0")).await?;
        self.show(name(A), &reply);
        self.expect(reply.status == 503, "a 503 for the revocation");
        let says = |text: &String| text.contains("only this replica");
        self.expect(
            reply.error.as_ref().is_some_and(says),
            "an error that says \"only this replica\"",
        );
        for (at, is_active) in [(A, false), (B, true), (C, true)] {
            let reply = self.ask(at, "known-0").await?;
            self.show(name(at), &reply);
            let state = if is_active { "active" } else { "inactive" };
            self.expect(
                reply.is_active == Some(is_active),
                &format!("the token {state} at {}", name(at)),
            );
        }
        self.end();
        Ok(())
    }

    async fn redis_returns(&mut self) -> Result<(), String> {
        self.title(
            "Redis is back, empty, and the revocation reaches the others",
            "Nobody has to repeat it. Entries of the stream are missing, so every replica drops \
             its facts, and new ones are shared again.",
        );
        self.voice.command(&format!(
            "redis-server {}",
            self.stage.redis.configuration()
        ));
        self.stage.redis.restart().await?;
        self.see_refused("known-0", Instant::now(), RETURN).await?;
        self.stage.exchange_facts().await?;
        self.stage.issue("again");
        let before = self.stage.questions();
        for (at, cache) in [(B, "miss"), (C, "hit")] {
            let reply = self.ask(at, "again").await?;
            self.show(name(at), &reply);
            self.expect_active(name(at), &reply, Some(cache));
        }
        self.expect_questions(before, 1);
        self.end();
        Ok(())
    }

    /// Waits until the others than `a` refuse a token, and prints when each of them did.
    async fn see_refused(
        &mut self,
        token: &str,
        since: Instant,
        bound: Duration,
    ) -> Result<(), String> {
        let (b, c) = tokio::join!(
            self.refusal(B, token, since, bound),
            self.refusal(C, token, since, bound)
        );
        for (at, refused) in [(B, b?), (C, c?)] {
            match refused {
                Some(after) => self.note(&format!("{}  refused after {}", name(at), millis(after))),
                None => self.expect(
                    false,
                    &format!("the token inactive at {} within {bound:?}", name(at)),
                ),
            }
        }
        Ok(())
    }

    async fn refusal(
        &self,
        at: usize,
        token: &str,
        since: Instant,
        bound: Duration,
    ) -> Result<Option<Duration>, String> {
        while since.elapsed() < bound {
            if self.ask(at, token).await?.is_active == Some(false) {
                return Ok(Some(since.elapsed()));
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(None)
    }

    async fn ask_all(&self, token: &str) -> Result<[Reply; 3], String> {
        let (a, b, c) = tokio::join!(self.ask(A, token), self.ask(B, token), self.ask(C, token));
        Ok([a?, b?, c?])
    }

    async fn ask(&self, at: usize, token: &str) -> Result<Reply, String> {
        self.send(at, &Ask::token(token)).await
    }

    async fn send(&self, at: usize, ask: &Ask) -> Result<Reply, String> {
        let Some(api) = self.stage.ports.api().into_iter().nth(at) else {
            return Err("no such replica".to_owned());
        };
        let begun = Instant::now();
        let answer = ask.send(api).await;
        let answer = answer.map_err(|failure| format!("replica {}: {failure}", name(at)))?;
        Ok(Reply::read(&answer, begun.elapsed()))
    }

    fn title(&mut self, title: &str, shows: &str) {
        self.count += 1;
        self.voice.title(self.count, title, shows);
    }

    /// The same request at each replica.
    fn curls(&self, ask: &Ask) {
        [A, B, C].into_iter().for_each(|at| self.curl(at, ask));
    }

    fn curl(&self, at: usize, ask: &Ask) {
        if let Some(api) = self.stage.ports.api().into_iter().nth(at) {
            self.voice.command(&ask.curl(api));
        }
    }

    fn show(&self, name: &str, reply: &Reply) {
        self.note(&format!("{name}  {}", reply.shown()));
    }

    fn note(&self, line: &str) {
        say(&format!("    {line}"));
    }

    fn expect(&mut self, holds: bool, what: &str) {
        if !holds {
            self.differences.push(format!("expected {what}"));
        }
    }

    fn expect_active(&mut self, name: &str, reply: &Reply, cache: Option<&str>) {
        let is_right =
            reply.is_active == Some(true) && cache.is_none_or(|cache| reply.cache == cache);
        let way = cache.map_or_else(String::new, |cache| format!(" and X-Cache: {cache}"));
        let what = format!("an active token{way} at {name}, got {}", reply.shown());
        self.expect(is_right, &what);
    }

    fn expect_questions(&mut self, before: usize, expected: usize) {
        let asked = self.stage.questions() - before;
        self.note(&format!("questions to the provider: {asked}"));
        self.expect(
            asked == expected,
            &format!("{expected} in place of {asked}"),
        );
    }

    /// Ends a step: prints if its promise was kept.
    fn end(&mut self) {
        let differences = std::mem::take(&mut self.differences);
        let is_kept = self.voice.judge(&differences, "as promised");
        self.right += usize::from(is_kept);
    }
}

fn name(at: usize) -> &'static str {
    REPLICAS.into_iter().nth(at).unwrap_or_default()
}
