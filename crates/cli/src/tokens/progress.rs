use std::collections::BTreeSet;

use indicatif::{ProgressBar, ProgressStyle};

use super::page::Page;
use super::paging::Extent;
use introspectd_core::text::one_line;

/// Progress on standard error, if that is a terminal and there are several pages. The number of
/// records is unknown until the end.
pub(super) struct Progress {
    bar: ProgressBar,
    count: usize,
}

impl Progress {
    pub(super) fn new(extent: Extent) -> Self {
        let bar = match extent {
            Extent::OnePage => ProgressBar::hidden(),
            Extent::All => ProgressBar::new_spinner(),
        };
        // The template is constant and valid.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.set_message("asking for the first page");
        Self { bar, count: 0 }
    }

    /// Counts the page in, and does `print` without it in the way.
    pub(super) fn aside<T>(&mut self, page: &Page, print: impl FnOnce() -> T) -> T {
        let printed = self.bar.suspend(print);
        self.count += page.tokens.len();
        self.bar.set_message(message(self.count, page));
        self.bar.tick();
        printed
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn message(count: usize, page: &Page) -> String {
    let failed: BTreeSet<_> = page
        .end
        .errors
        .iter()
        .map(|failed| failed.provider.as_str())
        .collect();
    let count = format!("{count} {}", if count == 1 { "token" } else { "tokens" });
    if failed.is_empty() {
        return count;
    }
    let failed: Vec<_> = failed.into_iter().collect();
    one_line(&format!("{count}, without those of {}", failed.join(", "))).into_owned()
}
