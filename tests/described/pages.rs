//! One case for each page.

use std::sync::Arc;

use introspectd_simulators::github::{self, GitHub};
use introspectd_simulators::token_info::{self, Api, TokenInfo};
use introspectd_simulators::{Answer, Fault, Vendor};
use introspectd_tests::{NOW, now};
use serde_json::{Value, json};

use crate::{Described, described_pages};

/// Page, and what its section makes of the server's answers.
struct Case {
    page: &'static str,
    /// Beginning of the server's URLs on the page, several for a server with several hosts.
    addresses: &'static [&'static str],
    server: fn() -> Arc<dyn Vendor>,
    /// Our credentials, and the same gone wrong. None where the server takes none.
    secrets: &'static [(&'static str, &'static str)],
    active: fn() -> Value,
    has_revocation: bool,
    /// The server says of a live token which application it is for.
    is_pinned: bool,
    token: &'static str,
    of_another: &'static str,
    unknown: &'static str,
}

/// Parts that most cases share.
const CASE: Case = Case {
    page: "",
    addresses: &[],
    server: || Arc::new(TokenInfo::new(Api::Google, now())),
    secrets: &[],
    active: || Value::Null,
    has_revocation: false,
    is_pinned: true,
    token: token_info::ACTIVE,
    of_another: token_info::OF_ANOTHER,
    unknown: token_info::UNKNOWN,
};

const GITHUB: Case = Case {
    page: "github.md",
    addresses: &["https://api.github.com"],
    server: || Arc::new(GitHub::new(now())),
    secrets: &[("GITHUB_SECRET", github::CLIENT_SECRET)],
    active: || {
        json!({
            "active": true,
            "scope": "public_repo user",
            "client_id": github::CLIENT_ID,
            "username": "octocat",
            "exp": NOW + 3600,
            "iat": NOW,
            "sub": "1",
            "iss": "https://github.com",
            "provider": "github",
            "details": {"note": "optional note"},
        })
    },
    has_revocation: true,
    token: github::ACTIVE,
    of_another: github::OF_ANOTHER,
    unknown: github::UNKNOWN,
    ..CASE
};

const GOOGLE: Case = Case {
    page: "google.md",
    addresses: &["https://oauth2.googleapis.com"],
    active: || {
        json!({
            "active": true,
            "scope": "https://www.googleapis.com/auth/userinfo.email openid",
            "client_id": "our-client-id",
            "aud": "our-client-id",
            "exp": NOW + 3600,
            "sub": "110248495921238986420",
            "iss": "https://accounts.google.com",
            "provider": "google",
            "details": {
                "email": "jdoe@example.com",
                "email_verified": "true",
                "access_type": "online",
            },
        })
    },
    has_revocation: true,
    ..CASE
};

const GITLAB: Case = Case {
    page: "gitlab.md",
    addresses: &["https://gitlab.example/oauth"],
    server: || Arc::new(TokenInfo::new(Api::GitLab, now())),
    active: || {
        json!({
            "active": true,
            "scope": "api",
            "client_id": "our-client-id",
            "exp": NOW + 3600,
            "iat": NOW,
            "sub": "1",
            "iss": "https://gitlab.example",
            "provider": "gitlab",
        })
    },
    ..CASE
};

const LINKEDIN: Case = Case {
    page: "linkedin.md",
    addresses: &["https://www.linkedin.com/oauth"],
    server: || Arc::new(TokenInfo::new(Api::LinkedIn, now())),
    secrets: &[("LINKEDIN_SECRET", token_info::CLIENT_SECRET)],
    active: || {
        json!({
            "active": true,
            "scope": "r_liteprofile r_emailaddress w_member_social",
            "client_id": "our-client-id",
            "exp": NOW + 3600,
            "iat": NOW,
            "iss": "https://www.linkedin.com",
            "provider": "linkedin",
            "details": {"auth_type": "3L"},
        })
    },
    ..CASE
};

const TWITCH: Case = Case {
    page: "twitch.md",
    addresses: &["https://id.twitch.tv/oauth2/validate"],
    server: || Arc::new(TokenInfo::new(Api::Twitch, now())),
    active: || {
        json!({
            "active": true,
            "scope": "channel:read:subscriptions",
            "client_id": "our-client-id",
            "username": "twitchdev",
            "exp": NOW + 5_520_838,
            "sub": "141981764",
            "iss": "https://id.twitch.tv/oauth2",
            "provider": "twitch",
        })
    },
    ..CASE
};

const SLACK: Case = Case {
    page: "slack.md",
    addresses: &["https://slack.com/api"],
    server: || Arc::new(TokenInfo::new(Api::Slack, now())),
    active: || {
        json!({
            "active": true,
            "username": "grace",
            "aud": "T12345678",
            "sub": "W12345678",
            "iss": "https://slack.com",
            "provider": "slack",
            "details": {"team": "Subarachnoid Workspace"},
        })
    },
    ..CASE
};

const DISCORD: Case = Case {
    page: "discord.md",
    addresses: &["https://discord.com/api"],
    server: || Arc::new(TokenInfo::new(Api::Discord, now())),
    active: || {
        json!({
            "active": true,
            "scope": "guilds.join identify",
            "client_id": "our-client-id",
            "username": "discord",
            "exp": NOW + 3600,
            "sub": "268473310986240001",
            "iss": "https://discord.com",
            "provider": "discord",
        })
    },
    ..CASE
};

const FACEBOOK: Case = Case {
    page: "facebook.md",
    addresses: &["https://graph.facebook.com"],
    server: || Arc::new(TokenInfo::new(Api::Facebook, now())),
    secrets: &[("FACEBOOK_APP_TOKEN", "our-client-id|our-client-secret")],
    active: || {
        json!({
            "active": true,
            "scope": "email publish_actions",
            "client_id": "our-client-id",
            "exp": NOW + 3600,
            "iat": NOW,
            "sub": "1207059",
            "iss": "https://www.facebook.com",
            "provider": "facebook",
            "details": {"type": "USER"},
        })
    },
    ..CASE
};

const USERINFO: Case = Case {
    page: "openid-userinfo.md",
    addresses: &["https://idp.example/userinfo"],
    server: || Arc::new(TokenInfo::new(Api::UserInfo, now())),
    active: || {
        json!({
            "active": true,
            "username": "j.doe",
            "sub": "248289761001",
            "iss": "https://idp.example",
            "provider": "userinfo",
        })
    },
    is_pinned: false,
    ..CASE
};

const KUBERNETES: Case = Case {
    page: "kubernetes.md",
    addresses: &["https://kubernetes.default.svc/"],
    server: || Arc::new(TokenInfo::new(Api::TokenReview, now())),
    secrets: &[("KUBERNETES_TOKEN", token_info::CLIENT_SECRET)],
    active: || {
        json!({
            "active": true,
            "username": "system:serviceaccount:default:client",
            "sub": "system:serviceaccount:default:client",
            "aud": ["orders"],
            "iss": "https://kubernetes.default.svc.cluster.local",
            "provider": "kubernetes",
            "roles": [
                "system:serviceaccounts",
                "system:serviceaccounts:default",
                "system:authenticated",
            ],
        })
    },
    ..CASE
};

const CASES: [&Case; 10] = [
    &GITHUB,
    &GOOGLE,
    &GITLAB,
    &LINKEDIN,
    &TWITCH,
    &SLACK,
    &DISCORD,
    &FACEBOOK,
    &USERINFO,
    &KUBERNETES,
];

impl Case {
    async fn open(&self, secrets: &[(&str, &str)]) -> Described {
        let [address] = self.addresses else {
            panic!("{} has several addresses", self.page);
        };
        // A path within the address stays: what is replaced is the host.
        let host = address
            .match_indices('/')
            .nth(2)
            .map_or(*address, |(at, _)| address.split_at(at).0);
        let section = crate::section(self.page);
        let issuer = section
            .lines()
            .find(|line| line.starts_with("issuer"))
            .unwrap()
            .to_owned();
        let section = section.replace(&issuer, "issuer = PLACE");
        let section = section.replace(host, "https://server.test");
        let section = section.replace("issuer = PLACE", &issuer);
        Described::open_with(
            &section,
            "https://server.test",
            (self.server)(),
            secrets,
            "",
        )
        .await
    }

    async fn holds(&self) {
        let room = self.open(self.secrets).await;
        let reply = room.ask(self.token).await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, (self.active)()),
            "{}",
            self.page
        );
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(!text.contains(self.token), "{text}");
        assert_eq!(room.ask(self.token).await.cache(), Some("hit"));

        room.ask(self.unknown).await.assert_inactive();
        if self.is_pinned {
            room.ask(self.of_another).await.assert_inactive();
        }
        self.fails_where_nothing_is_said(&room).await;
        self.never_calls_a_token_inactive_for_wrong_credentials()
            .await;
        if self.has_revocation {
            assert_eq!(room.revoke(self.token).await.status, 200, "{}", self.page);
            room.ask(self.token).await.assert_inactive();
        }
    }

    async fn fails_where_nothing_is_said(&self, room: &Described) {
        for (number, answer) in [
            Answer::html(200),
            Answer::json(200, json!([])),
            Answer::json(201, json!([])),
            Answer::json(201, json!({"status": "Failure"})),
            Answer::json(404, json!({"x": 1})),
            Answer::html(500),
            Answer::redirect("https://elsewhere.example/"),
        ]
        .into_iter()
        .enumerate()
        {
            // GitHub's 404 is about the token, whatever its body is.
            if self.page == "github.md" && answer.status == 404 {
                continue;
            }
            room.server.next(Fault::Answer(answer.clone()));
            let reply = room.ask(&format!("unheard-of-{number}-89abcdef")).await;
            assert_eq!(reply.status, 502, "{} {answer:?}", self.page);
        }
        for status in [429, 502, 503] {
            room.server.next(Fault::Answer(Answer::html(status)));
            let reply = room.ask(&format!("unheard-of-{status}-89abcdef")).await;
            assert_eq!(reply.status, 503, "{} {status}", self.page);
        }
        // What lacks everything names no application, or says nothing.
        room.server
            .next(Fault::Answer(Answer::json(200, json!({}))));
        let reply = room.ask("unheard-of-empty-89abcdef").await;
        if reply.status == 200 {
            reply.assert_inactive();
        } else {
            reply.assert_problem(502, "upstream_error", None);
        }
    }

    async fn never_calls_a_token_inactive_for_wrong_credentials(&self) {
        if self.secrets.is_empty() {
            return;
        }
        let wrong: Vec<_> = self
            .secrets
            .iter()
            .map(|(name, _)| (*name, "wrong"))
            .collect();
        let room = self.open(&wrong).await;
        for token in [self.token, self.unknown] {
            let reply = room.ask(token).await;
            reply.assert_problem(502, "upstream_error", None);
        }
    }
}

macro_rules! cases {
    ($($name:ident: $case:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            $case.holds().await;
        }
    )* };
}

cases! {
    github_page_is_right: GITHUB,
    google_page_is_right: GOOGLE,
    gitlab_page_is_right: GITLAB,
    linkedin_page_is_right: LINKEDIN,
    twitch_page_is_right: TWITCH,
    slack_page_is_right: SLACK,
    discord_page_is_right: DISCORD,
    facebook_page_is_right: FACEBOOK,
    userinfo_page_is_right: USERINFO,
    kubernetes_page_is_right: KUBERNETES,
}

#[test]
fn every_described_page_has_a_case() {
    let mut cases: Vec<_> = CASES.iter().map(|case| case.page.to_owned()).collect();
    cases.sort();
    assert_eq!(described_pages(), cases);
}

#[tokio::test]
async fn slack_failure_that_is_not_about_the_token_is_an_error() {
    let room = SLACK.open(&[]).await;
    let reply = room.ask(token_info::FAILING).await;
    reply.assert_problem(502, "upstream_error", None);
}

#[tokio::test]
async fn github_token_without_an_end_is_active_without_exp() {
    let room = GITHUB.open(GITHUB.secrets).await;
    let answer = room.ask(github::ENDLESS).await.json();
    assert_eq!((&answer["active"], answer.get("exp")), (&json!(true), None));
    room.ask(github::STALE).await.assert_inactive();
    room.ask(github::REVOKED).await.assert_inactive();
}
