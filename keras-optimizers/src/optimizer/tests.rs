use super::*;
use crate::schedules::{CosineDecay, PiecewiseConstantDecay};
use crate::{Adam, AdamW, Lion, OptimizerExt, SGD};
use keras_tensor::DType;
use keras_tensor::Tensor;
use std::slice::from_ref;

fn scalar(value: f32) -> Variable {
    Variable::new(Tensor::scalar(value), "w")
}

fn apply(optimizer: &Optimizer, gradient: f32, w: &Variable) {
    let g = Tensor::scalar(gradient);
    optimizer.apply_gradients(&[Some(g)], from_ref(w)).unwrap();
}

fn value(w: &Variable) -> f32 {
    w.value().unwrap().item().unwrap() as f32
}

#[test]
fn clones_are_the_same_optimizer() {
    let optimizer = Optimizer::from(SGD::new());
    optimizer.clone().set_learning_rate(0.5).unwrap();
    assert_eq!(optimizer.learning_rate().unwrap(), 0.5);
    let w = scalar(1.0);
    apply(&Optimizer::from(&optimizer), 1.0, &w);
    assert_eq!(value(optimizer.iterations()), 1.0);
    assert_eq!(value(&w), 0.5);
}

#[test]
fn the_rate_is_a_float32_and_a_schedule_cannot_be_set() {
    let optimizer = Optimizer::from("adam");
    assert_eq!(optimizer.learning_rate().unwrap(), 0.0010000000474974513);
    let steps = PiecewiseConstantDecay::new(&[1], &[0.5, 0.25]);
    let optimizer = Optimizer::from(SGD::new().learning_rate(steps));
    let w = scalar(10.0);
    for (rate, after) in [(0.5, 9.5), (0.5, 9.0), (0.25, 8.75)] {
        assert_eq!(optimizer.learning_rate().unwrap(), rate);
        apply(&optimizer, 1.0, &w);
        assert_eq!(value(&w), after);
    }
    let message = optimizer.set_learning_rate(0.1).unwrap_err().to_string();
    assert!(message.contains("schedule"), "{message}");
}

#[test]
fn accumulated_gradients_are_averaged_and_forgotten() {
    let rule = SGD::new().learning_rate(1.0).gradient_accumulation_steps(2);
    let optimizer = Optimizer::from(rule);
    let (a, b) = (scalar(0.0), scalar(0.0));
    let weights = [a.clone(), b.clone()];
    let one = || Some(Tensor::scalar(1.0f32));
    optimizer
        .apply_gradients(&[one(), one()], &weights)
        .unwrap();
    assert_eq!((value(&a), value(&b)), (0.0, 0.0));
    // A weight without gradient in the last call loses what it had, as in Keras.
    optimizer.apply_gradients(&[one(), None], &weights).unwrap();
    assert_eq!((value(&a), value(&b)), (-1.0, 0.0));
    optimizer.apply_gradients(&[None, one()], &weights).unwrap();
    optimizer
        .apply_gradients(&[one(), one()], &weights)
        .unwrap();
    assert_eq!((value(&a), value(&b)), (-1.5, -1.0));
    assert_eq!(value(optimizer.iterations()), 4.0);
}

#[test]
fn averages_replace_the_weights_at_the_end() {
    let rule = SGD::new()
        .learning_rate(1.0)
        .use_ema(true)
        .ema_momentum(0.5);
    let optimizer = Optimizer::from(rule);
    let w = scalar(3.0);
    apply(&optimizer, 1.0, &w);
    apply(&optimizer, 1.0, &w);
    assert_eq!(value(&w), 1.0);
    optimizer.finalize_variable_values(from_ref(&w)).unwrap();
    assert_eq!(value(&w), 1.5);
    let other = scalar(0.0);
    assert!(optimizer.finalize_variable_values(&[other]).is_err());
    assert!(
        Optimizer::from(SGD::new().use_ema(true))
            .finalize_variable_values(&[w])
            .is_err()
    );
}

#[test]
fn scaled_gradients_are_scaled_back() {
    let optimizer = Optimizer::from(SGD::new().learning_rate(1.0).loss_scale_factor(8.0));
    assert_eq!(optimizer.loss_scale_factor().unwrap(), Some(8.0));
    let w = scalar(1.0);
    apply(&optimizer, 4.0, &w);
    assert_eq!(value(&w), 0.5);
}

#[test]
fn weights_may_come_in_another_order_but_not_from_elsewhere() {
    let optimizer = Optimizer::from(SGD::new().learning_rate(1.0).momentum(0.5));
    let (a, b) = (scalar(0.0), scalar(0.0));
    optimizer.build(&[a.clone(), b.clone()]).unwrap();
    let (one, two) = (Tensor::scalar(1.0f32), Tensor::scalar(2.0f32));
    for _ in 0..2 {
        let gradients = [Some(two.clone()), Some(one.clone())];
        optimizer
            .apply_gradients(&gradients, &[b.clone(), a.clone()])
            .unwrap();
    }
    assert_eq!((value(&a), value(&b)), (-2.5, -5.0));
    let stranger = scalar(0.0);
    stranger.set_path("other/kernel");
    let message = optimizer
        .apply_gradients(&[Some(one.clone())], &[stranger])
        .unwrap_err()
        .to_string();
    assert!(message.contains("other/kernel"), "{message}");
    let twice = [Some(one.clone()), Some(one.clone())];
    assert!(optimizer.apply_gradients(&twice, &[a.clone(), a]).is_err());
    assert!(optimizer.apply_gradients(&[Some(one)], &[]).is_err());
}

#[test]
fn gradients_without_data_and_integer_weights_are_refused_before_anything_is_taken() {
    let optimizer = Optimizer::from("adam");
    let w = scalar(1.0);
    let meta = Tensor::meta([0usize; 0], DType::F32);
    assert!(
        optimizer
            .apply_gradients(&[Some(meta)], from_ref(&w))
            .is_err()
    );
    assert_eq!(value(&w), 1.0);
    let count = Variable::new(Tensor::scalar(1i64), "count");
    assert!(Optimizer::from("sgd").build(&[count]).is_err());
}

#[test]
fn weights_of_other_dtypes_keep_them() {
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        let one = Tensor::from_f64(&[1.0], [1], dtype).unwrap();
        let w = Variable::new(one, "w");
        let optimizer = Optimizer::from(Adam::new().learning_rate(0.25));
        let g = Tensor::new(&[2.0f32], [1]).unwrap();
        optimizer.apply_gradients(&[Some(g)], from_ref(&w)).unwrap();
        let after = w.value().unwrap();
        assert_eq!(after.dtype(), dtype);
        assert!((after.item().unwrap() - 0.75).abs() < 1e-2);
    }
}

#[test]
fn arguments_out_of_range_are_errors() {
    let message = |optimizer: Optimizer| optimizer.resolve().unwrap_err().to_string();
    for (optimizer, named) in [
        (Optimizer::from(SGD::new().momentum(1.5)), "SGD.momentum"),
        (Optimizer::from(Lion::new().beta_1(0.0)), "Lion.beta_1"),
        (
            Optimizer::from(SGD::new().gradient_accumulation_steps(1)),
            "gradient_accumulation_steps",
        ),
        (
            Optimizer::from(SGD::new().use_ema(true).ema_momentum(2.0)),
            "ema_momentum",
        ),
        (
            Optimizer::from(SGD::new().use_ema(true).ema_overwrite_frequency(0)),
            "ema_overwrite_frequency",
        ),
        (
            Optimizer::from(SGD::new().learning_rate(CosineDecay::new(0.1, 0))),
            "CosineDecay.decay_steps",
        ),
    ] {
        let message = message(optimizer);
        assert!(message.contains(named), "{message}");
    }
    let config = serde_json::json!({"class_name": "AdamW", "config": {"weight_decay": null}});
    assert!(Optimizer::from_json(&config).unwrap().resolve().is_err());
}

#[test]
fn what_a_config_lacks_is_the_default_of_its_class() {
    let lacking = serde_json::json!({"class_name": "AdamW", "config": {"epsilon": 0.5}});
    let config = Optimizer::from_json(&lacking).unwrap().config().unwrap();
    keras_tensor::names::clear_session();
    let wanted = Optimizer::from(AdamW::new().epsilon(0.5)).config().unwrap();
    assert_eq!(config, wanted);
    assert_eq!(config["weight_decay"], 0.004);
    assert_eq!(Optimizer::from("sgd").learning_rate().unwrap() as f32, 0.01);
}

#[test]
fn weights_can_be_left_out_of_weight_decay() {
    let one = |name: &str| Variable::new(Tensor::scalar(1.0f32), name);
    let all = [one("kernel"), one("bias"), one("gamma")];
    let optimizer = Optimizer::from(SGD::new().learning_rate(0.5).weight_decay(0.5));
    optimizer
        .exclude_from_weight_decay(&all[2..], &["bias"])
        .unwrap();
    let zero = || Some(Tensor::scalar(0.0f32));
    optimizer
        .apply_gradients(&[zero(), zero(), zero()], &all)
        .unwrap();
    assert_eq!(all.each_ref().map(value), [0.75, 1.0, 1.0]);
    let message = optimizer.exclude_from_weight_decay(&[], &["kernel"]);
    let message = message.unwrap_err().to_string();
    assert!(message.contains("before the first step"), "{message}");
}

#[test]
fn names_are_counted_as_in_keras() {
    keras_tensor::names::clear_session();
    let name = |o: Optimizer| o.name().unwrap().to_string();
    assert_eq!(name("adam".into()), "adam");
    assert_eq!(name(Adam::new().into()), "adam_1");
    assert_eq!(name(AdamW::new().into()), "adam_w");
    assert_eq!(name("adamw".into()), "adam_w_1");
    assert_eq!(name(Adam::new().name("mine").into()), "mine");
    let second = Optimizer::from("adam");
    assert_eq!(second.config().unwrap()["name"], "adam_2");
    assert_eq!(second.variables()[1].path(), "adam_2/learning_rate");
    let read = Optimizer::from_json(&second.to_json().unwrap()).unwrap();
    assert_eq!(name(read), "adam_2");
}
