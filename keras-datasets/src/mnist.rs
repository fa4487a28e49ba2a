//! Handwritten digits: 60,000 images to train on and 10,000 to test with (LeCun et al., 1998).

use keras_tensor::{Error, Result, Tensor};
use std::path::Path;

use crate::cache::keras_home;
use crate::npz::read_npz;

/// Images `[samples, 28, 28]` and labels `[samples]`, of uint8.
pub type Split = (Tensor, Tensor);

/// The training data and the test data.
///
/// It comes from Keras's cache (`datasets/mnist.npz` in `$KERAS_HOME` or `~/.keras`) if it is there, else from the copy
/// that this crate brings along with the feature `bundled-mnist`.
///
/// # Errors
/// A file in the cache that cannot be read; without the feature, no file in the cache.
pub fn load_data() -> Result<(Split, Split)> {
    load_from(&keras_home().join("datasets").join("mnist.npz"))
}

fn load_from(cached: &Path) -> Result<(Split, Split)> {
    match std::fs::read(cached) {
        Ok(bytes) => from_npz(&cached.display().to_string(), &bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => bundled(cached),
        Err(e) => Err(Error::io(cached, e)),
    }
}

fn from_npz(name: &str, bytes: &[u8]) -> Result<(Split, Split)> {
    let arrays = read_npz(name, bytes)?;
    let get = |key: &str| {
        arrays
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, t)| t.clone())
            .ok_or_else(|| Error::Format {
                what: name.to_string(),
                problem: format!("it holds no array {key}"),
            })
    };
    Ok((
        (get("x_train")?, get("y_train")?),
        (get("x_test")?, get("y_test")?),
    ))
}

#[cfg(not(feature = "bundled-mnist"))]
fn bundled(cached: &Path) -> Result<(Split, Split)> {
    Err(Error::data(
        "mnist",
        format!(
            "{} is not there; put Keras's mnist.npz there, or build with the feature `bundled-mnist`",
            cached.display()
        ),
    ))
}

#[cfg(feature = "bundled-mnist")]
fn bundled(_: &Path) -> Result<(Split, Split)> {
    const FILES: [(&str, &[u8]); 4] = [
        (
            "train-images",
            include_bytes!("../data/mnist/train-images-idx3-ubyte.zst"),
        ),
        (
            "train-labels",
            include_bytes!("../data/mnist/train-labels-idx1-ubyte.zst"),
        ),
        (
            "t10k-images",
            include_bytes!("../data/mnist/t10k-images-idx3-ubyte.zst"),
        ),
        (
            "t10k-labels",
            include_bytes!("../data/mnist/t10k-labels-idx1-ubyte.zst"),
        ),
    ];
    let unpacked = |(name, packed): (&'static str, &'static [u8])| {
        use std::io::Read;
        let wrong = |e: String| Error::Format {
            what: name.to_string(),
            problem: e,
        };
        let mut bytes = Vec::with_capacity(48 << 20);
        let mut decoder =
            ruzstd::decoding::StreamingDecoder::new(packed).map_err(|e| wrong(e.to_string()))?;
        decoder
            .read_to_end(&mut bytes)
            .map_err(|e| wrong(e.to_string()))?;
        crate::idx::read(name, &bytes)
    };
    let [train_x, train_y, test_x, test_y] = FILES;
    // The big file on a thread of its own: decoding is most of a program's start.
    std::thread::scope(|s| {
        let train_x = s.spawn(move || unpacked(train_x));
        let rest = [train_y, test_x, test_y].map(unpacked);
        let [train_y, test_x, test_y] = rest;
        let train_x = train_x
            .join()
            .map_err(|_| Error::data("mnist", "decoding panicked"))?;
        Ok(((train_x?, train_y?), (test_x?, test_y?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[cfg(feature = "bundled-mnist")]
    #[test]
    fn the_copy_that_comes_along_is_the_real_one() {
        let ((x, y), (x_test, y_test)) = bundled(Path::new("none")).unwrap();
        assert_eq!(x.shape(), &[60_000, 28, 28]);
        assert_eq!(y.shape(), &[60_000]);
        assert_eq!(x_test.shape(), &[10_000, 28, 28]);
        assert_eq!(
            &y.to_vec::<u8>().unwrap()[..10],
            [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        );
        assert_eq!(&y_test.to_vec::<u8>().unwrap()[..5], [7, 2, 1, 0, 4]);
        let total = |t: &Tensor| {
            t.to_vec::<u8>()
                .unwrap()
                .iter()
                .map(|&v| v as u64)
                .sum::<u64>()
        };
        assert_eq!(total(&x) / 60_000 / 784, 33);
        assert_eq!(total(&x_test) / 10_000 / 784, 33);
    }

    #[test]
    fn the_cache_comes_first() {
        let folder = std::env::temp_dir().join(format!("keras-mnist-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("mnist.npz");
        let file = std::fs::File::create(&path).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        for (i, key) in ["x_train", "y_train", "x_test", "y_test"]
            .iter()
            .enumerate()
        {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(format!("{key}.npy"), options).unwrap();
            let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }";
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.push(i as u8);
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        let ((_, y), (_, y_test)) = load_from(&path).unwrap();
        assert_eq!((y.item().unwrap(), y_test.item().unwrap()), (1.0, 3.0));
        std::fs::write(&path, "spoilt").unwrap();
        assert!(load_from(&path).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
