use keras_tensor::Result;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::{Callback, Params};
use crate::logs::shown;
use crate::{Logs, Model};

const WIDTH: usize = 20;
/// The shortest time between two drawings.
const INTERVAL: Duration = Duration::from_millis(50);

/// The progress bar of Keras 3.
///
/// On a terminal it is drawn over itself; elsewhere only its last state is printed, without colours.
pub struct Progbar {
    target: Option<usize>,
    verbose: u8,
    terminal: bool,
    stderr: bool,
    start: Instant,
    after_first_step: Option<Instant>,
    last_drawn: Option<Instant>,
    drawn_width: usize,
}

impl Progbar {
    /// A bar for so many steps, where that is known; `verbose` is 0 for nothing, 1 for the bar, 2 for one line at the end.
    pub fn new(target: Option<usize>, verbose: u8) -> Self {
        Progbar {
            target,
            verbose,
            terminal: std::io::stdout().is_terminal(),
            stderr: false,
            start: Instant::now(),
            after_first_step: None,
            last_drawn: None,
            drawn_width: 0,
        }
    }

    /// Draws to the standard error stream, where results of a program are not.
    pub fn to_stderr(mut self) -> Self {
        self.terminal = std::io::stderr().is_terminal();
        self.stderr = true;
        self
    }

    /// Shows that `current` steps are done; `last` makes it the last drawing.
    pub fn update(&mut self, current: usize, logs: &Logs, last: bool) {
        let now = Instant::now();
        let step = self.step_duration(current, now);
        let due = self.verbose == 1
            && self.terminal
            && self.last_drawn.is_none_or(|t| now - t >= INTERVAL);
        if self.verbose == 0 || !(last || due) {
            return;
        }
        self.last_drawn = Some(now);
        let elapsed = now - self.start;
        let text = match (self.verbose, self.terminal) {
            (2, _) => self.line(current, logs, elapsed, step),
            (_, false) => plain(&self.bar(current, logs, elapsed, step, last)),
            (_, true) => self.redrawn(self.bar(current, logs, elapsed, step, last)),
        };
        let mut out = stream(self.stderr);
        let end = if last { "\n" } else { "" };
        // A closed output is no reason to stop training.
        let _ = write!(out, "{text}{end}").and_then(|()| out.flush());
    }

    /// The bar with what takes the cursor back, and blanks over what was longer before.
    fn redrawn(&mut self, bar: String) -> String {
        let width = plain(&bar).chars().count();
        let back = "\u{8}".repeat(self.drawn_width);
        let blanks = " ".repeat(self.drawn_width.saturating_sub(width));
        self.drawn_width = width;
        format!("{back}\r{bar}{blanks}")
    }

    fn bar(&self, current: usize, logs: &Logs, elapsed: Duration, step: f64, last: bool) -> String {
        let bold = |s: &str| format!("\x1b[1m{s}\x1b[0m");
        let mut text = match self.target {
            Some(target) if target > 0 => {
                let digits = target.to_string().len();
                let done = (WIDTH * current.min(target)) / target;
                let mut bar = bold(&format!("{current:digits$}/{target}")) + " ";
                if done > 0 {
                    bar += &format!("\x1b[32m{}\x1b[0m", "━".repeat(done));
                }
                bar + &format!("\x1b[37m{}\x1b[0m", "━".repeat(WIDTH - done))
            }
            _ => format!("{current:7}/Unknown"),
        };
        let time = match self.target {
            Some(target) if !last => eta(step * target.saturating_sub(current) as f64),
            _ => format!("{:.0}s", elapsed.as_secs_f64()),
        };
        text += &format!(" {}{}", bold(&time), per_step(step));
        text + &numbers(logs)
    }

    fn line(&self, current: usize, logs: &Logs, elapsed: Duration, step: f64) -> String {
        let target = self.target.unwrap_or(current);
        let digits = target.to_string().len();
        let seconds = elapsed.as_secs_f64();
        let (step, logs) = (per_step(step), numbers(logs));
        format!("{current:digits$}/{target} - {seconds:.0}s -{step}{logs}")
    }

    /// Seconds a step takes; the first one, which warms up, does not count where there are more.
    fn step_duration(&mut self, current: usize, now: Instant) -> f64 {
        if current == 0 {
            return 0.0;
        }
        let seconds = match self.after_first_step {
            Some(first) if current > 1 => (now - first).as_secs_f64() / (current - 1) as f64,
            _ => (now - self.start).as_secs_f64() / current as f64,
        };
        if current == 1 {
            self.after_first_step = Some(now);
        }
        seconds
    }
}

fn stream(stderr: bool) -> Box<dyn Write> {
    match stderr {
        true => Box::new(std::io::stderr().lock()),
        false => Box::new(std::io::stdout().lock()),
    }
}

fn numbers(logs: &Logs) -> String {
    // Those of training come before those of validation, which come last.
    let validates = |name: &str| name.starts_with("val_");
    let train = logs.iter().filter(|(name, _)| !validates(name));
    let validation = logs.iter().filter(|(name, _)| validates(name));
    train
        .chain(validation)
        .map(|(n, v)| format!(" - {n}: {}", shown(v)))
        .collect()
}

fn per_step(seconds: f64) -> String {
    if seconds >= 1.0 || seconds == 0.0 {
        format!(" {seconds:.0}s/step")
    } else if seconds >= 1e-3 {
        format!(" {:.0}ms/step", seconds * 1e3)
    } else {
        format!(" {:.0}us/step", seconds * 1e6)
    }
}

fn eta(seconds: f64) -> String {
    let s = seconds as u64;
    if s > 3600 {
        format!("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60)
    } else if s > 60 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{s}s")
    }
}

/// The text without colours.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (false, c) => out.push(c),
            (true, 'm') => escape = false,
            (true, _) => {}
        }
    }
    out
}

/// Shows training, evaluation and prediction as progress bars; `fit`, `evaluate` and `predict` add it themselves.
#[derive(Default)]
pub struct ProgbarLogger {
    params: Params,
    bar: Option<Progbar>,
    seen: usize,
    in_fit: bool,
    verbose: Option<u8>,
    stderr: bool,
}

impl ProgbarLogger {
    /// A logger that is told by `fit` how much to print.
    pub fn new() -> Self {
        ProgbarLogger::default()
    }

    /// Shows so much whatever `fit` is told: 0 nothing, 1 a bar, 2 a line an epoch.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = Some(verbose);
        self
    }

    /// Draws to the standard error stream, where results of a program are not.
    pub fn to_stderr(mut self) -> Self {
        self.stderr = true;
        self
    }

    fn begin(&mut self) {
        let bar = Progbar::new(self.params.steps, self.params.verbose);
        self.bar = Some(if self.stderr { bar.to_stderr() } else { bar });
        self.seen = 0;
    }

    fn step(&mut self, batch: usize, logs: &Logs) {
        self.seen = batch + 1;
        if let Some(bar) = &mut self.bar {
            bar.update(self.seen, logs, false);
        }
    }

    fn finish(&mut self, logs: &Logs) {
        if let Some(bar) = &mut self.bar {
            // An epoch of unknown length has the length that it had.
            self.params.steps.get_or_insert(self.seen);
            bar.target = self.params.steps;
            bar.update(self.seen, logs, true);
        }
    }
}

impl Callback for ProgbarLogger {
    fn set_params(&mut self, params: &Params) {
        self.params = params.clone();
        self.params.verbose = self.verbose.unwrap_or(params.verbose);
    }

    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.in_fit = true;
        Ok(())
    }

    fn on_epoch_begin(&mut self, epoch: usize, _: &mut Model, _: &Logs) -> Result<()> {
        self.begin();
        if self.params.verbose > 0 && self.params.epochs > 1 {
            let line = format!("Epoch {}/{}", epoch + 1, self.params.epochs);
            let _ = writeln!(stream(self.stderr), "{line}");
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, batch: usize, _: &mut Model, logs: &Logs) -> Result<()> {
        self.step(batch, logs);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: usize, _: &mut Model, logs: &mut Logs) -> Result<()> {
        self.finish(logs);
        Ok(())
    }

    fn on_test_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        if !self.in_fit {
            self.begin();
        }
        Ok(())
    }

    fn on_test_batch_end(&mut self, batch: usize, _: &mut Model, logs: &Logs) -> Result<()> {
        if !self.in_fit {
            self.step(batch, logs);
        }
        Ok(())
    }

    fn on_test_end(&mut self, _: &mut Model, logs: &Logs) -> Result<()> {
        if !self.in_fit {
            self.finish(logs);
        }
        Ok(())
    }

    fn on_predict_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.begin();
        Ok(())
    }

    fn on_predict_batch_end(&mut self, batch: usize, _: &mut Model, _: &Logs) -> Result<()> {
        self.step(batch, &Logs::new());
        Ok(())
    }

    fn on_predict_end(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.finish(&Logs::new());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs() -> Logs {
        let mut logs = Logs::new();
        logs.set("accuracy", 0.1056);
        logs.set("loss", 2.92662);
        logs
    }

    fn bar(target: Option<usize>) -> Progbar {
        Progbar::new(target, 1)
    }

    #[test]
    fn the_bar_is_keras_s_letter_for_letter() {
        let text = bar(Some(2)).bar(1, &logs(), Duration::from_secs(3), 0.0123, false);
        assert_eq!(
            text,
            "\x1b[1m1/2\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━\x1b[0m \x1b[1m0s\x1b[0m 12ms/step - accuracy: 0.1056 - loss: 2.9266"
        );
        let text = bar(Some(2)).bar(2, &logs(), Duration::from_secs(3), 0.0123, true);
        assert!(
            text.contains("━\x1b[0m\x1b[37m\x1b[0m \x1b[1m3s\x1b[0m 12ms/step"),
            "{text}"
        );
        assert_eq!(
            plain(&text),
            "2/2 ━━━━━━━━━━━━━━━━━━━━ 3s 12ms/step - accuracy: 0.1056 - loss: 2.9266"
        );
    }

    #[test]
    fn the_line_of_verbose_2() {
        let line = bar(Some(10)).line(3, &logs(), Duration::from_millis(700), 0.183);
        assert_eq!(
            line,
            " 3/10 - 1s - 183ms/step - accuracy: 0.1056 - loss: 2.9266"
        );
    }

    #[test]
    fn times_of_all_sizes() {
        assert_eq!(eta(59.9), "59s");
        assert_eq!(eta(61.0), "1:01");
        assert_eq!(eta(3725.0), "1:02:05");
        assert_eq!(per_step(2.4), " 2s/step");
        assert_eq!(per_step(0.000_25), " 250us/step");
    }

    #[test]
    fn an_unknown_length_is_said_to_be_unknown() {
        let text = bar(None).bar(7, &Logs::new(), Duration::from_secs(1), 0.5, false);
        assert!(text.starts_with("      7/Unknown"), "{text}");
    }
}
