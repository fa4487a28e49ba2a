//! Reading weights that Keras 3, or Keras 2 from 2.12 on, wrote.

use keras_layers::LayerRef;
use keras_tensor::{Error, Result, Tensor, Variable, ops};

use super::TRAINING_STATE;
use super::walk::{Seen, children, stored};
use crate::hdf5::{Dataset, Group};
use crate::limits::format_error;

/// Groups that are looked into for weights that no layer took: circles of groups have no end.
const MOST_VISITS: usize = 1000;

/// A value in a file, of any format.
pub(crate) trait Stored {
    /// What it is, for errors.
    fn what(&self) -> String;
    fn shape(&self) -> Result<Vec<u64>>;
    fn read(&self) -> Result<Tensor>;
}

impl Stored for Dataset {
    fn what(&self) -> String {
        format!("HDF5 dataset /{}", self.path())
    }

    fn shape(&self) -> Result<Vec<u64>> {
        Dataset::shape(self)
    }

    fn read(&self) -> Result<Tensor> {
        Dataset::read(self)
    }
}

/// What will be assigned once all has been read, and what is to be told.
#[derive(Default)]
pub(crate) struct Plan {
    values: Vec<(Variable, Tensor)>,
    pub(crate) warnings: Vec<String>,
    skip_mismatch: bool,
}

impl Plan {
    pub(crate) fn new(skip_mismatch: bool) -> Self {
        Plan {
            skip_mismatch,
            ..Plan::default()
        }
    }

    /// Remembers the value of a variable.
    ///
    /// # Errors
    /// Another shape, which is found before anything is read.
    pub(crate) fn take(&mut self, variable: &Variable, stored: &impl Stored) -> Result<()> {
        let shape = stored.shape()?;
        let wanted = variable.shape();
        let fits = shape.len() == wanted.rank()
            && shape
                .iter()
                .zip(wanted.iter())
                .all(|(&a, &b)| a == b as u64);
        if !fits {
            let problem = format!(
                "shape {shape:?} where weight `{}` has {wanted}",
                variable.path()
            );
            return Err(format_error(stored.what(), problem));
        }
        self.put(variable, stored.read()?)
    }

    /// Remembers a value that is read already.
    ///
    /// # Errors
    /// Another shape.
    pub(crate) fn put(&mut self, variable: &Variable, value: Tensor) -> Result<()> {
        if value.shape() != variable.shape() {
            let got = [&value.shape()[..]];
            let wanted = format!("a value of shape {}", variable.shape());
            return Err(Error::shape(
                format!("weight `{}`", variable.path()),
                &got,
                wanted,
            ));
        }
        let value = if value.dtype() == variable.dtype() {
            value
        } else {
            ops::cast(&value, variable.dtype())?
        };
        self.values.push((variable.clone(), value));
        Ok(())
    }

    /// Adds what another plan holds.
    pub(crate) fn add(&mut self, other: Plan) {
        self.values.extend(other.values);
        self.warnings.extend(other.warnings);
    }

    /// Leaves a layer out, if that is allowed.
    pub(crate) fn skip(&mut self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Err(e) if self.skip_mismatch => {
                self.warnings.push(format!("left as it was: {e}"));
                Ok(())
            }
            other => other,
        }
    }

    /// Gives the variables their values.
    pub(crate) fn assign(self) -> Result<Vec<String>> {
        for (variable, value) in &self.values {
            variable.assign(value)?;
        }
        Ok(self.warnings)
    }
}

/// Reads the weights of a layer, and of the layers that it holds, from a group, or from the same group of several files
/// that share the weights.
pub(crate) fn read(layer: &LayerRef, from: &[Group], plan: &mut Plan) -> Result<()> {
    read_new(layer, from, "", plan, &mut Seen::default())
}

fn read_new(
    layer: &LayerRef,
    from: &[Group],
    path: &str,
    plan: &mut Plan,
    seen: &mut Seen,
) -> Result<()> {
    let mut outcome = read_variables(layer.name(), &stored(layer), from, path, plan);
    if let (Ok(()), Some(adapter)) = (&outcome, layer.adapter()) {
        // The kernel has what was added to it.
        let zero = |m: &Variable| plan.put(m, ops::zeros(m.shape().clone(), m.dtype())?);
        outcome = adapter.matrices().into_iter().try_for_each(zero);
    }
    plan.skip(outcome.map_err(|e| in_layer(layer, e)))?;
    // Keras 2 stored the states of metrics, which Keras 3 starts anew.
    let mut met: Vec<String> = ["optimizer", "metrics", TRAINING_STATE]
        .map(String::from)
        .into();
    for (inner, child) in children(layer) {
        if !seen.is_first(&child) {
            continue;
        }
        let found = from.iter().map(|group| find(group, &inner));
        let groups: Vec<Group> = found.filter_map(Result::transpose).collect::<Result<_>>()?;
        let path = match groups.first() {
            Some(group) => group.path().to_string(),
            None => format!("{path}/{inner}"),
        };
        met.push(path.clone());
        read_new(&child, &groups, &path, plan, seen)?;
    }
    let mut left = MOST_VISITS;
    from.iter()
        .try_for_each(|group| tell_left_out(group, &met, &mut left, plan))
}

/// The group of a held layer, under today's name or one that an older Keras used.
fn find(from: &Group, inner: &str) -> Result<Option<Group>> {
    let older = match inner.strip_prefix("layers/") {
        Some(rest) => format!("_layer_checkpoint_dependencies/{rest}"),
        None => match inner.strip_prefix('_') {
            Some(public) => public.to_string(),
            None => format!("_{inner}"),
        },
    };
    match from.find_group(inner)? {
        Some(group) => Ok(Some(group)),
        None => from.find_group(&older),
    }
}

/// The variables that Keras numbers in the group `vars`, in their order.
pub(crate) fn numbered(from: &[Group]) -> Result<Vec<Dataset>> {
    let mut all = Vec::new();
    for group in from {
        let Some(vars) = group.find_group("vars")? else {
            continue;
        };
        for name in vars.datasets()? {
            let number = name.parse::<usize>().map_err(|_| {
                format_error(
                    format!("HDF5 group /{}", vars.path()),
                    format!("a variable {name:?}; wanted numbers"),
                )
            })?;
            all.push((number, vars.dataset(&name)?));
        }
    }
    all.sort_by_key(|(number, _)| *number);
    match all.iter().enumerate().find(|(i, (number, _))| i != number) {
        Some((i, _)) => {
            let path = from.first().map_or("", Group::path);
            Err(format_error(
                format!("HDF5 group /{path}"),
                format!("it holds no variable {i}, or two"),
            ))
        }
        None => Ok(all.into_iter().map(|(_, dataset)| dataset).collect()),
    }
}

fn read_variables(
    name: &str,
    variables: &[Variable],
    from: &[Group],
    path: &str,
    plan: &mut Plan,
) -> Result<()> {
    let stored = numbered(from)?;
    if stored.len() != variables.len() {
        let names: Vec<String> = variables.iter().map(Variable::path).collect();
        return Err(format_error(
            format!("HDF5 group /{path}"),
            format!(
                "{} variables where `{name}` has {}: {}",
                stored.len(),
                variables.len(),
                names.join(", ")
            ),
        ));
    }
    let mut both = variables.iter().zip(&stored);
    both.try_for_each(|(variable, dataset)| plan.take(variable, dataset))
}

/// Warns of groups with data that no layer took.
fn tell_left_out(from: &Group, met: &[String], left: &mut usize, plan: &mut Plan) -> Result<()> {
    for name in from.groups()? {
        let Some(group) = from.find_group(&name)? else {
            continue;
        };
        let path = group.path();
        let is_met = |m: &String| m == path || (from.path().is_empty() && *m == name);
        if name == "vars" || met.iter().any(is_met) {
            continue;
        }
        let leads_on = met.iter().any(|m| m.starts_with(&format!("{path}/")));
        if leads_on {
            tell_left_out(&group, met, left, plan)?;
        } else if holds_data(&group, 3, left)? {
            plan.warnings.push(format!(
                "the file holds weights in {path} for which the model has no layer; they are left out"
            ));
        }
    }
    Ok(())
}

/// Whether there are datasets in a group or the groups in it; where that is too much to look at, it is taken to be so.
fn holds_data(group: &Group, depth: usize, left: &mut usize) -> Result<bool> {
    if *left == 0 || !group.datasets()?.is_empty() {
        return Ok(true);
    }
    *left -= 1;
    if depth == 0 {
        return Ok(false);
    }
    for name in group.groups()? {
        if let Some(inner) = group.find_group(&name)?
            && holds_data(&inner, depth - 1, left)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn in_layer(layer: &LayerRef, source: Error) -> Error {
    Error::InLayer {
        name: layer.name().to_string(),
        class: layer.class_name().to_string(),
        source: Box::new(source),
    }
}
