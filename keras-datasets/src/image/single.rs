//! One picture: from a file, to a file.

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};
use keras_tensor::ops::{self, Interpolation, Operand};
use keras_tensor::{DType, Error, Result, Shape, Tensor};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::decode::{ColorMode, eight_bits, gray, open, tensor};

/// A picture out of a file (`keras.utils.load_img`): a uint8 tensor `[rows, columns, channels]`.
///
/// ```no_run
/// use keras_datasets::{LoadImg, img_to_array};
/// let picture = LoadImg::new("cat.jpg").target_size([224, 224]).load()?;
/// let batch = keras_tensor::ops::expand_dims(img_to_array(&picture)?, 0)?;
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoadImg {
    path: PathBuf,
    color_mode: ColorMode,
    target_size: Option<[usize; 2]>,
    interpolation: Interpolation,
    keep_aspect_ratio: bool,
}

impl LoadImg {
    /// The picture in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        LoadImg {
            path: path.into(),
            color_mode: ColorMode::Rgb,
            target_size: None,
            interpolation: Interpolation::Nearest,
            keep_aspect_ratio: false,
        }
    }

    /// Which channels pixels have; red, green and blue by default.
    pub fn color_mode(mut self, color_mode: ColorMode) -> Self {
        self.color_mode = color_mode;
        self
    }

    /// `[rows, columns]` that the picture is brought to; it stays as it is by default.
    pub fn target_size(mut self, size: [usize; 2]) -> Self {
        self.target_size = Some(size);
        self
    }

    /// How pixels of another size are found: nearest by default; the others look at all pixels that a new one covers.
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
    }

    /// Whether a picture with another ratio of its sides is cropped first, not stretched; it is stretched by default.
    pub fn keep_aspect_ratio(mut self, keep: bool) -> Self {
        self.keep_aspect_ratio = keep;
        self
    }

    /// Reads the picture.
    ///
    /// # Errors
    /// A file that cannot be read or is no picture; a size of 0.
    pub fn load(&self) -> Result<Tensor> {
        let mut picture = converted(&open(&self.path)?, self.color_mode)?;
        if let Some([rows, columns]) = self.target_size {
            if rows == 0 || columns == 0 {
                let got = format!("[{rows}, {columns}]");
                let wanted = "at least one row and one column";
                return Err(Error::argument("load_img.target_size", got, wanted));
            }
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let mut part = [0, 0, height, width];
            if self.keep_aspect_ratio {
                let part_rows = (width * rows / columns).clamp(1, height);
                let part_columns = (height * columns / rows).clamp(1, width);
                let [top, left] = [(height - part_rows) / 2, (width - part_columns) / 2];
                part = [top, left, part_rows, part_columns];
            }
            picture = self.resized(&picture, part, [rows, columns])?;
        }
        tensor(&picture, picture.as_bytes().to_vec(), self.color_mode)
    }

    /// A part of a picture `[top, left, rows, columns]` in another size.
    fn resized(
        &self,
        picture: &DynamicImage,
        part @ [top, left, rows, columns]: [usize; 4],
        size: [usize; 2],
    ) -> Result<DynamicImage> {
        let filter = match self.interpolation {
            Interpolation::Nearest => return nearest(picture, part, size),
            Interpolation::Bilinear => FilterType::Triangle,
            Interpolation::Bicubic => FilterType::CatmullRom,
            Interpolation::Lanczos3 => FilterType::Lanczos3,
            other => {
                let wanted = "nearest, bilinear, bicubic or lanczos3";
                return Err(Error::argument(
                    "load_img.interpolation",
                    format!("{other:?}"),
                    wanted,
                ));
            }
        };
        let [top, left, rows, columns] = [top, left, rows, columns].map(|n| n as u32);
        let picture = picture.crop_imm(left, top, columns, rows);
        Ok(picture.resize_exact(size[1] as u32, size[0] as u32, filter))
    }
}

/// The nearest pixels, whose places PIL adds up step by step.
fn nearest(
    picture: &DynamicImage,
    [top, left, rows, columns]: [usize; 4],
    size: [usize; 2],
) -> Result<DynamicImage> {
    let places = |first: usize, from: usize, to: usize| {
        let step = from as f64 / to as f64;
        let begin = first as f64 + step * 0.5;
        std::iter::successors(Some(begin), move |at| Some(at + step))
            .take(to)
            .map(move |at| (at as usize).min(first + from - 1))
    };
    let channels = picture.color().channel_count() as usize;
    let (data, width) = (picture.as_bytes(), picture.width() as usize);
    let mut pixels = Vec::with_capacity(size[0] * size[1] * channels);
    for row in places(top, rows, size[0]) {
        for column in places(left, columns, size[1]) {
            let at = (row * width + column) * channels;
            pixels.extend_from_slice(&data[at..at + channels]);
        }
    }
    picture_of(pixels, [size[0], size[1], channels])
}

/// The picture with these channels, as Python's PIL converts it.
fn converted(picture: &DynamicImage, mode: ColorMode) -> Result<DynamicImage> {
    let eight = eight_bits(picture);
    Ok(match mode {
        ColorMode::Rgb => eight.to_rgb8().into(),
        ColorMode::Rgba => eight.to_rgba8().into(),
        ColorMode::Grayscale => {
            // ITU-R 601-2 in whole numbers.
            let brightness =
                |[r, g, b]: [u32; 3]| ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8;
            picture_of(
                gray(&eight, brightness),
                [eight.height() as usize, eight.width() as usize, 1],
            )?
        }
    })
}

fn picture_of(data: Vec<u8>, [rows, columns, channels]: [usize; 3]) -> Result<DynamicImage> {
    let (width, height) = (columns as u32, rows as u32);
    let picture = match channels {
        1 => image::GrayImage::from_raw(width, height, data).map(DynamicImage::from),
        3 => image::RgbImage::from_raw(width, height, data).map(DynamicImage::from),
        4 => image::RgbaImage::from_raw(width, height, data).map(DynamicImage::from),
        _ => None,
    };
    let shape = Shape::from([rows, columns, channels]);
    picture.ok_or_else(|| Error::shape("image", &[&shape], "1, 3 or 4 channels"))
}

/// A picture `[rows, columns, channels]` as float32.
///
/// # Errors
/// Never but for want of memory.
pub fn img_to_array(picture: impl Operand) -> Result<Tensor> {
    ops::cast(picture, DType::F32)
}

/// Numbers `[rows, columns, channels]` as a picture of uint8, which loses what comes after the point.
///
/// - `scale`: whether the numbers are spread over 0 to 255; otherwise they must lie there.
///
/// ```
/// use keras_datasets::array_to_img;
/// use keras_tensor::Tensor;
/// let picture = array_to_img(Tensor::new(&[-1.0f32, 1.0], [1, 2, 1])?, true)?;
/// assert_eq!(picture.to_vec::<u8>()?, [0, 255]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
///
/// # Errors
/// Another number of axes, or of channels than 1, 3 or 4.
pub fn array_to_img(x: impl Operand, scale: bool) -> Result<Tensor> {
    let x = x.tensor()?;
    if x.rank() != 3 || ![1, 3, 4].contains(&x.shape()[2]) {
        let wanted = "a picture [rows, columns, channels] with 1, 3 or 4 channels";
        return Err(Error::shape("array_to_img", &[x.shape()], wanted));
    }
    let mut values = x.to_f64_vec()?;
    if scale {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        values.iter_mut().for_each(|v| *v -= least);
        let most = values.iter().copied().fold(0.0, f64::max);
        if most != 0.0 {
            values.iter_mut().for_each(|v| *v = *v / most * 255.0);
        }
    }
    let data: Vec<u8> = values.into_iter().map(|v| v as u8).collect();
    Tensor::new(&data, x.shape().clone())
}

/// Writes numbers `[rows, columns, channels]` to a picture; the name tells the kind: PNG, JPEG, BMP or GIF. JPEG has no
/// opacity.
///
/// - `scale`: whether the numbers are spread over 0 to 255, as Keras does by default.
///
/// # Errors
/// Those of [`array_to_img`]; a name that tells no kind, or what the system says.
pub fn save_img(path: impl AsRef<Path>, x: impl Operand, scale: bool) -> Result<()> {
    let path = path.as_ref();
    let kind = ImageFormat::from_path(path).ok();
    let Some(kind) = kind.filter(ImageFormat::can_write) else {
        let wanted = "a name that ends in .png, .jpg, .bmp or .gif";
        return Err(Error::argument("save_img.path", path.display(), wanted));
    };
    let pixels = array_to_img(x, scale)?;
    let shape = [0, 1, 2].map(|axis| pixels.shape()[axis]);
    let mut picture = picture_of(pixels.to_vec::<u8>()?, shape)?;
    if kind == ImageFormat::Jpeg {
        picture = picture.to_rgb8().into();
    }
    let mut bytes = Cursor::new(Vec::new());
    let told = |e: image::ImageError| Error::data(path.display().to_string(), e.to_string());
    picture.write_to(&mut bytes, kind).map_err(told)?;
    std::fs::write(path, bytes.into_inner()).map_err(|e| Error::io(path, e))
}
