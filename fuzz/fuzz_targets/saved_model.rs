#![no_main]
//! SavedModels: as a function that is called, and as a model of Keras 2.

use keras_fuzz::{Folder, limits, parts};
use keras_io::{Load, SavedFunction, inspect};
use keras_tensor::{DType, Tensor};
use libfuzzer_sys::fuzz_target;

/// Inputs that some real models take.
const SHAPES: &[&[usize]] = &[&[1, 5], &[2, 3], &[1]];

fuzz_target!(|data: &[u8]| {
    let [graph, index, variables, metadata] = parts(data);
    let folder = Folder::new();
    folder.write("saved_model.pb", graph);
    folder.write("variables/variables.index", index);
    folder.write("variables/variables.data-00000-of-00001", variables);
    if !metadata.is_empty() {
        folder.write("keras_metadata.pb", metadata);
    }
    if let Ok(function) = SavedFunction::load_within(folder.path(), &limits()) {
        for &shape in SHAPES {
            let numbers = vec![1.0; shape.iter().product()];
            let x = Tensor::from_f64(&numbers, shape, DType::F32).expect("a tensor");
            let _ = function.call(&vec![x; function.input_names().len()]);
        }
    }
    let _ = Load::new().limits(limits()).model(folder.path());
    let _ = inspect(folder.path(), &limits());
});
