//! Random orders.

use keras_tensor::Result;
use keras_tensor::random::Philox;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Batch, Iter};

/// A random order: its seed, and how many iterations have begun, each of which has another order.
pub type Order = (u32, u64);

/// A seed for each iteration.
pub(crate) struct Seeds(Mutex<Order>);

impl Seeds {
    pub(crate) fn new(seed: u32) -> Self {
        Seeds(Mutex::new((seed, 0)))
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> Order {
        *self.order()
    }

    pub(crate) fn set(&self, order: Order) {
        *self.order() = order;
    }

    /// The numbers of the next iteration.
    pub(crate) fn next(&self) -> Numbers {
        let (seed, iteration) = {
            let mut order = self.order();
            order.1 = order.1.wrapping_add(1);
            (order.0, order.1.wrapping_sub(1))
        };
        Numbers {
            stream: Philox::from_seed(seed as u64, iteration),
            words: [0; 4],
            used: 4,
        }
    }
}

/// Random numbers one by one.
pub(crate) struct Numbers {
    stream: Philox,
    words: [u32; 4],
    used: usize,
}

impl Numbers {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        if self.used + 2 > 4 {
            self.words = self.stream.next_block();
            self.used = 0;
        }
        let word = (self.words[self.used] as u64) << 32 | self.words[self.used + 1] as u64;
        self.used += 2;
        // The high half of the product is even enough: the bias is below the bound over 2^64.
        ((word as u128 * bound as u128) >> 64) as usize
    }
}

/// The numbers below `samples` in the order in which a buffer gives them out.
pub(crate) struct Places {
    buffer: Vec<i32>,
    next: i32,
    samples: i32,
    numbers: Numbers,
}

impl Places {
    pub(crate) fn new(samples: usize, buffer: usize, numbers: Numbers) -> Self {
        let held = buffer.min(samples);
        Places {
            buffer: (0..held as i32).collect(),
            next: held as i32,
            samples: samples as i32,
            numbers,
        }
    }
}

impl Iterator for Places {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        if self.buffer.is_empty() {
            return None;
        }
        let i = self.numbers.below(self.buffer.len());
        if self.next < self.samples {
            self.next += 1;
            Some(std::mem::replace(&mut self.buffer[i], self.next - 1))
        } else {
            Some(self.buffer.swap_remove(i))
        }
    }
}

/// Anything in the order in which a buffer gives it out.
pub(crate) struct Buffered {
    from: Iter,
    held: Vec<Batch>,
    buffer: usize,
    numbers: Numbers,
}

impl Buffered {
    pub(crate) fn new(from: Iter, buffer: usize, numbers: Numbers) -> Self {
        Buffered {
            from,
            held: Vec::new(),
            buffer,
            numbers,
        }
    }
}

impl Iterator for Buffered {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        while self.held.len() < self.buffer {
            match self.from.next() {
                Some(Ok(batch)) => self.held.push(batch),
                Some(error) => return Some(error),
                None => break,
            }
        }
        if self.held.is_empty() {
            return None;
        }
        let i = self.numbers.below(self.held.len());
        Some(Ok(self.held.swap_remove(i)))
    }
}
