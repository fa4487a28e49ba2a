//! Weights that somebody trained.

use keras_models::Model;
use keras_tensor::{Error, Result};
use std::path::{Path, PathBuf};

use crate::{Application, torchvision};

/// The folder of Keras's cache that weights lie in.
const FOLDER: &str = "models";

/// Where weights come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Pretrained {
    /// From nowhere: they are random.
    None,
    /// From Keras's cache of what was trained on ImageNet.
    ImageNet,
    /// From a file of Keras.
    File(PathBuf),
    /// From a safetensors file of torchvision's model of that name.
    Torchvision(PathBuf),
}

impl From<Option<&str>> for Pretrained {
    fn from(name: Option<&str>) -> Self {
        match name {
            None => Pretrained::None,
            Some("imagenet") => Pretrained::ImageNet,
            Some(path) => Pretrained::File(path.into()),
        }
    }
}

impl From<&str> for Pretrained {
    fn from(name: &str) -> Self {
        Some(name).into()
    }
}

impl From<&Path> for Pretrained {
    fn from(path: &Path) -> Self {
        Pretrained::File(path.into())
    }
}

impl From<PathBuf> for Pretrained {
    fn from(path: PathBuf) -> Self {
        Pretrained::File(path)
    }
}

impl Pretrained {
    /// A safetensors file of the state dict of torchvision's model of the same name: ResNet, VGG, DenseNet, MobileNetV2.
    ///
    /// The model is built to compute what torch computes: its epsilon and padding, no biases beside batch
    /// normalization, and the strides of ResNet v1.5 unless [`Application::v1_5`] says otherwise. Images are to be scaled
    /// as in [`crate::imagenet_utils::normalized`].
    ///
    /// ```no_run
    /// use keras_applications::{Pretrained, ResNet50};
    /// let weights = Pretrained::torchvision("resnet50.safetensors");
    /// let model = ResNet50::new().weights(weights).build()?;
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    pub fn torchvision(path: impl Into<PathBuf>) -> Self {
        Pretrained::Torchvision(path.into())
    }

    /// Reads the weights into the model; `cached` tells where those of ImageNet lie.
    pub(crate) fn load(
        &self,
        model: &Model,
        application: &Application,
        cached: impl FnOnce() -> Result<PathBuf>,
    ) -> Result<()> {
        match self {
            Pretrained::None => Ok(()),
            Pretrained::ImageNet => read(model, &cached()?),
            Pretrained::File(path) if path.exists() => read(model, path),
            Pretrained::Torchvision(path) if path.exists() => {
                match application.architecture.torchvision {
                    Some(module) => torchvision::load(model, path, module, application.include_top),
                    None => Ok(()),
                }
            }
            Pretrained::File(path) | Pretrained::Torchvision(path) => Err(Error::argument(
                "weights",
                path.display(),
                "None (random), \"imagenet\", or the path of a file that is there",
            )),
        }
    }
}

#[cfg(feature = "hdf5")]
fn read(model: &Model, path: &Path) -> Result<()> {
    keras_io::load_weights(model, path)
}

#[cfg(not(feature = "hdf5"))]
fn read(_: &Model, path: &Path) -> Result<()> {
    let wanted = "no file, because this program was built without the feature `hdf5`";
    Err(Error::argument("weights", path.display(), wanted))
}

/// A file of weights that Keras publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Where it can be downloaded.
    pub url: String,
    /// Its name in Keras's cache.
    pub file: String,
    /// Its MD5 sum or SHA-256 sum, where Keras knows it.
    pub hash: Option<&'static str>,
}

impl Published {
    /// A file under the name that it is published under.
    pub(crate) fn new(folder: &str, file: impl Into<String>, hash: Option<&'static str>) -> Self {
        let file = file.into();
        let url = format!("https://storage.googleapis.com/{folder}/{file}");
        Published { url, file, hash }
    }

    /// A file that is named as those of the first applications, `"folder/name"`, with its hashes without and with the top.
    pub(crate) fn kernels(a: &Application, name: &str, hashes: [&'static str; 2]) -> Result<Self> {
        let (end, hash) = match a.include_top {
            true => ("", hashes[1]),
            false => ("_notop", hashes[0]),
        };
        let (folder, name) = name.split_once('/').unwrap_or((name, name));
        let file = format!("{name}_weights_tf_dim_ordering_tf_kernels{end}.h5");
        Ok(Published::new(
            &format!("tensorflow/keras-applications/{folder}"),
            file,
            Some(hash),
        ))
    }

    /// The path in Keras's cache, downloaded with the feature `download`.
    ///
    /// # Errors
    /// It is not there, or cannot be downloaded; the message says what to put where.
    #[cfg(feature = "download")]
    pub(crate) fn cached(&self) -> Result<PathBuf> {
        let file = keras_datasets::GetFile::new(&self.file, &self.url).cache_subdir(FOLDER);
        match self.hash {
            Some(hash) => file.file_hash(hash).get(),
            None => file.get(),
        }
    }

    /// The path in Keras's cache.
    ///
    /// # Errors
    /// It is not there; the message says what to put where.
    #[cfg(not(feature = "download"))]
    pub(crate) fn cached(&self) -> Result<PathBuf> {
        let path = keras_datasets::keras_home().join(FOLDER).join(&self.file);
        if path.is_file() {
            return Ok(path);
        }
        let hash = match self.hash {
            Some(hash) => format!(" (hash {hash})"),
            None => String::new(),
        };
        Err(Error::data(
            "weights \"imagenet\"",
            format!(
                "{} is not there; download {}{hash} to that place, build with the feature `download`, or ask for random ones with `weights(None)`",
                path.display(),
                self.url
            ),
        ))
    }
}
