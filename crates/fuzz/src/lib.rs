//! Any bytes for the tests of decoders.
//!
//! A target is an ordinary test that calls [`check!`] with seeds, such as the files of `testdata/`,
//! and a function that must take any bytes. As a test it gets some thousand inputs within a second;
//! under `cargo xtask fuzz` libFuzzer chooses them by the code that they reach. What it finds stays
//! in a folder `__fuzz__` beside the test and is tried first from then on.
//!
//! An input is a seed with edits, or bytes of no seed at all: a decoder of JSON would refuse nearly
//! all bytes at its first look, and its deeper parts would see none.

pub use bolero;

use bolero::TypeGenerator;

/// Inputs of a target that runs as an ordinary test.
pub const ITERATIONS: usize = 3000;

/// Calls a function with many inputs, all made of these seeds. To be called by a `#[test]`, which
/// it ends.
#[macro_export]
macro_rules! check {
    ($seeds:expr, $check:expr) => {
        $crate::bolero::check!()
            .with_iterations($crate::ITERATIONS)
            .with_type::<$crate::Input>()
            .for_each(|input: &$crate::Input| ($check)(input.bytes($seeds).as_slice()))
    };
}

/// Plan of an input.
#[derive(Clone, Debug, TypeGenerator)]
pub struct Input {
    seed: u8,
    edits: Vec<Edit>,
}

/// Change of some bytes. Places are taken modulo the length.
#[derive(Clone, Debug, TypeGenerator)]
enum Edit {
    Flip { place: u16, bits: u8 },
    Remove { place: u16, length: u8 },
    Repeat { place: u16, length: u8 },
    Move { place: u16, length: u8, to: u16 },
    Insert { place: u16, bytes: Vec<u8> },
    Word { place: u16, word: u8 },
    Replace { place: u16, length: u8, word: u8 },
    Nest { place: u16, depth: u8, word: u8 },
    All { bytes: Vec<u8> },
}

/// Words that have a meaning to some decoder, or had one that its author did not expect.
const WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"false",
    b"0",
    b"-0",
    b"-1",
    b"1e999",
    b"1E9",
    b"1.5",
    b"9223372036854775808",
    b"18446744073709551616",
    b"253402300800",
    b"\"\"",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"&",
    b"+",
    b"%",
    b"%00",
    b"%2F",
    b"%2e%2e",
    b"/",
    b"..",
    b";",
    b"?",
    b"#",
    b" ",
    b"\t",
    b"\r\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x92\xa9",
    b"\xef\xbb\xbf",
    b"Basic ",
    b"Bearer ",
    b"token",
    b"active",
];

/// Longest input: a decoder's limits are tested elsewhere.
const LONGEST: usize = 1 << 16;

impl Input {
    /// The bytes: one of the seeds, edited.
    pub fn bytes(&self, seeds: &[&[u8]]) -> Vec<u8> {
        let place = usize::from(self.seed).checked_rem(seeds.len());
        let seed = place.and_then(|place| seeds.get(place));
        let mut bytes = seed.map(|seed| seed.to_vec()).unwrap_or_default();
        for edit in &self.edits {
            edit.apply(&mut bytes);
            bytes.truncate(LONGEST);
        }
        bytes
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip { place, bits } => {
                let place = within(*place, bytes.len());
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= bits;
                }
            }
            Self::Remove { place, length } => drop(cut(bytes, *place, *length)),
            Self::Repeat { place, length } => {
                let piece = cut(bytes, *place, *length);
                insert(bytes, *place, &piece.repeat(2));
            }
            Self::Move { place, length, to } => {
                let piece = cut(bytes, *place, *length);
                insert(bytes, *to, &piece);
            }
            Self::Insert { place, bytes: new } => insert(bytes, *place, new),
            Self::Word {
                place,
                word: number,
            } => insert(bytes, *place, word(*number)),
            Self::Replace {
                place,
                length,
                word: number,
            } => {
                drop(cut(bytes, *place, *length));
                insert(bytes, *place, word(*number));
            }
            Self::Nest {
                place,
                depth,
                word: number,
            } => insert(bytes, *place, &word(*number).repeat(usize::from(*depth))),
            Self::All { bytes: new } => bytes.clone_from(new),
        }
    }
}

fn word(number: u8) -> &'static [u8] {
    let place = usize::from(number).checked_rem(WORDS.len());
    place
        .and_then(|place| WORDS.get(place))
        .copied()
        .unwrap_or_default()
}

/// A place from 0 to `length`.
fn within(place: u16, length: usize) -> usize {
    usize::from(place) % (length + 1)
}

fn cut(bytes: &mut Vec<u8>, place: u16, length: u8) -> Vec<u8> {
    let from = within(place, bytes.len());
    let to = bytes.len().min(from + usize::from(length));
    bytes.drain(from..to).collect()
}

fn insert(bytes: &mut Vec<u8>, place: u16, new: &[u8]) {
    let place = within(place, bytes.len());
    bytes.splice(place..place, new.iter().copied());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static INPUTS: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn inputs_are_seeds_with_edits() {
        crate::check!(&[b"{\"active\":true}"], |bytes: &[u8]| {
            assert!(bytes.len() <= super::LONGEST);
            INPUTS.fetch_add(1, Relaxed);
        });
        assert!(INPUTS.load(Relaxed) >= 1000);
    }
}
