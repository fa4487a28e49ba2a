//! Tensors of Keras in Rust: one tensor type, one enum of operations, one way to carry them out.
//!
//! Every computation is an [`Op`] that goes through [`apply`]. Whoever wants to know what is computed (the gradient
//! tape, a tracer, a profiler) listens there ([`observe`]). Functions with Keras's names are in [`ops`]. This crate knows
//! nothing of gradients or layers.

#![deny(unsafe_code)]

mod buffer;
mod convert;
mod door;
pub mod dtype;
mod error;
mod id;
mod kernels;
pub mod names;
pub mod observe;
pub mod op;
pub mod ops;
pub mod profile;
pub mod random;
pub mod registry;
mod scattered;
mod scoped;
mod shape;
mod tensor;
mod variable;

pub use buffer::in_few_buffers;
pub use door::{apply, apply_one, apply_owned};
pub use dtype::DType;
pub(crate) use dtype::Element;
pub use error::{Error, Result};
pub use id::Id;
pub use kernels::threads;
pub use op::{Distribution, Op, Outputs};
pub use scattered::scattered;
pub use scoped::scoped;
pub use shape::Shape;
pub use smallvec::{SmallVec, smallvec};
pub use tensor::Tensor;
pub use variable::Variable;
