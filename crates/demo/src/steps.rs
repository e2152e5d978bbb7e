//! The questions of the demo: what each shows, what is asked, and what is documented of the answer.

use std::time::SystemTime;

use introspectd_simulators::{apigee, passport, rfc7662, tibco_asg};

use crate::ask::{Ask, Caller, EDGE, OPS};
use crate::expected::Expected;
use crate::records::{apigee, bank, identity, sso, tibco, users, users_apigee};
use crate::scene;

/// Questions that belong together.
pub(crate) struct Group {
    pub(crate) heading: &'static str,
    /// Summary of the steps.
    pub(crate) shows: &'static str,
    pub(crate) steps: Vec<Step>,
}

/// One request and its answer.
pub(crate) struct Step {
    pub(crate) title: &'static str,
    /// One sentence or two for a reader new to all this.
    pub(crate) shows: &'static str,
    pub(crate) ask: Ask,
    pub(crate) expected: Expected,
}

/// All of them, in an order that matters: the cache is filled before it is asked.
pub(crate) fn groups(now: SystemTime) -> Vec<Group> {
    vec![
        vendors(now),
        cache(now),
        gateways(now),
        inactive(),
        errors(),
        records(now),
    ]
}

fn vendors(now: SystemTime) -> Group {
    let steps = vec![
        Step {
            title: "TIBCO API Exchange Gateway",
            shows: "The token begins with T1am, so `legacy` is asked. TIBCO's times are \
                milliseconds; you get RFC 7662's seconds.",
            ask: Ask::token(tibco_asg::ACTIVE),
            expected: Expected::active(tibco(now)),
        },
        Step {
            title: "Apigee Edge",
            shows: "28 letters and digits, so `apis` is asked. Apigee's BearerToken is Bearer \
                here, and what has no name in RFC 7662 is under details.",
            ask: Ask::token(apigee::ACTIVE),
            expected: Expected::active(apigee(now)),
        },
        Step {
            title: "Any RFC 7662 server",
            shows: "A JWT whose payload names https://sso.example.com, so `sso` is asked. Members \
                that only this server knows pass through: extension_field.",
            ask: Ask::token(rfc7662::ACTIVE_JWT),
            expected: Expected::active(sso(now)),
        },
        Step {
            title: "Passport, by token id",
            shows: "Passport looks tokens up by their id only. Ids stand in lists and logs and \
                prove nothing, so this takes the permission `lookup`, which the caller `ops` has.",
            ask: Ask::token_id(OPS, passport::ACTIVE, "bank"),
            expected: Expected::active(bank(now)),
        },
        Step {
            title: "Passport, a bare token",
            shows: "The token of that very record, and yet inactive: Passport has no call that \
                takes a token, and nothing in a record proves which token it is about. Until a \
                caller that may do so binds it to its id: PUT /v1/providers/bank/bindings.",
            ask: Ask::token(passport::ACTIVE_ACCESS_TOKEN),
            expected: Expected::inactive(),
        },
    ];
    let shows = "Each is asked at its own URL in its own way, with introspectd's credential. You \
        always get RFC 7662.";
    Group {
        heading: "Four vendors, one endpoint",
        shows,
        steps,
    }
}

fn cache(now: SystemTime) -> Group {
    let step = Step {
        title: "The first request again",
        shows: "Within [cache] ttl, here a minute, TIBCO gets no second request: see the header \
            X-Cache.",
        ask: Ask::token(tibco_asg::ACTIVE),
        expected: Expected::active(tibco(now)).cached(),
    };
    let shows = "The server's answer is cached. If it makes the token active now is decided at \
        every request.";
    Group {
        heading: "The cache",
        shows,
        steps: vec![step],
    }
}

fn gateways(now: SystemTime) -> Group {
    let steps = vec![
        Step {
            title: "A request that may pass",
            shows: "The policy `reviews` asks for the scope of that name. The headers tell the \
                application who its client is; the gateway puts them in place of whatever the \
                client sent.",
            ask: Ask::forward_auth("reviews", Some(tibco_asg::ACTIVE)),
            expected: Expected::identity(identity(now)),
        },
        Step {
            title: "One that lacks the scope",
            shows: "An active token, but not for this. The client gets the challenge of RFC 6750.",
            ask: Ask::forward_auth("reviews", Some(apigee::ACTIVE)),
            expected: Expected::error(403, "insufficient_scope").with_header("WWW-Authenticate"),
        },
        Step {
            title: "One without a token",
            shows: "Nothing else of the client's request is looked at: not its path, not its \
                other headers.",
            ask: Ask::forward_auth("reviews", None),
            expected: Expected::error(401, "missing_token").with_header("WWW-Authenticate"),
        },
    ];
    let shows = "nginx, Traefik, Caddy, HAProxy and Envoy ask about each request of their \
        clients. The requirements on a token are a policy of the configuration.";
    Group {
        heading: "Requests of an API gateway",
        shows,
        steps,
    }
}

fn inactive() -> Group {
    let steps = vec![
        Step {
            title: "Expired",
            shows: "TIBCO still calls this token Active, ten minutes after its end. introspectd \
                checks the clock as well.",
            ask: Ask::token(tibco_asg::EXPIRED),
            expected: Expected::inactive(),
        },
        Step {
            title: "Revoked",
            shows: "It has not expired, but Apigee's status is revoked.",
            ask: Ask::token(apigee::REVOKED),
            expected: Expected::inactive(),
        },
        Step {
            title: "Unknown",
            shows: "TIBCO says so with a 400 and invalid_grant, which is an answer, not an error.",
            ask: Ask::token(tibco_asg::UNKNOWN),
            expected: Expected::inactive(),
        },
        Step {
            title: "No provider matches",
            shows: "No `match` covers it, so no server ever sees it.",
            ask: Ask::token("who-issued-this"),
            expected: Expected::inactive(),
        },
    ];
    let shows =
        r#"All get the same {"active":false}, so that nothing can be learned from the difference."#;
    Group {
        heading: "Inactive tokens",
        shows,
        steps,
    }
}

fn errors() -> Group {
    let wrong = Caller {
        secret: "wrong-secret",
        ..EDGE
    };
    let steps = vec![
        Step {
            title: "A provider that is down",
            shows: "The state of the token is unknown. Retry-After says when to retry.",
            ask: Ask::token("down_some-token"),
            expected: Expected::error(503, "temporarily_unavailable").with_header("Retry-After"),
        },
        Step {
            title: "A wrong caller secret",
            shows: "Callers authenticate before a token is looked at.",
            ask: Ask::token(tibco_asg::ACTIVE).by(wrong),
            expected: Expected::error(401, "invalid_client").with_header("WWW-Authenticate"),
        },
        Step {
            title: "A missing permission",
            shows: "The gateway, `edge`, may ask about tokens, but not about token ids.",
            ask: Ask::token_id(EDGE, passport::ACTIVE, "bank"),
            expected: Expected::error(403, "access_denied"),
        },
        Step {
            title: "In Spanish",
            shows: "Descriptions follow Accept-Language; the error's name is for programs and \
                stays. What is wrong here is that the token is empty.",
            ask: Ask::token("").in_language("es"),
            expected: Expected::error(400, "invalid_request")
                .in_language("es")
                .with_header("Content-Language"),
        },
    ];
    let shows = "A failure is never reported as an inactive token, and never cached as one.";
    Group {
        heading: "When something is wrong",
        shows,
        steps,
    }
}

fn records(now: SystemTime) -> Group {
    let steps = vec![
        Step {
            title: "One user's tokens, across three vendors",
            shows: "Each is asked in its own way: Passport by page, TIBCO for its owner's list, \
                Apigee by a search that answers bare tokens. Of these nothing is shown but their \
                records. RFC 7662 has no lists, so `sso` and `down` are named.",
            ask: Ask::list(scene::USER),
            expected: Expected::list(users(now), vec!["down", "sso"]),
        },
        Step {
            title: "One of them, as a gateway sees it",
            shows: "The token of Apigee's record is good, and what was said of it is cached from \
                now on.",
            ask: Ask::token(apigee::ATTRIBUTES),
            expected: Expected::active(users_apigee(now)),
        },
        Step {
            title: "Revoke it",
            shows: "RFC 7009: revoked at Apigee, and purged from the cache.",
            ask: Ask::revoke(apigee::ATTRIBUTES),
            expected: Expected::done(),
        },
        Step {
            title: "It took effect",
            shows: "At once, and not only when the cache entry would have expired.",
            ask: Ask::token(apigee::ATTRIBUTES),
            expected: Expected::inactive(),
        },
        Step {
            title: "The list again",
            shows: "Apigee finds no more than live tokens.",
            ask: Ask::list(scene::USER),
            expected: Expected::list(users(now).split_off(1), vec!["down", "sso"]),
        },
    ];
    let shows = "A platform team looks after the tokens of all its servers in one place: lists, \
        looks up, revokes.";
    Group {
        heading: "Tokens as records",
        shows,
        steps,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::ask::Question;

    #[test]
    fn forms_need_no_encoding_or_quotes() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        for step in groups(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
            .iter()
            .flat_map(|it| &it.steps)
        {
            let values: Vec<&str> = match &step.ask.question {
                Question::Form { form, .. } | Question::Query { form, .. } => {
                    form.iter().map(|(_, value)| value.as_str()).collect()
                }
                Question::ForwardAuth { policy, token } => {
                    token.iter().copied().chain([*policy]).collect()
                }
            };
            assert!(
                values.iter().all(|value| value.chars().all(plain)),
                "{}",
                step.title
            );
        }
    }
}
