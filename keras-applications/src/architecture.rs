//! The table of all architectures.

use keras_layers::Symbolic;
use keras_tensor::{Error, Result};

use crate::Application;
use crate::families;
use crate::torchvision::Module;
use crate::weights::Published;

/// What is known of an architecture; [`Application::new`] takes one.
pub struct Architecture {
    /// Keras's name: `"ResNet50"`.
    pub name: &'static str,
    /// The name of its models: `"resnet50"`.
    pub(crate) model_name: fn(&Application, &Symbolic) -> String,
    /// Rows and columns of the images that it was made for.
    pub(crate) default_size: fn(&Application) -> usize,
    /// The fewest rows and columns that leave something to see.
    pub(crate) min_size: usize,
    /// Whether the top, too, takes images of any size.
    pub(crate) any_size: bool,
    /// Whether images have the default size without the top, too.
    pub(crate) sized_anyway: bool,
    /// What share is dropped before the classifier, where one can say so.
    pub(crate) dropout: f64,
    /// The arguments that it has besides those that all have.
    pub(crate) takes: &'static [&'static str],
    /// The network on an image.
    pub(crate) body: fn(&Application, &Symbolic) -> Result<Symbolic>,
    /// Where the weights are that were trained on ImageNet.
    pub(crate) published: fn(&Application, &Symbolic) -> Result<Published>,
    /// What torchvision calls its layers, where it has the architecture.
    pub(crate) torchvision: Option<Module>,
}

/// What most architectures have.
pub(crate) const BASE: Architecture = Architecture {
    name: "",
    model_name: |a, _| a.architecture.name.to_lowercase(),
    default_size: |_| 224,
    min_size: 32,
    any_size: false,
    sized_anyway: false,
    dropout: 0.0,
    takes: &[],
    body: |_, x| Ok(x.clone()),
    published: |a, _| {
        Err(a.wrong(
            "weights",
            "\"imagenet\"",
            "None or a file: none are published",
        ))
    },
    torchvision: None,
};

impl std::fmt::Debug for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every architecture, by family.
pub static TABLE: &[&[&Architecture]] = families::TABLES;

/// An architecture by its name, capitals aside: `"ResNet50"`, `"resnet50"`.
///
/// ```
/// let model = keras_applications::by_name("mobilenet")?.weights(None).build()?;
/// assert_eq!(model.count_params(), 4_253_864);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// No architecture has this name; the message has the nearest one.
pub fn by_name(name: &str) -> Result<Application> {
    let all = || TABLE.iter().copied().flatten().copied();
    let found = all().find(|a| a.name.eq_ignore_ascii_case(name));
    let unknown = || -> Error {
        let names = all().map(|a| a.name.to_string());
        keras_tensor::registry::unknown("application", name, names)
    };
    found.map(Application::new).ok_or_else(unknown)
}
