//! `introspectd tokens`, and the lists of real servers.

use std::collections::BTreeSet;

use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::tibco_asg::{self, TibcoAsg};
use introspectd_simulators::{Answer, Fault, Simulator};
use serde_json::{Value, json};

use crate::asking::{ADMIN_CONFIG, ADMIN_SECRET, Asking, url};
use crate::program::Ended;
use crate::server::Server;
use crate::vendors::{bank, bank_config, legacy, legacy_config, sso, sso_config};

/// A server before two providers that list, and one that cannot.
struct Room {
    _server: Server,
    url: String,
    bank: Simulator<Passport>,
    legacy: Simulator<TibcoAsg>,
}

impl Room {
    async fn new() -> Self {
        let (bank, legacy, sso) = (bank().await, legacy().await, sso().await);
        let providers = [bank_config(&bank), legacy_config(&legacy), sso_config(&sso)].concat();
        let server = Server::start_with(&format!("{ADMIN_CONFIG}{providers}")).await;
        Self {
            url: url(&server),
            _server: server,
            bank,
            legacy,
        }
    }

    /// Gives the bank this many tokens more.
    fn fill_the_bank(&self, count: usize) {
        for number in 0..count {
            let mut record = self.bank.vendor().record(passport::ACTIVE).unwrap();
            let id = format!("00000000-0000-4000-8000-{number:012}");
            record["token_id"] = json!(id);
            self.bank.vendor().put(&id, record);
        }
    }

    async fn tokens(&self, arguments: &[&str]) -> Ended {
        let ended = Asking::new("tokens")
            .at(&self.url)
            .admin()
            .with(arguments)
            .of("")
            .await;
        let secrets = [
            tibco_asg::ACTIVE,
            tibco_asg::REFRESH_TOKEN,
            passport::BEARER,
            ADMIN_SECRET,
        ];
        for secret in secrets {
            assert!(!ended.output().contains(secret), "{ended:#?}");
        }
        ended
    }
}

#[tokio::test]
async fn a_real_list_is_read_to_its_end_in_each_form() {
    let room = Room::new().await;
    room.fill_the_bank(45);
    let told = "not listed (no list API, or filters unsupported): sso";
    let json = room.tokens(&["--all", "--page-size", "20"]).await.with(0);
    assert!(
        json.stderr.contains(told) && !json.stderr.contains("more records"),
        "{json:#?}"
    );
    let list: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&list["errors"], &list["unlisted"]),
        (&json!([]), &json!(["sso"]))
    );
    assert!(list.get("next_page_token").is_none());
    let records = list["tokens"].as_array().unwrap();
    let of = |provider: &str| {
        records
            .iter()
            .filter(|it| it["provider"] == provider)
            .count()
    };
    assert_eq!((of("bank"), of("legacy")), (48, 4));
    let text =
        |record: &Value, member: &str| record[member].as_str().unwrap_or_default().to_owned();
    let members = ["provider", "state", "jti", "client_id"];
    let listed: Vec<_> = records
        .iter()
        .map(|record| members.map(|member| text(record, member)))
        .collect();
    let ids: BTreeSet<_> = listed
        .iter()
        .filter(|it| it[0] == "bank")
        .map(|it| it[2].clone())
        .collect();
    assert_eq!(ids.len(), 48, "each once");
    for state in ["active", "expired", "unknown"] {
        assert!(
            listed.iter().any(|it| it[1] == state),
            "{state}: {listed:?}"
        );
    }

    let csv = room
        .tokens(&["--all", "--page-size", "20", "--format", "csv"])
        .await
        .with(0);
    assert!(csv.stderr.contains(told), "{csv:#?}");
    let mut rows = csv.stdout.lines();
    assert!(
        rows.next()
            .unwrap()
            .starts_with("provider,state,jti,client_id,"),
        "{csv:#?}"
    );
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), listed.len());
    for (row, cells) in rows.iter().zip(&listed) {
        assert!(row.starts_with(&format!("{},", cells.join(","))), "{row}");
    }
}

#[tokio::test]
async fn pages_of_a_real_list_are_walked_by_hand() {
    let room = Room::new().await;
    let (mut seen, mut token) = (BTreeSet::new(), None::<String>);
    for number in 0.. {
        assert!(number < 9, "it ends");
        let mut words = vec![
            "--provider",
            "bank",
            "--page-size",
            "2",
            "--order",
            "-created_at",
        ];
        words.extend(
            token
                .iter()
                .flat_map(|token| ["--page-token", token.as_str()]),
        );
        let page = room.tokens(&words).await.with(0);
        let list: Value = serde_json::from_str(&page.stdout).unwrap();
        let ids = list["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["jti"].as_str().unwrap().to_owned());
        seen.extend(ids);
        let Some(next) = list["next_page_token"].as_str() else {
            break;
        };
        assert!(
            page.stderr.contains(&format!("--page-token {next}")),
            "{page:#?}"
        );
        token = Some(next.to_owned());
    }
    let expected = [passport::ACTIVE, passport::EXPIRED, passport::READER].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected));
}

#[tokio::test]
async fn filters_reach_the_providers() {
    let room = Room::new().await;
    let ended = room
        .tokens(&["--state", "expired", "--provider", "bank"])
        .await
        .with(0);
    let list: Value = serde_json::from_str(&ended.stdout).unwrap();
    let ids: Vec<_> = list["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["jti"])
        .collect();
    assert_eq!(ids, [passport::EXPIRED]);
    let ended = room
        .tokens(&["--owner", tibco_asg::OWNER_DN, "--format", "jsonl"])
        .await
        .with(0);
    let record: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&record["provider"], &record["sub"]),
        (&json!("legacy"), &json!(tibco_asg::OWNER_DN))
    );
}

#[tokio::test]
async fn a_real_provider_that_is_down_is_named_and_hides_no_other() {
    let room = Room::new().await;
    room.bank.stop();
    let missing = "the records of bank are missing: temporarily_unavailable";
    for format in ["json", "csv"] {
        let ended = room.tokens(&["--format", format]).await.with(3);
        for text in [missing, "filters unsupported): sso", "--page-token "] {
            assert!(ended.stderr.contains(text), "{text}: {ended:#?}");
        }
        assert_eq!(
            ended.stdout.matches(tibco_asg::OWNER_DN).count(),
            1,
            "{ended:#?}"
        );
    }
    room.legacy.next(Fault::Answer(Answer::html(200)));
    let ended = room.tokens(&["--provider", "legacy"]).await.with(3);
    assert!(
        ended
            .stderr
            .contains("the records of legacy are missing: upstream_error"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn unsupported_list_of_a_real_provider_is_1() {
    let room = Room::new().await;
    for arguments in [
        &["--provider", "sso"][..],
        &["--provider", "legacy", "--role", "clerk"],
    ] {
        let ended = room.tokens(arguments).await.with(1);
        assert!(
            ended.stderr.contains("501") && ended.stderr.contains("unsupported"),
            "{ended:#?}"
        );
        assert!(
            ended.stderr.contains("none for these filters"),
            "{ended:#?}"
        );
    }
    for arguments in [&["--provider", "nobody"][..], &["--page-token", "forged"]] {
        let ended = room.tokens(arguments).await.with(1);
        assert!(
            ended.stderr.contains("400") && ended.stderr.contains("invalid_request"),
            "{ended:#?}"
        );
    }
}
