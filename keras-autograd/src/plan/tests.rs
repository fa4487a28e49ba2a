//! What plans compute against the computation itself, and what they refuse.

use keras_tensor::op::Pad;
use keras_tensor::ops::{self, ConvWindow, Padding, Pooling};
use keras_tensor::random::{Philox, SeedGenerator, normal};
use keras_tensor::{DType, Op, Result, Tensor, Variable, apply_one};

use super::Plan;
use crate::Graph;

fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::from_seed(seed, 0).uniform_f64(&mut values);
    let values: Vec<f64> = values.iter().map(|v| v - 0.5).collect();
    Tensor::from_f64(&values, shape, DType::F32).unwrap()
}

fn weight(shape: &[usize], seed: u64) -> Variable {
    Variable::new(noise(shape, seed), "w")
}

fn plan(shape: &[usize], work: &dyn Fn(&Tensor) -> Result<Tensor>) -> Option<Plan> {
    let x = Tensor::meta(shape, DType::F32);
    let graph = Graph::trace(std::slice::from_ref(&x), || Ok(vec![work(&x)?]))?;
    Some(Plan::new(graph).unwrap())
}

fn near(a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape());
    let pairs = a.to_f64_vec().unwrap().into_iter();
    for (a, b) in pairs.zip(b.to_f64_vec().unwrap()) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a}, not {b}");
    }
}

fn check(shape: &[usize], work: &dyn Fn(&Tensor) -> Result<Tensor>, wanted: &[&str]) -> Plan {
    let plan = plan(shape, work).unwrap();
    assert_eq!(plan.ops().collect::<Vec<_>>(), wanted);
    let x = noise(shape, 9);
    near(&plan.run(&[&x]).unwrap()[0], &work(&x).unwrap());
    plan
}

const WINDOW: ConvWindow = ConvWindow {
    strides: &[1, 1],
    padding: Padding::Same,
    dilation: &[1, 1],
    groups: 1,
};

fn conv(x: &Tensor, kernel: &Variable, bias: Option<&Variable>) -> Result<Tensor> {
    let bias = bias.map(|bias| bias as &dyn ops::Operand);
    ops::conv_fused(x, kernel, WINDOW, bias, Default::default())
}

/// Batch normalization as layers compute it in inference.
fn normalized(x: &Tensor, [gamma, beta]: &[Variable; 2]) -> Result<Tensor> {
    let scale = ops::multiply(gamma, ops::rsqrt(ops::add(ops::square(beta)?, 0.001)?)?)?;
    let scale = ops::reshape(&scale, &[1, 1, 1, -1])?;
    ops::add(
        ops::multiply(x, scale)?,
        ops::reshape(beta, &[1, 1, 1, -1])?,
    )
}

fn both(filters: usize, seed: u64) -> [Variable; 2] {
    [weight(&[filters], seed), weight(&[filters], seed + 1)]
}

#[test]
fn a_residual_block_is_its_convolutions() {
    let kernels = [
        weight(&[3, 3, 4, 8], 1),
        weight(&[3, 3, 8, 4], 2),
        weight(&[1, 1, 4, 4], 3),
    ];
    let biases = [weight(&[8], 4), weight(&[4], 5)];
    let norms = [both(8, 6), both(4, 8), both(4, 10)];
    let block = |x: &Tensor| {
        let short = normalized(&conv(x, &kernels[2], None)?, &norms[2])?;
        let y = ops::relu(normalized(
            &conv(x, &kernels[0], Some(&biases[0]))?,
            &norms[0],
        )?)?;
        let y = normalized(&conv(&y, &kernels[1], Some(&biases[1]))?, &norms[1])?;
        ops::relu(ops::add(&short, &y)?)
    };
    let plan = check(&[2, 5, 5, 4], &block, &["conv_fused"; 3]);
    // Weights that change are seen, those that were folded after the plan is made anew.
    kernels[0].assign(&noise(&[3, 3, 4, 8], 20)).unwrap();
    assert!(plan.is_fresh());
    let x = noise(&[2, 5, 5, 4], 21);
    near(&plan.run(&[&x]).unwrap()[0], &block(&x).unwrap());
    norms[1][0].assign(&noise(&[4], 22)).unwrap();
    assert!(!plan.is_fresh());
    let plan = plan.refreshed().unwrap();
    near(&plan.run(&[&x]).unwrap()[0], &block(&x).unwrap());
}

#[test]
fn convolutions_around_one_of_each_channel_are_one_op() {
    let (wide, narrow) = (weight(&[1, 1, 4, 24], 1), weight(&[1, 1, 24, 4], 2));
    let (kernel, biases) = (weight(&[3, 3, 1, 24], 3), both(24, 4));
    let each = ConvWindow {
        groups: 24,
        ..WINDOW
    };
    let work = |x: &Tensor| {
        let y = ops::relu(conv(x, &wide, Some(&biases[0]))?)?;
        let y = ops::conv_fused(&y, &kernel, each, None, Default::default())?;
        ops::add(x, conv(&y, &narrow, None)?)
    };
    for shape in [[2, 6, 5, 4], [1, 7, 7, 4]] {
        check(&shape, &work, &["conv_chain"]);
    }
    // Something else reads what is between them.
    let both = |x: &Tensor| {
        let y = ops::relu(conv(x, &wide, Some(&biases[0]))?)?;
        let z = ops::conv_fused(&y, &kernel, each, None, Default::default())?;
        ops::add(
            conv(&y, &narrow, None)?,
            ops::conv_fused(&z, &narrow, WINDOW, None, Default::default())?,
        )
    };
    check(&[1, 6, 5, 4], &both, &["conv_fused", "conv", "conv_chain"]);
    // A chain would not round to 16 bits in between.
    let [kernel, narrow] = [&kernel, &narrow].map(|weight| {
        let value = ops::cast(weight, DType::BF16).unwrap();
        Variable::new(value, "w")
    });
    let half = |x: &Tensor| {
        let x = ops::cast(x, DType::BF16)?;
        conv(
            &ops::conv_fused(&x, &kernel, each, None, Default::default())?,
            &narrow,
            None,
        )
    };
    check(&[1, 6, 5, 24], &half, &["cast", "conv", "conv"]);
}

#[test]
fn borders_of_zeros_are_padding() {
    let kernel = weight(&[3, 3, 2, 2], 1);
    let window = ConvWindow {
        strides: &[2, 2],
        padding: Padding::Valid,
        ..WINDOW
    };
    let padded = |x: &Tensor| {
        let pad = Pad {
            before: [0, 1, 0, 0].into(),
            after: [0, 2, 1, 0].into(),
            value: 0.0,
        };
        let x = apply_one(Op::Pad(pad), &[x])?;
        ops::relu(ops::conv_fused(
            &x,
            &kernel,
            window,
            None,
            Default::default(),
        )?)
    };
    check(&[1, 6, 7, 2], &padded, &["conv_fused"]);
}

#[test]
fn dense_layers_take_up_what_follows() {
    let (kernel, bias) = (weight(&[4, 3], 1), weight(&[3], 2));
    let dense = |x: &Tensor| {
        let y = ops::dense(x, &kernel, None, Default::default())?;
        ops::clip(ops::relu(ops::add(&y, &bias)?)?, 0.0, 6.0)
    };
    check(&[5, 4], &dense, &["dense"]);
}

#[test]
fn what_is_needed_twice_stays() {
    let kernel = weight(&[1, 1, 2, 2], 1);
    let swish = |x: &Tensor| {
        let y = conv(x, &kernel, None)?;
        let y = ops::multiply(&y, ops::sigmoid(&y)?)?;
        ops::subtract(1.0, ops::reshape(ops::reshape(y, &[2, -1])?, &[-1])?)
    };
    let ops = ["conv", "sigmoid", "multiply", "reshape", "subtract"];
    check(&[2, 3, 3, 2], &swish, &ops);
    let twice = |x: &Tensor| {
        let y = conv(x, &kernel, None)?;
        ops::add(&y, &y)
    };
    check(&[2, 3, 3, 2], &twice, &["conv", "add"]);
}

#[test]
fn a_plan_holds_no_memory_of_weights() {
    let kernel = weight(&[9, 2], 1);
    let work = |x: &Tensor| ops::matmul(x, ops::reshape(&kernel, &[3, 6])?);
    let plan = check(&[2, 3], &work, &["reshape", "matmul"]);
    let value = kernel.take().unwrap();
    assert!(value.is_unique());
    kernel.put(value).unwrap();
    assert!(plan.is_fresh());
}

#[test]
fn what_is_not_the_same_each_time_has_no_plan() {
    let (state, seeds) = (weight(&[3], 1), SeedGenerator::new(Some(1)));
    let before = [state.id(), seeds.state().id()];
    let count = std::cell::Cell::new(0.0);
    type Work<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
    let refused: [Work; 4] = [
        &|x| ops::multiply(x, ops::sum(x, None)?.item()?),
        &|x| {
            let _ = state.assign(&Tensor::new(&[1.0f32, 2.0, 3.0], [3])?);
            ops::add(x, &state)
        },
        &|x| ops::add(x, normal([3], 0.0, 1.0, &seeds)?),
        &|x| {
            count.set(count.get() + 1.0);
            ops::multiply(x, count.get())
        },
    ];
    for work in refused {
        assert!(plan(&[3], work).is_none());
    }
    assert_eq!(before, [state.id(), seeds.state().id()]);
}

#[test]
fn large_tensors_are_made_for_a_few_samples_at_a_time() {
    let (wide, narrow) = (weight(&[1, 1, 3, 256], 1), weight(&[3, 3, 256, 4], 2));
    let bias = weight(&[256], 3);
    // 1.6 MB a sample in between.
    let work = |x: &Tensor| {
        let y = ops::relu(conv(x, &wide, Some(&bias))?)?;
        let y = ops::pool(&y, Pooling::Max, &[2, 2], &[2, 2], Padding::Valid)?;
        ops::mean(conv(&y, &narrow, None)?, [1, 2])
    };
    let ops = ["conv_fused", "max_pool", "conv", "mean"];
    let few = check(&[2, 40, 40, 3], &work, &ops);
    assert!(few.program.samples.is_none());
    let many = check(&[7, 40, 40, 3], &work, &ops);
    let samples = many.program.samples.as_ref().unwrap();
    assert_eq!((samples.group, samples.batch, samples.ops), (5, 7, 2));
    // Another weight's value is another result.
    wide.assign(&noise(&[1, 1, 3, 256], 5)).unwrap();
    let x = noise(&[7, 40, 40, 3], 9);
    near(
        &many.refreshed().unwrap().run(&[&x]).unwrap()[0],
        &work(&x).unwrap(),
    );
}

#[test]
fn chains_are_made_for_a_few_samples_at_a_time() {
    let (wide, kernel) = (weight(&[1, 1, 3, 256], 1), weight(&[3, 3, 1, 256], 2));
    let narrow = weight(&[1, 1, 256, 256], 3);
    let each = ConvWindow {
        groups: 256,
        ..WINDOW
    };
    let work = |x: &Tensor| {
        let y = conv(x, &wide, None)?;
        let z = ops::conv_fused(&y, &kernel, each, None, Default::default())?;
        let z = ops::add(&y, conv(&z, &narrow, None)?)?;
        ops::pool(&z, Pooling::Max, &[2, 2], &[2, 2], Padding::Valid)
    };
    let plan = check(&[7, 40, 40, 3], &work, &["conv", "conv_chain", "max_pool"]);
    assert_eq!(plan.program.samples.as_ref().unwrap().ops, 3);
}

#[test]
fn what_looks_at_other_samples_is_done_for_all_at_once() {
    let wide = weight(&[1, 1, 3, 256], 1);
    let work = |x: &Tensor| {
        let y = conv(x, &wide, None)?;
        ops::pool(
            ops::subtract(&y, ops::mean(&y, [0])?)?,
            Pooling::Max,
            &[2, 2],
            &[2, 2],
            Padding::Valid,
        )
    };
    let ops = ["conv", "mean", "subtract", "max_pool"];
    let plan = check(&[7, 40, 40, 3], &work, &ops);
    assert!(plan.program.samples.is_none());
    // A kernel that is given has as many rows as there are samples, but it is no sample.
    let shapes: [&[usize]; 2] = [&[3, 60, 60, 3], &[3, 3, 3, 256]];
    let metas = shapes.map(|shape| Tensor::meta(shape, DType::F32));
    let work = |x: &[Tensor; 2]| {
        let y = ops::conv_fused(&x[0], &x[1], WINDOW, None, Default::default())?;
        Ok(vec![ops::pool(
            &y,
            Pooling::Max,
            &[4, 4],
            &[4, 4],
            Padding::Valid,
        )?])
    };
    let plan = Plan::new(Graph::trace(&metas, || work(&metas)).unwrap()).unwrap();
    let inputs = shapes.map(|shape| noise(shape, 9));
    let outputs = plan.run(&inputs.each_ref()).unwrap();
    near(&outputs[0], &work(&inputs).unwrap()[0]);
}
