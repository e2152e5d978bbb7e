//! Page `docs/benchmarks.md`.

use crate::table::{Rows, markdown};

/// Content of the page beside its figures.
pub(crate) struct Page<'a> {
    pub(crate) machine: &'a [(String, String)],
    pub(crate) figures: &'a Rows,
    pub(crate) loads: &'a Rows,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) plotted: bool,
}

impl Page<'_> {
    pub(crate) fn render(&self) -> String {
        let Self {
            machine,
            figures,
            loads,
            rounds,
            seconds,
            plotted,
        } = self;
        let command = if *plotted {
            "cargo xtask bench --plot"
        } else {
            "cargo xtask bench"
        };
        let plot = if *plotted {
            "\n![How much of its reach each figure uses](benchmarks.svg)\n"
        } else {
            ""
        };
        let machine: String = machine
            .iter()
            .map(|(what, is)| format!("| {what} | {is} |\n"))
            .collect();
        let figures = markdown(figures);
        let loads = markdown(loads);
        format!(
            "\
# What a cached answer costs

Written by `{command}`, which repeats it. Do not edit: change `crates/bench`.
What each choice in the code gained: [hot path](hot-path.md).

{figures}{plot}
Medians of {rounds} rounds of {seconds} seconds. What is compared is driven in turns of one \
second, each turn beginning with
another one, and a ratio is taken within each turn: what else moved the machine moved both sides. \
For hits, each round
starts all servers anew. A p99 is that of three times as many rounds of 2 seconds. What is not a \
ratio of two
servers was measured once or a few times: the column says how often.

## What each did

Medians. CPU is user and system time of all the server's processes, for each request.

{loads}
## How it was measured

- Everything runs on one machine, on loopback, and shares its processors: requests/s is what is \
left beside the
  client. CPU for each request is the steadier figure. At saturation p99 is that of busy \
  processors, not of a server.
- 64 keep-alive connections ask `POST /introspect` with HTTP Basic and a token of 43 bytes. Every \
answer has 489 bytes,
  whoever gives it. Load comes from wrk; at a fixed arrival rate from a client of our own that \
  counts from when a
  request was due, not from when it could be sent (no coordinated omission). That rate is half of \
  what the slowest nginx
  can do; the best nginx is the one whose p99 has the least median.
- Every token is asked about before the clock starts, and each of those answers is checked to be \
active and whole.
  While the clock runs, every answer's status is counted, the bytes are added up, and so are the \
  questions that
  reached the authorization server: a cached run that asks once is void, as is one with a single \
  answer that is
  not 200.
- **bare hyper**: hyper with two workers and one constant answer with the same bytes and headers: \
HTTP itself.
- **introspectd**: the release binary, two workers, its default configuration but for `[cache] \
ttl = \"30m\"`, which the
  peers have, too, and a `max_bytes` that holds the set where the default would not; one \
  provider, one caller, and one
  policy; where tokens are revoked, a caller and a provider for that. So metrics, limits, queue, \
  retries and breaker are
  on. The caller has a rate of 1,000,000/s, which each request is counted by and none exceeds.
- **nginx**: two workers, no access log, cache files in memory, 30 minutes. `proxy_cache` of the \
POST with the caller's
  credentials in its key; the same with `open_file_cache`; Lua with `lua_shared_dict`, kept until \
  `exp`.
- `/forward-auth` is asked by `GET`, with one of 1,000 tokens as `Authorization: Bearer`. \
introspectd's figure is the
  decision alone: it knows the proxy, finds the token active, with the scope and the audience of \
  the policy, and answers
  the identity headers. nginx gets the same bytes, and its figure is the whole request, which is \
  what `auth_request`
  costs: njs looks at `active` in an answer that `proxy_cache` and `open_file_cache` keep under \
  the token, and a file of
  489 bytes is answered. What a proxy in front of introspectd spends is in neither.
- Memory is the growth of the process (proportional set size), from after a few hundred tokens.
- Revocations: a cache of 120,000 tokens, and hits on 100,000 of them at 10,000/s, in turns \
quiet, beside `DELETE`s of
  records that their provider confirms, and beside purges of subjects, each of which one of the \
  other tokens has. A
  hash of 24 bits makes a purge mean another token now and then: one question in 2,000 may reach \
  the authorization
  server. They come 64 at once on connections of their own, every 50 ms or, where that is later, \
  as soon as all are answered. Their
  CPU is the server's, asked for nothing else.
- Idle connections have asked once, got an active answer, and rested for five seconds. Memory is \
the growth of the
  resident set; what the kernel keeps for a socket is not in it.
- Wrong secrets come on 64 connections of their own, eight requests at a time, each with another \
secret of a caller that
  is known; `[log]` is at its default, and standard error a pipe that is read. Hits are on \
  100,000 tokens at 10,000/s.
  The same flood at bare hyper, in place of introspectd, shows what sharing the machine costs alone.
- A provider at fault is asked beside one that is well, whose 10,000 cached tokens are asked \
about 10,000 times a second
  and new ones 1,000 times. It hangs with 10,000 requests in flight, each about another token: \
  1,024 at the provider and
  the rest in its queue, which is lengthened for it. All are in flight before and after a run, and \
  answered once the
  provider goes on. One that drips sends a byte every 12 ms to 64 clients; one with large answers \
  gives 20 a second, each
  of 55,000 members. Its timeout is a minute, so that nothing fails and the breaker does not end \
  the fault.
- A scrape is timed from connecting to the last byte, five times a second; each of the 200 callers \
has asked at both
  endpoints, each of the 50 providers was asked. Hits are on 10,000 tokens at 10,000/s.
- For a reload a caller's secret and rate, a policy and a provider are changed, and SIGHUP is \
sent. Each reload has to be
  counted as applied, and no hit may reach the authorization server: facts of the provider that \
  did not change stay.
- In an outage every answer is 503 without `Retry-After`, and 2,000 new tokens are asked about in \
two seconds. Without a
  breaker what is left is the budget: a tenth, and ten retries in ten seconds. The breaker is \
  opened by 200 requests to a
  provider that hangs, and stays open; then 100 new and 100 stale tokens are asked about, on one \
  connection.
- Clients that revoke, show wrong secrets or get large answers run only while a processor is free \
(`SCHED_IDLE`), as does
  the authorization server that confirms revocations or is at fault, since they would be on other \
  machines; clients
  whose latency is measured do not.
- Over gRPC h2load asks `Check` about one token, one call at a time on each of 64 connections, \
and shows no percentiles.
  Bare tonic is tonic's own server with a constant answer, which it had from introspectd.
- Over TLS both have the same library (rustls) and a P-256 certificate, and connections stay \
open: what is measured is
  records, not handshakes.
- The caches alone hold entries as large as introspectd's, under keys that are hashes already, \
read by one thread that
  copies the body; each in a process of its own.
- In a fleet, replicas have `[cache.shared]` at its defaults, and share one Redis of Debian's \
package without
  persistence, on the same machine and over TCP: its processor time, and that of the \
authorization server, is taken
  from what the replicas have. CPU is that of the replicas alone.
- A hit with `[cache.shared]` is one in the process's own cache, which asks Redis nothing; what \
the replica does
  beside, to hear of purges, is in its CPU. A hit in Redis is measured twice. By introspectd's \
own library, in a
  process of its own: the lookup of one of 1,000 facts of 489 bytes (names of three keys, `GET` \
of each in one
  pipeline, check of seal and place) beside `GET` of one such sealed value, by the same client \
on the same connection,
  one at a time, each half of a turn. And over HTTP: a replica that has just started is asked \
about each of 1,000
  tokens twice, so that the first is a hit in Redis and the second one in its own cache; what \
the first takes longer
  is the lookup, and what becomes of the fact in the replica.
- A revocation is timed from the answer to `POST /revoke` at one of three replicas, all of which \
have the token in
  their own caches, to the first refusal by each of the other two, which are asked one after the \
other without pause
  once it is there: what is left then of the way of a purge, and a request. The authorization \
server confirms the
  revocation, and goes on calling the token active: only the fleet refuses it. 1,000 tokens, one \
after the other.
- For a restart 100,000 tokens are asked about, a third at each replica. Then all three end, and \
start together; from
  the moment that it takes connections, each is asked about all tokens, whose facts are fresh \
for half an hour, and a
  question that reaches the authorization server counts. Memory of Redis is the growth of its \
`used_memory` from
  before the first token to when all facts were stored, for each of them.
- Misses in a fleet are those of three servers, each driven by a wrk of its own with tokens that \
no other is asked
  about: of the fleet, each takes a lease, asks the authorization server, and stores the fact, \
which none of the
  others ever uses. The authorization server answers at once, so that what limits both is the \
processors, and Redis
  takes its share of the same; where it takes 80 ms, the 192 requests in flight are the \
limit, and the processors
  are not.
- A full cache has `max_bytes = \"64MiB\"`. The cost of a hit among new tokens is that of the \
mixed load less a tenth of a
  load of new tokens only.

## Machine and versions

| what | is |
| --- | --- |
{machine}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_names_its_command() {
        let rows = vec![vec!["figure".to_owned()]];
        let machine = [("cores".to_owned(), "2".to_owned())];
        let page = |plotted| {
            Page {
                machine: &machine,
                figures: &rows,
                loads: &rows,
                rounds: 5,
                seconds: 8,
                plotted,
            }
            .render()
        };
        assert!(page(false).contains("`cargo xtask bench`") && !page(false).contains(".svg"));
        assert!(
            page(true).contains("`cargo xtask bench --plot`")
                && page(true).contains("(benchmarks.svg)")
        );
        assert!(page(false).ends_with("| cores | 2 |\n"));
    }
}
