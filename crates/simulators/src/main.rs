//! Runs vendor simulators until Ctrl-C, to try introspectd, or a client of the vendor, by hand.
#![allow(
    clippy::print_stdout,
    reason = "a program for the terminal: what it prints is what it is for"
)]
#![allow(
    clippy::print_stderr,
    reason = "a program for the terminal reports errors there"
)]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::SystemTime;

use introspectd_simulators::apigee::{self, Apigee};
use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::rfc7662::{self, Rfc7662};
use introspectd_simulators::tibco_asg::{self, TibcoAsg};
use introspectd_simulators::{Simulator, Vendor};

const HELP: &str = "\
Vendor authorization servers on 127.0.0.1, with their documented answers.

Usage: introspectd-simulators <VENDOR> [--port N]

Vendors: passport, tibco-asg, apigee, rfc7662, or all (four ports in a row)

Options:
  --port N  The port; the first of four with `all`. 0 takes free ones. Default: 9501
  --help    This text

Examples:
  introspectd-simulators apigee
  introspectd-simulators tibco-asg --port 9322
  introspectd-simulators all --port 9501

Each prints its address, sample tokens, its credentials and a curl line. Ctrl-C stops them.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let Some((vendors, port)) = parsed(&arguments) else {
        eprintln!("{HELP}");
        return ExitCode::from(2);
    };
    match run(&vendors, port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("introspectd-simulators: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The vendors to run and the first port; `None` for invalid arguments.
fn parsed(arguments: &[String]) -> Option<(Vec<&str>, u16)> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (vendor, port) = match arguments.as_slice() {
        [vendor] => (*vendor, 9501),
        [vendor, "--port", port] | ["--port", port, vendor] => (*vendor, port.parse().ok()?),
        _ => return None,
    };
    let vendors = match vendor {
        "all" => vec!["passport", "tibco-asg", "apigee", "rfc7662"],
        "passport" | "tibco-asg" | "apigee" | "rfc7662" => vec![vendor],
        _ => return None,
    };
    Some((vendors, port))
}

async fn run(vendors: &[&str], first: u16) -> io::Result<()> {
    #[allow(
        clippy::disallowed_methods,
        reason = "the program's own start is where time comes in"
    )]
    let now = SystemTime::now();
    let mut running: Vec<Box<dyn std::any::Any>> = Vec::new();
    for (offset, vendor) in (0..).zip(vendors) {
        let port = if first == 0 {
            0
        } else {
            first.saturating_add(offset)
        };
        running.push(match *vendor {
            "passport" => Box::new(shown(Passport::new(now), port, passport_notes).await?),
            "tibco-asg" => Box::new(shown(TibcoAsg::new(now), port, tibco_asg_notes).await?),
            "apigee" => Box::new(shown(Apigee::new(now), port, apigee_notes).await?),
            _ => Box::new(shown(Rfc7662::new(now), port, rfc7662_notes).await?),
        });
    }
    println!("Ctrl-C ends.");
    tokio::signal::ctrl_c().await
}

async fn shown<V: Vendor>(
    vendor: V,
    port: u16,
    notes: fn(&str) -> String,
) -> io::Result<Simulator<V>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let simulator = Simulator::bind(vendor, address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })?;
    println!("{}\n", notes(&simulator.base_url()));
    Ok(simulator)
}

fn passport_notes(url: &str) -> String {
    use passport::{ACTIVE, BEARER, CLIENT_ID, CLIENT_SECRET, EXPIRED, READER, REVOKED, UNKNOWN};
    format!(
        "passport at {url}
  token ids   active   {ACTIVE}
              reader   {READER}
              expired  {EXPIRED}
              revoked  {REVOKED}
              unknown  {UNKNOWN}
  credential  client_id {CLIENT_ID}, client_secret {CLIENT_SECRET}
              or the bearer token {BEARER}
  curl -H 'Authorization: Bearer {BEARER}' {url}/v1/iam/oauth/tokens/{ACTIVE}"
    )
}

fn tibco_asg_notes(url: &str) -> String {
    use tibco_asg::{ACTIVE, CLIENT_ID, CLIENT_SECRET, EXPIRED, REVOKED, SCOPE_STRING, UNKNOWN};
    format!(
        "tibco-asg at {url}
  tokens      active   {ACTIVE}
              scopes   {SCOPE_STRING} (scopes in one string)
              expired  {EXPIRED} (still says Active)
              revoked  {REVOKED}
              unknown  {UNKNOWN}
  credential  none to validate; {CLIENT_ID}:{CLIENT_SECRET} to list and revoke
  curl {url}/asg/oauth2/access_token/{ACTIVE}"
    )
}

fn apigee_notes(url: &str) -> String {
    use apigee::{ACTIVE, ATTRIBUTES, EXPIRED, ORGANIZATION, PASSWORD, REVOKED, UNKNOWN, USERNAME};
    format!(
        "apigee at {url}
  tokens      active      {ACTIVE}
              attributes  {ATTRIBUTES}
              expired     {EXPIRED} (still says approved)
              revoked     {REVOKED}
              unknown     {UNKNOWN}
  credential  {USERNAME}:{PASSWORD}, organization {ORGANIZATION}
  curl -u {USERNAME}:{PASSWORD} {url}/v1/o/{ORGANIZATION}/oauth2/accesstokens/{ACTIVE}"
    )
}

fn rfc7662_notes(url: &str) -> String {
    use rfc7662::{ACTIVE, ACTIVE_JWT, CLIENT_ID, CLIENT_SECRET, EXPIRED, REVOKED, UNKNOWN};
    format!(
        "rfc7662 at {url}
  tokens      active   {ACTIVE}
              as JWT   {ACTIVE_JWT}
              expired  {EXPIRED}
              revoked  {REVOKED}
              unknown  {UNKNOWN}
  credential  {CLIENT_ID}:{CLIENT_SECRET}, or a token from {url}/token
  curl -u {CLIENT_ID}:{CLIENT_SECRET} -d token={ACTIVE} {url}/introspect"
    )
}
