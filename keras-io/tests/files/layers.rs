//! Weights of single layers, in every layout that Keras wrote them in.

use keras_io::{Load, save_weights};
use keras_layers::{Argument, Arguments, Call, Dims, Layer, LayerRef, Weights};
use keras_models::Model;
use keras_tensor::{Outputs, Result, Tensor};
use serde_json::Value;

use crate::support::{Case, Folder, Tally, Vintage, cases, same, uses_later};

/// A model that holds one layer, as the graph around it does in Keras.
struct Holder(LayerRef);

impl Layer for Holder {
    fn build_many(&self, inputs: &Arguments<Dims>, w: &mut Weights) -> Result<()> {
        w.layer(&self.0);
        self.0.build_many(inputs)
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        self.0.call(x, cx)
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        self.0.call_many(inputs.clone(), cx)
    }
}

/// The layer of a case, the last of its graph, with the shapes that Keras called it with.
fn held(case: &Case, vintage: Vintage) -> Option<Model> {
    let json = case.config("model.keras")?;
    let layers = json["config"]["layers"].as_array().unwrap();
    let json = layers.last().unwrap();
    if uses_later(json) {
        return None;
    }
    let inputs = case.arrays(vintage).list("x");
    let stateful = json["config"]["stateful"] == true;
    let named = |name: &Value| {
        let place = layers.iter().position(|l| l["name"] == *name)?;
        let dims = Dims::from(inputs.get(place)?.shape());
        Some(if stateful { dims } else { dims.any_batch() })
    };
    let tensor = |v: &Value| named(&v["config"]["keras_history"][0]);
    let node = &json["inbound_nodes"][0];
    let mut positional = node["args"].as_array()?.iter().map(|v| match v {
        Value::Array(all) if all.iter().all(|v| tensor(v).is_some()) => {
            Some(Argument::List(all.iter().filter_map(tensor).collect()))
        }
        other => Some(Argument::One(tensor(other)?)),
    });
    let mut all = Arguments::new(positional.next()??);
    for next in positional {
        all = all.and(next?);
    }
    for (name, value) in node["kwargs"].as_object().into_iter().flatten() {
        if let Some(dims) = tensor(value) {
            all = all.named(name.clone(), dims);
        }
    }
    let model = Model::from(Holder(LayerRef::from_json(json).unwrap()));
    model.build_many(&all).unwrap();
    Some(model)
}

#[test]
fn every_layer_finds_its_weights() {
    let (mut tally, folder) = (Tally::default(), Folder::new());
    for case in cases("layers") {
        for file in [
            "model.keras",
            "model_k2.keras",
            "legacy_k3.h5",
            "legacy_k2.h5",
            "model.weights.h5",
        ] {
            let Some(path) = case.file(file, &folder) else {
                continue;
            };
            let vintage = Vintage::of(file);
            let Some(model) = held(&case, vintage) else {
                tally.skip();
                continue;
            };
            let what = format!("{} {file}", case.name);
            match Load::new().weights(&model, &path) {
                Ok(warnings) if warnings.is_empty() => {
                    let expected = case.arrays(vintage).list("w");
                    tally.check(same(&what, &model.get_weights().unwrap(), &expected));
                }
                Ok(warnings) => tally.check(Err(format!("{what}: {warnings:?}"))),
                Err(e) => tally.check(Err(format!("{what}: {e}"))),
            }
            let written = folder.path("ours.weights.h5");
            save_weights(&model, &written).unwrap();
            let Some(again) = held(&case, vintage) else {
                continue;
            };
            assert!(Load::new().weights(&again, &written).unwrap().is_empty());
            let expected = case.arrays(vintage).list("w");
            tally.check(same(
                &format!("{what} written"),
                &again.get_weights().unwrap(),
                &expected,
            ));
        }
    }
    tally.finish();
}
