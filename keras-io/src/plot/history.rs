//! Curves of a training.

use keras_models::callbacks::History;
use keras_tensor::{Error, Result};

use super::scene::{BLUE, Color, GRAY, LINE, ORANGE, PALE, Point, Scene, Shape, width_of};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 84.0;
const TOP: f64 = 34.0;
const BELOW: f64 = 46.0;
const MARKS: u32 = 4;

/// A panel for each number, with that of the validation beside it.
///
/// # Errors
/// No numbers.
pub(super) fn scene(history: &History) -> Result<Scene> {
    let trained = history.iter().filter(|(name, _)| !name.starts_with("val_"));
    let mut shapes = Vec::new();
    let mut top = 0.0;
    for (name, values) in trained {
        let validation = format!("val_{name}");
        let measured = history.get(&validation).unwrap_or_default();
        let curves = [
            (name, values, BLUE),
            (validation.as_str(), measured, ORANGE),
        ];
        panel(top, &history.epoch, &curves, &mut shapes);
        top += TOP + HEIGHT + BELOW;
    }
    if shapes.is_empty() {
        return Err(Error::data("plot_history", "the history holds no numbers"));
    }
    Ok(Scene {
        width: LEFT + WIDTH + 24.0,
        height: top,
        shapes,
    })
}

/// The range of some numbers, with a little space on both sides.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    match high - low {
        span if span > 0.0 && span.is_finite() => (low - span * 0.05, high + span * 0.05),
        _ if low.is_finite() => (
            low - low.abs().max(1e-3) * 0.5,
            low + low.abs().max(1e-3) * 0.5,
        ),
        _ => (0.0, 1.0),
    }
}

fn panel(top: f64, epochs: &[usize], curves: &[(&str, &[f64], Color)], shapes: &mut Vec<Shape>) {
    let (low, high) = range(
        curves
            .iter()
            .flat_map(|(_, values, _)| values.iter().copied()),
    );
    let first = epochs.first().map_or(1, |e| e + 1);
    let last = epochs.last().map_or(1, |e| e + 1);
    let across =
        |epoch: f64| LEFT + WIDTH * (epoch - first as f64) / ((last - first).max(1)) as f64;
    let up = |value: f64| top + TOP + HEIGHT * (1.0 - (value - low) / (high - low));
    let bottom = top + TOP + HEIGHT;
    for mark in 0..=MARKS {
        let value = low + (high - low) * f64::from(mark) / f64::from(MARKS);
        let text = short(value, high - low);
        shapes.push(Shape::Line(
            vec![(LEFT, up(value)), (LEFT + WIDTH, up(value))],
            PALE,
        ));
        shapes.push(Shape::Text(
            (LEFT - 8.0 - width_of(&text) / 2.0, up(value)),
            text,
        ));
    }
    let step = (last - first).div_ceil(10).max(1);
    for epoch in (first..=last).step_by(step) {
        shapes.push(Shape::Text(
            (across(epoch as f64), bottom + LINE),
            epoch.to_string(),
        ));
    }
    shapes.push(Shape::Text(
        (LEFT + WIDTH / 2.0, bottom + 2.0 * LINE),
        "epoch".into(),
    ));
    let frame = [(LEFT, top + TOP), (LEFT, bottom), (LEFT + WIDTH, bottom)];
    shapes.push(Shape::Line(frame.into(), GRAY));
    let mut legend = LEFT;
    for (name, values, color) in curves.iter().filter(|(_, values, _)| !values.is_empty()) {
        shapes.push(Shape::Line(
            vec![(legend, top + TOP / 2.0), (legend + 20.0, top + TOP / 2.0)],
            *color,
        ));
        shapes.push(Shape::Text(
            (legend + 28.0 + width_of(name) / 2.0, top + TOP / 2.0),
            name.to_string(),
        ));
        legend += width_of(name) + 52.0;
        curve(&points(epochs, values, across, up), *color, shapes);
    }
}

/// The places of the numbers. A validation that did not come every epoch came after every so many.
fn points(
    epochs: &[usize],
    values: &[f64],
    across: impl Fn(f64) -> f64,
    up: impl Fn(f64) -> f64,
) -> Vec<Point> {
    let each = (epochs.len() / values.len().max(1)).max(1);
    let place = |(i, value): (usize, &f64)| {
        let epoch = epochs.get((i + 1) * each - 1).map_or(i + 1, |e| e + 1);
        (across(epoch as f64), up(*value))
    };
    values.iter().enumerate().map(place).collect()
}

/// Lines between numbers that are finite, and a dot on each.
fn curve(points: &[Point], color: Color, shapes: &mut Vec<Shape>) {
    const DOT: f64 = 2.5;
    for run in points.split(|(_, y)| !y.is_finite()) {
        if run.len() > 1 {
            shapes.push(Shape::Line(run.to_vec(), color));
        }
        for (x, y) in run {
            let dot = vec![(x - DOT, *y), (*x, y - DOT), (x + DOT, *y), (*x, y + DOT)];
            shapes.push(Shape::Area(dot, color));
        }
    }
}

/// A number with as many places as the marks need.
fn short(value: f64, span: f64) -> String {
    match span.log10().floor() {
        order if (-6.0..6.0).contains(&order) => {
            let places = (1.0 - order).max(0.0) as usize;
            format!("{value:.places$}")
        }
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::BLACK;
    use super::*;

    #[test]
    fn numbers_find_their_places() {
        let found = points(&[0, 1, 2, 3], &[0.5, 0.25], |x| x, |y| y);
        assert_eq!(found, [(2.0, 0.5), (4.0, 0.25)]);
        assert_eq!(range([1.0, f64::NAN, 2.0].into_iter()), (0.95, 2.05));
        assert_eq!(range([2.0].into_iter()), (1.0, 3.0));
        assert_eq!(range([].into_iter()), (0.0, 1.0));
        assert_eq!(short(0.12345, 0.1), "0.12");
        let mut shapes = Vec::new();
        curve(
            &[(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 2.0)],
            BLACK,
            &mut shapes,
        );
        let lines = shapes.iter().filter(|s| matches!(s, Shape::Line(..)));
        assert_eq!((lines.count(), shapes.len()), (1, 4));
    }
}
