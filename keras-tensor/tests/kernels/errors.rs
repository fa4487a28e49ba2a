//! Wrong inputs: the message names the op, what it got and what it wanted, and nothing panics.

use keras_tensor::op::{
    Adam, ArgReduce, Binary, Fold, Fused, Pad, Random, Recurrent, RecurrentCell, RecurrentGrad,
    Reduce, ScatterAdd, Sgd, Unary, Update,
};
use keras_tensor::ops::{ConvWindow, Padding};
use keras_tensor::{DType, Distribution, Op, Result, Tensor, apply, apply_one, ops};

fn t(shape: &[usize], dtype: DType) -> Tensor {
    crate::tensor(shape, dtype, 1)
}

fn f(shape: &[usize]) -> Tensor {
    t(shape, DType::F32)
}

fn i(shape: &[usize]) -> Tensor {
    t(shape, DType::I32)
}

/// The message holds every one of the words.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let message = result.expect_err("it should be refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn shapes_that_do_not_fit() {
    refused(
        ops::add(f(&[2, 3]), f(&[2])),
        &["add", "(2, 3) and (2,)", "equal or 1"],
    );
    refused(
        ops::where_(t(&[2], DType::Bool), f(&[3]), f(&[3])),
        &["where", "(2,) and (3,)"],
    );
    refused(
        ops::matmul(f(&[2, 3]), f(&[4, 5])),
        &["matmul", "(2, 3) and (4, 5)", "3 and 4"],
    );
    refused(
        ops::matmul(f(&[2, 2, 3]), f(&[3, 3, 5])),
        &["matmul", "(2,) and (3,)"],
    );
    refused(
        ops::matmul(f(&[1]), f(&[3])),
        &["matmul", "(1,) and (3,)", "equal size"],
    );
    refused(
        ops::matmul(f(&[]), f(&[3])),
        &["matmul", "() and (3,)", "multiply"],
    );
    refused(
        ops::dense(f(&[2, 3]), f(&[4, 5]), None, Fused::Relu),
        &["dense", "(2, 3) and (4, 5)", "[in, out]"],
    );
    let bias = f(&[4]);
    refused(
        ops::dense(f(&[2, 3]), f(&[3, 5]), Some(&bias), Fused::Relu),
        &["dense", "(4,)", "bias"],
    );
    let window = ConvWindow {
        strides: &[1],
        padding: Padding::Valid,
        dilation: &[1],
        groups: 1,
    };
    refused(
        ops::conv_fused(
            f(&[2, 3, 1]),
            f(&[3, 1, 5]),
            window,
            Some(&bias),
            Fused::Relu,
        ),
        &["bias of a convolution", "(4,)", "(5,)"],
    );
    refused(
        ops::softmax_cross_entropy(f(&[2, 3]), f(&[2, 4])),
        &["softmax_cross_entropy", "(2, 3) and (2, 4)", "equal"],
    );
    refused(
        ops::softmax_cross_entropy(f(&[]), f(&[])),
        &["softmax_cross_entropy", "()", "classes"],
    );
    refused(
        ops::concatenate(&[&f(&[2, 3]), &f(&[2, 4])], 0),
        &["concatenate", "(2, 3) and (2, 4)", "axis 0"],
    );
    refused(
        ops::concatenate(&[&f(&[2]), &f(&[2, 4])], 0),
        &["concatenate", "(2,) and (2, 4)"],
    );
    refused(
        ops::concatenate(&[], 0),
        &["concatenate", "no tensors", "at least one"],
    );
    refused(ops::stack(&[], 0), &["stack", "no tensors", "at least one"]);
    refused(
        ops::activation_grad(f(&[2]), f(&[3]), Fused::Tanh),
        &["activation_grad", "(2,) and (3,)"],
    );
    refused(
        ops::broadcast_to(f(&[3]), [2]),
        &["broadcast_to", "(3,) and (2,)"],
    );
    refused(
        ops::broadcast_to(f(&[3]), [1]),
        &["broadcast_to", "(3,) and (1,)"],
    );
    let scatter = ScatterAdd { axis: 0, size: 5 };
    refused(
        apply_one(Op::ScatterAdd(scatter), &[&f(&[2, 3]), &i(&[4])]),
        &["scatter_add", "(2, 3) and (4,)"],
    );
    let sgd = Sgd {
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
    };
    refused(
        apply(Op::Update(Update::Sgd(sgd)), &[&f(&[2]), &f(&[3])]),
        &["sgd", "(2,) and (3,)", "equal"],
    );
    let adam = Adam {
        alpha: 0.1,
        beta_1: 0.9,
        beta_2: 0.9,
        epsilon: 1e-7,
    };
    refused(
        apply(Op::Update(Update::Adam(adam)), &[&f(&[2]), &f(&[2])]),
        &["adam", "2 inputs", "4 inputs"],
    );
}

#[test]
fn axes_that_are_not_there() {
    refused(ops::sum(f(&[2, 3]), 2), &["sum", "[2]", "2"]);
    refused(
        ops::mean(f(&[2, 3]), [0, -2]),
        &["mean", "[0, -2]", "different"],
    );
    refused(ops::moments(f(&[2]), 1, false), &["moments", "[1]"]);
    refused(ops::logsumexp(f(&[2]), 1, false), &["logsumexp", "[1]"]);
    refused(
        ops::softmax(f(&[2, 3]), 2),
        &["softmax", "axis 2", "from -2 to 1"],
    );
    refused(
        ops::log_softmax(f(&[2, 3]), -3),
        &["log_softmax", "axis -3", "from -2 to 1"],
    );
    refused(ops::cumsum(f(&[2]), 1), &["cumsum", "axis 1"]);
    refused(ops::argsort(f(&[2]), 1), &["argsort", "axis 1"]);
    refused(ops::argmax(f(&[2]), 1), &["argmax", "axis 1"]);
    refused(ops::argmin(f(&[2]), 1), &["argmin", "axis 1"]);
    refused(
        ops::argmax(f(&[0, 2]), 0),
        &["argmax", "(0, 2)", "elements"],
    );
    refused(ops::take(f(&[2]), i(&[2]), 1), &["take", "axis 1"]);
    refused(ops::expand_dims(f(&[2]), 3), &["expand_dims", "axis 3"]);
    refused(
        ops::squeeze(f(&[2, 1]), 0),
        &["squeeze", "(2, 1)", "axis 0 of size 1"],
    );
    refused(
        ops::transpose(f(&[2, 3]), Some(&[0, 0])),
        &["transpose", "(2, 3)", "once", "[0, 0]"],
    );
    refused(
        ops::transpose(f(&[2, 3]), Some(&[0])),
        &["transpose", "(2, 3)", "[0]"],
    );
    refused(
        ops::transpose(f(&[2, 3]), Some(&[0, 2])),
        &["transpose", "(2, 3)", "[0, 2]"],
    );
    refused(ops::slice_axis(f(&[3]), 1, 0, 1), &["slice", "axis 1"]);
    let reduce = Reduce {
        fold: Fold::Max,
        axes: [1, 0][..].into(),
        keep_dims: false,
    };
    refused(
        apply_one(Op::Reduce(reduce), &[&f(&[2, 3])]),
        &["max", "(2, 3)", "[1, 0]"],
    );
    let far = ArgReduce {
        largest: false,
        axis: usize::MAX,
    };
    refused(
        apply_one(Op::ArgReduce(far), &[&f(&[2])]),
        &["argmin", "(2,)"],
    );
    refused(
        apply_one(Op::Concat(usize::MAX), &[&f(&[2])]),
        &["concatenate", "(2,)"],
    );
    let far = ScatterAdd {
        axis: usize::MAX,
        size: 2,
    };
    refused(
        apply_one(Op::ScatterAdd(far), &[&f(&[2]), &i(&[2])]),
        &["scatter_add", "(2,)"],
    );
}

#[test]
fn sizes_that_do_not_fit() {
    refused(
        ops::reshape(f(&[2, 3]), &[4]),
        &["reshape", "(2, 3)", "[4]", "6 elements"],
    );
    refused(
        ops::reshape(f(&[2, 3]), &[-1, -1]),
        &["reshape", "(2, 3)", "-1"],
    );
    refused(
        ops::reshape(f(&[2, 3]), &[-1, 4]),
        &["reshape", "(2, 3)", "[-1, 4]"],
    );
    refused(
        ops::reshape(f(&[0, 3]), &[-1, 0]),
        &["reshape", "(0, 3)", "[-1, 0]"],
    );
    refused(
        ops::reshape(f(&[2]), &[isize::MAX, 4]),
        &["reshape", "(2,)"],
    );
    refused(
        ops::reshape_to(f(&[2]), [usize::MAX, 2].into()),
        &["reshape"],
    );
    refused(
        ops::slice(f(&[3]), &[2], &[2]),
        &["slice", "(3,)", "(2,) from (2,)"],
    );
    refused(ops::slice(f(&[3]), &[usize::MAX], &[2]), &["slice", "(3,)"]);
    refused(ops::slice(f(&[3]), &[], &[]), &["slice", "(3,)"]);
    refused(ops::pad(f(&[3]), &[], 0.0), &["pad", "(3,)", "each axis"]);
    refused(
        ops::pad(f(&[3]), &[(usize::MAX, 1)], 0.0),
        &["pad", "(3,)", "fewer"],
    );
    refused(
        ops::pad(f(&[3, 1]), &[(usize::MAX / 9, 1), (1, 1)], 0.0),
        &["elements"],
    );
    refused(ops::zeros([usize::MAX, 2], DType::F32), &["fewer elements"]);
    refused(
        ops::broadcast_to(f(&[1]), [usize::MAX / 2, 4, 1]),
        &["fewer elements"],
    );
    refused(ops::top_k(f(&[2, 3]), 4), &["top_k.k", "4", "3"]);
    refused(ops::flatten(f(&[])), &["flatten", "()"]);
    refused(ops::arange(3, 2, DType::I32), &["arange.stop", "2", "3"]);
    refused(
        Tensor::new(&[1.0f32], [2]),
        &["Tensor::new", "(2,)", "1 elements"],
    );
    refused(f(&[2]).item(), &["item", "(2,)", "one element"]);
}

#[test]
fn values_that_make_no_sense() {
    refused(ops::take(f(&[3]), 3, 0), &["take", "index 3", "3 elements"]);
    refused(
        ops::take(f(&[3]), -4, 0),
        &["take", "index -4", "3 elements"],
    );
    refused(ops::take(f(&[0]), 0, 0), &["take", "index 0", "0 elements"]);
    let scatter = ScatterAdd { axis: 0, size: 2 };
    let place = Tensor::new(&[2i32], [1]).unwrap();
    refused(
        apply_one(Op::ScatterAdd(scatter), &[&f(&[1]), &place]),
        &["scatter_add", "index 2", "2 elements"],
    );
    refused(ops::clip(f(&[1]), 2.0, 1.0), &["clip.min", "2", "1"]);
    let seed = Tensor::new(&[1u32, 2], [2]).unwrap();
    let integers = Distribution::Integers { low: 3, high: 3 };
    refused(
        ops::random(integers, [2], DType::I32, &seed),
        &["random integers", "3 to 3"],
    );
    let random = Random {
        distribution: integers,
        shape: [2].into(),
        dtype: DType::I32,
    };
    refused(
        apply_one(Op::Random(random), &[&seed]),
        &["random integers", "3 to 3"],
    );
}

#[test]
fn dtypes_that_do_not_fit() {
    let float = "a float type; cast it first";
    refused(
        apply_one(Op::Softmax(0), &[&i(&[2])]),
        &["softmax", "int32", float],
    );
    refused(
        apply_one(Op::SoftmaxCrossEntropy, &[&i(&[2]), &i(&[2])]),
        &["softmax_cross_entropy", "int32", float],
    );
    refused(
        apply_one(Op::Unary(Unary::Exp), &[&i(&[2])]),
        &["exp", "int32", float],
    );
    refused(
        apply_one(Op::Unary(Unary::Not), &[&i(&[2])]),
        &["logical_not", "int32", "bool"],
    );
    refused(
        apply_one(Op::ActivationGrad(Fused::Relu), &[&i(&[2]), &i(&[2])]),
        &["activation_grad", "int32", float],
    );
    refused(
        apply_one(Op::Dense(Fused::Relu), &[&i(&[2, 2]), &i(&[2, 2])]),
        &["dense", "int32", float],
    );
    refused(
        apply_one(Op::Binary(Binary::Add), &[&i(&[2]), &f(&[2])]),
        &["add", "float32", "int32"],
    );
    let truth = t(&[2], DType::Bool);
    let number = "numbers; cast it first";
    refused(ops::add(&truth, &truth), &["add", "bool", number]);
    refused(ops::subtract(&truth, &truth), &["subtract", "bool", number]);
    refused(
        ops::matmul(t(&[2, 2], DType::Bool), t(&[2, 2], DType::Bool)),
        &["matmul", "bool", number],
    );
    let all = Reduce {
        fold: Fold::All,
        axes: [0][..].into(),
        keep_dims: false,
    };
    refused(
        apply_one(Op::Reduce(all), &[&i(&[2])]),
        &["all", "int32", "bools"],
    );
    refused(
        apply_one(Op::Select, &[&i(&[2]), &f(&[2]), &f(&[2])]),
        &["where", "int32", "bools"],
    );
    refused(
        ops::take(f(&[3]), f(&[2]), 0),
        &["take", "float32", "integers"],
    );
    refused(
        ops::one_hot(f(&[3]), 2, DType::F32),
        &["one_hot", "float32", "integers"],
    );
    let random = |seed: &Tensor| {
        ops::random(
            Distribution::Uniform {
                low: 0.0,
                high: 1.0,
            },
            [2],
            DType::F32,
            seed,
        )
    };
    refused(random(&f(&[2])), &["random", "float32", "uint32"]);
    refused(random(&t(&[3], DType::U32)), &["random", "(3,)", "(2,)"]);
    refused(f(&[2]).to_vec::<f64>(), &["to_vec", "float32", "float64"]);
    refused(
        Tensor::meta([2], DType::F32).to_vec::<f32>(),
        &["(2,)", "no data"],
    );
    let pad = Pad {
        before: [1].into(),
        after: [1].into(),
        value: 0.0,
    };
    refused(
        apply_one(Op::Pad(pad), &[]),
        &["pad", "0 inputs", "1 inputs"],
    );
}

#[test]
fn recurrent_cells() {
    let op = Recurrent {
        cell: RecurrentCell::Lstm,
        activation: Fused::Tanh,
        recurrent_activation: Fused::Sigmoid,
        has_bias: false,
        has_mask: false,
    };
    let (x, kernel, recurrent) = (f(&[2, 5, 7]), f(&[7, 12]), f(&[3, 12]));
    let state = f(&[2, 3]);
    let given = [&x, &kernel, &recurrent, &state, &state];
    let run =
        |op: &Recurrent, all: &[&Tensor]| apply(Op::Recurrent(*op), all).map(|y| y[0].clone());
    assert!(run(&op, &given).is_ok());
    refused(
        run(&op, &given[..4]),
        &["recurrent", "4 inputs", "5 inputs"],
    );
    let wanted = "[batch, time, in], [in, 4 * units]";
    let (narrow, wide, scalar) = (f(&[3, 9]), f(&[2, 4]), f(&[]));
    for (place, shown, other) in [
        (0, "()", &scalar),
        (1, "(3, 9)", &narrow),
        (2, "(3, 9)", &narrow),
        (2, "()", &scalar),
        (4, "(2, 4)", &wide),
    ] {
        let mut wrong = given;
        wrong[place] = other;
        refused(run(&op, &wrong), &["recurrent", shown, wanted]);
    }
    let with = |last: &Tensor| given.into_iter().chain([last]).cloned().collect::<Vec<_>>();
    let run_with = |op: &Recurrent, last: &Tensor| run(op, &with(last).iter().collect::<Vec<_>>());
    let masked = Recurrent {
        has_mask: true,
        ..op
    };
    refused(run_with(&masked, &f(&[5, 2])), &["recurrent", "of bools"]);
    let biased = Recurrent {
        has_bias: true,
        ..op
    };
    assert!(run_with(&biased, &f(&[12])).is_ok());
    refused(
        run_with(&biased, &f(&[2, 12])),
        &["recurrent", "a bias [4 * units]"],
    );
    let mut whole = given;
    let numbers = i(&[2, 5, 7]);
    whole[0] = &numbers;
    refused(run(&op, &whole), &["recurrent", "int32", "a float type"]);
    let (all_h, kept) = (f(&[5, 2, 3]), f(&[5, 2, 15]));
    let right: Vec<&Tensor> = given
        .into_iter()
        .chain([&all_h, &kept, &all_h, &kept, &state, &state])
        .collect();
    let grad = Op::RecurrentGrad(RecurrentGrad {
        recurrent: biased,
        has_all_h: true,
        has_kept: true,
        of_x: true,
        of_weights: true,
    });
    let shapes: Vec<String> = apply(grad.clone(), &right)
        .unwrap()
        .iter()
        .map(|y| y.shape().to_string())
        .collect();
    assert_eq!(
        shapes,
        ["(2, 5, 7)", "(10, 12)", "(12,)", "(2, 3)", "(2, 3)"]
    );
    for i in 0..right.len() {
        let mut wrong = right.clone();
        wrong[i] = &wide;
        refused(apply(grad.clone(), &wrong), &["recurrent", wanted]);
    }
}
