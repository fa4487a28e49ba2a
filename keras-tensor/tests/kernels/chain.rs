//! Chains of convolutions give what these give one after the other, to the bit, at any number of threads.

use keras_tensor::op::{Conv, ConvChain, ConvFused, ConvPart, Fused, Spatial};
use keras_tensor::random::Philox;
use keras_tensor::{DType, Op, Tensor, apply_one, threads};
use proptest::prelude::*;

use crate::config;

fn noise(shape: &[usize], seed: u64, dtype: DType) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    values.iter_mut().for_each(|v| *v -= 0.5);
    Tensor::from_f64(&values, shape, dtype).unwrap()
}

/// A link of a chain before its channels are known.
#[derive(Clone, Debug)]
struct Link {
    taps: usize,
    stride: usize,
    padding: (usize, usize),
    /// Its filters; `None` for a convolution of each channel by itself.
    filters: Option<usize>,
    has_residual: bool,
}

/// The convolutions of links, their inputs but the first, and what each gives.
fn made(links: &[Link], x: &Tensor) -> (Vec<ConvFused>, Vec<Vec<Tensor>>, Vec<Tensor>) {
    let (mut convolutions, mut inputs, mut results) = (Vec::new(), Vec::new(), Vec::new());
    let mut y = x.clone();
    for (seed, link) in links.iter().enumerate() {
        let channels = y.shape()[3];
        let filters = link.filters.unwrap_or(channels);
        let groups = if link.filters.is_some() { 1 } else { channels };
        let random = |shape: &[usize], which| noise(shape, 10 * seed as u64 + which, x.dtype());
        let kernel = [link.taps, link.taps, channels / groups, filters];
        let mut given = vec![random(&kernel, 1), random(&[filters], 2)];
        let mut fused = ConvFused {
            conv: Conv {
                part: ConvPart::Output,
                strides: [link.stride; 2][..].into(),
                padding: [link.padding; 2][..].into(),
                dilation: [1, 1][..].into(),
                groups,
                sizes: Spatial::new(),
            },
            has_scale: false,
            has_bias: true,
            has_residual: false,
            activation: Fused::ALL[seed % Fused::ALL.len()],
        };
        let run = |fused: &ConvFused, given: &[Tensor]| {
            let inputs: Vec<&Tensor> = [&y].into_iter().chain(given).collect();
            apply_one(Op::ConvFused(fused.clone()), &inputs).unwrap()
        };
        let mut result = run(&fused, &given);
        if link.has_residual {
            fused.has_residual = true;
            given.push(random(result.shape(), 3));
            result = run(&fused, &given);
        }
        convolutions.push(fused);
        inputs.push(given);
        results.push(result.clone());
        y = result;
    }
    (convolutions, inputs, results)
}

fn check(shape: [usize; 4], links: &[Link], dtype: DType) {
    let x = noise(&shape, 99, dtype);
    let (convolutions, inputs, results) = made(links, &x);
    let op = Op::ConvChain(ConvChain {
        links: convolutions.into(),
    });
    let inputs: Vec<&Tensor> = [&x].into_iter().chain(inputs.iter().flatten()).collect();
    let wanted = results.last().unwrap().to_f64_vec().unwrap();
    for count in [1, 2, 3, 8] {
        let found = threads::limited(count, || apply_one(op.clone(), &inputs).unwrap());
        assert!(
            found.to_f64_vec().unwrap() == wanted,
            "{count} threads, {shape:?}, {links:?}"
        );
    }
}

fn link(filters: Option<usize>, most_taps: usize) -> impl Strategy<Value = Link> {
    let around = prop_oneof![Just((1usize, 1usize)), Just((0, 1)), (0..3usize, 0..3usize)];
    let taps = prop_oneof![1..4usize, Just(3), Just(most_taps)];
    (taps, 1..3usize, around, any::<bool>()).prop_map(
        move |(taps, stride, padding, has_residual)| Link {
            taps,
            stride,
            padding,
            filters,
            has_residual,
        },
    )
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn small_ones(
        [batch, high, wide, channels] in [1..9usize, 21..30usize, 21..30usize, 1..40usize],
        links in (link(Some(18), 5), link(None, 5), link(Some(5), 3)),
        is_double in any::<bool>(),
    ) {
        let dtype = if is_double { DType::F64 } else { DType::F32 };
        check([batch, high, wide, channels], &[links.0, links.1, links.2], dtype);
    }
}

#[test]
fn large_ones_are_made_in_bands() {
    let point = |filters, has_residual| Link {
        taps: 1,
        stride: 1,
        padding: (0, 0),
        filters: Some(filters),
        has_residual,
    };
    let window = |filters, stride, padding| Link {
        taps: 3,
        stride,
        padding,
        filters,
        has_residual: false,
    };
    // With a step of two and without, a window of many channels before it, three between, and nothing after it.
    let chains: [&[Link]; 4] = [
        &[point(96, false), window(None, 2, (0, 1)), point(24, false)],
        &[
            window(Some(64), 2, (0, 1)),
            window(None, 1, (1, 1)),
            point(8, true),
        ],
        &[
            point(64, true),
            window(None, 1, (1, 1)),
            window(None, 1, (2, 0)),
            point(16, true),
        ],
        &[point(160, false), window(None, 1, (1, 1))],
    ];
    for links in chains {
        check([1, 112, 84, 8], links, DType::F32);
        check([3, 112, 44, 8], links, DType::F32);
    }
}

#[test]
fn nothing_comes_of_nothing() {
    let links = [Link {
        taps: 1,
        stride: 1,
        padding: (0, 0),
        filters: Some(4),
        has_residual: false,
    }];
    check([0, 5, 5, 3], &links, DType::F32);
    check([2, 5, 5, 0], &links, DType::F32);
    let links = [][..].into();
    let x = noise(&[1, 2, 2, 1], 1, DType::F32);
    assert!(apply_one(Op::ConvChain(ConvChain { links }), &[&x]).is_err());
}
