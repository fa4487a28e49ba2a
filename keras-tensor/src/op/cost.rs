//! What an op costs, as its shapes tell.

use super::{Conv, ConvPart, Fused, Normalize, Op, Over, Pool, PoolPart, Recurrent, Update};
use crate::Tensor;

/// What an op computes and moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations on numbers; a multiplication with an addition counts as two, a function such as `exp` as one.
    pub flops: u64,
    /// Bytes of what is read and written, each counted once.
    pub bytes: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.flops += other.flops;
        self.bytes += other.bytes;
    }
}

impl Op {
    /// What the op costs. Products and convolutions count all that their shapes stand for, also where a kernel finds a
    /// shorter way; ops that only move elements compute nothing. What a custom op computes is not known and counts as 0.
    ///
    /// Arguments: the inputs and the results; meta tensors will do.
    ///
    /// ```
    /// use keras_tensor::op::{Cost, MatMul, Op};
    /// use keras_tensor::{DType, Tensor, apply};
    /// let (a, b) = (Tensor::meta([2, 3], DType::F32), Tensor::meta([3, 5], DType::F32));
    /// let op = Op::MatMul(MatMul::default());
    /// let results = apply(op.clone(), &[&a, &b])?;
    /// let cost = op.cost(&[&a, &b], &results);
    /// assert_eq!(cost, Cost { flops: 2 * 2 * 3 * 5, bytes: 4 * (6 + 15 + 10) });
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    pub fn cost(&self, inputs: &[&Tensor], outputs: &[Tensor]) -> Cost {
        let inputs: Vec<&Tensor> = inputs.to_vec();
        let outputs: Vec<&Tensor> = outputs.iter().collect();
        Cost {
            flops: self.flops(&inputs, &outputs) as u64,
            bytes: self.bytes(&inputs, &outputs) as u64,
        }
    }

    fn flops(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> usize {
        let x = inputs.first().map_or(0, |t| t.size());
        let y = outputs.first().map_or(0, |t| t.size());
        let axis = |axis: usize| inputs[0].shape()[axis].max(1);
        match self {
            Op::Fill(_)
            | Op::Arange(_)
            | Op::Random(_)
            | Op::Cast(_)
            | Op::Detach
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Concat(_)
            | Op::Gather(_)
            | Op::OneHot(_)
            | Op::Select
            | Op::Custom(_) => 0,
            Op::Unary(_) | Op::Binary(_) => y,
            // Two bounds; a comparison and a product.
            Op::Clip(_) => 2 * y,
            Op::ActivationGrad(f) => y * gradient_of(*f),
            Op::Reduce(_) | Op::ArgReduce(_) | Op::CumSum(_) | Op::ScatterAdd(_) => x,
            // Comparisons.
            Op::ArgSort(a) => x * axis(a.axis).next_power_of_two().ilog2() as usize,
            // The largest, the distance to it, its exponential, their sum, the division.
            Op::Softmax(_) => 5 * x,
            // The same without the division; then the product with the targets and its sum, twice.
            Op::SoftmaxCrossEntropy => 8 * x,
            // `y * (g - sum of g * y)`.
            Op::SoftmaxGrad(_) => 4 * x,
            // The softmax, times the sum of targets, less the targets, times the outer gradient.
            Op::SoftmaxCrossEntropyGrad => 9 * x,
            Op::Normalize(n) => normalize(n, x),
            // Two sums, one of products; then the gradient of each element.
            Op::NormalizeGrad(_) => 10 * x,
            // A comparison and a product.
            Op::Dropout(_) | Op::ScaleShift(_) => 2 * x,
            Op::MatMul(m) => {
                let shape = inputs[0].shape();
                let depth = shape[shape.rank() - if m.transpose_a { 2 } else { 1 }];
                2 * y * depth
            }
            Op::Dense(f) => {
                let depth = inputs[1].shape()[0];
                2 * y * depth + y * (inputs.len().saturating_sub(2) + function(*f))
            }
            Op::Conv(c) => conv(c, inputs, outputs),
            Op::ConvFused(f) => {
                let further = inputs.len().saturating_sub(2) + function(f.activation);
                conv(&f.conv, inputs, outputs) + y * further
            }
            Op::ConvChain(c) => c.flops(inputs) as usize,
            Op::Pool(p) => pool(p, inputs, outputs),
            Op::Recurrent(r) => recurrent(r, inputs),
            // Twice the products, as far as they are wanted, and about twice what a step computes besides.
            Op::RecurrentGrad(r) => {
                let kernels = inputs[1].size() * usize::from(r.of_x) + inputs[2].size();
                let weights = (inputs[1].size() + inputs[2].size()) * usize::from(r.of_weights);
                2 * steps(inputs) * (kernels + weights + 2 * inputs[2].shape()[1])
            }
            Op::Attention(_) => attention(inputs, outputs[0], 2),
            // Scores once more, and two products for each of the forward ones.
            Op::AttentionGrad(_) => attention(inputs, inputs[inputs.len() - 1], 5),
            Op::Update(u) => update(u) * x,
        }
    }

    fn bytes(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> usize {
        let sum = |all: &[&Tensor]| {
            all.iter()
                .map(|t| t.size() * t.dtype().size())
                .sum::<usize>()
        };
        match self {
            // These share their memory.
            Op::Detach | Op::Reshape(_) => 0,
            // Only what is asked for is read.
            Op::Gather(_) => sum(&inputs[1..]) + 2 * sum(outputs),
            Op::Slice(_) => 2 * sum(outputs),
            Op::Fill(_)
            | Op::Arange(_)
            | Op::Random(_)
            | Op::Cast(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Pad(_)
            | Op::Concat(_)
            | Op::OneHot(_)
            | Op::Select
            | Op::Custom(_)
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Clip(_)
            | Op::ActivationGrad(_)
            | Op::Reduce(_)
            | Op::ArgReduce(_)
            | Op::CumSum(_)
            | Op::ScatterAdd(_)
            | Op::ArgSort(_)
            | Op::Softmax(_)
            | Op::SoftmaxCrossEntropy
            | Op::SoftmaxGrad(_)
            | Op::SoftmaxCrossEntropyGrad
            | Op::Normalize(_)
            | Op::NormalizeGrad(_)
            | Op::ScaleShift(_)
            | Op::MatMul(_)
            | Op::Dense(_)
            | Op::Conv(_)
            | Op::ConvFused(_)
            | Op::ConvChain(_)
            | Op::Pool(_)
            | Op::Recurrent(_)
            | Op::RecurrentGrad(_)
            | Op::Attention(_)
            | Op::AttentionGrad(_)
            | Op::Dropout(_)
            | Op::Update(_) => sum(inputs) + sum(outputs),
        }
    }
}

/// Operations of a fused activation on an element.
fn function(f: Fused) -> usize {
    match f {
        Fused::Linear => 0,
        Fused::Relu | Fused::Tanh => 1,
        Fused::Relu6 => 2,
        // Sign, exponential, sum, division.
        Fused::Sigmoid => 4,
    }
}

/// Operations of the gradient through a fused activation on an element.
fn gradient_of(f: Fused) -> usize {
    match f {
        Fused::Linear => 0,
        Fused::Relu => 1,
        Fused::Relu6 => 2,
        // `g * y * (1 - y)`, `g * (1 - y * y)`.
        Fused::Sigmoid | Fused::Tanh => 3,
    }
}

/// All three parts multiply each element of `y` with each tap of each channel of its group.
fn conv(c: &Conv, inputs: &[&Tensor], outputs: &[&Tensor]) -> usize {
    let (y, kernel) = match c.part {
        ConvPart::Output => (outputs[0], inputs[1]),
        ConvPart::Input => (inputs[0], inputs[1]),
        ConvPart::Kernel => (inputs[1], outputs[0]),
    };
    let filters = kernel.shape().last().copied().unwrap_or(1).max(1);
    2 * y.size() * (kernel.size() / filters)
}

/// An operation for each element of each window.
fn pool(p: &Pool, inputs: &[&Tensor], outputs: &[&Tensor]) -> usize {
    let places = match p.part {
        PoolPart::Max | PoolPart::Pick | PoolPart::Mean => outputs[0].size(),
        PoolPart::Spread => inputs[1].size(),
        PoolPart::Share => inputs[0].size(),
    };
    places * p.window.iter().product::<usize>()
}

/// Operations on a weight and its state.
fn update(u: &Update) -> usize {
    match u {
        Update::Sgd(s) if s.momentum == 0.0 => 2,
        Update::Sgd(s) if s.nesterov => 6,
        Update::Sgd(_) => 4,
        // The momentum 3, the velocity 4, the step 5.
        Update::Adam(_) => 12,
        // The same with the correction of the velocity and a step of 4 more.
        Update::Nadam(_) => 17,
        // The momentum 3, the norm 3, the step 5.
        Update::Adamax(_) => 11,
        // The mean of squares 4, the step 5.
        Update::Rmsprop(r) if r.momentum > 0.0 => 11,
        Update::Rmsprop(_) => 9,
        Update::Adagrad(_) => 7,
        // The direction 3, the step 3, the momentum 3.
        Update::Lion(_) => 9,
    }
}

/// Mean 1, variance 3, and the normalized element 4; without a mean 2 and 3.
fn normalize(n: &Normalize, x: usize) -> usize {
    match n.over {
        Over::Batch(_) | Over::Sample(_) => 8 * x,
        Over::Squares(_) => 5 * x,
    }
}

/// The products of the input and the state in each step; a sum and a function for each gate; three operations for each
/// state.
fn recurrent(r: &Recurrent, inputs: &[&Tensor]) -> usize {
    let [units, gates] = [0, 1].map(|axis| inputs[2].shape()[axis]);
    let products = inputs[1].size() + inputs[2].size();
    steps(inputs) * (2 * products + 2 * gates + 3 * r.cell.states() * units)
}

/// The steps of all samples of a recurrent op.
fn steps(inputs: &[&Tensor]) -> usize {
    inputs[0].shape()[..2].iter().product()
}

/// So many products of every query with every key, of as many elements as a head has, and the softmax of the scores.
fn attention(inputs: &[&Tensor], result: &Tensor, products: usize) -> usize {
    let keys = inputs[1].shape()[1];
    let dim = inputs[0].shape()[3].max(1);
    products * 2 * inputs[0].size() * keys + 5 * (result.size() / dim) * keys
}

#[cfg(test)]
mod tests {
    use super::super::{Adam, MatMul, Sgd};
    use super::*;
    use crate::{DType, apply};

    fn flops(op: Op, shapes: &[&[usize]]) -> u64 {
        let inputs: Vec<Tensor> = shapes
            .iter()
            .map(|s| Tensor::meta(*s, DType::F32))
            .collect();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let outputs = apply(op.clone(), &inputs).unwrap();
        op.cost(&inputs, &outputs).flops
    }

    #[test]
    fn products() {
        let m = MatMul::default();
        assert_eq!(flops(Op::MatMul(m), &[&[4, 2, 3], &[3, 5]]), 4 * 2 * 5 * 6);
        let turned = MatMul {
            transpose_a: true,
            ..m
        };
        assert_eq!(flops(Op::MatMul(turned), &[&[3, 2], &[3, 5]]), 2 * 5 * 6);
        let dense = Op::Dense(Fused::Relu);
        assert_eq!(flops(dense, &[&[7, 3], &[3, 5], &[5]]), 35 * 6 + 35 + 35);
    }

    #[test]
    fn attention_multiplies_queries_and_keys() {
        let attention = super::super::Attention {
            scale: 1.0,
            is_causal: false,
            has_mask: false,
        };
        let (query, key) = ([2, 3, 4, 8], [2, 5, 4, 8]);
        let scores = 2 * 4 * 3 * 5;
        let found = flops(Op::Attention(attention), &[&query, &key, &key]);
        assert_eq!(found, scores * (2 * 8 + 2 * 8 + 5));
    }

    #[test]
    fn convolutions_cost_the_same_in_all_directions() {
        let conv = |part, sizes: &[usize], groups| {
            Op::Conv(Conv {
                part,
                strides: [2, 2][..].into(),
                padding: [(1, 1), (1, 1)][..].into(),
                dilation: [1, 1][..].into(),
                groups,
                sizes: sizes.into(),
            })
        };
        // 5 x 4 places of 8 filters, each over 9 taps of 3 of 6 channels.
        let wanted = 2 * (2 * 5 * 4 * 8) * 9 * 3;
        let (x, kernel, y) = (&[2, 9, 8, 6][..], &[3, 3, 3, 8][..], &[2, 5, 4, 8][..]);
        assert_eq!(flops(conv(ConvPart::Output, &[], 2), &[x, kernel]), wanted);
        assert_eq!(
            flops(conv(ConvPart::Input, &[9, 8], 2), &[y, kernel]),
            wanted
        );
        assert_eq!(flops(conv(ConvPart::Kernel, &[3, 3], 2), &[x, y]), wanted);
    }

    #[test]
    fn elements() {
        assert_eq!(flops(Op::Unary(super::super::Unary::Exp), &[&[3, 4]]), 12);
        let add = Op::Binary(super::super::Binary::Add);
        assert_eq!(flops(add, &[&[3, 1], &[1, 4]]), 12);
        assert_eq!(flops(Op::Softmax(1), &[&[3, 4]]), 60);
        assert_eq!(flops(Op::Detach, &[&[3, 4]]), 0);
        let pool = Pool {
            part: PoolPart::Max,
            window: [2, 2][..].into(),
            strides: [2, 2][..].into(),
            padding: [(0, 0), (0, 0)][..].into(),
            sizes: [][..].into(),
        };
        assert_eq!(flops(Op::Pool(pool), &[&[1, 4, 6, 5]]), 2 * 3 * 5 * 4);
        let sgd = Sgd {
            learning_rate: 0.1,
            momentum: 0.0,
            nesterov: false,
        };
        assert_eq!(flops(Op::Update(Update::Sgd(sgd)), &[&[10], &[10]]), 20);
        let adam = Adam {
            alpha: 0.1,
            beta_1: 0.9,
            beta_2: 0.99,
            epsilon: 1e-7,
        };
        assert_eq!(
            flops(
                Op::Update(Update::Adam(adam)),
                &[&[10], &[10], &[10], &[10]]
            ),
            120
        );
    }

    #[test]
    fn bytes() {
        let table = Tensor::meta([1000, 8], DType::F32);
        let places = Tensor::meta([3], DType::I32);
        let rows = apply(Op::Gather(0), &[&table, &places]).unwrap();
        let cost = Op::Gather(0).cost(&[&table, &places], &rows);
        assert_eq!(
            cost,
            Cost {
                flops: 0,
                bytes: 3 * 4 + 2 * 3 * 8 * 4
            }
        );
        let reshape = Op::Reshape([8, 1000].into());
        let reshaped = apply(reshape.clone(), &[&table]).unwrap();
        assert_eq!(reshape.cost(&[&table], &reshaped), Cost::default());
    }
}
