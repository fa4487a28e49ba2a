//! Pipelines: where data comes from, and what is done with it on the way.

use keras_tensor::{Error, Result, ops};
use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::{Batch, IntoColumns};
use crate::shuffle::Order;
use crate::{prefetch, shuffle};

/// Samples or batches in an order, made anew each time they are iterated.
///
/// ```
/// use keras_datasets::Dataset;
/// use keras_tensor::{DType, ops};
/// let (x, y) = (ops::arange(0, 10, DType::F32)?, ops::arange(0, 10, DType::I32)?);
/// let data = Dataset::from_tensor_slices((x, y))?.shuffle(10).batch(4);
/// let mut samples = 0;
/// for batch in &data {
///     let (x, _y) = batch?.pair()?;
///     samples += x.shape()[0];
/// }
/// assert_eq!(samples, 10);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Dataset(Arc<Stage>);

type MapFn = dyn Fn(Batch) -> Result<Batch> + Send + Sync;
type Generator = dyn Fn() -> Iter + Send + Sync;

/// What a cache keeps, and the random orders in which it came.
#[derive(Clone)]
struct Kept {
    orders: Vec<Order>,
    batches: Arc<Vec<Batch>>,
}

/// A stage of a pipeline.
enum Stage {
    Slices {
        columns: Batch,
        samples: usize,
    },
    Generator(Box<Generator>),
    Shuffle {
        from: Dataset,
        buffer: usize,
        seed: shuffle::Seeds,
    },
    Batch {
        from: Dataset,
        size: usize,
        drop_remainder: bool,
    },
    Map {
        from: Dataset,
        f: Box<MapFn>,
    },
    Prefetch {
        from: Dataset,
        count: usize,
    },
    Repeat {
        from: Dataset,
        times: Option<usize>,
    },
    Take {
        from: Dataset,
        count: usize,
    },
    Skip {
        from: Dataset,
        count: usize,
    },
    Cache {
        from: Dataset,
        kept: Mutex<Option<Kept>>,
    },
}

/// Samples or batches, one after the other.
pub type Iter = Box<dyn Iterator<Item = Result<Batch>> + Send>;

impl Dataset {
    fn stage(stage: Stage) -> Self {
        Dataset(Arc::new(stage))
    }

    /// A sample for each place of the first axis.
    ///
    /// # Errors
    /// First axes of different size, or none.
    pub fn from_tensor_slices(columns: impl IntoColumns) -> Result<Self> {
        let columns = columns.into_columns();
        let first = columns.x.first()?;
        let samples = first.shape().first().copied();
        for t in columns.parts() {
            if t.rank() == 0 || t.shape().first().copied() != samples {
                return Err(Error::shape(
                    "Dataset::from_tensor_slices",
                    &[first.shape(), t.shape()],
                    "tensors with a first axis of the same size, that of the samples",
                ));
            }
        }
        let samples = samples.unwrap_or(0);
        Ok(Self::stage(Stage::Slices { columns, samples }))
    }

    /// What a function yields, which is called anew for each iteration.
    pub fn from_generator<I>(make: impl Fn() -> I + Send + Sync + 'static) -> Self
    where
        I: Iterator<Item = Result<Batch>> + Send + 'static,
    {
        Self::stage(Stage::Generator(Box::new(move || Box::new(make()))))
    }

    /// The samples in random order, another one in each iteration: each next one is drawn from a buffer of this size.
    pub fn shuffle(&self, buffer: usize) -> Self {
        self.shuffle_seeded(buffer, keras_tensor::random::next_seed())
    }

    /// [`Dataset::shuffle`] in an order that the seed fixes.
    pub fn shuffle_seeded(&self, buffer: usize, seed: u32) -> Self {
        Self::stage(Stage::Shuffle {
            from: self.clone(),
            buffer,
            seed: shuffle::Seeds::new(seed),
        })
    }

    /// Samples in batches of this size; the last one may be smaller.
    pub fn batch(&self, size: usize) -> Self {
        Self::stage(Stage::Batch {
            from: self.clone(),
            size,
            drop_remainder: false,
        })
    }

    /// Samples in batches of this size; what is left at the end is dropped.
    pub fn batch_drop_remainder(&self, size: usize) -> Self {
        Self::stage(Stage::Batch {
            from: self.clone(),
            size,
            drop_remainder: true,
        })
    }

    /// What a function makes of each sample or batch.
    pub fn map(&self, f: impl Fn(Batch) -> Result<Batch> + Send + Sync + 'static) -> Self {
        Self::stage(Stage::Map {
            from: self.clone(),
            f: Box::new(f),
        })
    }

    /// Up to so many samples or batches made ahead, on a thread of their own.
    pub fn prefetch(&self, count: usize) -> Self {
        Self::stage(Stage::Prefetch {
            from: self.clone(),
            count,
        })
    }

    /// Everything again, so many times, or for ever.
    pub fn repeat(&self, times: Option<usize>) -> Self {
        Self::stage(Stage::Repeat {
            from: self.clone(),
            times,
        })
    }

    /// The first ones only.
    pub fn take(&self, count: usize) -> Self {
        Self::stage(Stage::Take {
            from: self.clone(),
            count,
        })
    }

    /// All but the first ones.
    pub fn skip(&self, count: usize) -> Self {
        Self::stage(Stage::Skip {
            from: self.clone(),
            count,
        })
    }

    /// What comes here, kept in memory after the first whole iteration.
    pub fn cache(&self) -> Self {
        Self::stage(Stage::Cache {
            from: self.clone(),
            kept: Mutex::new(None),
        })
    }

    /// How many samples or batches an iteration has, if that is known.
    pub fn cardinality(&self) -> Option<usize> {
        match &*self.0 {
            Stage::Slices { samples, .. } => Some(*samples),
            Stage::Generator(_) => None,
            Stage::Shuffle { from, .. }
            | Stage::Map { from, .. }
            | Stage::Prefetch { from, .. }
            | Stage::Cache { from, .. } => from.cardinality(),
            Stage::Batch { size: 0, .. } => None,
            Stage::Batch {
                from,
                size,
                drop_remainder,
            } => from.cardinality().map(|n| {
                if *drop_remainder {
                    n / size
                } else {
                    n.div_ceil(*size)
                }
            }),
            Stage::Repeat { times: None, .. } => None,
            Stage::Repeat {
                from,
                times: Some(times),
            } => from.cardinality().map(|n| n * times),
            Stage::Take { from, count } => match from.cardinality() {
                Some(n) => Some(n.min(*count)),
                None if matches!(&*from.0, Stage::Repeat { times: None, .. }) => Some(*count),
                None => None,
            },
            Stage::Skip { from, count } => from.cardinality().map(|n| n.saturating_sub(*count)),
        }
    }

    /// The stages from the last one to the first.
    fn stages(&self) -> impl Iterator<Item = &Stage> {
        std::iter::successors(Some(&*self.0), |stage| match stage {
            Stage::Slices { .. } | Stage::Generator(_) => None,
            Stage::Shuffle { from, .. }
            | Stage::Batch { from, .. }
            | Stage::Map { from, .. }
            | Stage::Prefetch { from, .. }
            | Stage::Repeat { from, .. }
            | Stage::Take { from, .. }
            | Stage::Skip { from, .. }
            | Stage::Cache { from, .. } => Some(&from.0),
        })
    }

    /// The random orders of the pipeline as they are now, the last stage first; with [`Dataset::set_orders`] the next
    /// iteration is what it would be now.
    pub fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        for stage in self.stages() {
            match stage {
                Stage::Shuffle { seed, .. } => orders.push(seed.get()),
                Stage::Cache { kept, .. } => {
                    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(kept) = &*kept {
                        orders.extend(&kept.orders);
                        break;
                    }
                }
                _ => {}
            }
        }
        orders
    }

    /// Goes back to random orders that [`Dataset::orders`] gave, here or in another process.
    ///
    /// # Errors
    /// Another number of orders than the pipeline has stages that shuffle.
    pub fn set_orders(&self, orders: &[Order]) -> Result<()> {
        let count = self.orders().len();
        if orders.len() != count {
            let got = format!("{} random orders", orders.len());
            let wanted = format!("one for each of the {count} stages that shuffle");
            return Err(Error::argument("Dataset::set_orders", got, wanted));
        }
        let mut left = orders;
        for stage in self.stages() {
            match (stage, left.split_first()) {
                (Stage::Shuffle { seed, .. }, Some((order, rest))) => {
                    seed.set(*order);
                    left = rest;
                }
                (Stage::Cache { kept, .. }, _) => {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.take_if(|kept| kept.orders != left);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Iterates from the start.
    pub fn iter(&self) -> Iter {
        match &*self.0 {
            Stage::Slices { columns, samples } => {
                let columns = columns.clone();
                Box::new((0..*samples).map(move |i| columns.each(|t| sample(t, i))))
            }
            Stage::Generator(make) => make(),
            Stage::Shuffle { from, buffer, seed } => match from.slices() {
                _ if *buffer == 0 => failed(Error::argument("shuffle.buffer", 0, "at least 1")),
                Some((columns, samples)) => {
                    let order = shuffle::Places::new(samples, *buffer, seed.next());
                    Box::new(order.map(move |i| columns.each(|t| sample(t, i as usize))))
                }
                None => Box::new(shuffle::Buffered::new(from.iter(), *buffer, seed.next())),
            },
            Stage::Batch { size: 0, .. } => failed(Error::argument("batch_size", 0, "at least 1")),
            Stage::Batch {
                from,
                size,
                drop_remainder,
            } => from.batches(*size, *drop_remainder),
            Stage::Map { .. } => {
                let this = self.clone();
                let Stage::Map { from, .. } = &*this.0 else {
                    unreachable!("matched above");
                };
                let inner = from.iter();
                Box::new(inner.map(move |batch| match &*this.0 {
                    Stage::Map { f, .. } => f(batch?),
                    _ => unreachable!("matched above"),
                }))
            }
            Stage::Prefetch { from, count } => {
                Box::new(prefetch::Prefetch::new(from.clone(), (*count).max(1)))
            }
            Stage::Repeat { from, times } => {
                let (from, times) = (from.clone(), times.unwrap_or(usize::MAX));
                Box::new(Repeat {
                    running: from.iter(),
                    from,
                    left: times,
                    any: false,
                })
            }
            Stage::Take { from, count } => Box::new(from.iter().take(*count)),
            Stage::Skip { from, count } => Box::new(from.iter().skip(*count)),
            Stage::Cache { from, kept } => {
                let cached = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match cached {
                    Some(Kept { batches: all, .. }) => {
                        Box::new((0..all.len()).map(move |i| Ok(all[i].clone())))
                    }
                    None => Box::new(Filling {
                        orders: from.orders(),
                        from: from.iter(),
                        seen: Vec::new(),
                        cache: self.clone(),
                    }),
                }
            }
        }
    }

    /// The tensors, if samples are places of tensors.
    fn slices(&self) -> Option<(Batch, usize)> {
        match &*self.0 {
            Stage::Slices { columns, samples } => Some((columns.clone(), *samples)),
            _ => None,
        }
    }

    /// Batches: places of tensors are cut or gathered in one go, anything else is stacked.
    fn batches(&self, size: usize, drop_remainder: bool) -> Iter {
        let last = move |n: usize| {
            if drop_remainder {
                n / size
            } else {
                n.div_ceil(size)
            }
        };
        if let Some((columns, samples)) = self.slices() {
            return Box::new((0..last(samples)).map(move |i| {
                let count = size.min(samples - i * size);
                columns.each(|t| ops::slice_axis(t, 0, i * size, count))
            }));
        }
        if let Stage::Shuffle { from, buffer, seed } = &*self.0
            && *buffer > 0
            && let Some((columns, samples)) = from.slices()
        {
            let mut order = shuffle::Places::new(samples, *buffer, seed.next());
            let mut places: Vec<i32> = Vec::with_capacity(size.min(samples));
            return Box::new((0..last(samples)).map(move |_| {
                places.clear();
                places.extend(order.by_ref().take(size));
                let places = ops::constant(&places, [places.len()])?;
                columns.each(|t| ops::take(t, &places, 0))
            }));
        }
        Box::new(Stacking {
            from: self.iter(),
            size,
            drop_remainder,
        })
    }
}

fn sample(t: &keras_tensor::Tensor, i: usize) -> Result<keras_tensor::Tensor> {
    ops::squeeze(ops::slice_axis(t, 0, i, 1)?, 0)
}

fn failed(error: Error) -> Iter {
    Box::new(std::iter::once(Err(error)))
}

impl IntoIterator for &Dataset {
    type Item = Result<Batch>;
    type IntoIter = Iter;
    fn into_iter(self) -> Iter {
        self.iter()
    }
}

/// Stacks samples to batches.
struct Stacking {
    from: Iter,
    size: usize,
    drop_remainder: bool,
}

impl Iterator for Stacking {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let samples: Result<Vec<Batch>> = self.from.by_ref().take(self.size).collect();
        let samples = match samples {
            Ok(samples) => samples,
            Err(e) => return Some(Err(e)),
        };
        if samples.is_empty() || (self.drop_remainder && samples.len() < self.size) {
            return None;
        }
        Some(stacked(&samples))
    }
}

/// Samples as a batch: their tensors, each stacked with those in the same place.
fn stacked(samples: &[Batch]) -> Result<Batch> {
    let mut parts: Vec<_> = samples.iter().map(Batch::parts).collect();
    samples[0].each(|_| {
        let column: Vec<_> = parts.iter_mut().filter_map(Iterator::next).collect();
        if column.len() < samples.len() {
            let problem = "its samples differ in what they hold";
            return Err(Error::data("a batch", problem));
        }
        ops::stack(&column, 0)
    })
}

/// Starts anew at the end; ends after an iteration that had nothing.
struct Repeat {
    from: Dataset,
    running: Iter,
    left: usize,
    any: bool,
}

impl Iterator for Repeat {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        while self.left > 0 {
            if let Some(item) = self.running.next() {
                self.any = true;
                return Some(item);
            }
            self.left -= 1;
            if !self.any {
                return None;
            }
            self.any = false;
            if self.left > 0 {
                self.running = self.from.iter();
            }
        }
        None
    }
}

/// Keeps what passes, and hands it to the cache at the end.
struct Filling {
    orders: Vec<Order>,
    from: Iter,
    seen: Vec<Batch>,
    cache: Dataset,
}

impl Iterator for Filling {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        match self.from.next() {
            Some(Ok(batch)) => {
                self.seen.push(batch.clone());
                Some(Ok(batch))
            }
            Some(error) => Some(error),
            None => {
                if let Stage::Cache { kept, .. } = &*self.cache.0 {
                    let orders = self.orders.clone();
                    let batches = Arc::new(std::mem::take(&mut self.seen));
                    kept.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(Kept { orders, batches });
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_tensor::{DType, Tensor};

    fn numbers(n: i64) -> Dataset {
        let x = ops::arange(0, n, DType::I32).unwrap();
        let y = ops::multiply(&x, 10).unwrap();
        Dataset::from_tensor_slices((x, y)).unwrap()
    }

    fn values(dataset: &Dataset) -> Vec<Vec<i32>> {
        dataset
            .iter()
            .map(|b| {
                let (x, y) = b.unwrap().pair().unwrap();
                let (x, y) = (x.to_vec::<i32>().unwrap(), y.to_vec::<i32>().unwrap());
                assert!(x.iter().zip(&y).all(|(x, y)| x * 10 == *y));
                x
            })
            .collect()
    }

    fn flat(dataset: &Dataset) -> Vec<i32> {
        values(dataset).concat()
    }

    #[test]
    fn orders_bring_back_an_iteration() {
        let make = |seed| {
            let data = numbers(9).shuffle_seeded(9, seed).cache().repeat(Some(2));
            data.shuffle_seeded(5, seed + 1).batch(2).prefetch(2)
        };
        let (data, other) = (make(1), make(7));
        values(&data);
        let orders = data.orders();
        let second = values(&data);
        values(&other);
        other.set_orders(&orders).unwrap();
        assert_eq!(values(&other), second);
        data.set_orders(&orders).unwrap();
        assert_eq!(values(&data), second);
        assert_ne!(values(&data), second);
        assert!(data.set_orders(&orders[..1]).is_err());
    }

    #[test]
    fn batches_keep_the_order_and_the_rest() {
        let data = numbers(5).batch(2);
        assert_eq!(values(&data), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(data.cardinality(), Some(3));
        let dropped = numbers(5).batch_drop_remainder(2);
        assert_eq!(values(&dropped), [vec![0, 1], vec![2, 3]]);
        assert_eq!(dropped.cardinality(), Some(2));
    }

    #[test]
    fn shuffling_is_a_permutation_and_another_one_each_time() {
        for buffer in [1, 3, 100] {
            for data in [
                numbers(20).shuffle_seeded(buffer, 7),
                numbers(20).map(Ok).shuffle_seeded(buffer, 7),
            ] {
                let data = data.batch(6);
                let (first, second) = (flat(&data), flat(&data));
                let mut sorted = first.clone();
                sorted.sort();
                assert_eq!(sorted, (0..20).collect::<Vec<_>>());
                assert_eq!(first == second, buffer == 1);
            }
        }
        let order = |seed| flat(&numbers(20).shuffle_seeded(100, seed).batch(3));
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_small_buffer_draws_from_what_it_holds() {
        let order = flat(&numbers(50).shuffle_seeded(4, 3).batch(50));
        assert!(order.iter().enumerate().all(|(i, &v)| (v as usize) < i + 4));
    }

    #[test]
    fn repeat_take_skip_and_map() {
        let data = numbers(3).repeat(Some(2)).skip(1).take(4).batch(10);
        assert_eq!(flat(&data), [1, 2, 0, 1]);
        assert_eq!(data.cardinality(), Some(1));
        assert_eq!(numbers(3).repeat(None).take(7).batch(7).iter().count(), 1);
        let doubled = numbers(3).batch(3).map(|b| b.each(|t| ops::multiply(t, 2)));
        assert_eq!(flat(&doubled), [0, 2, 4]);
        assert_eq!(numbers(0).repeat(None).iter().count(), 0);
    }

    #[test]
    fn the_cache_makes_everything_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let data = numbers(4)
            .map(move |b| {
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(b)
            })
            .cache();
        assert_eq!(data.iter().count(), 4);
        assert_eq!(data.iter().count(), 4);
        assert_eq!(count.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_batch_in_order_shares_memory() {
        let x = ops::arange(0, 8, DType::F32).unwrap();
        let data = Dataset::from_tensor_slices(x.clone()).unwrap().batch(4);
        let second = data.iter().nth(1).unwrap().unwrap().x;
        let second = second.one().unwrap();
        assert_eq!(
            second.as_slice::<f32>().unwrap().as_ptr(),
            x.as_slice::<f32>().unwrap()[4..].as_ptr()
        );
    }

    #[test]
    fn bad_arguments_are_errors() {
        let message = |d: &Dataset| d.iter().next().unwrap().unwrap_err().to_string();
        assert!(message(&numbers(3).batch(0)).contains("batch_size"));
        assert!(message(&numbers(3).shuffle(0)).contains("shuffle.buffer"));
        assert!(message(&numbers(3).shuffle(0).batch(2)).contains("shuffle.buffer"));
        let (a, b) = (
            ops::zeros([3], DType::F32).unwrap(),
            ops::zeros([4], DType::F32).unwrap(),
        );
        let error = Dataset::from_tensor_slices((a, b))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("(3,) and (4,)"), "{error}");
        assert!(Dataset::from_tensor_slices(Tensor::scalar(1.0f32)).is_err());
    }
}
