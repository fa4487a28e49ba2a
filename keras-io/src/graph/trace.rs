//! From two runs to a graph.

use keras_layers::{Arguments, Call, Dims};
use keras_models::Model;

use keras_tensor::{DType, Error, Id, Op, Result, Shape, Tensor, Variable, ops};
use std::collections::HashMap;

use keras_autograd::graph::{Record, Recorded, record};
use super::{Graph, Node, Size, Source, Value, Weights};

/// Sizes of the two batches.
const BATCHES: [usize; 2] = [2, 3];

/// An input of a model.
struct Given {
    name: String,
    dims: Dims,
    dtype: DType,
}

/// What a model computes in inference.
///
/// # Errors
/// A model that is not built, whose inputs have unknown sizes besides the batch, or that does not compute the same for
/// batches of all sizes.
pub(crate) fn trace(model: &Model, how: Weights) -> Result<Graph> {
    let given = given(model)?;
    let kept = Kept::of(model)?;
    let runs = [run(model, &given, 0)?, run(model, &given, 1)?];
    drop(kept);
    if let Some(state) = runs[0].record.states.take().first() {
        let problem = format!(
            "it keeps a state from call to call ({}), which no graph can hold",
            state.path()
        );
        return Err(Error::data(format!("model `{}`", model.name()), problem));
    }
    let weights = runs[0].record.weights.take();
    let ops = runs.each_ref().map(|r| r.record.ops.take());
    if ops[0].len() != ops[1].len() {
        return Err(varies(model, "how many ops it takes"));
    }
    let mut tracer = Tracer {
        model,
        how,
        weights: weights.into_iter().map(|v| (v.family(), v)).collect(),
        places: HashMap::new(),
        values: Vec::new(),
        nodes: Vec::new(),
    };
    let [first, second] = &runs;
    let mut inputs = Vec::new();
    for ((given, a), b) in given.iter().zip(&first.inputs).zip(&second.inputs) {
        let place = tracer.add(a, b, Source::Input)?;
        inputs.push((given.name.clone(), place));
    }
    for (a, b) in ops[0].iter().zip(&ops[1]) {
        tracer.op(a, b)?;
    }
    let names = model.output_names();
    let mut outputs: Vec<(String, usize)> = Vec::new();
    for (i, (a, b)) in first.outputs.iter().zip(&second.outputs).enumerate() {
        let name = names
            .get(i)
            .cloned()
            .unwrap_or_else(|| format!("output_{i}"));
        let is_used = outputs.iter().any(|(used, _)| *used == name);
        // A layer of several outputs has one name for all.
        let name = match is_used {
            true => format!("{name}_{i}"),
            false => name,
        };
        outputs.push((name, tracer.place(a, b)?));
    }
    let nodes = needed(tracer.nodes, &outputs);
    let is_varying = |p: &usize| matches!(tracer.values[*p].source, Source::Varying);
    let ends = outputs.iter().map(|(_, p)| p);
    if nodes
        .iter()
        .flat_map(|n| &n.inputs)
        .chain(ends)
        .any(is_varying)
    {
        return Err(varies(
            model,
            "a number in its code, or a state that it keeps,",
        ));
    }
    Ok(Graph {
        name: model.name().to_string(),
        inputs,
        outputs,
        values: tracer.values,
        nodes,
    })
}

fn varies(model: &Model, what: &str) -> Error {
    let problem =
        format!("{what} depends on the size of the batch in a way that no graph can hold");
    Error::data(format!("model `{}`", model.name()), problem)
}

fn given(model: &Model) -> Result<Vec<Given>> {
    if let Ok(inputs) = model.inputs() {
        let given = |x: &keras_layers::Symbolic| Given {
            name: x.layer().name().to_string(),
            dims: x.dims().clone(),
            dtype: x.dtype(),
        };
        return Ok(inputs.iter().map(given).collect());
    }
    let built = model.built_for().ok_or_else(|| {
        let what = format!("model `{}`", model.name());
        Error::not_ready(what, "build it or call it before it is exported")
    })?;
    let dims = built.tensors().enumerate();
    let given = dims.map(|(i, dims)| Given {
        name: format!("input_{i}"),
        dims: dims.clone().any_batch(),
        dtype: model.compute_dtype(),
    });
    Ok(given.collect())
}

/// Gives states that a model keeps from call to call their values back.
struct Kept(Vec<(Variable, Tensor)>);

impl Kept {
    fn of(model: &Model) -> Result<Self> {
        let kept = |v: Variable| v.value().map(|value| (v, value));
        let all = model.variables().into_iter().map(kept);
        Ok(Kept(all.collect::<Result<_>>()?))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for (variable, before) in &self.0 {
            if variable.value().is_ok_and(|now| now.id() != before.id()) {
                // Its own value fits.
                let _ = variable.assign(before);
            }
        }
    }
}

/// A run of the model.
struct Run {
    record: std::rc::Rc<Record>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

fn run(model: &Model, given: &[Given], which: usize) -> Result<Run> {
    let mut inputs = Vec::new();
    for given in given {
        let size = |(axis, size): (usize, &Option<usize>)| match (axis, size) {
            (_, Some(n)) => Ok(*n),
            (0, None) => Ok(BATCHES[which]),
            _ => Err(Error::shape(
                format!("input `{}`", given.name),
                &[] as &[&[usize]],
                format!("known sizes but for the batch; it is {}", given.dims),
            )),
        };
        let shape: Shape = given
            .dims
            .iter()
            .enumerate()
            .map(size)
            .collect::<Result<_>>()?;
        inputs.push(ops::zeros(shape, given.dtype)?);
    }
    let arguments = match &inputs[..] {
        [one] => Arguments::new(one.clone()),
        several => Arguments::new(several.to_vec()),
    };
    let (record, outputs) = record(|| model.call_many(arguments, &Call::inference()))?;
    Ok(Run {
        record,
        inputs,
        outputs: outputs.into_vec(),
    })
}

struct Tracer<'a> {
    model: &'a Model,
    how: Weights,
    weights: HashMap<Id, Variable>,
    /// Where tensors of the first run are.
    places: HashMap<Id, usize>,
    values: Vec<Value>,
    nodes: Vec<Node>,
}

impl Tracer<'_> {
    /// A tensor that both runs have.
    fn add(&mut self, a: &Tensor, b: &Tensor, source: Source) -> Result<usize> {
        let sizes = self.sizes(a.shape(), b.shape())?;
        self.values.push(Value {
            dtype: a.dtype(),
            sizes,
            source,
        });
        let place = self.values.len() - 1;
        self.places.insert(a.id().family(), place);
        Ok(place)
    }

    fn sizes(&self, a: &[usize], b: &[usize]) -> Result<Vec<Size>> {
        if a.len() != b.len() {
            return Err(varies(self.model, "the rank of a tensor"));
        }
        let step = (BATCHES[1] - BATCHES[0]) as i64;
        let pairs = a.iter().zip(b);
        let size = |(&a, &b): (&usize, &usize)| {
            let (a, b) = (a as i64, b as i64);
            let per_batch = (b - a) / step;
            Size {
                per_batch,
                constant: a - per_batch * BATCHES[0] as i64,
            }
        };
        Ok(pairs.map(size).collect())
    }

    /// Where a tensor is. One that no op made is a weight or a constant.
    fn place(&mut self, a: &Tensor, b: &Tensor) -> Result<usize> {
        if let Some(place) = self.places.get(&a.id().family()) {
            return Ok(*place);
        }
        if let Some(weight) = self.weights.get(&a.id().family()) {
            let weight = weight.clone();
            return self.add(a, b, Source::Weight(weight));
        }
        let same = a.shape() == b.shape() && a.to_f64_vec()? == b.to_f64_vec()?;
        let source = if same {
            Source::Constant(a.clone())
        } else {
            Source::Varying
        };
        self.add(a, b, source)
    }

    /// Whether a tensor is known only when the graph is run.
    fn is_open(&self, t: &Tensor) -> bool {
        let id = t.id().family();
        match self
            .places
            .get(&id)
            .map(|&place| &self.values[place].source)
        {
            Some(Source::Input | Source::Node) => true,
            Some(Source::Constant(_) | Source::Varying) => false,
            Some(Source::Weight(_)) => self.how == Weights::Kept,
            None => self.how == Weights::Kept && self.weights.contains_key(&id),
        }
    }

    fn op(&mut self, a: &Recorded, b: &Recorded) -> Result<()> {
        if std::mem::discriminant(&a.op) != std::mem::discriminant(&b.op) {
            return Err(varies(self.model, "which ops it takes"));
        }
        let pairs: Vec<_> = a.inputs.iter().zip(&b.inputs).collect();
        let made = a.outputs.iter().zip(&b.outputs);
        let fixed = made.clone().all(|(a, b)| a.shape() == b.shape());
        if fixed && !a.inputs.iter().any(|t| self.is_open(t)) {
            for (a, b) in made {
                self.place(a, b)?;
            }
            return Ok(());
        }
        let inputs = pairs.iter().map(|(a, b)| self.place(a, b));
        let inputs = inputs.collect::<Result<_>>()?;
        let sizes = self.sizes(&attributes(&a.op), &attributes(&b.op))?;
        let outputs = made.map(|(a, b)| self.add(a, b, Source::Node));
        let outputs = outputs.collect::<Result<_>>()?;
        self.nodes.push(Node {
            op: a.op.clone(),
            sizes,
            inputs,
            outputs,
        });
        Ok(())
    }
}

/// The sizes that an op has as attributes.
fn attributes(op: &Op) -> Shape {
    match op {
        Op::Fill(fill) => fill.shape.clone(),
        Op::Arange(arange) => [arange.count].into(),
        Op::Reshape(shape) | Op::Broadcast(shape) => shape.clone(),
        Op::Slice(slice) => slice
            .begin
            .iter()
            .chain(slice.size.iter())
            .copied()
            .collect(),
        _ => Shape::scalar(),
    }
}

/// The nodes that the outputs need.
fn needed(nodes: Vec<Node>, outputs: &[(String, usize)]) -> Vec<Node> {
    let mut wanted: std::collections::HashSet<usize> = outputs.iter().map(|(_, p)| *p).collect();
    let mut kept = Vec::new();
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().any(|p| wanted.contains(p)) {
            wanted.extend(&node.inputs);
            kept.push(node);
        }
    }
    kept.reverse();
    kept
}
