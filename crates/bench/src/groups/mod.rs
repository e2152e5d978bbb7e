//! What is measured together: the same servers, the same caches, in turns.

mod down;
mod eviction;
mod herd;
mod hits;
mod latency;
mod memory;
mod million;
mod misses;
mod start;

use crate::failure::Result;
use crate::figures::FIGURES;
use crate::lab::Lab;
use crate::ledger::Ledger;
use crate::subject::Subject;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Hits,
    Million,
    Latency,
    Memory,
    Misses,
    Herd,
    Down,
    Eviction,
    Start,
    ForwardAuth,
}

impl Group {
    pub(crate) const ALL: [Self; 10] = [
        Self::Hits,
        Self::Million,
        Self::Latency,
        Self::Memory,
        Self::Misses,
        Self::Herd,
        Self::Down,
        Self::Eviction,
        Self::Start,
        Self::ForwardAuth,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::Million => "million",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Misses => "misses",
            Self::Herd => "herd",
            Self::Down => "down",
            Self::Eviction => "eviction",
            Self::Start => "start",
            Self::ForwardAuth => "forward-auth",
        }
    }

    /// Measures it. What goes wrong voids its figures, and no others.
    pub(crate) fn run(self, lab: &Lab, ledger: &mut Ledger) {
        crate::remark(&format!("{}:", self.name()));
        if let Err(failure) = self.measure(lab, ledger) {
            crate::remark(&format!("  void: {failure}"));
            for figure in FIGURES.iter().filter(|figure| figure.group == self) {
                for load in figure.loads() {
                    ledger.fault(Subject::Introspectd, load, failure.to_string());
                }
            }
        }
    }

    fn measure(self, lab: &Lab, ledger: &mut Ledger) -> Result<()> {
        match self {
            Self::Hits => hits::run(lab, ledger),
            Self::Million if lab.quick => {
                crate::remark("  left out by --quick");
                Ok(())
            }
            Self::Million => million::run(lab, ledger),
            Self::Latency => latency::run(lab, ledger),
            Self::Memory => memory::run(lab, ledger),
            Self::Misses => misses::run(lab, ledger),
            Self::Herd => herd::run(lab, ledger),
            Self::Down => down::run(lab, ledger),
            Self::Eviction => eviction::run(lab, ledger),
            Self::Start => start::run(lab, ledger),
            Self::ForwardAuth => {
                crate::remark("  not built yet");
                Ok(())
            }
        }
    }
}
