//! Boxes in layers, one below the other: what feeds stands above what is fed.

use keras_tensor::{Error, Result};

use super::boxes::{Boxes, LayerBox};
use super::scene::{BLACK, LINE, Point, Scene, Shape, width_of};

const MARGIN: f64 = 12.0;
const PADDING: f64 = 10.0;
/// Between boxes of a row, and between rows.
const GAP: f64 = 24.0;
const RISE: f64 = 36.0;
/// What a line takes that passes between boxes.
const LANE: f64 = 8.0;
/// How often rows are sorted and shifted.
const SWEEPS: usize = 8;
/// Boxes, and places where lines pass, above which nobody could see anything.
const MOST: usize = 200_000;

/// Something in a row: a box, or a line that passes.
struct Item {
    layer: Option<usize>,
    width: f64,
    height: f64,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
    y: f64,
}

/// The picture of the boxes.
///
/// # Errors
/// More than can be drawn.
pub(super) fn scene(boxes: &Boxes) -> Result<Scene> {
    let (mut items, mut rows, lines) = rows(boxes)?;
    sort(&items, &mut rows);
    place(&mut items, &rows);
    let mut scene = Scene {
        width: 0.0,
        height: 0.0,
        shapes: Vec::new(),
    };
    for line in &lines {
        draw_line(line, &items, &mut scene.shapes);
    }
    for item in &items {
        if let Some(layer) = item.layer {
            draw_box(&boxes.boxes[layer], item, &mut scene.shapes);
        }
        scene.width = scene.width.max(item.x + item.width / 2.0 + MARGIN);
        scene.height = scene.height.max(item.y + item.height / 2.0 + MARGIN);
    }
    Ok(scene)
}

fn box_item(one: &LayerBox) -> Item {
    let width = one
        .lines
        .iter()
        .map(|line| width_of(line))
        .fold(0.0, f64::max);
    Item {
        layer: None,
        width: width + 2.0 * PADDING,
        height: one.lines.len() as f64 * LINE + PADDING,
        above: Vec::new(),
        below: Vec::new(),
        x: 0.0,
        y: 0.0,
    }
}

/// Items, the rows that they stand in, and for each edge the items that its line leads through.
type Rows = (Vec<Item>, Vec<Vec<usize>>, Vec<Vec<usize>>);

fn rows(boxes: &Boxes) -> Result<Rows> {
    let depth = boxes.depths();
    let edges = &boxes.edges;
    let mut rows = vec![Vec::new(); depth.iter().max().map_or(0, |d| d + 1)];
    let mut items: Vec<Item> = boxes.boxes.iter().map(box_item).collect();
    for (i, item) in items.iter_mut().enumerate() {
        item.layer = Some(i);
        rows[depth[i]].push(i);
    }
    let passing: usize = edges
        .iter()
        .map(|(from, to)| depth[*to] - depth[*from])
        .sum();
    if items.len() + passing > MOST {
        let problem = format!(
            "{} boxes and {} lines are more than can be drawn",
            items.len(),
            edges.len()
        );
        return Err(Error::data("plot_model", problem));
    }
    let mut lines = Vec::new();
    for (from, to) in edges {
        let mut line = vec![*from];
        for row in &mut rows[depth[*from] + 1..depth[*to]] {
            row.push(items.len());
            line.push(items.len());
            items.push(Item {
                layer: None,
                width: LANE,
                height: 0.0,
                above: Vec::new(),
                below: Vec::new(),
                x: 0.0,
                y: 0.0,
            });
        }
        line.push(*to);
        for pair in line.windows(2) {
            items[pair[0]].below.push(pair[1]);
            items[pair[1]].above.push(pair[0]);
        }
        lines.push(line);
    }
    Ok((items, rows, lines))
}

/// Sorts each row so that items stand near those that they are joined with, in turns from above and from below.
fn sort(items: &[Item], rows: &mut [Vec<usize>]) {
    let mut at = vec![0.0; items.len()];
    for row in rows.iter() {
        row.iter()
            .zip(0..)
            .for_each(|(item, i)| at[*item] = f64::from(i));
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for r in 0..rows.len() {
            let row = if down { r } else { rows.len() - 1 - r };
            let middle = |item: usize| {
                let near = if down {
                    &items[item].above
                } else {
                    &items[item].below
                };
                mean(near.iter().map(|i| at[*i])).unwrap_or(at[item])
            };
            let mut keyed: Vec<(f64, usize)> = rows[row].iter().map(|i| (middle(*i), *i)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[row] = keyed.into_iter().map(|(_, item)| item).collect();
            rows[row]
                .iter()
                .zip(0..)
                .for_each(|(item, i)| at[*item] = f64::from(i));
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// Gives each item its place.
fn place(items: &mut [Item], rows: &[Vec<usize>]) {
    let mut y = MARGIN;
    for row in rows {
        let height = row.iter().map(|i| items[*i].height).fold(0.0, f64::max);
        for i in row {
            let item = &mut items[*i];
            item.y = y + height / 2.0;
            // A line that passes goes straight down beside the boxes.
            item.height = item.layer.map_or(height, |_| item.height);
        }
        y += height + RISE;
        spread(items, row, |_| 0.0);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for r in 0..rows.len() {
            let row = if down {
                &rows[r]
            } else {
                &rows[rows.len() - 1 - r]
            };
            let wanted: Vec<f64> = row
                .iter()
                .map(|i| {
                    let near = if down {
                        &items[*i].above
                    } else {
                        &items[*i].below
                    };
                    mean(near.iter().map(|n| items[*n].x)).unwrap_or(items[*i].x)
                })
                .collect();
            spread(items, row, |place| wanted[place]);
        }
    }
    let left = items
        .iter()
        .map(|i| i.x - i.width / 2.0)
        .fold(f64::INFINITY, f64::min);
    items.iter_mut().for_each(|i| i.x += MARGIN - left);
}

/// Puts the items of a row as near as can be to where they want to be, in their order and without touching: the least
/// squares, found by pooling neighbours that are in each other's way.
fn spread(items: &mut [Item], row: &[usize], wanted: impl Fn(usize) -> f64) {
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(row.len());
    // The sum of what the pool wants, and how many are in it.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (place, item) in row.iter().enumerate() {
        if place > 0 {
            let before = &items[row[place - 1]];
            offset += (before.width + items[*item].width) / 2.0 + GAP;
        }
        offsets.push(offset);
        pools.push((wanted(place) - offset, 1));
        while let [.., (a, n), (b, m)] = pools[..]
            && a / n as f64 >= b / m as f64
        {
            pools.truncate(pools.len() - 2);
            pools.push((a + b, n + m));
        }
    }
    let mut at = row.iter().zip(offsets);
    for (sum, count) in pools {
        for (item, offset) in at.by_ref().take(count) {
            items[*item].x = sum / count as f64 + offset;
        }
    }
}

fn draw_box(one: &LayerBox, item: &Item, shapes: &mut Vec<Shape>) {
    let (left, top) = (item.x - item.width / 2.0, item.y - item.height / 2.0);
    shapes.push(Shape::Box((left, top), item.width, item.height));
    for (line, i) in one.lines.iter().zip(0..) {
        let y = top + PADDING / 2.0 + (f64::from(i) + 0.5) * LINE;
        shapes.push(Shape::Text((item.x, y), line.clone()));
    }
}

/// A line from box to box, upright where it leaves and arrives, with an arrow's head.
fn draw_line(line: &[usize], items: &[Item], shapes: &mut Vec<Shape>) {
    const STEPS: u32 = 12;
    const HEAD: f64 = 8.0;
    let mut points: Vec<Point> = Vec::new();
    for pair in line.windows(2) {
        let (a, b) = (&items[pair[0]], &items[pair[1]]);
        let head = if b.layer.is_some() { HEAD } else { 0.0 };
        let (from, to) = (a.y + a.height / 2.0, b.y - b.height / 2.0 - head);
        for step in 0..=STEPS {
            let t = f64::from(step) / f64::from(STEPS);
            let bend = t * t * (3.0 - 2.0 * t);
            points.push((a.x + (b.x - a.x) * bend, from + (to - from) * t));
        }
    }
    if let Some((x, y)) = points.last().copied() {
        shapes.push(Shape::Line(points, BLACK));
        let head = vec![(x - HEAD / 2.0, y), (x + HEAD / 2.0, y), (x, y + HEAD)];
        shapes.push(Shape::Area(head, BLACK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(count: usize, edges: &[(usize, usize)]) -> Boxes {
        let one = |i: usize| LayerBox {
            lines: vec!["x".repeat(3 + 7 * i % 11); 1 + i % 3],
        };
        Boxes {
            boxes: (0..count).map(one).collect(),
            edges: edges.to_vec(),
        }
    }

    /// The corners of the boxes of a picture.
    fn frames(scene: &Scene) -> Vec<(f64, f64, f64, f64)> {
        let frame = |shape: &Shape| match shape {
            Shape::Box((x, y), w, h) => Some((*x, *y, x + w, y + h)),
            _ => None,
        };
        scene.shapes.iter().filter_map(frame).collect()
    }

    #[test]
    fn boxes_stand_apart_and_inside_of_the_picture_and_lines_lead_down() {
        for (count, edges) in [
            (1, &[][..]),
            (4, &[(0, 1), (1, 2), (2, 3), (0, 3)]),
            (6, &[(0, 3), (1, 3), (2, 3), (3, 4), (3, 5), (0, 5)]),
            (7, &[(0, 6), (1, 6), (2, 6), (3, 6), (4, 6), (5, 6)]),
            // Boxes in an order in which they could not run.
            (4, &[(3, 2), (2, 1), (1, 0), (3, 0)]),
        ] {
            let scene = scene(&boxes(count, edges)).unwrap();
            let frames = frames(&scene);
            assert_eq!(frames.len(), count);
            for (i, a) in frames.iter().enumerate() {
                assert!(a.0 >= 0.0 && a.1 >= 0.0 && a.2 <= scene.width && a.3 <= scene.height);
                for b in &frames[..i] {
                    let apart = a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1;
                    assert!(apart, "{a:?} {b:?}");
                }
            }
            for (from, to) in edges {
                assert!(frames[*from].3 < frames[*to].1, "{from} above {to}");
            }
            for shape in &scene.shapes {
                if let Shape::Line(points, _) = shape {
                    assert!(points.windows(2).all(|p| p[0].1 <= p[1].1));
                    // No line leads through a box.
                    let inside = |(x, y): &Point, f: &(f64, f64, f64, f64)| {
                        *x > f.0 && *x < f.2 && *y > f.1 && *y < f.3
                    };
                    assert!(!points.iter().any(|p| frames.iter().any(|f| inside(p, f))));
                }
            }
        }
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        // Each box feeds all that come after it: as many places where lines pass as a cube.
        let edges: Vec<(usize, usize)> = (0..120)
            .flat_map(|a| (a + 1..120).map(move |b| (a, b)))
            .collect();
        assert!(scene(&boxes(120, &edges)).is_err());
    }
}
