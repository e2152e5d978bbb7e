/// What differs between vendors in reaching them.
#[derive(Debug, Clone, Copy)]
pub enum Dialect {
    /// Questions are GETs below a `base_url`.
    Rest,
    /// Questions are GETs below a `base_url`; `client_credentials` are exchanged by a JSON body at
    /// this path below it.
    RestWithJsonGrant(&'static str),
    /// Questions are forms posted to an endpoint, so that credentials may stand in them.
    FormEndpoint,
}
