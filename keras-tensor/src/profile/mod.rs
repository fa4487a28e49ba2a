//! Where time goes: how long each op takes, what it computes and moves, and in which layer.
//!
//! A profile is not an observer: those change what is computed (where one listens, a gradient is made of small ops), and
//! what is measured should be what happens without.

mod table;
#[cfg(test)]
mod tests;
mod trace;

use rustc_hash::FxHashMap;
use std::cell::{Cell, OnceCell, RefCell};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kernels::peak;
use crate::op::{Cost, Op, Outputs};
use crate::{Result, Shape, Tensor};

/// Ops that are kept one by one for the trace; those after are only summed up.
const EVENTS: usize = 1 << 18;

/// An op that was carried out.
#[derive(Clone, Debug)]
pub struct Event {
    /// The op's name.
    pub name: String,
    /// The path of the layer that it ran in, if it ran in one.
    pub layer: Option<Arc<str>>,
    /// The shape of its first result.
    pub shape: Shape,
    /// When it began, counted from the beginning of the profile.
    pub start: Duration,
    /// How long it took, ops inside of it included.
    pub time: Duration,
    /// What it computed and moved.
    pub cost: Cost,
}

/// A sum over ops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// How many ops.
    pub calls: u64,
    /// How long they took, without ops inside of them.
    pub time: Duration,
    /// What they computed and moved.
    pub cost: Cost,
}

impl Total {
    fn add(&mut self, other: &Total) {
        self.calls += other.calls;
        self.time += other.time;
        self.cost += other.cost;
    }
}

/// What a profiler found.
#[derive(Debug, Default)]
pub struct Profile {
    events: Vec<Event>,
    totals: FxHashMap<(Option<Arc<str>>, String), Total>,
    duration: Duration,
    peak: OnceCell<f64>,
}

impl Profile {
    /// The ops one by one in the order in which they ended: at most the first 262,144.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How long it was listened.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Sums for each name of an op, what took longest first.
    pub fn by_op(&self) -> Vec<(String, Total)> {
        self.sums(|(_, name)| name.clone())
    }

    /// Sums for each layer, what took longest first; `None` stands for what no layer did: losses, gradients, updates.
    pub fn by_layer(&self) -> Vec<(Option<Arc<str>>, Total)> {
        self.sums(|(layer, _)| layer.clone())
    }

    /// The sum of all ops.
    pub fn total(&self) -> Total {
        let mut all = Total::default();
        self.totals.values().for_each(|total| all.add(total));
        all
    }

    /// The operations on float32 that this machine carries out in a second at most, with as many threads as kernels take;
    /// measured in some milliseconds when it is first asked for.
    pub fn peak(&self) -> f64 {
        *self.peak.get_or_init(peak::peak)
    }

    fn sums<K: Ord + std::hash::Hash + Clone>(
        &self,
        key: impl Fn(&(Option<Arc<str>>, String)) -> K,
    ) -> Vec<(K, Total)> {
        let mut sums: FxHashMap<K, Total> = FxHashMap::default();
        for (names, total) in &self.totals {
            sums.entry(key(names)).or_default().add(total);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|(a, x), (b, y)| y.time.cmp(&x.time).then_with(|| a.cmp(b)));
        sums
    }
}

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

struct Recording {
    began: Instant,
    profile: Profile,
    /// The layers that are being called, the outermost first, as paths.
    layers: Vec<Arc<str>>,
    /// Ops that ended inside of one that is still running: when they began and how long they took.
    inside: Vec<(Instant, Duration)>,
}

/// Listens to the ops of this thread from its making on until [`Profiler::stop`].
///
/// ```
/// use keras_tensor::{ops, profile::Profiler};
/// let profiler = Profiler::start();
/// let x = ops::ones([64, 64], Default::default())?;
/// ops::matmul(&x, &x)?;
/// let profile = profiler.stop();
/// assert_eq!(profile.by_op().len(), 2);
/// assert_eq!(profile.total().cost.flops, 2 * 64 * 64 * 64);
/// println!("{}", profile.table());
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct Profiler {
    // It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl Profiler {
    /// Begins to listen. A profiler that listened on this thread before hears nothing more.
    pub fn start() -> Self {
        let recording = Recording {
            began: Instant::now(),
            profile: Profile::default(),
            layers: Vec::new(),
            inside: Vec::new(),
        };
        RECORDING.set(Some(recording));
        IS_ON.set(true);
        Profiler {
            thread: PhantomData,
        }
    }

    /// What was heard.
    pub fn stop(self) -> Profile {
        let recording = RECORDING.take();
        recording.map_or_else(Profile::default, |recording| Profile {
            duration: recording.began.elapsed(),
            ..recording.profile
        })
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        IS_ON.set(false);
        RECORDING.set(None);
    }
}

/// Whether somebody profiles this thread.
#[inline]
pub fn is_on() -> bool {
    IS_ON.get()
}

/// Runs `work`, the ops of which belong to a layer of this name, inside of those that are running.
pub fn within<R>(name: &str, work: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            with(|recording| _ = recording.layers.pop());
        }
    }
    if !is_on() {
        return work();
    }
    with(|recording| {
        let path = match recording.layers.last() {
            Some(outer) => format!("{outer}/{name}").into(),
            None => name.into(),
        };
        recording.layers.push(path);
    });
    let _leave = Leave;
    work()
}

fn with(work: impl FnOnce(&mut Recording)) {
    RECORDING.with_borrow_mut(|recording| {
        if let Some(recording) = recording {
            work(recording);
        }
    });
}

/// Carries out an op and writes down how long it took; shape inference takes no part.
pub(crate) fn timed(
    op: &Op,
    inputs: &[Tensor],
    run: impl FnOnce() -> Result<Outputs>,
) -> Result<Outputs> {
    let start = Instant::now();
    let outputs = run()?;
    let time = start.elapsed();
    if !outputs.iter().any(Tensor::is_meta) {
        with(|recording| recording.write(op, inputs, &outputs, start, time));
    }
    Ok(outputs)
}

impl Recording {
    fn write(
        &mut self,
        op: &Op,
        inputs: &[Tensor],
        outputs: &[Tensor],
        start: Instant,
        time: Duration,
    ) {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let mut total = Total {
            calls: 1,
            time,
            cost: op.cost(&inputs, outputs),
        };
        while let Some(&(began, inner)) = self.inside.last()
            && began >= start
        {
            total.time = total.time.saturating_sub(inner);
            self.inside.pop();
        }
        // What ended before this op began lies inside of nothing but an op that is still running, if at all.
        self.inside.push((start, time));
        if self.inside.len() > 64 {
            self.inside.drain(..32);
        }
        let (layer, name) = (self.layers.last().cloned(), op.name().to_string());
        if self.profile.events.len() < EVENTS {
            self.profile.events.push(Event {
                name: name.clone(),
                layer: layer.clone(),
                shape: outputs
                    .first()
                    .map_or_else(Shape::default, |t| t.shape().clone()),
                start: start.saturating_duration_since(self.began),
                time,
                cost: total.cost,
            });
        }
        self.profile
            .totals
            .entry((layer, name))
            .or_default()
            .add(&total);
    }
}
