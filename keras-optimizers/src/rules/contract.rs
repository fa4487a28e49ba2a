//! What every optimizer in the table must do.

use keras_tensor::{DType, Result, Tensor, Variable, ops};
use serde_json::{Value, json};
use std::slice::from_ref;

use super::TABLE;
use crate::Optimizer;

fn named(name: &str, arguments: &Value) -> Optimizer {
    Optimizer::from_json(&json!({"class_name": name, "config": arguments})).unwrap()
}

fn variable(values: &[f32], path: &str) -> Variable {
    let v = Variable::new(Tensor::new(values, [values.len()]).unwrap(), "v");
    v.set_path(path);
    v
}

fn values(v: &Variable) -> Vec<f64> {
    v.value().unwrap().to_f64_vec().unwrap()
}

/// A copy, so that the optimizer finds the weight's memory its own.
fn gradient(w: &Variable) -> Result<Option<Tensor>> {
    ops::multiply(w, 2.0).map(Some)
}

fn loss(w: &Variable) -> f64 {
    values(w).iter().map(|x| x * x).sum()
}

fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|entry| entry.class_name)
}

#[test]
fn all_lower_a_quadratic() {
    for name in names() {
        // Adadelta's own rate is 1.
        let rate = if name == "Adadelta" { 1.0 } else { 0.05 };
        let optimizer = named(name, &json!({"learning_rate": rate}));
        let w = variable(&[1.0, -2.0, 0.5], "w");
        let before = loss(&w);
        for _ in 0..20 {
            let g = gradient(&w).unwrap();
            optimizer.apply_gradients(&[g], from_ref(&w)).unwrap();
        }
        assert!(loss(&w) < before, "{name}: {} from {before}", loss(&w));
        assert_eq!(
            optimizer.iterations().value().unwrap().item().unwrap(),
            20.0
        );
    }
}

#[test]
fn names_are_found_in_any_case() {
    for name in names() {
        for spelled in [name.to_string(), name.to_lowercase(), name.to_uppercase()] {
            let optimizer = Optimizer::from(spelled.as_str());
            assert_eq!(optimizer.to_json().unwrap()["class_name"], name);
        }
    }
    let message = Optimizer::from("addam").resolve().unwrap_err().to_string();
    assert!(message.contains("did you mean \"adam\"?"), "{message}");
    let w = variable(&[1.0], "w");
    let g = gradient(&w).unwrap();
    assert!(
        Optimizer::from("addam")
            .apply_gradients(&[g], &[w])
            .is_err()
    );
}

#[test]
fn configs_come_back_and_keep_the_rate_of_the_moment() {
    for name in names() {
        let optimizer = Optimizer::from(name);
        optimizer.set_learning_rate(0.25).unwrap();
        let json = optimizer.to_json().unwrap();
        let again = Optimizer::from_json(&json).unwrap();
        assert_eq!(again.to_json().unwrap(), json, "{name}");
        assert_eq!(again.learning_rate().unwrap(), 0.25, "{name}");
    }
}

/// The paths of the state after a step on the two variables of a dense layer.
fn paths(name: &str, arguments: Value) -> Vec<String> {
    let optimizer = named(name, &arguments);
    let weights = [
        variable(&[1.0], "mlp/d1/kernel"),
        variable(&[2.0], "mlp/d1/bias"),
    ];
    let gradients = weights.each_ref().map(|w| gradient(w).unwrap());
    optimizer.apply_gradients(&gradients, &weights).unwrap();
    let variables = optimizer.variables();
    assert!(variables.iter().all(|v| !v.is_trainable()));
    assert_eq!(variables[0].dtype(), DType::I64);
    variables.iter().map(Variable::path).collect()
}

#[test]
fn states_have_keras_s_names_and_order() {
    let cases = [
        ("SGD", json!({}), "sgd", ""),
        (
            "SGD",
            json!({"momentum": 0.9}),
            "sgd",
            "kernel_momentum bias_momentum",
        ),
        (
            "RMSprop",
            json!({"momentum": 0.9, "centered": true}),
            "rm_sprop",
            "kernel_velocity bias_velocity kernel_momentum bias_momentum \
             kernel_average_gradient bias_average_gradient",
        ),
        (
            "RMSprop",
            json!({}),
            "rm_sprop",
            "kernel_velocity bias_velocity",
        ),
        (
            "Adam",
            json!({"amsgrad": true, "use_ema": true, "gradient_accumulation_steps": 2}),
            "adam",
            "kernel_average bias_average kernel_gradient_accumulator bias_gradient_accumulator \
             kernel_momentum kernel_velocity bias_momentum bias_velocity \
             kernel_velocity_hat bias_velocity_hat",
        ),
        (
            "AdamW",
            json!({}),
            "adam_w",
            "kernel_momentum kernel_velocity bias_momentum bias_velocity",
        ),
        (
            "Adagrad",
            json!({}),
            "adagrad",
            "kernel_accumulator bias_accumulator",
        ),
        (
            "Adadelta",
            json!({}),
            "adadelta",
            "kernel_accumulated_grad kernel_accumulated_delta_var \
             bias_accumulated_grad bias_accumulated_delta_var",
        ),
        (
            "Adamax",
            json!({}),
            "adamax",
            "kernel_momentum kernel_norm bias_momentum bias_norm",
        ),
        (
            "Nadam",
            json!({}),
            "nadam",
            "kernel_momentum kernel_velocity bias_momentum bias_velocity variable",
        ),
        (
            "Ftrl",
            json!({}),
            "ftrl",
            "kernel_accumulator kernel_linear bias_accumulator bias_linear",
        ),
        ("Lion", json!({}), "lion", "kernel_momentum bias_momentum"),
        // Rows and columns are named as the weight is, which is called `v` here.
        (
            "Adafactor",
            json!({}),
            "adafactor",
            "v v kernel_velocity v v bias_velocity",
        ),
        (
            "Lamb",
            json!({}),
            "lamb",
            "kernel_momentum kernel_velocity bias_momentum bias_velocity",
        ),
        (
            "Muon",
            json!({}),
            "muon",
            "kernel_momentum kernel_velocity bias_momentum bias_velocity",
        ),
    ];
    for name in names() {
        assert!(
            cases.iter().any(|case| case.0 == name),
            "{name} has no case"
        );
    }
    for (name, arguments, owner, state) in cases {
        keras_tensor::names::clear_session();
        let mut wanted = vec![
            format!("{owner}/iteration"),
            format!("{owner}/learning_rate"),
        ];
        wanted.extend(state.split_whitespace().map(|s| match s {
            "variable" | "v" => format!("{owner}/{s}"),
            _ => format!("{owner}/mlp_d1_{s}"),
        }));
        assert_eq!(paths(name, arguments), wanted, "{name}");
    }
}

#[test]
fn a_schedule_leaves_no_learning_rate_variable() {
    let schedule = json!({
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    });
    for name in names() {
        let paths = paths(name, json!({"learning_rate": schedule, "name": "mine"}));
        assert_eq!(paths[0], "mine/iteration");
        assert!(!paths.contains(&"mine/learning_rate".to_string()), "{name}");
    }
}

#[test]
fn clipping_is_the_same_as_clipped_gradients() {
    // The gradients [3, 4] and [0, 12] have norms 5 and 12, together 13.
    let given = [vec![3.0, 4.0], vec![0.0, 12.0]];
    let cases = [
        ("clipnorm", 1.0, [vec![0.6, 0.8], vec![0.0, 1.0]]),
        ("global_clipnorm", 6.5, [vec![1.5, 2.0], vec![0.0, 6.0]]),
        ("global_clipnorm", 100.0, given.clone()),
        ("clipvalue", 3.5, [vec![3.0, 3.5], vec![0.0, 3.5]]),
        ("clipnorm", 0.0, given.clone()),
    ];
    let after = |name: &str, arguments: Value, gradients: &[Vec<f32>; 2]| -> Vec<f64> {
        let optimizer = named(name, &arguments);
        let weights = [variable(&[1.0, 1.0], "a"), variable(&[1.0, 1.0], "b")];
        for _ in 0..3 {
            let gradients = gradients
                .each_ref()
                .map(|g| Some(Tensor::new(g, [2]).unwrap()));
            optimizer.apply_gradients(&gradients, &weights).unwrap();
        }
        weights.iter().flat_map(values).collect()
    };
    for name in names() {
        for (kind, limit, clipped) in &cases {
            let got = after(name, json!({*kind: limit, "learning_rate": 0.1}), &given);
            let wanted = after(name, json!({"learning_rate": 0.1}), clipped);
            for (g, w) in got.iter().zip(&wanted) {
                assert!(
                    (g - w).abs() < 1e-5,
                    "{name} {kind} {limit}: {got:?}, wanted {wanted:?}"
                );
            }
        }
    }
}

#[test]
fn only_one_kind_of_clipping_is_taken() {
    for name in names() {
        let optimizer = named(name, &json!({"clipnorm": 1.0, "clipvalue": 0.5}));
        let message = optimizer.resolve().unwrap_err().to_string();
        assert!(
            message.contains("clipnorm=1, clipvalue=0.5, global_clipnorm=None"),
            "{message}"
        );
    }
}

#[test]
fn weights_decay_before_the_step() {
    for name in names().filter(|n| !["Ftrl", "AdamW"].contains(n)) {
        let step = |arguments: Value, first: f32| {
            let optimizer = named(name, &arguments);
            let w = variable(&[first], "w");
            let g = Some(Tensor::new(&[0.5f32], [1]).unwrap());
            optimizer.apply_gradients(&[g], from_ref(&w)).unwrap();
            values(&w)[0]
        };
        // Muon has another one for vectors.
        let with = |decay: Option<f64>| json!({"learning_rate": 0.1, "weight_decay": decay, "adam_weight_decay": decay});
        let decayed = step(with(Some(0.5)), 2.0);
        let plain = step(with(None), 2.0 - 2.0 * 0.5 * 0.1);
        assert!(
            (decayed - plain).abs() < 1e-6,
            "{name}: {decayed}, wanted {plain}"
        );
    }
}

#[test]
fn a_weight_without_gradient_stays() {
    for name in names() {
        let optimizer = named(name, &json!({"learning_rate": 0.1, "weight_decay": 0.1}));
        let weights = [variable(&[1.0, 2.0], "a"), variable(&[3.0], "b")];
        for _ in 0..2 {
            let g = gradient(&weights[1]).unwrap();
            optimizer.apply_gradients(&[None, g], &weights).unwrap();
        }
        assert_eq!(values(&weights[0]), [1.0, 2.0], "{name}");
        assert!(values(&weights[1])[0] < 3.0, "{name}");
        let message = optimizer
            .apply_gradients(&[None, None], &weights)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("no gradients for any variable (a, b)"),
            "{message}"
        );
        assert_eq!(optimizer.iterations().value().unwrap().item().unwrap(), 2.0);
    }
}

#[test]
fn a_wrong_shape_names_the_weight_and_changes_nothing() {
    for name in names() {
        let optimizer = Optimizer::from(name);
        let weights = [variable(&[1.0, 2.0], "a"), variable(&[3.0], "dense/bias")];
        let wrong = Tensor::new(&[1.0f32, 1.0], [2]).unwrap();
        let gradients = [gradient(&weights[0]).unwrap(), Some(wrong)];
        let message = optimizer
            .apply_gradients(&gradients, &weights)
            .unwrap_err()
            .to_string();
        assert!(message.contains("gradient of `dense/bias`"), "{message}");
        assert_eq!(values(&weights[0]), [1.0, 2.0]);
        assert_eq!(values(&weights[1]), [3.0]);
    }
}

#[test]
fn weights_are_updated_in_place() {
    let address = |w: &Variable| w.value().unwrap().as_slice::<f32>().unwrap().as_ptr();
    // Ftrl does not move a weight but computes it anew.
    for name in names().filter(|n| *n != "Ftrl") {
        let optimizer = named(name, &json!({"weight_decay": 0.1}));
        let w = variable(&[1.0; 64], "w");
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(address(&w));
            let g = gradient(&w).unwrap();
            optimizer.apply_gradients(&[g], from_ref(&w)).unwrap();
        }
        seen.push(address(&w));
        assert!(seen.iter().all(|a| *a == seen[0]), "{name}: {seen:?}");
        assert!(values(&w)[0] < 1.0, "{name}");
    }
}

#[test]
fn a_value_that_somebody_holds_stays_what_it_was() {
    for name in names() {
        let optimizer = named(name, &json!({"learning_rate": 0.1}));
        let w = variable(&[1.0; 64], "w");
        let held = w.value().unwrap();
        let g = gradient(&w).unwrap();
        optimizer
            .apply_gradients(from_ref(&g), from_ref(&w))
            .unwrap();
        assert_eq!(held.to_f64_vec().unwrap(), [1.0; 64], "{name}");
        assert_eq!(g.unwrap().to_f64_vec().unwrap(), [2.0; 64], "{name}");
        assert!(values(&w)[0] < 1.0, "{name}");
    }
}

#[test]
fn a_saved_state_goes_on_where_it_was() {
    for name in names() {
        let arguments = json!({"learning_rate": 0.1, "use_ema": true});
        let apply = |optimizer: &Optimizer, w: &Variable, times: usize| {
            for _ in 0..times {
                let g = gradient(w).unwrap();
                optimizer.apply_gradients(&[g], from_ref(w)).unwrap();
            }
        };
        let (whole, w) = (named(name, &arguments), variable(&[1.0, -1.0], "w"));
        apply(&whole, &w, 4);
        let (first, v) = (named(name, &arguments), variable(&[1.0, -1.0], "w"));
        apply(&first, &v, 2);
        let second = named(name, &arguments);
        second.build(from_ref(&v)).unwrap();
        for (to, from) in second.variables().iter().zip(first.variables()) {
            to.assign(&from.value().unwrap()).unwrap();
        }
        apply(&second, &v, 2);
        assert_eq!(values(&v), values(&w), "{name}");
        for (a, b) in second.variables().iter().zip(whole.variables()) {
            assert_eq!(values(a), values(&b), "{name}: {}", b.path());
        }
    }
}
