use keras_tensor::ops::Operand;
use keras_tensor::{Result, Shape, Tensor, ops};
use serde::{Deserialize, Serialize};

use super::einsum_shapes::shapes;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Call, Declare, Dims, Layer, Weight, Weights};

/// The shape of a sample's output: a number for one axis, or a list with `None` for sizes that the input gives.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "SizeOrSizes")]
pub struct OutputShape(Dims);

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeOrSizes {
    One(usize),
    Several(Dims),
}

impl From<SizeOrSizes> for OutputShape {
    fn from(sizes: SizeOrSizes) -> Self {
        match sizes {
            SizeOrSizes::One(n) => n.into(),
            SizeOrSizes::Several(dims) => OutputShape(dims),
        }
    }
}

impl From<usize> for OutputShape {
    fn from(n: usize) -> Self {
        OutputShape([n].into())
    }
}

impl From<Dims> for OutputShape {
    fn from(sizes: Dims) -> Self {
        OutputShape(sizes)
    }
}

impl<const N: usize> From<[Option<usize>; N]> for OutputShape {
    fn from(sizes: [Option<usize>; N]) -> Self {
        OutputShape(sizes.into())
    }
}

impl<const N: usize> From<[usize; N]> for OutputShape {
    fn from(sizes: [usize; N]) -> Self {
        OutputShape(sizes.into())
    }
}

layer! {
    /// `activation(einsum(equation, x, kernel) + bias)`: a [`super::Dense`] of any axes.
    ///
    /// The equation is `"[x],[kernel]->[output]"`, where `...` may stand for axes at the beginning or the end of input
    /// and output.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::EinsumDense};
    /// use keras_tensor::ops;
    /// let layer = EinsumDense::new("abc,cde->abde", [None, Some(8), Some(16)]).bias_axes("de");
    /// let layer = LayerRef::from(layer);
    /// let y = layer.call(&ops::ones([2, 5, 32], Default::default())?, &Call::inference())?;
    /// assert_eq!((y.shape().to_string(), layer.count_params()), ("(2, 5, 8, 16)".into(), 33 * 8 * 16));
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    EinsumDense(
        /// Which axes are multiplied and summed: `"abc,cd->abd"`.
        into equation: String = String::new(),
        /// The shape of a sample's output, `None` for sizes that the input gives.
        into output_shape: OutputShape = OutputShape::default(),
    ) {
        /// What is applied to the product; nothing by default.
        into activation: Activation = Activation::default(),
        /// The letters of the output's axes that have a bias; no bias by default.
        some bias_axes: Option<String> = None,
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
        /// The rank of the matrices whose product is added to the kernel, which is then frozen ([`crate::Lora`]); by default
        /// there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        some lora_rank: Option<usize> = None,
        /// What that product is multiplied by, over the rank; the rank by default.
        #[serde(skip_serializing_if = "Option::is_none")]
        some lora_alpha: Option<f64> = None,
    } keeps {
        kernel: Weight,
        bias: Weight,
    }
}

impl EinsumDense {
    /// How many axes of input and output the kernel has, where it is a matrix of them: the last ones of each, in order, with
    /// a bias for all of the output's or none.
    fn as_matrix(&self) -> Option<(usize, usize)> {
        let plain: String = self.equation.split_whitespace().collect();
        let (x, rest) = plain.split_once(',')?;
        let (kernel, output) = rest.split_once("->")?;
        let middle = (1..kernel.len()).find(|&middle| {
            let (inner, outer) = (kernel.get(..middle), kernel.get(middle..));
            let (Some(inner), Some(outer)) = (inner, outer) else {
                return false;
            };
            let free = x.strip_suffix(inner);
            let is_biased = self.bias_axes.as_ref().is_none_or(|axes| axes == outer);
            free.is_some() && free == output.strip_suffix(outer) && is_biased
        })?;
        Some((middle, kernel.len() - middle))
    }

    /// [`ops::dense`] with the axes of the kernel as those of a matrix; nothing if it is none of the input's.
    fn call_dense(&self, x: &Tensor) -> Result<Option<Tensor>> {
        let Some((inner, outer)) = self.as_matrix() else {
            return Ok(None);
        };
        let kernel = self.kernel.tensor()?;
        let free = x.rank().checked_sub(inner);
        let free = free.filter(|&n| {
            kernel.rank() == inner + outer && x.shape()[n..] == kernel.shape()[..inner]
        });
        let Some(free) = free else { return Ok(None) };
        let (of_input, of_output) = kernel.shape().split_at(inner);
        let (rows, columns) = (of_input.iter().product(), of_output.iter().product());
        let matrix = ops::reshape_to(&*kernel, [rows, columns].into())?;
        let flat =
            |last: &[usize]| -> Shape { x.shape()[..free].iter().chain(last).copied().collect() };
        let rows_of_x = ops::reshape_to(x, flat(&[rows]))?;
        let bias = match self.bias_axes {
            Some(_) => Some(ops::reshape_to(&self.bias, [columns].into())?),
            None => None,
        };
        let bias = bias.as_ref().map(|b| b as &dyn Operand);
        let fused = self.activation.fused()?;
        let y = ops::dense(&rows_of_x, &matrix, bias, fused.unwrap_or_default())?;
        let y = ops::reshape_to(&y, flat(of_output))?;
        match fused {
            Some(_) => Ok(Some(y)),
            None => self.activation.call(&y).map(Some),
        }
    }
}

impl Layer for EinsumDense {
    fn build(&self, input: &Dims, w: &mut Weights) -> Result<()> {
        let shapes = shapes(
            &self.equation,
            self.bias_axes.as_deref(),
            input,
            &self.output_shape.0,
        )?;
        let initializer = self
            .kernel_initializer
            .with_fans(&shapes.inputs, &shapes.outputs)?;
        let kernel = Declare::of(
            &initializer,
            &self.kernel_regularizer,
            &self.kernel_constraint,
        )
        .adaptable(self.lora_rank, self.lora_alpha);
        w.add(&self.kernel, "kernel", shapes.kernel, kernel)?;
        if let Some(shape) = shapes.bias {
            let bias = Declare::of(
                &self.bias_initializer,
                &self.bias_regularizer,
                &self.bias_constraint,
            );
            w.add(&self.bias, "bias", shape, bias)?;
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, _: &Call) -> Result<Tensor> {
        if let Some(y) = self.call_dense(x)? {
            return Ok(y);
        }
        let product = ops::einsum(&self.equation, &[x, &self.kernel])?;
        match self.bias_axes {
            Some(_) => self.activation.call(&ops::add(&product, &self.bias)?),
            None => self.activation.call(&product),
        }
    }

    fn mask(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }
}
