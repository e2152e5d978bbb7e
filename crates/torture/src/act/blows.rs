//! Blows to the process and its machine.

use std::time::Duration;

use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::act::Stage;
use crate::cast::Which;
use crate::oracle::finding::Rule;
use crate::oracle::weather::Kind;
use crate::plan::{Blow, Step};
use crate::stop::Stop;
use crate::subject::CLOCK_SEEN;

/// Idle connections of a crowd: more than the process has descriptors.
const CROWD: usize = 2500;
/// Seconds by which the clock jumps: past the end of many tokens.
const JUMP: i64 = 90;

/// One blow after another.
pub(crate) async fn strike(
    stage: Stage,
    plan: impl Iterator<Item = Step<Blow>> + Send,
    mut stop: Stop,
) {
    for (number, step) in (1..).zip(plan) {
        if !stop.pause(step.pause).await {
            return;
        }
        if !possible(&stage, step.what) {
            continue;
        }
        stage.oracle.tally.did(step.what.title());
        let struck = match step.what {
            Blow::Kill => stage.restart(Signal::KILL, Kind::Down).await,
            Blow::Terminate => stage.restart(Signal::TERM, Kind::Stopping).await,
            Blow::StallLogs => stage.stall_logs(step.hold, &mut stop).await,
            Blow::FillDisk => stage.fill_disk(step.hold, &mut stop).await,
            Blow::ClockForward => stage.jump(JUMP, step.hold, &mut stop).await,
            Blow::ClockBack => stage.jump(-JUMP, step.hold, &mut stop).await,
            Blow::Crowd => stage.crowd(step.hold, &mut stop).await,
            Blow::RotateListener => stage.rotate_listener().await,
            Blow::RotateProvider => stage.rotate_provider(),
            Blow::RotateAuthority => stage.rotate_authority(number, &mut stop).await,
            Blow::RotateClient => stage.rotate_client(&mut stop).await,
            Blow::ForgeProvider => stage.forge(step.hold, &mut stop).await,
            Blow::RotatePassword => stage.rotate_password(&mut stop).await,
            Blow::ExpireCredentials => {
                stage.providers.expire_credentials();
                Ok(())
            }
            Blow::RotateAudit => {
                stage.subject.disk.rotate_audit();
                Ok(())
            }
        };
        if let Err(error) = struck {
            let story = format!("{}: {error}", step.what.title());
            stage.oracle.complain(Rule::Died, story);
        }
    }
}

/// Some blows take what this machine or this run does not have.
fn possible(stage: &Stage, blow: Blow) -> bool {
    // The replicas of a fleet have one configuration and one clock, and files that stay.
    let is_of_fleets = matches!(blow, Blow::Kill | Blow::Terminate | Blow::StallLogs);
    if stage.oracle.terms.sharing.is_some() && !is_of_fleets {
        return false;
    }
    match blow {
        Blow::ClockForward | Blow::ClockBack => stage.subject.has_clock() && stage.does("clock"),
        Blow::FillDisk => stage.subject.disk.is_mounted() && stage.does("disk"),
        Blow::Kill | Blow::Terminate => stage.does("restart"),
        Blow::Crowd => stage.does("crowd"),
        Blow::StallLogs
        | Blow::RotateListener
        | Blow::RotateProvider
        | Blow::RotateAuthority
        | Blow::RotateClient
        | Blow::ForgeProvider
        | Blow::RotatePassword
        | Blow::ExpireCredentials
        | Blow::RotateAudit => true,
    }
}

type Struck = std::io::Result<()>;

impl Stage {
    /// Ends the process by a signal and starts it again. What it kept in memory is gone.
    async fn restart(&self, signal: Signal, kind: Kind) -> Struck {
        let oracle = &self.oracle;
        // No reload may meet a process that is not there.
        let mut in_force = self.in_force.lock().await;
        // Else it must find what is lost.
        if !self.sabotaged {
            oracle.ails(self.replica, kind, oracle.watch.at());
        }
        oracle.restarts(self.replica, in_force.variant);
        self.subject.signal(signal).await;
        self.subject.ended().await?;
        let ended = oracle.watch.at();
        self.subject.start().await?;
        oracle.restarted(self.replica, ended);
        in_force.restarted();
        oracle.recovers(self.replica, kind);
        Ok(())
    }

    async fn stall_logs(&self, hold: Duration, stop: &mut Stop) -> Struck {
        self.subject.logs.stall(true);
        stop.pause(hold * 2).await;
        self.subject.logs.stall(false);
        Ok(())
    }

    async fn fill_disk(&self, hold: Duration, stop: &mut Stop) -> Struck {
        self.oracle
            .weather
            .begin(Kind::DiskFull, None, self.oracle.watch.at());
        self.subject.disk.fill()?;
        stop.pause(hold).await;
        self.subject.disk.free()?;
        self.oracle
            .weather
            .end(Kind::DiskFull, None, self.oracle.watch.at());
        Ok(())
    }

    async fn jump(&self, seconds: i64, hold: Duration, stop: &mut Stop) -> Struck {
        for ahead in [seconds, 0] {
            self.oracle.clock_jumps(ahead);
            self.subject.set_clock(ahead)?;
            stop.pause(CLOCK_SEEN).await;
            self.oracle.clock_jumped();
            if ahead != 0 {
                stop.pause(hold).await;
            }
        }
        Ok(())
    }

    /// Opens idle connections that never say anything.
    async fn crowd(&self, hold: Duration, stop: &mut Stop) -> Struck {
        let oracle = &self.oracle;
        oracle.weather.begin(Kind::Crowded, None, oracle.watch.at());
        let mut idle = Vec::new();
        for _ in 0..CROWD {
            let connecting = TcpStream::connect(self.subject.ports.api);
            // A full backlog lets nobody in; that is part of it.
            let connected = tokio::time::timeout(Duration::from_millis(20), connecting).await;
            idle.extend(connected.ok().and_then(Result::ok));
        }
        stop.pause(hold).await;
        drop(idle);
        oracle.weather.end(Kind::Crowded, None, oracle.watch.at());
        Ok(())
    }

    /// Shows a certificate of an unknown authority, then one that is trusted again.
    async fn forge(&self, hold: Duration, stop: &mut Stop) -> Struck {
        let (weather, watch) = (&self.oracle.weather, self.oracle.watch);
        weather.begin(Kind::Estranged, Some(Which::Sso), watch.at());
        self.providers.forge_certificate()?;
        stop.pause(hold).await;
        self.providers.rotate_certificate()?;
        weather.end(Kind::Estranged, Some(Which::Sso), watch.at());
        Ok(())
    }
}
