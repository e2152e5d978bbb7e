use introspectd_jose::Claims;

use crate::fault::ClaimFault;
use crate::subject::SubjectId;

/// Reads the body of a Global Token Revocation request
/// (draft-parecki-oauth-global-token-revocation): `{"sub_id": …}`.
///
/// # Errors
/// [`ClaimFault`].
pub fn revoked_subject(body: &[u8]) -> Result<SubjectId, ClaimFault> {
    let members = Claims::parse(body)?;
    let subject = members.get("sub_id").ok_or(ClaimFault::missing("sub_id"))?;
    Ok(SubjectId::read(subject)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_body_is_a_subject_or_refused() {
        let seeds: &[&[u8]] = &[
            br#"{"sub_id":{"format":"email","email":"alice@example.com"}}"#,
            br#"{"sub_id":{"format":"iss_sub","iss":"https://idp","sub":"alice"},"x":[1]}"#,
            br#"{"sub_id":{"format":"aliases","identifiers":[{"format":"opaque","id":"a"}]}}"#,
        ];
        for seed in seeds {
            assert!(revoked_subject(seed).is_ok());
        }
        for bad in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"sub_id":1}"#,
            br#"{"sub_id":{},"sub_id":{}}"#,
        ] {
            assert!(revoked_subject(bad).is_err());
        }
        introspectd_fuzz::check!(seeds, |bytes: &[u8]| {
            if let Ok(subject) = revoked_subject(bytes) {
                let _ = subject.subjects();
            }
        });
    }
}
