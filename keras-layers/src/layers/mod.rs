//! The layers of Keras, a folder per family, a file per layer.

mod activation;
mod attention;
mod convolution;
mod core;
mod merging;
mod normalization;
mod regularization;
mod reshaping;
mod rnn;

pub use activation::{ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU};
pub use attention::{AdditiveAttention, Attention, GroupedQueryAttention, MultiHeadAttention};
pub use convolution::{
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, DepthwiseConv1D,
    DepthwiseConv2D, SeparableConv1D, SeparableConv2D,
};
pub use core::{
    Activation, Dense, EinsumDense, Embedding, Identity, Input, InputLayer, Lambda, Masking,
    OutputShape, ReversibleEmbedding, Wrapper,
};
pub use merging::{Add, Average, Concatenate, Dot, DotAxes, Maximum, Minimum, Multiply, Subtract};
pub use normalization::{
    BatchNormalization, GroupNormalization, LayerNormalization, RMSNormalization,
    SpectralNormalization, UnitNormalization,
};
pub use regularization::{
    ActivityRegularization, AlphaDropout, Dropout, GaussianDropout, GaussianNoise,
    SpatialDropout1D, SpatialDropout2D, SpatialDropout3D,
};
pub use reshaping::{
    Border, Cropping1D, Cropping2D, Cropping3D, Flatten, Permute, RepeatVector, Reshape,
    ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
};
pub use rnn::{
    Bidirectional, GRU, GRUCell, Gated, LSTM, LSTMCell, Noise, RNN, Recurrent, RnnCell, SimpleRNN,
    SimpleRNNCell, StackedRNNCells, TimeDistributed,
};

use keras_tensor::registry::{Entry, from_config, to_config};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::Arc;

use crate::Layer;

/// Every layer that has a config, by family.
pub static TABLES: &[&[Entry<dyn Layer>]] = &[
    core::TABLE,
    activation::TABLE,
    convolution::TABLE,
    attention::TABLE,
    merging::TABLE,
    normalization::TABLE,
    regularization::TABLE,
    reshaping::TABLE,
    rnn::TABLE,
];

/// An entry of a family's table.
const fn entry<L: Layer + Serialize + DeserializeOwned>(
    class_name: &'static str,
) -> Entry<dyn Layer> {
    Entry {
        class_name,
        aliases: &[],
        load: |config| {
            Ok(Arc::new(from_config::<L>(
                std::any::type_name::<L>(),
                config,
            )?))
        },
        save: |layer| to_config::<L>(layer as &dyn Any),
    }
}
