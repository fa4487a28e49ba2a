//! Weights in several files: `m.weights.json` tells which of `m_00000.weights.h5`, ... holds which group.

use keras_tensor::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Component, Path};

use crate::hdf5::{Group, Tree};
use crate::limits::format_error;
use crate::{Limits, atomic};

/// Opens the files that a map names. They lie beside it; a name that leads elsewhere is refused.
pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Vec<Group>> {
    let what = path.display().to_string();
    let text = crate::read_file(path, limits, "a JSON text")?;
    limits.check_bytes(&what, text.len() as u64, text.len() as u64)?;
    let json: Value = serde_json::from_slice(&text)
        .map_err(|e| format_error(&what, format!("it is no JSON: {e}")))?;
    let map = json["weight_map"].as_object();
    let map = map.ok_or_else(|| format_error(&what, "it holds no weight_map"))?;
    let mut names: Vec<&str> = Vec::new();
    for value in map.values() {
        let several = value
            .as_array()
            .map_or(std::slice::from_ref(value), |all| all);
        for name in several {
            let name = name.as_str().filter(|n| is_plain(n)).ok_or_else(|| {
                format_error(
                    &what,
                    format!("{name} names no `.weights.h5` file beside it"),
                )
            })?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.len() > limits.nodes.min(10_000) {
        return Err(format_error(&what, format!("{} files", names.len())));
    }
    // Together they may hold as much as one file may.
    let mut left = limits.clone();
    let mut files = Vec::new();
    for name in names {
        let file = path.with_file_name(name);
        let size = std::fs::metadata(&file)
            .map_err(|e| Error::io(&file, e))?
            .len();
        files.push(Group::open(&file, &left)?);
        left.bytes = left.bytes.saturating_sub(size);
    }
    Ok(files)
}

fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) && name.ends_with(".weights.h5")
}

/// Writes the files, then the map; whoever is interrupted leaves the map and the files that were there. Then the files
/// that only the old map named are removed.
pub(crate) fn write(tree: &Tree, path: &Path, max_bytes: u64) -> Result<()> {
    let name = path.file_name().and_then(|n| n.to_str());
    let base = name.and_then(|n| n.strip_suffix(".weights.json"));
    let base = base.ok_or_else(|| {
        Error::argument("path", path.display(), "a name that ends in .weights.json")
    })?;
    let (places, total) = places(tree, max_bytes)?;
    let count = places.last().map_or(1, |last| last + 1);
    let old = numbers(path, base);
    // The files of the old map stay as they are until the new map is there.
    let start = match old.iter().any(|n| *n < count) {
        true => old.iter().max().map_or(0, |n| n + 1),
        false => 0,
    };
    let mut shards: Vec<Tree> = (0..count).map(|_| Tree::new()).collect();
    let mut map: Map<String, Value> = Map::new();
    let mut places = places.into_iter();
    tree.visit(&mut |group, source, name, tensor| {
        let place = places.next().unwrap_or_default();
        let file = Value::from(shard_name(base, start + place));
        if let Some(shard) = shards.get_mut(place) {
            let target = shard.group(group);
            target.set_attributes_of(source);
            target.set_tensor(name, tensor.clone());
        }
        match map.get_mut(group) {
            None => {
                map.insert(group.to_string(), file);
            }
            Some(Value::Array(files)) if !files.contains(&file) => files.push(file),
            Some(first @ Value::String(_)) if *first != file => {
                *first = json!([first.clone(), file]);
            }
            Some(_) => {}
        }
        Ok(())
    })?;
    for (i, shard) in shards.iter().enumerate() {
        atomic::write_bytes(
            &path.with_file_name(shard_name(base, start + i)),
            &shard.to_bytes()?,
        )?;
    }
    let json = json!({"metadata": {"total_size": total as f64}, "weight_map": map});
    let text = serde_json::to_vec_pretty(&json).map_err(|e| Error::Other(e.to_string()))?;
    atomic::write_bytes(path, &text)?;
    let new = start..start + count;
    if start > 0 {
        // Keras opens the first file before it looks at the map, and asks for what is nowhere there.
        let first = path.with_file_name(shard_name(base, 0));
        atomic::write_bytes(&first, &Tree::new().to_bytes()?)?;
    }
    for number in old.into_iter().filter(|n| *n > 0 && !new.contains(n)) {
        // What cannot be removed is in nobody's way.
        let _ = std::fs::remove_file(path.with_file_name(shard_name(base, number)));
    }
    Ok(())
}

/// Which file each tensor goes to, and how many bytes there are in all.
fn places(tree: &Tree, max_bytes: u64) -> Result<(Vec<usize>, u64)> {
    let mut places = Vec::new();
    let (mut place, mut size, mut total) = (0, 0, 0);
    tree.visit(&mut |group, _, name, tensor| {
        let bytes = (tensor.size() * tensor.dtype().size()) as u64;
        if bytes > max_bytes {
            let wanted = format!("at least {bytes}, the size of the weight {group}/{name}");
            return Err(Error::argument("max_shard_bytes", max_bytes, wanted));
        }
        if size + bytes > max_bytes {
            place += 1;
            size = 0;
        }
        size += bytes;
        total += bytes;
        places.push(place);
        Ok(())
    })?;
    Ok((places, total))
}

/// The numbers of the files that a map names, if it is there and its files have names that are given here.
fn numbers(path: &Path, base: &str) -> Vec<usize> {
    let text = std::fs::read(path).unwrap_or_default();
    let json: Value = serde_json::from_slice(&text).unwrap_or_default();
    let files = json["weight_map"]
        .as_object()
        .into_iter()
        .flat_map(Map::values);
    let files = files.flat_map(|f| f.as_array().map_or(std::slice::from_ref(f), |all| all));
    let number = |file: &Value| {
        let name = file.as_str()?.strip_prefix(base)?.strip_prefix('_')?;
        let number = name.strip_suffix(".weights.h5")?.parse().ok()?;
        (shard_name(base, number) == file.as_str()?).then_some(number)
    };
    let mut numbers: Vec<usize> = files.filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn shard_name(base: &str, number: usize) -> String {
    format!("{base}_{number:05}.weights.h5")
}
