//! The arguments of all applications, their defaults and checks.

use keras_layers::activations::Activation;
use keras_layers::layers::Input;
use keras_layers::{Dims, Symbolic};
use keras_models::Model;
use keras_tensor::{Error, Result};

use crate::architecture::Architecture;
use crate::input_shape::obtain;
use crate::weights::{Pretrained, Published};

/// The arguments of a few architectures only, with what they begin as.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) alpha: f64,
    pub(crate) depth_multiplier: usize,
    pub(crate) dropout: f64,
    pub(crate) minimalistic: bool,
    pub(crate) include_preprocessing: bool,
    pub(crate) v1_5: bool,
    /// The names of those that were given.
    given: Vec<&'static str>,
}

/// An architecture with its arguments, of which [`Application::build`] makes the model. Names and defaults are Keras's.
///
/// ```
/// use keras_applications::VGG16;
/// let model = VGG16::new().weights(None).include_top(false).pooling("avg").build()?;
/// assert_eq!(model.outputs()?[0].dims().to_string(), "(None, 512)");
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Application {
    pub(crate) architecture: &'static Architecture,
    pub(crate) include_top: bool,
    pub(crate) weights: Pretrained,
    pub(crate) input_tensor: Option<Symbolic>,
    pub(crate) input_shape: Option<Dims>,
    pub(crate) pooling: Option<String>,
    pub(crate) classes: usize,
    pub(crate) classifier_activation: Activation,
    name: Option<String>,
    pub(crate) options: Options,
}

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident: $ty:ty;)*) => {
        impl Application {$(
            $(#[doc = $doc])+
            pub fn $name(mut self, $name: $ty) -> Self {
                self.options.$name = $name;
                self.options.given.push(stringify!($name));
                self
            }
        )*}
    };
}
options! {
    /// How wide a MobileNet is: 1 by default; less has fewer filters.
    alpha: f64;
    /// How many filters each channel has in the depthwise convolutions of MobileNet; 1 by default.
    depth_multiplier: usize;
    /// What share is dropped before the classifier of MobileNet (0.001 by default) and MobileNetV3 (0.2 by default).
    dropout: f64;
    /// Whether MobileNetV3 does without squeezing, hard swish and kernels of 5; false by default.
    minimalistic: bool;
    /// Whether the model scales pixels of 0 to 255 itself, where it can: MobileNetV3, EfficientNetV2, ConvNeXt; it does
    /// by default.
    include_preprocessing: bool;
    /// Whether ResNet halves rows and columns in the convolutions of 3 by 3 (v1.5) and not in those of 1 by 1 before them
    /// (the paper's, and Keras's); as the weights need it by default: true for torchvision's, otherwise false.
    v1_5: bool;
}

impl Application {
    /// An architecture with Keras's defaults.
    pub fn new(architecture: &'static Architecture) -> Self {
        Application {
            architecture,
            include_top: true,
            weights: Pretrained::ImageNet,
            input_tensor: None,
            input_shape: None,
            pooling: None,
            classes: 1000,
            classifier_activation: "softmax".into(),
            name: None,
            options: Options {
                alpha: 1.0,
                depth_multiplier: 1,
                dropout: architecture.dropout,
                minimalistic: false,
                include_preprocessing: true,
                v1_5: false,
                given: Vec::new(),
            },
        }
    }

    /// Whether the classifier is part of the model; it is by default.
    pub fn include_top(mut self, include_top: bool) -> Self {
        self.include_top = include_top;
        self
    }

    /// `None` for random weights, `"imagenet"` (the default) for those that were trained on ImageNet and lie in Keras's
    /// cache, or the path of a file of weights.
    pub fn weights(mut self, weights: impl Into<Pretrained>) -> Self {
        self.weights = weights.into();
        self
    }

    /// A tensor of a graph that the model begins with, instead of an input of its own.
    pub fn input_tensor(mut self, tensor: &Symbolic) -> Self {
        self.input_tensor = Some(tensor.clone());
        self
    }

    /// `[rows, columns, channels]`; the size that the architecture was made for by default, any size without the top.
    pub fn input_shape(mut self, shape: impl Into<Dims>) -> Self {
        self.input_shape = Some(shape.into());
        self
    }

    /// What becomes of the last feature maps without the top: nothing (the default), `"avg"` or `"max"` over rows and
    /// columns.
    pub fn pooling<'a>(mut self, pooling: impl Into<Option<&'a str>>) -> Self {
        self.pooling = pooling.into().map(String::from);
        self
    }

    /// How many classes the top tells apart; 1000 by default.
    pub fn classes(mut self, classes: usize) -> Self {
        self.classes = classes;
        self
    }

    /// What the top ends with: `"softmax"` by default, `None` for logits.
    pub fn classifier_activation(mut self, activation: impl Into<Activation>) -> Self {
        self.classifier_activation = activation.into();
        self
    }

    /// The name of the model.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_string());
        self
    }

    /// The architecture.
    pub fn architecture(&self) -> &'static Architecture {
        self.architecture
    }

    /// Makes the model, and reads its weights if there are any to read.
    ///
    /// # Errors
    /// Arguments that do not fit the architecture or each other; a file of weights that is missing or does not fit.
    pub fn build(&self) -> Result<Model> {
        let input = self.input()?;
        let output = (self.architecture.body)(self, &input)?;
        let model = Model::named(&self.model_name(&input), sources(&input), &output)?;
        self.weights.load(&model, self, || {
            (self.architecture.published)(self, &input).and_then(|p| p.cached())
        })?;
        Ok(model)
    }

    /// Where the weights are published that were trained on ImageNet, for these arguments.
    ///
    /// ```
    /// let published = keras_applications::VGG16::new().include_top(false).published()?;
    /// assert_eq!(published.file, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5");
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// Arguments that do not fit the architecture, or that no published weights fit.
    pub fn published(&self) -> Result<Published> {
        (self.architecture.published)(self, &self.input()?)
    }

    /// What the network begins with, after a look at all arguments.
    fn input(&self) -> Result<Symbolic> {
        self.check()?;
        let shape = obtain(self)?;
        Ok(match &self.input_tensor {
            Some(tensor) => tensor.clone(),
            None => Input::new(shape).symbolic(),
        })
    }

    /// What the model is called.
    pub(crate) fn model_name(&self, input: &Symbolic) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => (self.architecture.model_name)(self, input),
        }
    }

    fn check(&self) -> Result<()> {
        let takes = self.architecture.takes;
        if let Some(name) = self.options.given.iter().find(|n| !takes.contains(n)) {
            let wanted = match takes {
                [] => "nothing, because this architecture has no such argument".to_string(),
                _ => format!("arguments that it has: {}", takes.join(", ")),
            };
            return Err(self.wrong(name, "a value", wanted));
        }
        let alpha = self.options.alpha;
        if !(alpha.is_finite() && alpha > 0.0) {
            return Err(self.wrong(
                "alpha",
                alpha,
                "a number above 0, because numbers of filters are multiplied by it",
            ));
        }
        if self.is_torchvision() && self.architecture.torchvision.is_none() {
            let wanted = "weights of Keras, because torchvision has other layers there";
            return Err(self.wrong("weights", "a file of torchvision", wanted));
        }
        if self.is_imagenet() && self.options.v1_5 {
            let wanted = "false, because Keras's weights were trained so; or other weights";
            return Err(self.wrong("v1_5", true, wanted));
        }
        if let Some(pooling) = &self.pooling
            && !["avg", "max"].contains(&pooling.as_str())
        {
            return Err(self.wrong(
                "pooling",
                format!("{pooling:?}"),
                "None, \"avg\" or \"max\"",
            ));
        }
        if self.is_imagenet() && self.include_top && self.classes != 1000 {
            let wanted = "1000, because ImageNet has as many; classes of one's own need `weights(None)`, or `include_top(false)` and a classifier on it";
            return Err(self.wrong("classes", self.classes, wanted));
        }
        let activation = serde_json::to_value(&self.classifier_activation).unwrap_or_default();
        let is_known = activation == "softmax" || activation == "linear";
        if self.include_top && !matches!(self.weights, Pretrained::None) && !is_known {
            let got = format!("{:?}", self.classifier_activation);
            let wanted = "None or \"softmax\", because the top's weights were trained with these";
            return Err(self.wrong("classifier_activation", got, wanted));
        }
        Ok(())
    }

    /// Whether the weights are those that were trained on ImageNet.
    pub(crate) fn is_imagenet(&self) -> bool {
        matches!(self.weights, Pretrained::ImageNet)
    }

    /// Whether the weights are torchvision's, and the layers are to compute as there.
    pub(crate) fn is_torchvision(&self) -> bool {
        matches!(self.weights, Pretrained::Torchvision(_))
    }

    /// Whether rows and columns are halved in convolutions of 3 by 3.
    pub(crate) fn is_v1_5(&self) -> bool {
        match self.options.given.contains(&"v1_5") {
            true => self.options.v1_5,
            false => self.is_torchvision(),
        }
    }

    /// What batch normalization adds to the variance: torch's where the weights are from there.
    pub(crate) fn epsilon(&self, keras: f64) -> f64 {
        match self.is_torchvision() {
            true => 1e-5,
            false => keras,
        }
    }

    /// The error for an argument of this architecture.
    pub(crate) fn wrong(
        &self,
        argument: &str,
        got: impl std::fmt::Display,
        wanted: impl Into<String>,
    ) -> Error {
        Error::argument(
            format!("{}.{argument}", self.architecture.name),
            got,
            wanted,
        )
    }
}

/// The inputs of the graph that `tensor` stands in, in the order in which its layers name them.
fn sources(tensor: &Symbolic) -> Vec<Symbolic> {
    let (mut waiting, mut seen, mut found) = (vec![tensor.clone()], Vec::new(), Vec::new());
    while let Some(tensor) = waiting.pop() {
        if seen.iter().any(|s: &Symbolic| s.is(&tensor)) {
            continue;
        }
        if tensor.node().arguments().is_none() {
            found.push(tensor.clone());
        }
        let before: Vec<Symbolic> = tensor.node().inputs().cloned().collect();
        waiting.extend(before.into_iter().rev());
        seen.push(tensor);
    }
    found
}
