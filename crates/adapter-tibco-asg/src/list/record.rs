use introspectd_core::{
    BadAnswer, CreationKey, Expiry, Json, Members, ScopeSet, Status, Timestamp, Token, TokenValue,
};
use introspectd_upstream::{described, grant_type};
use serde::Deserialize;
use serde_json::Value;

use crate::wire;

/// Token of a list. The documented members are those of a record, see [`wire`], without `status`,
/// `secret`, `grantType`, `classification` and `samlToken`, and with `callback`, `contact` and
/// `email`, which are about persons and not read.
///
/// A list authorizes no request, so nothing in it decides: a value of the wrong type is ignored,
/// and one malformed record hides none of the others. A repeated member is refused, since one of
/// the two could be a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// Token, a secret. This and the next four members are read to redact them everywhere else.
    #[serde(default, deserialize_with = "described")]
    access_token: Option<Value>,
    #[serde(rename = "access_token")]
    #[serde(default, deserialize_with = "described")]
    rfc_access_token: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    refresh_token: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    secret: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    saml_token: Option<Value>,
    /// Status. Absent and null: unreported.
    status: Option<Value>,
    /// Milliseconds since the epoch. Absent, null and out of range: the end is unknown.
    #[serde(default, deserialize_with = "described")]
    expires_on: Option<Value>,
    /// Milliseconds since the epoch. Absent, null and out of range: sorted before all others.
    #[serde(default, deserialize_with = "described")]
    created_on: Option<Value>,
    /// One space-separated string, or a list.
    #[serde(default, deserialize_with = "described")]
    scopes: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    owner: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    client: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    grant_type: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    classification: Option<Value>,
}

impl Record {
    /// Returns the token, without secrets, and its sort key.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] if the record has neither an id nor a token.
    pub(super) fn read(self) -> Result<(CreationKey, Token), BadAnswer> {
        let secrets: Vec<&str> = [
            &self.access_token,
            &self.rfc_access_token,
            &self.refresh_token,
            &self.secret,
            &self.saml_token,
        ]
        .into_iter()
        .filter_map(text)
        .collect();
        let is_fit = |text: &&str| !secrets.contains(text);
        let kept = |member| text(member).filter(is_fit).map(str::to_owned);

        let end = time(&self.expires_on);
        let mut token = Token::new(self.status(), end.map_or(Expiry::Never, Expiry::At));
        if end.is_none() && token.status == Status::Good {
            token.status = Status::Unknown;
        }
        token.iat = time(&self.created_on);
        let list = self
            .scopes
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let spaced = text(&self.scopes)
            .into_iter()
            .flat_map(str::split_ascii_whitespace);
        token.scope = ScopeSet::from_tokens(list.chain(spaced).filter(is_fit));
        token.sub = kept(&self.owner);
        token.client_id = kept(&self.client);
        token.jti = kept(&self.id);
        token.grant_type = kept(&self.grant_type).as_deref().and_then(grant_type);
        let classification =
            kept(&self.classification).map(|it| ("classification".to_owned(), Json::String(it)));
        token.details = Members::from_iter(classification);
        let secrets = secrets
            .iter()
            .filter_map(|secret| TokenValue::parse((*secret).to_owned()).ok());
        let token = secrets.fold(token, |token, secret| token.redact(&secret));
        Ok((self.sort_key()?, token))
    }

    fn status(&self) -> Status {
        match &self.status {
            None => Status::Unreported,
            Some(status) => status.as_str().map_or(Status::Unknown, wire::status),
        }
    }

    fn sort_key(&self) -> Result<CreationKey, BadAnswer> {
        let created = time(&self.created_on).and_then(|_| integer(&self.created_on));
        let handle = handle(text(&self.id), text(&self.access_token))
            .ok_or_else(|| BadAnswer::member("id"))?;
        // The earliest time that a vendor can send.
        Ok(CreationKey {
            millis: created.unwrap_or(Timestamp::MIN.seconds() * 1000),
            handle,
        })
    }
}

/// Tie-breaker of tokens of the same time. Hashes even the id, which could be of any length or, by
/// the vendor's mistake, the token.
fn handle(id: Option<&str>, token: Option<&str>) -> Option<String> {
    let known = id.or(token)?;
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(known.as_bytes())
        .update(b"\0")
        .update(token.unwrap_or_default().as_bytes());
    Some(hasher.finalize().to_hex().chars().take(32).collect())
}

fn text(member: &Option<Value>) -> Option<&str> {
    member.as_ref().and_then(Value::as_str)
}

fn integer(member: &Option<Value>) -> Option<i64> {
    member.as_ref().and_then(Value::as_i64)
}

fn time(member: &Option<Value>) -> Option<Timestamp> {
    integer(member).and_then(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::State;
    use introspectd_upstream::object;
    use proptest::prelude::*;
    use serde_json::json;

    const SAMPLE: &str = include_str!("../../testdata/owners.json");
    const SECRETS: [&str; 5] = [
        "accessToken",
        "access_token",
        "refreshToken",
        "secret",
        "samlToken",
    ];

    fn sample() -> Value {
        let list: Value = serde_json::from_str(SAMPLE).unwrap();
        list[0].clone()
    }

    fn read(record: &str) -> Result<(CreationKey, Token), BadAnswer> {
        object::<Record>(record.as_bytes())?.read()
    }

    fn read_with(change: impl FnOnce(&mut Value)) -> (CreationKey, Token) {
        let mut record = sample();
        change(&mut record);
        read(&record.to_string()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn vendors_sample_is_read() {
        let (place, token) = read_with(|_| {});
        assert_eq!(token.exp(), Some(at(1_409_946_380)));
        assert_eq!(token.iat, Some(at(1_409_942_780)));
        assert_eq!(
            token.sub.as_deref(),
            Some("uid=john,ou=owner,dc=tibco,dc=com")
        );
        assert_eq!(
            token.client_id.as_deref(),
            Some("251-20c8104e-e91a-4384-980c-84545aced892")
        );
        assert_eq!(
            token.jti.as_deref(),
            Some("5d34e914ad73b262dbf88a963dbccb41")
        );
        assert_eq!(token.scope.to_string(), "public");
        assert_eq!(
            (token.grant_type.clone(), token.details.is_empty()),
            (None, true)
        );
        assert_eq!(place.millis, 1_409_942_780_365);
        assert_eq!(token.state(at(1_409_946_379)), State::Unknown);
        assert_eq!(token.state(at(1_409_946_380)), State::Expired);
    }

    #[test]
    fn status_is_read_if_present() {
        for (status, state) in [
            (json!("Active"), State::Active),
            (json!("active"), State::Unknown),
            (json!("Revoked"), State::Revoked),
            (json!("Expired"), State::Expired),
            (json!(1), State::Unknown),
            (json!(null), State::Unknown),
        ] {
            let (_, token) = read_with(|record| record["status"] = status.clone());
            assert_eq!(token.state(at(1_409_942_781)), state, "{status}");
        }
    }

    #[test]
    fn members_of_a_single_record_are_read_too() {
        let (_, token) = read_with(|record| {
            record["grantType"] = json!("password");
            record["classification"] = json!("reviews");
            record["scopes"] = json!(["public", "reviews", 5]);
        });
        assert_eq!(token.grant_type.as_deref(), Some("password"));
        assert_eq!(
            Json::Object(token.details),
            json!({"classification": "reviews"}).into()
        );
        assert_eq!(token.scope.to_string(), "public reviews");
    }

    #[test]
    fn token_without_a_valid_end_is_never_active() {
        for end in [
            json!(null),
            json!("1409946380427"),
            json!(1.5e12),
            json!(i64::MAX),
            json!({}),
        ] {
            for (status, state) in [
                (json!(null), State::Unknown),
                (json!("Active"), State::Unknown),
                (json!("Revoked"), State::Revoked),
            ] {
                let (_, token) = read_with(|record| {
                    record["expiresOn"] = end.clone();
                    record["status"] = status.clone();
                });
                assert_eq!(
                    (token.state(Timestamp::MAX), token.exp()),
                    (state, None),
                    "{end} {status}"
                );
            }
        }
    }

    #[test]
    fn values_of_a_wrong_type_are_ignored() {
        for odd in [
            json!(null),
            json!(5.5),
            json!([]),
            json!({"a": "b"}),
            json!(true),
        ] {
            let (place, token) = read_with(|record| {
                for member in [
                    "owner",
                    "client",
                    "id",
                    "grantType",
                    "classification",
                    "scopes",
                    "createdOn",
                ] {
                    record[member] = odd.clone();
                }
            });
            let expected = Token::new(Status::Unreported, Expiry::At(at(1_409_946_380)));
            assert_eq!(token, expected, "{odd}");
            assert_eq!(place.millis, -62_135_596_800_000);
        }
    }

    #[test]
    fn records_without_id_and_token_are_refused() {
        for record in [
            "{}",
            r#"{"id":5,"accessToken":null}"#,
            r#"{"owner":"john","expiresOn":1409946380427}"#,
        ] {
            assert_eq!(
                read(record).map(|_| ()),
                Err(BadAnswer::member("id")),
                "{record}"
            );
        }
        assert_eq!(read("[]").map(|_| ()), Err(BadAnswer::NotAnObject));
    }

    #[test]
    fn repeated_members_are_refused() {
        for member in SECRETS.iter().chain(&["owner", "id", "expiresOn"]) {
            let doubled = format!(r#"{{"id":"a","{member}":"b","{member}":"c"}}"#);
            let doubled = doubled.replacen(r#""id":"a","id""#, r#""id""#, 1);
            assert_eq!(read(&doubled).map(|_| ()), Err(BadAnswer::member(member)));
        }
    }

    #[test]
    fn handles_distinguish_tokens_with_equal_or_missing_ids() {
        let handle = |id: Option<&str>, token: Option<&str>| {
            read(&json!({"id": id, "accessToken": token}).to_string())
                .unwrap()
                .0
                .handle
        };
        let handles = [
            handle(Some("a"), Some("b")),
            handle(Some("a"), Some("c")),
            handle(Some("a"), None),
            handle(None, Some("a")),
            handle(None, Some("b")),
        ];
        assert!(handles.iter().all(|handle| handle.len() == 32));
        assert_eq!(std::collections::BTreeSet::from(handles).len(), 5);
        assert_eq!(handle(Some("a"), Some("b")), handle(Some("a"), Some("b")));
    }

    /// Record of any bytes, none of whose secrets is kept.
    #[test]
    fn any_record_is_read_without_its_secrets_or_refused() {
        let sample = sample().to_string();
        let all = br#"{"id":"i","access_token":"an-access-token-1","secret":"a-long-secret-22"}"#;
        introspectd_fuzz::check!(&[sample.as_bytes(), all], |bytes: &[u8]| {
            let read = object::<Record>(bytes).and_then(Record::read);
            let (Ok((place, token)), Ok(record)) = (read, serde_json::from_slice(bytes)) else {
                return;
            };
            let record: Value = record;
            let shown = format!("{token:?} {place:?}");
            for secret in SECRETS.iter().filter_map(|member| record[*member].as_str()) {
                // A shorter one may be a part of any word.
                let is_secret = secret.len() >= 16 && !secret.contains(['"', '\\']);
                assert!(!is_secret || !shown.contains(secret), "{shown}");
            }
        });
    }

    proptest! {
        #[test]
        fn secrets_are_never_kept(
            secrets in prop::array::uniform5("[A-Za-z0-9.]{16,40}"),
            echo in 0usize..5,
            places in prop::collection::vec(0usize..8, 0..8),
        ) {
            let (place, token) = read_with(|record| {
                for (member, secret) in SECRETS.iter().zip(&secrets) {
                    record[member] = json!(secret);
                }
                let words = json!(format!("public {} x", secrets[echo]));
                for place in places {
                    match place {
                        0 => record["scopes"] = words.clone(),
                        1 => record["scopes"] = json!(["public", secrets[echo]]),
                        2 => record["scopes"] = json!(secrets[echo]),
                        _ => {
                            let names = ["owner", "client", "id", "grantType", "classification"];
                            record[names[place - 3]] = json!(secrets[echo]);
                        }
                    }
                }
            });
            let kept = format!("{token:?} {place:?}");
            for secret in &secrets {
                prop_assert!(!kept.contains(secret));
            }
        }
    }
}
