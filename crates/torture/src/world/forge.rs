//! Tokens that look like those of the issuer of JWTs, and that nobody may accept.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use introspectd_simulators::jwt::{Key, compact};
use serde_json::{Value, json};

use crate::cast::{ISSUER, Scope, Which};
use crate::oracle::token::Token;
use crate::world::issue::{FAR, claims, id};

/// Keys that the issuer publishes as well, and that nobody may verify an access token by.
pub(super) struct Decoys {
    /// Key whose private part is published, too.
    known: Key,
    /// Key for encryption.
    encrypting: Key,
    /// A secret that everybody knows.
    secret: [u8; 32],
}

/// Name of the secret that everybody knows.
const SECRET: &str = "secret";

/// Fault of a token.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    Expired,
    NotYetValid,
    IssuedInFuture,
    WithoutEnd,
    EndInWords,
    OtherIssuer,
    IssuerWithSlash,
    OtherAudience,
    WithoutAudience,
    ShortSignature,
    OtherSignature,
    OtherPayload,
    MadeUpKey,
    UnnamedKey,
    Unsigned,
    MacOfPublicKey,
    MacOfKnownSecret,
    KnownKey,
    EncryptingKey,
    IdToken,
    UntypedIdToken,
    LogoutToken,
    UntypedLogoutToken,
    CriticalHeader,
}

impl Forgery {
    const ALL: [Self; 24] = [
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInFuture,
        Self::WithoutEnd,
        Self::EndInWords,
        Self::OtherIssuer,
        Self::IssuerWithSlash,
        Self::OtherAudience,
        Self::WithoutAudience,
        Self::ShortSignature,
        Self::OtherSignature,
        Self::OtherPayload,
        Self::MadeUpKey,
        Self::UnnamedKey,
        Self::Unsigned,
        Self::MacOfPublicKey,
        Self::MacOfKnownSecret,
        Self::KnownKey,
        Self::EncryptingKey,
        Self::IdToken,
        Self::UntypedIdToken,
        Self::LogoutToken,
        Self::UntypedLogoutToken,
        Self::CriticalHeader,
    ];

    /// Members of header and payload that differ from those of a good token; null takes one away.
    fn differences(self) -> (Value, Value) {
        let typ = |typ: Value| json!({ "typ": typ });
        let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        let none = || json!({});
        match self {
            Self::Expired => (none(), json!({"iat": 1, "nbf": 1, "exp": 1000})),
            Self::NotYetValid => (none(), json!({ "nbf": FAR - 1000 })),
            Self::IssuedInFuture => (none(), json!({ "iat": FAR - 1000 })),
            Self::WithoutEnd => (none(), json!({ "exp": null })),
            Self::EndInWords => (none(), json!({"exp": "9999999999"})),
            Self::OtherIssuer => (none(), json!({"iss": "https://other.example"})),
            Self::IssuerWithSlash => (none(), json!({ "iss": format!("{ISSUER}/") })),
            Self::OtherAudience => (none(), json!({"aud": ["https://bills.example"]})),
            Self::WithoutAudience => (none(), json!({ "aud": null })),
            Self::IdToken => (typ("JWT".into()), json!({"nonce": "n"})),
            Self::UntypedIdToken => (typ(Value::Null), json!({"at_hash": "h"})),
            Self::LogoutToken => (typ("logout+jwt".into()), json!({ "events": events })),
            Self::UntypedLogoutToken => (typ(Value::Null), json!({ "events": events })),
            Self::CriticalHeader => (json!({"crit": ["exp"]}), none()),
            Self::UnnamedKey => (json!({ "kid": null }), none()),
            Self::ShortSignature
            | Self::OtherSignature
            | Self::OtherPayload
            | Self::MadeUpKey
            | Self::Unsigned
            | Self::MacOfPublicKey
            | Self::MacOfKnownSecret
            | Self::KnownKey
            | Self::EncryptingKey => (none(), none()),
        }
    }
}

/// A token that was never good, beside the key that signs good ones.
pub(super) fn forged(
    rng: &mut Rng,
    signing: &Key,
    decoys: &Decoys,
    wall: Duration,
) -> Option<Token> {
    let forgery = *rng.choice(&Forgery::ALL)?;
    let id = id(rng);
    Some(Token {
        provider: Which::Corp,
        value: value(forgery, &id, (signing, decoys), wall.as_secs())?,
        mark: format!("a forged one ({forgery:?})"),
        id,
        scope: Scope::Orders,
        exp: FAR,
        nbf: None,
        key: None,
        history: Mutex::default(),
    })
}

fn value(forgery: Forgery, id: &str, (key, decoys): (&Key, &Decoys), now: u64) -> Option<String> {
    let (header, changes) = forgery.differences();
    // Null takes `kid` away as well, which the key adds.
    let header = if header.get("typ").is_some() {
        header
    } else {
        merged(header, json!({"typ": "at+jwt"}))
    };
    let claims = merged(claims(id, Scope::Orders, now, FAR), changes);
    let by = |key: &Key| key.sign(&header, &claims);
    let good = || by(key);
    Some(match forgery {
        Forgery::ShortSignature => {
            let mut token = good();
            token.truncate(token.len() - 4);
            token
        }
        Forgery::OtherSignature => by(&Key::es256().named(key.kid())),
        Forgery::OtherPayload => {
            let other = merged(claims.clone(), json!({"scope": Scope::Bills.name()}));
            let [good, other] = [good(), key.sign(&header, &other)];
            let signed = other.rsplit_once('.')?.0;
            format!("{signed}.{}", good.rsplit_once('.')?.1)
        }
        Forgery::MadeUpKey | Forgery::UnnamedKey => by(&Key::es256()),
        Forgery::Unsigned => {
            let header = json!({"typ": "at+jwt", "alg": "none", "kid": key.kid()});
            compact(&header, &claims, b"")
        }
        Forgery::MacOfPublicKey => {
            let public = key.public().to_string();
            by(&Key::hs256(public.as_bytes()).named(key.kid()))
        }
        Forgery::MacOfKnownSecret => by(&Key::hs256(&decoys.secret).named(SECRET)),
        Forgery::KnownKey => by(&decoys.known),
        Forgery::EncryptingKey => by(&decoys.encrypting),
        Forgery::Expired
        | Forgery::NotYetValid
        | Forgery::IssuedInFuture
        | Forgery::WithoutEnd
        | Forgery::EndInWords
        | Forgery::OtherIssuer
        | Forgery::IssuerWithSlash
        | Forgery::OtherAudience
        | Forgery::WithoutAudience
        | Forgery::IdToken
        | Forgery::UntypedIdToken
        | Forgery::LogoutToken
        | Forgery::UntypedLogoutToken
        | Forgery::CriticalHeader => good(),
    })
}

fn merged(mut members: Value, changes: Value) -> Value {
    if let (Some(members), Value::Object(changes)) = (members.as_object_mut(), changes) {
        for (name, value) in changes {
            if value.is_null() {
                members.remove(&name);
            } else {
                members.insert(name, value);
            }
        }
    }
    members
}

impl Decoys {
    pub(super) fn new() -> Self {
        Self {
            known: Key::eddsa(),
            encrypting: Key::es256(),
            secret: *b"everybody may read this secret..",
        }
    }

    /// Returns what is published of them.
    pub(super) fn public(&self) -> Vec<Value> {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut known = self.known.public();
        let mut encrypting = self.encrypting.public();
        for (key, name, value) in [
            (&mut known, "d", part(&self.secret)),
            (&mut encrypting, "use", "enc".to_owned()),
        ] {
            if let Some(members) = key.as_object_mut() {
                members.insert(name.to_owned(), value.into());
            }
        }
        let short = part(&[0xc5; 128]);
        vec![
            known,
            encrypting,
            json!({"kty": "oct", "kid": SECRET, "alg": "HS256", "k": part(&self.secret)}),
            json!({"kty": "RSA", "kid": "short", "n": short, "e": "AQAB"}),
            json!({"kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "AAAA"}),
            json!("no key at all"),
        ]
    }
}
