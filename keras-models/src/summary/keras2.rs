//! The table of tf.keras 2, up to 2.8.

use keras_tensor::Result;

use super::{Facts, Summary, shapes, with_commas};

const CHAIN: &[(&str, f64)] = &[
    ("Layer (type)", 0.45),
    ("Output Shape", 0.85),
    ("Param #", 1.0),
];
const CONNECTED: &[(&str, f64)] = &[
    ("Layer (type)", 0.33),
    ("Output Shape", 0.55),
    ("Param #", 0.67),
    ("Connected to", 1.0),
];

pub(super) fn text(facts: &Facts, how: &Summary) -> Result<String> {
    let (columns, usual) = match facts.is_chain {
        true => (CHAIN, 65),
        false => (CONNECTED, 98),
    };
    let width = how.line_length.unwrap_or(usual);
    let ends: Vec<usize> = columns
        .iter()
        .map(|(_, share)| (width as f64 * share) as usize)
        .collect();
    let rule = |c: &str| format!("{}\n", c.repeat(width));
    let mut out = format!("Model: \"{}\"\n", facts.name);
    out += &rule("_");
    let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    out += &row(&titles, &ends);
    out += &rule("=");
    for (i, r) in facts.rows.iter().enumerate() {
        let output = match &r.outputs[..] {
            [one] if r.class_name == "InputLayer" => format!("[{one}]"),
            [] => "?".into(),
            outputs if facts.has_graph => shapes(outputs),
            _ => "multiple".into(),
        };
        let name = format!("{} ({})", r.name, r.class_name);
        let first = r.connected_to.first().map_or("", String::as_str);
        let fields = [&name, &output, &r.params.to_string(), first];
        out += &row(&fields[..columns.len()], &ends);
        for next in r.connected_to.iter().skip(1) {
            out += &row(&["", "", "", next], &ends);
        }
        out += &rule(if i + 1 == facts.rows.len() { "=" } else { "_" });
    }
    let (trainable, frozen) = (facts.trainable.numbers, facts.frozen.numbers);
    out += &format!("Total params: {}\n", with_commas(trainable + frozen));
    out += &format!("Trainable params: {}\n", with_commas(trainable));
    out += &format!("Non-trainable params: {}\n", with_commas(frozen));
    out += &rule("_");
    Ok(out)
}

/// Fields at fixed columns, cut where the next one begins.
fn row(fields: &[&str], ends: &[usize]) -> String {
    let mut line = String::new();
    for (i, (field, &end)) in fields.iter().zip(ends).enumerate() {
        if i > 0 {
            line.pop();
            line.push(' ');
        }
        line += field;
        line = line.chars().take(end).collect();
        let missing = end.saturating_sub(line.chars().count());
        line += &" ".repeat(missing);
    }
    line + "\n"
}
