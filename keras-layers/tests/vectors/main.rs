//! Replays what Keras's own tests recorded (`tests/data/README.md`).

mod cells;
mod configs;
mod facts;
mod layers;
mod objects;
mod support;
