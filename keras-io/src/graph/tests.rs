use keras_layers::layers::*;
use keras_layers::{Arguments, Call, LayerExt, LayerRef};
use keras_models::{Model, Sequential, layers};
use keras_tensor::op::Slice;
use keras_tensor::{DType, Op, Shape, Tensor, apply, ops};

use super::{Graph, Size, Source, Weights, trace};

/// What a graph computes for these inputs.
fn evaluate(graph: &Graph, inputs: &[Tensor], batch: usize) -> Vec<Tensor> {
    let size = |s: &Size| (s.per_batch * batch as i64 + s.constant) as usize;
    let mut values: Vec<Option<Tensor>> = graph
        .values
        .iter()
        .map(|value| match &value.source {
            Source::Weight(weight) => Some(weight.value().unwrap()),
            Source::Constant(tensor) => Some(tensor.clone()),
            Source::Input | Source::Varying | Source::Node => None,
        })
        .collect();
    for ((_, place), input) in graph.inputs.iter().zip(inputs) {
        values[*place] = Some(input.clone());
    }
    for node in &graph.nodes {
        let sizes: Shape = node.sizes.iter().map(size).collect();
        let op = match &node.op {
            Op::Fill(fill) => Op::Fill(keras_tensor::op::Fill {
                shape: sizes,
                ..fill.clone()
            }),
            Op::Arange(arange) => Op::Arange(keras_tensor::op::Arange {
                count: sizes[0],
                ..arange.clone()
            }),
            Op::Reshape(_) => Op::Reshape(sizes),
            Op::Broadcast(_) => Op::Broadcast(sizes),
            Op::Slice(_) => {
                let (begin, size) = sizes.split_at(sizes.rank() / 2);
                Op::Slice(Slice {
                    begin: begin.into(),
                    size: size.into(),
                })
            }
            other => other.clone(),
        };
        let inputs: Vec<&Tensor> = node
            .inputs
            .iter()
            .map(|&p| values[p].as_ref().unwrap())
            .collect();
        let outputs = apply(op, &inputs).unwrap();
        for (&place, output) in node.outputs.iter().zip(outputs) {
            let wanted: Shape = graph.values[place].sizes.iter().map(size).collect();
            assert_eq!(*output.shape(), wanted);
            values[place] = Some(output);
        }
    }
    let outputs = graph.outputs.iter();
    outputs
        .map(|(_, place)| values[*place].clone().unwrap())
        .collect()
}

fn noise(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let data: Vec<f64> = (0..count).map(|i| (i as f64 * 0.7).sin()).collect();
    Tensor::from_f64(&data, shape, DType::F32).unwrap()
}

fn check(model: &Model, inputs: &[&[usize]]) {
    check_as(model, inputs, Weights::Folded);
    check_as(model, inputs, Weights::Kept);
}

fn check_as(model: &Model, inputs: &[&[usize]], how: Weights) {
    let graph = trace(model, how).unwrap();
    for batch in [1, 2, 5] {
        let inputs: Vec<Tensor> = inputs
            .iter()
            .map(|dims| noise(&[&[batch], *dims].concat()))
            .collect();
        let arguments = match &inputs[..] {
            [one] => Arguments::new(one.clone()),
            several => Arguments::new(several.to_vec()),
        };
        let wanted = model.call_many(arguments, &Call::inference()).unwrap();
        for (got, wanted) in evaluate(&graph, &inputs, batch).iter().zip(&wanted) {
            assert_eq!(got.shape(), wanted.shape());
            let pairs = got
                .to_f64_vec()
                .unwrap()
                .into_iter()
                .zip(wanted.to_f64_vec().unwrap());
            for (got, wanted) in pairs {
                assert!(
                    (got - wanted).abs() < 1e-6,
                    "{}: {got}, not {wanted}",
                    graph.name
                );
            }
        }
    }
}

#[test]
fn a_graph_computes_what_the_model_does_for_any_batch() {
    check(
        &Sequential::new(layers![
            Input::new([8, 8, 3]),
            Conv2D::new(4, 3).padding("same").activation("relu"),
            BatchNormalization::new(),
            MaxPooling2D::new(2),
            UpSampling2D::new(2),
            Flatten::new(),
            Dense::new(3).activation("softmax"),
        ]),
        &[&[8, 8, 3]],
    );
    check(
        &Sequential::new(layers![
            Input::new([5, 4]),
            Bidirectional::new(LSTM::new(3).return_sequences(true)),
            GRU::new(2),
        ]),
        &[&[5, 4]],
    );
    let (a, b) = (Input::new([4, 6]).symbolic(), Input::new([3, 6]).symbolic());
    let attention = LayerRef::from(MultiHeadAttention::new(2, 3));
    let y = attention.on(Arguments::new(&a).and(&b)).unwrap();
    let model = Model::new(
        vec![a, b],
        vec![y.clone(), LayerNormalization::new().on(&y).unwrap()],
    )
    .unwrap();
    // Of some random weights, normalization makes more than is allowed here of what the last digits differ by.
    let known = model.get_weights().unwrap();
    let known: Vec<Tensor> = known.iter().map(|w| noise(w.shape())).collect();
    model.set_weights(&known).unwrap();
    check(&model, &[&[4, 6], &[3, 6]]);
}

#[test]
fn states_of_the_model_are_not_changed_and_not_written() {
    let layer = LSTM::new(2).stateful(true);
    let input = Input::batch_shape([Some(2), Some(3), Some(1)]);
    let model = Sequential::new(layers![input, layer]);
    let state = || {
        model
            .variables()
            .iter()
            .map(|v| v.value().unwrap().to_f64_vec().unwrap())
            .collect::<Vec<_>>()
    };
    model
        .call(
            &ops::ones([2, 3, 1], DType::F32).unwrap(),
            &Call::inference(),
        )
        .unwrap();
    let before = state();
    for how in [Weights::Folded, Weights::Kept] {
        let message = trace(&model, how).err().unwrap().to_string();
        assert!(message.contains("state"), "{message}");
    }
    assert_eq!(state(), before);
}
