//! Losses and metrics of Keras in Rust.
//!
//! A loss makes a number of labels and predictions that training makes small; a metric gathers numbers over batches.

#![forbid(unsafe_code)]

pub mod losses;
pub mod metrics;
mod shapes;
