use keras::Tensor;
use keras::metrics::{Mean, Metric, Sum};
use serde_json::{Map, Value};

use crate::support::{Tally, array, close, json};

/// Metrics of a later issue.
const LATER: &[&str] = &[
    "BinaryIoU",
    "ConcordanceCorrelation",
    "F1Score",
    "FBetaScore",
    "IoU",
    "MeanIoU",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "PrecisionAtRecall",
    "R2Score",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
];

fn optional(json: &Value) -> Option<Tensor> {
    json.is_object().then(|| array(json))
}

type Step = Box<dyn Fn(&Value) -> keras::Result<Tensor>>;

/// The result after a step of a metric of values, or of labels and predictions.
fn step(case: &Value) -> Step {
    match case["metric"].as_str().unwrap() {
        "Mean" => {
            let metric = Mean::new();
            Box::new(move |step| {
                let values = array(step.get("values").unwrap_or(&step["y_true"]));
                match optional(&step["sample_weight"]) {
                    Some(w) => metric.update_state_weighted(&values, &w)?,
                    None => metric.update_state(&values)?,
                }
                metric.result()
            })
        }
        "Sum" => {
            let metric = Sum::new();
            Box::new(move |step| {
                let values = array(step.get("values").unwrap_or(&step["y_true"]));
                match optional(&step["sample_weight"]) {
                    Some(w) => metric.update_state_weighted(&values, &w)?,
                    None => metric.update_state(&values)?,
                }
                metric.result()
            })
        }
        name => {
            let mut object = Map::new();
            object.insert("class_name".into(), name.into());
            object.insert("config".into(), case["kw"].clone());
            let metric = Metric::from_json(&Value::Object(object)).unwrap();
            Box::new(move |step| {
                let weight = optional(&step["sample_weight"]);
                metric.update_state(
                    &array(&step["y_true"]),
                    &array(&step["y_pred"]),
                    weight.as_ref(),
                )?;
                metric.result()
            })
        }
    }
}

#[test]
fn metrics_are_keras_s_after_every_step() {
    let all = json("metrics.json");
    let (atol, rtol) = (all["atol"].as_f64().unwrap(), all["rtol"].as_f64().unwrap());
    let mut tally = Tally::default();
    let mut left_out = 0;
    for (i, case) in all["cases"].as_array().unwrap().iter().enumerate() {
        if LATER.contains(&case["metric"].as_str().unwrap()) {
            left_out += 1;
            tally.skip();
            continue;
        }
        let what = format!("{i} {} {}", case["metric"], case["kw"]);
        let step_of = step(case);
        for step in case["steps"].as_array().unwrap() {
            tally.check(match step_of(step) {
                Ok(got) => close(&what, &got, &array(&step["result"]), atol, rtol),
                Err(e) => Err(format!("{what}: {e}")),
            });
        }
    }
    tally.finish(left_out);
}
