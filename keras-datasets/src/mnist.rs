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
    const TRAIN: [Images; 4] = [
        Images {
            runs: include_bytes!("../data/mnist/train-images-0.runs.zst"),
            values: include_bytes!("../data/mnist/train-images-0.values.zst"),
        },
        Images {
            runs: include_bytes!("../data/mnist/train-images-1.runs.zst"),
            values: include_bytes!("../data/mnist/train-images-1.values.zst"),
        },
        Images {
            runs: include_bytes!("../data/mnist/train-images-2.runs.zst"),
            values: include_bytes!("../data/mnist/train-images-2.values.zst"),
        },
        Images {
            runs: include_bytes!("../data/mnist/train-images-3.runs.zst"),
            values: include_bytes!("../data/mnist/train-images-3.values.zst"),
        },
    ];
    const TEST: Images = Images {
        runs: include_bytes!("../data/mnist/test-images.runs.zst"),
        values: include_bytes!("../data/mnist/test-images.values.zst"),
    };
    const TRAIN_LABELS: &[u8] = include_bytes!("../data/mnist/train-labels.zst");
    const TEST_LABELS: &[u8] = include_bytes!("../data/mnist/test-labels.zst");
    let labels = |packed: &'static [u8], count: usize| {
        Tensor::filled([count], |out: &mut [u8]| {
            whole(out.len(), unpack(packed, out)?)
        })
    };
    // Unpacking is most of a program's start: each part on a thread of its own, into its place.
    let in_parts = |out: &mut [u8]| {
        let size = out.len() / TRAIN.len();
        std::thread::scope(|s| {
            let parts = out.chunks_exact_mut(size).zip(&TRAIN);
            let threads: Vec<_> = parts
                .map(|(out, images)| s.spawn(|| images.unpack(out)))
                .collect();
            threads.into_iter().try_for_each(joined)
        })
    };
    std::thread::scope(|s| {
        let test = s.spawn(|| Tensor::filled([10_000, 28, 28], |out: &mut [u8]| TEST.unpack(out)));
        let x = Tensor::filled([60_000, 28, 28], in_parts)?;
        let y = labels(TRAIN_LABELS, 60_000)?;
        Ok(((x, y), (joined(test)?, labels(TEST_LABELS, 10_000)?)))
    })
}

#[cfg(feature = "bundled-mnist")]
fn joined<T>(thread: std::thread::ScopedJoinHandle<Result<T>>) -> Result<T> {
    let panicked = |_| Error::data("mnist", "unpacking panicked");
    thread.join().map_err(panicked)?
}

/// Images without most of their zeros.
#[cfg(feature = "bundled-mnist")]
struct Images {
    /// Pairs of bytes: how many pixels are zero, and how many after them are not.
    runs: &'static [u8],
    /// Those that are not.
    values: &'static [u8],
}

#[cfg(feature = "bundled-mnist")]
impl Images {
    fn unpack(&self, out: &mut [u8]) -> Result<()> {
        // Of two runs' bytes, one pixel at least comes; untouched memory costs nothing.
        let (mut runs, mut values) = (vec![0; 2 * out.len()], vec![0; out.len()]);
        let (of_runs, of_values) = (
            unpack(self.runs, &mut runs)?,
            unpack(self.values, &mut values)?,
        );
        let size = out.len();
        let (mut left, mut values) = (&mut *out, &values[..of_values]);
        for run in runs[..of_runs].chunks_exact(2) {
            let (zeros, others) = (usize::from(run[0]), usize::from(run[1]));
            let (Some((before, after)), Some((these, more))) = (
                left.split_at_mut_checked(zeros + others),
                values.split_at_checked(others),
            ) else {
                return Err(wrong("runs and values do not fit".to_string()));
            };
            before[..zeros].fill(0);
            before[zeros..].copy_from_slice(these);
            (left, values) = (after, more);
        }
        let rest = left.len();
        whole(size, size - rest)
    }
}

#[cfg(feature = "bundled-mnist")]
fn unpack(packed: &[u8], out: &mut [u8]) -> Result<usize> {
    let decoded = ruzstd::decoding::FrameDecoder::new().decode_all(packed, out);
    decoded.map_err(|e| wrong(e.to_string()))
}

#[cfg(feature = "bundled-mnist")]
fn whole(wanted: usize, found: usize) -> Result<()> {
    match found == wanted {
        true => Ok(()),
        false => Err(wrong(format!("{found} bytes instead of {wanted}"))),
    }
}

#[cfg(feature = "bundled-mnist")]
fn wrong(problem: String) -> Error {
    Error::Format {
        what: "mnist".to_string(),
        problem,
    }
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
        // Each pixel, and its place, as NumPy sums them over Keras's file.
        let total = |t: &Tensor| {
            let values = t.to_vec::<u8>().unwrap();
            let places = (0..65_521u64).cycle();
            values
                .iter()
                .zip(places)
                .map(|(&v, i)| u64::from(v) * i)
                .sum::<u64>()
        };
        assert_eq!(total(&x), 51_355_837_786_562);
        assert_eq!(total(&x_test), 8_671_846_691_775);
        assert_eq!(total(&y), 8_022_738_712);
        assert_eq!(total(&y_test), 221_857_383);
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
