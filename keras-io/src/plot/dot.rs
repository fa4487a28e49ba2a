//! Graphviz.

use super::boxes::Boxes;

/// The graph; boxes are records of a line each.
pub(super) fn text(boxes: &Boxes) -> String {
    let mut out = String::from("digraph model {\n  node [shape=record, fontname=\"monospace\"];\n");
    for (i, one) in boxes.boxes.iter().enumerate() {
        let lines: Vec<String> = one.lines.iter().map(|line| escaped(line)).collect();
        out += &format!("  {i} [label=\"{{{}}}\"];\n", lines.join("|"));
    }
    for (from, to) in &boxes.edges {
        out += &format!("  {from} -> {to};\n");
    }
    out + "}\n"
}

/// A text as a field of a record.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if "\\\"{}|<>".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
