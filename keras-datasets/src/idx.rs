//! The IDX format of the MNIST files: a magic number, sizes, bytes.

use keras_tensor::{Error, Result, Tensor};

/// Unsigned bytes in the shape that the header tells.
///
/// # Errors
/// Another kind of file, or sizes that do not fit what is there.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Tensor> {
    let wrong = |problem: String| Error::Format {
        what: name.to_string(),
        problem,
    };
    let [0, 0, 8, rank, rest @ ..] = bytes else {
        return Err(wrong(
            "it does not begin as an IDX file of bytes does".into(),
        ));
    };
    let rank = *rank as usize;
    if rest.len() < 4 * rank {
        return Err(wrong("its header is cut off".into()));
    }
    let (sizes, data) = rest.split_at(4 * rank);
    let shape: Vec<usize> = sizes
        .chunks_exact(4)
        .map(|s| u32::from_be_bytes([s[0], s[1], s[2], s[3]]) as usize)
        .collect();
    let size = shape.iter().try_fold(1usize, |a, &n| a.checked_mul(n));
    if size != Some(data.len()) {
        return Err(wrong(format!(
            "its header tells {shape:?}, and {} bytes follow",
            data.len()
        )));
    }
    Tensor::new(data, shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_must_fit() {
        let good = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9];
        let t = read("t", &good).unwrap();
        assert_eq!(t.shape(), &[2, 1]);
        assert_eq!(t.to_vec::<u8>().unwrap(), [7, 9]);
        assert!(read("t", &good[..13]).is_err());
        assert!(read("t", &good[..7]).is_err());
        assert!(read("t", &[0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
        let message = read("t", b"PK\x03\x04").unwrap_err().to_string();
        assert!(message.contains("IDX"), "{message}");
    }
}
