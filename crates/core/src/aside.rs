use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Wish of a task to go on on another thread, before work that would hold up all others of its own.
///
/// [`Aside::scope`] passes it to the code inside, without a parameter in every call between: few
/// answers are that large.
#[derive(Debug, Clone, Default)]
pub struct Aside(Arc<AtomicBool>);

tokio::task_local! {
    static CURRENT: Aside;
}

impl Aside {
    /// Runs a future with this wish as the current one. Whoever polls it has to look at
    /// [`is_wanted`](Self::is_wanted) whenever it is pending, and to poll it once more elsewhere.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Returns true once the task inside wants to go on elsewhere.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Lets the current task go on elsewhere. Returns at once in a task that cannot, or has done so
    /// already.
    pub async fn step() {
        let Ok(aside) = CURRENT.try_with(Clone::clone) else {
            return;
        };
        if aside.0.swap(true, Relaxed) {
            return;
        }
        // Woken at once: whoever polls it may look only at what was woken.
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn task_wants_to_go_aside_once_and_is_woken() {
        let (aside, wakes) = (Aside::default(), Arc::<Wakes>::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let mut task = pin!(aside.clone().scope(async {
            Aside::step().await;
            Aside::step().await;
        }));
        assert!(!aside.is_wanted());
        assert!(task.as_mut().poll(&mut cx).is_pending());
        assert!(aside.is_wanted());
        assert_eq!(wakes.0.load(Relaxed), 1);
        assert!(task.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn task_that_cannot_go_aside_goes_on() {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(Aside::step()).poll(&mut cx).is_ready());
    }
}
