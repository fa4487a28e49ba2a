//! Whole steps: the workloads of the comparison, ours alone.

use criterion::{Criterion, criterion_group, criterion_main};
use keras_benches::workloads::{Options, TABLE};
use std::time::{Duration, Instant};

/// Workloads, the words that set their size, and how many steps are taken at once: a call of `fit` first puts its samples
/// in order, which is a part of an epoch, not of a step.
const STEPS: [(&str, &str, usize); 10] = [
    ("w1", "", 375),
    ("tiny", "", 1),
    ("w2", "", 1),
    ("w3", "--batch 1", 1),
    ("w3", "--batch 8", 1),
    ("w4", "--batch 8", 1),
    ("w5", "--batch 1", 1),
    ("w5", "--batch 8", 1),
    ("w6", "", 1),
    ("w7", "", 1),
];

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    for (name, words, at_once) in STEPS {
        let workload = TABLE.iter().find(|(known, _)| *known == name).unwrap().1;
        let options = Options::parse(words.split_whitespace().map(String::from)).unwrap();
        // Made when it is first asked for, so that a filter spares the others.
        let mut round = None;
        group.bench_function(format!("{name} {words}").trim(), |run| {
            let round = round.get_or_insert_with(|| workload(&options).unwrap());
            run.iter_custom(|times| {
                let start = Instant::now();
                round(times as usize * at_once).unwrap();
                start.elapsed() / at_once as u32
            })
        });
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = steps
}
criterion_main!(all);
