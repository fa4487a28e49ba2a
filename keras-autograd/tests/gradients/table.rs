//! One line per op: its name, where its inputs are drawn from, how it is made.

use keras_tensor::op::{
    Attention, Binary, Clip, Conv, ConvFused, ConvPart, CumSum, CustomOp, Fold, Fused, MatMul,
    Normalize, Over, Pad, Pool, PoolPart, Recurrent, RecurrentCell, Reduce, ScatterAdd, Slice,
    Spatial, Spec, Specs, Unary,
};
use keras_tensor::{DType, Op, Outputs, Result, Shape, Tensor, ops, smallvec};
use std::sync::Arc;

use crate::sample::Domain::{self, *};
use crate::sample::Sample;

/// An op with inputs, drawn from a sample.
type Made = (Op, Vec<Tensor>);

/// How an op is checked.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) make: Box<dyn Fn(&Sample) -> Made>,
}

fn case(name: &'static str, make: impl Fn(&Sample) -> Made + 'static) -> Case {
    let make = Box::new(make);
    Case { name, make }
}

const ANY: Domain = Between(-2.0, 2.0);
const POSITIVE: Domain = Between(0.3, 2.0);
const NOT_0: Domain = Magnitude(0.3, 2.0);
const OPEN: Domain = Between(-0.9, 0.9);
/// Away from integers and halves.
const NO_STEP: Domain = Magnitude(1.1, 1.4);

pub(crate) fn unary() -> Vec<Case> {
    let f = |name, op, domain| {
        case(name, move |s| {
            (Op::Unary(op), vec![s.tensor(&s.shape, domain, 0)])
        })
    };
    vec![
        f("negative", Unary::Neg, ANY),
        f("abs", Unary::Abs, NOT_0),
        f("sign", Unary::Sign, NOT_0),
        f("square", Unary::Square, ANY),
        f("sqrt", Unary::Sqrt, POSITIVE),
        f("rsqrt", Unary::Rsqrt, POSITIVE),
        f("reciprocal", Unary::Reciprocal, NOT_0),
        f("exp", Unary::Exp, ANY),
        f("expm1", Unary::Expm1, ANY),
        f("log", Unary::Log, POSITIVE),
        f("log1p", Unary::Log1p, Between(-0.6, 2.0)),
        f("sin", Unary::Sin, ANY),
        f("cos", Unary::Cos, ANY),
        f("tan", Unary::Tan, Between(-1.2, 1.2)),
        f("arcsin", Unary::Asin, OPEN),
        f("arccos", Unary::Acos, OPEN),
        f("arctan", Unary::Atan, ANY),
        f("sinh", Unary::Sinh, ANY),
        f("cosh", Unary::Cosh, ANY),
        f("tanh", Unary::Tanh, ANY),
        f("sigmoid", Unary::Sigmoid, ANY),
        f("relu", Unary::Relu, NOT_0),
        f("softplus", Unary::Softplus, ANY),
        f("erf", Unary::Erf, ANY),
        f("floor", Unary::Floor, NO_STEP),
        f("ceil", Unary::Ceil, NO_STEP),
        f("round", Unary::Round, NO_STEP),
        case("clip", |s| {
            let bounds = Clip {
                min: -0.7,
                max: 0.5,
            };
            (Op::Clip(bounds), vec![s.tensor(&s.shape, Grid(0.0), 0)])
        }),
        case("cast", |s| {
            (Op::Cast(DType::F64), vec![s.tensor(&s.shape, ANY, 0)])
        }),
        case("custom", |s| {
            (Op::Custom(Arc::new(Cube)), vec![s.tensor(&s.shape, ANY, 0)])
        }),
    ]
}

pub(crate) fn binary() -> Vec<Case> {
    let f = |name, op, left, right| {
        case(name, move |s| {
            let (a, b) = s.pair();
            let inputs = vec![s.tensor(&a, left, 0), s.tensor(&b, right, 1)];
            (Op::Binary(op), inputs)
        })
    };
    vec![
        f("add", Binary::Add, ANY, ANY),
        f("subtract", Binary::Sub, ANY, ANY),
        f("multiply", Binary::Mul, ANY, ANY),
        f("divide", Binary::Div, ANY, NOT_0),
        f("power", Binary::Pow, POSITIVE, ANY),
        f("maximum", Binary::Max, Grid(0.0), Grid(0.1)),
        f("minimum", Binary::Min, Grid(0.0), Grid(0.1)),
        // Quotients between 2.1 and 2.9, of either sign.
        f(
            "mod",
            Binary::Mod,
            Between(1.4, 1.75),
            Magnitude(0.62, 0.66),
        ),
        f(
            "floor_divide",
            Binary::FloorDiv,
            Between(1.4, 1.75),
            Magnitude(0.62, 0.66),
        ),
        case("where", |s| {
            let (a, b) = s.pair();
            let condition = &s.shape[s.dropped.min(s.shape.len())..];
            let inputs = vec![
                s.condition(condition),
                s.tensor(&a, ANY, 0),
                s.tensor(&b, ANY, 1),
            ];
            (Op::Select, inputs)
        }),
        case("activation_grad", |s| {
            let inputs = vec![
                s.tensor(&s.shape, ANY, 0),
                s.tensor(&s.shape, Magnitude(0.2, 0.8), 1),
            ];
            (Op::ActivationGrad(activation(s)), inputs)
        }),
    ]
}

pub(crate) fn folds() -> Vec<Case> {
    let f = |name, fold, domain| {
        case(name, move |s| {
            let reduce = Reduce {
                fold,
                axes: s.axes_of(&s.shape),
                keep_dims: s.flags[0],
            };
            (Op::Reduce(reduce), vec![s.tensor(&s.shape, domain, 0)])
        })
    };
    vec![
        f("sum", Fold::Sum, ANY),
        f("mean", Fold::Mean, ANY),
        f("max", Fold::Max, Distinct(0.03)),
        f("min", Fold::Min, Distinct(0.03)),
        f("prod", Fold::Prod, Magnitude(0.8, 1.2)),
        case("cumsum", |s| {
            let shape = s.with_axes();
            let cumsum = CumSum {
                axis: s.axis_of(&shape),
                reverse: s.flags[0],
            };
            (Op::CumSum(cumsum), vec![s.tensor(&shape, ANY, 0)])
        }),
    ]
}

pub(crate) fn layout() -> Vec<Case> {
    vec![
        case("reshape", |s| {
            let shape = s.shape.iter().rev().copied().collect();
            (Op::Reshape(shape), vec![s.tensor(&s.shape, ANY, 0)])
        }),
        case("transpose", |s| {
            let order = s.order_of(&s.shape);
            (Op::Transpose(order), vec![s.tensor(&s.shape, ANY, 0)])
        }),
        case("broadcast_to", |s| {
            let (a, b) = s.pair();
            let whole = Shape::from(a).broadcast(&Shape::from(&b[..]), "").unwrap();
            (Op::Broadcast(whole), vec![s.tensor(&b, ANY, 0)])
        }),
        case("slice", |s| {
            let widths = s.widths(s.shape.len());
            let whole: Vec<usize> = (s.shape.iter().zip(&widths))
                .map(|(n, w)| w.0 + n + w.1)
                .collect();
            let slice = Slice {
                begin: widths.iter().map(|w| w.0).collect(),
                size: s.shape[..].into(),
            };
            (Op::Slice(slice), vec![s.tensor(&whole, ANY, 0)])
        }),
        case("pad", |s| {
            let widths = s.widths(s.shape.len());
            let pad = Pad {
                before: widths.iter().map(|w| w.0).collect(),
                after: widths.iter().map(|w| w.1).collect(),
                value: 0.5,
            };
            (Op::Pad(pad), vec![s.tensor(&s.shape, ANY, 0)])
        }),
        case("concatenate", |s| {
            let shape = s.with_axes();
            let axis = s.axis_of(&shape);
            let inputs = (0..1 + s.mask as usize % 5).map(|i| {
                let mut shape = shape.clone();
                shape[axis] = s.dims[i % 3];
                s.tensor(&shape, ANY, i as u64)
            });
            (Op::Concat(axis), inputs.collect())
        }),
        case("take", |s| {
            let shape = s.with_axes();
            let axis = s.axis_of(&shape);
            let places = s.places(shape[axis]);
            (Op::Gather(axis), vec![s.tensor(&shape, ANY, 0), places])
        }),
        case("scatter_add", |s| {
            let whole = s.with_axes();
            let axis = s.axis_of(&whole);
            let places = s.places(whole[axis]);
            let shape = [&whole[..axis], &places.shape()[..], &whole[axis + 1..]].concat();
            let scatter = ScatterAdd {
                axis,
                size: whole[axis],
            };
            (
                Op::ScatterAdd(scatter),
                vec![s.tensor(&shape, ANY, 0), places],
            )
        }),
    ]
}

/// A convolution of one to three axes, in groups or not, with the shapes of its input, kernel and result.
fn window(s: &Sample) -> (Conv, [Vec<usize>; 3]) {
    let space = 1 + s.axis % 3;
    let [batch, of_group, filters] = s.dims;
    let groups = if s.flags[0] { 2 } else { 1 };
    let number = |i: usize, from: usize| from + (s.mask as usize >> i & 1);
    let some = |from: usize, shift: usize| -> Vec<usize> {
        (0..space).map(|i| number(i + shift, from)).collect()
    };
    let (sizes, taps) = (some(3, 0), some(1, 3));
    let conv = Conv {
        part: ConvPart::Output,
        strides: some(1, 1).into(),
        padding: (0..space)
            .map(|i| (number(i, 0), number(i + 2, 0)))
            .collect(),
        dilation: some(1, 2).into(),
        groups,
        sizes: Spatial::new(),
    };
    let places = conv.places(&sizes, &taps).unwrap();
    let shape = |first: &[usize], space: &[usize], last: &[usize]| [first, space, last].concat();
    let x = shape(&[batch], &sizes, &[of_group * groups]);
    let kernel = shape(&[], &taps, &[of_group, filters * groups]);
    let y = shape(&[batch], &places, &[filters * groups]);
    (conv, [x, kernel, y])
}

/// A convolution, or one of its two reverses.
fn convolution(s: &Sample) -> Made {
    let (mut conv, [x, kernel, y]) = window(s);
    let space = x.len() - 2;
    let (a, b) = match (s.flags[1], s.flags[2]) {
        (false, _) => (x, kernel),
        (true, false) => {
            conv = conv.with(ConvPart::Input, &x[1..=space]);
            (y, kernel)
        }
        (true, true) => {
            conv = conv.with(ConvPart::Kernel, &kernel[..space]);
            (x, y)
        }
    };
    let inputs = vec![s.tensor(&a, ANY, 0), s.tensor(&b, ANY, 1)];
    (Op::Conv(conv), inputs)
}

/// A convolution with what follows it. Filters of one sign and positive inputs keep sums away from 0, small ones from 6.
fn fused_convolution(s: &Sample) -> Made {
    let (conv, [x, kernel, y]) = window(s);
    let filters = y[y.len() - 1];
    let signs: Vec<f64> = (0..filters).map(|i| 1.0 - 2.0 * (i % 2) as f64).collect();
    let signs = Tensor::new(&signs, [filters]).unwrap();
    let signed = |shape: &[usize], size: f64, stream| {
        let values = s.tensor(shape, Between(0.2 * size, size), stream);
        ops::multiply(values, &signs).unwrap()
    };
    let fused = ConvFused {
        conv,
        activation: Fused::ALL[(s.seed % 5) as usize],
        has_scale: s.flags[1],
        has_bias: s.flags[2],
        has_residual: s.mask & 64 != 0,
    };
    let mut inputs = vec![s.tensor(&x, Between(0.2, 1.0), 0), signed(&kernel, 0.1, 1)];
    if fused.has_scale {
        inputs.push(s.tensor(&[filters], Between(0.5, 1.0), 2));
    }
    if fused.has_bias {
        inputs.push(signed(&[filters], 1.0, 3));
    }
    if fused.has_residual {
        inputs.push(signed(&y, 1.0, 4));
    }
    (Op::ConvFused(fused), inputs)
}

/// Normalization over a batch with what follows it.
fn normalized(s: &Sample) -> Made {
    let shape = s.with_axes();
    let axis = s.axis_of(&shape);
    // Features of one sign each keep relu away from 0.
    let signs: Vec<f64> = (0..shape[axis])
        .map(|i| 1.0 - 2.0 * (i % 2) as f64)
        .collect();
    let signs = Tensor::new(&signs, [shape[axis]]).unwrap();
    let beta = s.tensor(signs.shape(), Between(0.8, 1.0), 2);
    let mut inputs = vec![
        s.tensor(&shape, ANY, 0),
        s.tensor(signs.shape(), Between(0.01, 0.05), 1),
        ops::multiply(beta, &signs).unwrap(),
    ];
    if s.flags[0] {
        inputs.push(s.tensor(&shape, Between(0.0, 0.3), 3));
    }
    let n = Normalize {
        activation: [Fused::Linear, Fused::Relu, Fused::Relu6][(s.seed % 3) as usize],
        ..Normalize::new(Over::Batch(axis), 0.5)
    };
    (Op::Normalize(n), inputs)
}

/// A pooling of one to three axes, or one of its reverses.
fn pooling(s: &Sample) -> Made {
    let space = 1 + s.axis % 3;
    let [batch, channels, _] = s.dims;
    let bit = |i: usize| s.mask as usize >> i & 1;
    let some = |from: usize, shift: usize| -> Vec<usize> {
        (0..space).map(|i| from + bit(i + shift)).collect()
    };
    let sizes = some(3, 0);
    let padded = usize::from(s.flags[0]);
    let mut pool = Pool {
        part: PoolPart::Max,
        window: some(2, 1).into(),
        strides: some(1, 2).into(),
        padding: (0..space).map(|i| (padded * bit(i), padded)).collect(),
        sizes: Spatial::new(),
    };
    let places = pool.places(&sizes).unwrap();
    let shape = |space: &[usize]| [&[batch][..], space, &[channels]].concat();
    let (x, y) = (shape(&sizes), shape(&places));
    // Elements apart from each other, so that a small step does not change which one is largest.
    let distinct = || {
        let n: usize = x.iter().product();
        let values: Vec<f64> = (0..n).map(|i| ((i * 37) % 101) as f64 / 10.0).collect();
        Tensor::new(&values, &x[..]).unwrap()
    };
    let inputs = match (s.flags[1], s.flags[2], bit(4)) {
        (false, false, _) => vec![distinct()],
        (false, true, _) => {
            pool = pool.with(PoolPart::Mean, &[]);
            vec![s.tensor(&x, ANY, 0)]
        }
        (true, false, 0) => {
            pool = pool.with(PoolPart::Pick, &[]);
            vec![distinct(), s.tensor(&x, ANY, 1)]
        }
        (true, false, _) => {
            pool = pool.with(PoolPart::Spread, &[]);
            vec![distinct(), s.tensor(&y, ANY, 1)]
        }
        (true, true, _) => {
            pool = pool.with(PoolPart::Share, &sizes);
            vec![s.tensor(&y, ANY, 0)]
        }
    };
    (Op::Pool(pool), inputs)
}

fn recurrent(s: &Sample) -> (Op, Vec<Tensor>) {
    let [units, batch, time] = s.dims;
    let cell = [
        RecurrentCell::Simple,
        RecurrentCell::Lstm,
        RecurrentCell::Gru,
    ][usize::from(s.mask % 3)];
    // The derivative of relu jumps, and here nothing keeps sums away from 0.
    let smooth = [Fused::Linear, Fused::Sigmoid, Fused::Tanh];
    let op = Recurrent {
        cell,
        activation: smooth[(s.axis + 2) % 3],
        recurrent_activation: smooth[1 + usize::from(s.flags[2])],
        has_bias: s.flags[0],
        has_mask: s.flags[1],
    };
    let gates = cell.gates() * units;
    let features = 1 + s.axis;
    let mut inputs = vec![
        s.tensor(&[batch, time, features], ANY, 0),
        s.tensor(&[features, gates], ANY, 1),
        s.tensor(&[units, gates], ANY, 2),
    ];
    inputs.extend((0..cell.states() as u64).map(|i| s.tensor(&[batch, units], ANY, 3 + i)));
    if op.has_bias {
        let rows = if cell == RecurrentCell::Gru {
            &[2][..]
        } else {
            &[]
        };
        inputs.push(s.tensor(&[rows, &[gates]].concat(), ANY, 5));
    }
    if op.has_mask {
        let kept: Vec<bool> = (0..time * batch).map(|i| i % 3 != 1).collect();
        inputs.push(Tensor::new(&kept, [time, batch]).unwrap());
    }
    (Op::Recurrent(op), inputs)
}

fn attention(s: &Sample) -> (Op, Vec<Tensor>) {
    let [queries, keys, heads] = s.dims;
    let (batch, dim, value_dim) = (1 + usize::from(s.mask % 2), 1 + s.axis, 2);
    let op = Attention {
        scale: 0.7,
        is_causal: s.flags[0],
        has_mask: s.flags[1],
    };
    let mut inputs = vec![
        s.tensor(&[batch, queries, heads, dim], ANY, 0),
        s.tensor(&[batch, keys, heads, dim], ANY, 1),
        s.tensor(&[batch, keys, heads, value_dim], ANY, 2),
    ];
    if op.has_mask {
        // Some queries may attend to no key at all.
        let shape = match s.flags[2] {
            true => [batch, 1, 1, keys],
            false => [1, heads, queries, keys],
        };
        let count = shape.iter().product();
        let may: Vec<bool> = (0..count).map(|i| i % 3 != 1 && i % 4 != 0).collect();
        inputs.push(Tensor::new(&may, shape).unwrap());
    }
    (Op::Attention(op), inputs)
}

pub(crate) fn networks() -> Vec<Case> {
    vec![
        case("attention", attention),
        case("softmax", |s| {
            let shape = s.with_axes();
            (
                Op::Softmax(s.axis_of(&shape)),
                vec![s.tensor(&shape, ANY, 0)],
            )
        }),
        case("softmax_cross_entropy", |s| {
            let shape = s.with_axes();
            let inputs = vec![s.tensor(&shape, ANY, 0), s.tensor(&shape, POSITIVE, 1)];
            (Op::SoftmaxCrossEntropy, inputs)
        }),
        case("normalize", |s| {
            let shape = s.with_axes();
            let axis = s.axis_of(&shape);
            let (over, weights) = match s.mask % 4 {
                0 => return normalized(s),
                1 => (Over::Batch(axis), &shape[axis..axis + 1]),
                2 => (Over::Sample(axis), &shape[axis..]),
                _ => (Over::Squares(axis), &shape[axis..]),
            };
            let inputs = vec![
                s.tensor(&shape, ANY, 0),
                s.tensor(weights, ANY, 1),
                s.tensor(weights, ANY, 2),
            ];
            (Op::Normalize(Normalize::new(over, 0.5)), inputs)
        }),
        case("dropout", |s| {
            let seed = Tensor::new(&[u32::from(s.mask), 7], [2]).unwrap();
            (Op::Dropout(0.4), vec![s.tensor(&s.shape, ANY, 0), seed])
        }),
        case("scale_shift", |s| {
            let shape = s.with_axes();
            let axis = s.axis_of(&shape);
            let features = &shape[axis..axis + 1];
            let inputs = vec![
                s.tensor(&shape, ANY, 0),
                s.tensor(features, ANY, 1),
                s.tensor(features, ANY, 2),
            ];
            (Op::ScaleShift(axis), inputs)
        }),
        case("matmul", |s| {
            let (a, b) = s.pair_of(&s.shape[..s.shape.len().min(2)]);
            let [m, k, n] = s.dims;
            let matrix = |batch: &[usize], rows, columns, swap, stream| {
                let last = if swap {
                    [columns, rows]
                } else {
                    [rows, columns]
                };
                s.tensor(&[batch, &last].concat(), ANY, stream)
            };
            let op = MatMul {
                transpose_a: s.flags[1],
                transpose_b: s.flags[2],
            };
            let inputs = vec![
                matrix(&a, m, k, op.transpose_a, 0),
                matrix(&b, k, n, op.transpose_b, 1),
            ];
            (Op::MatMul(op), inputs)
        }),
        case("conv", convolution),
        case("conv_fused", fused_convolution),
        case("pool", pooling),
        case("recurrent", recurrent),
        case("dense", |s| {
            let batch = &s.shape[..s.shape.len().min(3)];
            let [k, n, _] = s.dims;
            // Columns of one sign and positive inputs keep relu away from 0.
            let signs: Vec<f64> = (0..n).map(|i| 1.0 - 2.0 * (i % 2) as f64).collect();
            let signs = Tensor::new(&signs, [n]).unwrap();
            let signed = |shape: &[usize], stream| {
                ops::multiply(s.tensor(shape, Between(0.2, 1.0), stream), &signs).unwrap()
            };
            let x = s.tensor(&[batch, &[k]].concat(), Between(0.2, 1.0), 0);
            let mut inputs = vec![x, signed(&[k, n], 1)];
            if s.flags[0] {
                inputs.push(signed(&[n], 2));
            }
            (Op::Dense(activation(s)), inputs)
        }),
    ]
}

fn activation(s: &Sample) -> Fused {
    Fused::ALL[(s.seed % 5) as usize]
}

/// `x^3`, as a user would write it.
#[derive(Debug)]
struct Cube;

impl CustomOp for Cube {
    fn name(&self) -> &str {
        "cube"
    }

    fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        Ok(smallvec![Spec {
            dtype: inputs[0].dtype(),
            shape: inputs[0].shape().clone(),
        }])
    }

    fn run(&self, inputs: &[&Tensor]) -> Result<Outputs> {
        Ok(smallvec![ops::multiply(
            ops::square(inputs[0])?,
            inputs[0]
        )?])
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        _: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        let slope = ops::multiply(ops::square(&inputs[0])?, 3.0)?;
        let gradient = gradients[0].as_ref().map(|g| ops::multiply(g, &slope));
        Ok(vec![gradient.transpose()?])
    }
}
