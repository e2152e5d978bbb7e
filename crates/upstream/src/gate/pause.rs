use std::time::Duration;

/// Pause that a provider asked for by `Retry-After`.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<Span>);

#[derive(Debug, Clone, Copy)]
struct Span {
    began: Duration,
    until: Duration,
}

/// Longest pause, however often it is renewed while it lasts: a provider must not be able to
/// silence itself for good by one answer.
const LONGEST: Duration = Duration::from_secs(60);

impl Pause {
    /// Begins a pause, or renews it. Returns true if there was none.
    pub(super) fn ask_for(&mut self, wait: Duration, now: Duration) -> bool {
        let running = self.0.filter(|span| now < span.until);
        let began = running.map_or(now, |span| span.began);
        let until = (now + wait).min(began + LONGEST);
        let until = running.map_or(until, |span| span.until.max(until));
        self.0 = Some(Span { began, until });
        running.is_none() && now < until
    }

    /// Returns the time that is left of it.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        let until = self.0?.until;
        (now < until).then(|| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pause_lasts_as_long_as_it_was_asked_for() {
        let mut pause = Pause::default();
        assert!(pause.ask_for(seconds(3), START));
        assert_eq!(pause.left(START), Some(seconds(3)));
        assert_eq!(pause.left(START + seconds(3)), None);
        assert!(!Pause::default().ask_for(seconds(0), START));
    }

    #[test]
    fn pause_is_a_minute_at_most_in_all() {
        let mut pause = Pause::default();
        pause.ask_for(seconds(3600), START);
        assert_eq!(pause.left(START), Some(seconds(60)));
        let later = START + seconds(50);
        assert!(!pause.ask_for(seconds(3600), later));
        assert_eq!(pause.left(later), Some(seconds(10)));
        // Whoever is asked after it and still wants to rest may.
        let after = START + seconds(60);
        assert!(pause.ask_for(seconds(5), after));
        assert_eq!(pause.left(after), Some(seconds(5)));
    }

    #[test]
    fn shorter_wait_shortens_no_pause() {
        let mut pause = Pause::default();
        pause.ask_for(seconds(30), START);
        pause.ask_for(seconds(1), START);
        assert_eq!(pause.left(START), Some(seconds(30)));
    }
}
