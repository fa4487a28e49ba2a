//! MT19937 (Matsumoto and Nishimura, 1998) as Python's `random` module seeds and reads it.
//!
//! Keras draws the seeds of layers that were given none from Python's generator; with the same one here,
//! `set_seed(n)` gives networks the initial weights that `keras.utils.set_random_seed(n)` gives them on TensorFlow.

const N: usize = 624;
const M: usize = 397;

pub(super) struct Mersenne {
    state: Box<[u32; N]>,
    next: usize,
}

impl Mersenne {
    /// `random.seed(seed)`.
    pub(super) fn new(seed: u64) -> Self {
        let mut key = vec![seed as u32];
        if seed >> 32 != 0 {
            key.push((seed >> 32) as u32);
        }
        let mut generator = Mersenne {
            state: Box::new([0; N]),
            next: N,
        };
        generator.fill(19_650_218);
        generator.mix_in(&key);
        generator
    }

    fn fill(&mut self, seed: u32) {
        self.state[0] = seed;
        for i in 1..N {
            let before = self.state[i - 1];
            self.state[i] = 1_812_433_253u32
                .wrapping_mul(before ^ (before >> 30))
                .wrapping_add(i as u32);
        }
    }

    fn mix_in(&mut self, key: &[u32]) {
        let s = &mut self.state;
        let (mut i, mut j) = (1, 0);
        let scrambled = |before: u32| before ^ (before >> 30);
        for _ in 0..N.max(key.len()) {
            s[i] = (s[i] ^ scrambled(s[i - 1]).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len();
            if i == N {
                s[0] = s[N - 1];
                i = 1;
            }
        }
        for _ in 0..N - 1 {
            s[i] = (s[i] ^ scrambled(s[i - 1]).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i == N {
                s[0] = s[N - 1];
                i = 1;
            }
        }
        s[0] = 1 << 31;
    }

    fn next_word(&mut self) -> u32 {
        if self.next == N {
            for i in 0..N {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number of 0 to `largest`, as numpy's old generator draws it.
    fn up_to(&mut self, largest: u32) -> u32 {
        let mask = u32::MAX >> largest.leading_zeros();
        loop {
            let candidate = self.next_word() & mask;
            if candidate <= largest {
                return candidate;
            }
        }
    }

    /// `random.randint(1, 10**9)`, which is how Keras makes a default seed.
    pub(super) fn default_seed(&mut self) -> u32 {
        const BOUND: u32 = 1_000_000_000;
        loop {
            let candidate = self.next_word() >> 2;
            if candidate < BOUND {
                return candidate + 1;
            }
        }
    }
}

/// The order in which `numpy.random.RandomState(seed).shuffle` brings a list: the places of what was there before.
///
/// ```
/// use keras_tensor::random::shuffled;
/// assert_eq!(shuffled(1, 5), [2, 1, 4, 0, 3]);
/// ```
pub fn shuffled(seed: u32, count: usize) -> Vec<usize> {
    let mut generator = Mersenne {
        state: Box::new([0; N]),
        next: N,
    };
    generator.fill(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        order.swap(i, generator.up_to(i as u32) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_python_gives() {
        // python: random.seed(42); [random.randint(1, 10**9) for _ in range(3)]
        let mut generator = Mersenne::new(42);
        let seeds = [(); 3].map(|()| generator.default_seed());
        assert_eq!(seeds, PYTHON_SEEDS_OF_42);
    }

    const PYTHON_SEEDS_OF_42: [u32; 3] = [686579304, 119540832, 26855093];
}
