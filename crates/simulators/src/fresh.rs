//! Values that no other token of this process has. Not random: a run can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Generates hexadecimal digits.
pub(crate) fn hex(digits: usize) -> String {
    let mut text = String::with_capacity(digits + 15);
    while text.len() < digits {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        text.push_str(&format!("{:016x}", mixed(serial)));
    }
    text.truncate(digits);
    text
}

/// Generates a UUID of version 4.
pub(crate) fn uuid() -> String {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let high = mixed(serial);
    let low = mixed(!serial);
    let a = high >> 32;
    let b = (high >> 16) & 0xffff;
    let c = high & 0x0fff;
    let d = (low >> 48) & 0x3fff | 0x8000;
    let e = low & 0xffff_ffff_ffff;
    format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
}

/// The output step of SplitMix64: one to one, so that distinct serials stay distinct.
fn mixed(serial: u64) -> u64 {
    let mut value = serial.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
