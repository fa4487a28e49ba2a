//! Our side of the comparison, one workload per process; `benches/compare/run.py` calls it.
//!
//! ```text
//! workload NAME [--steps N] [--threads N] [--batch N] [--file PATH]     one round, one line of JSON
//! workload NAME ... --serve                                             one round for every line of the input,
//!                                                                       of so many steps as the line says
//! workload NAME ... --profile                                           and where the time of a second round goes
//! workload export FOLDER                                                writes MNIST: images.u8 and labels.u8
//! workload handoff                                                      nanoseconds until another thread answers
//! ```

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use keras::profile::{Profile, Profiler};
use keras_benches::digits::Digits;
use keras_benches::handoff::round_trip;
use keras_benches::peak_mb;
use keras_benches::workloads::{Options, TABLE, Workload};

type Problem = Box<dyn std::error::Error + Send + Sync>;

fn run(name: &str, words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let Some((_, workload)) = TABLE.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = TABLE.iter().map(|(known, _)| *known).collect();
        return Err(format!(
            "{name:?}: no workload; known are {}, export FOLDER, and handoff",
            known.join(", ")
        )
        .into());
    };
    let options = Options::parse(words)?;
    keras::config::threads::limited(options.threads, || serve(*workload, &options))
}

/// Does a round, or one for each line of the input.
fn serve(workload: Workload, options: &Options) -> Result<(), Problem> {
    let mut round = workload(options)?;
    let mut out = std::io::stdout();
    let mut report = |steps: usize| -> Result<(), Problem> {
        let start = Instant::now();
        let result = round(steps)?;
        let seconds = start.elapsed().as_secs_f64();
        let peak = peak_mb();
        writeln!(
            out,
            r#"{{"seconds":{seconds:.7},"steps":{steps},"peak_mb":{peak},"result":"{result:.5}"}}"#
        )?;
        Ok(out.flush()?)
    };
    if !options.serve {
        report(options.steps)?;
        if options.profile {
            let profiler = Profiler::start();
            round(options.steps)?;
            let profile = profiler.stop();
            println!("{}\n{}", profile.table(), in_order(&profile, options.steps));
        }
        return Ok(());
    }
    std::io::stdin().lock().lines().try_for_each(|line| {
        let line = line?;
        report(line.trim().parse().unwrap_or(options.steps))
    })
}

/// The ops of a step that compute something, one after the other, as a table in Markdown; times are medians of all steps.
fn in_order(profile: &Profile, steps: usize) -> String {
    let (events, peak) = (profile.events(), profile.peak());
    let count = events.len() / steps;
    let mut table =
        String::from("| op | result | ms | GFLOP/s | of peak |\n|---|---|---|---|---|\n");
    for (i, event) in events.iter().take(count).enumerate() {
        let every = events[i..].iter().step_by(count);
        let mut times: Vec<f64> = every.map(|e| e.time.as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let time = times[times.len() / 2];
        let speed = event.cost.flops as f64 / time;
        if event.cost.flops > 0 {
            table += &format!(
                "| {} | {} | {:.3} | {:.1} | {:.0} % |\n",
                event.name,
                event.shape,
                time * 1e3,
                speed / 1e9,
                speed / peak * 100.0
            );
        }
    }
    table
}

fn export(folder: &Path) -> Result<(), Problem> {
    let digits = Digits::load()?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("images.u8"), digits.images)?;
    Ok(std::fs::write(folder.join("labels.u8"), digits.labels)?)
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let result = match words.next().unwrap_or_default().as_str() {
        "export" => words
            .next()
            .ok_or("export wants a folder".into())
            .and_then(|folder| export(Path::new(&folder))),
        "handoff" => {
            println!("{}", round_trip().as_nanos());
            Ok(())
        }
        name => run(name, words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("workload: {e}");
            ExitCode::FAILURE
        }
    }
}
