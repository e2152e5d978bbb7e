//! Servers that describe tokens in ways of their own, with the answers of their documentation.
//!
//! Each [`Api`] knows a live token, one of another application, and nothing else. What is said of
//! any other token is each server's own; so is what is said to wrong credentials, where it takes
//! any. Times count from the moment that the server was created with.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::authorization::bearer;
use crate::clock::epoch_seconds;
use crate::{Answer, Recorded, Vendor};

/// Live token.
pub const ACTIVE: &str = "live-5f1e0d3c9b7a4826a1c4e7d2";
/// Live token of another application.
pub const OF_ANOTHER: &str = "other-0a9c8e7b6d5f4132c1b3a5d7";
/// Token that never existed.
pub const UNKNOWN: &str = "none-000000000000000000000000";
/// Id of our application.
pub const CLIENT_ID: &str = "our-client-id";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "our-client-secret";
/// Token for which the server fails in a documented way, if there is one.
pub const FAILING: &str = "fail-111111111111111111111111";

/// Server, by its documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// <https://cloud.google.com/docs/authentication/token-types#access-contents>
    Google,
    /// <https://docs.gitlab.com/api/oauth2/#retrieve-the-token-information>
    GitLab,
    /// <https://learn.microsoft.com/en-us/linkedin/shared/authentication/token-introspection>
    LinkedIn,
    /// <https://dev.twitch.tv/docs/authentication/validate-tokens>
    Twitch,
    /// <https://docs.slack.dev/reference/methods/auth.test>
    Slack,
    /// <https://discord.com/developers/docs/topics/oauth2#get-current-authorization-information>
    Discord,
    /// <https://developers.facebook.com/docs/graph-api/reference/v21.0/debug_token>
    Facebook,
    /// <https://openid.net/specs/openid-connect-core-1_0.html#UserInfo>
    UserInfo,
    /// <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/>
    TokenReview,
}

/// Server of one API.
pub struct TokenInfo {
    api: Api,
    now: u64,
}

/// Token that a request is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Ours,
    Theirs,
    Failing,
    No,
}

impl TokenInfo {
    /// Creates a server whose live tokens end an hour after `now`, where they end.
    pub fn new(api: Api, now: SystemTime) -> Self {
        let now = epoch_seconds(now);
        Self { api, now }
    }
}

impl Vendor for TokenInfo {
    fn answer(&self, request: &Recorded) -> Answer {
        let call = (request.method.as_str(), request.path());
        let now = self.now;
        match (self.api, call) {
            (Api::Google, ("GET", "/tokeninfo")) => google(of_query(request, "access_token"), now),
            (Api::Google, ("POST", "/revoke")) => match of_form(request, "token") {
                Known::No => Answer::json(400, invalid_token()),
                Known::Ours | Known::Theirs | Known::Failing => Answer::json(200, json!({})),
            },
            (Api::GitLab, ("GET", "/oauth/token/info")) => gitlab(of_bearer(request), now),
            (Api::LinkedIn, ("POST", "/oauth/v2/introspectToken")) => linkedin(request, now),
            (Api::Twitch, ("GET", "/oauth2/validate")) => twitch(of_scheme(request, "OAuth ")),
            (Api::Slack, ("POST", "/api/auth.test")) => slack(of_bearer(request)),
            (Api::Discord, ("GET", "/api/v10/oauth2/@me")) => discord(of_bearer(request), now),
            (Api::Facebook, ("GET", "/v21.0/debug_token")) => facebook(request, now),
            (Api::UserInfo, ("GET", "/userinfo")) => userinfo(of_bearer(request)),
            (Api::TokenReview, ("POST", "/apis/authentication.k8s.io/v1/tokenreviews")) => {
                token_review(request)
            }
            _ => Answer::html(404),
        }
    }
}

fn known(token: &str) -> Known {
    match token {
        ACTIVE => Known::Ours,
        OF_ANOTHER => Known::Theirs,
        FAILING => Known::Failing,
        _ => Known::No,
    }
}

fn of_bearer(request: &Recorded) -> Known {
    bearer(request).map_or(Known::No, known)
}

fn of_scheme(request: &Recorded, scheme: &str) -> Known {
    let token = request.header("authorization");
    let token = token.and_then(|value| value.strip_prefix(scheme));
    token.map_or(Known::No, known)
}

fn of_query(request: &Recorded, name: &str) -> Known {
    let query = request.query();
    let token = query.iter().find(|(present, _)| present == name);
    token.map_or(Known::No, |(_, token)| known(token))
}

fn of_form(request: &Recorded, name: &str) -> Known {
    let form = request.form();
    let token = form.iter().find(|(present, _)| present == name);
    token.map_or(Known::No, |(_, token)| known(token))
}

fn client(known: Known) -> &'static str {
    match known {
        Known::Theirs => "another-client-id",
        Known::Ours | Known::Failing | Known::No => CLIENT_ID,
    }
}

fn invalid_token() -> Value {
    json!({"error": "invalid_token", "error_description": "Invalid Value"})
}

/// Numbers and booleans are strings.
fn google(known: Known, now: u64) -> Answer {
    if known == Known::No {
        return Answer::json(400, invalid_token());
    }
    let record = json!({
        "azp": client(known),
        "aud": client(known),
        "sub": "110248495921238986420",
        "scope": "https://www.googleapis.com/auth/userinfo.email openid",
        "exp": (now + 3600).to_string(),
        "expires_in": "3600",
        "email": "jdoe@example.com",
        "email_verified": "true",
        "access_type": "online",
    });
    Answer::json(200, record)
}

fn gitlab(known: Known, now: u64) -> Answer {
    if known == Known::No {
        let refusal = json!({
            "error": "invalid_token",
            "error_description": "The access token is invalid",
            "state": "unauthorized",
        });
        return Answer::json(401, refusal);
    }
    let record = json!({
        "resource_owner_id": 1,
        "scope": ["api"],
        "expires_in": 3600,
        "application": {"uid": client(known)},
        "created_at": now,
    });
    Answer::json(200, record)
}

fn linkedin(request: &Recorded, now: u64) -> Answer {
    let form = request.form();
    let has = |name: &str, value: &str| form.iter().any(|it| it.0 == name && it.1 == value);
    if !has("client_id", CLIENT_ID) || !has("client_secret", CLIENT_SECRET) {
        let error =
            json!({"error": "invalid_client", "error_description": "Client authentication failed"});
        return Answer::json(401, error);
    }
    let known = of_form(request, "token");
    if known == Known::No {
        return Answer::json(200, json!({"active": false}));
    }
    let record = json!({
        "active": true,
        "client_id": client(known),
        "authorized_at": now,
        "created_at": now,
        "status": "active",
        "expires_at": now + 3600,
        "scope": "r_liteprofile,r_emailaddress,w_member_social",
        "auth_type": "3L",
    });
    Answer::json(200, record)
}

fn twitch(known: Known) -> Answer {
    if known == Known::No {
        let refusal = json!({"status": 401, "message": "invalid access token"});
        return Answer::json(401, refusal);
    }
    let record = json!({
        "client_id": client(known),
        "login": "twitchdev",
        "scopes": ["channel:read:subscriptions"],
        "user_id": "141981764",
        "expires_in": 5_520_838,
    });
    Answer::json(200, record)
}

/// Each failure is a 200.
fn slack(known: Known) -> Answer {
    let team = match known {
        Known::No => return Answer::json(200, json!({"ok": false, "error": "invalid_auth"})),
        Known::Failing => return Answer::json(200, json!({"ok": false, "error": "fatal_error"})),
        Known::Ours => "T12345678",
        Known::Theirs => "T87654321",
    };
    let record = json!({
        "ok": true,
        "url": "https://subarachnoid.slack.com/",
        "team": "Subarachnoid Workspace",
        "user": "grace",
        "team_id": team,
        "user_id": "W12345678",
    });
    Answer::json(200, record)
}

fn discord(known: Known, now: u64) -> Answer {
    if known == Known::No {
        return Answer::json(401, json!({"message": "401: Unauthorized", "code": 0}));
    }
    let end = crate::clock::rfc3339_millis(
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(now + 3600),
    );
    let record = json!({
        "application": {
            "id": client(known),
            "name": "AIRHORN SOLUTIONS",
            "icon": "f03590d3eb764081d154a66340ea7d6d",
            "description": "",
            "hook": true,
            "bot_public": true,
            "bot_require_code_grant": false,
            "verify_key": "c8cde6a3c8c6e49d86af3191287b3ce255872be1fff6dc285bdb420c06a2c3c8",
        },
        "scopes": ["guilds.join", "identify"],
        "expires": end.replace('Z', "000+00:00"),
        "user": {
            "id": "268473310986240001",
            "username": "discord",
            "avatar": "f749bb0cbeeb26ef21eca719337d20f1",
            "discriminator": "0001",
            "public_flags": 131_072,
        },
    });
    Answer::json(200, record)
}

/// Wrong credentials are an `error` at the top, a bad token is one in `data`.
fn facebook(request: &Recorded, now: u64) -> Answer {
    let query = request.query();
    let ours = format!("{CLIENT_ID}|{CLIENT_SECRET}");
    if !query
        .iter()
        .any(|it| it.0 == "access_token" && it.1 == ours)
    {
        let error = json!({
            "message": "Invalid OAuth access token.",
            "type": "OAuthException",
            "code": 190,
        });
        return Answer::json(400, json!({"error": error}));
    }
    let known = of_query(request, "input_token");
    if known == Known::No {
        let error = json!({"code": 190, "message": "Malformed access token"});
        let data = json!({"error": error, "is_valid": false, "scopes": []});
        return Answer::json(200, json!({"data": data}));
    }
    let data = json!({
        "app_id": client(known),
        "type": "USER",
        "application": "Social Cafe",
        "expires_at": now + 3600,
        "is_valid": true,
        "issued_at": now,
        "metadata": {"sso": "iphone-safari"},
        "scopes": ["email", "publish_actions"],
        "user_id": "1207059",
    });
    Answer::json(200, json!({"data": data}))
}

fn userinfo(known: Known) -> Answer {
    if known == Known::No {
        let challenge = "Bearer error=\"invalid_token\"";
        return Answer::empty(401).with_header("www-authenticate", challenge);
    }
    let record = json!({
        "sub": "248289761001",
        "name": "Jane Doe",
        "given_name": "Jane",
        "family_name": "Doe",
        "preferred_username": "j.doe",
        "email": "janedoe@example.com",
        "picture": "http://example.com/janedoe/me.jpg",
    });
    Answer::json(200, record)
}

/// A token that is not authenticated has no `authenticated`: false is left out.
fn token_review(request: &Recorded) -> Answer {
    if bearer(request) != Some(CLIENT_SECRET) {
        let status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        });
        return Answer::json(401, status);
    }
    let mut review: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let token = review.pointer("/spec/token").and_then(Value::as_str);
    let known = token.map_or(Known::No, known);
    let status = match known {
        Known::No => {
            json!({"user": {}, "error": "[invalid bearer token]"})
        }
        // Another audience than the requested one is no authentication.
        Known::Theirs => {
            json!({"user": {}, "error": "token audiences is invalid for the target"})
        }
        Known::Ours | Known::Failing => json!({
            "authenticated": true,
            "user": {
                "username": "system:serviceaccount:default:client",
                "uid": "5a8a4a5e-3f2b-4a1e-9d39-7bcb4b7e1f0c",
                "groups": [
                    "system:serviceaccounts",
                    "system:serviceaccounts:default",
                    "system:authenticated",
                ],
                "extra": {"authentication.kubernetes.io/pod-name": ["client-0"]},
            },
            "audiences": ["orders"],
        }),
    };
    if let Some(members) = review.as_object_mut() {
        members.insert("metadata".to_owned(), json!({"creationTimestamp": null}));
        members.insert("status".to_owned(), status);
    }
    Answer::json(201, review)
}
