//! Automatic differentiation of Keras in Rust.
//!
//! [`GradientTape`] listens at the door of keras-tensor and keeps the ops that touch trainable values. Walking the
//! list backwards, one rule per op (`rules/`) gives the gradients; rules are written in tensor ops, so an outer
//! tape hears them and second derivatives come free. This crate knows nothing of layers or files.

#![forbid(unsafe_code)]

mod check;
pub mod graph;
mod plan;
mod rules;
mod tape;

pub use check::{check_grads, check_grads_with};
pub use graph::Graph;
pub use plan::Plan;
pub use tape::{GradientTape, Source};
