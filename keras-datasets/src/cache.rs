//! Keras's folder for data and models.

use std::path::PathBuf;

/// `$KERAS_HOME`, else `~/.keras`, else `.keras` in the folder for temporary files.
pub fn keras_home() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    if let Some(home) = set("KERAS_HOME") {
        return home.into();
    }
    match set("HOME") {
        Some(home) => PathBuf::from(home).join(".keras"),
        None => std::env::temp_dir().join(".keras"),
    }
}
