//! Identities of values, and what the tape reads off them.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What tells a value from every other.
///
/// An id is a plain number for a computed value. For a variable's value it also says which variable, which write of it,
/// and whether it is trainable; so nothing has to be watched on reading, and an old value still belongs to its variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Id(u64);

const VARIABLE: u64 = 1 << 63;
const TRAINABLE: u64 = 1 << 62;
const VERSION_BITS: u32 = 30;
const BLOCK: u64 = 1 << 16;

impl Id {
    /// An id that no other value has.
    pub(crate) fn fresh() -> Id {
        static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static NEXT: Cell<u64> = const { Cell::new(0) };
        }
        NEXT.with(|next| {
            let mut id = next.get();
            if id.is_multiple_of(BLOCK) {
                id = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
            }
            next.set(id + 1);
            Id(id)
        })
    }

    /// A number for a new variable.
    pub(crate) fn fresh_variable() -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn of_variable(number: u32, version: u64, trainable: bool) -> Id {
        let version = version & ((1 << VERSION_BITS) - 1);
        let trainable = if trainable { TRAINABLE } else { 0 };
        Id(VARIABLE | trainable | ((number as u64) << VERSION_BITS) | version)
    }

    /// Whether this is the value of a trainable variable.
    pub fn is_trainable(self) -> bool {
        self.0 & (VARIABLE | TRAINABLE) == VARIABLE | TRAINABLE
    }

    /// Whether this is the value of a variable.
    pub fn is_variable(self) -> bool {
        self.0 & VARIABLE != 0
    }

    /// The id that all writes of one variable share, the id itself for other values.
    pub fn family(self) -> Id {
        if self.is_variable() {
            Id(self.0 & !((1 << VERSION_BITS) - 1) & !TRAINABLE)
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_between_threads() {
        let ids = || (0..100_000).map(|_| Id::fresh()).collect::<Vec<_>>();
        let other = std::thread::spawn(ids);
        let mut all = ids();
        all.extend(other.join().unwrap());
        let unique: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
    }

    #[test]
    fn writes_of_a_variable_share_a_family() {
        let (a, b) = (Id::of_variable(7, 1, true), Id::of_variable(7, 2, false));
        assert_ne!(a, b);
        assert_eq!(a.family(), b.family());
        assert!(a.is_trainable() && !b.is_trainable());
        assert_ne!(a.family(), Id::of_variable(8, 1, true).family());
    }
}
