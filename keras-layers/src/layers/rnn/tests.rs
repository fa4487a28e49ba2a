//! Whole sequences by one op are what the steps are.

use keras_tensor::observe::{self, Observer};
use keras_tensor::random::{SeedGenerator, normal};
use keras_tensor::{Op, Tensor};
use std::cell::RefCell;
use std::rc::Rc;

use super::recurrent::{Gated, Recurrent};
use super::sequence::Options;
use crate::layers::{GRU, LSTM, SimpleRNN};
use crate::{Arguments, Call, LayerRef};

struct Listener {
    wants_small_ops: bool,
    names: RefCell<Vec<String>>,
}

impl Observer for Listener {
    fn op(&self, op: &Op, _: &[&Tensor], _: &[Tensor]) {
        self.names.borrow_mut().push(op.name().to_string());
    }

    fn wants_small_ops(&self) -> bool {
        self.wants_small_ops
    }
}

/// The layer's results as numbers, and whether one op made them.
fn results(
    layer: &LayerRef,
    inputs: &Arguments<Tensor>,
    wants_small_ops: bool,
) -> (Vec<f64>, bool) {
    let listener = Rc::new(Listener {
        wants_small_ops,
        names: RefCell::default(),
    });
    observe::push(listener.clone());
    let outputs = layer.call_many(inputs.clone(), &Call::inference()).unwrap();
    observe::remove(&(listener.clone() as Rc<dyn Observer>));
    let numbers = outputs.iter().flat_map(|t| t.to_f64_vec().unwrap());
    let is_whole = listener.names.borrow().iter().any(|n| n == "recurrent");
    (numbers.collect(), is_whole)
}

fn with<C: Gated>(mut layer: Recurrent<C>, options: &Options) -> LayerRef {
    layer.options = options.clone();
    layer.into()
}

#[test]
fn one_op_computes_what_the_steps_compute() {
    let seeds = SeedGenerator::new(Some(7));
    let x = normal([3, 4, 2], 0.0, 1.0, &seeds).unwrap();
    let h = normal([3, 5], 0.0, 1.0, &seeds).unwrap();
    let mask = Tensor::new(
        &[0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1].map(|m| m == 1),
        [3, 4],
    );
    let masked = x.clone().with_mask(Some(mask.unwrap()));
    let options = |go_backwards, zero_output_for_mask, return_sequences| Options {
        go_backwards,
        zero_output_for_mask,
        return_sequences,
        return_state: true,
        ..Options::default()
    };
    for case in 0..8 {
        let options = options(case & 1 == 1, case & 2 == 2, case & 4 == 4);
        let layers = [
            (with(SimpleRNN::new(5), &options), 1),
            (with(GRU::new(5), &options), 1),
            (with(LSTM::new(5), &options), 2),
        ];
        for (layer, states) in &layers {
            for x in [&x, &masked] {
                let inputs = Arguments::new(x.clone());
                let inputs = inputs.named("initial_state", vec![h.clone(); *states]);
                let (whole, is_whole) = results(layer, &inputs, false);
                let (steps, is_still_whole) = results(layer, &inputs, true);
                assert!(is_whole && !is_still_whole);
                assert_eq!(whole.len(), steps.len());
                let far = |(a, b): &(&f64, &f64)| (*a - *b).abs() > 1e-6;
                assert_eq!(whole.iter().zip(&steps).find(far), None, "{}", layer.name());
            }
        }
    }
    let other = LayerRef::from(LSTM::new(5).recurrent_activation("hard_sigmoid"));
    assert!(!results(&other, &Arguments::new(x), false).1);
}
