//! What real Keras computed, computed again.

mod layers;
mod losses;
mod metrics;
mod support;
mod train;
