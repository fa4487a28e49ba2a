//! Data sets and input pipelines of Keras in Rust.
//!
//! [`Dataset`] makes batches of tensors, or of anything that yields them; [`mnist`] loads the handwritten digits.

#![forbid(unsafe_code)]

mod batch;
mod cache;
mod dataset;
#[cfg(feature = "download")]
mod get_file;
#[cfg(feature = "images")]
mod image;
pub mod mnist;
pub mod npz;
mod prefetch;
mod shuffle;
mod structure;
pub mod utils;

pub use batch::{Batch, IntoColumns};
pub use cache::keras_home;
pub use dataset::{Dataset, Iter};
#[cfg(feature = "download")]
pub use get_file::GetFile;
#[cfg(feature = "images")]
pub use image::{
    ColorMode, ImageDatasetFromDirectory, Images, LabelMode, Labels, LoadImg, Subset, array_to_img,
    img_to_array, save_img,
};
pub use shuffle::Order;
pub use structure::{Each, Names, Structure};
