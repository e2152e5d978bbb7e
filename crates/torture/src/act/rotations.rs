//! Secrets and certificates, replaced as an operator should. No caller may notice.

use std::io;
use std::time::Duration;

use crate::act::Stage;
use crate::cast::Which;
use crate::oracle::finding::Rule;
use crate::oracle::weather::Kind;
use crate::stop::Stop;
use crate::subject::{AUTHORITIES, CLIENT, PASSWORD};
use crate::world::{Authority, Identity};

/// Time in which the old and the new one are both good.
const OVERLAP: Duration = Duration::from_millis(700);

impl Stage {
    /// Puts those in place with which a run begins.
    pub(crate) async fn equip(&self) -> io::Result<()> {
        self.subject.write(PASSWORD, &password(0))?;
        self.providers.accept_passwords(&[password(0)]);
        let authority = self.providers.authority().pem();
        self.subject.write(AUTHORITIES, &authority)?;
        let mut client = self.client.lock().await;
        let identity = match client.take() {
            Some(identity) => identity,
            None => self.providers.client_identity()?,
        };
        self.subject.write(CLIENT, &identity.pem)?;
        self.providers.gate.let_in(&[&identity]);
        *client = Some(identity);
        Ok(())
    }

    /// A new certificate of the TLS listener, which the next connection must show.
    pub(super) async fn rotate_listener(&self) -> io::Result<()> {
        let expected = self.subject.rotate_listener()?;
        let shown = self.asker.certificate().await?;
        if shown != expected {
            let story = "the TLS listener does not show its new certificate";
            self.oracle.complain(Rule::NotRotated, story);
        }
        Ok(())
    }

    /// A new password at a provider: both work, the file changes, the old one ends.
    pub(super) async fn rotate_password(&self, stop: &mut Stop) -> io::Result<()> {
        let mut in_force = self.in_force.lock().await;
        let old = password(in_force.passwords);
        in_force.passwords += 1;
        let new = password(in_force.passwords);
        self.providers.accept_passwords(&[old, new.clone()]);
        self.subject.write(PASSWORD, &new)?;
        // Reloads go on.
        drop(in_force);
        stop.pause(OVERLAP).await;
        self.providers.accept_passwords(&[new]);
        Ok(())
    }

    /// Another authority of a provider's certificates: both are trusted, the provider moves to the
    /// new one, the old one ends.
    pub(super) async fn rotate_authority(&self, number: u64, stop: &mut Stop) -> io::Result<()> {
        let old = self.providers.authority().pem();
        let authority = Authority::new(&format!("trusted {number}"))?;
        let new = authority.pem();
        self.subject.write(AUTHORITIES, &format!("{old}{new}"))?;
        self.turn(|| self.providers.rotate_authority(authority))?;
        stop.pause(OVERLAP).await;
        self.subject.write(AUTHORITIES, &new)
    }

    /// A new certificate of a provider.
    pub(super) fn rotate_provider(&self) -> io::Result<()> {
        self.turn(|| self.providers.rotate_certificate())
    }

    /// Tells the oracle that the gate ends connections that rest.
    pub(super) fn turn<T>(&self, act: impl FnOnce() -> T) -> T {
        let (weather, watch) = (&self.oracle.weather, self.oracle.watch);
        weather.begin(Kind::Turns, Some(Which::Sso), watch.at());
        let done = act();
        weather.end(Kind::Turns, Some(Which::Sso), watch.at());
        done
    }

    /// Another certificate of ours: the provider lets in both, the file changes, the old one ends.
    pub(super) async fn rotate_client(&self, stop: &mut Stop) -> io::Result<()> {
        let new = self.providers.client_identity()?;
        let mut current = self.client.lock().await;
        let known: Vec<&Identity> = current.iter().chain([&new]).collect();
        self.turn(|| self.providers.gate.let_in(&known));
        self.subject.write(CLIENT, &new.pem)?;
        stop.pause(OVERLAP).await;
        self.turn(|| self.providers.gate.let_in(&[&new]));
        *current = Some(new);
        Ok(())
    }
}

/// Password at `apis` after so many rotations.
fn password(rotations: u64) -> String {
    format!("apis-password-{rotations}")
}
