//! Tokens that are judged here.

use introspectd_simulators::jwt::{AUDIENCE, Issuer};
use introspectd_simulators::{Answer, Fault, Simulator};
use serde_json::json;

use super::Trial;
use crate::check::check;
use crate::program::Ended;

struct House {
    issuer: Simulator<Issuer>,
    now: i64,
}

impl House {
    async fn open() -> Self {
        let issuer = Simulator::start(Issuer::new("")).await.unwrap();
        issuer.vendor().rename(&issuer.base_url());
        let now = crate::vendors::now().duration_since(std::time::UNIX_EPOCH);
        let now = i64::try_from(now.unwrap().as_secs()).unwrap();
        Self { issuer, now }
    }

    async fn judge(&self, token: &str, more: &[&str]) -> Ended {
        let url = self.issuer.base_url();
        Trial::of_issuer(&url)
            .with(&["--audience", AUDIENCE])
            .with(more)
            .secretly(token)
            .await
    }
}

#[tokio::test]
async fn good_token_is_judged_and_the_section_can_be_pasted() {
    let house = House::open().await;
    let issuer = house.issuer.vendor();
    let token = issuer.mint(&issuer.claims(house.now));
    let jwks = format!("{}/jwks", house.issuer.base_url());
    for more in [&[][..], &["--jwks", &jwks, "--require-type"]] {
        let ended = house.judge(&token, more).await.with(0);
        assert!(ended.stderr.starts_with("active\n"), "{ended:#?}");
        let checked = check(&ended.stdout, &[]).await.with(0);
        assert!(checked.stdout.contains("providers.sso.kind = \"jwt\""));
    }
}

#[tokio::test]
async fn bad_token_is_told_why() {
    let house = House::open().await;
    let issuer = house.issuer.vendor();
    let good = issuer.claims(house.now);
    let with = |name: &str, value| {
        let mut claims = good.clone();
        claims[name] = value;
        issuer.mint(&claims)
    };
    for (token, reason) in [
        (issuer.forge(&good), "inactive: the signature is invalid"),
        (
            with("aud", json!("x")),
            "inactive: the audience is another one",
        ),
        (
            with("iss", json!("x")),
            "inactive: the issuer is another one",
        ),
        (
            with("exp", json!(null)),
            "inactive: the claim exp is invalid",
        ),
        (
            with("iat", json!(house.now + 600)),
            "inactive: the token was issued in the future",
        ),
        (with("exp", json!(house.now - 600)), "expired\n"),
        (
            issuer.mint_as(&json!({"typ": "logout+jwt"}), &good),
            "inactive: the type (typ) is not that of an access token",
        ),
        (
            issuer.mint_as(&json!({"kid": "x"}), &good),
            "inactive: the key is unknown",
        ),
        (
            "opaque".to_owned(),
            "inactive: the token does not have three parts",
        ),
    ] {
        let ended = house.judge(&token, &[]).await.with(1);
        assert!(ended.stderr.contains(reason), "{reason}: {ended:#?}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_named_with_the_reason() {
    let house = House::open().await;
    let token = house
        .issuer
        .vendor()
        .mint(&house.issuer.vendor().claims(house.now));
    house.issuer.always(Fault::Answer(Answer::html(404)));
    let ended = house.judge(&token, &[]).await.with(3);
    assert!(
        ended
            .stderr
            .contains("not judged: the issuer's keys are missing")
    );
    assert!(
        ended.stderr.contains("undocumented status 404"),
        "{ended:#?}"
    );
    assert_eq!(ended.stdout, "");
    house.issuer.clear();
    house.issuer.vendor().rename("https://other.example");
    let ended = house.judge(&token, &[]).await.with(3);
    assert!(ended.stderr.contains("of another issuer"), "{ended:#?}");
}
