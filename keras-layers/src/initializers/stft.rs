use keras_tensor::{DType, Error, Result, Shape, Tensor};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

use super::Initialize;

/// The kernel `[window, 1, frequencies]` with which a convolution computes one side of a short-time Fourier transform.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct STFT {
    side: String,
    window: Option<String>,
    scaling: Option<String>,
    periodic: bool,
}

impl Default for STFT {
    fn default() -> Self {
        STFT {
            side: "real".into(),
            window: Some("hann".into()),
            scaling: Some("density".into()),
            periodic: false,
        }
    }
}

impl STFT {
    /// The `"real"` or the `"imag"` side, with a Hann window scaled to a density.
    pub fn new(side: &str) -> Self {
        STFT {
            side: side.into(),
            ..STFT::default()
        }
    }

    /// The window: `"hann"`, `"hamming"`, `"blackman"`, `"boxcar"`, or none.
    pub fn window(mut self, window: Option<&str>) -> Self {
        self.window = window.map(str::to_string);
        self
    }

    /// `"density"`, `"spectrum"`, or none.
    pub fn scaling(mut self, scaling: Option<&str>) -> Self {
        self.scaling = scaling.map(str::to_string);
        self
    }

    /// Whether the window is one period and not symmetric.
    pub fn periodic(mut self, periodic: bool) -> Self {
        self.periodic = periodic;
        self
    }

    fn window_values(&self, length: usize) -> Result<Option<Vec<f64>>> {
        let Some(name) = &self.window else {
            return Ok(None);
        };
        // A sum of cosines of 0, 1, 2 turns.
        let weights: &[f64] = match name.as_str() {
            "hann" => &[0.5, -0.5],
            "hamming" => &[0.54, -0.46],
            "blackman" => &[0.42, -0.5, 0.08],
            "boxcar" => &[1.0],
            other => {
                return Err(Error::argument(
                    "STFT.window",
                    format!("{other:?}"),
                    "\"hann\", \"hamming\", \"blackman\", \"boxcar\" or none",
                ));
            }
        };
        let turns = if self.periodic {
            length
        } else {
            length.max(2) - 1
        } as f64;
        let value = |i: usize| {
            let angle = 2.0 * PI * i as f64 / turns;
            weights
                .iter()
                .enumerate()
                .map(|(k, w)| w * (k as f64 * angle).cos())
                .sum()
        };
        Ok(Some(match length {
            1 => vec![1.0],
            _ => (0..length).map(value).collect(),
        }))
    }
}

impl Initialize for STFT {
    fn initialize(&self, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let &[length, _, frequencies] = &shape[..] else {
            return Err(Error::shape("STFT", &[shape], "[window, 1, frequencies]"));
        };
        let window = self.window_values(length)?;
        let scale = match (&window, self.scaling.as_deref()) {
            (Some(w), Some("density")) => w.iter().map(|v| v * v).sum::<f64>().sqrt(),
            (Some(w), Some("spectrum")) => w.iter().map(|v| v.abs()).sum(),
            (_, None) | (None, Some("density" | "spectrum")) => 1.0,
            (_, Some(other)) => {
                return Err(Error::argument(
                    "STFT.scaling",
                    format!("{other:?}"),
                    "\"density\", \"spectrum\" or none",
                ));
            }
        };
        let wave: fn(f64) -> f64 = match self.side.as_str() {
            "real" => f64::cos,
            "imag" => f64::sin,
            other => {
                return Err(Error::argument(
                    "STFT.side",
                    format!("{other:?}"),
                    "\"real\" or \"imag\"",
                ));
            }
        };
        let period = (2 * frequencies.saturating_sub(1)).max(1) as f64;
        let value = |t: usize, f: usize| {
            let angle = -2.0 * PI * f as f64 * t as f64 / period;
            wave(angle) * window.as_ref().map_or(1.0, |w| w[t]) / scale
        };
        let middle = shape[1];
        let values: Vec<f64> = (0..length)
            .flat_map(|t| (0..middle).map(move |_| t))
            .flat_map(|t| (0..frequencies).map(move |f| (t, f)))
            .map(|(t, f)| value(t, f))
            .collect();
        Tensor::from_f64(&values, shape.clone(), dtype)
    }
}
