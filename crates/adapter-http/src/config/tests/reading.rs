use super::{SERVER, read, read_with, refused};

#[test]
fn conditions_are_those_of_the_contract() {
    refused("active = []", "active", "is empty");
    refused("inactive = []", "inactive", "is empty");
    refused("active = [\"200\"]", "active[0]", "expected a table");
    refused("active = [{}]", "active[0]", "exactly one");
    refused(
        "active = [{ status = 404 }]",
        "active[0].status",
        "no success",
    );
    refused(
        "active = [{ status = \"200\" }]",
        "active[0].status",
        "whole number",
    );
    refused(
        "active = [{ status = 200, exists = true }]",
        "active[0]",
        "exactly one",
    );
    refused(
        "active = [{ pointer = \"/a\" }]",
        "active[0]",
        "exactly one",
    );
    refused(
        "active = [{ equals = true }]",
        "active[0].pointer",
        "is missing",
    );
    refused(
        "active = [{ pointer = \"a\", exists = true }]",
        "active[0].pointer",
        "JSON pointer",
    );
    refused(
        "active = [{ pointer = \"\", exists = true }]",
        "active[0].pointer",
        "whole answer",
    );
    refused(
        "active = [{ pointer = \"/a\", equals = 1.5 }]",
        "active[0].equals",
        "expected true",
    );
    refused(
        "active = [{ pointer = \"/a\", equals = [1] }]",
        "active[0].equals",
        "expected true",
    );
    refused(
        "active = [{ pointer = \"/a\", exists = true, not = true }]",
        "active[0].not",
        "not a known key",
    );
    refused(
        "inactive = [{ status = 200 }]",
        "inactive",
        "no answer is either",
    );
    let missing = SERVER.replace("active = [{ status = 200 }]\n", "");
    assert!(read(&missing).is_err_and(|it| it.iter().any(|it| it.key == "active")));
}

#[test]
fn answer_that_may_be_about_another_application_is_pinned() {
    let without = SERVER.replace("require = { client_id = [\"us\"] }\n", "");
    let problems = read(&without).map(|_| ()).unwrap_err();
    assert_eq!(problems[0].key, "require");
    assert!(problems[0].what.contains("another application"));
    for pin in ["any_application = true", "about = { pointer = \"/token\" }"] {
        assert!(read(&format!("{without}{pin}\n")).is_ok(), "{pin}");
    }
    refused(
        "require = { aud = [\"us\"] }",
        "require.aud",
        "not among claims",
    );
    refused(
        "require = { client_id = [] }",
        "require.client_id",
        "is empty",
    );
    refused(
        "require = { scope = [\"a\"] }",
        "require.scope",
        "cannot be required",
    );
    refused(
        "about = { pointer = \"token\" }",
        "about.pointer",
        "JSON pointer",
    );
}

#[test]
fn token_without_end_has_a_lifetime() {
    let pin = "any_application = true\n";
    let claims = |exp: &str| format!("claims = {{ client_id = \"/client\", exp = {exp} }}");
    for without_end in [
        "{ pointer = \"/e\", absent = \"never\" }",
        "{ pointer = \"/e\", never = [0] }",
    ] {
        refused(&claims(without_end), "lifetime", "is missing");
        assert!(read_with(&format!("{}\nlifetime = \"5m\"", claims(without_end))).is_ok());
    }
    refused(
        "claims = { client_id = \"/client\" }",
        "lifetime",
        "no exp is mapped",
    );
    refused(
        &format!("{pin}lifetime = \"0s\""),
        "lifetime",
        "out of bounds",
    );
    refused(
        &claims("{ pointer = \"/e\", unit = \"h\" }"),
        "claims.exp.unit",
        "no unit",
    );
    refused(
        &claims("{ pointer = \"/e\", unit = \"rfc3339\", as = \"string\" }"),
        "claims.exp.as",
        "for numbers",
    );
    refused(
        &claims("{ pointer = \"/e\", absent = \"active\" }"),
        "claims.exp.absent",
        "must be",
    );
    refused(
        &claims("{ unit = \"s\" }"),
        "claims.exp.pointer",
        "is missing",
    );
    refused(
        "claims = { exp = \"/e\", client_id = \"/client\", subject = \"/s\" }",
        "claims.subject",
        "no claim",
    );
    refused(
        r#"claims = { exp = "/e", client_id = "/client", sub = { pointer = "/s", unit = "s" } }"#,
        "claims.sub.unit",
        "not a known key",
    );
    refused(
        r#"claims = { exp = "/e", client_id = "/client", scope = { pointer = "/s", separator = "" } }"#,
        "claims.scope.separator",
        "is empty",
    );
}

#[test]
fn secrets_are_neither_claims_nor_details() {
    refused(
        "secrets = [\"/client\"]",
        "claims.client_id",
        "one of secrets",
    );
    refused(
        "secrets = [\"/a\"]\ndetails = [\"/a/b\"]",
        "details",
        "one of secrets",
    );
    refused("details = [\"/a/b\", \"/c/b\"]", "details", "twice");
    refused("details = [\"a\"]", "details", "JSON pointer");
    assert!(read_with("secrets = [\"/a/b\"]\ndetails = [\"/a\"]").is_ok());
}

#[test]
fn revocation_and_lookup_are_requests_of_their_own() {
    let revoke =
        |rest: &str| format!("revoke = {{ url = \"https://api.example/{{token}}\", {rest} }}");
    let done = "done = [{ status = 204 }, { status = 401 }]";
    let config = read_with(&revoke(&format!("method = \"DELETE\", {done}"))).unwrap();
    assert!(
        config
            .revoke
            .is_some_and(|it| it.ask.is_refusable && it.done.len() == 2)
    );
    refused(
        &revoke(&format!("method = \"GET\", {done}")),
        "revoke.method",
        "no method",
    );
    refused(&revoke("method = \"DELETE\""), "revoke.done", "is missing");
    refused(
        &revoke("method = \"DELETE\", done = []"),
        "revoke.done",
        "is empty",
    );
    refused(
        r#"revoke = { method = "POST", url = "https://api.example/x", done = [{ status = 200 }] }"#,
        "revoke",
        "names no token",
    );
    let lookup = "lookup = { method = \"GET\", url = \"https://api.example/{token_id}\" }";
    refused(lookup, "lookup", "needs claims.jti");
    let claims = "claims = { exp = \"/exp\", client_id = \"/client\", jti = \"/id\" }";
    assert!(read_with(&format!("{claims}\n{lookup}")).is_ok());
    let by_token = "lookup = { method = \"GET\", url = \"https://api.example/{token}\" }";
    refused(&format!("{claims}\n{by_token}"), "lookup.url", "brace");
    let like = SERVER.replace("GET", "POST");
    let like = format!(
        "{like}{}\n",
        r#"revoke = { method = "POST", url = "https://api.example/info", form = { t = "{token}" }, done = [{ status = 200 }] }"#
    );
    assert!(read(&like).is_err_and(|it| it.iter().any(|it| it.key == "revoke.url")));
}

/// Any TOML is a description or refused, and each refusal names its key and a remedy.
#[test]
fn any_description_is_read_or_refused() {
    let more = format!(
        "{SERVER}secrets = [\"/a\"]\ndetails = [\"/b\"]\nlifetime = \"5m\"\n\
         about = {{ pointer = \"/t\" }}\n"
    );
    let json = SERVER.replace(
        r#"method = "GET", url = "https://api.example/info", headers = { Authorization = "Bearer {token}" }"#,
        r#"method = "POST", url = "https://api.example/{token}", json = { a = ["{token}", 1, { b = true }] }"#,
    );
    let seeds: [&[u8]; 3] = [SERVER.as_bytes(), more.as_bytes(), json.as_bytes()];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        let Ok(toml) = str::from_utf8(bytes) else {
            return;
        };
        match read(toml) {
            Ok(config) => {
                let token = "0123456789abcdef";
                let is_named = config.introspect.request(token).is_some();
                assert!(is_named || config.introspect.target.is_open());
            }
            Err(problems) => {
                assert!(!problems.is_empty());
                assert!(problems.iter().all(|it| !it.remedy.is_empty()));
            }
        }
    });
}
