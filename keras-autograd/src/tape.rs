//! The gradient tape: a list, walked backwards.

use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;

use keras_tensor::observe::{self, Observer};
use keras_tensor::op::{Binary, Fold, Reduce};
use keras_tensor::{
    Error, Id, Op, Result, SmallVec, Tensor, Variable, apply_one, apply_owned, ops, smallvec,
};

use crate::rules::{self, Grads};

/// One op that touched a tracked value. What the op's rule does not read is kept without its data.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) op: Op,
    pub(crate) inputs: SmallVec<[Tensor; 3]>,
    pub(crate) outputs: SmallVec<[Tensor; 1]>,
}

#[derive(Default)]
struct Inner {
    records: RefCell<Vec<Record>>,
    tracked: RefCell<FxHashSet<Id>>,
    gradients: RefCell<FxHashMap<Id, Tensor>>,
}

impl Inner {
    fn clear(&self) {
        self.records.borrow_mut().clear();
        self.tracked.borrow_mut().clear();
        self.gradients.borrow_mut().clear();
    }

    fn tracks(&self, id: Id) -> bool {
        id.is_trainable() || self.tracked.borrow().contains(&id.family())
    }
}

impl Observer for Inner {
    fn op(&self, op: &Op, inputs: &[&Tensor], outputs: &[Tensor]) {
        if matches!(op, Op::Detach) || !inputs.iter().any(|t| self.tracks(t.id())) {
            return;
        }
        let differentiable = |t: &&Tensor| t.dtype().is_float();
        let mut tracked = self.tracked.borrow_mut();
        let before = tracked.len();
        tracked.extend(outputs.iter().filter(differentiable).map(Tensor::id));
        if tracked.len() == before {
            return;
        }
        let needs = rules::needs(op);
        let kept = |t: &Tensor, needed: bool| if needed { t.clone() } else { t.to_meta() };
        self.records.borrow_mut().push(Record {
            op: op.clone(),
            inputs: inputs
                .iter()
                .enumerate()
                .map(|(i, t)| kept(t, needs.input(i)))
                .collect(),
            outputs: outputs
                .iter()
                .enumerate()
                .map(|(i, t)| kept(t, needs.output(i)))
                .collect(),
        });
    }
}

thread_local! {
    /// Tapes that ended, so that a training step makes no new lists.
    static ENDED: RefCell<Vec<Rc<Inner>>> = const { RefCell::new(Vec::new()) };
}

/// Something that gradients can be asked for: a variable, or a tensor that the tape watches.
pub trait Source {
    /// The id under which its gradient is gathered.
    fn source_id(&self) -> Id;
}

impl Source for Variable {
    fn source_id(&self) -> Id {
        self.family()
    }
}

impl Source for Tensor {
    fn source_id(&self) -> Id {
        self.id().family()
    }
}

impl<S: Source> Source for &S {
    fn source_id(&self) -> Id {
        (**self).source_id()
    }
}

/// Records what happens to trainable variables and watched tensors, and differentiates it.
///
/// It records on the thread that made it until it is dropped or asked for gradients. Tapes nest: a tape records the
/// backward pass of tapes inside of it.
///
/// ```
/// use keras_autograd::GradientTape;
/// use keras_tensor::{Tensor, Variable, ops};
/// let x = Variable::new(Tensor::scalar(3.0f32), "x");
/// let tape = GradientTape::new();
/// let y = ops::square(&x)?;
/// let grads = tape.gradient(&y, &[&x])?;
/// assert_eq!(grads[0].as_ref().unwrap().item()?, 6.0);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub struct GradientTape {
    inner: Rc<Inner>,
    observer: Rc<dyn Observer>,
}

impl Default for GradientTape {
    fn default() -> Self {
        Self::new()
    }
}

impl GradientTape {
    /// A tape that records from now on.
    pub fn new() -> Self {
        let inner = ENDED
            .with_borrow_mut(Vec::pop)
            .unwrap_or_else(|| Rc::new(Inner::default()));
        let observer: Rc<dyn Observer> = inner.clone();
        observe::push(observer.clone());
        GradientTape { inner, observer }
    }

    /// Records what happens to a tensor, too.
    pub fn watch(&self, tensor: &Tensor) {
        let id = tensor.id().family();
        self.inner.tracked.borrow_mut().insert(id);
    }

    /// Runs `work` without recording it.
    pub fn stop_recording<R>(&self, work: impl FnOnce() -> R) -> R {
        observe::hidden(&self.observer, work)
    }

    /// The gradient of the sum of `target`'s elements with regard to each source; `None` where it does not depend on it.
    ///
    /// The tape ends first, so the backward pass is recorded by outer tapes only, and what was recorded is let go on
    /// the way.
    ///
    /// # Errors
    /// An op on the way has no gradient.
    pub fn gradient<S: Source>(
        self,
        target: &Tensor,
        sources: &[S],
    ) -> Result<Vec<Option<Tensor>>> {
        let mut gradients = Vec::with_capacity(sources.len());
        self.gradient_into(target, None, sources, &mut gradients)?;
        Ok(gradients)
    }

    /// [`GradientTape::gradient`] into a list that is there already, with the outer gradient of `target` where it is
    /// not all ones. For loops that must not allocate.
    ///
    /// # Errors
    /// An op on the way has no gradient, or an outer gradient of another shape.
    pub fn gradient_into<S: Source>(
        self,
        target: &Tensor,
        outer: Option<Tensor>,
        sources: &[S],
        gradients: &mut Vec<Option<Tensor>>,
    ) -> Result<()> {
        observe::remove(&self.observer);
        let mut records = self.inner.records.take();
        let done = self.walk(&mut records, target, outer, sources, gradients);
        records.clear();
        self.inner.records.replace(records);
        done
    }

    /// [`GradientTape::gradient`] that keeps what was recorded, so that it can be asked again (Keras's `persistent`).
    ///
    /// # Errors
    /// An op on the way has no gradient.
    pub fn gradient_keep<S: Source>(
        &self,
        target: &Tensor,
        sources: &[S],
    ) -> Result<Vec<Option<Tensor>>> {
        let mut records = self.inner.records.borrow().clone();
        let mut gradients = Vec::with_capacity(sources.len());
        self.stop_recording(|| self.walk(&mut records, target, None, sources, &mut gradients))?;
        Ok(gradients)
    }

    fn walk<S: Source>(
        &self,
        records: &mut Vec<Record>,
        target: &Tensor,
        outer: Option<Tensor>,
        sources: &[S],
        results: &mut Vec<Option<Tensor>>,
    ) -> Result<()> {
        let mut gradients = self.inner.gradients.borrow_mut();
        gradients.clear();
        let start = match outer {
            Some(g) if g.shape() == target.shape() => g,
            Some(g) => {
                return Err(Error::shape(
                    "GradientTape::gradient",
                    &[g.shape()],
                    format!("an outer gradient of the target's shape {}", target.shape()),
                ));
            }
            None => ops::ones_like(target)?,
        };
        gradients.insert(target.id().family(), start);
        let intermediate: SmallVec<[Id; 4]> = sources
            .iter()
            .map(Source::source_id)
            .filter(|id| !id.is_variable())
            .collect();
        while let Some(record) = records.pop() {
            let outer: SmallVec<[Option<Tensor>; 1]> = record
                .outputs
                .iter()
                .map(|t| match intermediate.contains(&t.id()) {
                    true => gradients.get(&t.id()).cloned(),
                    false => gradients.remove(&t.id()),
                })
                .collect();
            if outer.iter().any(Option::is_some) {
                self.backward(record, outer, &mut gradients)?;
            }
        }
        results.clear();
        results.extend(
            sources
                .iter()
                .map(|s| gradients.get(&s.source_id()).cloned()),
        );
        gradients.clear();
        Ok(())
    }

    /// Adds a record's contribution to the gradients of its inputs.
    fn backward(
        &self,
        record: Record,
        outer: SmallVec<[Option<Tensor>; 1]>,
        gradients: &mut FxHashMap<Id, Tensor>,
    ) -> Result<()> {
        let wanted: SmallVec<[bool; 4]> = record
            .inputs
            .iter()
            .map(|t| self.inner.tracks(t.id()))
            .collect();
        let inner: Grads = rules::gradient(&record, outer, &wanted)?;
        if inner.len() != record.inputs.len() {
            return Err(Error::argument(
                format!("gradient of {}", record.op.name()),
                format!("{} gradients", inner.len()),
                format!("one for each of {} inputs", record.inputs.len()),
            ));
        }
        for ((input, gradient), wanted) in record.inputs.iter().zip(inner).zip(wanted) {
            let Some(gradient) = gradient.filter(|_| wanted) else {
                continue;
            };
            let gradient = summed_to(gradient, input)?;
            let id = input.id().family();
            let total = match gradients.remove(&id) {
                Some(sum) => {
                    apply_owned(Op::Binary(Binary::Add), smallvec![sum, gradient])?.remove(0)
                }
                None => gradient,
            };
            gradients.insert(id, total);
        }
        Ok(())
    }
}

impl Drop for GradientTape {
    fn drop(&mut self) {
        observe::remove(&self.observer);
        self.inner.clear();
        let inner = self.inner.clone();
        let _ = ENDED.try_with(|ended| ended.borrow_mut().push(inner));
    }
}

/// Sums a gradient over the axes along which its input was repeated.
fn summed_to(gradient: Tensor, input: &Tensor) -> Result<Tensor> {
    if gradient.shape() == input.shape() {
        return Ok(gradient);
    }
    let missing = gradient.rank().saturating_sub(input.rank());
    let axes: SmallVec<[usize; 6]> = (0..gradient.rank())
        .filter(|&i| i < missing || (input.shape()[i - missing] == 1 && gradient.shape()[i] != 1))
        .collect();
    let summed = apply_one(
        Op::Reduce(Reduce {
            fold: Fold::Sum,
            axes,
            keep_dims: true,
        }),
        &[&gradient],
    )?;
    ops::reshape_to(summed, input.shape().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(v: f64) -> Variable {
        Variable::new(Tensor::scalar(v), "x")
    }

    fn value(g: &Option<Tensor>) -> f64 {
        g.as_ref().expect("depends on it").item().unwrap()
    }

    #[test]
    fn a_chain_of_100_000_ops_is_differentiated_and_dropped_without_recursion() {
        let x = scalar(1.0);
        let tape = GradientTape::new();
        let mut y = ops::add(&x, 0.0).unwrap();
        for _ in 0..100_000 {
            y = ops::multiply(&y, 1.0001).unwrap();
        }
        let g = value(&tape.gradient(&y, &[&x]).unwrap()[0]);
        assert!((g / 1.0001f64.powi(100_000) - 1.0).abs() < 1e-9);
        let dropped = GradientTape::new();
        let mut y = ops::add(&x, 0.0).unwrap();
        for _ in 0..100_000 {
            y = ops::multiply(&y, 1.0).unwrap();
        }
        drop(dropped);
    }

    #[test]
    fn nested_tapes_give_second_derivatives() {
        let x = scalar(2.0);
        let outer = GradientTape::new();
        let inner = GradientTape::new();
        let y = ops::power(&x, 3.0).unwrap();
        let first = inner.gradient(&y, &[&x]).unwrap().remove(0).unwrap();
        assert!((first.item().unwrap() - 12.0).abs() < 1e-12);
        let second = outer.gradient(&first, &[&x]).unwrap();
        assert!((value(&second[0]) - 12.0).abs() < 1e-12);
    }

    #[test]
    fn reading_writing_and_using_the_old_value() {
        let x = scalar(3.0);
        let tape = GradientTape::new();
        let old = x.value().unwrap();
        x.assign(&Tensor::scalar(100.0f64)).unwrap();
        let y = ops::square(&old).unwrap();
        assert_eq!(value(&tape.gradient(&y, &[&x]).unwrap()[0]), 6.0);
    }

    #[test]
    fn frozen_variables_are_not_recorded() {
        let x = scalar(3.0);
        x.set_frozen(true);
        let tape = GradientTape::new();
        let y = ops::square(&x).unwrap();
        assert!(tape.inner.records.borrow().is_empty());
        assert!(tape.gradient(&y, &[&x]).unwrap()[0].is_none());
    }

    #[test]
    fn intermediate_and_watched_tensors_have_gradients() {
        let x = Tensor::scalar(3.0f64);
        let tape = GradientTape::new();
        tape.watch(&x);
        let y = ops::square(&x).unwrap();
        let z = ops::square(&y).unwrap();
        let g = tape.gradient_keep(&z, &[&x, &y]).unwrap();
        assert_eq!((value(&g[0]), value(&g[1])), (108.0, 18.0));
        let g = tape.gradient(&y, &[&x]).unwrap();
        assert_eq!(value(&g[0]), 6.0);
    }

    #[test]
    fn a_chain_of_scalings_keeps_no_values() {
        let x = Variable::new(Tensor::new(&vec![1.0f32; 1 << 18], [1 << 18]).unwrap(), "x");
        let tape = GradientTape::new();
        let mut y = ops::multiply(&x, 1.5).unwrap();
        for _ in 0..10 {
            y = ops::multiply(&y, 1.5).unwrap();
        }
        let kept = |r: &Record| {
            r.inputs
                .iter()
                .chain(&r.outputs)
                .any(|t| !t.is_meta() && t.size() > 1)
        };
        // A product keeps its factors: here each value is a factor only of the next, whose other factor is a constant.
        assert!(
            tape.inner
                .records
                .borrow()
                .iter()
                .filter(|r| kept(r))
                .count()
                <= 11
        );
        drop(y);
    }

    #[test]
    fn stop_recording_and_stop_gradient() {
        let x = scalar(2.0);
        let tape = GradientTape::new();
        let hidden = tape.stop_recording(|| ops::square(&x).unwrap());
        let detached = ops::stop_gradient(ops::square(&x).unwrap()).unwrap();
        let y = &hidden + &detached + ops::multiply(&x, 5.0).unwrap();
        assert_eq!(value(&tape.gradient(&y, &[&x]).unwrap()[0]), 5.0);
    }
}
