//! TLS beside the plain listener of a server that is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result, Tried};
use crate::role::free_port;

/// Listener with a certificate of its own.
#[derive(Debug)]
pub(crate) struct TlsListener {
    pub(crate) port: u16,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsListener {
    /// Makes a certificate in this folder. wrk verifies none.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let certificate = folder.join("certificate.pem");
        let key = folder.join("key.pem");
        let mut command = Command::new("openssl");
        command.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        let output = command.output().tried("cannot start openssl")?;
        if !output.status.success() {
            return Err(Failure::new(format!(
                "openssl: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )));
        }
        Ok(Self {
            port: free_port()?,
            certificate,
            key,
        })
    }
}
