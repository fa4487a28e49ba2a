//! The table of tf.keras 2, up to 2.8.

use keras_tensor::Result;

use super::{Facts, Summary, with_commas};

const COLUMNS: [f64; 3] = [0.45, 0.85, 1.0];

pub(super) fn text(facts: &Facts, how: &Summary) -> Result<String> {
    let width = how.line_length.unwrap_or(65);
    let ends = COLUMNS.map(|share| (width as f64 * share) as usize);
    let rule = |c: &str| format!("{}\n", c.repeat(width));
    let mut out = format!("Model: \"{}\"\n", facts.name);
    out += &rule("_");
    out += &row(["Layer (type)", "Output Shape", "Param #"], &ends);
    out += &rule("=");
    for (i, r) in facts.rows.iter().enumerate() {
        let output = match &r.output {
            Some(dims) if facts.stacked => dims.to_string(),
            Some(_) => "multiple".into(),
            None => "?".into(),
        };
        let name = format!("{} ({})", r.name, r.class_name);
        out += &row([&name, &output, &r.params.to_string()], &ends);
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
fn row(fields: [&str; 3], ends: &[usize; 3]) -> String {
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
