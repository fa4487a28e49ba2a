//! Replays values of real Keras: golden cases with gradients, and what Keras's own tests assert. `tests/data` holds them.

mod contract;
mod errors;
mod losses;
mod metrics;
mod support;
