use introspectd_simulators::rfc7662::{ACTIVE, ACTIVE_JWT, Rfc7662, SUBJECT};
use introspectd_simulators::{Answer, Fault, Simulator};
use serde_json::json;

use crate::asking::{ADMIN_CONFIG, ADMIN_SECRET, Asking, page, url};
use crate::client::ask_as_edge;
use crate::server::Server;
use crate::vendors::{sso, sso_config};

/// A server that knows one token.
struct Room {
    server: Server,
    url: String,
    _sso: Simulator<Rfc7662>,
}

impl Room {
    async fn new() -> Self {
        let sso = sso().await;
        let server = Server::start_with(&format!("{ADMIN_CONFIG}{}", sso_config(&sso))).await;
        let room = Self {
            url: url(&server),
            server,
            _sso: sso,
        };
        assert_eq!(room.cache().await, "miss");
        room
    }

    fn purge(&self) -> Asking<'_> {
        at(&self.url).admin()
    }

    async fn cache(&self) -> String {
        let reply = ask_as_edge(&self.server.api(), ACTIVE).await;
        assert!(reply.is_active());
        reply.headers["x-cache"].to_str().unwrap().to_owned()
    }
}

fn at(url: &str) -> Asking<'_> {
    Asking::new("purge").at(url)
}

/// Whom [`ACTIVE`] was issued to.
const CLIENT_ID: &str = "l238j323ds-23ij4";

const PURGED: &str = "purged 1 entry\n";
const NOTHING: &str = "purged 0 entries\n";

#[tokio::test]
async fn named_entries_are_purged_and_counted() {
    let room = Room::new().await;
    for (arguments, stdin) in [
        (&["--token"][..], ACTIVE),
        (&["--provider", "sso"], ""),
        (&["--sub", SUBJECT], ""),
        (&["--client-id", CLIENT_ID], ""),
        (&["--all"], ""),
    ] {
        assert_eq!(room.cache().await, "hit", "before {arguments:?}");
        let ended = room.purge().with(arguments).of(stdin).await.with(0);
        assert_eq!(
            (&*ended.stdout, &*ended.stderr),
            (PURGED, ""),
            "{arguments:?}"
        );
        assert_eq!(room.cache().await, "miss", "after {arguments:?}");
    }
}

#[tokio::test]
async fn purge_of_nothing_is_a_success() {
    let room = Room::new().await;
    for (arguments, stdin) in [(&["--token"][..], ACTIVE_JWT), (&["--sub", "qu\"ote"], "")] {
        let ended = room.purge().with(arguments).of(stdin).await.with(0);
        assert_eq!(ended.stdout, NOTHING, "{arguments:?}");
    }
    assert_eq!(room.cache().await, "hit");
}

#[tokio::test]
async fn an_estimate_is_shown_as_what_it_is() {
    let page = page().await;
    for (answer, shown) in [
        (
            json!({"purged": 3, "estimate": true}),
            "purged at least 3 entries\n",
        ),
        (
            json!({"purged": 1, "estimate": true}),
            "purged at least 1 entry\n",
        ),
        (json!({"purged": 3}), "purged 3 entries\n"),
    ] {
        page.next(Fault::Answer(Answer::json(200, answer)));
        let ended = at(&page.base_url())
            .admin()
            .with(&["--sub", "alice"])
            .of("")
            .await
            .with(0);
        assert_eq!(ended.stdout, shown);
    }
}

#[tokio::test]
async fn refusal_is_1_with_the_servers_message() {
    let room = Room::new().await;
    for (asking, status) in [
        (at(&room.url).edge().with(&["--all"]), "403"),
        (at(&room.url).with(&["--all"]), "401"),
        (room.purge().with(&["--provider", "nobody"]), "400"),
    ] {
        let ended = asking.of("").await.with(1);
        assert!(ended.stderr.contains(status), "{ended:#?}");
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(room.cache().await, "hit");
}

#[tokio::test]
async fn other_or_missing_servers_are_3() {
    let page = page().await;
    let ended = at(&page.base_url()).with(&["--all"]).of("").await.with(3);
    assert!(
        ended.stderr.contains("is this an introspectd server?"),
        "{ended:#?}"
    );
    at("unix:/no/such.sock")
        .with(&["--all"])
        .of("")
        .await
        .with(3);
}

#[tokio::test]
async fn exactly_one_thing_is_to_be_named() {
    let room = Room::new().await;
    for arguments in [
        &[][..],
        &["--all", "--token"],
        &["--sub", "a", "--client-id", "b"],
        &["--sub", ""],
        &["--token"],
        &["--token", ACTIVE],
        &["--token=sso_1"],
    ] {
        let ended = room.purge().with(arguments).of("").await.with(2);
        assert!(
            !ended.output().contains(ACTIVE) && !ended.output().contains("sso_1"),
            "{ended:#?}"
        );
    }
    assert_eq!(room.cache().await, "hit");
}

#[tokio::test]
async fn at_a_terminal_large_purges_ask_for_confirmation() {
    let room = Room::new().await;
    for (arguments, question) in [
        (&["--all"][..], "Purge all tokens of all providers? [y/N]"),
        (&["--provider", "sso"], "Purge all tokens of sso? [y/N]"),
    ] {
        assert_eq!(room.cache().await, "hit");
        let ended = room
            .purge()
            .with(arguments)
            .at_a_terminal("", "n\n")
            .await
            .with(1);
        assert!(
            ended.stdout.contains(question) && ended.stdout.contains("nothing was changed"),
            "{ended:#?}"
        );
        assert_eq!(room.cache().await, "hit");
        let ended = room
            .purge()
            .with(arguments)
            .at_a_terminal("", "y\n")
            .await
            .with(0);
        assert!(ended.stdout.contains("purged 1 entry"), "{ended:#?}");
        assert_eq!(room.cache().await, "miss");
        let ended = room
            .purge()
            .with(arguments)
            .with(&["--yes"])
            .at_a_terminal("", "")
            .await
            .with(0);
        assert!(!ended.stdout.contains("[y/N]"), "{ended:#?}");
        assert_eq!(room.cache().await, "miss");
    }
}

#[tokio::test]
async fn at_a_terminal_it_does_not_ask_about_one_token_subject_or_client() {
    let room = Room::new().await;
    for arguments in [
        &["--token"][..],
        &["--sub", SUBJECT],
        &["--client-id", CLIENT_ID],
    ] {
        let ended = room
            .purge()
            .with(arguments)
            .at_a_terminal(ACTIVE, "")
            .await
            .with(0);
        assert!(
            ended.stdout.contains("purged 1 entry") && !ended.stdout.contains("[y/N]"),
            "{ended:#?}"
        );
        assert!(
            !ended.output().contains(ACTIVE) && !ended.output().contains(ADMIN_SECRET),
            "{ended:#?}"
        );
        assert_eq!(room.cache().await, "miss");
    }
}
