use std::sync::Arc;
use std::time::Duration;

use introspectd_adapter_apigee as apigee;
use introspectd_adapter_http as described;
use introspectd_adapter_jwt as jwt;
use introspectd_adapter_passport as passport;
use introspectd_adapter_rfc7662 as rfc7662;
use introspectd_adapter_tibco_asg as tibco_asg;
use introspectd_core::{Bindings, Clock, Provider, ProviderName};
use introspectd_resolver::Match;
use introspectd_settings::Section;
use introspectd_upstream::Outbound;

/// Section of each vendor. A new one needs its line in [`KINDS`], too.
#[derive(Debug)]
pub(super) enum Vendor {
    Passport(passport::Config),
    TibcoAsg(tibco_asg::Config),
    Apigee(apigee::Config),
    Rfc7662(Box<rfc7662::Config>),
    Jwt {
        config: Box<jwt::Config>,
        /// Server that is asked about good tokens as well.
        server: Option<Box<rfc7662::Config>>,
    },
    Http(Box<described::Config>),
}

/// Reads the keys of one kind of provider.
pub(super) type ReadVendor = fn(&mut Section) -> Option<Vendor>;

/// Kinds of provider, as `kind` names them, and what reads their keys.
pub(super) const KINDS: [(&str, ReadVendor); 6] = [
    ("passport", |section| {
        passport::Config::read(section).map(Vendor::Passport)
    }),
    ("tibco-asg", |section| {
        tibco_asg::Config::read(section).map(Vendor::TibcoAsg)
    }),
    ("apigee", |section| {
        apigee::Config::read(section).map(Vendor::Apigee)
    }),
    ("rfc7662", |section| {
        rfc7662::Config::read(section)
            .map(Box::new)
            .map(Vendor::Rfc7662)
    }),
    ("jwt", read_jwt),
    ("http", |section| {
        let config = described::Config::read(section)?;
        Some(Vendor::Http(Box::new(config)))
    }),
];

impl Vendor {
    /// Deadline of each call to the provider.
    pub(super) fn timeout(&self) -> Duration {
        match self {
            Self::Passport(config) => config.timeout(),
            Self::TibcoAsg(config) => config.timeout(),
            Self::Apigee(config) => config.timeout(),
            Self::Rfc7662(config) => config.timeout(),
            Self::Jwt { config, server } => {
                let asked = server.as_ref().map(|server| server.timeout());
                config.timeout() + asked.unwrap_or_default()
            }
            Self::Http(config) => config.timeout(),
        }
    }

    /// Rule that recognizes the tokens where the section has none.
    pub(super) fn matching(&self) -> Option<Match> {
        match self {
            Self::Jwt { config, .. } => Some(Match::JwtIssuer(config.issuer().to_owned())),
            Self::Passport(_)
            | Self::TibcoAsg(_)
            | Self::Apigee(_)
            | Self::Rfc7662(_)
            | Self::Http(_) => None,
        }
    }

    /// Longest reuse of a fact whose token has no end.
    pub(super) fn without_end(&self) -> Option<Duration> {
        match self {
            Self::Http(config) => config.lifetime(),
            Self::Passport(_)
            | Self::TibcoAsg(_)
            | Self::Apigee(_)
            | Self::Rfc7662(_)
            | Self::Jwt { .. } => None,
        }
    }

    /// Choice of the section that lets more in than is usual.
    pub(super) fn weakness(&self) -> Option<&'static str> {
        match self {
            Self::Jwt { config, .. } if config.accepts_any_audience() => Some(
                "audience is \"any\": tokens of this issuer for any other service are active here, \
                    and so are ID tokens without a nonce",
            ),
            Self::Http(config) if config.accepts_any_application() => Some(
                "any_application is true: a token of any other application of this server is \
                    active here",
            ),
            Self::Jwt { .. }
            | Self::Passport(_)
            | Self::TibcoAsg(_)
            | Self::Apigee(_)
            | Self::Rfc7662(_)
            | Self::Http(_) => None,
        }
    }

    pub(super) fn into_described(self) -> Option<described::Config> {
        match self {
            Self::Http(config) => Some(*config),
            Self::Passport(_)
            | Self::TibcoAsg(_)
            | Self::Apigee(_)
            | Self::Rfc7662(_)
            | Self::Jwt { .. } => None,
        }
    }

    pub(super) fn into_jwt(self) -> Option<jwt::Config> {
        match self {
            Self::Jwt { config, .. } => Some(*config),
            Self::Passport(_)
            | Self::TibcoAsg(_)
            | Self::Apigee(_)
            | Self::Rfc7662(_)
            | Self::Http(_) => None,
        }
    }

    pub(super) fn into_rfc7662(self) -> Option<rfc7662::Config> {
        match self {
            Self::Rfc7662(config) => Some(*config),
            Self::Passport(_)
            | Self::TibcoAsg(_)
            | Self::Apigee(_)
            | Self::Jwt { .. }
            | Self::Http(_) => None,
        }
    }

    pub(super) fn into_provider(
        self,
        name: &ProviderName,
        clock: Arc<dyn Clock>,
        bindings: &Arc<dyn Bindings>,
        outbound: &Outbound,
    ) -> Arc<dyn Provider> {
        match self {
            Self::Passport(config) => {
                let (name, bindings) = (name.clone(), Arc::clone(bindings));
                Arc::new(passport::Passport::new(
                    config, clock, name, bindings, outbound,
                ))
            }
            Self::TibcoAsg(config) => Arc::new(tibco_asg::TibcoAsg::new(config, clock, outbound)),
            Self::Apigee(config) => Arc::new(apigee::Apigee::new(config, clock, outbound)),
            Self::Rfc7662(config) => Arc::new(rfc7662::Rfc7662::new(*config, clock, outbound)),
            Self::Jwt { config, server } => {
                let server = server.map(|server| {
                    let clock = Arc::clone(&clock);
                    Arc::new(rfc7662::Rfc7662::new(*server, clock, outbound)) as _
                });
                Arc::new(jwt::Jwt::new(*config, clock, outbound, server))
            }
            Self::Http(config) => Arc::new(described::Described::new(*config, clock, outbound)),
        }
    }
}

/// Reads an issuer whose tokens are judged here, and `introspect`, the server that may be asked as
/// well.
fn read_jwt(section: &mut Section) -> Option<Vendor> {
    let has_server = section.has("introspect");
    let mut table = section.section("introspect");
    let server = has_server.then(|| {
        let server = rfc7662::Config::read_of_ending_tokens(&mut table);
        table.finish();
        server
    });
    let config = jwt::Config::read(section).map(Box::new)?;
    let server = match server {
        None => None,
        Some(server) => Some(Box::new(server?)),
    };
    Some(Vendor::Jwt { config, server })
}
