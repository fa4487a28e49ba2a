//! What real Keras computed, computed again.

mod layers;
mod misc;
mod support;
mod train;
