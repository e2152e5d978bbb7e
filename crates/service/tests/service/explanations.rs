//! Reasons why a token is inactive, of several providers that were asked.

use std::time::Duration;

use introspectd_core::{Expiry, ProviderName, Status, Timestamp, Token};
use introspectd_resolver::{Explanation, Keep, Record};
use introspectd_service::operation::Explained;
use introspectd_service::refusal::Inactive;
use introspectd_service::{Account, Answer, Fact, KeptAnswer, NotAsked, Resolution, Source};

type Told<'a> = Result<Answer<'a, KeptAnswer>, NotAsked>;

fn answer<'a>(provider: &'a ProviderName, token: Option<Token>) -> Told<'a> {
    let record = token.map(|token| Record {
        validity: token.validity(),
        kept: KeptAnswer::keep(provider, token),
    });
    let resolution = Resolution {
        fact: Some((provider, Fact { record })),
        source: Source::Miss,
        fresh_for: Duration::ZERO,
    };
    Ok(Answer {
        outcome: Ok(resolution),
        failure: None,
        took: Duration::ZERO,
        is_remembered: false,
        objection: None,
    })
}

fn inactive<'a>(provider: &'a ProviderName, answers: Vec<Told<'a>>) -> Option<Inactive> {
    let account = |answer| Account {
        provider,
        held: None,
        answer,
    };
    let explanation = Explanation {
        rule: None,
        accounts: answers.into_iter().map(account).collect(),
        outcome: Ok(Resolution::UNROUTED),
    };
    let explained = Explained {
        explanation,
        fingerprint: None,
        token_id: None,
        spells_an_id: false,
        verdict: None,
        now: Timestamp::MIN,
    };
    explained.inactive()
}

#[test]
fn provider_that_says_most_counts() {
    let bank = &ProviderName::parse("bank").unwrap();
    let revoked = || answer(bank, Some(Token::new(Status::Revoked, Expiry::Never)));
    let unknown = || answer(bank, None);
    let unable = || Err(NotAsked::Unable);
    for answers in [vec![unknown(), revoked()], vec![revoked(), unknown()]] {
        assert_eq!(inactive(bank, answers), Some(Inactive::Revoked));
    }
    let answers = vec![unknown(), unable()];
    assert_eq!(inactive(bank, answers), Some(Inactive::NotKnown));
    assert_eq!(inactive(bank, vec![unable()]), None);
    assert_eq!(inactive(bank, Vec::new()), Some(Inactive::NoProvider));
}
