//! Groups of measurements: the same servers, the same caches, in turns.

mod bound;
mod connections;
mod down;
mod eviction;
mod fleet;
mod forward_auth;
mod grpc;
mod herd;
mod hits;
mod isolation;
mod jwt;
mod latency;
mod maps;
mod memory;
mod million;
mod misses;
mod outage;
mod reload;
mod revocation;
mod scrape;
mod signed;
mod start;
mod tls;
mod wrong_secrets;

use crate::failure::Result;
use crate::figures;
use crate::group::Group;
use crate::lab::Lab;
use crate::ledger::Ledger;
use crate::subject::Subject;

/// Measures a group. What goes wrong voids its figures, and no others.
pub(crate) fn run(group: Group, lab: &Lab, ledger: &mut Ledger) {
    crate::output::print_status(&format!("{}:", group.name()));
    if let Err(failure) = measure(group, lab, ledger) {
        crate::output::print_status(&format!("  void: {failure}"));
        for figure in figures::all().filter(|figure| figure.group == group) {
            for load in figure.loads() {
                ledger.fault(Subject::Introspectd, load, failure.to_string());
            }
        }
    }
}

fn measure(group: Group, lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    match group {
        Group::Hits => hits::run(lab, ledger),
        Group::Million if lab.quick => {
            crate::output::print_status("  left out by --quick");
            Ok(())
        }
        Group::Million => million::run(lab, ledger),
        Group::Latency => latency::run(lab, ledger),
        Group::Memory => memory::run(lab, ledger),
        Group::Misses => misses::run(lab, ledger),
        Group::Herd => herd::run(lab, ledger),
        Group::Down => down::run(lab, ledger),
        Group::Eviction => eviction::run(lab, ledger),
        Group::Start => start::run(lab, ledger),
        Group::ForwardAuth => forward_auth::run(lab, ledger),
        Group::Revocation => revocation::run(lab, ledger),
        Group::Connections => connections::run(lab, ledger),
        Group::WrongSecrets => wrong_secrets::run(lab, ledger),
        Group::Tls => tls::run(lab, ledger),
        Group::Grpc => grpc::run(lab, ledger),
        Group::Isolation => isolation::run(lab, ledger),
        Group::Scrape => scrape::run(lab, ledger),
        Group::Reload => reload::run(lab, ledger),
        Group::Outage => outage::run(lab, ledger),
        Group::Fleet => fleet::run(lab, ledger),
        Group::Jwt => jwt::run(lab, ledger),
        Group::Maps => maps::run(lab, ledger),
        Group::Signed => signed::run(lab, ledger),
        Group::Bound => bound::run(lab, ledger),
    }
}
