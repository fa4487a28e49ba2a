//! The data that every contestant trains on.

/// Pixels of an image.
pub const PIXELS: usize = 784;
/// Kinds of images.
pub const CLASSES: usize = 10;
/// Images to train on.
pub const SAMPLES: usize = 60_000;

/// Images and what they show.
pub struct Digits {
    /// `[samples, 784]`, 0 to 255.
    pub images: Vec<u8>,
    /// `[samples]`, 0 to 9.
    pub labels: Vec<u8>,
}

impl Digits {
    /// Images `[samples, 784]` from 0 to 1, and labels `[samples, 10]` with a one at the class.
    pub fn floats(&self) -> (Vec<f32>, Vec<f32>) {
        let x = self.images.iter().map(|&p| p as f32 / 255.0).collect();
        let mut y = vec![0.0; self.labels.len() * CLASSES];
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
}

/// Synthetic images in the shape of MNIST: a frame of zeros around 20 x 20 pixels, of which each class lights a third;
/// in every image a quarter of these pixels is flipped, and one label in 32 is random, so that the loss and its gradient
/// do not fall to nothing, as they do not on real images.
pub fn data() -> Digits {
    const SIDE: usize = 28;
    let mut random = Random(1998);
    let inside = |p: usize| (4..24).contains(&(p / SIDE)) && (4..24).contains(&(p % SIDE));
    let patterns: Vec<Vec<(usize, bool)>> = (0..CLASSES)
        .map(|_| {
            (0..PIXELS)
                .filter(|&p| inside(p))
                .map(|p| (p, random.below(3) == 0))
                .collect()
        })
        .collect();
    let mut images = vec![0; SAMPLES * PIXELS];
    let mut labels: Vec<u8> = (0..SAMPLES).map(|_| random.below(CLASSES) as u8).collect();
    for (image, &label) in images.chunks_exact_mut(PIXELS).zip(&labels) {
        for &(p, lit) in &patterns[label as usize] {
            let bits = random.bits();
            if lit != (bits & 3 == 0) {
                image[p] = (bits >> 56) as u8 | 1;
            }
        }
    }
    for label in &mut labels {
        if random.below(32) == 0 {
            *label = random.below(CLASSES) as u8;
        }
    }
    Digits { images, labels }
}
