//! What a file seems to be, for errors.

use std::io::Read;
use std::path::Path;

/// What the file seems to be, if there is one and it is known.
pub(crate) fn of_file(path: &Path) -> Option<&'static str> {
    if path.is_dir() {
        let holds = |name: &str| path.join(name).exists();
        return Some(match () {
            () if holds("saved_model.pb") => "a TensorFlow SavedModel folder",
            () => "a folder",
        });
    }
    let mut start = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(512).read_to_end(&mut start).ok()?;
    of_bytes(&start)
}

/// What bytes that begin so seem to be.
pub(crate) fn of_bytes(start: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| start.starts_with(with);
    let zip_of = |name: &[u8]| start.windows(name.len()).any(|w| w == name);
    Some(match () {
        () if start.is_empty() => "an empty file",
        // Before the others, because a length comes first, which may be any bytes.
        () if start.get(5..9) == Some(b"\0\0\0{") => "a safetensors file",
        () if begins(b"\x89HDF\r\n\x1a\n") => "an HDF5 file",
        () if begins(b"PK\x03\x04") && zip_of(b"data.pkl") => "a PyTorch file",
        () if begins(b"PK\x03\x04") && zip_of(b".npy") => "an npz file",
        () if begins(b"PK\x03\x04") => "a zip archive",
        () if begins(b"version https://git-lfs") => {
            "a Git LFS pointer; fetch the file itself with `git lfs pull`"
        }
        () if begins(b"\x93NUMPY") => "an npy file",
        () if begins(b"\x1f\x8b") => "a gzip file",
        () if begins(b"\x80\x02") || begins(b"\x80\x04") || begins(b"\x80\x05") => {
            "a Python pickle"
        }
        () if begins(b"<") => "an HTML or XML page, perhaps a failed download",
        () if begins(b"{") => "a JSON text",
        () => return None,
    })
}
