//! The batches of all epochs.

use keras_datasets::{Batch, Dataset, Iter, Order};
use keras_tensor::{Error, Result};

/// The batches of all epochs: each epoch goes through the data, or goes on in it for a given number of steps.
pub(super) struct Batches<'a> {
    dataset: &'a Dataset,
    steps: Option<usize>,
    running: Option<Running>,
}

/// An iteration: the random orders with which it began, and how many batches were taken.
struct Running {
    batches: Iter,
    orders: Vec<Order>,
    taken: usize,
}

impl<'a> Batches<'a> {
    pub(super) fn new(dataset: &'a Dataset, steps: Option<usize>) -> Self {
        Batches {
            dataset,
            steps,
            running: None,
        }
    }

    pub(super) fn begin_epoch(&mut self) {
        if self.steps.is_none() {
            self.running = None;
        }
    }

    pub(super) fn next(&mut self, step: usize) -> Option<Result<Batch>> {
        if self.steps.is_some_and(|steps| step >= steps) {
            return None;
        }
        let running = self.running.get_or_insert_with(|| Running {
            orders: self.dataset.orders(),
            batches: self.dataset.iter(),
            taken: 0,
        });
        let batch = running.batches.next();
        running.taken += 1;
        if batch.is_none() {
            if let Some(steps) = self.steps.filter(|_| step > 0) {
                eprintln!(
                    "warning: the data ran out after {step} of {steps} steps; repeat it (`Dataset::repeat`) or ask for fewer"
                );
            }
            self.running = None;
        }
        batch
    }

    /// A batch that is like all others.
    pub(super) fn sample(&self) -> Result<Batch> {
        let empty = || Error::data("the training data", "it is empty");
        self.dataset.iter().next().ok_or_else(empty)?
    }

    /// Where the iteration is: the random orders with which it began, and how many batches were taken.
    pub(super) fn place(&self) -> (Vec<Order>, usize) {
        match &self.running {
            Some(running) => (running.orders.clone(), running.taken),
            None => (self.dataset.orders(), 0),
        }
    }

    /// Goes to where an iteration was, at a batch of an epoch.
    pub(super) fn go_to(
        &mut self,
        (epoch, batch): (usize, usize),
        orders: &[Order],
        taken: usize,
    ) -> Result<()> {
        self.dataset.set_orders(orders)?;
        self.running = None;
        // A damaged file must not make data that never ends run for ever.
        let possible = match self.steps {
            Some(steps) => {
                let most = steps.saturating_mul(epoch).saturating_add(batch);
                batch <= steps && (batch..=most).contains(&taken)
            }
            None => taken == batch,
        };
        if possible && taken == 0 {
            return Ok(());
        }
        let mut batches = self.dataset.iter();
        let mut skipped = 0;
        while possible && skipped < taken && batches.next().transpose()?.is_some() {
            skipped += 1;
        }
        if !possible || skipped < taken {
            let problem = format!(
                "it stands at batch {batch} of an epoch, after {taken} batches; the data does not lead there"
            );
            return Err(Error::data("the state of training", problem));
        }
        self.running = Some(Running {
            batches,
            orders: orders.to_vec(),
            taken,
        });
        Ok(())
    }
}
