//! Where seeds come from when none is given. This is one of the few places with state of its own, a generator a thread,
//! as in Keras.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::mersenne::Mersenne;
use crate::{DType, Result, Tensor, Variable, observe};

thread_local! {
    static DEFAULT: RefCell<Option<Mersenne>> = const { RefCell::new(None) };
}

/// Fixes every seed that is drawn from now on in this thread, as `keras.utils.set_random_seed` does.
pub fn set_seed(seed: u64) {
    DEFAULT.set(Some(Mersenne::new(seed)));
}

/// The next seed for something that was given none; while a computation is traced, nothing is drawn and it is 0.
pub fn next_seed() -> u32 {
    if observe::is_tracing() {
        return 0;
    }
    DEFAULT.with_borrow_mut(|generator| {
        generator
            .get_or_insert_with(|| {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.map_or(0, |d| d.as_nanos() as u64);
                Mersenne::new(now ^ ((std::process::id() as u64) << 32))
            })
            .default_seed()
    })
}

/// A seed that moves on with each draw; its state is a variable `[seed, draws]`, so that it is traced and saved.
#[derive(Debug, Clone)]
pub struct SeedGenerator {
    state: Variable,
}

impl SeedGenerator {
    /// A generator that begins with `seed`, or with a default one.
    pub fn new(seed: Option<u32>) -> Self {
        let seed = seed.unwrap_or_else(next_seed);
        let start = Tensor::new(&[seed, 0], [2]).expect("two elements fit");
        let state = Variable::new(start, "seed_generator_state");
        state.set_trainable(false);
        SeedGenerator { state }
    }

    /// The variable that holds the state.
    pub fn state(&self) -> &Variable {
        &self.state
    }

    /// The seed of the next draw, for [`crate::Op::Random`].
    ///
    /// # Errors
    /// Never but for want of memory.
    pub fn next(&self) -> Result<Tensor> {
        let seed = self.state.value()?;
        let step = crate::ops::constant(&[0u32, 1], [2])?;
        self.state.assign(&crate::ops::add(&seed, &step)?)?;
        debug_assert_eq!(seed.dtype(), DType::U32);
        Ok(seed)
    }
}
