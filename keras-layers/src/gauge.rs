use keras_tensor::{Result, Tensor, Variable};

/// A number that a layer gathers over batches, and that training shows beside its own: a metric in a field of a layer.
///
/// The layer declares it in `build` with [`Weights::metric`](crate::Weights::metric) and updates it in `call`. Training
/// sets it back at the beginning of each epoch.
pub trait Gauge: Send + Sync {
    /// The name under which the number is shown.
    fn name(&self) -> &str;

    /// The number so far.
    ///
    /// # Errors
    /// No memory.
    fn result(&self) -> Result<Tensor>;

    /// Starts anew.
    ///
    /// # Errors
    /// No memory.
    fn reset_state(&self) -> Result<()>;

    /// What was gathered so far.
    fn variables(&self) -> Vec<Variable>;
}
