use std::net::{Ipv4Addr, SocketAddr};

use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse,
};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::envoy;
use crate::failure::{Failure, Result, Tried};

/// gRPC itself: tonic's own server, and one constant answer, which it has from the server at the
/// second port.
pub(super) fn run(words: &[String]) -> Result<()> {
    let port = |word: &String| word.parse::<u16>().tried("a port");
    let [own, other] = words else {
        return Err(Failure::new("a peer takes two ports"));
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port(own)?));
    let runtime = super::runtime()?;
    let answer = runtime.block_on(envoy::ask(port(other)?))?;
    // As a task, so that it runs on the workers.
    let server = Server::builder().tcp_nodelay(true);
    let serving = runtime.spawn(server.serve(address, AuthorizationServer::new(Constant(answer))));
    runtime
        .block_on(serving)
        .tried("the server ended")?
        .tried("the server ended")
}

struct Constant(CheckResponse);

#[tonic::async_trait]
impl Authorization for Constant {
    async fn check(
        &self,
        _: Request<CheckRequest>,
    ) -> std::result::Result<Response<CheckResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}
