//! Signatures that careless verifiers took, after the cases of Wycheproof.

use introspectd_jose::{Algorithm, Jws, Refusal};

use crate::harness::{PAYLOAD, all, decode, encode, public, signer};

/// Order of P-256.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A token and its signature.
fn signed(algorithm: Algorithm) -> (String, Vec<u8>) {
    let token = signer(algorithm).sign("JWT", PAYLOAD).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), decode(signature))
}

fn verify(signed: &str, signature: &[u8]) -> Option<Refusal> {
    let text = format!("{signed}.{}", encode(signature));
    let jws = Jws::parse(&text).unwrap();
    jws.verify(&all(), &Algorithm::ALL).err()
}

fn assert_refused(signed: &str, oddities: &[(&str, Vec<u8>)]) {
    for (what, signature) in oddities {
        assert_eq!(
            verify(signed, signature),
            Some(Refusal::Signature),
            "{what}"
        );
    }
}

#[test]
fn odd_ecdsa_signatures_are_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let (text, sound) = signed(algorithm);
        assert_eq!(verify(&text, &sound), None);
        let half = sound.len() / 2;
        let (r, s) = sound.split_at(half);
        let (zero, one, ones) = (vec![0; half], vec![1; half], vec![0xff; half]);
        let join = |r: &[u8], s: &[u8]| [r, s].concat();
        let positive = |number: &[u8]| [&[2, u8::try_from(half + 1).unwrap(), 0], number].concat();
        let body = [positive(r), positive(s)].concat();
        let asn1 = [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat();
        assert_refused(
            &text,
            &[
                ("empty", Vec::new()),
                ("all zeros", join(&zero, &zero)),
                ("r is zero", join(&zero, s)),
                ("s is zero", join(r, &zero)),
                ("r and s are small", join(&one, &one)),
                ("all ones", join(&ones, &ones)),
                ("s and r", join(s, r)),
                ("ASN.1", asn1),
                ("a byte less", sound[..sound.len() - 1].to_vec()),
                ("a byte more", join(&sound, &[0])),
                ("a zero before", join(&[0], &sound)),
                ("a zero before each", [&[0], r, &[0], s].concat()),
                ("r alone", r.to_vec()),
                ("twice", join(&sound, &sound)),
            ],
        );
    }
}

#[test]
fn ecdsa_numbers_from_the_order_up_are_refused() {
    let (text, sound) = signed(Algorithm::Es256);
    let (r, s) = sound.split_at(32);
    assert_refused(
        &text,
        &[
            ("r is the order", [&P256_ORDER, s].concat()),
            ("s is the order", [r, &P256_ORDER].concat()),
            ("both are the order", [P256_ORDER, P256_ORDER].concat()),
        ],
    );
    // Both numbers ±s are one signature (RFC 7518 demands no smaller one): a text is no identity.
    let negative = difference(&P256_ORDER, s);
    assert_eq!(verify(&text, &[r, &negative].concat()), None);
}

fn difference(from: &[u8], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let bytes = from.iter().zip(number).rev().map(|(a, b)| {
        let digit = i16::from(*a) - i16::from(*b) - borrow;
        borrow = i16::from(digit < 0);
        u8::try_from(digit.rem_euclid(256)).unwrap()
    });
    let mut bytes: Vec<u8> = bytes.collect();
    bytes.reverse();
    bytes
}

#[test]
fn odd_rsa_signatures_are_refused() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let (text, sound) = signed(algorithm);
        assert_eq!(verify(&text, &sound), None);
        let modulus = decode(public("rsa")["n"].as_str().unwrap());
        let mut one = vec![0; 256];
        one[255] = 1;
        assert_refused(
            &text,
            &[
                ("empty", Vec::new()),
                ("a leading zero", [&[0], sound.as_slice()].concat()),
                ("a trailing zero", [sound.as_slice(), &[0]].concat()),
                ("a byte less", sound[1..].to_vec()),
                ("zero", vec![0; 256]),
                ("one", one),
                ("the modulus", modulus.clone()),
                ("the negative", difference(&modulus, &sound)),
                ("all ones", vec![0xff; 256]),
                ("long", vec![1; 1024]),
            ],
        );
    }
}

#[test]
fn odd_ed25519_signatures_are_refused() {
    /// Order of the group, little-endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (text, sound) = signed(Algorithm::EdDsa);
    assert_eq!(verify(&text, &sound), None);
    let (r, s) = sound.split_at(32);
    let mut carry = 0;
    let sum = s.iter().zip(ORDER).map(|(a, b)| {
        let digit = u16::from(*a) + u16::from(b) + carry;
        carry = digit >> 8;
        u8::try_from(digit & 0xff).unwrap()
    });
    let shifted: Vec<u8> = sum.collect();
    let high = |bits: u8| {
        let mut odd = sound.clone();
        odd[63] |= bits;
        odd
    };
    assert_refused(
        &text,
        &[
            ("empty", Vec::new()),
            ("all zeros", vec![0; 64]),
            ("s and the order", [r, &shifted].concat()),
            ("s is the order", [r, &ORDER].concat()),
            ("high bits", high(0xe0)),
            ("the highest bit", high(0x80)),
            ("a byte less", sound[..63].to_vec()),
            ("a byte more", [sound.as_slice(), &[0]].concat()),
        ],
    );
}
