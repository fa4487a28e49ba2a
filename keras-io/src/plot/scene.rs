//! Pictures before they are put into a format.

/// Red, green, blue.
pub(super) type Color = [u8; 3];

pub(super) const BLACK: Color = [0, 0, 0];
pub(super) const GRAY: Color = [128, 128, 128];
pub(super) const PALE: Color = [225, 225, 225];
pub(super) const BLUE: Color = [31, 119, 180];
pub(super) const ORANGE: Color = [255, 127, 14];

/// Letters are as wide and high as these, with the space around them.
pub(super) const LETTER: f64 = 7.0;
pub(super) const LINE: f64 = 16.0;

/// A place, from the left and from above.
pub(super) type Point = (f64, f64);

/// Something to draw.
pub(super) enum Shape {
    /// A white box with a frame: its left upper corner, width and height.
    Box(Point, f64, f64),
    /// Lines through points.
    Line(Vec<Point>, Color),
    /// An area between points.
    Area(Vec<Point>, Color),
    /// A text whose middle is here.
    Text(Point, String),
}

/// A picture.
pub(super) struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    /// In the order in which they are drawn.
    pub(super) shapes: Vec<Shape>,
}

/// How wide a text is.
pub(super) fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}
