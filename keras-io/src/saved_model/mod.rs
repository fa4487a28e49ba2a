//! SavedModel folders of TensorFlow: `saved_model.pb`, `variables/`, and what Keras 2 adds, `keras_metadata.pb`.

mod export;
mod function;
mod keras2;

pub use export::export;
pub use function::SavedFunction;
pub(crate) use keras2::{load, metadata};

use std::path::Path;

/// Whether a path is such a folder.
pub(crate) fn is_one(path: &Path) -> bool {
    path.join("saved_model.pb").is_file()
}
