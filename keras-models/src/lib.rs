//! Models of Keras in Rust: stacking layers, training them, and looking at them.
//!
//! [`Model`] is a layer with what training needs; [`Sequential`] stacks layers and derefs to it. This crate knows
//! nothing of file formats.

#![forbid(unsafe_code)]

pub mod callbacks;
mod config;
mod functional;
mod logs;
mod model;
mod sequential;
mod summary;
mod training;

pub use config::clone_model;
pub use functional::Structure;
pub use keras_layers::LayerRef;
pub use logs::Logs;
pub use model::Model;
pub use sequential::Sequential;
pub use summary::{Style, Summary};
pub use training::{Compile, Data, Evaluate, Fit, Predict};
