//! Files that real Keras wrote, files of attackers, and our own.

mod checkpoint;
mod checkpoints;
mod fuzzed;
mod hostile;
mod inspect;
mod interrupted;
mod layers;
mod models;
mod round_trip;
mod subclassed;
mod support;
mod train;
