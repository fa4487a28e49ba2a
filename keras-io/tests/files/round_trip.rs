//! Random models through every format: the same config, the same weights bit for bit, the same training.

use keras_io::{
    Limits, Load, load_config, npz, safetensors, save_config, save_model, save_weights,
    save_weights_in_shards,
};
use keras_layers::LayerRef;
use keras_layers::layers::*;
use keras_models::{Compile, Fit, Model, Sequential};
use keras_optimizers::{Adam, OptimizerExt, SGD};
use keras_tensor::{DType, Tensor, ops};
use proptest::prelude::*;

use crate::support::{Folder, same};

const CASES: u32 = 24;

/// A layer that takes and gives `[batch, time, features]`.
fn sequence_layer() -> impl Strategy<Value = LayerRef> {
    let layer = (0..12usize, 1..5usize, any::<bool>());
    layer.prop_map(|(kind, n, flag)| match kind {
        0 => Dense::new(n).use_bias(flag).activation("relu").into(),
        1 => LSTM::new(n).return_sequences(true).into(),
        2 => GRU::new(n).return_sequences(true).reset_after(flag).into(),
        3 => Bidirectional::new(SimpleRNN::new(n).return_sequences(true)).into(),
        4 => TimeDistributed::new(Dense::new(n)).into(),
        5 => BatchNormalization::new().scale(flag).into(),
        6 => LayerNormalization::new().into(),
        7 => Conv1D::new(n, [2]).padding("same").use_bias(flag).into(),
        8 => SeparableConv1D::new(n, [2]).padding("same").into(),
        9 => SpectralNormalization::new(Dense::new(n)).into(),
        10 => Dropout::new(0.25).into(),
        _ => {
            let inner: Vec<LayerRef> = vec![Dense::new(n).into(), PReLU::new().into()];
            LayerRef::from(Sequential::new(inner))
        }
    })
}

fn model(layers: Vec<LayerRef>, adam: bool) -> Sequential {
    let input = LayerRef::from(Input::new([4, 3]));
    let head = LayerRef::from(Dense::new(2));
    let all = std::iter::once(input).chain(layers).chain([head]);
    let mut model = Sequential::new(all);
    let how = if adam {
        Compile::new(Adam::new().learning_rate(0.01), "mse")
    } else {
        Compile::new(
            SGD::new().momentum(0.9).learning_rate(0.01),
            "mean_absolute_error",
        )
    };
    model.compile(how).unwrap();
    model
}

fn trained(model: &mut Model) {
    let x: Vec<f32> = (0..48).map(|i| (i as f32 * 0.7).sin()).collect();
    let x = Tensor::new(&x, [4, 4, 3]).unwrap();
    let y = model
        .predict(&x, keras_models::Predict::new().verbose(0))
        .unwrap();
    let y = ops::add(y, 1.0).unwrap();
    model
        .fit((&x, &y), Fit::new().epochs(1).shuffle(false).verbose(0))
        .unwrap();
}

fn state(model: &Model) -> Vec<Tensor> {
    let variables = model.optimizer().unwrap().variables();
    variables.iter().map(|v| v.value().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn models_come_back_as_they_went(layers in prop::collection::vec(sequence_layer(), 1..5), adam: bool) {
        let folder = Folder::new();
        let mut model = model(layers, adam);
        trained(&mut model);
        let weights = model.get_weights().unwrap();
        for name in ["m.keras", "m.h5"] {
            save_model(&model, folder.path(name)).unwrap();
            let again = Load::new().model(folder.path(name)).unwrap();
            prop_assert!(again.warnings.is_empty(), "{:?}", again.warnings);
            let again = again.model;
            prop_assert_eq!(again.to_json().unwrap(), model.to_json().unwrap());
            same(name, &again.get_weights().unwrap(), &weights).unwrap();
            same(name, &state(&again), &state(&model)).unwrap();
            // Written once more, the weights are the same bytes.
            let other = folder.path("again.weights.h5");
            save_weights(&again, &other).unwrap();
            save_weights(&model, folder.path("m.weights.h5")).unwrap();
            let bytes = |path| std::fs::read(path).unwrap();
            prop_assert_eq!(bytes(other), bytes(folder.path("m.weights.h5")));
        }
        save_config(&model, folder.path("m.json")).unwrap();
        let again = load_config(folder.path("m.json")).unwrap();
        prop_assert_eq!(again.to_json().unwrap(), model.to_json().unwrap());
        for name in ["m.weights.h5", "m.weights.json", "m.safetensors", "m.npz", "m.ckpt"] {
            if name.ends_with("json") {
                // A shard holds the largest weight at least.
                let largest = weights.iter().map(|w| w.size() * w.dtype().size()).max();
                let bytes = largest.unwrap_or(0).max(400) as u64;
                save_weights_in_shards(&model, folder.path(name), bytes).unwrap();
            } else {
                save_weights(&model, folder.path(name)).unwrap();
            }
            let other = Load::new().model(folder.path("m.keras")).unwrap().model;
            let zeros: Vec<Tensor> = weights.iter().map(|w| ops::zeros_like(w).unwrap()).collect();
            other.set_weights(&zeros).unwrap();
            let warnings = Load::new().weights(&other, folder.path(name)).unwrap();
            prop_assert!(warnings.is_empty(), "{:?}", warnings);
            same(name, &other.get_weights().unwrap(), &weights).unwrap();
        }
    }

    #[test]
    fn tensors_of_every_dtype_come_back(
        shape in prop::collection::vec(0..4usize, 0..4),
        dtype in prop::sample::select(vec![
            DType::F32, DType::F64, DType::F16, DType::BF16, DType::I8, DType::I16, DType::I32, DType::I64, DType::U8,
            DType::U16, DType::U32, DType::U64, DType::Bool,
        ]),
        seed: u32,
    ) {
        let values: Vec<f64> = (0..shape.iter().product::<usize>())
            .map(|i| f64::from((seed.wrapping_mul(i as u32 + 1) >> 7) % 100))
            .collect();
        let tensor = Tensor::from_f64(&values, shape, dtype).unwrap();
        let named = [("a/b".to_string(), tensor.clone()), ("c".to_string(), tensor.clone())];
        let folder = Folder::new();
        let limits = Limits::default();
        let path = folder.path("t.safetensors");
        safetensors::write(&path, &named).unwrap();
        let read = safetensors::read(&path, &limits).unwrap();
        let path = folder.path("t.npz");
        let zipped = npz::write(&path, &named).and_then(|()| npz::read(&path, &limits));
        prop_assert_eq!(zipped.is_ok(), dtype != DType::BF16);
        let mut tree = keras_io::hdf5::Tree::new();
        named.iter().for_each(|(n, t)| tree.set_tensor(n, t.clone()));
        let file = keras_io::hdf5::Group::from_bytes(tree.to_bytes().unwrap(), &limits).unwrap();
        for (i, (name, tensor)) in named.iter().enumerate() {
            let one = |t: &Tensor| same(name, std::slice::from_ref(t), std::slice::from_ref(tensor));
            one(&read[i].1).unwrap();
            if let Ok(zipped) = &zipped {
                one(&zipped[i].1).unwrap();
            }
            let stored = file.dataset(name).unwrap().read().unwrap();
            // HDF5 has no truth values; numbers stand for them.
            let stored = if dtype == DType::Bool { ops::cast(&stored, dtype).unwrap() } else { stored };
            one(&stored).unwrap();
        }
    }

    #[test]
    fn safetensors_of_any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), header in "[\\[\\]{}a-z0-9\":,F_]{0,80}") {
        let limits = Limits::default();
        let _ = safetensors::from_bytes("random", &bytes, &limits);
        let mut made = (header.len() as u64).to_le_bytes().to_vec();
        made.extend(header.bytes());
        made.extend(bytes);
        let _ = safetensors::from_bytes("made", &made, &limits);
    }
}

#[test]
fn adapters_are_stored_in_their_kernels() {
    let folder = Folder::new();
    let path = folder.path("adapted.keras");
    let layers: Vec<LayerRef> = vec![
        Input::new([3]).into(),
        Dense::new(4).activation("tanh").into(),
        Dense::new(2).into(),
    ];
    let mut model = Sequential::new(layers);
    let dense = model.get_layer("dense").unwrap();
    dense.enable_lora(2usize).unwrap();
    for matrix in dense.adapter().unwrap().matrices() {
        let value = ops::full(matrix.shape().clone(), 0.5, DType::F32).unwrap();
        matrix.assign(&value).unwrap();
    }
    let x = Tensor::new(&[0.1f32, -0.7, 1.3], [1, 3]).unwrap();
    let quiet = || keras_models::Predict::new().verbose(0);
    let wanted = model.predict(&x, quiet()).unwrap();
    save_model(&model, &path).unwrap();
    let mut loaded = Load::new().model(&path).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let again = loaded.model.get_layer("dense").unwrap();
    let [a, b] = again.adapter().unwrap().matrices();
    for matrix in [a, b] {
        let values = matrix.value().unwrap().to_f64_vec().unwrap();
        assert!(values.iter().all(|&v| v == 0.0));
    }
    let got = loaded.model.predict(&x, quiet()).unwrap();
    same("predictions", &[got], &[wanted]).unwrap();
}
