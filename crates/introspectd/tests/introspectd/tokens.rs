use introspectd_simulators::{Answer, Fault, Simulator, Vendor};
use serde_json::{Value, json};

use crate::asking::{ADMIN_CONFIG, Asking, page, url};
use crate::program::{Ended, Folder, run};
use crate::server::Server;

/// A server that gives these answers in turn.
async fn server(answers: impl IntoIterator<Item = Answer>) -> Simulator<impl Vendor> {
    let server = page().await;
    for answer in answers {
        server.next(Fault::Answer(answer));
    }
    server
}

fn at(url: &str) -> Asking<'_> {
    Asking::new("tokens").at(url).admin()
}

/// Runs it with these arguments before such a server, and says what was asked.
async fn asked(
    answers: impl IntoIterator<Item = Answer>,
    arguments: &[&str],
) -> (Ended, Vec<String>) {
    let server = server(answers).await;
    let ended = at(&server.base_url()).with(arguments).of("").await;
    (
        ended,
        server
            .requests()
            .into_iter()
            .map(|request| request.target)
            .collect(),
    )
}

fn first() -> Answer {
    let tokens = json!([record("1"), record("2")]);
    Answer::json(
        200,
        json!({"tokens": tokens, "next_page_token": "-a+/", "errors": [], "unlisted": ["sso"]}),
    )
}

fn last() -> Answer {
    Answer::json(
        200,
        json!({"tokens": [record("3")], "errors": [], "unlisted": ["sso"]}),
    )
}

fn down() -> Answer {
    let failed =
        json!([{"provider": "bank", "error": "unavailable", "error_description": "refused"}]);
    Answer::json(
        200,
        json!({"tokens": [], "retry_page_token": "-a+/", "errors": failed, "unlisted": []}),
    )
    .with_header("retry-after", "0")
}

fn record(id: &str) -> Value {
    json!({
        "state": "active", "provider": "bank", "jti": id, "client_id": "orders", "exp": 7200,
        "scope": "a b",
    })
}

#[tokio::test]
async fn each_filter_is_asked_for_as_it_was_given() {
    let arguments = [
        ("--provider", "bank", "provider=bank"),
        ("--owner", "a&b=c", "owner=a%26b%3Dc"),
        ("--client-id", "é", "client_id=%C3%A9"),
        ("--user-id", "u", "user_id=u"),
        ("--account-id", "a", "account_id=a"),
        ("--grant-type", "password", "grant_type=password"),
        ("--role", "clerk", "role=clerk"),
        ("--state", "not_yet_valid", "state=not_yet_valid"),
        ("--order", "-created_at", "order=-created_at"),
        ("--page-size", "200", "page_size=200"),
        ("--page-token", "-x", "page_token=-x"),
    ];
    let words: Vec<_> = arguments
        .iter()
        .flat_map(|(name, value, _)| [*name, *value])
        .collect();
    let (ended, asked) = asked([last()], &words).await;
    ended.with(0);
    let query = arguments.map(|(.., parameter)| parameter).join("&");
    assert_eq!(asked, [format!("/v1/tokens?{query}")]);
}

#[tokio::test]
async fn elsewhere_than_at_a_terminal_it_prints_json() {
    let (ended, asked) = asked([first()], &[]).await;
    let ended = ended.with(0);
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    let tokens = json!([record("1"), record("2")]);
    let expected =
        json!({"tokens": tokens, "next_page_token": "-a+/", "errors": [], "unlisted": ["sso"]});
    assert_eq!(printed, expected);
    for text in [
        "more records",
        "--all",
        "--page-token -a+/",
        "filters unsupported): sso",
    ] {
        assert!(ended.stderr.contains(text), "{text}: {ended:#?}");
    }
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn all_pages_are_one_list_whatever_its_form() {
    for (format, records) in [("json", 3), ("jsonl", 3), ("csv", 3), ("table", 3)] {
        let (ended, asked) = asked([first(), last()], &["--all", "--format", format]).await;
        let ended = ended.with(0);
        assert_eq!(asked, ["/v1/tokens?", "/v1/tokens?page_token=-a%2B%2F"]);
        assert!(!ended.stderr.contains("more records"), "{ended:#?}");
        let count = match format {
            "json" => {
                let list: Value = serde_json::from_str(&ended.stdout).unwrap();
                assert_eq!(list["errors"], json!([]));
                assert_eq!(list["unlisted"], json!(["sso"]));
                assert!(list.get("next_page_token").is_none());
                list["tokens"].as_array().unwrap().len()
            }
            "jsonl" => ended
                .stdout
                .lines()
                .filter(|line| serde_json::from_str::<Value>(line).is_ok())
                .count(),
            // A header, once.
            _ => ended.stdout.lines().count() - 1,
        };
        assert_eq!(count, records, "{format}: {ended:#?}");
    }
}

#[tokio::test]
async fn a_record_is_printed_as_it_came() {
    let record = r#"{"z":1,"a":12345678901234567890.5,"scope":"\u001b[2J"}"#;
    let answer = format!(r#"{{"tokens":[{}]}}"#, record.replace(',', ",\n"));
    let answer = || Answer::text(200, "application/json", answer.clone());
    for format in ["json", "jsonl"] {
        let ended = asked([answer()], &["--format", format]).await.0.with(0);
        assert!(
            ended.stdout.contains(&record.replace(',', ", ")),
            "{ended:#?}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_comes_back_is_listed_after_all() {
    let (ended, asked) = asked(
        [first(), down(), down(), last()],
        &["--all", "--format", "jsonl"],
    )
    .await;
    let ended = ended.with(0);
    assert_eq!((asked.len(), ended.stdout.lines().count()), (4, 3));
    assert!(!ended.stderr.contains("bank"), "{ended:#?}");
}

#[tokio::test]
async fn a_provider_that_stays_away_is_named_and_3() {
    let answers = || [first(), down(), down(), down(), down(), last()];
    let (ended, asked) = asked(answers(), &["--all", "--format", "json"]).await;
    let ended = ended.with(3);
    assert_eq!(asked.len(), 5, "it is not asked for ever");
    for text in [
        "bank",
        "unavailable",
        "refused",
        "to retry the providers that failed, add --page-token -a+/",
    ] {
        assert!(ended.stderr.contains(text), "{text}: {ended:#?}");
    }
    let list: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&list["errors"][0]["provider"], &list["retry_page_token"]),
        (&json!("bank"), &json!("-a+/"))
    );
    assert!(list.get("next_page_token").is_none());
    assert_eq!(list["tokens"].as_array().unwrap().len(), 2);
    asked_once(down()).await.with(3);
}

async fn asked_once(answer: Answer) -> Ended {
    asked([answer], &[]).await.0
}

#[tokio::test]
async fn refusals_have_the_usual_exit_codes() {
    let error = |status| Answer::json(status, json!({"error": "unsupported"}));
    for (status, code) in [(400, 1), (401, 1), (403, 1), (501, 1), (500, 3), (503, 3)] {
        let ended = asked_once(error(status)).await.with(code);
        assert!(
            ended.stderr.contains(&status.to_string()) && ended.stdout.is_empty(),
            "{ended:#?}"
        );
    }
    for answer in [
        Answer::html(200),
        Answer::garbage(),
        Answer::json(200, json!({})),
    ] {
        let ended = asked_once(answer).await.with(3);
        assert!(
            ended.stderr.contains("is this an introspectd server?"),
            "{ended:#?}"
        );
    }
    at("unix:/no/such.sock").of("").await.with(3);
}

#[tokio::test]
async fn a_list_that_is_cut_off_does_not_look_whole() {
    let (ended, _) = asked([first(), Answer::html(503)], &["--all"]).await;
    let ended = ended.with(3);
    assert!(
        serde_json::from_str::<Value>(&ended.stdout).is_err(),
        "{ended:#?}"
    );
    assert!(
        ended
            .stderr
            .contains("continue from there, add --page-token -a+/"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let (ended, _) = asked(
        [Answer::text(
            200,
            "application/json",
            vec![b' '; (64 << 20) + 1],
        )],
        &[],
    )
    .await;
    let ended = ended.with(3);
    assert!(ended.stderr.contains("length limit"), "{ended:#?}");
}

#[tokio::test]
async fn wrong_usage_is_2_and_reaches_no_server() {
    for (arguments, told) in [
        (&["--state", "live"][..], "not_yet_valid"),
        (&["--order", "exp"], "-created_at"),
        (&["--page-size", "0"], "--page-size"),
        (&["--page-size", "201"], "--page-size"),
        (&["--client-id", ""], "--client-id"),
        (&["--format", "xml"], "jsonl"),
        (&["sso_a-token"], "Usage:"),
    ] {
        let (ended, asked) = asked([last()], arguments).await;
        let ended = ended.with(2);
        assert!(
            ended.stderr.contains(told) && !ended.stderr.contains("sso_a-token"),
            "{ended:#?}"
        );
        assert!(asked.is_empty());
    }
}

#[tokio::test]
async fn at_a_terminal_it_prints_a_table_of_its_width() {
    let server = server([]).await;
    let client = "a-client-with-a-name-that-is-longer-than-it-should-be";
    let mut record = record("249a0a2e-028a-4e15-a841-de9fd4e4cd84");
    record["client_id"] = json!(client);
    record["sub"] = json!("\u{1b}]0;title\u{7}\u{9b}2J");
    let table = async |line: &str| {
        server.next(Fault::Answer(Answer::json(
            200,
            json!({"tokens": [record]}),
        )));
        at(&server.base_url())
            .in_a_terminal(line, "")
            .await
            .with(0)
            .stdout
    };
    let wide = table(r#"stty rows 24 cols 250; "$@""#).await;
    assert!(wide.contains("STATE") && wide.contains(client), "{wide}");
    assert!(
        wide.contains(r"\u001b]0;title\u0007\u009b2J") && !wide.contains(['\u{1b}', '\u{9b}']),
        "{wide}"
    );
    // One that does not say how wide it is counts as one of 80.
    for size in ["rows 24 cols 80", "rows 0 cols 0"] {
        let narrow = table(&format!("stty {size}; \"$@\"")).await;
        assert!(
            narrow.contains("a-cl") && !narrow.contains(client),
            "{narrow}"
        );
        assert!(
            narrow.contains("249a0a2e-028a-4e15-a841-de9fd4e4cd84"),
            "an id is never cut: {narrow}"
        );
        assert!(
            narrow
                .lines()
                .all(|line| line.trim_end().chars().count() <= 80),
            "{narrow}"
        );
    }
}

#[tokio::test]
async fn other_forms_at_a_terminal_are_harmless_too() {
    for format in ["json", "jsonl", "csv"] {
        let mut record = record("\u{9b}2J\u{202e}");
        record["client_id"] = json!("\u{1b}[2J");
        let failed = json!([{"provider": "\u{9b}1m", "error": "\u{1b}[1m"}]);
        let answer = json!({"tokens": [record], "errors": failed, "unlisted": ["\u{1b}[3m"]});
        let server = server([Answer::json(200, answer)]).await;
        let url = server.base_url();
        let shown = at(&url)
            .with(&["--format", format])
            .in_a_terminal(r#""$@""#, "")
            .await
            .with(3)
            .stdout;
        assert!(
            !shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{format}: {shown:?}"
        );
        assert!(shown.contains(r"\u009b2J\u202e"), "{format}: {shown:?}");
    }
}

#[tokio::test]
async fn progress_is_shown_at_a_terminal_and_nowhere_else() {
    let run = async |line: &str| {
        let server = server([first(), down(), last()]).await;
        let url = server.base_url();
        at(&url)
            .with(&["--all"])
            .env("TERM", "xterm")
            .in_a_terminal(line, "")
            .await
            .with(0)
            .stdout
    };
    let shown = run(r#""$@" > out"#).await;
    assert!(
        shown.contains("2 tokens, without those of bank"),
        "{shown:?}"
    );
    let shown = run(r#""$@" 2> out"#).await;
    assert!(
        !shown.contains("2 tokens") && shown.contains("STATE"),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_questions() {
    let server = server([first(), last()]).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Folder::new().command();
    command
        .current_dir("/")
        .args(["tokens", "--all", "--server", &server.base_url()])
        .stdout(writer);
    let ended = run(command, "").await.with(0);
    assert_eq!((ended.stderr.as_str(), server.count()), ("", 1));
}

#[tokio::test]
async fn a_caller_needs_the_permission() {
    let server = Server::start_with(ADMIN_CONFIG).await;
    let url = url(&server);
    let ended = Asking::new("tokens").at(&url).edge().of("").await.with(1);
    assert!(
        ended.stderr.contains("403") && ended.stderr.contains("access_denied"),
        "{ended:#?}"
    );
    assert_eq!(ended.stdout, "");
    assert_eq!(
        at(&url).of("").await.with(0).stdout,
        "{\"tokens\":[],\"errors\":[],\"unlisted\":[]}\n"
    );
}
