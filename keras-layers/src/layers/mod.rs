//! The layers of Keras, a folder per family, a file per layer.

mod activation;
mod applications;
mod attention;
mod convolution;
mod core;
mod merging;
mod normalization;
mod pooling;
mod preprocessing;
mod regularization;
mod reshaping;
mod rnn;

pub use activation::{ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU};
pub use applications::{CustomScaleLayer, LayerScale, StochasticDepth};
pub use attention::{AdditiveAttention, Attention, GroupedQueryAttention, MultiHeadAttention};
pub use convolution::{
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, DepthwiseConv1D,
    DepthwiseConv2D, LocallyConnected1D, LocallyConnected2D, SeparableConv1D, SeparableConv2D,
};
pub use core::{
    Activation, Dense, EinsumDense, Embedding, Identity, Input, InputLayer, Lambda, Masking,
    OutputShape, ReversibleEmbedding, Wrapper,
};
pub use merging::{Add, Average, Concatenate, Dot, DotAxes, Maximum, Minimum, Multiply, Subtract};
pub use normalization::{
    BatchNormalization, GroupNormalization, LayerNormalization, RMSNormalization, RenormClipping,
    SpectralNormalization, UnitNormalization,
};
pub use pooling::{
    AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D, AveragePooling1D,
    AveragePooling2D, AveragePooling3D, GlobalAveragePooling1D, GlobalAveragePooling2D,
    GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D,
    MaxPooling1D, MaxPooling2D, MaxPooling3D,
};
pub use preprocessing::{
    Bounds, CenterCrop, Normalization, Numbers, RandomFlip, RandomRotation, RandomTranslation,
    RandomZoom, Rescaling, Resizing,
};
pub use regularization::{
    ActivityRegularization, AlphaDropout, Dropout, GaussianDropout, GaussianNoise,
    SpatialDropout1D, SpatialDropout2D, SpatialDropout3D,
};
pub use reshaping::{
    Border, Cropping1D, Cropping2D, Cropping3D, Flatten, Permute, RepeatVector, Reshape,
    UpSampling1D, UpSampling2D, UpSampling3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
};
pub use rnn::{
    Bidirectional, ConvLSTM1D, ConvLSTM1DCell, ConvLSTM2D, ConvLSTM2DCell, ConvLSTM3D,
    ConvLSTM3DCell, GRU, GRUCell, Gated, LSTM, LSTMCell, Noise, RNN, Recurrent, RnnCell, SimpleRNN,
    SimpleRNNCell, StackedRNNCells, TimeDistributed, Whole,
};

use keras_tensor::registry::{self, Entry, from_config, to_config};
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
    pooling::TABLE,
    preprocessing::TABLE,
    applications::TABLE,
    regularization::TABLE,
    reshaping::TABLE,
    rnn::TABLE,
];

/// Makes a class known under its registered name (`"my_package>MyDense"`), so that its layers can be written to configs
/// and made of them. Once more with the same name changes nothing.
///
/// ```
/// use keras_layers::{Call, Layer, LayerExt, LayerRef, layers};
/// use keras_tensor::{Result, Tensor, ops};
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Scale { factor: f64 }
/// impl Layer for Scale {
///     fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
///         ops::multiply(x, self.factor)
///     }
/// }
/// layers::register::<Scale>("my_package>Scale");
///
/// let json = Scale { factor: 2.0 }.name("twice").to_json()?;
/// assert_eq!(json["registered_name"], "my_package>Scale");
/// assert_eq!(LayerRef::from_json(&json)?.name(), "twice");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub fn register<L: Layer + Serialize + DeserializeOwned>(registered_name: &str) {
    registry::register::<dyn Layer>(registered_name, |class_name| entry::<L>(class_name));
}

/// An entry of a table, for a class whose config is what serde sees.
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
