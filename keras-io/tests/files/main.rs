//! Files that real Keras wrote, files of attackers, and our own.

mod hostile;
mod layers;
mod models;
mod subclassed;
mod support;
mod train;
