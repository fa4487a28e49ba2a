//! The framed table of Keras 3, laid out as the library `rich` does it for Keras.

use keras_tensor::{Error, Result};
use std::io::IsTerminal;

use super::{Facts, Row, Size, Summary, shapes, with_commas};

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
    Center,
}

struct Column {
    title: &'static str,
    align: Align,
    /// Where the column ends, as a share of the line.
    end: f64,
}

fn columns(is_chain: bool, how: &Summary) -> Vec<Column> {
    let ends: &[f64] = match is_chain {
        true => &[0.45, 0.80, 1.0],
        false => &[0.3, 0.56, 0.74, 1.0],
    };
    let all = [
        ("Layer (type)", Align::Left),
        ("Output Shape", Align::Left),
        ("Param #", Align::Right),
        ("Connected to", Align::Left),
    ];
    let columns = all.iter().zip(ends);
    let mut columns: Vec<Column> = columns
        .map(|(&(title, align), &end)| Column { title, align, end })
        .collect();
    if how.show_trainable {
        for c in &mut columns {
            c.end *= 0.90;
        }
        columns.push(Column {
            title: "Trainable",
            align: Align::Center,
            end: 1.0,
        });
    }
    columns
}

pub(super) fn text(facts: &Facts, how: &Summary) -> Result<String> {
    let columns = columns(facts.is_chain, how);
    let widest = if facts.is_chain { 88 } else { 108 };
    let widest = if how.show_trainable {
        widest + 12
    } else {
        widest
    };
    let line = how
        .line_length
        .unwrap_or_else(|| widest.min(terminal_width() - 4));
    let widths = widths(&columns, line)?;
    let mut out = format!("Model: \"{}\"\n", facts.name);
    out += &rule(&widths, ["┏", "━", "┳", "┓"]);
    let titles: Vec<String> = columns.iter().map(|c| c.title.to_string()).collect();
    out += &cells(&titles, &widths, &columns, "┃");
    out += &rule(&widths, ["┡", "━", "╇", "┩"]);
    for (i, row) in facts.rows.iter().enumerate() {
        if i > 0 {
            out += &rule(&widths, ["├", "─", "┼", "┤"]);
        }
        out += &cells(&fields(row, facts, how), &widths, &columns, "│");
    }
    out += &rule(&widths, ["└", "─", "┴", "┘"]);
    let mut count = |label: &str, size: Size| {
        out += &format!(
            " {label} params: {} ({})\n",
            with_commas(size.numbers),
            readable(size.bytes)
        );
    };
    let weights = facts.trainable.and(facts.frozen);
    count("Total", weights.and(facts.optimizer.unwrap_or_default()));
    count("Trainable", facts.trainable);
    count("Non-trainable", facts.frozen);
    if let Some(size) = facts.optimizer {
        count("Optimizer", size);
    }
    Ok(out)
}

fn fields(row: &Row, facts: &Facts, how: &Summary) -> Vec<String> {
    let params = if row.built {
        with_commas(row.params)
    } else {
        "0 (unbuilt)".into()
    };
    let indent = match row.depth {
        0 => String::new(),
        depth => format!("{}└ ", "   ".repeat(depth)),
    };
    let mut fields = vec![
        format!("{indent}{} ({})", row.name, row.class_name),
        shapes(&row.outputs),
        params,
    ];
    if !facts.is_chain {
        fields.push(match row.connected_to.is_empty() {
            true => "-".into(),
            false => row.connected_to.join(", "),
        });
    }
    if how.show_trainable {
        fields.push(
            match row.trainable {
                Some(true) => "Y",
                Some(false) => "N",
                None => "-",
            }
            .into(),
        );
    }
    fields
}

/// Widths of the columns' text. Each column wants its share of the line and two blanks; what is then too much is taken
/// off evenly.
fn widths(columns: &[Column], line: usize) -> Result<Vec<usize>> {
    let mut begin = 0;
    let mut widths = Vec::new();
    for c in columns {
        let end = (c.end * line as f64) as usize;
        if end < begin + 4 {
            return Err(Error::argument(
                "line_length",
                line,
                "a line that holds at least 4 letters a column",
            ));
        }
        widths.push(end - begin + 2);
        begin = end;
    }
    let frame = columns.len() + 1;
    let mut excess = (widths.iter().sum::<usize>() + frame).saturating_sub(line);
    for i in 0..widths.len() {
        let share = excess as f64 / (widths.len() - i) as f64;
        let taken = (share.round_ties_even() as usize).min(widths[i]);
        widths[i] -= taken;
        excess -= taken;
    }
    Ok(widths
        .into_iter()
        .map(|w| w.saturating_sub(2).max(1))
        .collect())
}

fn rule(widths: &[usize], [left, line, cross, right]: [&str; 4]) -> String {
    let columns: Vec<String> = widths.iter().map(|w| line.repeat(w + 2)).collect();
    format!("{left}{}{right}\n", columns.join(cross))
}

/// A row of cells, as many lines high as its highest cell.
fn cells(texts: &[String], widths: &[usize], columns: &[Column], bar: &str) -> String {
    let wrapped: Vec<Vec<String>> = texts.iter().zip(widths).map(|(t, w)| wrap(t, *w)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = String::new();
    for i in 0..height {
        for ((lines, &width), column) in wrapped.iter().zip(widths).zip(columns) {
            let text = lines.get(i).map_or("", String::as_str);
            let blanks = width - text.chars().count();
            let before = match column.align {
                Align::Left => 0,
                Align::Right => blanks,
                Align::Center => blanks / 2,
            };
            let (before, after) = (" ".repeat(before), " ".repeat(blanks - before));
            out += &format!("{bar} {before}{text}{after} ");
        }
        out += &format!("{bar}\n");
    }
    out
}

/// Words on as few lines as hold them; a word that is too long ends in an ellipsis.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for (i, word) in text.split(' ').enumerate() {
        let line = lines.last_mut().expect("there is always a line");
        if i == 0 {
            *line = word.to_string();
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            *line += " ";
            *line += word;
        } else {
            lines.push(word.to_string());
        }
    }
    for line in &mut lines {
        if line.chars().count() > width {
            *line = line.chars().take(width - 1).chain(['…']).collect();
        }
    }
    lines
}

/// `1.50 KB`
fn readable(bytes: usize) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if size < 1024.0 {
            return format!("{size:.2} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.2} TB")
}

/// The terminal's width where there is one and it tells (`COLUMNS`), else 80.
fn terminal_width() -> usize {
    if !std::io::stdout().is_terminal() {
        return 80;
    }
    std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .filter(|&c: &usize| c > 20)
        .unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_rich() {
        let plain = columns(true, &Summary::new());
        assert_eq!(widths(&plain, 76).unwrap(), [31, 22, 13]);
        assert_eq!(widths(&plain, 50).unwrap(), [19, 14, 7]);
        let trainable = columns(true, &Summary::new().show_trainable(true));
        assert_eq!(widths(&trainable, 76).unwrap(), [27, 21, 10, 5]);
        assert!(widths(&plain, 10).is_err());
    }

    #[test]
    fn long_words_end_in_an_ellipsis() {
        assert_eq!(
            wrap("a_very_long_layer_name_that_does_not_fit (Dense)", 31),
            ["a_very_long_layer_name_that_do…", "(Dense)"]
        );
    }
}
