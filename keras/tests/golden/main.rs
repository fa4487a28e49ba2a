//! What real Keras computed, computed again.

mod layers;
mod misc;
mod models;
mod subclassed;
mod support;
mod train;
