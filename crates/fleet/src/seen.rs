use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use constant_time_eq::constant_time_eq;

use crate::fleet::Fleet;
use crate::secret::Keys;
use crate::store::Down;

/// Deadline for the store: whoever sent the message goes on without an answer of it.
const DEADLINE: Duration = Duration::from_secs(1);

/// Messages that are acted upon once in the fleet, by what names them.
impl Fleet {
    /// Returns true if a replica has noted the message of this name.
    ///
    /// # Errors
    /// [`Down`].
    pub async fn has_seen(&self, name: &[&str]) -> Result<bool, Down> {
        for keys in self.keyring.all() {
            let (key, proof) = self.note(keys, name);
            let found = self.within(DEADLINE, self.store.get(&[&key])).await?;
            let found = found.into_iter().flatten();
            // Nobody without the secret can make the fleet skip a message that it has not seen.
            if found
                .into_iter()
                .any(|found| constant_time_eq(&found, &proof))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes the message of this name for the whole fleet, for this time.
    ///
    /// # Errors
    /// [`Down`].
    pub async fn note_seen(&self, name: &[&str], life: Duration) -> Result<(), Down> {
        let (key, proof) = self.note(&self.keyring.current, name);
        let noting = self.store.set_new(&key, &proof, life);
        self.within(DEADLINE, noting).await.map(drop)
    }

    /// Returns the key in the store and the value that proves who has written it.
    fn note(&self, keys: &Keys, name: &[&str]) -> (String, [u8; 16]) {
        let parts = || {
            let parts = name.iter();
            parts.fold(keys.seen.parts(), |parts, part| {
                parts.field(part.as_bytes())
            })
        };
        let key: [u8; 16] = parts().last(b"key").truncated();
        let key = format!("{}:j:{}", self.settings.prefix, URL_SAFE_NO_PAD.encode(key));
        (key, parts().last(b"proof").truncated())
    }
}
