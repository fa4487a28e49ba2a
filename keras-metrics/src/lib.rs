//! Losses and metrics of Keras in Rust.
//!
//! A loss makes a number of labels and predictions that training makes small ([`losses`]); a metric gathers numbers over
//! batches ([`metrics`]). Both are known by Keras's names, with Keras's defaults and configs.

#![forbid(unsafe_code)]

#[macro_use]
mod define;
pub mod losses;
pub mod metrics;
mod shapes;
