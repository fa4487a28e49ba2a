//! ResNet50 as Keras has it: the first version, whose blocks stride in their first convolution.

use candle_core::{D, Module, ModuleT, Result, Tensor};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder, batch_norm, conv2d, linear, ops,
};

/// A convolution with its normalization.
struct Convolution {
    kernel: Conv2d,
    norm: BatchNorm,
}

impl Convolution {
    fn new(sizes: [usize; 2], kernel: usize, stride: usize, weights: VarBuilder) -> Result<Self> {
        let config = Conv2dConfig {
            padding: kernel / 2,
            stride,
            ..Default::default()
        };
        Ok(Convolution {
            kernel: conv2d(sizes[0], sizes[1], kernel, config, weights.pp("kernel"))?,
            norm: batch_norm(sizes[1], 1.001e-5, weights.pp("norm"))?,
        })
    }
}

impl Module for Convolution {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward_t(&self.kernel.forward(x)?, false)
    }
}

struct Block {
    around: Option<Convolution>,
    first: Convolution,
    second: Convolution,
    third: Convolution,
}

impl Block {
    fn new(inputs: usize, width: usize, stride: usize, weights: VarBuilder) -> Result<Self> {
        let convolution =
            |sizes, kernel, stride, name| Convolution::new(sizes, kernel, stride, weights.pp(name));
        let wide = 4 * width;
        let around = if inputs == wide {
            None
        } else {
            Some(convolution([inputs, wide], 1, stride, "around")?)
        };
        Ok(Block {
            around,
            first: convolution([inputs, width], 1, stride, "first")?,
            second: convolution([width, width], 3, 1, "second")?,
            third: convolution([width, wide], 1, 1, "third")?,
        })
    }
}

impl Module for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = self
            .second
            .forward(&self.first.forward(x)?.relu()?)?
            .relu()?;
        let inner = self.third.forward(&inner)?;
        match &self.around {
            Some(around) => (inner + around.forward(x)?)?.relu(),
            None => (inner + x)?.relu(),
        }
    }
}

/// The network, for images `[batch, 3, 224, 224]`.
pub struct ResNet50 {
    stem: Convolution,
    blocks: Vec<Block>,
    top: Linear,
}

impl ResNet50 {
    /// With random weights.
    pub fn new(weights: VarBuilder) -> Result<Self> {
        let (mut blocks, mut inputs) = (Vec::new(), 64);
        for (stage, (width, count)) in [(64, 3), (128, 4), (256, 6), (512, 3)]
            .into_iter()
            .enumerate()
        {
            for number in 0..count {
                let stride = if number == 0 && stage > 0 { 2 } else { 1 };
                let name = format!("stage{stage}.{number}");
                blocks.push(Block::new(inputs, width, stride, weights.pp(name))?);
                inputs = 4 * width;
            }
        }
        Ok(ResNet50 {
            stem: Convolution::new([3, 64], 7, 2, weights.pp("stem"))?,
            blocks,
            top: linear(inputs, 1000, weights.pp("top"))?,
        })
    }
}

impl Module for ResNet50 {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.stem.forward(x)?.relu()?;
        let x = x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
        let x = x.max_pool2d_with_stride(3, 2)?;
        let x = self
            .blocks
            .iter()
            .try_fold(x, |x, block| block.forward(&x))?;
        ops::softmax(&self.top.forward(&x.mean((2, 3))?)?, D::Minus1)
    }
}
