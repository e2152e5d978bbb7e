//! The cache in figures: lookups by result, entries, bytes, evictions, purges.

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::Fault;
use introspectd_simulators::rfc7662::{ACTIVE, UNKNOWN};
use introspectd_tests::{Gateway, OPS_SECRET, Rfc7662, Room, basic};

use crate::requests::down;
use crate::scrape::Scrape;

async fn purge_all(gateway: &Gateway) {
    let request = Request::post(format!("http://{}/v1/cache/purge", gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET))
        .header("content-type", "application/json")
        .body(Full::from(Bytes::from_static(b"{\"all\":true}")))
        .unwrap();
    assert_eq!(gateway.send(request).await.status, 200);
}

#[tokio::test]
async fn lookups_are_counted_by_result() {
    let stale = "[cache]\nstale_if_error = \"1h\"";
    let room = Room::<Rfc7662>::open_with("timeout = \"60s\"", stale).await;
    let gate = room.server.gate();
    let clock = room.gateway.clock();
    let before = clock.looks();
    let asking = join_all((0..3).map(|_| room.ask(ACTIVE)));
    let open = async {
        // Two a request: its arrival, and the lookup.
        clock.looked_at(before + 6).await;
        gate.open();
    };
    futures_util::future::join(asking, open).await;
    room.ask(ACTIVE).await;
    clock.advance(61);
    room.server.next(Fault::Answer(down()));
    room.ask(ACTIVE).await;
    room.ask(ACTIVE).await;
    purge_all(&room.gateway).await;
    room.ask(ACTIVE).await;
    room.ask(UNKNOWN).await;
    let scrape = Scrape::of(&room.gateway).await;
    for (result, expected) in [
        ("absent", 3.0),
        ("coalesced", 2.0),
        ("hit", 1.0),
        ("stale", 1.0),
        ("expired", 1.0),
    ] {
        let series =
            format!("introspectd_cache_lookups_total{{provider=\"sso\",result=\"{result}\"}}");
        assert_eq!(scrape.value(&series), expected, "{result}");
    }
    // The purge was counted, so its entry was freed before it was looked for.
    let purged = "introspectd_cache_lookups_total{provider=\"sso\",result=\"purged\"}";
    assert_eq!(scrape.value(purged), 0.0);
    assert_eq!(scrape.value("introspectd_cache_purged_total"), 1.0);
}

#[tokio::test]
async fn pools_are_told_apart_and_have_their_limits() {
    let room = Room::<Rfc7662>::open_with("", "[cache]\nmax_bytes = \"8MiB\"").await;
    room.ask(ACTIVE).await;
    room.ask(UNKNOWN).await;
    room.ask("sso_other").await;
    let scrape = Scrape::of(&room.gateway).await;
    let of = |metric: &str, pool: &str| {
        scrape.value(&format!("introspectd_cache_{metric}{{pool=\"{pool}\"}}"))
    };
    assert_eq!(
        (of("entries", "active"), of("entries", "inactive")),
        (1.0, 2.0)
    );
    let max = f64::from(8 << 20);
    assert_eq!(of("max_bytes", "active"), max * 7.0 / 8.0);
    assert_eq!(of("max_bytes", "inactive"), max / 8.0);
    assert!(of("bytes", "active") > 300.0);
    assert!(of("bytes", "inactive") > 100.0);
    assert_eq!(of("evictions_total", "active"), 0.0);
}

#[tokio::test]
async fn entries_that_make_room_are_evictions_of_their_pool() {
    let room = Room::<Rfc7662>::open_with("", "[cache]\nmax_bytes = \"64KiB\"").await;
    for number in 0..100 {
        room.ask(&format!("sso_unknown_{number}")).await;
    }
    let scrape = Scrape::of(&room.gateway).await;
    let evictions = "introspectd_cache_evictions_total{pool=\"inactive\"}";
    let entries = "introspectd_cache_entries{pool=\"inactive\"}";
    assert!(scrape.value(evictions) > 0.0);
    assert_eq!(scrape.value(evictions) + scrape.value(entries), 100.0);
    assert_eq!(
        scrape.value("introspectd_cache_evictions_total{pool=\"active\"}"),
        0.0
    );
}
