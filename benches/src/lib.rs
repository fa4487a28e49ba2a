//! What the benchmarks of this workspace measure and compare with.

pub mod bare;
pub mod digits;
mod product;
