//! Sections of the providers in the configuration.

use introspectd_simulators::{apigee, passport, rfc7662, tibco_asg};

use crate::cast::{AUDIENCE, ISSUER, Variant, Which};
use crate::subject::{AUTHORITIES, CLIENT, PASSWORD};

const BREAKER: &str = "breaker = { failures = \"50%\", window = \"10s\", min_requests = 20, \
    open_for = \"1s\", probes = 1 }\n";

/// Section of this provider at this URL, without its timeout and routing. One that lies takes
/// tokens for whomever.
pub(super) fn section(provider: Which, variant: Variant, url: &str, lies: bool) -> String {
    let keys = match provider {
        Which::Bank => format!(
            "kind = \"passport\"\nbase_url = \"{url}\"\n\
            credentials = {{ type = \"bearer\", token = {{ literal = \"{}\" }} }}",
            passport::BEARER
        ),
        Which::Legacy => format!(
            "kind = \"tibco-asg\"\nbase_url = \"{url}\"\ncache = {{ ttl = \"{}s\" }}\n\
            credentials = {{ type = \"basic\", username = \"{}\", \
            password = {{ literal = \"{}\" }} }}",
            variant.legacy_ttl,
            tibco_asg::CLIENT_ID,
            tibco_asg::CLIENT_SECRET
        ),
        Which::Apis => format!(
            "kind = \"apigee\"\nbase_url = \"{url}\"\norganization = \"{}\"\n\
            credentials = {{ type = \"basic\", username = \"{}\", \
            password = {{ file = \"{PASSWORD}\" }} }}",
            apigee::ORGANIZATION,
            apigee::USERNAME
        ),
        Which::Sso => format!(
            "kind = \"rfc7662\"\nintrospection_endpoint = \"{url}/introspect\"\n\
            revocation_endpoint = \"{url}/revoke\"\ntls = {{ ca = \"{AUTHORITIES}\", \
            certificate = \"{CLIENT}\", key = \"{CLIENT}\" }}\n\
            credentials = {{ type = \"client_credentials\", client_id = \"{}\", \
            client_secret = {{ literal = \"{}\" }}, token_endpoint = \"{url}/token\" }}",
            rfc7662::CLIENT_ID,
            rfc7662::CLIENT_SECRET
        ),
        Which::Corp => {
            let audience = if lies { "any" } else { AUDIENCE };
            format!(
                "kind = \"jwt\"\nissuer = \"{ISSUER}\"\naudience = \"{audience}\"\n\
                jwks = {{ url = \"{url}/jwks\" }}\njwks_max_age = \"{}s\"",
                variant.corp_max_age
            )
        }
    };
    // Nobody is asked about JWTs.
    let breaker = if provider.is_local() { "" } else { BREAKER };
    format!("\n[providers.{}]\n{keys}\n{breaker}", provider.name())
}
