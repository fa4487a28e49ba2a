//! What families share.

use keras_layers::layers::{
    Activation, BatchNormalization, Dense, GlobalAveragePooling2D, GlobalMaxPooling2D,
};
use keras_layers::{Layer, LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::Application;

/// What a layer is called: what was said, or the next name of its class.
pub(crate) struct Name(Option<String>);

/// The next name of the class.
pub(crate) struct Auto;

impl From<Auto> for Name {
    fn from(_: Auto) -> Self {
        Name(None)
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Name(Some(name.to_string()))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Name(Some(name))
    }
}

/// The layer under a name.
pub(crate) fn named(layer: impl Layer, name: impl Into<Name>) -> LayerRef {
    match name.into().0 {
        Some(name) => layer.name(&name),
        None => layer.into(),
    }
}

/// Batch normalization of the channels.
pub(crate) fn normalized(x: &Symbolic, epsilon: f64, name: impl Into<Name>) -> Result<Symbolic> {
    named(BatchNormalization::new().axis(3).epsilon(epsilon), name).on(x)
}

/// A layer of nothing but a function.
pub(crate) fn activated(x: &Symbolic, function: &str, name: impl Into<Name>) -> Result<Symbolic> {
    named(Activation::new(function), name).on(x)
}

/// Zeros around an image so that a window with stride 2 sees what TensorFlow's `"same"` lets it see.
pub(crate) fn correct_pad(x: &Symbolic, kernel: usize) -> [(usize, usize); 2] {
    let half = kernel / 2;
    let even = |axis: usize| x.dims()[axis].map_or(1, |n| 1 - n % 2);
    // Keras looks at the rows to learn whether sizes are known.
    let adjust = match x.dims()[1] {
        None => [1, 1],
        Some(_) => [even(1), even(2)],
    };
    adjust.map(|a| (half - a, half))
}

impl Application {
    /// The classifier's last layer.
    pub(crate) fn predictions(&self, x: &Symbolic, name: &str) -> Result<Symbolic> {
        let dense = Dense::new(self.classes).activation(&self.classifier_activation);
        named(dense, name).on(x)
    }

    /// What is left without the top: pooled as asked for, by layers of these names (average, maximum).
    pub(crate) fn pooled(&self, x: &Symbolic, names: [impl Into<Name>; 2]) -> Result<Symbolic> {
        let [average, maximum] = names;
        match self.pooling.as_deref() {
            Some("avg") => named(GlobalAveragePooling2D::new(), average).on(x),
            Some("max") => named(GlobalMaxPooling2D::new(), maximum).on(x),
            _ => Ok(x.clone()),
        }
    }

    /// The end of most networks: an average and the classifier, or what was asked for without the top.
    pub(crate) fn ended(&self, x: &Symbolic) -> Result<Symbolic> {
        if !self.include_top {
            return self.pooled(x, ["avg_pool", "max_pool"]);
        }
        let x = named(GlobalAveragePooling2D::new(), "avg_pool").on(x)?;
        self.predictions(&x, "predictions")
    }
}

/// The number of filters next to this one that 8 divides; at least 8.
pub(crate) fn rounded(filters: f64) -> usize {
    (((filters + 4.0) as usize) / 8 * 8).max(8)
}

/// [`rounded`], but not much smaller.
pub(crate) fn divisible(filters: f64) -> usize {
    let near = rounded(filters);
    if (near as f64) < 0.9 * filters {
        near + 8
    } else {
        near
    }
}
