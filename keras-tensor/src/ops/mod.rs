//! Tensor functions under the names of `keras.ops`.
//!
//! Each takes anything that is an [`Operand`]: tensors, variables, weights, numbers, and references to them. Operands
//! of different dtypes meet in the dtype that Keras's rules give.

mod array;
mod attention;
mod conv;
mod einsum;
mod image;
mod linalg;
mod math;
mod nn;
mod operand;
mod operators;
mod pool;

pub use array::*;
pub use attention::*;
pub use conv::{ConvWindow, Padding, conv, conv_fused, conv_transpose};
pub use einsum::einsum;
pub use image::{
    FillMode, Interpolation, affine_transform, crop_to_ratio, pad_to_ratio, resize,
    resize_antialiased,
};
pub use linalg::*;
pub use math::*;
pub use nn::*;
pub use operand::{Literal, Operand};
pub use pool::{Pooling, adaptive_pool, pool};
