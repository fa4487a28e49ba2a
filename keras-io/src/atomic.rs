//! Writing files so that a crash leaves the old one or the new one, never half of one.

use keras_tensor::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file: beside its place first, then brought to the disk, then renamed into its place.
///
/// # Errors
/// What the system or `write` says; the old file is then left as it was, and nothing lies beside it.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    if path.is_dir() {
        return Err(Error::argument(
            "path",
            path.display(),
            "a file, not a folder",
        ));
    }
    let (temporary, file) = beside(path)?;
    let outcome = fill(&temporary, file, write).and_then(|()| {
        fs::rename(&temporary, path).map_err(|e| Error::io(path, e))?;
        sync_folder(path)
    });
    if outcome.is_err() {
        // What counts is the first error; after a rename there is nothing to remove.
        let _ = fs::remove_file(&temporary);
    }
    outcome
}

/// Writes a file of these bytes; see [`write_file`].
///
/// # Errors
/// What the system says; the old file is then left as it was.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, |file| {
        file.write_all(bytes).map_err(|e| Error::io(path, e))
    })
}

/// Writes a folder: beside its place first, then exchanged with what is there. `mark` is a file that such folders hold: one
/// without it is not replaced, unless it is empty.
///
/// # Errors
/// What the system or `write` says, or a place that holds something else; that is then left as it was.
pub fn write_folder(
    path: &Path,
    mark: &str,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let failed = |e| Error::io(path, e);
    let is_replaceable = |path: &Path| {
        path.join(mark).is_file() || fs::read_dir(path).is_ok_and(|mut all| all.next().is_none())
    };
    if path.exists() && !is_replaceable(path) {
        let wanted =
            format!("a new name, an empty folder, or a folder with {mark}, which is replaced");
        return Err(Error::argument("path", path.display(), wanted));
    }
    let (temporary, file) = beside(path)?;
    drop(file);
    let outcome = fs::remove_file(&temporary)
        .and_then(|()| fs::create_dir(&temporary))
        .map_err(failed)
        .and_then(|()| write(&temporary))
        .and_then(|()| {
            if path.exists() {
                exchange(&temporary, path).map_err(failed)?;
            } else {
                fs::rename(&temporary, path).map_err(failed)?;
            }
            sync_folder(path)
        });
    if temporary.exists() {
        // What was there before, or what could not be written.
        let _ = fs::remove_dir_all(&temporary);
    }
    outcome
}

/// Gives each of two folders the name of the other, at once.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

/// Gives each of two folders the name of the other; if the process is killed in between, `b` lies beside, whole.
#[cfg(not(target_os = "linux"))]
fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    let aside = a.with_extension("old");
    fs::rename(b, &aside)?;
    fs::rename(a, b)?;
    fs::rename(aside, a)
}

fn fill(
    path: &Path,
    file: File,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let mut buffered = BufWriter::with_capacity(1 << 20, file);
    write(&mut buffered)?;
    let file = buffered
        .into_inner()
        .map_err(|e| Error::io(path, e.into_error()))?;
    file.sync_all().map_err(|e| Error::io(path, e))
}

/// A new file in the same folder, under a name that no other process uses.
fn beside(path: &Path) -> Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().and_then(|n| n.to_str());
    let name = name.ok_or_else(|| Error::argument("path", path.display(), "the name of a file"))?;
    loop {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!(".{name}.{}-{n}.tmp", std::process::id()));
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            Ok(file) => return Ok((temporary, file)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(path, e)),
        }
    }
}

/// Brings the new name to the disk, on systems where folders can be synced.
fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(|e| Error::io(folder, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_exchanged() {
        let folder = std::env::temp_dir().join(format!("keras-io-folder-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("saved");
        let write = |text: &'static str| {
            write_folder(&path, "mark", |made| {
                write_bytes(&made.join("mark"), text.as_bytes())
            })
        };
        for text in ["one", "two"] {
            write(text).unwrap();
            assert_eq!(fs::read(path.join("mark")).unwrap(), text.as_bytes());
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        }
        let failed = write_folder(&path, "mark", |_| {
            Err(Error::Other("the disk is full".into()))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(path.join("mark")).unwrap(), b"two");
        assert!(write_folder(&path, "another mark", |_| Ok(())).is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failed_writer_leaves_the_old_file() {
        let folder = std::env::temp_dir().join(format!("keras-io-atomic-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.keras");
        write_file(&path, |w| w.write_all(b"old").map_err(|e| Error::io("", e))).unwrap();
        let failed = write_file(&path, |w| {
            w.write_all(b"half").map_err(|e| Error::io("", e))?;
            Err(Error::Other("the disk is full".into()))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        write_file(&path, |w| w.write_all(b"new").map_err(|e| Error::io("", e))).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(write_file(&folder, |_| Ok(())).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
