//! Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), as TensorFlow's stateless
//! random functions run it on a CPU, so that a seed gives the numbers that it gives in Keras on TensorFlow.

/// A stream of random numbers that a seed of two words fixes.
#[derive(Debug, Clone)]
pub struct Philox {
    key: [u32; 2],
    counter: [u32; 4],
}

/// Steps that are computed side by side.
const LANES: usize = 32;

/// Counter steps that TensorFlow keeps apart for each group of four values of a distribution that rejects some.
const STEPS_PER_GROUP: u64 = 256;

impl Philox {
    /// The stream that TensorFlow makes of a seed `[a, b]`: the seed itself is scrambled first.
    pub fn from_seed(a: u64, b: u64) -> Self {
        let mut scrambler = Philox {
            key: [0x3ec8_f720, 0x0246_1e29],
            counter: [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32],
        };
        let mix = scrambler.next_block();
        Philox {
            key: [mix[0], mix[1]],
            counter: [0, 0, mix[2], mix[3]],
        }
    }

    /// The next four words.
    pub fn next_block(&mut self) -> [u32; 4] {
        let (mut x, mut k) = (self.counter, self.key);
        for _ in 0..10 {
            let p0 = 0xD251_1F53u64 * x[0] as u64;
            let p1 = 0xCD9E_8D57u64 * x[2] as u64;
            x = [
                (p1 >> 32) as u32 ^ x[1] ^ k[0],
                p1 as u32,
                (p0 >> 32) as u32 ^ x[3] ^ k[1],
                p0 as u32,
            ];
            k = next_key(k);
        }
        self.skip(1);
        x
    }

    /// Leaves out so many steps, of four words each.
    #[inline(always)]
    pub(crate) fn skip(&mut self, steps: u64) {
        let low = (self.counter[1] as u64) << 32 | self.counter[0] as u64;
        let (low, carry) = low.overflowing_add(steps);
        self.counter[0] = low as u32;
        self.counter[1] = (low >> 32) as u32;
        if carry {
            let high = (self.counter[3] as u64) << 32 | self.counter[2] as u64;
            let high = high.wrapping_add(1);
            self.counter[2] = high as u32;
            self.counter[3] = (high >> 32) as u32;
        }
    }

    /// The next steps side by side: word `w` of step `i` is at `[w][i]`. Words stand in 64 bits, as their products do, so that
    /// the loop becomes vectors.
    #[inline(always)]
    fn next_blocks(&mut self) -> [[u64; LANES]; 4] {
        const WORD: u64 = u32::MAX as u64;
        let mut x = [[0; LANES]; 4];
        for i in 0..LANES {
            for (word, counter) in x.iter_mut().zip(self.counter) {
                word[i] = counter as u64;
            }
            self.skip(1);
        }
        let mut k = self.key;
        let [mut a, mut b, mut c, mut d] = x;
        for _ in 0..10 {
            let (first, second) = (k[0] as u64, k[1] as u64);
            for i in 0..LANES {
                let p0 = 0xD251_1F53 * (a[i] & WORD);
                let p1 = 0xCD9E_8D57 * (c[i] & WORD);
                a[i] = (p1 >> 32) ^ b[i] ^ first;
                b[i] = p1 & WORD;
                c[i] = (p0 >> 32) ^ d[i] ^ second;
                d[i] = p0 & WORD;
            }
            k = next_key(k);
        }
        [a, b, c, d]
    }

    /// Fills with values even in `[0, 1)`.
    #[inline(always)]
    pub fn uniform(&mut self, out: &mut [f32]) {
        let mut groups = out.chunks_exact_mut(4 * LANES);
        for group in &mut groups {
            let words = self.next_blocks();
            for (i, step) in group.chunks_exact_mut(4).enumerate() {
                (0..4).for_each(|w| step[w] = unit(words[w][i] as u32));
            }
        }
        for group in groups.into_remainder().chunks_mut(4) {
            let block = self.next_block();
            for (o, word) in group.iter_mut().zip(block) {
                *o = unit(word);
            }
        }
    }

    /// Fills with values even in `[0, 1)`, 52 random bits each.
    pub fn uniform_f64(&mut self, out: &mut [f64]) {
        for group in out.chunks_mut(2) {
            let b = self.next_block();
            for (o, (high, low)) in group.iter_mut().zip([(b[0], b[1]), (b[2], b[3])]) {
                let mantissa = ((high & 0xf_ffff) as u64) << 32 | low as u64;
                *o = f64::from_bits(1023 << 52 | mantissa) - 1.0;
            }
        }
    }

    /// Fills with integers even in `[low, high)`, which must not be empty.
    pub fn integers(&mut self, low: i64, high: i64, out: &mut [i64]) {
        let width = (high as i128 - low as i128).max(1) as u64;
        for group in out.chunks_mut(2) {
            let b = self.next_block();
            for (o, (lo, hi)) in group.iter_mut().zip([(b[0], b[1]), (b[2], b[3])]) {
                let word = lo as u64 | (hi as u64) << 32;
                *o = low.wrapping_add((word % width) as i64);
            }
        }
    }

    /// Fills with values of the bell curve with mean 0 and standard deviation 1.
    pub fn normal(&mut self, out: &mut [f32]) {
        for group in out.chunks_mut(4) {
            let b = self.next_block();
            let (p, q) = (box_muller(b[0], b[1]), box_muller(b[2], b[3]));
            for (o, v) in group.iter_mut().zip([p.0, p.1, q.0, q.1]) {
                *o = v;
            }
        }
    }

    /// Fills with values of the bell curve that lie within two standard deviations.
    pub fn truncated_normal(&mut self, out: &mut [f32]) {
        for (i, group) in out.chunks_mut(4).enumerate() {
            let mut stream = self.clone();
            stream.skip(i as u64 * STEPS_PER_GROUP);
            let mut words = Words::new(stream);
            let mut filled = 0;
            while filled < 4 {
                let (a, b) = box_muller(words.next(), words.next());
                for v in [a, b] {
                    if v.abs() < 2.0 && filled < 4 {
                        if let Some(o) = group.get_mut(filled) {
                            *o = v;
                        }
                        filled += 1;
                    }
                }
            }
        }
        self.skip(out.len().div_ceil(4) as u64 * STEPS_PER_GROUP);
    }
}

/// A stream taken word by word.
struct Words {
    stream: Philox,
    block: [u32; 4],
    used: usize,
}

impl Words {
    fn new(stream: Philox) -> Self {
        Words {
            stream,
            block: [0; 4],
            used: 4,
        }
    }

    fn next(&mut self) -> u32 {
        if self.used == 4 {
            self.block = self.stream.next_block();
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

fn next_key(k: [u32; 2]) -> [u32; 2] {
    [
        k[0].wrapping_add(0x9E37_79B9),
        k[1].wrapping_add(0xBB67_AE85),
    ]
}

/// A word as a float in `[0, 1)`: its low 23 bits become the mantissa.
fn unit(word: u32) -> f32 {
    f32::from_bits(127 << 23 | (word & 0x7f_ffff)) - 1.0
}

/// Two values of the bell curve from two words (Box and Muller, 1958).
fn box_muller(a: u32, b: u32) -> (f32, f32) {
    let radius = (-2.0 * unit(a).max(1e-7).ln()).sqrt();
    let (sin, cos) = (2.0 * std::f32::consts::PI * unit(b)).sin_cos();
    (sin * radius, cos * radius)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glorot_uniform_of_seed_1_is_what_keras_gives() {
        // keras 3.15.1 on TensorFlow: GlorotUniform(seed=1)((2, 2))
        let mut out = [0.0; 4];
        Philox::from_seed(1, 0).uniform(&mut out);
        let limit = 1.5f32.sqrt();
        let values = out.map(|v| v * 2.0 * limit - limit);
        for (got, wanted) in values.iter().zip([0.9271, -0.0980, 0.2457, -0.2631]) {
            assert!((got - wanted).abs() < 1e-4, "{values:?}");
        }
    }

    #[test]
    fn steps_side_by_side_are_those_one_by_one() {
        // The counter carries within the first steps.
        let mut stream = Philox::from_seed(1, 2);
        stream.skip(u32::MAX as u64 - 5);
        let mut one_by_one = stream.clone();
        let mut out = [0.0; 4 * LANES * 2 + 7];
        stream.uniform(&mut out);
        for group in out.chunks(4) {
            let block = one_by_one.next_block().map(unit);
            assert_eq!(group, &block[..group.len()]);
        }
        assert_eq!(stream.next_block(), one_by_one.next_block());
    }

    #[test]
    fn doubles_are_those_of_tensorflow() {
        // tensorflow 2.21: tf.random.stateless_uniform([3], [3, 0], dtype="float64")
        let mut out = [0.0; 3];
        Philox::from_seed(3, 0).uniform_f64(&mut out);
        let expected = [0.5673030241194092, 0.2582023122181023, 0.4624937700459999];
        assert_eq!(out, expected);
    }

    #[test]
    fn truncated_normal_stays_inside() {
        let mut out = [9.0; 10_001];
        Philox::from_seed(3, 1).truncated_normal(&mut out);
        assert!(out.iter().all(|v| v.abs() < 2.0));
        let mean = out.iter().sum::<f32>() / out.len() as f32;
        assert!(mean.abs() < 0.03, "{mean}");
    }

    #[test]
    fn integers_stay_inside() {
        let mut out = [0; 999];
        Philox::from_seed(5, 0).integers(-2, 3, &mut out);
        assert!((-2..3).all(|v| out.contains(&v)));
        assert!(out.iter().all(|v| (-2..3).contains(v)));
    }
}
