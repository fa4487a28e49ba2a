//! Recurrent layers beyond what recorded vectors hold: dropout, states, masks, bad input.

use keras_autograd::GradientTape;
use keras_layers::initializers::Constant;
use keras_layers::layers::{
    Bidirectional, Dense, Dropout, GRU, GRUCell, LSTM, LSTMCell, RNN, SimpleRNN, TimeDistributed,
};
use keras_layers::{Arguments, Call, Dims, LayerExt, LayerRef};
use keras_tensor::{DType, Result, Tensor, ops};

fn wave(shape: [usize; 3]) -> Tensor {
    let data: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|i| (i as f32).sin())
        .collect();
    Tensor::new(&data, shape).unwrap()
}

#[track_caller]
fn near(y: &Tensor, wanted: &[f32]) {
    let got = y.to_vec::<f32>().unwrap();
    assert_eq!(got.len(), wanted.len());
    for (g, w) in got.iter().zip(wanted) {
        assert!((g - w).abs() <= 1e-6, "{got:?} is not {wanted:?}");
    }
}

/// Each layer with what Keras 3.15.1 on TensorFlow gives in two calls of training, for an input of `sin(0), sin(1), ..`.
#[test]
fn dropout_leaves_out_what_keras_leaves_out() {
    macro_rules! constant {
        ($layer:expr) => {
            $layer
                .kernel_initializer(Constant::new(0.1))
                .recurrent_initializer(Constant::new(0.2))
        };
    }
    macro_rules! both {
        ($layer:expr) => {
            constant!($layer)
                .dropout(0.3)
                .recurrent_dropout(0.4)
                .seed(7u32)
        };
    }
    let pairs = |v: [f32; 4]| v.map(|x| [x, x]).concat();
    let cells = [
        both!(LSTMCell::new(2)).into(),
        constant!(GRUCell::new(2)).dropout(0.5).seed(8u32).into(),
    ];
    let cases: [(LayerRef, [f32; 4]); 6] = [
        (
            both!(LSTM::new(2)).into(),
            [-0.005474984, 0.010774540, -0.004408921, 0.037195228],
        ),
        (
            constant!(LSTM::new(2)).dropout(0.3).seed(7u32).into(),
            [0.010737147, 0.011802967, -0.003749485, 0.042047299],
        ),
        (
            both!(GRU::new(2)).into(),
            [-0.026188560, -0.014720922, -0.072189458, 0.027110636],
        ),
        (
            both!(GRU::new(2)).reset_after(false).into(),
            [-0.026188562, -0.014720922, -0.072189458, 0.027110636],
        ),
        (
            both!(SimpleRNN::new(2)).into(),
            [0.022557441, -0.024222624, -0.076520279, -0.006857842],
        ),
        (
            RNN::stacked(cells).into(),
            [0.0037536744, 0.0, 0.0, 0.0031995256],
        ),
    ];
    let x = wave([2, 3, 4]);
    for (layer, wanted) in cases {
        let calls = [0, 1].map(|_| layer.call(&x, &Call::training()).unwrap());
        let both = ops::concatenate(&[&calls[0], &calls[1]], 0).unwrap();
        near(&both, &pairs(wanted));
    }
    let gru = constant!(GRU::new(2)).dropout(0.3).seed(7u32);
    let layer = LayerRef::from(Bidirectional::new(gru));
    let y = layer.call(&x, &Call::training()).unwrap();
    near(
        &y,
        &pairs([0.0018338412, 0.025233120, -0.032199819, 0.045598380]),
    );
}

/// Each step draws for itself.
#[test]
fn distributed_dropout_is_keras_s() {
    let layer = LayerRef::from(TimeDistributed::new(Dropout::new(0.5).seed(3)));
    let y = layer.call(&wave([2, 3, 4]), &Call::training()).unwrap();
    near(
        &y,
        &[
            0.0,
            1.6829419,
            1.8185948,
            0.28224,
            0.0,
            -1.9178486,
            0.0,
            1.3139732,
            1.9787165,
            0.0,
            -1.0880423,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            -0.5758066,
            0.0,
            -1.5019745,
            0.0,
            0.0,
            1.6733112,
            -0.017702619,
            0.0,
        ],
    );
}

#[test]
fn states_are_kept_until_they_are_reset() {
    let inner = LSTM::new(3).stateful(true).name("inner");
    let layer = LayerRef::from(RNN::stacked([LSTMCell::new(3).into()]).stateful(true));
    let x = wave([2, 4, 3]);
    for layer in [
        inner,
        layer,
        Bidirectional::new(GRU::new(3).stateful(true)).into(),
    ] {
        let call = || layer.call(&x, &Call::inference()).unwrap().to_vec::<f32>();
        let first = call().unwrap();
        assert_ne!(call().unwrap(), first);
        layer.reset_state().unwrap();
        assert_eq!(call().unwrap(), first);
        // The states are no weights, and inferring a shape does not touch them.
        assert!(layer.weights().iter().all(|w| w.name() != "rnn_state"));
        layer.reset_state().unwrap();
        layer.output_dims(&[2, 4, 3].into()).unwrap();
        assert_eq!(call().unwrap(), first);
        let other = layer.call(&wave([1, 4, 3]), &Call::inference());
        assert!(other.unwrap_err().to_string().contains("a batch of 2"));
    }
    let unknown = LayerRef::from(LSTM::new(3).stateful(true));
    let dims: Dims = [None, Some(4), Some(3)].into();
    let error = unknown.build(dims).unwrap_err().to_string();
    assert!(error.contains("a batch of known size"), "{error}");
}

/// Two parts, the second from the states of the first, are the whole.
#[test]
fn a_sequence_may_be_cut() -> Result<()> {
    let layer = LayerRef::from(LSTM::new(3).return_state(true));
    let x = wave([2, 6, 4]);
    let whole = layer.call_many(&x, &Call::inference())?;
    let first = ops::slice_axis(&x, 1, 0, 2)?;
    let first = layer.call_many(&first, &Call::inference())?;
    let second =
        Arguments::new(ops::slice_axis(&x, 1, 2, 4)?).named("initial_state", first[1..].to_vec());
    let second = layer.call_many(second, &Call::inference())?;
    for (a, b) in whole.iter().zip(&second) {
        near(a, &b.to_vec::<f32>()?);
    }
    Ok(())
}

/// Steps at the end that are masked change nothing, whatever is in them.
#[test]
fn masked_steps_change_nothing() -> Result<()> {
    let x = wave([1, 5, 2]);
    let mask = Tensor::new(&[true, true, true, false, false], [1, 5])?;
    let short = ops::slice_axis(&x, 1, 0, 3)?;
    let layers: [LayerRef; 3] = [
        SimpleRNN::new(3).into(),
        GRU::new(3).into(),
        LSTM::new(3).into(),
    ];
    for layer in layers {
        let masked = layer.call(&x.clone().with_mask(Some(mask.clone())), &Call::inference())?;
        assert!(masked.mask().is_none());
        near(&masked, &layer.call(&short, &Call::inference())?.to_vec()?);
    }
    let all = LayerRef::from(
        GRU::new(3)
            .return_sequences(true)
            .zero_output_for_mask(true),
    );
    let y = all.call(&x.with_mask(Some(mask)), &Call::inference())?;
    assert!(y.mask().is_some());
    let after = ops::slice_axis(&y, 1, 3, 2)?;
    near(&after, &[0.0; 6]);
    Ok(())
}

#[test]
fn lengths_that_are_not_known_are_inferred() {
    let x: Dims = [None, None, Some(4)].into();
    let shape = |layer: LayerRef| layer.output_dims(&x).unwrap().to_string();
    assert_eq!(shape(LSTM::new(3).into()), "(None, 3)");
    let all = || GRU::new(3).return_sequences(true);
    assert_eq!(shape(all().into()), "(None, None, 3)");
    assert_eq!(shape(Bidirectional::new(all()).into()), "(None, None, 6)");
    assert_eq!(
        shape(TimeDistributed::new(Dense::new(3)).into()),
        "(None, None, 3)"
    );
}

#[test]
fn names_and_dtypes_are_keras_s() {
    let layer = Bidirectional::new(LSTM::new(3).name("lstm")).name("both");
    layer.build([2, 4, 5]).unwrap();
    let paths: Vec<String> = layer.weights().iter().map(|w| w.path()).collect();
    let of = |way: &str| {
        ["kernel", "recurrent_kernel", "bias"].map(|w| format!("both/{way}_lstm/lstm_cell/{w}"))
    };
    assert_eq!(paths, [of("forward"), of("backward")].concat());
    let layer = GRU::new(3).dtype(DType::F64);
    layer.build([2, 4, 5]).unwrap();
    assert!(layer.weights().iter().all(|w| w.dtype() == DType::F64));
}

#[test]
fn sequences_of_nothing_have_results_and_gradients() {
    for [batch, features] in [[0, 4], [2, 0]] {
        let x = wave([batch, 3, features]);
        for layer in [
            LayerRef::from(SimpleRNN::new(2)),
            LSTM::new(2).into(),
            GRU::new(2).into(),
        ] {
            let tape = GradientTape::new();
            let y = layer.call(&x, &Call::training()).unwrap();
            assert_eq!(y.shape(), &[batch, 2]);
            let sum = ops::sum(&y, None).unwrap();
            let weights = layer.weights();
            for (gradient, weight) in tape.gradient(&sum, &weights).unwrap().iter().zip(&weights) {
                let gradient = gradient.as_ref().unwrap();
                assert_eq!(gradient.shape(), weight.shape(), "{}", weight.path());
                assert!(
                    gradient
                        .to_vec::<f32>()
                        .unwrap()
                        .iter()
                        .all(|v| v.is_finite())
                );
            }
        }
    }
}

#[test]
fn bad_input_is_told() {
    let says = |result: Result<Tensor>, part: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    };
    let cx = Call::inference();
    let lstm = |units| LayerRef::from(LSTM::new(units));
    says(lstm(0).call(&wave([2, 3, 4]), &cx), "units");
    let flat = ops::ones([2, 3], DType::F32).unwrap();
    says(lstm(3).call(&flat, &cx), "[batch, time, ..]");
    let images = ops::ones([2, 3, 4, 5], DType::F32).unwrap();
    says(lstm(3).call(&images, &cx), "steps [batch, features]");
    let empty = ops::ones([2, 0, 4], DType::F32).unwrap();
    says(lstm(3).call(&empty, &cx), "one step or more");
    let mask = ops::ones([2, 9], DType::Bool).unwrap();
    says(
        lstm(3).call(&wave([2, 3, 4]).with_mask(Some(mask)), &cx),
        "a mask [batch, time]",
    );
    let states = Arguments::new(wave([2, 3, 4])).named("initial_state", vec![flat.clone()]);
    let result = lstm(3).call_many(states, &cx).map(|mut y| y.remove(0));
    says(result, "initial_state");
    says(
        LayerRef::from(RNN::new(Dense::new(3))).call(&wave([2, 3, 4]), &cx),
        "a cell",
    );
    says(
        LayerRef::from(RNN::stacked([])).call(&wave([2, 3, 4]), &cx),
        "cells",
    );
    let both = |b: Bidirectional| LayerRef::from(b).call(&wave([2, 3, 4]), &Call::inference());
    says(both(Bidirectional::new(Dense::new(3))), "a recurrent layer");
    says(
        both(Bidirectional::new(GRU::new(3)).merge_mode("add")),
        "merge_mode",
    );
    let same = Bidirectional::new(GRU::new(3)).backward_layer(GRU::new(3));
    says(both(same), "backward_layer.go_backwards");
    says(
        LayerRef::from(TimeDistributed::new(Dense::new(3))).call(&flat, &cx),
        "[batch, time, ..]",
    );
}
