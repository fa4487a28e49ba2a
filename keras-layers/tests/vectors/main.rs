//! Replays what Keras's own tests recorded (`tests/data/README.md`).

mod cells;
mod configs;
mod facts;
mod half;
mod layers;
mod objects;
mod support;
