//! PNG.

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use keras_tensor::{Error, Result};
use std::io::Write;

use super::font;
use super::scene::{BLACK, Color, LETTER, Point, Scene, Shape};

/// Dots for each unit of a scene, and for each dot of a letter.
const SCALE: f64 = 2.0;
const LETTER_SCALE: i64 = 2;
/// Dots above which no picture is made.
const MOST: f64 = 3e8;

/// The picture as a file.
///
/// # Errors
/// A picture that is too large.
pub(super) fn bytes(scene: &Scene) -> Result<Vec<u8>> {
    let mut canvas = Canvas::new(scene.width, scene.height)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Box(corner, w, h) => canvas.frame(*corner, *w, *h),
            Shape::Line(points, color) => {
                points
                    .windows(2)
                    .for_each(|p| canvas.line(p[0], p[1], *color));
            }
            Shape::Area(points, color) => canvas.area(points, *color),
            Shape::Text(middle, text) => canvas.text(*middle, text),
        }
    }
    canvas.encode()
}

struct Canvas {
    width: i64,
    height: i64,
    dots: Vec<u8>,
}

impl Canvas {
    fn new(width: f64, height: f64) -> Result<Self> {
        let (width, height) = ((width * SCALE).ceil(), (height * SCALE).ceil());
        if width * height > MOST {
            let problem =
                format!("a picture of {width} x {height} dots is too large; draw an `.svg`");
            return Err(Error::data("png", problem));
        }
        let (width, height) = (width.max(1.0) as i64, height.max(1.0) as i64);
        let size = (width * height * 3) as usize;
        let mut dots = Vec::new();
        dots.try_reserve_exact(size)
            .map_err(|_| Error::OutOfMemory { asked: size })?;
        dots.resize(size, 255);
        Ok(Canvas {
            width,
            height,
            dots,
        })
    }

    fn dot(&mut self, x: i64, y: i64, color: Color) {
        if (0..self.width).contains(&x) && (0..self.height).contains(&y) {
            let at = ((y * self.width + x) * 3) as usize;
            self.dots[at..at + 3].copy_from_slice(&color);
        }
    }

    fn fill(&mut self, x: std::ops::Range<i64>, y: std::ops::Range<i64>, color: Color) {
        for y in y {
            x.clone().for_each(|x| self.dot(x, y, color));
        }
    }

    fn frame(&mut self, (x, y): Point, width: f64, height: f64) {
        let (left, top) = (scaled(x), scaled(y));
        let (right, bottom) = (scaled(x + width), scaled(y + height));
        self.fill(left..right, top..bottom, BLACK);
        self.fill(left + 2..right - 2, top + 2..bottom - 2, [255; 3]);
    }

    /// A line of two dots' width.
    fn line(&mut self, a: Point, b: Point, color: Color) {
        let (dx, dy) = ((b.0 - a.0) * SCALE, (b.1 - a.1) * SCALE);
        let steps = dx.abs().max(dy.abs()).ceil().max(1.0);
        for step in 0..=steps as i64 {
            let t = step as f64 / steps;
            let (x, y) = (
                (a.0 * SCALE + dx * t).round() as i64,
                (a.1 * SCALE + dy * t).round() as i64,
            );
            self.fill(x - 1..x + 1, y - 1..y + 1, color);
        }
    }

    /// An area whose border is met at most twice from left to right.
    fn area(&mut self, points: &[Point], color: Color) {
        let top = points.iter().map(|p| scaled(p.1)).min().unwrap_or(0);
        let bottom = points.iter().map(|p| scaled(p.1)).max().unwrap_or(0);
        let next = points.iter().cycle().skip(1);
        let sides: Vec<(&Point, &Point)> = points.iter().zip(next).collect();
        for y in top..=bottom {
            let level = y as f64 / SCALE;
            let meets = sides.iter().filter_map(|(a, b)| {
                let t = (level - a.1) / (b.1 - a.1);
                (0.0..=1.0)
                    .contains(&t)
                    .then(|| scaled(a.0 + (b.0 - a.0) * t))
            });
            let (left, right) = meets.fold((i64::MAX, i64::MIN), |(l, r), x| (l.min(x), r.max(x)));
            self.fill(left..right.saturating_add(1), y..y + 1, color);
        }
    }

    fn text(&mut self, (x, y): Point, text: &str) {
        let (columns, rows) = font::SIZE;
        let advance = scaled(LETTER);
        let mut left = scaled(x) - text.chars().count() as i64 * advance / 2;
        // The lowest row is for tails alone.
        let top = scaled(y) - (rows as i64 - 1) * LETTER_SCALE / 2;
        for letter in text.chars() {
            for (column, row) in (0..columns).flat_map(|c| (0..rows).map(move |r| (c, r))) {
                if font::dot(letter, column, row) {
                    let (x, y) = (
                        left + column as i64 * LETTER_SCALE,
                        top + row as i64 * LETTER_SCALE,
                    );
                    self.fill(x..x + LETTER_SCALE, y..y + LETTER_SCALE, BLACK);
                }
            }
            left += advance;
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let failed = |e: std::io::Error| Error::io("png", e);
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.dots.chunks((self.width * 3) as usize) {
            // Each row as it is.
            packed
                .write_all(&[0])
                .and_then(|()| packed.write_all(row))
                .map_err(failed)?;
        }
        let packed = packed.finish().map_err(failed)?;
        let mut header = Vec::new();
        header.extend((self.width as u32).to_be_bytes());
        header.extend((self.height as u32).to_be_bytes());
        // Eight bits for each of red, green and blue.
        header.extend([8, 2, 0, 0, 0]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [
            (b"IHDR", &header),
            (b"IDAT", &packed),
            (b"IEND", &Vec::new()),
        ] {
            file.extend((data.len() as u32).to_be_bytes());
            let mut crc = Crc::new();
            crc.update(kind);
            crc.update(data);
            file.extend(kind);
            file.extend(data);
            file.extend(crc.sum().to_be_bytes());
        }
        Ok(file)
    }
}

fn scaled(v: f64) -> i64 {
    (v * SCALE).round() as i64
}
