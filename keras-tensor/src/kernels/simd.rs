//! Entry to loops that are compiled a second time for wide vectors, chosen when the program runs.

/// A loop over slices. `run` must be `#[inline(always)]`, so that it is compiled with the features of its caller.
pub(super) trait Loop {
    type Output;
    fn run(self) -> Self::Output;
}

/// Runs a loop with the widest vectors that both this machine and this module know.
#[inline]
pub(super) fn vectorized<L: Loop>(work: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn wide<L: Loop>(work: L) -> L::Output {
            work.run()
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has the features that `wide` is compiled for.
            #[allow(unsafe_code)]
            return unsafe { wide(work) };
        }
    }
    work.run()
}
