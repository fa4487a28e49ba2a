//! The sums that tell whether a file is the right one.

use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::{self, Read};

/// The hash of the kind that `wanted` is of, in hexadecimal digits: 64 of them are SHA-256, others MD5, as in Keras.
pub(super) fn of(from: &mut impl Read, wanted: &str) -> io::Result<String> {
    match wanted.len() {
        64 => digest::<Sha256>(from),
        _ => digest::<Md5>(from),
    }
}

fn digest<D: Digest>(from: &mut impl Read) -> io::Result<String> {
    let mut digest = D::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match from.read(&mut block)? {
            0 => break,
            count => digest.update(&block[..count]),
        }
    }
    let mut text = String::new();
    for byte in digest.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn sums_are_those_of_the_standards() {
        let of = |length| super::of(&mut &b"abc"[..], &"0".repeat(length)).unwrap();
        assert_eq!(of(32), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            of(64),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
