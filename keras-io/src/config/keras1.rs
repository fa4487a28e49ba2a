//! Layers of Keras 1: classes and arguments under the names of today.

use serde_json::{Map, Value, json};

/// Classes that have another name today.
const CLASSES: &[(&str, &str)] = &[
    ("Convolution1D", "Conv1D"),
    ("Convolution2D", "Conv2D"),
    ("Convolution3D", "Conv3D"),
    ("Deconvolution2D", "Conv2DTranspose"),
    ("SeparableConvolution2D", "SeparableConv2D"),
    ("AtrousConvolution1D", "Conv1D"),
    ("AtrousConvolution2D", "Conv2D"),
];

/// Arguments that have another name today, with the classes for which it holds; none means all.
const ARGUMENTS: &[(&[&str], &str, &str)] = &[
    (&[], "nb_filter", "filters"),
    (&[], "filter_length", "kernel_size"),
    (&["Embedding"], "init", "embeddings_initializer"),
    (&["Embedding"], "W_regularizer", "embeddings_regularizer"),
    (&["Embedding"], "W_constraint", "embeddings_constraint"),
    (&["Embedding"], "activity_regularizer", ""),
    (&["PReLU"], "init", "alpha_initializer"),
    (&[], "init", "kernel_initializer"),
    (&[], "inner_init", "recurrent_initializer"),
    (&[], "inner_activation", "recurrent_activation"),
    (&[], "W_regularizer", "kernel_regularizer"),
    (&[], "U_regularizer", "recurrent_regularizer"),
    (&[], "b_regularizer", "bias_regularizer"),
    (&[], "W_constraint", "kernel_constraint"),
    (&[], "b_constraint", "bias_constraint"),
    (&[], "dropout_W", "dropout"),
    (&[], "dropout_U", "recurrent_dropout"),
    (&[], "bias", "use_bias"),
    (&[], "border_mode", "padding"),
    (&[], "subsample", "strides"),
    (&[], "subsample_length", "strides"),
    (&[], "stride", "strides"),
    (&[], "pool_length", "pool_size"),
    (&[], "atrous_rate", "dilation_rate"),
    (&[], "p", "rate"),
    (&["GaussianNoise"], "sigma", "stddev"),
    (&[], "beta_init", "beta_initializer"),
    (&[], "gamma_init", "gamma_initializer"),
    (&["UpSampling1D"], "length", "size"),
];

/// Brings one layer up to date; later ones are left as they are.
pub(super) fn layer(object: &mut Map<String, Value>) {
    let class = object["class_name"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    let today = CLASSES.iter().find(|(old, _)| *old == class);
    let class = today.map_or(class, |(_, new)| new.to_string());
    object["class_name"] = class.clone().into();
    let Some(Value::Object(config)) = object.get_mut("config") else {
        return;
    };
    // The size of the output; an embedding's is still called so.
    if class != "Embedding"
        && let Some(size) = config.remove("output_dim")
    {
        config.insert("units".into(), size);
    }
    for (classes, old, new) in ARGUMENTS {
        if (classes.is_empty() || classes.contains(&&*class))
            && let Some(value) = config.remove(*old)
            && !new.is_empty()
            && !config.contains_key(*new)
        {
            config.insert(new.to_string(), value);
        }
    }
    if let (Some(rows), Some(columns)) = (config.remove("nb_row"), config.remove("nb_col")) {
        config.insert("kernel_size".into(), json!([rows, columns]));
    }
    match config
        .remove("dim_ordering")
        .as_ref()
        .and_then(Value::as_str)
    {
        Some("th") => config.insert("data_format".into(), "channels_first".into()),
        Some("tf") => config.insert("data_format".into(), "channels_last".into()),
        _ => None,
    };
    if let Some(initializer) = config.remove("forget_bias_init") {
        let ones = initializer == "one" || initializer == "ones";
        config.insert("unit_forget_bias".into(), ones.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_models::Model;

    /// As Keras 1.2 wrote it, shortened.
    const NETWORK: &str = r#"{"class_name": "Sequential", "config": [
        {"class_name": "Convolution2D", "config": {"name": "convolution2d_1", "batch_input_shape": [null, 8, 8, 1],
            "nb_filter": 4, "nb_row": 3, "nb_col": 2, "border_mode": "same", "subsample": [2, 1], "bias": false,
            "init": "glorot_uniform", "W_regularizer": null, "dim_ordering": "tf", "activation": "relu",
            "input_dtype": "float32", "trainable": true}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5}},
        {"class_name": "Reshape", "config": {"name": "reshape_1", "target_shape": [32, 4]}},
        {"class_name": "GRU", "config": {"name": "gru_1", "output_dim": 5, "inner_init": "orthogonal",
            "inner_activation": "hard_sigmoid", "init": "glorot_uniform", "activation": "tanh", "dropout_W": 0.1,
            "dropout_U": 0.0, "return_sequences": false, "go_backwards": false, "stateful": false}},
        {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 2, "activation": "softmax"}}]}"#;

    #[test]
    fn a_network_of_keras_1_is_built() {
        let limits = crate::Limits::default();
        let json = super::super::parse("here", NETWORK.as_bytes(), &limits, Some("1.2.2")).unwrap();
        let layers = &json["config"]["layers"];
        assert_eq!(layers[1]["config"]["kernel_size"], json!([3, 2]));
        assert_eq!(
            layers[4]["config"]["recurrent_activation"],
            "hard_sigmoid_keras2"
        );
        let model = Model::from_json(&json).unwrap();
        let shapes: Vec<String> = model
            .weights()
            .iter()
            .map(|w| w.shape().to_string())
            .collect();
        let gru = ["(4, 15)", "(5, 15)", "(15,)"];
        assert_eq!(
            shapes,
            [&["(3, 2, 1, 4)"][..], &gru, &["(5, 2)", "(2,)"]].concat()
        );
    }
}
