//! Threads that wait for work of kernels.
//!
//! A helper that runs out of work looks out for more for some microseconds before it sleeps, so that the small pieces of a
//! training step are handed over in less than one. Work is cut by shape alone, and which thread does a piece never shows in
//! its result.
//!
//! There are as many threads as the machine has processors, or as the environment variable `KERAS_THREADS` says; [`limited`]
//! says it for a piece of a program.

use std::array::from_fn;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::scoped;

/// How long a helper looks out for more work before it sleeps.
const PATIENCE: Duration = Duration::from_micros(60);
/// How often a waiting thread looks before it lets others have the processor.
const LOOKS: usize = 2000;
/// More helpers than this are of no use to anybody.
const MOST: usize = 255;

thread_local! {
    /// How many threads work of this one may take; 0 where nobody has said.
    static LIMIT: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread does a piece of shared work just now.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with kernels that take at most so many threads, this one included.
///
/// ```
/// use keras_tensor::{ops, threads};
/// let x = ops::ones([300, 300], Default::default())?;
/// let one = threads::limited(1, || ops::matmul(&x, &x))?;
/// let four = threads::limited(4, || ops::matmul(&x, &x))?;
/// assert_eq!(one.to_vec::<f32>()?, four.to_vec::<f32>()?);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
pub fn limited<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    scoped(&LIMIT, threads.clamp(1, MOST + 1), work)
}

/// How many threads kernels that this thread calls may take, itself included.
pub fn limit() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    match LIMIT.get() {
        0 => *DEFAULT.get_or_init(|| {
            let said = std::env::var("KERAS_THREADS").ok();
            said.and_then(|n| n.parse().ok())
                .filter(|n| (1..=MOST + 1).contains(n))
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        }),
        said => said,
    }
}

/// How many threads could take pieces of work that is shared here: one inside of shared work.
pub(super) fn helping() -> usize {
    if IS_INSIDE.get() { 1 } else { limit() }
}

/// Calls `work(i)` for every `i` below `count`, on this thread and on helpers that have nothing else to do.
///
/// Work that is called from inside of shared work, or while another thread shares its own, stays on its thread.
pub(super) fn share(count: usize, work: &(dyn Fn(usize) + Sync)) {
    let helpers = helping().min(count).saturating_sub(1);
    if helpers == 0 {
        return (0..count).for_each(work);
    }
    let pool = pool();
    let Ok(mut workers) = pool.workers.try_lock() else {
        return (0..count).for_each(work);
    };
    while *workers < helpers {
        let (name, thread) = (format!("keras-{workers}"), *workers + 1);
        // Without another thread, the work is done by those that are there.
        if std::thread::Builder::new()
            .name(name)
            .spawn(move || pool.wait_for_work(thread))
            .is_err()
        {
            break;
        }
        *workers += 1;
    }
    pool.run(count, helpers, work);
}

/// The results of two pieces of work, the second one's of a helper if there is one.
pub(super) fn join<R: Send>(a: impl FnOnce() -> R + Send, b: impl FnOnce() -> R + Send) -> (R, R) {
    let (a, b) = (Once::new(a), Once::new(b));
    share(2, &|i| if i == 0 { a.run() } else { b.run() });
    (a.result(), b.result())
}

/// Work for whoever comes first, and then its result.
struct Once<F, R>(Mutex<(Option<F>, Option<R>)>);

impl<R, F: FnOnce() -> R> Once<F, R> {
    fn new(work: F) -> Self {
        Once(Mutex::new((Some(work), None)))
    }

    fn run(&self) {
        let mut both = held(&self.0);
        let work = both.0.take().expect("a piece of work is done once");
        both.1 = Some(work());
    }

    fn result(self) -> R {
        let both = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        both.1.expect("all shared work was done")
    }
}

/// What helpers and the thread that shares its work tell each other.
struct Pool {
    /// How many helpers there are; held by the thread that shares its work.
    workers: Mutex<usize>,
    /// [`OPEN`], how many helpers may still join, and how many are at work, beside a count of the jobs.
    state: AtomicUsize,
    /// The job that is open.
    job: Mutex<Option<&'static Job<'static>>>,
    asleep: AtomicUsize,
    wake: (Mutex<()>, Condvar),
}

/// The most parts of a job that threads keep to.
const PARTS: usize = 8;

/// A piece of work to be shared; it lives as long as it is open or somebody is at work on it.
///
/// Each thread begins with the same part of every job, and then helps with the others: what it wrote in one job is still in its
/// caches when it reads that in the next one.
struct Job<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    count: usize,
    parts: usize,
    /// Whether each part is done from its end on.
    is_backward: bool,
    /// The next piece of each part.
    next: [Counter; PARTS],
    has_failed: AtomicBool,
}

/// A number in a cache line of its own.
#[repr(align(64))]
struct Counter(AtomicUsize);

const AT_WORK: usize = 1;
const SEAT: usize = 1 << 8;
const OPEN: usize = 1 << 16;
const JOB: usize = 1 << 17;

fn pool() -> &'static Pool {
    static POOL: Pool = Pool {
        workers: Mutex::new(0),
        state: AtomicUsize::new(0),
        job: Mutex::new(None),
        asleep: AtomicUsize::new(0),
        wake: (Mutex::new(()), Condvar::new()),
    };
    &POOL
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Job<'a> {
    fn new(
        work: &'a (dyn Fn(usize) + Sync),
        count: usize,
        threads: usize,
        is_backward: bool,
    ) -> Self {
        let parts = threads.min(PARTS);
        Job {
            work,
            count,
            parts,
            is_backward,
            next: from_fn(|part| Counter(AtomicUsize::new(part * count / parts))),
            has_failed: AtomicBool::new(false),
        }
    }

    /// The first piece of a part.
    fn start(&self, part: usize) -> usize {
        part * self.count / self.parts
    }

    /// Does pieces until none is left, first those of a thread's own part; a panic of one is told, not spread.
    fn work(&self, thread: usize) {
        IS_INSIDE.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for part in (0..self.parts).map(|i| (thread + i) % self.parts) {
                let (start, end) = (self.start(part), self.start(part + 1));
                loop {
                    let i = self.next[part].0.fetch_add(1, Relaxed);
                    if i >= end {
                        break;
                    }
                    (self.work)(if self.is_backward {
                        start + end - 1 - i
                    } else {
                        i
                    });
                }
            }
        }));
        IS_INSIDE.set(false);
        if outcome.is_err() {
            self.has_failed.store(true, Relaxed);
        }
    }
}

impl Pool {
    fn run(&self, count: usize, helpers: usize, work: &(dyn Fn(usize) + Sync)) {
        let jobs = self.state.load(Relaxed) & !(JOB - 1);
        let job = Job::new(work, count, helpers + 1, jobs & JOB != 0);
        // SAFETY: the job is closed, and everybody has left it, before this function returns: helpers join by a change of
        // `state` that fails once it is closed, and nothing between here and `close` panics.
        #[allow(unsafe_code)]
        let shared = unsafe { std::mem::transmute::<&Job<'_>, &'static Job<'static>>(&job) };
        *held(&self.job) = Some(shared);
        let open = jobs.wrapping_add(JOB) + OPEN + SEAT * helpers.min(MOST);
        self.state.store(open, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            let _guard = held(&self.wake.0);
            self.wake.1.notify_all();
        }
        job.work(0);
        self.close();
        if job.has_failed.load(Relaxed) {
            resume_unwind(Box::new("a piece of shared work panicked"));
        }
    }

    /// Lets nobody join any more, and waits for those that are at work.
    fn close(&self) {
        self.state.fetch_and(!OPEN, AcqRel);
        let mut looks = 0;
        while self.state.load(Acquire) & (SEAT - 1) != 0 {
            look_again(&mut looks);
        }
    }

    /// Takes a seat at the open job, if there is one that `last` is not.
    fn join(&self, last: &mut usize) -> Option<&'static Job<'static>> {
        let state = self.state.load(Acquire);
        let is_new = state & !(JOB - 1) != *last;
        if !is_new || state & OPEN == 0 || state & (OPEN - SEAT) == 0 {
            return None;
        }
        let joined = state - SEAT + AT_WORK;
        self.state
            .compare_exchange(state, joined, AcqRel, Relaxed)
            .ok()?;
        *last = state & !(JOB - 1);
        *held(&self.job)
    }

    /// The life of a helper, the first of which has number 1.
    fn wait_for_work(&self, thread: usize) {
        let mut last = 0;
        loop {
            let (start, mut looks) = (Instant::now(), 0);
            let job = loop {
                if let Some(job) = self.join(&mut last) {
                    break job;
                }
                for _ in 0..16 {
                    std::hint::spin_loop();
                }
                looks += 1;
                if looks % 16 == 0 && start.elapsed() > PATIENCE {
                    self.sleep(last);
                }
            };
            job.work(thread);
            self.state.fetch_sub(AT_WORK, AcqRel);
        }
    }

    /// Sleeps until a job is opened.
    fn sleep(&self, last: usize) {
        let guard = held(&self.wake.0);
        self.asleep.fetch_add(1, SeqCst);
        let state = self.state.load(SeqCst);
        if state & OPEN == 0 || state & !(JOB - 1) == last {
            drop(self.wake.1.wait(guard));
        }
        self.asleep.fetch_sub(1, SeqCst);
    }
}

fn look_again(looks: &mut usize) {
    *looks += 1;
    if *looks > LOOKS {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        for threads in [1, 2, 4, 8] {
            for count in [0, 1, 2, 7, 100] {
                let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                limited(threads, || {
                    share(count, &|i| {
                        done[i].fetch_add(1, Relaxed);
                    });
                });
                assert!(done.iter().all(|d| d.load(Relaxed) == 1));
            }
        }
    }

    #[test]
    fn helpers_that_sleep_wake_up() {
        let sum = AtomicUsize::new(0);
        limited(3, || {
            for _ in 0..20 {
                share(10, &|i| {
                    sum.fetch_add(i, Relaxed);
                });
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        assert_eq!(sum.into_inner(), 20 * 45);
    }

    #[test]
    fn work_inside_of_work_and_beside_it() {
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    limited(4, || {
                        for _ in 0..200 {
                            share(4, &|_| {
                                share(3, &|i| {
                                    sum.fetch_add(i, Relaxed);
                                })
                            });
                        }
                    });
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 200 * 4 * 3);
    }

    #[test]
    fn a_panic_reaches_whoever_shared_the_work() {
        let work = || {
            limited(2, || {
                share(8, &|i| assert_ne!(i, 3, "a piece that fails"));
            })
        };
        assert!(catch_unwind(work).is_err());
        let sum = AtomicUsize::new(0);
        share(4, &|i| {
            sum.fetch_add(i, Relaxed);
        });
        assert_eq!(sum.into_inner(), 6);
    }
}
