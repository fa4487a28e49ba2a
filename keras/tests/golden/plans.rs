//! Predictions by plans against predictions layer by layer.

use keras::datasets::Structure;
use keras::models::Model;
use keras::prelude::*;

use crate::support::{Case, Tally, cases, close, keras2_cases};

/// The outputs layer by layer, and those of a plan; `None` where there is no plan.
fn both(model: &Model, x: &[Tensor]) -> (Vec<Tensor>, Option<Vec<Tensor>>) {
    model.reset_state().unwrap();
    let eager = model.call_many(Arguments::new(x.to_vec()), &Call::inference());
    let batch = match x {
        [one] => Structure::One(one.clone()),
        several => Structure::List(several.to_vec()),
    };
    let predict = || {
        model.reset_state().unwrap();
        model.predict_many_on_batch(&batch).unwrap().into_vec()
    };
    predict();
    predict();
    let last = predict();
    let has_plan = model.planned_ops(&batch).is_some();
    (eager.unwrap().into_vec(), has_plan.then_some(last))
}

fn replay(case: &Case, tally: &mut Tally, refused: &mut Vec<String>) {
    let Ok(model) = Model::from_json(&case.config) else {
        return;
    };
    let x = case.arrays("x");
    if x.is_empty() {
        return;
    }
    let _ = model.call_many(Arguments::new(x.clone()), &Call::inference());
    let _ = model.set_weights(&case.arrays("w"));
    let (eager, planned) = both(&model, &x);
    let Some(planned) = planned else {
        return refused.push(case.name.clone());
    };
    assert_eq!(eager.len(), planned.len(), "{}", case.name);
    for (i, (wanted, got)) in eager.iter().zip(&planned).enumerate() {
        let what = format!("{} output {i}", case.name);
        let digits = match wanted.dtype() {
            // Kernels that are fused round once, not after every op.
            DType::F16 | DType::BF16 => 1e-2,
            _ => 1e-5,
        };
        assert_eq!(wanted.dtype(), got.dtype(), "{what}");
        tally.check(close(&what, got, wanted, digits / 10.0, digits));
        let masks = wanted.mask().zip(got.mask());
        assert_eq!(wanted.mask().is_some(), masks.is_some(), "{what}");
        if let Some((wanted, got)) = masks {
            tally.check(close(&format!("the mask of {what}"), got, wanted, 0.0, 0.0));
        }
    }
}

/// Networks that keep a state have no plan; all others do.
const WITHOUT: &[&str] = &["gru_stateful", "lstm_stateful", "simplernn_stateful"];

#[test]
fn plans_compute_what_layers_compute() {
    let (mut tally, mut refused) = (Tally::default(), Vec::new());
    let old = keras2_cases("models");
    for kind in ["models", "layers", "train"] {
        for case in &cases(kind) {
            replay(case, &mut tally, &mut refused);
        }
    }
    for case in &old {
        replay(case, &mut tally, &mut refused);
    }
    tally.finish();
    refused.sort();
    assert_eq!(refused, WITHOUT);
}

#[test]
fn a_built_model_has_a_plan_for_a_large_batch_at_once() {
    let batch = |rows: usize| ops::ones([rows, 64], DType::F32).unwrap();
    let (small, large) = (batch(8), batch(1 << 13));
    let model = Sequential::new(layers![Dense::new(3).activation("relu")]);
    model.predict_on_batch(&large).unwrap();
    assert!(
        model.planned_ops(&large).is_none(),
        "layers were built by it"
    );
    model.predict_on_batch(&small).unwrap();
    assert!(model.planned_ops(&small).is_none());
    let other = batch((1 << 13) + 1);
    let y = model.predict_on_batch(&other).unwrap();
    assert!(model.planned_ops(&other).is_some());
    assert_eq!(y.shape(), &[(1 << 13) + 1, 3]);
}
