//! Files of arrays: `.npy` for one, `.npz` for several under names, `.csv` for a table of numbers.

use keras_datasets::Structure;
use keras_tensor::{DType, Error, Result, Tensor, ops};
use std::path::Path;

use crate::limits::format_error;
use crate::{Limits, atomic, npz, read_file};

/// Arrays with their names; a file of one array gives it none.
pub type Arrays = Vec<(String, Tensor)>;

/// Reads the arrays of a file.
///
/// A table may begin with a line of names. One of a single column becomes `[rows]`.
///
/// # Errors
/// Another extension or kind of file, one that asks for more than the limits allow, or an array that cannot be read.
pub fn read(path: impl AsRef<Path>, limits: &Limits) -> Result<Arrays> {
    let path = path.as_ref();
    let what = path.display().to_string();
    let one = |array| vec![(String::new(), array)];
    match extension(path) {
        "npy" => npz::read_npy(&what, &read_file(path, limits, "an npy file")?).map(one),
        "npz" => npz::read(path, limits),
        "csv" => table(&what, &read_file(path, limits, "a table of numbers")?).map(one),
        _ => Err(unknown(path)),
    }
}

/// Whether so many arrays can be written to a file of this name.
///
/// # Errors
/// Another extension, or several arrays for a file of one.
pub fn check_name(path: impl AsRef<Path>, count: usize) -> Result<()> {
    let path = path.as_ref();
    match extension(path) {
        "npz" => Ok(()),
        "npy" | "csv" if count == 1 => Ok(()),
        "npy" | "csv" => {
            let got = format!("{} for {count} arrays", path.display());
            Err(Error::argument(
                "path",
                got,
                "the name of an `.npz`, which holds several",
            ))
        }
        _ => Err(unknown(path)),
    }
}

/// Writes arrays to a file. A file that holds one array leaves its name out.
///
/// # Errors
/// Those of [`check_name`], a shape that is no table, or what the system says; an old file is then left as it was.
pub fn write(path: impl AsRef<Path>, arrays: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    check_name(path, arrays.len())?;
    match (extension(path), arrays) {
        ("npy", [(_, array)]) => atomic::write_bytes(path, &npz::to_npy(array)?),
        ("csv", [(_, array)]) => atomic::write_bytes(path, text(array)?.as_bytes()),
        _ => npz::write(path, arrays),
    }
}

fn extension(path: &Path) -> &str {
    path.extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
}

fn unknown(path: &Path) -> Error {
    Error::argument(
        "path",
        path.display(),
        "the name of an array: `.npy`, `.npz` or `.csv`",
    )
}

/// The table as float64, `[rows, columns]`, or `[rows]` where there is one column.
fn table(what: &str, bytes: &[u8]) -> Result<Tensor> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|e| format_error(what, format!("it is no text: {e}")))?;
    let lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    let mut numbers: Vec<f64> = Vec::new();
    let (mut rows, mut columns) = (0usize, None);
    for (place, (line, number)) in lines.enumerate() {
        let before = numbers.len();
        let mut wrong = None;
        for field in line.split(',').map(str::trim) {
            match field.parse() {
                Ok(value) => numbers.push(value),
                Err(_) => wrong = wrong.or(Some(field)),
            }
        }
        let found = numbers.len() - before;
        match wrong {
            // A line of names.
            Some(_) if place == 0 && found == 0 => continue,
            Some(field) => {
                let problem = format!("line {number} holds {field:?} where a number is wanted");
                return Err(format_error(what, problem));
            }
            None => {}
        }
        if *columns.get_or_insert(found) != found {
            let wanted = columns.unwrap_or(found);
            let problem =
                format!("line {number} has {found} numbers where the ones before have {wanted}");
            return Err(format_error(what, problem));
        }
        rows += 1;
    }
    match columns {
        None => Err(format_error(what, "it holds no numbers")),
        Some(1) => Tensor::new(&numbers, [rows]),
        Some(columns) => Tensor::new(&numbers, [rows, columns]),
    }
}

fn text(array: &Tensor) -> Result<String> {
    let columns = match array.shape()[..] {
        [_] => 1,
        [_, columns] => columns.max(1),
        _ => {
            let wanted = "a table `[rows, columns]`; write an `.npy`";
            return Err(Error::shape("csv", &[array.shape()], wanted));
        }
    };
    // Each in the fewest digits that tell it in its own precision.
    let fields: Vec<String> = match array.dtype() {
        DType::F64 => array.to_vec::<f64>()?.iter().map(f64::to_string).collect(),
        dtype if dtype.is_float() => {
            let array = ops::cast(array, DType::F32)?;
            array.to_vec::<f32>()?.iter().map(f32::to_string).collect()
        }
        _ => {
            let array = ops::cast(array, DType::I64)?;
            array.to_vec::<i64>()?.iter().map(i64::to_string).collect()
        }
    };
    let lines: Vec<String> = fields
        .chunks(columns)
        .map(|row| row.join(",") + "\n")
        .collect();
    Ok(lines.concat())
}

/// Arrays for the inputs or outputs of these names: by name, or, where no array has one of the names, in the order of the
/// numbers at the ends of their own (`x0`, `x1`, ..., or `arr_0`, ...). Arrays of other names are left out where names
/// decide.
///
/// # Errors
/// None of the names, and no numbers either; `what` names the file.
pub fn for_names(what: &str, mut arrays: Arrays, names: &[String]) -> Result<Structure<Tensor>> {
    if arrays.iter().any(|(key, _)| names.contains(key)) {
        arrays.retain(|(key, _)| names.contains(key));
        return Ok(match (arrays.len(), names.len()) {
            (1, 1) => arrays.swap_remove(0).1.into(),
            _ => Structure::Map(arrays),
        });
    }
    if arrays.len() == 1 {
        return Ok(arrays.swap_remove(0).1.into());
    }
    let split = |key: &str| {
        let word = key.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        Some((key[..word].to_string(), key[word..].parse::<u64>().ok()?))
    };
    let keys: Option<Vec<(String, u64)>> = arrays.iter().map(|(key, _)| split(key)).collect();
    let one_word = |keys: &Vec<(String, u64)>| keys.windows(2).all(|k| k[0].0 == k[1].0);
    let Some(keys) = keys.filter(one_word).filter(|keys| !keys.is_empty()) else {
        let found: Vec<&str> = arrays.iter().map(|(key, _)| key.as_str()).collect();
        let problem = format!(
            "it holds {}; wanted {}, or numbered names",
            if found.is_empty() {
                "nothing".to_string()
            } else {
                found.join(", ")
            },
            if names.is_empty() {
                "x0, x1".to_string()
            } else {
                names.join(", ")
            },
        );
        return Err(format_error(what, problem));
    };
    let mut numbered: Vec<(u64, Tensor)> = Vec::new();
    numbered.extend(
        keys.into_iter()
            .map(|(_, n)| n)
            .zip(arrays.into_iter().map(|(_, t)| t)),
    );
    numbered.sort_by_key(|(n, _)| *n);
    let tensors: Vec<Tensor> = numbered.into_iter().map(|(_, tensor)| tensor).collect();
    Ok(tensors.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Tensor> {
        table("here.csv", text.as_bytes())
    }

    #[test]
    fn tables_are_read_with_and_without_names() {
        let t = read_text("a, b\n1,2.5\r\n\n-3e2, nan\n").unwrap();
        assert_eq!(t.shape().to_string(), "(2, 2)");
        let numbers = t.to_vec::<f64>().unwrap();
        assert_eq!(numbers[..3], [1.0, 2.5, -300.0]);
        assert!(numbers[3].is_nan());
        assert_eq!(read_text("1\n2\n3").unwrap().shape().to_string(), "(3,)");
        for (text, wanted) in [
            (
                "1,2\n3\n",
                "line 2 has 1 numbers where the ones before have 2",
            ),
            ("1,2\n3,x\n", "line 2 holds \"x\""),
            ("1,x\n", "line 1 holds \"x\""),
            ("a,b\n", "no numbers"),
            ("", "no numbers"),
        ] {
            let message = read_text(text).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let t = Tensor::new(&[0.1f32, 2.0, -3.5e-7, 4.0], [2, 2]).unwrap();
        assert_eq!(text(&t).unwrap(), "0.1,2\n-0.00000035,4\n");
        let back = ops::cast(read_text(&text(&t).unwrap()).unwrap(), DType::F32).unwrap();
        assert_eq!(back.to_vec::<f32>().unwrap(), t.to_vec::<f32>().unwrap());
        assert!(text(&ops::zeros([1, 1, 1], DType::F32).unwrap()).is_err());
    }

    #[test]
    fn arrays_find_their_places() {
        let t = |v: f32| Tensor::scalar(v);
        let arrays = |keys: &[&str]| -> Arrays {
            keys.iter()
                .zip(0..)
                .map(|(k, i)| (k.to_string(), t(i as f32)))
                .collect()
        };
        let numbers =
            |s: Structure<Tensor>| -> Vec<f64> { s.iter().map(|t| t.item().unwrap()).collect() };
        let names = ["a".to_string(), "b".to_string()];
        let by_name = for_names("f", arrays(&["b", "c", "a"]), &names).unwrap();
        assert!(matches!(&by_name, Structure::Map(all) if all[0].0 == "b" && all.len() == 2));
        let ordered = for_names("f", arrays(&["x10", "x9"]), &names).unwrap();
        assert_eq!(numbers(ordered), [1.0, 0.0]);
        assert!(matches!(
            for_names("f", arrays(&["z"]), &names[..1]).unwrap(),
            Structure::One(_)
        ));
        for keys in [&["p", "q"][..], &["x0", "y1"], &[]] {
            let message = for_names("f", arrays(keys), &names)
                .unwrap_err()
                .to_string();
            assert!(message.contains("wanted a, b"), "{message}");
        }
    }
}
