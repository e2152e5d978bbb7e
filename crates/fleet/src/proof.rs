use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_keys::Key;

use crate::fleet::Fleet;
use crate::secret::Keys;
use crate::store::Down;

/// Deadline for the store: a client waits, and a gateway may have 200 ms for the whole decision.
const DEADLINE: Duration = Duration::from_millis(50);

/// Proofs of possession, each of which is used once in the fleet.
impl Fleet {
    /// Uses up a proof of this key, and returns true if no replica has used it before.
    ///
    /// Whoever can write to the store can have proofs refused, and none accepted.
    ///
    /// # Errors
    /// [`Down`]; at once while the store does not respond.
    pub async fn use_proof(
        &self,
        holder: &[u8; 32],
        jti: &str,
        life: Duration,
    ) -> Result<bool, Down> {
        if !self.breaker.lets_pass(self.clock.elapsed()) {
            return Err(Down("the store does not respond".to_owned()));
        }
        if let Some(previous) = &self.keyring.previous {
            let key = self.proof(previous, holder, jti);
            let found = self.within(DEADLINE, self.store.get(&[&key])).await?;
            if found.iter().any(Option::is_some) {
                return Ok(false);
            }
        }
        let key = self.proof(&self.keyring.current, holder, jti);
        self.within(DEADLINE, self.store.set_new(&key, b"1", life))
            .await
    }

    /// Key of the nonces that this replica makes.
    pub fn nonce_key(&self) -> &Key {
        &self.keyring.current.nonces
    }

    /// Keys of the nonces that the fleet's replicas make, with those of a former secret.
    pub fn nonce_keys(&self) -> impl Iterator<Item = &Key> {
        self.keyring.all().map(|keys| &keys.nonces)
    }

    fn proof(&self, keys: &Keys, holder: &[u8; 32], jti: &str) -> String {
        let name = keys.proofs.parts().fixed(holder).last(jti.as_bytes());
        let name: [u8; 16] = name.truncated();
        let name = URL_SAFE_NO_PAD.encode(name);
        format!("{}:p:{name}", self.settings.prefix)
    }
}
