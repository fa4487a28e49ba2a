//! Callbacks that write files.

mod backup_and_restore;
mod format;
mod model_checkpoint;
mod profiler;

pub use backup_and_restore::BackupAndRestore;
pub use model_checkpoint::ModelCheckpoint;
pub use profiler::Profiler;

/// When a callback saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveFreq {
    /// After each epoch.
    #[default]
    Epoch,
    /// After so many batches.
    Batches(usize),
}

/// After so many batches.
impl From<usize> for SaveFreq {
    fn from(batches: usize) -> Self {
        SaveFreq::Batches(batches)
    }
}

impl SaveFreq {
    /// Counts a batch; whether it is time to save.
    fn is_due(self, batches: &mut usize) -> bool {
        let SaveFreq::Batches(wanted) = self else {
            return false;
        };
        *batches += 1;
        let due = *batches >= wanted;
        if due {
            *batches = 0;
        }
        due
    }
}
