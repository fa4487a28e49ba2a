//! Layers that everything is made of.

mod activation;
mod dense;
mod einsum_dense;
mod einsum_shapes;
mod embedding;
mod identity;
mod input;
mod lambda;
mod masking;
mod reversible_embedding;
mod wrapper;

pub use activation::Activation;
pub use dense::Dense;
pub use einsum_dense::{EinsumDense, OutputShape};
pub use embedding::Embedding;
pub use identity::Identity;
pub use input::{Input, InputLayer};
pub use lambda::Lambda;
pub use masking::Masking;
pub use reversible_embedding::ReversibleEmbedding;
pub use wrapper::Wrapper;

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<Activation>("Activation"),
    entry::<Dense>("Dense"),
    entry::<EinsumDense>("EinsumDense"),
    entry::<Embedding>("Embedding"),
    entry::<Identity>("Identity"),
    entry::<InputLayer>("InputLayer"),
    entry::<Lambda>("Lambda"),
    entry::<Masking>("Masking"),
    entry::<ReversibleEmbedding>("ReversibleEmbedding"),
    entry::<Wrapper>("Wrapper"),
];
