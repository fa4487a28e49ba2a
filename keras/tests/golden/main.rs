//! What real Keras computed, computed again.

mod layers;
mod support;
mod train;
