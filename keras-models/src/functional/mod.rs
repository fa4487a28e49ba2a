//! Models of any shape, from layers called on tensors that are not there yet.

mod config;
mod cut;
mod graph;
mod legacy;
mod passes;
mod plan;
#[cfg(test)]
mod tests;

pub(crate) use graph::Graph;
pub use keras_datasets::Structure;

use keras_layers::{Argument, Arguments, Call, Dims, Layer, LayerExt, LayerRef, Symbolic, Weights};
use keras_tensor::names::auto_name;
use keras_tensor::{Error, Outputs, Result, Tensor, ops};

use crate::Model;
use plan::Plan;

/// The layer that a functional model is.
pub(crate) struct Functional {
    inputs: Structure<Symbolic>,
    outputs: Structure<Symbolic>,
    graph: Graph,
    plan: Plan,
}

impl Functional {
    pub(crate) fn new(inputs: Structure<Symbolic>, outputs: Structure<Symbolic>) -> Result<Self> {
        let (inputs, outputs) = cut::out(inputs, outputs)?;
        let all = |s: &Structure<Symbolic>| s.iter().cloned().collect::<Vec<_>>();
        let (from, to) = (all(&inputs), all(&outputs));
        if from.is_empty() || to.is_empty() {
            let wanted = "at least one input and one output";
            return Err(Error::argument("Model::new", "an empty list", wanted));
        }
        let graph = Graph::new(&from, &to)?;
        let plan = Plan::new(&graph, &from, &to)?;
        Ok(Functional {
            inputs,
            outputs,
            graph,
            plan,
        })
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The tensors of a call, in the order of the inputs, with the ranks and dtypes that these want.
    fn standardize(&self, given: &Arguments<Tensor>) -> Result<Vec<Tensor>> {
        let names: Vec<&str> = self.inputs.iter().map(|x| x.layer().name()).collect();
        let misfit = |got: String| {
            Error::argument(
                "inputs",
                got,
                format!("a tensor for each of {}", names.join(", ")),
            )
        };
        let by_name: Vec<(&str, &Argument<Tensor>)> = given.by_name().collect();
        let tensors: Vec<&Tensor> = if given.positional().is_empty() {
            let find = |name: &&str| match by_name.iter().find(|(n, _)| n == name) {
                Some((_, Argument::One(t))) => Ok(t),
                _ => Err(misfit(format!("none for {name:?}"))),
            };
            names.iter().map(find).collect::<Result<_>>()?
        } else {
            given.tensors().collect()
        };
        if tensors.len() != names.len() {
            return Err(misfit(format!("{} tensors", tensors.len())));
        }
        let pairs = self.inputs.iter().zip(tensors);
        pairs.map(|(wanted, x)| fitted(x, wanted)).collect()
    }
}

/// The tensor as an input wants it: a last axis of size 1 more or less, and its dtype.
fn fitted(x: &Tensor, wanted: &Symbolic) -> Result<Tensor> {
    let dims = wanted.dims();
    let mask = x.mask().cloned();
    let x = if x.rank() == dims.len() + 1 && x.shape().last() == Some(&1) {
        ops::squeeze(x, -1)?
    } else if x.rank() + 1 == dims.len() && dims.last().ok() == Some(1) {
        ops::expand_dims(x, -1)?
    } else {
        x.clone()
    };
    if !dims.clone().any_batch().fits(x.shape()) {
        let what = format!("input `{}`", wanted.layer().name());
        return Err(Error::shape(
            what,
            &[x.shape()],
            format!("data of shape {dims}"),
        ));
    }
    if x.dtype() == wanted.dtype() {
        return Ok(x.with_mask(mask));
    }
    Ok(ops::cast(&x, wanted.dtype())?.with_mask(mask))
}

impl Layer for Functional {
    fn class_name(&self) -> Option<&'static str> {
        Some("Functional")
    }

    fn module(&self) -> &'static str {
        "keras.src.models.functional"
    }

    fn base_keys(&self) -> &'static [&'static str] {
        &["name", "trainable"]
    }

    fn autocasts(&self) -> bool {
        false
    }

    fn output_names(&self) -> Vec<String> {
        match &self.outputs {
            Structure::Map(all) => all.iter().map(|(name, _)| name.clone()).collect(),
            all => all.iter().map(|y| y.layer().name().to_string()).collect(),
        }
    }

    fn build_many(&self, _: &Arguments<Dims>, weights: &mut Weights) -> Result<()> {
        self.graph.layers.iter().for_each(|l| weights.layer(l));
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        Ok(self.call_many(&Arguments::new(x), cx)?.swap_remove(0))
    }

    fn call_many(&self, inputs: &Arguments<Tensor>, cx: &Call) -> Result<Outputs> {
        let inputs = self.standardize(inputs)?;
        self.plan.run(inputs, cx)
    }
}

impl Model {
    /// The model that computes `outputs` from `inputs`: tensors that layers were called on with
    /// [`LayerExt::on`](keras_layers::LayerExt::on).
    ///
    /// Inputs and outputs are one tensor, a list, or a map by name. A tensor between layers can be an input, too: the
    /// model is then cut out of the graph and shares its layers.
    ///
    /// ```
    /// use keras_layers::{LayerExt, layers::{Concatenate, Dense, Input}};
    /// use keras_models::Model;
    /// let (a, b) = (Input::new([4]).symbolic(), Input::new([2]).symbolic());
    /// let both = Concatenate::new().on([&Dense::new(3).on(&a)?, &b])?;
    /// let model = Model::new([&a, &b], &Dense::new(1).on(&both)?)?;
    /// assert_eq!(model.count_params(), 15 + 6);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// An output that needs further inputs, two layers of one name.
    pub fn new(
        inputs: impl Into<Structure<Symbolic>>,
        outputs: impl Into<Structure<Symbolic>>,
    ) -> Result<Self> {
        let name = auto_name("functional");
        Model::named(&name, inputs, outputs)
    }

    /// [`Model::new`] under a name.
    ///
    /// # Errors
    /// Those of [`Model::new`].
    pub fn named(
        name: &str,
        inputs: impl Into<Structure<Symbolic>>,
        outputs: impl Into<Structure<Symbolic>>,
    ) -> Result<Self> {
        Model::of_functional(Functional::new(inputs.into(), outputs.into())?.name(name))
    }

    /// The tensors that the model begins with.
    ///
    /// # Errors
    /// A model without a graph: its own code calls its layers.
    pub fn inputs(&self) -> Result<Vec<Symbolic>> {
        self.ends().map(|(inputs, _)| inputs)
    }

    /// The tensors that the model ends with.
    ///
    /// # Errors
    /// A model without a graph: its own code calls its layers.
    pub fn outputs(&self) -> Result<Vec<Symbolic>> {
        self.ends().map(|(_, outputs)| outputs)
    }

    pub(crate) fn of_functional(root: LayerRef) -> Result<Self> {
        let functional = of(&root);
        let dims = functional.map(|f| f.inputs.iter().map(|x| x.dims().clone()).collect());
        let dims: Vec<Dims> = dims.unwrap_or_default();
        root.build_many(&Arguments::new(dims))?;
        Ok(Model::from_root(root))
    }

    fn ends(&self) -> Result<(Vec<Symbolic>, Vec<Symbolic>)> {
        let all = |s: &Structure<Symbolic>| s.iter().cloned().collect::<Vec<_>>();
        if let Some(f) = of(self.root()) {
            return Ok((all(&f.inputs), all(&f.outputs)));
        }
        let stack = self.root().downcast_ref::<crate::sequential::Stack>();
        let ends = stack.and_then(crate::sequential::Stack::ends);
        let (input, output) = ends.ok_or_else(|| {
            Error::not_ready(
                format!("model `{}`", self.name()),
                "it has no graph: only functional models, and sequential ones of known input shape, have tensors",
            )
        })?;
        Ok((vec![input.clone()], vec![output.clone()]))
    }
}

/// The functional model that a layer is.
pub(crate) fn of(layer: &LayerRef) -> Option<&Functional> {
    layer.downcast_ref::<Functional>()
}
