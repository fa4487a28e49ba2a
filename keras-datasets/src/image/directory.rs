//! `image_dataset_from_directory`

use keras_tensor::ops::{self, Interpolation};
use keras_tensor::random::{next_seed, shuffled};
use keras_tensor::{DType, Error, Result, Tensor};
use std::path::{Path, PathBuf};

use super::decode::{self, ColorMode};
use super::fit::{Ratio, fitted};
use super::index;
use crate::Dataset;

/// Where the labels of pictures come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The folder that a picture lies in is its class.
    Inferred,
    /// There are none.
    None,
    /// A number for each picture, in the order of their paths.
    Given(Vec<i32>),
}

/// What labels are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LabelMode {
    /// The number of the class, for `sparse_categorical_crossentropy`.
    Int,
    /// One number for each class, for `categorical_crossentropy`.
    Categorical,
    /// `[0]` or `[1]`, for `binary_crossentropy`.
    Binary,
    /// There are none.
    None,
}

/// Which part of the pictures is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subset {
    /// Those to train on.
    Training,
    /// Those to look how good it is.
    Validation,
}

/// Pictures of a folder as a data set, with what is known of them.
#[derive(Clone)]
pub struct Images {
    /// Batches of pictures `[batch, rows, columns, channels]` of 0 to 255 as float32, and their labels if there are any.
    pub data: Dataset,
    /// The classes, in the order of their numbers; none without labels.
    pub class_names: Vec<String>,
    /// The paths of the files, in the order before each epoch's shuffling.
    pub file_paths: Vec<PathBuf>,
}

/// A folder of pictures that becomes a data set; names, defaults and the order of files are those of
/// `keras.utils.image_dataset_from_directory`.
///
/// PNG, JPEG, BMP and GIF are read, when a batch is made and not before. Pixels are those that TensorFlow decodes, but for
/// JPEG, where decoders differ by a level or two.
///
/// ```no_run
/// use keras_datasets::{ImageDatasetFromDirectory, Subset};
/// let flowers = ImageDatasetFromDirectory::new("flowers")
///     .image_size([180, 180])
///     .validation_split(0.2)
///     .seed(1);
/// let training = flowers.subset(Subset::Training).load()?;
/// let validation = flowers.subset(Subset::Validation).load()?;
/// println!("{:?}: {} pictures", training.class_names, training.file_paths.len());
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageDatasetFromDirectory {
    directory: PathBuf,
    labels: Labels,
    label_mode: LabelMode,
    class_names: Option<Vec<String>>,
    color_mode: ColorMode,
    batch_size: Option<usize>,
    image_size: [usize; 2],
    shuffle: bool,
    seed: Option<u32>,
    validation_split: Option<f64>,
    subset: Option<Subset>,
    interpolation: Interpolation,
    follow_links: bool,
    ratio: Ratio,
}

impl ImageDatasetFromDirectory {
    /// The pictures of this folder: each class is a folder in it.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        ImageDatasetFromDirectory {
            directory: directory.into(),
            labels: Labels::Inferred,
            label_mode: LabelMode::Int,
            class_names: None,
            color_mode: ColorMode::Rgb,
            batch_size: Some(32),
            image_size: [256, 256],
            shuffle: true,
            seed: None,
            validation_split: None,
            subset: None,
            interpolation: Interpolation::Bilinear,
            follow_links: false,
            ratio: Ratio::Stretched,
        }
    }

    /// Where labels come from; from the folders by default.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// What labels are; numbers of classes by default.
    pub fn label_mode(mut self, label_mode: LabelMode) -> Self {
        self.label_mode = label_mode;
        self
    }

    /// The folders that are wanted, in the order of the numbers of their classes; by default all, in alphanumeric order.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(names.into_iter().map(S::into).collect());
        self
    }

    /// Which channels pixels have; red, green and blue by default.
    pub fn color_mode(mut self, color_mode: ColorMode) -> Self {
        self.color_mode = color_mode;
        self
    }

    /// How many pictures a batch has, 32 by default; `None` for pictures one by one.
    pub fn batch_size(mut self, batch_size: impl Into<Option<usize>>) -> Self {
        self.batch_size = batch_size.into();
        self
    }

    /// `[rows, columns]` that pictures are brought to; 256 by 256 by default.
    pub fn image_size(mut self, image_size: [usize; 2]) -> Self {
        self.image_size = image_size;
        self
    }

    /// Whether pictures come in a random order, another one each epoch; they do by default.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Fixes the random order, and so which pictures are for validation.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The share of pictures that is for validation, between 0 and 1.
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation_split = Some(share);
        self
    }

    /// Which part [`ImageDatasetFromDirectory::load`] gives, where there is a split.
    pub fn subset(&self, subset: Subset) -> Self {
        let mut this = self.clone();
        this.subset = Some(subset);
        this
    }

    /// How pixels of another size are found; bilinear by default.
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
    }

    /// Whether links to folders are followed; they are not by default.
    pub fn follow_links(mut self, follow_links: bool) -> Self {
        self.follow_links = follow_links;
        self
    }

    /// Takes the middle of pictures whose sides have another ratio, instead of stretching them.
    pub fn crop_to_aspect_ratio(mut self) -> Self {
        self.ratio = Ratio::Cropped;
        self
    }

    /// Puts pictures whose sides have another ratio on black, instead of stretching them.
    pub fn pad_to_aspect_ratio(mut self) -> Self {
        self.ratio = Ratio::Padded;
        self
    }

    /// Looks for the pictures.
    ///
    /// # Errors
    /// Arguments that do not fit each other, a folder that cannot be read, or one without pictures.
    pub fn load(&self) -> Result<Images> {
        let [all, validation] = self.parts()?;
        match self.subset {
            None if self.validation_split.is_some() => {
                let wanted = "a subset, or `load_both`, because there is a `validation_split`";
                Err(wrong("subset", "none", wanted))
            }
            Some(_) if self.validation_split.is_none() => {
                let wanted = "a `validation_split`, because a subset is wanted";
                Err(wrong("validation_split", "none", wanted))
            }
            Some(_) if self.shuffle && self.seed.is_none() => {
                let wanted = "a number, because both subsets must be shuffled alike";
                Err(wrong("seed", "none", wanted))
            }
            Some(Subset::Validation) => self.images(validation, self.shuffle),
            _ => self.images(all, self.shuffle),
        }
    }

    /// The pictures to train on and those for validation, which are not shuffled again.
    ///
    /// # Errors
    /// Those of [`ImageDatasetFromDirectory::load`]; no `validation_split`.
    pub fn load_both(&self) -> Result<(Images, Images)> {
        if self.validation_split.is_none() {
            let wanted = "a share between 0 and 1";
            return Err(wrong("validation_split", "none", wanted));
        }
        let [training, validation] = self.parts()?;
        Ok((
            self.images(training, self.shuffle)?,
            self.images(validation, false)?,
        ))
    }

    /// The files in their order, split.
    fn parts(&self) -> Result<[Found; 2]> {
        let mut all = self.found()?;
        if self.shuffle {
            let seed = self.seed.unwrap_or_else(next_seed);
            let order = shuffled(seed, all.paths.len());
            all = all.chosen(&order);
        }
        let Some(share) = self.validation_split else {
            return Ok([all.clone(), all.chosen(&[])]);
        };
        if !(share > 0.0 && share < 1.0) {
            return Err(wrong("validation_split", share, "a share between 0 and 1"));
        }
        let count = all.paths.len();
        let first = count - (share * count as f64) as usize;
        let places: Vec<usize> = (0..count).collect();
        Ok([all.chosen(&places[..first]), all.chosen(&places[first..])])
    }

    fn found(&self) -> Result<Found> {
        if self.image_size.contains(&0) {
            let got = format!("{:?}", self.image_size);
            return Err(wrong("image_size", got, "at least one row and one column"));
        }
        if self.labels != Labels::Inferred && self.class_names.is_some() {
            let wanted = "nothing, because the classes are not taken from the folders";
            return Err(wrong("class_names", "names", wanted));
        }
        let without = self.labels == Labels::None || self.label_mode == LabelMode::None;
        if without || self.labels != Labels::Inferred {
            let paths = index::pictures(&self.directory, self.follow_links)?;
            return match &self.labels {
                Labels::Given(labels) if !without => self.labelled(paths, labels),
                _ => Ok(Found {
                    paths,
                    labels: None,
                    class_names: Vec::new(),
                }),
            };
        }
        let folders = index::subfolders(&self.directory)?;
        let class_names = self.class_names.clone().unwrap_or(folders.clone());
        if let Some(name) = class_names.iter().find(|n| !folders.contains(n)) {
            let wanted = format!("names of the folders in it: {}", folders.join(", "));
            return Err(wrong("class_names", format!("{name:?}"), &wanted));
        }
        let (mut paths, mut labels) = (Vec::new(), Vec::new());
        for (label, name) in (0..).zip(&class_names) {
            let found = index::pictures(&self.directory.join(name), self.follow_links)?;
            labels.resize(labels.len() + found.len(), label);
            paths.extend(found);
        }
        Ok(Found {
            paths,
            labels: Some(labels),
            class_names,
        })
    }

    /// Pictures with labels that were given.
    fn labelled(&self, paths: Vec<PathBuf>, labels: &[i32]) -> Result<Found> {
        if labels.len() != paths.len() {
            let got = format!("{} labels", labels.len());
            let wanted = format!("one for each of the {} pictures", paths.len());
            return Err(wrong("labels", got, &wanted));
        }
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let class_names = classes.iter().map(i32::to_string).collect();
        Ok(Found {
            paths,
            labels: Some(labels.to_vec()),
            class_names,
        })
    }

    fn images(&self, found: Found, shuffle: bool) -> Result<Images> {
        let Found {
            paths,
            labels,
            class_names,
        } = found;
        if paths.is_empty() {
            let what = self.directory.display().to_string();
            return Err(Error::data(
                what,
                "no pictures here (.png, .jpg, .jpeg, .bmp, .gif); look whether this is the right folder, and whether the split leaves any",
            ));
        }
        let numbers: Vec<i32> = (0..).take(paths.len()).collect();
        let numbers = Tensor::new(&numbers, [paths.len()])?;
        let mut data = match labels {
            Some(labels) => {
                let labels = self.encoded(&labels, class_names.len())?;
                Dataset::from_tensor_slices((numbers, labels))?
            }
            None => Dataset::from_tensor_slices(numbers)?,
        };
        if shuffle {
            let buffer = self.batch_size.map_or(1024, |n| n * 8);
            data = data.shuffle_seeded(buffer, self.seed.unwrap_or_else(next_seed));
        }
        let (files, this) = (paths.clone(), self.clone());
        data = data.map(move |mut batch| {
            let number = batch.x.one()?.to_f64_vec()?[0] as usize;
            batch.x = this.read(&files[number])?.into();
            Ok(batch)
        });
        if let Some(size) = self.batch_size {
            data = data.batch(size);
        }
        Ok(Images {
            data: data.prefetch(2),
            class_names,
            file_paths: paths,
        })
    }

    fn encoded(&self, labels: &[i32], classes: usize) -> Result<Tensor> {
        let numbers = Tensor::new(labels, [labels.len()])?;
        match self.label_mode {
            LabelMode::Categorical => ops::one_hot(&numbers, classes, DType::F32),
            LabelMode::Binary if classes != 2 => {
                let wanted = format!("two classes, not {classes}");
                Err(wrong("label_mode", "binary", &wanted))
            }
            LabelMode::Binary => ops::expand_dims(ops::cast(&numbers, DType::F32)?, -1),
            LabelMode::Int | LabelMode::None => Ok(numbers),
        }
    }

    fn read(&self, path: &Path) -> Result<Tensor> {
        let pixels = decode::pixels(&decode::open(path)?, self.color_mode)?;
        fitted(&pixels, self.image_size, self.interpolation, self.ratio)
    }
}

/// Files with their labels.
#[derive(Clone)]
struct Found {
    paths: Vec<PathBuf>,
    labels: Option<Vec<i32>>,
    class_names: Vec<String>,
}

impl Found {
    /// Those at these places.
    fn chosen(&self, places: &[usize]) -> Found {
        let label = |labels: &Vec<i32>| places.iter().map(|&i| labels[i]).collect();
        Found {
            paths: places.iter().map(|&i| self.paths[i].clone()).collect(),
            labels: self.labels.as_ref().map(label),
            class_names: self.class_names.clone(),
        }
    }
}

fn wrong(argument: &str, got: impl std::fmt::Display, wanted: &str) -> Error {
    Error::argument(
        format!("image_dataset_from_directory.{argument}"),
        got,
        wanted,
    )
}
