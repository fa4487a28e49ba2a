//! Pictures: folders of them as data sets, and single ones.

mod decode;
mod directory;
mod fit;
mod index;
mod single;

pub use decode::ColorMode;
pub use directory::{ImageDatasetFromDirectory, Images, LabelMode, Labels, Subset};
pub use single::{LoadImg, array_to_img, img_to_array, save_img};
