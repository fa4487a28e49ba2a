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

use keras_tensor::Result;
use keras_tensor::registry::{self, Entry, from_config, to_config};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::Any;
use std::sync::{Arc, PoisonError, RwLock};

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

/// Classes of other crates and of users, by registered name.
static REGISTERED: RwLock<Vec<(String, &'static Entry<dyn Layer>)>> = RwLock::new(Vec::new());

/// Makes a class known under its registered name (`"my_package>MyDense"`, or the class's name alone), so that its layers
/// can be written to configs and made of them. Once more with the same name changes nothing.
///
/// ```
/// use keras_layers::layers::{entry, register};
/// use keras_layers::{Call, Layer, LayerExt, LayerRef};
/// use keras_tensor::{Result, Tensor, ops, registry::Entry};
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Scale { factor: f64 }
/// impl Layer for Scale {
///     fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
///         ops::multiply(x, self.factor)
///     }
/// }
/// static SCALE: Entry<dyn Layer> = entry::<Scale>("Scale");
/// register("my_package>Scale", &SCALE);
///
/// let json = Scale { factor: 2.0 }.name("twice").to_json()?;
/// assert_eq!(json["registered_name"], "my_package>Scale");
/// assert_eq!(LayerRef::from_json(&json)?.name(), "twice");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub fn register(registered_name: &str, entry: &'static Entry<dyn Layer>) {
    let mut all = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    if !all.iter().any(|(name, _)| name == registered_name) {
        all.push((registered_name.to_string(), entry));
    }
}

/// The config of a layer, and the name that its class was registered under, if it is none of Keras's.
pub(crate) fn config_of(layer: &dyn Layer) -> Option<(Value, Option<String>)> {
    let mut known = TABLES.iter().flat_map(|t| t.iter());
    if let Some(config) = known.find_map(|e| (e.save)(layer)) {
        return Some((config, None));
    }
    let all = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    let mut registered = all.iter();
    registered.find_map(|(name, e)| Some(((e.save)(layer)?, Some(name.clone()))))
}

/// The entry of a class, looked up under its registered name first.
pub(crate) fn entry_of(
    class_name: &str,
    registered_name: &str,
) -> Result<&'static Entry<dyn Layer>> {
    let all = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    let named = |wanted: &str| all.iter().find(|(name, _)| name == wanted).map(|(_, e)| *e);
    match named(registered_name).or_else(|| named(class_name)) {
        Some(entry) => Ok(entry),
        None => registry::by_name::<dyn Layer>(class_name),
    }
}

/// An entry of a table, for a class whose config is what serde sees.
pub const fn entry<L: Layer + Serialize + DeserializeOwned>(
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
