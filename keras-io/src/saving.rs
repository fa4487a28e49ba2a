use keras_models::Model;
use keras_tensor::Result;
use std::path::Path;

/// What models do with files, as methods: those of Keras's `Model`.
///
/// ```
/// use keras_io::{Saving, load_model};
/// use keras_layers::layers::{Dense, Input};
/// use keras_models::{Sequential, layers};
/// # let folder = std::env::temp_dir().join(format!("keras-io-saving-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = |name: &str| folder.join(name);
/// let network = Sequential::new(layers![Input::new([4]), Dense::new(3)]);
/// network.save(path("model.keras"))?;
/// network.save_weights(path("model.weights.h5"))?;
/// let same = load_model(path("model.keras"))?;
/// same.load_weights(path("model.weights.h5"))?;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub trait Saving {
    /// [`save_model`](crate::save_model).
    ///
    /// # Errors
    /// Those of [`save_model`](crate::save_model).
    fn save(&self, path: impl AsRef<Path>) -> Result<()>;

    /// [`save_weights`](crate::save_weights).
    ///
    /// # Errors
    /// Those of [`save_weights`](crate::save_weights).
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()>;

    /// [`load_weights`](crate::load_weights).
    ///
    /// # Errors
    /// Those of [`load_weights`](crate::load_weights).
    fn load_weights(&self, path: impl AsRef<Path>) -> Result<()>;
}

impl Saving for Model {
    fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        crate::save_model(self, path)
    }

    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        crate::save_weights(self, path)
    }

    fn load_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        crate::load_weights(self, path)
    }
}
