//! What real Keras computed, computed again.

mod layers;
mod misc;
mod models;
mod plans;
mod several_outputs;
mod subclassed;
mod support;
mod train;
