//! Convolutions of Keras 2 that have a kernel of its own at every place; Keras 3 has left them out, files still hold them.

use keras_tensor::registry::Entry;
use keras_tensor::{Error, Result, Shape, Tensor, ops};

use super::entry;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, DataFormat, Declare, Dims, Layer, Sizes, Weight, Weights};

pub(super) const TABLE: &[Entry<dyn Layer>] = &[
    entry::<LocallyConnected1D>("LocallyConnected1D"),
    entry::<LocallyConnected2D>("LocallyConnected2D"),
];

/// The windows of an input.
struct Windows {
    /// Where axes of space begin.
    first: usize,
    sizes: Vec<usize>,
    steps: Vec<usize>,
    /// How many windows there are along each axis.
    places: Vec<usize>,
    channels: usize,
}

impl Windows {
    fn new(
        input: &[Option<usize>],
        sizes: &[usize],
        steps: &[usize],
        data_format: &DataFormat,
        padding: &str,
        implementation: usize,
    ) -> Result<Self> {
        if implementation != 1 {
            let wanted = "1; convert the layer in Keras 2 by `implementation=1` before it is saved";
            return Err(Error::argument("implementation", implementation, wanted));
        }
        if padding.to_lowercase() != "valid" {
            let got = format!("{padding:?}");
            return Err(Error::argument("padding", got, "\"valid\""));
        }
        let (first, space) = (data_format.first_in_space()?, sizes.len());
        let known: Option<Vec<usize>> = input.iter().skip(1).copied().collect();
        let Some(known) = known.filter(|k| k.len() == space + 1) else {
            return Err(Error::argument(
                "input shape",
                Dims::from_iter(input.iter().copied()),
                format!("{} axes, all but the batch of known size", space + 2),
            ));
        };
        let along = |i: usize| {
            let (size, window, step) = (known[first - 1 + i], sizes[i], steps[i]);
            let room = size.checked_sub(window).filter(|_| window > 0 && step > 0);
            let wanted = "windows and strides of at least 1 that fit into the input";
            let got = format!("a window of {window} and strides of {step} over {size}");
            let room = room.ok_or_else(|| Error::argument("kernel_size", got, wanted))?;
            Ok(room / step + 1)
        };
        Ok(Windows {
            first,
            sizes: sizes.to_vec(),
            steps: steps.to_vec(),
            places: (0..space).map(along).collect::<Result<_>>()?,
            channels: if first == 2 { known[0] } else { known[space] },
        })
    }

    fn count(&self) -> usize {
        self.places.iter().product()
    }

    fn width(&self) -> usize {
        self.sizes.iter().product::<usize>() * self.channels
    }

    /// All windows, `[places, batch, width]`.
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        let batch = x.shape()[0];
        let window = |mut place: usize| {
            let mut part = x.clone();
            for axis in (0..self.places.len()).rev() {
                let begin = place % self.places[axis] * self.steps[axis];
                place /= self.places[axis];
                let at = (self.first + axis) as isize;
                part = ops::slice_axis(&part, at, begin, self.sizes[axis])?;
            }
            ops::reshape_to(&part, [batch, self.width()].into())
        };
        let all = (0..self.count()).map(window).collect::<Result<Vec<_>>>()?;
        ops::stack(&all.iter().collect::<Vec<_>>(), 0)
    }

    /// The layer's output before its activation.
    fn connect(
        &self,
        x: &Tensor,
        kernel: &Weight,
        bias: Option<&Weight>,
        filters: usize,
    ) -> Result<Tensor> {
        let y = ops::transpose(ops::matmul(self.of(x)?, kernel)?, Some(&[1, 0, 2]))?;
        let shape = [&[x.shape()[0]], &self.places[..], &[filters]].concat();
        let mut y = ops::reshape_to(&y, shape.as_slice().into())?;
        if self.first == 2 {
            let rank = y.rank();
            let to_first: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
            y = ops::transpose(&y, Some(&to_first))?;
        }
        let Some(bias) = bias else {
            return Ok(y);
        };
        // Keras 2 reads the numbers of the bias in the order of the output, wherever channels lie.
        let shape = y.shape()[1..].into();
        ops::add(y, ops::reshape_to(bias, shape)?)
    }
}

macro_rules! locally_connected {
    ($(#[doc = $doc:literal])+ $Layer:ident, $space:literal) => {
        layer! {
            $(#[doc = $doc])+
            $Layer(
                /// How many filters, which is the number of output channels.
                set filters: usize = 0,
                /// Size of the window: one number or one for each axis.
                into kernel_size: Sizes<$space> = Sizes::from(1),
            ) {
                /// Steps of the window; 1 by default.
                into strides: Sizes<$space> = Sizes::from(1),
                /// `"valid"`, which is all that there is with Keras 2's default implementation.
                into padding: String = "valid".into(),
                /// Where channels lie; `channels_last` by default.
                into data_format: DataFormat = DataFormat::default(),
                /// What is applied to the sum; nothing by default.
                into activation: Activation = Activation::default(),
                /// Whether there is a bias, at every place its own; there is by default.
                set use_bias: bool = true,
                /// How the kernel begins; `glorot_uniform` by default.
                into kernel_initializer: Initializer = "glorot_uniform".into(),
                /// How the bias begins; `zeros` by default.
                into bias_initializer: Initializer = "zeros".into(),
                /// What the kernel adds to the loss.
                some kernel_regularizer: Option<Regularizer> = None,
                /// What the bias adds to the loss.
                some bias_regularizer: Option<Regularizer> = None,
                /// What the output adds to the loss.
                some activity_regularizer: Option<Regularizer> = None,
                /// What holds for the kernel after each update.
                some kernel_constraint: Option<Constraint> = None,
                /// What holds for the bias after each update.
                some bias_constraint: Option<Constraint> = None,
                /// How Keras 2 keeps the kernel; only 1, its default, is read.
                set implementation: usize = 1,
            } keeps {
                kernel: Weight,
                bias: Weight,
            }
        }

        impl $Layer {
            fn windows(&self, input: &[Option<usize>]) -> Result<Windows> {
                Windows::new(
                    input,
                    &self.kernel_size,
                    &self.strides,
                    &self.data_format,
                    &self.padding,
                    self.implementation,
                )
            }
        }

        impl Layer for $Layer {
            fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
                let windows = self.windows(input)?;
                if self.filters == 0 {
                    return Err(Error::argument("filters", self.filters, "at least 1"));
                }
                let shape = [windows.count(), windows.width(), self.filters];
                let kernel = Declare::of(
                    &self.kernel_initializer,
                    &self.kernel_regularizer,
                    &self.kernel_constraint,
                );
                w.add(&self.kernel, "kernel", shape, kernel)?;
                if self.use_bias {
                    let bias = Declare::of(
                        &self.bias_initializer,
                        &self.bias_regularizer,
                        &self.bias_constraint,
                    );
                    let places = windows.places.iter().copied();
                    let shape: Shape = places.chain([self.filters]).collect();
                    w.add(&self.bias, "bias", shape, bias)?;
                }
                Ok(())
            }

            fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
                let windows = self.windows(&Dims::from(x.shape()))?;
                let bias = self.use_bias.then_some(&self.bias);
                let y = windows.connect(x, &self.kernel, bias, self.filters)?;
                self.activation.call(&y)
            }

            fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
                Ok(None)
            }

            fn activity_regularizer(&self) -> Option<&Regularizer> {
                self.activity_regularizer.as_ref()
            }
        }
    };
}

locally_connected! {
    /// A convolution over time with a kernel of its own at every place: `x` `[batch, time, channels]`, kernel
    /// `[places, taps * channels, filters]`.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::LocallyConnected1D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(LocallyConnected1D::new(4, 3));
    /// let y = layer.call(&ops::ones([2, 6, 2], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 4, 4)".into(), 4 * (6 * 4 + 4)));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    LocallyConnected1D, 1
}

locally_connected! {
    /// A convolution over images with a kernel of its own at every place: `x` `[batch, rows, columns, channels]`, kernel
    /// `[places, rows * columns * channels, filters]`.
    LocallyConnected2D, 2
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::LayerRef;

    /// Numbers that tf.keras 2.15 gave; see testdata/locally_connected.py of this crate.
    #[test]
    fn outputs_are_keras_2_s() {
        let cases: Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/testdata/locally_connected.json"
        )))
        .unwrap();
        for case in cases.as_array().unwrap() {
            let tensor = |v: &Value| {
                let data = v["data"].as_array().unwrap().iter();
                let data: Vec<f64> = data.map(|n| n.as_f64().unwrap()).collect();
                let shape: Vec<usize> = serde_json::from_value(v["shape"].clone()).unwrap();
                Tensor::from_f64(&data, shape, keras_tensor::DType::F32).unwrap()
            };
            let layer = LayerRef::from_json(case).unwrap();
            let x = tensor(&case["x"]);
            layer.build(Dims::from(x.shape()).any_batch()).unwrap();
            let weights = case["weights"].as_array().unwrap();
            let weights: Vec<Tensor> = weights.iter().map(tensor).collect();
            layer.set_weights(&weights).unwrap();
            let (y, wanted) = (layer.call(&x, &Call::inference()), tensor(&case["y"]));
            let y = y.unwrap();
            assert_eq!(y.shape(), wanted.shape());
            let pairs = y.to_f64_vec().unwrap().into_iter();
            for (y, wanted) in pairs.zip(wanted.to_f64_vec().unwrap()) {
                assert!(
                    (y - wanted).abs() < 1e-5,
                    "{}: {y}, not {wanted}",
                    case["config"]
                );
            }
        }
    }

    #[test]
    fn other_implementations_say_what_to_do() {
        let json = json!({
            "class_name": "LocallyConnected1D",
            "config": {"filters": 2, "kernel_size": [3], "implementation": 3},
        });
        let layer = LayerRef::from_json(&json).unwrap();
        let error = layer
            .build([None, Some(6), Some(2)])
            .unwrap_err()
            .to_string();
        assert!(error.contains("implementation"), "{error}");
    }
}
