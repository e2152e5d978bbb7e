//! Second start of this program, as a server.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result, Tried};
use crate::process::Process;

/// Command that runs this program in a role.
pub(crate) fn role(name: &str, port: u16) -> Result<Command> {
    let mut command = program()?;
    command.arg(name).arg(port.to_string());
    Ok(command)
}

/// Command that starts this program, its role to be added.
pub(crate) fn program() -> Result<Command> {
    let path = std::env::current_exe().tried("cannot find the path of this program")?;
    Ok(Command::new(path))
}

/// Finds a port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).tried("no free port")?;
    Ok(listener.local_addr().tried("no free port")?.port())
}

pub(crate) fn wait_until_open(port: u16, process: &mut Process) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if process.has_ended() {
            return Err(Failure::new(format!(
                "exited at startup: {}",
                process.last_words()
            )));
        }
        if Instant::now() > end {
            return Err(Failure::new(format!(
                "accepts no connections: {}",
                process.last_words()
            )));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
