//! Plans of inference, kept for the shapes that a model was called with.

use keras_autograd::{Graph, Plan};
use keras_datasets::Structure;
use keras_layers::{Call, LayerRef};
use keras_tensor::{DType, Outputs, Result, Shape, SmallVec, Tensor, observe};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::step::arguments;

/// How many shapes are remembered.
const MOST: usize = 8;

/// Bytes of a batch from which a model that is built has a plan from the first call on: that takes little time against the
/// call, and the call less memory.
const LARGE: usize = 1 << 20;

/// The plans of a model.
///
/// A shape has a plan from its second call on, so that a single call does not pay for one, or from the first if its batches
/// are large; and again after layers were built or frozen.
#[derive(Default)]
pub(crate) struct Plans(Mutex<Vec<Entry>>);

struct Entry {
    key: Structure<Given>,
    /// [`LayerRef::structure_version`] when the state was found.
    structure: u64,
    state: State,
}

/// An input of a call, without its values.
type Given = (Spec, Option<Spec>);
type Spec = (Shape, DType);

#[derive(Clone)]
enum State {
    /// Called once.
    Seen,
    /// No graph can hold what the model computes.
    Refused,
    Ready(Arc<Planned>),
}

/// A plan, and which of its results is what.
pub(crate) struct Planned {
    plan: Plan,
    results: Results,
}

/// For each output whether it has a mask. Outputs come first, then their masks, then what is added to the loss.
#[derive(Clone)]
struct Results(SmallVec<[bool; 3]>);

/// Whether plans are made: the environment variable `KERAS_PLAN` is not `off`.
fn wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("KERAS_PLAN").is_none_or(|value| value != "off"))
}

fn given(x: &Tensor) -> Given {
    let spec = |t: &Tensor| (t.shape().clone(), t.dtype());
    (spec(x), x.mask().map(spec))
}

fn fits((spec, mask): &Given, x: &Tensor) -> bool {
    let same = |spec: &Spec, t: &Tensor| spec.0 == *t.shape() && spec.1 == t.dtype();
    let masks = match (mask, x.mask()) {
        (Some(spec), Some(mask)) => same(spec, mask),
        (None, None) => true,
        _ => false,
    };
    same(spec, x) && masks
}

fn all_fit(key: &Structure<Given>, x: &Structure<Tensor>) -> bool {
    match (key, x) {
        (Structure::One(key), Structure::One(x)) => fits(key, x),
        (Structure::List(keys), Structure::List(all)) => {
            keys.len() == all.len() && keys.iter().zip(all).all(|(key, x)| fits(key, x))
        }
        (Structure::Map(keys), Structure::Map(all)) => {
            let mut pairs = keys.iter().zip(all);
            keys.len() == all.len() && pairs.all(|(key, x)| key.0 == x.0 && fits(&key.1, &x.1))
        }
        _ => false,
    }
}

impl Plans {
    /// The outputs of a model for a batch, by its plan where it has one.
    pub(crate) fn run(
        &self,
        root: &LayerRef,
        x: &Structure<Tensor>,
        cx: &Call,
    ) -> Result<Option<Outputs>> {
        if observe::anybody() || observe::is_meta_scope() || !wanted() {
            return Ok(None);
        }
        let Some(planned) = self.find(root, x) else {
            return Ok(None);
        };
        // The error of an op that fails must name its layer, which a plan does not know.
        Ok(planned.run(x, cx).ok())
    }

    /// The names of the ops of the plan for such a batch, if there is one.
    pub(crate) fn ops(&self, x: &Structure<Tensor>) -> Option<Vec<String>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.iter().find(|entry| all_fit(&entry.key, x))?;
        match &entry.state {
            State::Ready(planned) => Some(planned.plan.ops().map(str::to_string).collect()),
            State::Seen | State::Refused => None,
        }
    }

    /// The plan for such a batch, if it has one now.
    fn find(&self, root: &LayerRef, x: &Structure<Tensor>) -> Option<Arc<Planned>> {
        let structure = LayerRef::structure_version();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match entries.iter().position(|entry| all_fit(&entry.key, x)) {
            Some(at) => at,
            None => {
                if entries.len() == MOST {
                    entries.remove(0);
                }
                entries.push(Entry {
                    key: x.map(given),
                    structure,
                    state: State::Seen,
                });
                let bytes = |x: &&Tensor| x.size() * x.dtype().size();
                if with_masks(x).iter().map(bytes).sum::<usize>() < LARGE {
                    return None;
                }
                entries.len() - 1
            }
        };
        let entry = &mut entries[at];
        let is_current = entry.structure == structure;
        entry.structure = structure;
        let next = match &entry.state {
            State::Refused if is_current => return None,
            State::Ready(planned) if is_current && planned.plan.is_fresh() => {
                return Some(planned.clone());
            }
            State::Ready(planned) if is_current => planned.refreshed(),
            State::Seen | State::Refused | State::Ready(_) => Planned::new(root, x),
        };
        entry.state = next.map_or(State::Refused, |planned| State::Ready(Arc::new(planned)));
        match &entry.state {
            State::Ready(planned) => Some(planned.clone()),
            _ => None,
        }
    }
}

impl Planned {
    fn new(root: &LayerRef, x: &Structure<Tensor>) -> Option<Planned> {
        // The first call builds all layers that it takes, and the structure is another one then.
        if !root.is_built() {
            return None;
        }
        let meta = |x: &Tensor| Tensor::meta(x.shape().clone(), x.dtype());
        let x = x.map(|x| meta(x).with_mask(x.mask().map(meta)));
        let inputs: Vec<Tensor> = with_masks(&x).into_iter().cloned().collect();
        let results = OnceLock::new();
        let graph = Graph::trace(&inputs, || {
            let cx = Call::inference();
            let outputs = root.call_many(arguments(&x), &cx)?;
            let has_mask = outputs.iter().map(|y| y.mask().is_some()).collect();
            let masks = outputs.iter().filter_map(Tensor::mask).cloned();
            let masks: Vec<Tensor> = masks.collect();
            let _ = results.set(Results(has_mask));
            let outputs = outputs.into_iter().map(|y| y.with_mask(None));
            Ok(outputs.chain(masks).chain(cx.take_losses()).collect())
        })?;
        Some(Planned {
            plan: Plan::new(graph).ok()?,
            results: results.into_inner()?,
        })
    }

    fn refreshed(&self) -> Option<Planned> {
        Some(Planned {
            plan: self.plan.refreshed().ok()?,
            results: self.results.clone(),
        })
    }

    fn run(&self, x: &Structure<Tensor>, cx: &Call) -> Result<Outputs> {
        let mut results = self.plan.run(&with_masks(x))?.into_iter();
        let has_mask = &self.results.0;
        let mut outputs: Outputs = results.by_ref().take(has_mask.len()).collect();
        for (y, &has_mask) in outputs.iter_mut().zip(has_mask) {
            if has_mask {
                *y = y.clone().with_mask(results.next());
            }
        }
        results.for_each(|loss| cx.add_loss(loss));
        Ok(outputs)
    }
}

/// The tensors of a batch, each with its mask behind it.
fn with_masks(x: &Structure<Tensor>) -> SmallVec<[&Tensor; 4]> {
    x.iter()
        .flat_map(|x| [Some(x), x.mask()])
        .flatten()
        .collect()
}
