mod paging;

use super::*;
use introspectd_core::{Expiry, Status, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const SAMPLE: &str = include_str!("../../testdata/search.json");
const APP: &str = "ae053aee-f12d-4591-84ef-2e6ae0d4205d";

fn value(text: &str) -> TokenValue {
    TokenValue::parse(text.to_owned()).unwrap()
}

fn record(iat: Option<i64>, created: Value) -> Token {
    let mut token = Token::new(Status::Good, Expiry::Never);
    token.iat = iat.and_then(Timestamp::from_seconds);
    token.details.insert("createdAt".to_owned(), created.into());
    token
}

fn filters(change: impl FnOnce(&mut Filters)) -> Filters {
    let mut filters = Filters::default();
    change(&mut filters);
    filters
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Reads one response: the tokens found, and the start of the next one.
fn read(status: u16, body: &str) -> Result<(Vec<String>, Option<String>), BadAnswer> {
    let mut values = Values::default();
    let next = values.read(StatusCode::from_u16(status).unwrap(), body.as_bytes())?;
    Ok((exposed(values), next.map(|next| next.expose().to_owned())))
}

fn exposed(values: Values) -> Vec<String> {
    let mut exposed: Vec<_> = values
        .into_handled()
        .map(|(_, value)| value.expose().to_owned())
        .collect();
    exposed.sort();
    exposed
}

fn read_with(change: impl FnOnce(&mut Value)) -> Result<(Vec<String>, Option<String>), BadAnswer> {
    let mut found: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut found);
    read(200, &found.to_string())
}

#[test]
fn vendors_sample_is_read() {
    let (found, next) = read_with(|_| {}).unwrap();
    assert_eq!(
        found,
        [
            "25poPXCPOw43s0hJBn6tQYnUb5KF",
            "Qw7eRt2yUi9oPa4sDf6gHj1kLz3x"
        ]
    );
    assert_eq!(next.as_deref(), Some("Zx1cVb3nMq5wEr7tYu9iOp2aSd4f"));
}

#[test]
fn filters_translate_to_searches() {
    let key = "fGytmxA5UDajPMdOA5E3bebiBOBPikOT";
    let search = |app, end_user, client_id| {
        let grant_type = None;
        Ok(Some(Search {
            app,
            end_user,
            client_id,
            grant_type,
        }))
    };
    let unsupported = || Err(Failure::Unsupported);
    for (filters, expected) in [
        (filters(|_| {}), unsupported()),
        (
            filters(|it| it.grant_type = some("password")),
            unsupported(),
        ),
        (filters(|it| it.client_id = some(key)), unsupported()),
        (filters(|it| it.client_id = some("")), unsupported()),
        (
            filters(|it| (it.user_id, it.role) = (some("u"), some("r"))),
            unsupported(),
        ),
        (
            filters(|it| (it.user_id, it.account_id) = (some("u"), some("a"))),
            unsupported(),
        ),
        (
            filters(|it| it.client_id = some(APP)),
            search(Some(APP), None, None),
        ),
        (
            filters(|it| it.user_id = some("u")),
            search(None, Some("u"), None),
        ),
        (
            filters(|it| it.owner = some("u")),
            search(None, Some("u"), None),
        ),
        (
            filters(|it| (it.owner, it.user_id) = (some("u"), some("u"))),
            search(None, Some("u"), None),
        ),
        (
            filters(|it| (it.owner, it.user_id) = (some("u"), some("v"))),
            Ok(None),
        ),
        (
            filters(|it| (it.client_id, it.user_id) = (some(APP), some(""))),
            Ok(None),
        ),
        (
            filters(|it| (it.client_id, it.user_id) = (some(APP), some("u"))),
            search(Some(APP), Some("u"), None),
        ),
        (
            filters(|it| (it.client_id, it.user_id) = (some(key), some("u"))),
            search(None, Some("u"), Some(key)),
        ),
    ] {
        assert_eq!(Search::of(&filters), expected, "{filters:?}");
    }
}

#[test]
fn query_has_the_vendors_parameters() {
    let filters = filters(|it| (it.client_id, it.user_id) = (some(APP), some("u v")));
    let search = Search::of(&filters).unwrap().unwrap();
    assert_eq!(
        search.query(None),
        [("app", APP), ("enduser", "u v"), ("limit", "100")]
    );
    let start = value("t");
    assert_eq!(search.query(Some(&start))[3], ("start", "t"));
}

#[test]
fn only_uuids_are_app_ids() {
    for app in [APP, &APP.to_uppercase()] {
        assert!(is_uuid(app), "{app}");
    }
    for other in [
        "",
        "----",
        APP.trim_start_matches('a'),
        &APP.replace('a', "g"),
        &format!("{APP}-"),
        &APP.replace('-', ""),
    ] {
        assert!(!is_uuid(other), "{other}");
    }
}

#[test]
fn records_that_contradict_the_filters_are_left_out() {
    let mut token = record(None, json!(null));
    token.client_id = some("key");
    token.grant_type = some("password");
    let matches = |change: fn(&mut Filters), token: &Token| {
        let filters = filters(change);
        Search::of(&filters).unwrap().unwrap().matches(token)
    };
    let of_app: fn(&mut Filters) = |it| it.client_id = some(APP);
    let of_client: fn(&mut Filters) = |it| (it.user_id, it.client_id) = (some("u"), some("key"));
    let of_other: fn(&mut Filters) = |it| (it.user_id, it.client_id) = (some("u"), some("KEY"));
    let of_grant: fn(&mut Filters) =
        |it| (it.user_id, it.grant_type) = (some("u"), some("password"));
    for (filters, expected) in [
        (of_app, true),
        (of_client, true),
        (of_other, false),
        (of_grant, true),
    ] {
        assert_eq!(matches(filters, &token), expected);
    }
    token.grant_type = None;
    assert!(!matches(of_grant, &token));
    token
        .details
        .insert("appId".to_owned(), json!(APP.to_uppercase()).into());
    assert!(matches(of_app, &token));
    token.details.insert(
        "appId".to_owned(),
        json!("be053aee-f12d-4591-84ef-2e6ae0d4205d").into(),
    );
    assert!(!matches(of_app, &token));
}

#[test]
fn invalid_lists_are_refused() {
    let member = |name| Err(BadAnswer::member(name));
    for (name, wrong, expected) in [
        ("list", json!(null), member("list")),
        ("list", json!({}), member("list")),
        ("list", json!([5]), member("list[0]")),
        ("list", json!([null]), member("list[0]")),
        ("list", json!([""]), member("list")),
        (
            "list",
            json!(["x".repeat(TokenValue::MAX_BYTES + 1)]),
            member("list"),
        ),
        ("meta", json!(null), Err(BadAnswer::NotAnObject)),
        ("meta", json!(["next"]), Err(BadAnswer::NotAnObject)),
        ("meta", json!({"next": 5}), member("next")),
        ("meta", json!({"next": ["x"]}), member("next")),
        (
            "meta",
            json!({"next": "x".repeat(TokenValue::MAX_BYTES + 1)}),
            member("next"),
        ),
    ] {
        assert_eq!(
            read_with(|found| found[name] = wrong.clone()),
            expected,
            "{name} {wrong}"
        );
    }
    assert_eq!(
        read_with(|found| drop(found.as_object_mut().unwrap().remove("meta"))),
        member("meta")
    );
    for body in [
        "",
        "[]",
        "42",
        "<html>",
        r#"["25poPXCPOw43s0hJBn6tQYnUb5KF"]"#,
    ] {
        assert_eq!(read(200, body), Err(BadAnswer::NotAnObject), "{body}");
    }
    assert_eq!(
        read(200, &SAMPLE.replacen('{', r#"{"list": [],"#, 1)),
        member("list")
    );
}

#[test]
fn only_an_unknown_app_means_no_tokens() {
    let code = |code: &str| json!({"code": format!("keymanagement.service.{code}")}).to_string();
    let refused = |status| Err(BadAnswer::UndocumentedError(status));
    for (status, body, expected) in [
        (404, code("app_id_not_found"), Ok((vec![], None))),
        (400, code("app_id_not_found"), Ok((vec![], None))),
        (400, code("parameters_missing"), refused(400)),
        (400, code("InvalidValueForLimitParam"), refused(400)),
        (400, code("UnsupportedOperationRevoke"), refused(400)),
        (404, code("AccessTokenDoesntExists"), refused(404)),
        (404, "<html>".to_owned(), refused(404)),
        (404, String::new(), refused(404)),
        (409, code("app_id_not_found"), Err(BadAnswer::Status(409))),
        (202, SAMPLE.to_owned(), Err(BadAnswer::Status(202))),
    ] {
        assert_eq!(read(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn search_ends_when_nothing_new_is_found() {
    for last in [json!({}), json!({"next": null}), json!({"next": ""})] {
        assert_eq!(
            read_with(|found| found["meta"] = last.clone()).unwrap().1,
            None,
            "{last}"
        );
    }
    let mut values = Values::default();
    let mut next = |list: &[&str], next: &str| {
        let body = json!({"list": list, "meta": {"next": next}}).to_string();
        values
            .read(StatusCode::OK, body.as_bytes())
            .unwrap()
            .is_some()
    };
    assert!(next(&["a", "b"], "c"));
    // It is undocumented if the start is repeated.
    assert!(next(&["b", "c"], "a"));
    assert!(!next(&["a", "b"], "c"));
    assert!(!next(&[], "c"));
    assert_eq!(exposed(values), ["a", "b", "c"]);
}

#[test]
fn lists_over_the_limit_are_refused() {
    let list = |from: usize, to: usize| {
        let list: Vec<_> = (from..to).map(|n| n.to_string()).collect();
        json!({"list": list, "meta": {"next": "x"}}).to_string()
    };
    assert!(read(200, &list(0, 500)).is_ok());
    assert_eq!(read(200, &list(0, 501)), Err(BadAnswer::TooMany(500)));
    let mut values = Values::default();
    assert!(values.read(StatusCode::OK, list(0, 300).as_bytes()).is_ok());
    assert!(
        values
            .read(StatusCode::OK, list(100, 500).as_bytes())
            .is_ok()
    );
    let more = values.read(StatusCode::OK, list(500, 501).as_bytes());
    assert_eq!(more.map(|_| ()), Err(BadAnswer::TooMany(500)));
}

#[test]
fn handle_is_a_hash_of_its_token() {
    assert_eq!(handle(&value("a")), "17762fddd969a453925d65717ac3eea2");
}

#[test]
fn creation_time_is_as_exact_as_the_record() {
    for (iat, created, expected) in [
        (
            Some(1_343_036_540),
            json!(1_343_036_540_877_i64),
            1_343_036_540_877,
        ),
        (
            Some(1_343_036_540),
            json!(1_343_036_541_000_i64),
            1_343_036_540_000,
        ),
        (Some(1_343_036_540), json!("x"), 1_343_036_540_000),
        (Some(-1), json!(-1), -1),
        (None, json!(7), 7),
        (None, json!(null), i64::MIN),
    ] {
        assert_eq!(
            millis(&record(iat, created.clone())),
            expected,
            "{iat:?} {created}"
        );
    }
}

/// Only a list that has something new goes on, and an error is no list.
#[test]
fn any_response_is_read_or_refused() {
    let unknown = format!(r#"{{"code":"{UNKNOWN_APP}"}}"#);
    let seeds = [SAMPLE.as_bytes(), unknown.as_bytes()];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
            let mut values = Values::default();
            let Ok(next) = values.read(status, bytes) else {
                continue;
            };
            assert!(next.is_none() || !values.0.is_empty());
            assert!(status == StatusCode::OK || values.0.is_empty());
            assert!(values.0.len() <= MAX_VALUES);
            // The same once more: nothing is new.
            assert!(matches!(values.read(status, bytes), Ok(None)));
        }
    });
}

proptest! {
    #[test]
    fn errors_and_positions_never_contain_a_token(
        token in "[A-Za-z0-9]{12,40}",
        place in 0usize..4,
    ) {
        let read = read_with(|found| match place {
            0 => found["list"] = json!([token, 5]),
            1 => found["list"] = json!({&token: token}),
            2 => found["meta"] = json!(token),
            _ => found["meta"]["next"] = json!([token]),
        });
        let shown = format!("{:?}", read.unwrap_err());
        prop_assert!(!shown.contains(&token));
        prop_assert!(!handle(&value(&token)).contains(&token));
    }
}
