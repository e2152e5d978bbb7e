//! Threads for signatures that would hold up a worker: by RSA, one takes a millisecond or more.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use introspectd_jose::{SigningFailed, TypedSigner};
use tokio::sync::oneshot;

use crate::refusal::{CallerFault, Refusal, ServiceFault};

/// Threads that sign, until this is dropped.
///
/// Half as many as the processors, one at least: whoever wants signatures that take long leaves the
/// other half to everybody else.
pub(super) struct Threads {
    jobs: Sender<Job>,
}

/// Refusal of a caller that has no place left. A signature takes milliseconds, so it may soon.
const TOO_MANY: CallerFault = CallerFault::RateLimited { retry_after: 1 };

/// Places of one caller, of which each signature that waits or is made holds one.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<AtomicUsize>);

struct Place(Places);

struct Job {
    signer: Arc<TypedSigner>,
    payload: Vec<u8>,
    done: oneshot::Sender<Result<String, SigningFailed>>,
    _place: Place,
}

impl Places {
    /// Number of places: a caller with more requests is too fast for its own algorithm.
    pub const COUNT: usize = 64;

    fn take(&self) -> Option<Place> {
        // The place is given back by its drop, over the limit too.
        let place = Place(self.clone());
        (self.0.fetch_add(1, Ordering::Relaxed) < Self::COUNT).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(Places(taken)) = self;
        taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Threads {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for _ in 0..(processors / 2).max(1) {
            let waiting = Arc::clone(&waiting);
            let name = "signatures".to_owned();
            thread::Builder::new().name(name).spawn(move || {
                while let Some(job) = next(&waiting) {
                    job.work();
                }
            })?;
        }
        Ok(Self { jobs })
    }

    pub(super) async fn sign(
        &self,
        places: &Places,
        signer: Arc<TypedSigner>,
        payload: Vec<u8>,
    ) -> Result<String, Refusal> {
        let place = places.take().ok_or(TOO_MANY)?;
        let (done, signed) = oneshot::channel();
        // Without a thread the job is dropped, and with it `done`.
        let _ = self.jobs.send(Job {
            signer,
            payload,
            done,
            _place: place,
        });
        match signed.await {
            Ok(Ok(signed)) => Ok(signed),
            Ok(Err(SigningFailed)) | Err(_) => Err(ServiceFault::NotSigned.into()),
        }
    }
}

fn next(waiting: &Mutex<Receiver<Job>>) -> Option<Job> {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.recv().ok()
}

impl Job {
    fn work(self) {
        if !self.done.is_closed() {
            let _ = self.done.send(self.signer.sign(&self.payload));
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_jose::{Algorithm, Signer};

    fn rsa() -> Arc<TypedSigner> {
        let keys = include_str!("../../../jose/testdata/keys.json");
        let keys: serde_json::Value = serde_json::from_str(keys).unwrap();
        let pem = keys["rsa"]["pkcs8"].as_str().unwrap();
        let signer = Signer::from_pem(pem, Algorithm::Rs256).unwrap();
        Arc::new(TypedSigner::new(signer, "JWT").unwrap())
    }

    #[tokio::test]
    async fn callers_have_places_of_their_own_and_get_them_back() {
        let threads = Threads::start().unwrap();
        let (greedy, other) = (Places::default(), Places::default());
        let sign = async |places: &Places| threads.sign(places, rsa(), b"{}".to_vec()).await;
        let all: Vec<_> = (0..Places::COUNT).map_while(|_| greedy.take()).collect();
        assert_eq!(all.len(), Places::COUNT);
        for _ in 0..2 {
            assert_eq!(sign(&greedy).await, Err(TOO_MANY.into()));
        }
        let signed = sign(&other).await.unwrap();
        assert_eq!(rsa().sign(b"{}").as_ref(), Ok(&signed));
        drop(all);
        assert_eq!(sign(&greedy).await, Ok(signed));
    }
}
