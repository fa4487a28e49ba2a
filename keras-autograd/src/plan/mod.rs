//! A graph made ready to be run many times: what follows from weights alone is computed once, what follows a convolution
//! or a dense layer is done by it, and memory is given up as soon as nothing needs it.

mod borders;
mod chains;
mod draft;
mod fuse;
mod run;
mod samples;
mod simplify;
#[cfg(test)]
mod tests;

use keras_tensor::{Id, Op, Result, SmallVec, Tensor, Variable};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::graph::{Graph, Node};
use draft::Draft;
use samples::Samples;

/// A computation with inputs of certain shapes, ready to be run many times.
///
/// It reads weights when it runs, so their values may change. What it keeps of them, such as the scales that batch
/// normalization multiplies by, is stale once they are written: see [`Plan::is_fresh`].
///
/// ```
/// use keras_autograd::{Graph, Plan};
/// use keras_tensor::{DType, Tensor, Variable, ops};
/// let w = Variable::new(Tensor::scalar(2.0f32), "w");
/// let inputs = [Tensor::meta([3], DType::F32)];
/// let work = || Ok(vec![ops::relu(ops::multiply(&inputs[0], &w)?)?]);
/// let plan = Plan::new(Graph::trace(&inputs, work).expect("it computes the same each time"))?;
/// let x = Tensor::new(&[-1.0f32, 2.0, 3.0], [3])?;
/// assert_eq!(plan.run(&[&x])?[0].to_vec::<f32>()?, [0.0, 4.0, 6.0]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct Plan {
    program: Arc<Program>,
    constants: Vec<Tensor>,
    /// The ids of the variables that constants follow from.
    ids: Vec<Id>,
    /// The number of writes at which these ids were found unchanged.
    writes: AtomicU64,
}

/// What does not depend on values.
#[derive(Debug, Default)]
struct Program {
    inputs: usize,
    slots: usize,
    weights: Vec<Variable>,
    steps: Vec<Step>,
    outputs: Vec<Place>,
    /// What follows from weights and constants alone; places are those of the graph.
    ahead: Vec<Node>,
    /// The variables that it reads, and the constants in the model's code, by their places.
    read: Vec<(usize, Variable)>,
    given: Vec<(usize, Tensor)>,
    /// The places of what is kept of it.
    kept: Vec<usize>,
    /// Ops that are done for a few samples at a time.
    samples: Option<Samples>,
}

/// An op, and where its tensors are.
#[derive(Debug)]
struct Step {
    op: Op,
    inputs: SmallVec<[Place; 5]>,
    /// The slots of the results; none for those that nothing needs.
    outputs: SmallVec<[Option<usize>; 3]>,
}

/// Where a tensor is while a plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Input(usize),
    Weight(usize),
    Constant(usize),
    /// In a slot, where it stays.
    Slot(usize),
    /// In a slot that nothing reads after this.
    Last(usize),
}

impl Plan {
    /// Makes a plan of a graph.
    ///
    /// # Errors
    /// The first value of a variable cannot be computed; no memory.
    pub fn new(mut graph: Graph) -> Result<Plan> {
        simplify::simplify(&mut graph);
        graph.prune();
        let mut draft = Draft::new(graph);
        fuse::fuse(&mut draft)?;
        borders::borders(&mut draft);
        chains::chains(&mut draft);
        Plan::of(Arc::new(draft.program()))
    }

    /// Whether no variable was written that something in the plan follows from.
    pub fn is_fresh(&self) -> bool {
        let writes = Variable::writes();
        if self.writes.load(Ordering::Relaxed) == writes {
            return true;
        }
        let mut pairs = self.program.read.iter().zip(&self.ids);
        let same = pairs.all(|((_, variable), id)| variable.id() == *id);
        if same {
            self.writes.store(writes, Ordering::Relaxed);
        }
        same
    }

    /// The same plan for the values that variables have now.
    ///
    /// # Errors
    /// The value of a variable was lost; no memory.
    pub fn refreshed(&self) -> Result<Plan> {
        Plan::of(self.program.clone())
    }

    /// The names of its ops, in their order.
    pub fn ops(&self) -> impl Iterator<Item = &str> {
        self.program.steps.iter().map(|step| step.op.name())
    }
}

/// An op a line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ops().try_for_each(|name| writeln!(f, "{name}"))
    }
}
