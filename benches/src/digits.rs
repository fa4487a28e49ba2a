//! The data that every contestant trains on: MNIST, and random numbers.

use keras::{Result, Tensor};

/// Pixels of an image.
pub const PIXELS: usize = 784;
/// Kinds of images.
pub const CLASSES: usize = 10;

/// Images and what they show.
pub struct Digits {
    /// `[samples, 784]`, 0 to 255.
    pub images: Vec<u8>,
    /// `[samples]`, 0 to 9.
    pub labels: Vec<u8>,
}

impl Digits {
    /// The 60,000 images that MNIST has to train on.
    ///
    /// # Errors
    /// A cache of Keras that cannot be read.
    pub fn load() -> Result<Self> {
        let ((x, y), _) = keras::datasets::mnist::load_data()?;
        Ok(Digits {
            images: x.to_vec()?,
            labels: y.to_vec()?,
        })
    }

    /// Images `[samples, 784]` from 0 to 1, and labels `[samples, 10]` with a one at the class, of the first `samples`.
    pub fn floats(&self, samples: usize) -> (Vec<f32>, Vec<f32>) {
        let pixels = &self.images[..samples * PIXELS];
        let x = pixels.iter().map(|&p| p as f32 / 255.0).collect();
        let mut y = vec![0.0; samples * CLASSES];
        for (row, &label) in y.chunks_exact_mut(CLASSES).zip(&self.labels) {
            row[label as usize] = 1.0;
        }
        (x, y)
    }
}

/// Random numbers that are the same on every machine (SplitMix64).
pub struct Random(
    /// The state: any number will do.
    pub u64,
);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// From 0 to `end`, without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.bits() as u128 * end as u128) >> 64) as usize
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// A tensor of this shape with values from 0 to 1.
    ///
    /// # Errors
    /// A shape of more values than memory holds.
    pub fn tensor(&mut self, shape: &[usize]) -> Result<Tensor> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.unit()).collect();
        Tensor::new(&values, shape)
    }

    /// A tensor of this shape with whole numbers from 0 to `end`, without `end`.
    ///
    /// # Errors
    /// A shape of more values than memory holds.
    pub fn integers(&mut self, shape: &[usize], end: usize) -> Result<Tensor> {
        let count = shape.iter().product();
        let values: Vec<i32> = (0..count).map(|_| self.below(end) as i32).collect();
        Tensor::new(&values, shape)
    }
}
