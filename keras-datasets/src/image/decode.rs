//! From the bytes of a picture to pixels.

use image::{DynamicImage, ImageReader, Limits};
use keras_tensor::{Error, Result, Tensor};
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::str::FromStr;

/// The most rows or columns of a picture, and the most bytes that its pixels may take.
const LARGEST: u32 = 1 << 16;
const MEMORY: u64 = 1 << 30;

/// Which channels pixels have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColorMode {
    /// One, for brightness.
    Grayscale,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, opacity.
    Rgba,
}

impl FromStr for ColorMode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "grayscale" => Ok(ColorMode::Grayscale),
            "rgb" => Ok(ColorMode::Rgb),
            "rgba" => Ok(ColorMode::Rgba),
            _ => Err(Error::argument(
                "color_mode",
                format!("{name:?}"),
                "\"grayscale\", \"rgb\" or \"rgba\"",
            )),
        }
    }
}

impl ColorMode {
    /// How many channels there are.
    pub fn channels(self) -> usize {
        match self {
            ColorMode::Grayscale => 1,
            ColorMode::Rgb => 3,
            ColorMode::Rgba => 4,
        }
    }
}

/// Reads a picture; the kind is told by its bytes, not by its name. Of an animation, it is the first picture.
pub(super) fn open(path: &Path) -> Result<DynamicImage> {
    let told = |e: &dyn std::fmt::Display| {
        let wanted = "a picture in PNG, JPEG, BMP or GIF that is whole, or another folder";
        Error::data(path.display().to_string(), format!("{e}; wanted {wanted}"))
    };
    let mut file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    file.rewind().map_err(|e| Error::io(path, e))?;
    let mut reader = ImageReader::new(file)
        .with_guessed_format()
        .map_err(|e| Error::io(path, e))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST);
    limits.max_image_height = Some(LARGEST);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    reader.decode().map_err(|e| told(&e))
}

/// Pixels `[rows, columns, channels]` of 0 to 255, as TensorFlow decodes them: 16 bits lose the lower 8, opacity is left
/// out without an effect on the colors.
pub(super) fn pixels(picture: &DynamicImage, mode: ColorMode) -> Result<Tensor> {
    let eight = eight_bits(picture);
    let data = match mode {
        ColorMode::Grayscale => gray(&eight, |[r, g, b]| {
            // 0.299, 0.587 and 0.114 in libpng's whole numbers.
            let [red, green] = [9797, 19234];
            let blue = 32768 - red - green;
            ((red * r + green * g + blue * b) >> 15) as u8
        }),
        ColorMode::Rgb => eight.to_rgb8().into_raw(),
        ColorMode::Rgba => eight.to_rgba8().into_raw(),
    };
    tensor(picture, data, mode)
}

pub(super) fn tensor(picture: &DynamicImage, data: Vec<u8>, mode: ColorMode) -> Result<Tensor> {
    let (columns, rows) = (picture.width() as usize, picture.height() as usize);
    Tensor::new(&data, [rows, columns, mode.channels()])
}

/// The brightness of colors by a formula; what has no colors stays as it is.
pub(super) fn gray(picture: &DynamicImage, formula: impl Fn([u32; 3]) -> u8) -> Vec<u8> {
    if !picture.color().has_color() {
        return picture.to_luma8().into_raw();
    }
    let colors = picture.to_rgb8();
    colors
        .pixels()
        .map(|p| formula(p.0.map(u32::from)))
        .collect()
}

/// The same picture with 8 bits a channel.
pub(super) fn eight_bits(picture: &DynamicImage) -> DynamicImage {
    fn upper<P, Q>(from: &image::ImageBuffer<P, Vec<u16>>) -> image::ImageBuffer<Q, Vec<u8>>
    where
        P: image::Pixel<Subpixel = u16>,
        Q: image::Pixel<Subpixel = u8>,
    {
        let data = from.as_raw().iter().map(|v| (v >> 8) as u8).collect();
        image::ImageBuffer::from_raw(from.width(), from.height(), data)
            .expect("a byte for each of the values")
    }
    match picture {
        DynamicImage::ImageLuma16(p) => DynamicImage::ImageLuma8(upper(p)),
        DynamicImage::ImageLumaA16(p) => DynamicImage::ImageLumaA8(upper(p)),
        DynamicImage::ImageRgb16(p) => DynamicImage::ImageRgb8(upper(p)),
        DynamicImage::ImageRgba16(p) => DynamicImage::ImageRgba8(upper(p)),
        other => other.clone(),
    }
}
