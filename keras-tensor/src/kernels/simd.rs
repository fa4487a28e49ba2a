//! Which vectors this machine has, and entry to loops that are compiled again for wide ones, chosen when the program runs.
//!
//! The environment variable `KERAS_SIMD` (`portable`, `avx2`, `avx512`) keeps a program to narrower vectors than the
//! machine has: what is measured or tested on one machine then holds for others.

use std::sync::OnceLock;

/// Vectors, from narrow to wide; each level has those before it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// What every processor of the target has.
    Portable,
    /// 256 bits, with fused multiply-add.
    Avx2,
    /// 512 bits.
    Avx512,
}

/// The widest vectors that the machine has and the environment allows.
#[inline]
pub(super) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let allowed = match std::env::var("KERAS_SIMD").as_deref() {
            Ok("portable") => Level::Portable,
            Ok("avx2") => Level::Avx2,
            _ => Level::Avx512,
        };
        allowed.min(of_machine())
    })
}

#[cfg(target_arch = "x86_64")]
fn of_machine() -> Level {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        Level::Portable
    } else if is_x86_feature_detected!("avx512f") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn of_machine() -> Level {
    Level::Portable
}

/// A loop over slices. `run` must be `#[inline(always)]`, so that it is compiled with the features of its caller.
pub(super) trait Loop {
    type Output;
    fn run(self) -> Self::Output;
}

/// Runs a loop with vectors of 256 bits where the machine has them: enough for loops that wait for memory.
#[inline]
pub(super) fn vectorized<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn wide<L: Loop>(work: L) -> L::Output {
            work.run()
        }
        if level() >= Level::Avx2 {
            // SAFETY: the machine has the features that `wide` is compiled for.
            #[allow(unsafe_code)]
            return unsafe { wide(work) };
        }
    }
    work.run()
}

/// Runs a loop with the widest vectors: for loops that compute much with each element, as it is compiled three times.
#[inline]
pub(super) fn widest<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn wide<L: Loop>(work: L) -> L::Output {
            work.run()
        }
        if level() == Level::Avx512 {
            // SAFETY: the machine has the features that `wide` is compiled for.
            #[allow(unsafe_code)]
            return unsafe { wide(work) };
        }
    }
    vectorized(work)
}
