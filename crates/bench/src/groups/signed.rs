use std::hint::black_box;
use std::process::Command;

use introspectd_jose::{Algorithm, Signer, TypedSigner};
use rustix::time::{ClockId, clock_gettime};

use crate::answer::{Endpoint, Reader, active};
use crate::drive::{Drive, ExpectedRequests};
use crate::failure::{Failure, Result, Tried};
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::running::Running;
use crate::subject::Subject;
use crate::wrk::{Kind, Tokens};

const TOKENS: u64 = 1_000;
const SIGNATURES: u32 = 20_000;

/// Cached hits of one server, as JSON and signed in turns of a second, and signatures alone.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let pem = private_key()?;
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, &pem, ledger))
}

fn one_round(lab: &Lab, round: usize, pem: &str, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let prefix = lab.prefix();
    let more =
        format!("\n[[signing]]\nkey = {{ literal = \"\"\"{pem}\"\"\" }}\nalgorithm = \"EdDSA\"\n");
    let mut running = Running::start_with(lab, authority.port, &more)?;
    running.fill(&prefix, 0..TOKENS)?;
    let tokens = Tokens {
        kind: Kind::Kept,
        prefix,
        count: TOKENS,
    };
    // Each key has one value a round, so that they can be added.
    for (load, endpoint) in [
        (Load::Unsigned, Endpoint::Introspect),
        (Load::Signed, Endpoint::SignedIntrospect),
    ] {
        running = running.answering(endpoint);
        let drive = Drive {
            lab,
            authority: &authority,
            load,
            asked: ExpectedRequests::Never,
        };
        drive.once(round, &running, &tokens, lab.seconds, ledger)?;
    }
    let key = Key(Subject::Introspectd, Load::Signature, Metric::Value);
    ledger.add(key, signature(pem)?);
    Ok(())
}

/// CPU time of a signature of an answer with its claims, in microseconds.
fn signature(pem: &str) -> Result<f64> {
    let broken = |why: String| Failure::new(format!("signature: {why}"));
    let signer = Signer::from_pem(pem, Algorithm::EdDsa).map_err(|why| broken(why.to_string()))?;
    let signer = signer.with_kid("a".repeat(43));
    let signer = TypedSigner::new(signer, "token-introspection+jwt");
    let signer = signer.map_err(|why| broken(why.to_string()))?;
    let answer = active("w000000060000000000", 1_800_000_000, Reader::Peer);
    let payload = format!(
        r#"{{"iss":"http://127.0.0.1:40000","aud":"gw","iat":1800000000,"token_introspection":{answer}}}"#
    );
    let begun = clock_gettime(ClockId::ThreadCPUTime);
    for _ in 0..SIGNATURES {
        let signed = signer.sign(black_box(payload.as_bytes()));
        black_box(signed.map_err(|why| broken(why.to_string()))?);
    }
    let ended = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = (ended.tv_sec - begun.tv_sec) as f64;
    let nanoseconds = (ended.tv_nsec - begun.tv_nsec) as f64;
    Ok((seconds * 1e6 + nanoseconds / 1e3) / f64::from(SIGNATURES))
}

fn private_key() -> Result<String> {
    let mut openssl = Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", "ed25519"]);
    let output = openssl.output().tried("cannot start openssl")?;
    String::from_utf8(output.stdout).map_err(|_| Failure::new("openssl: no PEM".to_owned()))
}
