use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::rfc7662::{ACTIVE, Rfc7662};
use introspectd_simulators::{Answer, Fault, Simulator};
use rustix::process::Signal;

use crate::asking::{ADMIN_CONFIG, ADMIN_SECRET, Asking, page, url};
use crate::client::ask_as_edge;
use crate::program::Ended;
use crate::server::Server;
use crate::vendors::{bank, bank_config, sso, sso_config};

/// A server before a provider that revokes tokens, and one that does by id.
struct Room {
    server: Server,
    url: String,
    sso: Simulator<Rfc7662>,
    bank: Simulator<Passport>,
}

impl Room {
    async fn new() -> Self {
        let (sso, bank) = (sso().await, bank().await);
        let config = format!("{ADMIN_CONFIG}{}{}", sso_config(&sso), bank_config(&bank));
        let server = Server::start_with(&config).await;
        Self {
            url: url(&server),
            server,
            sso,
            bank,
        }
    }

    fn revoke(&self) -> Asking<'_> {
        at(&self.url).admin()
    }

    async fn is_active(&self) -> bool {
        ask_as_edge(&self.server.api(), ACTIVE).await.is_active()
    }
}

fn at(url: &str) -> Asking<'_> {
    Asking::new("revoke").at(url)
}

const BY_ID: [&str; 4] = ["--provider", "bank", "--token-id", passport::ACTIVE];

#[track_caller]
fn shows_no_secret(ended: &Ended) {
    for secret in [ACTIVE, ADMIN_SECRET] {
        assert!(!ended.output().contains(secret), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_token_is_taken_back_at_its_provider_and_out_of_the_cache() {
    let room = Room::new().await;
    assert!(room.is_active().await);
    let ended = room.revoke().of(format!("{ACTIVE}\n")).await.with(0);
    assert!(
        ended.stdout.starts_with("revoked") && ended.stdout.lines().count() == 1,
        "{ended:#?}"
    );
    assert_eq!(
        ended.stderr, "",
        "nothing is asked where there is no terminal"
    );
    shows_no_secret(&ended);
    assert!(!room.is_active().await);
    assert!(
        room.sso
            .requests()
            .iter()
            .any(|request| request.path() == "/revoke")
    );
}

#[tokio::test]
async fn a_token_that_is_another_providers_is_left_alone() {
    let room = Room::new().await;
    room.revoke().of("of-no-provider").await.with(0);
    // One that is asked by id, and takes back nothing else.
    room.revoke().with(&["--provider", "bank"]).of(ACTIVE).await;
    assert!(room.is_active().await);
    room.revoke()
        .with(&["--provider", "sso"])
        .of(ACTIVE)
        .await
        .with(0);
    assert!(!room.is_active().await);
}

#[tokio::test]
async fn by_its_id_a_token_needs_no_standard_input() {
    let room = Room::new().await;
    let ended = room.revoke().with(&BY_ID).of("").await.with(0);
    assert!(ended.stdout.starts_with("revoked"), "{ended:#?}");
    Asking::new("lookup")
        .at(&room.url)
        .admin()
        .with(&["--provider", "bank", "--token-id"])
        .of(passport::ACTIVE)
        .await
        .with(1);
    assert!(
        room.bank
            .requests()
            .iter()
            .any(|request| request.method == "DELETE")
    );
}

#[tokio::test]
async fn an_id_stays_one_segment_of_the_path() {
    let page = page().await;
    for (id, segment) in [
        ("../../providers", "..%2F..%2Fproviders"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("a b+%2F", "a%20b%2B%252F"),
        ("\u{e9}-._~", "%C3%A9-._~"),
    ] {
        at(&page.base_url())
            .with(&["--provider", "bank", "--token-id", id])
            .of("")
            .await
            .with(3);
        let asked = page.requests().pop().unwrap();
        assert_eq!(asked.path(), format!("/v1/providers/bank/tokens/{segment}"));
    }
}

#[tokio::test]
async fn refusal_is_1_with_the_servers_message() {
    let room = Room::new().await;
    for (asking, status) in [
        (at(&room.url).edge(), "403"),
        (at(&room.url), "401"),
        (
            at(&room.url).env("INTROSPECTD_SECRET", "wrong-secret"),
            "401",
        ),
        (room.revoke().with(&["--provider", "nobody"]), "400"),
    ] {
        let ended = asking.of(ACTIVE).await.with(1);
        assert!(ended.stderr.contains(status), "{ended:#?}");
        assert!(!ended.output().contains("wrong-secret"));
        shows_no_secret(&ended);
        assert_eq!(ended.stdout, "");
    }
    let nobody = room
        .revoke()
        .with(&["--provider", "no/body", "--token-id", "x"])
        .of("")
        .await
        .with(1);
    assert!(
        nobody.stderr.contains("404") && nobody.stderr.contains("provider no/body does not exist"),
        "{nobody:#?}"
    );
    assert!(room.is_active().await);
}

#[tokio::test]
async fn provider_that_cannot_revoke_is_1_with_a_remedy() {
    let room = Room::new().await;
    let ended = room
        .revoke()
        .with(&["--provider", "sso", "--token-id", "x"])
        .of("")
        .await
        .with(1);
    assert!(
        ended.stderr.contains("501") && ended.stderr.contains("revoke it at its provider"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn unconfirmed_revocation_is_3_with_a_remedy() {
    let room = Room::new().await;
    room.sso.next(Fault::Answer(Answer::html(500)));
    let ended = room.revoke().of(ACTIVE).await.with(3);
    for text in [
        "502",
        "did not confirm",
        "may still be active",
        "run this again",
    ] {
        assert!(ended.stderr.contains(text), "{text}: {ended:#?}");
    }
    shows_no_secret(&ended);
    assert_eq!(ended.stdout, "");
    room.bank.stop();
    let ended = room.revoke().with(&BY_ID).of("").await.with(3);
    assert!(
        ended.stderr.contains("503") && ended.stderr.contains("did not confirm"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn other_servers_revoke_nothing() {
    let page = page().await;
    let url = page.base_url();
    for (asking, stdin) in [(at(&url), ACTIVE), (at(&url).with(&BY_ID), "")] {
        let ended = asking.of(stdin).await.with(3);
        assert!(
            ended.stderr.contains("is this an introspectd server?"),
            "{ended:#?}"
        );
        assert_eq!(ended.stdout, "");
    }
    at("unix:/no/such.sock").of(ACTIVE).await.with(3);
}

#[tokio::test]
async fn wrong_usage_is_2_and_reaches_no_server() {
    let room = Room::new().await;
    for (arguments, told) in [
        (&["--token-id", "x"][..], "--provider"),
        // As `lookup` takes it.
        (&["--token-id", "--provider", "bank"], "--token-id <ID>"),
        (&["--token-id", "", "--provider", "bank"], "--token-id <ID>"),
        (&["--token", ACTIVE], "--token"),
        (&[ACTIVE], "Usage:"),
        (&[], "standard input"),
    ] {
        let ended = room.revoke().with(arguments).of("").await.with(2);
        assert!(ended.stderr.contains(told), "{told}: {ended:#?}");
        shows_no_secret(&ended);
    }
    assert_eq!(room.sso.count() + room.bank.count(), 0);
}

#[tokio::test]
async fn at_a_terminal_it_asks_although_the_token_comes_by_standard_input() {
    let room = Room::new().await;
    for no in ["n\n", "\n", "", "yess\n"] {
        let ended = room.revoke().at_a_terminal(ACTIVE, no).await.with(1);
        assert!(
            ended
                .stdout
                .contains("Revoke the token on standard input? [y/N]"),
            "{ended:#?}"
        );
        assert!(ended.stdout.contains("nothing was changed"), "{ended:#?}");
        shows_no_secret(&ended);
    }
    assert!(room.is_active().await);
    assert!(
        room.sso
            .requests()
            .iter()
            .all(|request| request.path() != "/revoke")
    );
    for yes in ["y\n", " YES \n"] {
        let ended = room
            .revoke()
            .with(&["--provider", "sso"])
            .at_a_terminal(ACTIVE, yes)
            .await
            .with(0);
        assert!(
            ended.stdout.contains("at sso? [y/N]") && ended.stdout.contains("revoked"),
            "{ended:#?}"
        );
    }
    assert!(!room.is_active().await);
}

#[tokio::test]
async fn at_a_terminal_an_id_is_named_in_the_question() {
    let room = Room::new().await;
    let ended = room
        .revoke()
        .with(&BY_ID)
        .at_a_terminal("", "n\n")
        .await
        .with(1);
    assert!(
        ended.stdout.contains(passport::ACTIVE) && ended.stdout.contains("at bank? [y/N]"),
        "{ended:#?}"
    );
    assert_eq!(room.bank.count(), 0);
}

#[tokio::test]
async fn yes_asks_nothing() {
    let room = Room::new().await;
    let ended = room
        .revoke()
        .with(&["--yes"])
        .at_a_terminal(ACTIVE, "")
        .await
        .with(0);
    assert!(!ended.stdout.contains("[y/N]"), "{ended:#?}");
    assert!(!room.is_active().await);
}

#[tokio::test]
async fn confirmation_without_a_terminal_needs_yes() {
    let room = Room::new().await;
    let ended = room.revoke().before_a_terminal(ACTIVE).await.with(2);
    assert!(ended.stdout.contains("--yes"), "{ended:#?}");
    assert_eq!(room.sso.count(), 0);
    room.revoke()
        .with(&["--yes"])
        .before_a_terminal(ACTIVE)
        .await
        .with(0);
}

#[tokio::test]
async fn each_failed_revocation_has_a_line_of_its_own_in_the_log() {
    let mut room = Room::new().await;
    for _ in 0..3 {
        room.sso.next(Fault::Answer(Answer::html(500)));
        let ended = room.revoke().of(format!("{ACTIVE}\n")).await;
        assert_ne!(ended.code, Some(0), "{ended:#?}");
    }
    room.server.signal(Signal::TERM);
    room.server.ended().await;
    let log = room.server.log();
    let is_it = |line: &&String| line.contains("revocation failed") && line.contains("WARN");
    assert_eq!(log.iter().filter(is_it).count(), 3, "{log:#?}");
}
