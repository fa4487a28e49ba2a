//! The model zoo of `keras.applications`: a family is one file of data and blocks, a block is a function.
//!
//! ```
//! use keras_applications::ResNet50;
//! let resnet = ResNet50::new().weights(None).include_top(false).input_shape([224, 224, 3]).build()?;
//! assert_eq!(resnet.count_params(), 23_587_712);
//! # Ok::<(), keras_tensor::Error>(())
//! ```
//!
//! Every architecture takes the same arguments ([`Application`]), and [`TABLE`] holds them all.

#![forbid(unsafe_code)]

mod application;
mod architecture;
mod blocks;
mod families;
pub mod imagenet_utils;
mod input_shape;
mod torchvision;
mod weights;

pub use application::Application;
pub use architecture::{Architecture, TABLE, by_name};
pub use families::*;
pub use weights::{Pretrained, Published};
