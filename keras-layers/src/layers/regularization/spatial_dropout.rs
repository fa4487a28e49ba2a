use keras_tensor::{Error, Result, Shape, Tensor};

use super::noise::{check_rate, dropped};
use crate::{Call, DataFormat, Dims, Layer, Seed, Weights};

layer! {
    /// [`super::Dropout`] of whole channels of `[batch, time, channels]`: a channel is dropped at all steps or none.
    ///
    /// Paper: Tompson et al., 2014.
    ///
    /// ```
    /// use keras_layers::{Call, LayerRef, layers::SpatialDropout1D};
    /// use keras_tensor::ops;
    /// let layer = LayerRef::from(SpatialDropout1D::new(0.5));
    /// let y = layer.call(&ops::ones([1, 2, 1], Default::default())?, &Call::training())?;
    /// let y = y.to_vec::<f32>()?;
    /// assert_eq!(y[0], y[1]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    SpatialDropout1D(
        /// The share that is dropped, from 0 to 1.
        set rate: f64 = 0.0,
    ) {
        /// Fixes what is dropped.
        into seed: Option<u32> = None,
    } keeps {
        state: Seed,
    }
}

layer! {
    /// [`super::Dropout`] of whole channels of images, `[batch, rows, columns, channels]`.
    SpatialDropout2D(
        /// The share that is dropped, from 0 to 1.
        set rate: f64 = 0.0,
    ) {
        /// Fixes what is dropped.
        into seed: Option<u32> = None,
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {
        state: Seed,
    }
}

layer! {
    /// [`super::Dropout`] of whole channels of volumes, `[batch, a, b, c, channels]`.
    SpatialDropout3D(
        /// The share that is dropped, from 0 to 1.
        set rate: f64 = 0.0,
    ) {
        /// Fixes what is dropped.
        into seed: Option<u32> = None,
        /// Where channels lie; `channels_last` by default.
        into data_format: DataFormat = DataFormat::default(),
    } keeps {
        state: Seed,
    }
}

/// One decision for each sample and channel, of an input with `rank` axes.
fn channels(x: &Tensor, rank: usize, format: &DataFormat, layer: &str) -> Result<Shape> {
    if x.rank() != rank {
        return Err(Error::shape(
            layer,
            &[x.shape()],
            format!("an input with {rank} axes"),
        ));
    }
    let channel = if format.is_channels_first()? {
        1
    } else {
        rank - 1
    };
    let size = |(axis, &n): (usize, &usize)| if axis == 0 || axis == channel { n } else { 1 };
    Ok(x.shape().iter().enumerate().map(size).collect())
}

macro_rules! spatial_dropout {
    ($Layer:ident $name:literal, $rank:literal, $layer:ident => $format:expr) => {
        impl Layer for $Layer {
            fn is_weightless(&self) -> bool {
                true
            }

            // Keras's class does not take `trainable`.
            fn base_keys(&self) -> &'static [&'static str] {
                &["name", "dtype"]
            }

            fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
                check_rate(self.rate)?;
                if self.rate > 0.0 {
                    w.add_seed(&self.state, self.seed)?;
                }
                Ok(())
            }

            fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
                let $layer = self;
                let decisions = channels(x, $rank, $format, $name)?;
                if !cx.is_training() || self.rate == 0.0 {
                    return Ok(x.clone());
                }
                dropped(x, &decisions, self.rate, &self.state)
            }
        }
    };
}
spatial_dropout!(SpatialDropout1D "spatial_dropout1d", 3, _layer => &DataFormat::default());
spatial_dropout!(SpatialDropout2D "spatial_dropout2d", 4, layer => &layer.data_format);
spatial_dropout!(SpatialDropout3D "spatial_dropout3d", 5, layer => &layer.data_format);
