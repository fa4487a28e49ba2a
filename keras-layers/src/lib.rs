//! Layers of Keras in Rust, and what they are configured with.
//!
//! A layer is a struct: what serde sees of it is its config, [`Weight`]s that it skips are filled by
//! [`Layer::build`]. Models hold [`LayerRef`]s: a layer with its name, its weights and its flags. This crate knows
//! nothing of models or training.

#![forbid(unsafe_code)]

#[macro_use]
mod define;

pub mod activations;
mod arguments;
mod axes;
pub mod constraints;
mod data_format;
mod dims;
mod dtype_policy;
mod gauge;
mod infer;
pub mod initializers;
mod layer;
mod layer_ref;
pub mod layers;
mod lora;
mod names;
pub mod operations;
pub mod regularizers;
mod sizes;
mod symbolic;
mod weight;

pub use arguments::{Argument, Arguments};
pub use axes::{Axes, Axis, AxisList};
pub use data_format::DataFormat;
pub use dims::Dims;
pub use dtype_policy::{DTypePolicy, dtype_policy, set_dtype_policy};
pub use gauge::Gauge;
pub use layer::{Call, Following, Follows, Layer};
pub use layer_ref::{LayerExt, LayerRef};
pub use lora::{Adapter, Lora};
pub use sizes::Sizes;
pub use symbolic::{Node, Spec, Symbolic};
pub use weight::{Declare, Place, Seed, Weight, WeightInfo, Weights};
