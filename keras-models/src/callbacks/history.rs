use keras_tensor::Result;

use super::Callback;
use crate::{Logs, Model};

/// What `fit` returns: the numbers of every epoch, under Keras's names, in the order of the alphabet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs that were run, counted from 0.
    pub epoch: Vec<usize>,
    history: Vec<(String, Vec<f64>)>,
}

impl History {
    /// The numbers of this name, one an epoch in which there was one.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.history
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_slice())
    }

    /// The last number of this name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// Names with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.history.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }
}

impl Callback for History {
    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        *self = History::default();
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, _: &mut Model, logs: &mut Logs) -> Result<()> {
        self.epoch.push(epoch);
        for (name, value) in logs.iter() {
            match self.history.iter_mut().find(|(n, _)| n == name) {
                Some((_, values)) => values.push(value),
                None => self.history.push((name.to_string(), vec![value])),
            }
        }
        Ok(())
    }
}
