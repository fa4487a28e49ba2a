//! Making data ahead on a thread of its own.

use keras_tensor::{Error, Result};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::{Batch, Dataset};

/// What a thread makes, handed over through a bounded channel; dropping it ends the thread.
pub(crate) struct Prefetch {
    made: Option<Receiver<Result<Batch>>>,
    thread: Option<JoinHandle<()>>,
}

impl Prefetch {
    pub(crate) fn new(from: Dataset, count: usize) -> Self {
        let (sender, receiver) = sync_channel(count);
        let work = move || {
            for batch in &from {
                // The receiver has gone: nobody wants more.
                if sender.send(batch).is_err() {
                    return;
                }
            }
        };
        match std::thread::Builder::new()
            .name("prefetch".into())
            .spawn(work)
        {
            Ok(thread) => Prefetch {
                made: Some(receiver),
                thread: Some(thread),
            },
            Err(e) => {
                let (sender, receiver) = sync_channel(1);
                let failed = Error::data("prefetch", format!("no thread could be started: {e}"));
                let _ = sender.send(Err(failed));
                Prefetch {
                    made: Some(receiver),
                    thread: None,
                }
            }
        }
    }
}

impl Iterator for Prefetch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if let Ok(batch) = self.made.as_ref()?.recv() {
            return Some(batch);
        }
        self.made = None;
        match self.thread.take()?.join() {
            Ok(()) => None,
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|s| s.to_string())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                Some(Err(Error::data(
                    "prefetch",
                    format!("its thread panicked: {text}"),
                )))
            }
        }
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.made = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keras_tensor::{DType, ops};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    fn counted(n: i64) -> (Dataset, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let made = count.clone();
        let x = ops::arange(0, n, DType::F32).unwrap();
        let data = Dataset::from_tensor_slices(x).unwrap().map(move |b| {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(b)
        });
        (data, count)
    }

    #[test]
    fn it_runs_ahead_and_stops_when_dropped() {
        let (data, made) = counted(1000);
        let mut iter = data.prefetch(3).iter();
        iter.next().unwrap().unwrap();
        let start = Instant::now();
        while made.load(Ordering::SeqCst) < 4 && start.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        assert!(made.load(Ordering::SeqCst) >= 4);
        drop(iter);
        assert!(made.load(Ordering::SeqCst) < 10);
    }

    #[test]
    fn order_errors_and_panics_come_through() {
        let (data, _) = counted(20);
        assert_eq!(data.prefetch(2).iter().filter(|b| b.is_ok()).count(), 20);
        let failing = data.map(|_| Err(Error::data("sample", "spoilt")));
        let message = failing
            .prefetch(2)
            .iter()
            .next()
            .unwrap()
            .unwrap_err()
            .to_string();
        assert!(message.contains("spoilt"));
        let panicking = data.map(|_| panic!("oh"));
        let message = panicking
            .prefetch(2)
            .iter()
            .next()
            .unwrap()
            .unwrap_err()
            .to_string();
        assert!(message.contains("panicked: oh"), "{message}");
    }
}
