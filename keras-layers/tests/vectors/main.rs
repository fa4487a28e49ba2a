//! Replays what Keras's own tests recorded (`tests/data/README.md`).

mod layers;
mod objects;
mod support;
