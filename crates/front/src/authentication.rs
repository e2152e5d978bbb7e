use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use constant_time_eq::constant_time_eq;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_server::{Lane, Standing};
use introspectd_service::refusal::CallerFault;
use introspectd_service::{Caller, Callers};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::form;
use crate::header::only;

/// Header of a proxy's own credentials, since `Authorization` is its client's.
const X_INTROSPECTD_CALLER: HeaderName = HeaderName::from_static("x-introspectd-caller");

/// Peer of one connection, as one configuration knows it.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// Caller, if the connection itself identifies it.
    caller: Option<Arc<Caller>>,
    /// True if a proxy may authenticate in a header of its own.
    takes_header: bool,
    /// First valid header of the connection, and its caller. A gateway sends the same one with
    /// every request: it is compared, and not decoded and hashed again.
    recognized: OnceLock<(SecretSlice<u8>, Arc<Caller>)>,
    /// Mark by which the connection keeps its place, once it has shown whose it is.
    standing: Standing,
}

impl Peer {
    pub(crate) fn new(caller: Option<Arc<Caller>>, takes_header: bool, standing: Standing) -> Self {
        if caller.is_some() {
            standing.recognize();
        }
        Self {
            caller,
            takes_header,
            recognized: OnceLock::new(),
            standing,
        }
    }

    /// Chooses the threads that serve the connection, now that its caller is known.
    pub(crate) fn serve_on(&self, lane: Lane) {
        self.standing.serve_on(lane);
    }

    /// Resolves once the peer has hung up, as far as that can be detected. Cancel-safe.
    pub(crate) async fn hung_up(&self) {
        self.standing.hung_up().await;
    }

    /// Returns the caller of a request: the one that its connection identifies, else the one whose
    /// secret is in its one `Authorization` header, by HTTP Basic or as a bearer.
    ///
    /// The connection wins: a proxy may have forwarded the header of a client. The callers must be
    /// the same each time: a peer belongs to one configuration.
    pub(crate) fn caller<'a>(
        &'a self,
        callers: &'a Callers,
        headers: &HeaderMap,
    ) -> Result<&'a Arc<Caller>, CallerFault> {
        self.named_or_shown(callers, headers, &AUTHORIZATION)
            .ok_or(CallerFault::Unauthenticated)
    }

    /// Returns the proxy that sent a request about a client of its own, by a header of its own.
    pub(crate) fn proxy<'a>(
        &'a self,
        callers: &'a Callers,
        headers: &HeaderMap,
    ) -> Result<&'a Arc<Caller>, CallerFault> {
        match &self.caller {
            None if !self.takes_header => Err(CallerFault::UnauthenticatedProxy),
            _ => self
                .named_or_shown(callers, headers, &X_INTROSPECTD_CALLER)
                .ok_or(CallerFault::UnauthenticatedProxy),
        }
    }

    fn named_or_shown<'a>(
        &'a self,
        callers: &'a Callers,
        headers: &HeaderMap,
        name: &HeaderName,
    ) -> Option<&'a Arc<Caller>> {
        if let Some(caller) = &self.caller {
            return Some(caller);
        }
        let header = only(headers, name)?;
        if let Some((known, caller)) = self.recognized.get()
            && constant_time_eq(known.expose_secret(), header.as_bytes())
        {
            return Some(caller);
        }
        let caller = by_header(callers, header)?;
        self.standing.recognize();
        self.recognized
            .get_or_init(|| (header.as_bytes().to_vec().into(), Arc::clone(caller)));
        Some(caller)
    }
}

fn by_header<'a>(callers: &'a Callers, header: &HeaderValue) -> Option<&'a Arc<Caller>> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    let credentials = credentials.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("basic") {
        basic(callers, credentials)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        callers.with_secret(credentials)
    } else {
        None
    }
}

/// Lists all credentials of a request, valid or not: each as it was sent, and the secret inside
/// HTTP Basic.
pub(crate) fn credentials(headers: &HeaderMap) -> Vec<SecretString> {
    let values = [AUTHORIZATION, X_INTROSPECTD_CALLER]
        .into_iter()
        .flat_map(|name| headers.get_all(name));
    let mut shown = Vec::new();
    for value in values {
        let value = String::from_utf8_lossy(value.as_bytes());
        let credentials = value
            .split_once(' ')
            .map_or(&*value, |(_scheme, rest)| rest);
        for word in credentials
            .split([' ', '\t', ',', ';', '"'])
            .filter(|word| !word.is_empty())
        {
            shown.push(word.into());
            let decoded = STANDARD
                .decode(word)
                .ok()
                .and_then(|text| String::from_utf8(text).ok());
            let Some((_name, secret)) = decoded.as_deref().and_then(|text| text.split_once(':'))
            else {
                continue;
            };
            shown.push(secret.into());
            shown.extend(form::decode(secret.as_bytes()).map(|secret| secret.into_owned().into()));
        }
    }
    shown
}

/// Reads HTTP Basic. RFC 6749 section 2.3.1 form-encodes name and secret; most clients do not. Both
/// are accepted.
fn basic<'a>(callers: &'a Callers, credentials: &str) -> Option<&'a Arc<Caller>> {
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (name, secret) = decoded.split_once(':')?;
    callers.with_name_and_secret(name, secret).or_else(|| {
        match (
            form::decode(name.as_bytes()).ok()?,
            form::decode(secret.as_bytes()).ok()?,
        ) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => None,
            (name, secret) => callers.with_name_and_secret(&name, &secret),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use introspectd_service::{Permissions, SecretDigest, SignedAs};

    fn caller(name: &str, secret: Option<&str>) -> Caller {
        Caller {
            name: name.to_owned(),
            permissions: Permissions::of([]),
            secrets: secret.map(SecretDigest::of).into_iter().collect(),
            certificate: None,
            tally: Arc::default(),
            rate: None,
            signed: SignedAs::default(),
        }
    }

    fn callers() -> Callers {
        Callers::new([
            caller("edge", Some("s3cr:t/+ %")),
            caller("sidecar", None),
            caller("a b", Some("plain")),
        ])
    }

    fn who(headers: &[&str]) -> Option<String> {
        let callers = callers();
        let headers = headers
            .iter()
            .map(|value| (AUTHORIZATION, HeaderValue::try_from(*value).unwrap()))
            .collect();
        Peer::default()
            .caller(&callers, &headers)
            .ok()
            .map(|caller| caller.name.clone())
    }

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    #[test]
    fn basic_is_taken_plain_and_form_encoded() {
        assert_eq!(who(&[&basic("edge:s3cr:t/+ %")]).as_deref(), Some("edge"));
        assert_eq!(
            who(&[&basic("edge:s3cr%3At%2F%2B+%25")]).as_deref(),
            Some("edge")
        );
        assert_eq!(who(&[&basic("a+b:plain")]).as_deref(), Some("a b"));
        assert_eq!(
            who(&[&basic("edge:s3cr:t/+ %").replace("Basic", "bAsIc")]).as_deref(),
            Some("edge")
        );
    }

    #[test]
    fn a_bearer_is_the_secret_alone() {
        assert_eq!(who(&["Bearer plain"]).as_deref(), Some("a b"));
        assert_eq!(who(&["bearer  plain "]).as_deref(), Some("a b"));
        assert_eq!(who(&["Bearer edge"]), None);
    }

    #[test]
    fn anything_else_is_nobody() {
        for header in [
            "",
            "Basic",
            "Basic ",
            "Basic %%%",
            "Bearer",
            "Bearer ",
            "Digest plain",
            &basic("edge"),
            &basic("edge:"),
            &basic("edge:wrong"),
            &basic("nobody:plain"),
            &basic("sidecar:"),
            &basic(":plain"),
            &basic("EDGE:s3cr:t/+ %"),
            "plain",
        ] {
            assert_eq!(who(&[header]), None, "{header}");
        }
        assert_eq!(who(&[]), None);
    }

    #[test]
    fn two_headers_are_none() {
        assert_eq!(who(&["Bearer plain", "Bearer plain"]), None);
    }

    #[test]
    fn a_connection_knows_only_the_very_header_that_it_was_shown() {
        let (callers, peer) = (callers(), Peer::default());
        let who = |header: &str| {
            let headers = [(AUTHORIZATION, HeaderValue::try_from(header).unwrap())]
                .into_iter()
                .collect();
            peer.caller(&callers, &headers)
                .ok()
                .map(|caller| caller.name.clone())
        };
        for wrong in ["Bearer plai", "Bearer plain2", "Basic plain"] {
            assert_eq!(who(wrong), None);
            assert_eq!(who("Bearer plain").as_deref(), Some("a b"));
            assert_eq!(who("Bearer s3cr:t/+ %").as_deref(), Some("edge"));
            assert_eq!(who(wrong), None, "after it has known others");
        }
        assert!(peer.caller(&callers, &HeaderMap::new()).is_err());
    }

    #[test]
    fn a_proxy_shows_itself_in_its_own_header_where_that_is_taken() {
        let callers = callers();
        let header = |name: HeaderName| {
            [(name, HeaderValue::from_static("Bearer plain"))]
                .into_iter()
                .collect()
        };
        let (own, others) = (header(X_INTROSPECTD_CALLER), header(AUTHORIZATION));
        let who = |peer: &Peer, headers| {
            peer.proxy(&callers, headers)
                .map(|caller| caller.name.clone())
        };
        assert_eq!(
            who(&Peer::new(None, true, Standing::default()), &own).as_deref(),
            Ok("a b")
        );
        assert_eq!(
            who(&Peer::new(None, false, Standing::default()), &own),
            Err(CallerFault::UnauthenticatedProxy)
        );
        assert_eq!(
            who(&Peer::new(None, true, Standing::default()), &others),
            Err(CallerFault::UnauthenticatedProxy)
        );
        let sidecar = Peer::new(
            callers.named("sidecar").cloned(),
            false,
            Standing::default(),
        );
        assert_eq!(who(&sidecar, &own).as_deref(), Ok("sidecar"));
        assert!(
            Peer::new(None, true, Standing::default())
                .caller(&callers, &own)
                .is_err(),
            "at /introspect it says nothing"
        );
    }

    #[test]
    fn the_listener_wins_over_the_header() {
        let callers = callers();
        let headers = [(AUTHORIZATION, HeaderValue::from_static("Bearer plain"))]
            .into_iter()
            .collect();
        let peer = Peer::new(callers.named("sidecar").cloned(), true, Standing::default());
        assert_eq!(peer.caller(&callers, &headers).unwrap().name, "sidecar");
    }

    #[test]
    fn any_header_is_a_caller_or_none() {
        let seeds: [&[u8]; 3] = [
            b"Basic ZWRnZTpzM2NyOnQvKyAl",
            b"Bearer plain",
            b"basic  Zg==",
        ];
        // A rate has a clock, which a panic could leave in any state.
        let callers = std::panic::AssertUnwindSafe(callers());
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let callers = &callers;
            let Ok(value) = HeaderValue::from_bytes(bytes) else {
                return;
            };
            let _ = by_header(callers, &value);
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, value);
            let _ = credentials(&headers);
        });
    }
}
