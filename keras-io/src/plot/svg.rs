//! SVG.

use super::scene::{Color, LETTER, Point, Scene, Shape};

/// The picture as a text.
pub(super) fn text(scene: &Scene) -> String {
    let (w, h) = (scene.width.ceil(), scene.height.ceil());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"monospace\" font-size=\"{}\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"white\"/>\n",
        // Letters of most such fonts are six tenths as wide as high.
        (LETTER / 0.6 * 10.0).floor() / 10.0
    );
    for shape in &scene.shapes {
        out += &match shape {
            Shape::Box((x, y), w, h) => format!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"white\" stroke=\"black\"/>\n"
            ),
            Shape::Line(points, color) => format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"/>\n",
                list(points),
                name(color)
            ),
            Shape::Area(points, color) => {
                format!(
                    "<polygon points=\"{}\" fill=\"{}\"/>\n",
                    list(points),
                    name(color)
                )
            }
            Shape::Text((x, y), text) => format!(
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" dominant-baseline=\"central\">{}</text>\n",
                escaped(text)
            ),
        };
    }
    out + "</svg>\n"
}

fn list(points: &[Point]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    points.join(" ")
}

fn name([r, g, b]: &Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
