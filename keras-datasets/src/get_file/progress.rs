//! How far a download has come, on a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// A line that is written over until the end.
pub(super) struct Progress<'a> {
    name: &'a str,
    total: Option<u64>,
    reached: u64,
    shown: Option<Instant>,
    is_on: bool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(name: &'a str, reached: u64, total: Option<u64>, is_wanted: bool) -> Self {
        let is_on = is_wanted && stderr().is_terminal();
        Progress {
            name,
            total,
            reached,
            shown: None,
            is_on,
        }
    }

    /// So many bytes are there.
    pub(super) fn reached(&mut self, bytes: u64) {
        self.reached = bytes;
        let is_due = |shown: Instant| shown.elapsed() > Duration::from_millis(100);
        if self.is_on && self.shown.is_none_or(is_due) {
            self.shown = Some(Instant::now());
            let _ = write!(stderr(), "\r{}", self.text());
        }
    }

    fn text(&self) -> String {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        match self.total {
            Some(total) if total > 0 => {
                let done = (20 * self.reached / total).min(20) as usize;
                let bar = format!("{}{}", "━".repeat(done), "─".repeat(20 - done));
                format!(
                    "{} {bar} {:.1}/{:.1} MB",
                    self.name,
                    mb(self.reached),
                    mb(total)
                )
            }
            _ => format!("{} {:.1} MB", self.name, mb(self.reached)),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = writeln!(stderr(), "\r{}", self.text());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_much_is_there() {
        let at = |reached, total| Progress::new("a.h5", reached, total, false).text();
        assert_eq!(
            at(0, Some(2_000_000)),
            "a.h5 ──────────────────── 0.0/2.0 MB"
        );
        assert_eq!(
            at(1_000_000, Some(2_000_000)),
            "a.h5 ━━━━━━━━━━────────── 1.0/2.0 MB"
        );
        assert_eq!(at(1_500_000, None), "a.h5 1.5 MB");
    }
}
