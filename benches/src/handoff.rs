//! How long two threads take to tell each other something: on a machine with several groups of cores, and so on a virtual
//! one whose processors are moved between them, it is several times as long between groups, and so is reading what the
//! other thread wrote.

use std::sync::atomic::{AtomicBool, Ordering::*};
use std::time::{Duration, Instant};

/// Rounds of which the time is taken.
const ROUNDS: u32 = 50_000;

/// A number in cache lines that nothing else is in.
#[repr(align(128))]
struct Flag(AtomicBool);

/// The time from a write until its answer by another thread is seen.
pub fn round_trip() -> Duration {
    let asked = &Flag(AtomicBool::new(false));
    let wait_for = |wanted: bool| {
        while asked.0.load(Acquire) != wanted {
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..=ROUNDS {
                wait_for(true);
                asked.0.store(false, Release);
            }
        });
        let ask = || {
            asked.0.store(true, Release);
            wait_for(false);
        };
        // The first answer waits for the other thread to begin.
        ask();
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| ask());
        start.elapsed() / ROUNDS
    })
}
