//! The legacy layout: a group for each layer, with the names of its weights in order.

use keras_layers::LayerRef;
use keras_metrics::losses::Loss;
use keras_models::Model;
use keras_optimizers::Optimizer;
use keras_tensor::{Error, Result, Variable};
use serde_json::Value;
use std::path::Path;

use super::convert::{Origin, convert, is_cudnn};
use super::optimizer;
use super::read::Plan;
use crate::hdf5::{Dataset, Group, Tree};
use crate::keras_file::KERAS_VERSION;
use crate::limits::format_error;
use crate::{Load, Loaded, atomic, config};

/// Whether a file has the legacy layout.
pub(crate) fn is_legacy(file: &Group) -> Result<bool> {
    Ok(file.texts("layer_names")?.is_some() || file.find_group("model_weights")?.is_some())
}

/// Reads a whole model.
pub(crate) fn load_model(path: &Path, how: &Load) -> Result<Loaded> {
    let file = Group::open(path, &how.limits)?;
    let what = path.display().to_string();
    let text = file.text("model_config")?.ok_or_else(|| {
        let problem =
            "it holds weights and no config; make the model and load them with load_weights";
        format_error(&what, problem)
    })?;
    let version = file.text("keras_version")?;
    let version = version.as_deref();
    let json = config::parse(
        &format!("{what}: model_config"),
        text.as_bytes(),
        &how.limits,
        version,
    )?;
    let mut model = Model::from_json(&json)?;
    if !model.is_built() {
        let problem =
            "its config does not tell the shape of the input; build the model and load the weights";
        return Err(format_error(&what, problem));
    }
    let mut plan = Plan::new(how.skip_mismatch);
    read_weights(&model, &file, how.by_name, &mut plan)?;
    let mut warnings = Vec::new();
    if how.compile
        && let Some(text) = file.text("training_config")?
    {
        let outcome = serde_json::from_str::<Value>(&text)
            .map_err(|e| format_error(format!("{what}: training_config"), e.to_string()))
            .and_then(|json| config::compile(&mut model, &json, version));
        match outcome {
            Ok(()) => read_optimizer(model.optimizer()?, &model, &file, &mut plan)?,
            Err(e) => warnings.push(format!("the model is not compiled: {e}")),
        }
    }
    warnings.extend(plan.assign()?);
    Ok(Loaded { model, warnings })
}

/// Reads the weights of a model: in order, or those of layers with the same names.
pub(crate) fn read_weights(
    model: &LayerRef,
    file: &Group,
    by_name: bool,
    plan: &mut Plan,
) -> Result<()> {
    let root = file;
    let file = match file.find_group("model_weights")? {
        Some(inner) => inner,
        None => file.clone(),
    };
    let origin = origin_of(root, &file)?;
    let names = file.texts("layer_names")?.unwrap_or_default();
    let mut stored = Vec::new();
    for name in names {
        let weights = stored_weights(&file, &name)?;
        if !weights.is_empty() {
            stored.push((name, weights));
        }
    }
    let layers: Vec<(LayerRef, Vec<Variable>)> = model
        .children()
        .iter()
        .map(|l| (l.clone(), weights_of(l)))
        .filter(|(_, weights)| !weights.is_empty())
        .collect();
    if by_name {
        for (name, weights) in &stored {
            let mut same = layers.iter().filter(|(l, _)| l.name() == name).peekable();
            if same.peek().is_none() {
                plan.warnings.push(format!(
                    "the model has no layer `{name}`; its weights are left out"
                ));
            }
            for (layer, wanted) in same {
                let outcome = take_all(layer, wanted, weights, &origin, plan);
                plan.skip(outcome)?;
            }
        }
    } else {
        if layers.len() != stored.len() {
            return Err(format_error(
                format!("HDF5 group /{}", file.path()),
                format!(
                    "weights of {} layers where the model has {}",
                    stored.len(),
                    layers.len()
                ),
            ));
        }
        for ((layer, wanted), (_, weights)) in layers.iter().zip(&stored) {
            let outcome = take_all(layer, wanted, weights, &origin, plan);
            plan.skip(outcome)?;
        }
    }
    let own = model.own_weights();
    if !own.is_empty()
        && let Some(top) = file.find_group("top_level_model_weights")?
    {
        let weights = listed(&top)?;
        let outcome = take_all(model, &own, &weights, &origin, plan);
        plan.skip(outcome)?;
    }
    Ok(())
}

/// The weights of a layer in the order of the format: those that training changes first.
fn weights_of(layer: &LayerRef) -> Vec<Variable> {
    let mut all = layer.trainable_variables();
    all.extend(layer.non_trainable_variables());
    all
}

fn stored_weights(file: &Group, layer: &str) -> Result<Vec<Dataset>> {
    listed(&file.group(layer)?)
}

/// The datasets that the attribute `weight_names` lists.
fn listed(group: &Group) -> Result<Vec<Dataset>> {
    let names = group.texts("weight_names")?.unwrap_or_default();
    names.iter().map(|name| group.dataset(name)).collect()
}

fn take_all(
    layer: &LayerRef,
    wanted: &[Variable],
    stored: &[Dataset],
    origin: &Origin,
    plan: &mut Plan,
) -> Result<()> {
    let in_layer = |source: Error| Error::InLayer {
        name: layer.name().to_string(),
        class: layer.class_name().to_string(),
        source: Box::new(source),
    };
    let shapes = stored.iter().map(Dataset::shape);
    let shapes = shapes.collect::<Result<Vec<_>>>().map_err(in_layer)?;
    let is_cudnn = is_cudnn(wanted, &shapes);
    if *origin == Origin::default() && wanted.len() == stored.len() && !is_cudnn {
        let mut both = wanted.iter().zip(stored);
        return both
            .try_for_each(|(variable, dataset)| plan.take(variable, dataset).map_err(in_layer));
    }
    // A converted layout has more or other values than the layer, but not more elements, but for the biases of CuDNN.
    let elements: usize = wanted.iter().map(|v| v.shape().size()).sum();
    let mut declared = 0u64;
    for shape in &shapes {
        let size = shape.iter().try_fold(1u64, |a, &n| a.checked_mul(n));
        declared = declared.saturating_add(size.unwrap_or(u64::MAX));
    }
    let fits = match is_cudnn {
        true => declared <= 2 * elements as u64,
        false => declared == elements as u64,
    };
    if !fits {
        let problem = format!("{declared} numbers where the weights of the layer have {elements}");
        return Err(in_layer(format_error("legacy HDF5 file", problem)));
    }
    let values = stored
        .iter()
        .map(Dataset::read)
        .collect::<Result<Vec<_>>>()?;
    let values = convert(layer, wanted, values, origin).map_err(in_layer)?;
    if wanted.len() != values.len() {
        let problem = format!(
            "{} weights where the layer has {}",
            values.len(),
            wanted.len()
        );
        return Err(in_layer(format_error("legacy HDF5 file", problem)));
    }
    let mut both = wanted.iter().zip(values);
    both.try_for_each(|(variable, value)| plan.put(variable, value).map_err(in_layer))
}

/// What wrote the file. The attributes stand at the root, in the group of the weights, or, with Keras 1, nowhere.
fn origin_of(root: &Group, weights: &Group) -> Result<Origin> {
    let attribute = |name: &str| match weights.text(name)? {
        Some(text) => Ok(Some(text)),
        None => root.text(name),
    };
    let version = attribute("keras_version")?;
    Ok(Origin {
        keras1: version.is_none_or(|v| v.starts_with("1.")),
        theano: attribute("backend")?.is_some_and(|b| b == "theano"),
    })
}

/// Reads the state of the optimizer, if there is any.
fn read_optimizer(
    optimizer: &Optimizer,
    model: &Model,
    file: &Group,
    plan: &mut Plan,
) -> Result<()> {
    let Some(group) = file.find_group("optimizer_weights")? else {
        return Ok(());
    };
    let names = group.texts("weight_names")?.unwrap_or_default();
    let stored = names.into_iter().zip(listed(&group)?).collect();
    let trained = model.trainable_variables();
    let stored = optimizer::in_order_of_today(optimizer, &trained, stored)?;
    optimizer::take(optimizer, &trained, &stored, plan)
}

/// Writes a whole model.
pub(crate) fn save_model(model: &Model, path: &Path, include_optimizer: bool) -> Result<()> {
    let json = model.to_json()?;
    let mut file = Tree::new();
    file.set_text("keras_version", KERAS_VERSION);
    file.set_text("backend", "tensorflow");
    let own = config::downgrade::model(&json).unwrap_or_else(
        || serde_json::json!({"class_name": json["class_name"], "config": json["config"]}),
    );
    file.set_text("model_config", own.to_string());
    write_weights(model, file.group("model_weights"))?;
    if include_optimizer && let Some(mut compile) = model.compile_config()? {
        let optimizer = compile["optimizer"].take();
        if let Value::Object(settings) = &mut compile {
            settings.remove("optimizer");
        }
        // Keras 3 cannot read the name of a loss back from this format; as an object it can.
        if let Some(name) = compile["loss"].as_str()
            && let Ok(object) = Loss::from(name).to_json()
        {
            compile["loss"] = object;
        }
        compile["optimizer_config"] = serde_json::json!({"class_name": optimizer["class_name"], "config": optimizer["config"]});
        let compile = config::downgrade::training(&compile).unwrap_or(compile);
        file.set_text("training_config", compile.to_string());
        write_list(
            &model.optimizer()?.variables(),
            file.group("optimizer_weights"),
        )?;
    }
    atomic::write_bytes(path, &file.to_bytes()?)
}

/// Puts the weights of a model into a group.
fn write_weights(model: &LayerRef, into: &mut Tree) -> Result<()> {
    let names = model.children().iter().map(|l| l.name().to_string());
    into.set_texts("layer_names", names.collect());
    into.set_text("backend", "tensorflow");
    into.set_text("keras_version", KERAS_VERSION);
    for layer in model.children() {
        write_list(&weights_of(layer), into.group(layer.name()))?;
    }
    write_list(&model.own_weights(), into.group("top_level_model_weights"))
}

fn write_list(variables: &[Variable], into: &mut Tree) -> Result<()> {
    // Two variables of one path would be one dataset.
    let mut names: Vec<String> = Vec::new();
    for variable in variables {
        let path = variable.path();
        let mut name = path.clone();
        let mut count = 0;
        while names.contains(&name) {
            count += 1;
            name = format!("{path}_{count}");
        }
        into.set_tensor(&name, variable.value()?);
        names.push(name);
    }
    into.set_texts("weight_names", names);
    Ok(())
}
