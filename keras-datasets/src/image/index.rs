//! Which files a folder holds, in Keras's order.

use keras_tensor::{Error, Result};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What pictures are called.
const ENDINGS: [&str; 5] = [".bmp", ".gif", ".jpeg", ".jpg", ".png"];

/// The folders in a folder whose names begin with no dot, in alphanumeric order.
pub(super) fn subfolders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries(folder)? {
        let name = name_of(&entry);
        if entry.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The pictures in a folder and in the folders in it: sorted by folder as text, then by name.
pub(super) fn pictures(folder: &Path, follow_links: bool) -> Result<Vec<PathBuf>> {
    let (mut waiting, mut folders) = (vec![folder.to_path_buf()], Vec::new());
    // A link may lead to where it was found.
    let mut seen = HashSet::new();
    while let Some(folder) = waiting.pop() {
        let real = folder.canonicalize().map_err(|e| Error::io(&folder, e))?;
        if !seen.insert(real) {
            continue;
        }
        let mut files = Vec::new();
        for entry in entries(&folder)? {
            if entry.is_dir() {
                if follow_links || !entry.is_symlink() {
                    waiting.push(entry);
                }
            } else if is_picture(&entry) {
                files.push(entry);
            }
        }
        files.sort_unstable_by_key(|f| name_of(f));
        folders.push((folder.to_string_lossy().into_owned(), files));
    }
    folders.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(folders.into_iter().flat_map(|(_, files)| files).collect())
}

fn is_picture(path: &Path) -> bool {
    let name = name_of(path).to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, e);
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries
        .map(|entry| entry.map(|e| e.path()).map_err(failed))
        .collect()
}
