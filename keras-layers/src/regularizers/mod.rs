//! What a weight or an output adds to the loss.

mod norms;

pub use norms::{L1, L1L2, L2, OrthogonalRegularizer};

use keras_tensor::registry::Entry;
use keras_tensor::{Result, Tensor, family};
use std::any::Any;

/// Makes a number of a weight that training then keeps small.
pub trait Regularize: Any + Send + Sync {
    /// The number, without axes.
    ///
    /// # Errors
    /// A weight of a shape that the regularizer cannot take.
    fn penalty(&self, weight: &Tensor) -> Result<Tensor>;
}

family! {
    /// A regularizer, by name (`"l2"`) or as a value.
    Regularizer of Regularize, "regularizer", "keras.regularizers", &[TABLE]
}

const TABLE: &[Entry<dyn Regularize>] = &[
    entry::<L1>("L1", &["l1"]),
    entry::<L1L2>("L1L2", &["l1_l2"]),
    entry::<L2>("L2", &["l2"]),
    entry::<OrthogonalRegularizer>("OrthogonalRegularizer", &["orthogonal_regularizer"]),
];
