use keras_tensor::{Error, Result};

use super::Callback;
use crate::{Logs, Model};

/// Stops training when the loss is no longer a finite number.
#[derive(Clone, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
}

impl TerminateOnNaN {
    /// Stops and says so.
    pub fn new() -> Self {
        TerminateOnNaN::default()
    }

    /// Makes `fit` return an error instead.
    pub fn raise_error(mut self, raise_error: bool) -> Self {
        self.raise_error = raise_error;
        self
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_batch_end(&mut self, batch: usize, model: &mut Model, logs: &Logs) -> Result<()> {
        match logs.get("loss") {
            Some(loss) if !loss.is_finite() => {
                if self.raise_error {
                    return Err(Error::data(
                        format!("batch {batch}"),
                        format!(
                            "the loss is {loss}; look for NaN in the data or lower the learning rate"
                        ),
                    ));
                }
                println!("Batch {batch}: Invalid loss, terminating training");
                model.stop_training();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
