use std::path::Path;

/// What a file of some name holds.
///
/// ```
/// use keras_io::Holds;
/// assert_eq!(Holds::of("model.keras"), Some(Holds::Model));
/// assert_eq!(Holds::of("model.weights.h5"), Some(Holds::Weights));
/// assert_eq!(Holds::of("model.txt"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A whole model: [`load_model`](crate::load_model) and [`save_model`](crate::save_model).
    Model,
    /// Weights alone: [`load_weights`](crate::load_weights()) and [`save_weights`](crate::save_weights()).
    Weights,
    /// A config alone: [`load_config`](crate::load_config) and [`save_config`](crate::save_config).
    Config,
}

/// Ends of names, the longer ones first. A legacy `.h5` may hold weights alone, too; its name does not tell.
const TABLE: &[(&str, Holds)] = &[
    (".weights.h5", Holds::Weights),
    (".weights.json", Holds::Weights),
    (".keras", Holds::Model),
    (".h5", Holds::Model),
    (".hdf5", Holds::Model),
    (".onnx", Holds::Model),
    ("/", Holds::Model),
    (".safetensors", Holds::Weights),
    (".npz", Holds::Weights),
    (".ckpt", Holds::Weights),
    (".json", Holds::Config),
];

impl Holds {
    /// What a file of this name holds; `None` for names of no format that there is.
    pub fn of(path: impl AsRef<Path>) -> Option<Self> {
        let path = path.as_ref();
        if path.join("saved_model.pb").exists() {
            return Some(Holds::Model);
        }
        let name = path.as_os_str().to_string_lossy();
        let mut ends = TABLE.iter().filter(|(end, _)| name.ends_with(end));
        ends.next().map(|(_, holds)| *holds)
    }
}
