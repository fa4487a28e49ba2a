//! The workloads of the comparison, each as our library's users would write it.

mod applications;
mod growth;
mod lstm;
mod mnist;
mod options;
mod transformer;

use std::ops::DerefMut;

use keras::models::Model;
use keras::{Result, Tensor};

pub use options::Options;

/// Does so many steps, and tells a number that shows that they were done: an accuracy, a loss or an output.
pub type Round = Box<dyn FnMut(usize) -> Result<f64>>;

/// Prepares all that is not counted.
pub type Workload = fn(&Options) -> Result<Round>;

/// The workloads by name.
pub const TABLE: &[(&str, Workload)] = &[
    ("bare", mnist::bare),
    ("w1", mnist::dense),
    ("w2", mnist::convolutional),
    ("w3", applications::resnet50),
    ("w4", applications::resnet50_training),
    ("w5", applications::mobilenet_v2),
    ("w6", lstm::lstm),
    ("w7", transformer::transformer),
    ("w8", applications::load),
    ("cold", mnist::cold),
    ("tiny", mnist::tiny),
    ("growth", growth::growth),
];

/// A step is a call of `predict_on_batch`.
fn predicting<M: DerefMut<Target = Model> + 'static>(model: M, x: Tensor) -> Round {
    Box::new(move |steps| {
        let mut last = None;
        for _ in 0..steps {
            last = Some(model.predict_on_batch(&x)?);
        }
        let first_value = |y: &Tensor| y.to_vec::<f32>().map(|values| f64::from(values[0]));
        last.as_ref().map_or(Ok(f64::NAN), first_value)
    })
}

/// A step is a call of `train_on_batch` with the next of these batches.
fn training<M: DerefMut<Target = Model> + 'static>(
    mut model: M,
    batches: Vec<(Tensor, Tensor)>,
) -> Round {
    let mut next = 0;
    Box::new(move |steps| {
        let mut loss = f64::NAN;
        for _ in 0..steps {
            let (x, y) = &batches[next % batches.len()];
            next += 1;
            loss = model.train_on_batch(x, y)?.get("loss").unwrap_or(f64::NAN);
        }
        Ok(loss)
    })
}
