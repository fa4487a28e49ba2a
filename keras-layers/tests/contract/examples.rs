//! An example or more of every layer class: its config, and what it is called with.

use keras_layers::layers::{Lambda, TABLES};
use keras_layers::{Argument, Arguments, DTypePolicy, LayerRef};
use keras_tensor::{DType, Tensor, ops};
use serde_json::Value;

/// How a layer is called with its inputs.
#[derive(Clone, Copy)]
enum Form {
    /// The first argument is a tensor, and so are the next.
    Each,
    /// The first argument is a list of tensors.
    List,
    /// One tensor of integers below this.
    Below(usize),
}

pub(crate) struct Example {
    pub(crate) class: &'static str,
    config: &'static str,
    shapes: &'static [&'static [usize]],
    form: Form,
}

const fn one(
    class: &'static str,
    config: &'static str,
    shapes: &'static [&'static [usize]],
) -> Example {
    let form = Form::Each;
    Example {
        class,
        config,
        shapes,
        form,
    }
}

const fn list(
    class: &'static str,
    config: &'static str,
    shapes: &'static [&'static [usize]],
) -> Example {
    let form = Form::List;
    Example {
        class,
        config,
        shapes,
        form,
    }
}

const fn integers(
    class: &'static str,
    config: &'static str,
    shapes: &'static [&'static [usize]],
    below: usize,
) -> Example {
    let form = Form::Below(below);
    Example {
        class,
        config,
        shapes,
        form,
    }
}

/// Sizes are distinct where they can be, so that exchanged axes show.
#[rustfmt::skip]
const EXAMPLES: &[Example] = &[
    one("LocallyConnected1D", r#"{"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same", "implementation": 3}"#, &[&[2, 5, 4]]),
    one("LocallyConnected2D", r#"{"filters": 3, "kernel_size": [2, 3], "data_format": "channels_first"}"#, &[&[2, 2, 4, 5]]),
    one("LocallyConnected2D", r#"{"filters": 2, "kernel_size": 2, "implementation": 2, "activation": "tanh"}"#, &[&[2, 3, 4, 2]]),

    one("ConvLSTM1D", r#"{"filters": 2, "kernel_size": 2, "return_state": true}"#, &[&[2, 3, 4, 3]]),
    one("ConvLSTM2D", r#"{"filters": 2, "kernel_size": 2, "padding": "same"}"#, &[&[2, 2, 3, 3, 2]]),
    one("ConvLSTM3D", r#"{"filters": 2, "kernel_size": 2, "return_sequences": true}"#, &[&[1, 2, 3, 2, 3, 2]]),

    one("UpSampling1D", r#"{"size": 3}"#, &[&[2, 4, 3]]),
    one("UpSampling2D", r#"{"size": [2, 3], "interpolation": "bicubic"}"#, &[&[2, 3, 4, 2]]),
    one("UpSampling3D", r#"{"size": [2, 1, 2]}"#, &[&[2, 2, 3, 2, 2]]),

    one("CenterCrop", r#"{"height": 2, "width": 3}"#, &[&[2, 4, 5, 3]]),
    one("Normalization", r#"{"axis": [1, -1]}"#, &[&[2, 4, 3]]),
    one("Normalization", r#"{"mean": [1.0, 2.0, 3.0], "variance": [4.0, 5.0, 6.0], "invert": true}"#, &[&[2, 4, 3]]),
    one("RandomFlip", r#"{"seed": 3}"#, &[&[3, 4, 5, 2]]),
    one("RandomRotation", r#"{"factor": 0.3, "seed": 3}"#, &[&[3, 4, 5, 2]]),
    one("RandomTranslation", r#"{"height_factor": 0.3, "width_factor": [0.1, 0.2], "data_format": "channels_first", "seed": 3}"#, &[&[3, 2, 4, 5]]),
    one("RandomZoom", r#"{"height_factor": 0.3, "fill_mode": "constant", "fill_value": 2.0, "seed": 3}"#, &[&[4, 5, 2]]),
    one("Rescaling", r#"{"scale": [0.5, 2.0, 3.0], "offset": 1.0}"#, &[&[2, 4, 3]]),
    one("Resizing", r#"{"height": 3, "width": 7, "interpolation": "bicubic", "crop_to_aspect_ratio": true}"#, &[&[2, 4, 5, 3]]),

    list("CustomScaleLayer", r#"{"scale": 0.3}"#, &[&[2, 3, 4], &[2, 3, 4]]),
    one("LayerScale", r#"{"init_values": 0.5, "projection_dim": 3}"#, &[&[2, 4, 3]]),
    one("StochasticDepth", r#"{"drop_path_rate": 0.0}"#, &[&[2, 4, 3]]),

    one("MaxPooling1D", r#"{"pool_size": 2, "padding": "same"}"#, &[&[2, 5, 3]]),
    one("GlobalMaxPooling1D", "{}", &[&[2, 5, 3]]),
    one("AdaptiveMaxPooling1D", r#"{"output_size": 2}"#, &[&[2, 5, 3]]),
    one("MaxPooling2D", r#"{"pool_size": 3, "strides": 2, "padding": "same"}"#, &[&[2, 5, 6, 3]]),
    one("GlobalMaxPooling2D", "{}", &[&[2, 5, 6, 3]]),
    one("AdaptiveMaxPooling2D", r#"{"output_size": 2}"#, &[&[2, 5, 6, 3]]),
    one("MaxPooling3D", r#"{"pool_size": 3, "strides": 2, "padding": "same"}"#, &[&[2, 4, 3, 5, 2]]),
    one("GlobalMaxPooling3D", "{}", &[&[2, 4, 3, 5, 2]]),
    one("AdaptiveMaxPooling3D", r#"{"output_size": 2}"#, &[&[2, 4, 3, 5, 2]]),
    one("AveragePooling1D", r#"{"pool_size": 3, "strides": 2, "padding": "same"}"#, &[&[2, 5, 3]]),
    one("GlobalAveragePooling1D", "{}", &[&[2, 5, 3]]),
    one("AdaptiveAveragePooling1D", r#"{"output_size": 2}"#, &[&[2, 5, 3]]),
    one("AveragePooling2D", r#"{"pool_size": 3, "strides": 2, "padding": "same"}"#, &[&[2, 5, 6, 3]]),
    one("GlobalAveragePooling2D", "{}", &[&[2, 5, 6, 3]]),
    one("AdaptiveAveragePooling2D", r#"{"output_size": 2}"#, &[&[2, 5, 6, 3]]),
    one("AveragePooling3D", r#"{"pool_size": 3, "strides": 2, "padding": "same"}"#, &[&[2, 4, 3, 5, 2]]),
    one("GlobalAveragePooling3D", "{}", &[&[2, 4, 3, 5, 2]]),
    one("AdaptiveAveragePooling3D", r#"{"output_size": 2}"#, &[&[2, 4, 3, 5, 2]]),

    one("Activation", r#"{"activation": "gelu"}"#, &[&[2, 3]]),
    one("ActivityRegularization", r#"{"l1": 0.1, "l2": 0.2}"#, &[&[2, 3]]),
    list("Add", "{}", &[&[2, 3, 4], &[2, 4], &[2, 1, 4]]),
    list("AdditiveAttention", "{}", &[&[2, 3, 4], &[2, 5, 4]]),
    one("AlphaDropout", r#"{"rate": 0.4, "seed": 3}"#, &[&[2, 3]]),
    list("Attention", r#"{"use_scale": true, "dropout": 0.3, "seed": 1}"#, &[&[2, 3, 4], &[2, 5, 6], &[2, 5, 4]]),
    list("Attention", r#"{"score_mode": "concat"}"#, &[&[2, 3, 4], &[2, 5, 4]]),
    list("Average", "{}", &[&[2, 3], &[2, 3], &[2, 3]]),
    one("BatchNormalization", r#"{"axis": 1}"#, &[&[2, 3, 4]]),
    one("BatchNormalization", "{}", &[&[2, 3]]),
    one("BatchNormalization", r#"{"renorm": true, "renorm_clipping": {"rmin": 0.3, "rmax": 3.0, "dmax": 5.0}, "renorm_momentum": 0.8}"#, &[&[4, 3]]),
    one("Bidirectional", r#"{"layer": {"class_name": "GRU", "config": {"name": "gru", "units": 3, "return_sequences": true}}}"#, &[&[2, 5, 4]]),
    one("Bidirectional", r#"{"merge_mode": null, "layer": {"class_name": "LSTM", "config": {"name": "lstm", "units": 3, "return_state": true}}}"#, &[&[2, 5, 4]]),
    list("Concatenate", r#"{"axis": 1}"#, &[&[2, 3, 4], &[2, 5, 4]]),
    one("Conv1D", r#"{"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "activation": "tanh"}"#, &[&[2, 6, 3]]),
    one("Conv1DTranspose", r#"{"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1}"#, &[&[2, 4, 2]]),
    one("Conv2D", r#"{"filters": 4, "kernel_size": [3, 2], "groups": 2, "strides": 2, "padding": "same"}"#, &[&[2, 5, 4, 6]]),
    one("Conv2D", r#"{"filters": 3, "kernel_size": 2, "data_format": "channels_first", "use_bias": false}"#, &[&[2, 2, 4, 5]]),
    one("Conv2DTranspose", r#"{"filters": 3, "kernel_size": [2, 3], "strides": [3, 1]}"#, &[&[2, 3, 4, 2]]),
    one("Conv3D", r#"{"filters": 3, "kernel_size": 2}"#, &[&[1, 3, 4, 3, 2]]),
    one("Conv3DTranspose", r#"{"filters": 2, "kernel_size": 2, "strides": 2}"#, &[&[1, 2, 2, 3, 2]]),
    one("Cropping1D", r#"{"cropping": [1, 2]}"#, &[&[2, 5, 3]]),
    one("Cropping2D", r#"{"cropping": [[1, 0], 1], "data_format": "channels_first"}"#, &[&[2, 3, 4, 5]]),
    one("Cropping3D", r#"{"cropping": 1}"#, &[&[1, 3, 4, 5, 2]]),
    one("Dense", r#"{"units": 3, "activation": "tanh"}"#, &[&[2, 4]]),
    one("Dense", r#"{"units": 5, "activation": "gelu", "use_bias": false}"#, &[&[2, 3, 4]]),
    one("DepthwiseConv1D", r#"{"kernel_size": 3, "depth_multiplier": 2}"#, &[&[2, 6, 3]]),
    one("DepthwiseConv2D", r#"{"kernel_size": 2, "padding": "same"}"#, &[&[2, 3, 4, 2]]),
    list("Dot", r#"{"axes": [2, 1]}"#, &[&[2, 3, 4], &[2, 4, 5]]),
    list("Dot", r#"{"axes": -1, "normalize": true}"#, &[&[2, 4], &[2, 4]]),
    one("Dropout", r#"{"rate": 0.4, "seed": 3}"#, &[&[2, 3]]),
    one("ELU", r#"{"alpha": 0.7}"#, &[&[2, 3]]),
    one("EinsumDense", r#"{"equation": "abc,cde->abde", "output_shape": [null, 2, 3], "bias_axes": "de", "activation": "tanh"}"#, &[&[2, 5, 4]]),
    one("EinsumDense", r#"{"equation": "...ab,bc->...ac", "output_shape": [3, 6], "bias_axes": "c"}"#, &[&[2, 5, 3, 4]]),
    integers("Embedding", r#"{"input_dim": 7, "output_dim": 3, "mask_zero": true}"#, &[&[2, 4]], 7),
    one("Flatten", "{}", &[&[2, 3, 4]]),
    one("GRU", r#"{"units": 3, "return_state": true}"#, &[&[2, 5, 4]]),
    one("GRU", r#"{"units": 3, "reset_after": false, "return_sequences": true, "go_backwards": true}"#, &[&[2, 5, 4]]),
    one("GRUCell", r#"{"units": 3}"#, &[&[2, 4], &[2, 3]]),
    one("GaussianDropout", r#"{"rate": 0.4, "seed": 3}"#, &[&[2, 3]]),
    one("GaussianNoise", r#"{"stddev": 0.4, "seed": 3}"#, &[&[2, 3]]),
    one("GroupNormalization", r#"{"groups": 2, "axis": 1}"#, &[&[2, 4, 3]]),
    one("GroupQueryAttention", r#"{"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}"#, &[&[2, 5, 6], &[2, 3, 6]]),
    one("Identity", "{}", &[&[2, 3]]),
    one("InputLayer", r#"{"batch_shape": [null, 3]}"#, &[&[2, 3]]),
    one("LSTM", r#"{"units": 3, "return_sequences": true, "return_state": true}"#, &[&[2, 5, 4]]),
    one("LSTM", r#"{"units": 3, "use_bias": false}"#, &[&[2, 5, 4]]),
    one("LSTMCell", r#"{"units": 3}"#, &[&[2, 4]]),
    one("Lambda", r#"{"function": "double"}"#, &[&[2, 3]]),
    one("LayerNormalization", r#"{"axis": [-1, 1]}"#, &[&[2, 3, 4]]),
    one("LayerNormalization", r#"{"rms_scaling": true}"#, &[&[2, 4]]),
    one("LeakyReLU", r#"{"negative_slope": 0.1}"#, &[&[2, 3]]),
    one("Masking", r#"{"mask_value": 0.5}"#, &[&[2, 3, 4]]),
    list("Maximum", "{}", &[&[2, 3], &[2, 3]]),
    list("Minimum", "{}", &[&[2, 3], &[2, 3]]),
    one("MultiHeadAttention", r#"{"num_heads": 2, "key_dim": 3, "value_dim": 5, "output_shape": 7, "use_gate": true}"#, &[&[2, 5, 6], &[2, 3, 4], &[2, 3, 8]]),
    one("MultiHeadAttention", r#"{"num_heads": 2, "key_dim": 3, "attention_axes": [1, 2], "dropout": 0.3, "seed": 1}"#, &[&[2, 3, 2, 6], &[2, 4, 3, 6]]),
    list("Multiply", "{}", &[&[2, 3], &[2, 3]]),
    one("PReLU", r#"{"alpha_initializer": "ones", "shared_axes": [1]}"#, &[&[2, 3, 4]]),
    one("Permute", r#"{"dims": [2, 1]}"#, &[&[2, 3, 4]]),
    one("RMSNormalization", r#"{"axis": 1}"#, &[&[2, 3, 4]]),
    one("RNN", r#"{"cell": {"class_name": "SimpleRNNCell", "config": {"name": "cell", "units": 3}}, "return_state": true}"#, &[&[2, 5, 4]]),
    one("ReLU", r#"{"negative_slope": 0.2, "threshold": 0.1}"#, &[&[2, 3]]),
    one("RepeatVector", r#"{"n": 3}"#, &[&[2, 4]]),
    one("Reshape", r#"{"target_shape": [4, 3]}"#, &[&[2, 3, 4]]),
    one("SeparableConv1D", r#"{"filters": 4, "kernel_size": 3, "strides": 2}"#, &[&[2, 7, 3]]),
    one("SeparableConv2D", r#"{"filters": 3, "kernel_size": 2, "depth_multiplier": 2, "activation": "relu"}"#, &[&[2, 3, 4, 2]]),
    integers("ReversibleEmbedding", r#"{"input_dim": 7, "output_dim": 3, "tie_weights": true}"#, &[&[2, 4]], 7),
    one("SimpleRNN", r#"{"units": 3, "return_sequences": true}"#, &[&[2, 5, 4]]),
    one("SimpleRNNCell", r#"{"units": 3}"#, &[&[2, 4], &[2, 3]]),
    one("Softmax", r#"{"axis": 1}"#, &[&[2, 3, 4]]),
    one("SpatialDropout1D", r#"{"rate": 0.4, "seed": 3}"#, &[&[2, 3, 4]]),
    one("SpatialDropout2D", r#"{"rate": 0.4, "seed": 3, "data_format": "channels_first"}"#, &[&[2, 3, 4, 5]]),
    one("SpatialDropout3D", r#"{"rate": 0.4, "seed": 3}"#, &[&[2, 3, 4, 5, 2]]),
    one("SpectralNormalization", r#"{"power_iterations": 2, "layer": {"class_name": "Dense", "config": {"name": "dense", "units": 3}}}"#, &[&[2, 4]]),
    one("StackedRNNCells", r#"{"cells": [{"class_name": "LSTMCell", "config": {"name": "a", "units": 3}}, {"class_name": "GRUCell", "config": {"name": "b", "units": 5}}]}"#, &[&[2, 4]]),
    list("Subtract", "{}", &[&[2, 3, 4], &[2, 4]]),
    one("ThresholdedReLU", r#"{"theta": 0.5}"#, &[&[2, 3]]),
    one("TimeDistributed", r#"{"layer": {"class_name": "Dense", "config": {"name": "dense", "units": 3}}}"#, &[&[2, 5, 4]]),
    one("UnitNormalization", r#"{"axis": [1, 2]}"#, &[&[2, 3, 4]]),
    one("Wrapper", r#"{"layer": {"class_name": "Dense", "config": {"name": "dense", "units": 3}}}"#, &[&[2, 4]]),
    one("ZeroPadding1D", r#"{"padding": [1, 2]}"#, &[&[2, 3, 4]]),
    one("ZeroPadding2D", r#"{"padding": [[1, 0], 1], "data_format": "channels_first"}"#, &[&[2, 3, 4, 5]]),
    one("ZeroPadding3D", r#"{"padding": 1}"#, &[&[1, 2, 3, 4, 2]]),
];

/// Every example, one at least of every class of the tables.
pub(crate) fn examples() -> impl Iterator<Item = &'static Example> {
    for entry in TABLES.iter().flat_map(|t| t.iter()) {
        let has = EXAMPLES.iter().any(|e| e.class == entry.class_name);
        assert!(
            has,
            "{} has no example in tests/contract/examples.rs",
            entry.class_name
        );
    }
    EXAMPLES.iter()
}

impl Example {
    /// The layer with everything in it in this dtype.
    pub(crate) fn layer(&self, policy: impl Into<DTypePolicy>) -> LayerRef {
        Lambda::register("double", |x| ops::multiply(&x[0], 2.0));
        let config: Value = serde_json::from_str(self.config).unwrap();
        let mut json = serde_json::json!({"class_name": self.class, "config": config});
        set_dtype(&mut json, &policy.into());
        LayerRef::from_json(&json).unwrap_or_else(|e| panic!("{}: {e}", self.class))
    }

    /// Inputs of this dtype; they stay away from each other and from 0, where functions have kinks.
    pub(crate) fn inputs(&self, dtype: DType) -> Arguments<Tensor> {
        let tensors: Vec<Tensor> = (0..)
            .zip(self.shapes)
            .map(|(i, s)| self.input(i, s, dtype))
            .collect();
        if let Form::List = self.form {
            return Arguments::new(Argument::List(tensors));
        }
        let mut tensors = tensors.into_iter();
        let first = Arguments::new(tensors.next().unwrap());
        tensors.fold(first, |all, x| all.and(x))
    }

    fn input(&self, number: usize, shape: &[usize], dtype: DType) -> Tensor {
        let size: usize = shape.iter().product();
        let places = (0..size).map(|i| (i * 7 + number * 3) % size);
        match self.form {
            Form::Below(n) => {
                let data: Vec<i32> = places.map(|p| (p % n) as i32).collect();
                Tensor::new(&data, shape).unwrap()
            }
            _ => {
                let value =
                    |p: usize| 2.6 * (p as f64 + 0.37 + 0.1 * number as f64) / size as f64 - 1.3;
                let data: Vec<f64> = places.map(value).collect();
                Tensor::from_f64(&data, shape, dtype).unwrap()
            }
        }
    }
}

/// Layers in layers have a dtype of their own.
fn set_dtype(json: &mut Value, policy: &DTypePolicy) {
    match json {
        Value::Object(object) => {
            object.values_mut().for_each(|v| set_dtype(v, policy));
            let class = object.get("class_name").and_then(Value::as_str);
            let is_layer = TABLES
                .iter()
                .flat_map(|t| t.iter())
                .any(|e| Some(e.class_name) == class);
            if is_layer {
                object["config"]["dtype"] = policy.name().into();
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|v| set_dtype(v, policy)),
        _ => {}
    }
}
