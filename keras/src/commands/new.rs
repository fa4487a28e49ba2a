//! `keras new`

use clap::{Args, ValueEnum};
use keras::applications::by_name;
use keras::{Result, prelude::Dims};
use std::path::PathBuf;

use super::convert::save;

#[derive(Args)]
pub(crate) struct New {
    /// An application of Keras: `ResNet50`, `MobileNetV2`, `EfficientNetB0`, …
    name: String,
    /// With the classifier, as it is by default
    #[arg(long, conflicts_with = "no_top")]
    include_top: bool,
    /// Without the classifier
    #[arg(long)]
    no_top: bool,
    /// Rows, columns and channels of the images [default: those that the application was made for]
    #[arg(long, value_name = "H,W,C", value_delimiter = ',')]
    input_shape: Option<Vec<usize>>,
    /// How many classes the classifier tells apart
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// What becomes of the last feature maps without the classifier
    #[arg(long)]
    pooling: Option<Pooling>,
    /// What the classifier ends with
    #[arg(long, default_value = "softmax")]
    classifier_activation: Ending,
    /// `none` for random weights, `imagenet` for trained ones, or a file of weights
    #[arg(long, default_value = "none")]
    weights: String,
    /// Where the model goes; the name tells the format
    #[arg(long)]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Pooling {
    Avg,
    Max,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ending {
    None,
    Softmax,
}

impl New {
    pub(crate) fn run(self) -> Result<()> {
        let weights = (self.weights != "none").then_some(&*self.weights);
        let mut application = by_name(&self.name)?
            .include_top(!self.no_top)
            .weights(weights)
            .classes(self.classes)
            .pooling(self.pooling.map(|pooling| match pooling {
                Pooling::Avg => "avg",
                Pooling::Max => "max",
            }))
            .classifier_activation(match self.classifier_activation {
                Ending::None => None,
                Ending::Softmax => Some("softmax"),
            });
        if let Some(shape) = &self.input_shape {
            application = application.input_shape(Dims::from_iter(shape.iter().copied().map(Some)));
        }
        save(&application.build()?, &self.output)
    }
}
