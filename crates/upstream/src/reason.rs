use std::error::Error;
use std::io::{self, ErrorKind};

use introspectd_core::{Failure, Outage, Unreachable};
use rustls::{AlertDescription, CertificateError};

use crate::connect::ConnectError;
use crate::resolve::NameError;

/// Names the reason why there is no connection.
pub(crate) fn of_connecting(error: &ConnectError) -> Failure {
    let reason = match error {
        ConnectError::Name(NameError::NoSuchName) => Unreachable::NoSuchName,
        ConnectError::Name(NameError::Failed) => Unreachable::Unresolved,
        ConnectError::Tcp(error) | ConnectError::Tls(error)
            if error.kind() == ErrorKind::TimedOut =>
        {
            return Failure::ConnectTimeout;
        }
        ConnectError::Tcp(error) => of_tcp(error),
        ConnectError::Proxy(fault) => Unreachable::Proxy(*fault),
        // Without a cause it was closed or reset in the middle.
        ConnectError::Tls(error) => of_tls(error).unwrap_or(Unreachable::Tls),
    };
    Failure::outage(Outage::Unreachable(reason))
}

/// Names the reason why an open connection ended, if the error says so. In TLS 1.3 a server refuses
/// our certificate when we already asked.
pub(crate) fn of_reset(error: &io::Error) -> Option<Unreachable> {
    if error.kind() == ErrorKind::InvalidData {
        return Some(of_tls(error).unwrap_or(Unreachable::Tls));
    }
    (error.kind() == ErrorKind::ConnectionReset).then_some(Unreachable::Reset)
}

fn of_tcp(error: &io::Error) -> Unreachable {
    let kind = error.kind();
    if kind == ErrorKind::ConnectionRefused {
        Unreachable::Refused
    } else if matches!(
        kind,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
    ) {
        Unreachable::NoRoute
    } else if matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    ) {
        Unreachable::Reset
    } else {
        Unreachable::NotOpened
    }
}

fn of_tls(error: &io::Error) -> Option<Unreachable> {
    let cause = error.get_ref()?;
    match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(certificate)) => Some(of_certificate(certificate)),
        Some(rustls::Error::AlertReceived(alert)) => Some(of_alert(&format!("{alert:?}"))),
        Some(rustls::Error::InvalidMessage(_)) => Some(Unreachable::NotTls),
        Some(_) => Some(Unreachable::Tls),
        None => of_text(cause),
    }
}

/// Reads the text of an error, which is all that HTTP/2 leaves of it.
fn of_text(cause: &(dyn Error + Send + Sync)) -> Option<Unreachable> {
    let text = cause.to_string();
    Some(of_alert(text.rsplit_once("alert: ")?.1))
}

/// Reads the name of an alert, which its error's text ends in.
fn of_alert(name: &str) -> Unreachable {
    let is = |alert: AlertDescription| name == format!("{alert:?}");
    let refusals = [
        AlertDescription::BadCertificate,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
        AlertDescription::AccessDenied,
        AlertDescription::DecryptError,
    ];
    if is(AlertDescription::CertificateRequired) {
        Unreachable::CertificateDemanded
    } else if refusals.into_iter().any(is) {
        Unreachable::CertificateRefused
    } else {
        Unreachable::Tls
    }
}

/// Name in webpki's errors; rustls has none for it.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";

fn of_certificate(error: &CertificateError) -> Unreachable {
    // The latter: an authority of the name that we know, with another key, as one that was made a
    // second time has.
    if matches!(
        error,
        CertificateError::UnknownIssuer | CertificateError::BadSignature
    ) {
        Unreachable::UnknownAuthority
    } else if matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        Unreachable::WrongName
    } else if matches!(
        error,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    ) {
        Unreachable::Expired
    } else if matches!(
        error,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
    ) {
        Unreachable::NotYetValid
    } else if matches!(
        error,
        CertificateError::Other(error) if format!("{error:?}").contains(CA_AS_SERVER)
    ) {
        Unreachable::AuthorityCertificate
    } else {
        Unreachable::Certificate
    }
}
