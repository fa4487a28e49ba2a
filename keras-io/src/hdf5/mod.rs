//! HDF5, as much of it as Keras's files use: groups, attributes of text, and datasets that are tensors.
//!
//! Reading gives [`Group`]s and [`Dataset`]s; writing takes a [`Tree`]. Nothing outside this module knows which crate does
//! the work. Links to other places and to other files, data kept in other files, and virtual datasets are never
//! followed, and sizes are compared with what is stored before memory is taken.

mod dtype;
mod read;
mod tree;
mod write;

pub use read::{Dataset, Group};
pub use tree::{Attribute, Tree};
