/// Differences between vendors in how they are reached.
#[derive(Debug, Clone, Copy)]
pub enum Dialect {
    /// Requests are GETs below a `base_url`.
    Rest,
    /// Requests are GETs below a `base_url`; `client_credentials` are exchanged by a JSON body at
    /// this path below it.
    RestWithJsonGrant(&'static str),
    /// Requests are forms posted to an endpoint, which may contain credentials.
    FormEndpoint,
    /// Requests are JSON posted to an endpoint.
    JsonEndpoint,
}
