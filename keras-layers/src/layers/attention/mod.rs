//! Layers that look things up: each query finds a mixture of values, weighed by how near their keys are.

mod grouped_query_attention;
mod heads;
mod masks;
mod multi_head_attention;
mod scores;
mod single_head;

pub use grouped_query_attention::GroupedQueryAttention;
pub use multi_head_attention::MultiHeadAttention;
pub use single_head::{AdditiveAttention, Attention};

use keras_tensor::registry::Entry;

use super::entry;
use crate::Layer;

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<AdditiveAttention>("AdditiveAttention"),
    entry::<Attention>("Attention"),
    Entry {
        aliases: &["groupedqueryattention", "grouped_query_attention"],
        ..entry::<GroupedQueryAttention>("GroupQueryAttention")
    },
    entry::<MultiHeadAttention>("MultiHeadAttention"),
];
