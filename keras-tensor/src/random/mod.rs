//! Random numbers: a counter-based generator that gives what TensorFlow gives, and where seeds come from.

mod draw;
mod mersenne;
mod philox;
mod seed;

pub use draw::{normal, randint, uniform};
pub use mersenne::shuffled;
pub use philox::Philox;
pub use seed::{SeedGenerator, next_seed, set_seed};
