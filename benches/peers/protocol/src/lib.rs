//! What the peers in Rust share: arguments, data, and how they answer.

use std::io::{BufRead, Write};
use std::time::Instant;

/// Pixels of an image.
pub const PIXELS: usize = 784;
/// Kinds of images.
pub const CLASSES: usize = 10;
/// Widths of the MNIST network, input first.
pub const SIZES: [usize; 6] = [PIXELS, 256, 128, 64, 32, CLASSES];

/// What the command line says.
pub struct Options {
    /// The workload's name.
    pub workload: String,
    /// Samples of a step, where the workload leaves that open.
    pub batch: usize,
    steps: usize,
    serve: bool,
    data: String,
}

impl Options {
    /// Reads `WORKLOAD [--steps N] [--batch N] [--data FOLDER] [--serve]`. Threads are set by `RAYON_NUM_THREADS`.
    pub fn parse() -> Self {
        let mut words = std::env::args().skip(1);
        let mut options = Options {
            workload: words.next().unwrap_or_default(),
            batch: 1,
            steps: 1,
            serve: false,
            data: String::new(),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("a value after it");
            match word.as_str() {
                "--serve" => options.serve = true,
                "--steps" => options.steps = value().parse().expect("a number"),
                "--batch" => options.batch = value().parse().expect("a number"),
                "--data" => options.data = value(),
                _ => drop(value()),
            }
        }
        options
    }

    /// Images `[samples, 784]` from 0 to 1, and what they show `[samples]`.
    pub fn digits(&self, samples: usize) -> (Vec<f32>, Vec<u8>) {
        let read = |name: &str| {
            std::fs::read(format!("{}/{name}", self.data))
                .expect("the data that `workload export` writes")
        };
        let (images, mut labels) = (read("images.u8"), read("labels.u8"));
        labels.truncate(samples);
        let pixels = images[..samples * PIXELS].iter();
        (pixels.map(|&p| f32::from(p) / 255.0).collect(), labels)
    }

    /// Answers rounds; `round` does so many steps and gives what shows that they were done.
    pub fn serve(&self, versions: &str, mut round: impl FnMut(usize) -> f64) {
        let mut answer = |steps: usize| {
            let start = Instant::now();
            let result = round(steps);
            let (seconds, peak) = (start.elapsed().as_secs_f64(), peak_mb());
            let mut out = std::io::stdout();
            let _ = writeln!(
                out,
                r#"{{"seconds":{seconds:.7},"steps":{steps},"peak_mb":{peak},"result":"{result:.5}","versions":"{versions}"}}"#
            );
            let _ = out.flush();
        };
        if !self.serve {
            return answer(self.steps);
        }
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            answer(line.trim().parse().unwrap_or(self.steps));
        }
    }
}

/// Batches of samples in random order, pass after pass.
pub struct Batches {
    images: Vec<f32>,
    labels: Vec<u8>,
    order: Vec<usize>,
    next: usize,
    state: u64,
    size: usize,
}

impl Batches {
    /// Batches of `size` of these images `[samples, 784]` and labels.
    pub fn new((images, labels): (Vec<f32>, Vec<u8>), size: usize) -> Self {
        let order = (0..labels.len()).collect();
        Batches {
            images,
            labels,
            order,
            next: usize::MAX,
            state: 8,
            size,
        }
    }

    /// The next batch: images, and labels with a one at the class.
    pub fn batch(&mut self) -> (Vec<f32>, Vec<f32>) {
        if self.next.saturating_add(self.size) > self.order.len() {
            for i in (1..self.order.len()).rev() {
                // A linear congruential generator is random enough for an order.
                self.state = self
                    .state
                    .wrapping_mul(0x5851_F42D_4C95_7F2D)
                    .wrapping_add(1);
                self.order.swap(i, (self.state >> 33) as usize % (i + 1));
            }
            self.next = 0;
        }
        let chosen = &self.order[self.next..][..self.size];
        self.next += self.size;
        let rows = chosen
            .iter()
            .flat_map(|&i| &self.images[i * PIXELS..][..PIXELS]);
        let mut labels = vec![0.0; self.size * CLASSES];
        for (row, &i) in labels.chunks_exact_mut(CLASSES).zip(chosen) {
            row[self.labels[i] as usize] = 1.0;
        }
        (rows.copied().collect(), labels)
    }
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}
