//! A profile as text.

use std::fmt::Write;

use super::{Profile, Total};

/// Lines of a table at most; the others are summed in one.
const LINES: usize = 30;

impl Profile {
    /// Two tables, of ops and of layers: calls, time and its share, operations and bytes with how many a second, and the
    /// share of what the machine can compute ([`Profile::peak`], which is measured for that).
    pub fn table(&self) -> String {
        let by_op: Vec<_> = self.by_op();
        let by_layer = self.by_layer().into_iter().map(|(layer, total)| {
            let name = layer.map_or_else(|| "(outside of layers)".to_string(), |l| l.to_string());
            (name, total)
        });
        let mut text = String::new();
        self.write_table(&mut text, "op", by_op);
        text.push('\n');
        self.write_table(&mut text, "layer", by_layer.collect());
        let (all, peak) = (self.total(), self.peak());
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n{} ops took {} of {}; the machine's peak is {:.1} GFLOP/s.\n",
            all.calls,
            seconds(all.time.as_secs_f64()),
            seconds(self.duration().as_secs_f64()),
            peak / 1e9,
        );
        text
    }

    fn write_table(&self, text: &mut String, what: &str, mut lines: Vec<(String, Total)>) {
        if lines.len() > LINES {
            let mut rest = Total::default();
            let count = lines.len() - (LINES - 1);
            lines
                .drain(LINES - 1..)
                .for_each(|(_, total)| rest.add(&total));
            lines.push((format!("({count} others)"), rest));
        }
        let all = self.total();
        lines.push(("total".into(), all));
        let heads = [
            "calls", "time", "share", "FLOPs", "FLOP/s", "of peak", "bytes", "B/s",
        ];
        let mut rows = vec![
            [&[what][..], &heads]
                .concat()
                .iter()
                .map(|s| s.to_string())
                .collect(),
        ];
        for (name, total) in lines {
            rows.push(self.row(name, &total, all.time.as_secs_f64()));
        }
        let widths: Vec<usize> = (0..heads.len() + 1)
            .map(|i| {
                rows.iter()
                    .map(|row: &Vec<String>| row[i].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in rows {
            let mut line = format!("{:<1$}", row[0], widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                let _ = write!(line, "  {cell:>width$}");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }

    fn row(&self, name: String, total: &Total, all: f64) -> Vec<String> {
        let time = total.time.as_secs_f64();
        let a_second = |count: u64| if time > 0.0 { count as f64 / time } else { 0.0 };
        let percent = |part: f64, whole: f64| match whole > 0.0 {
            true => format!("{:.1} %", 100.0 * part / whole),
            false => "-".into(),
        };
        let (flops, bytes) = (total.cost.flops, total.cost.bytes);
        let computed = |text: String| if flops > 0 { text } else { "-".into() };
        vec![
            name,
            total.calls.to_string(),
            seconds(time),
            percent(time, all),
            computed(amount(flops as f64)),
            computed(amount(a_second(flops))),
            computed(percent(a_second(flops), self.peak())),
            amount(bytes as f64),
            amount(a_second(bytes)),
        ]
    }
}

/// A number with a letter for thousands.
fn amount(value: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.iter().find(|(unit, _)| value >= *unit) {
        Some((unit, letter)) => format!("{:.2} {letter}", value / unit),
        None => format!("{value:.0}"),
    }
}

fn seconds(value: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms")];
    match units.iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) => format!("{:.2} {name}", value / unit),
        None => format!("{:.1} us", value * 1e6),
    }
}
