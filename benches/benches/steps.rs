//! Whole steps: the workloads of the comparison, ours alone.

use criterion::{Criterion, criterion_group, criterion_main};
use keras_benches::workloads::{Options, TABLE};
use std::time::{Duration, Instant};

/// Workloads, with the words that set their size.
const STEPS: [(&str, &str); 10] = [
    ("w1", ""),
    ("tiny", ""),
    ("w2", ""),
    ("w3", "--batch 1"),
    ("w3", "--batch 8"),
    ("w4", "--batch 8"),
    ("w5", "--batch 1"),
    ("w5", "--batch 8"),
    ("w6", ""),
    ("w7", ""),
];

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    for (name, words) in STEPS {
        let workload = TABLE.iter().find(|(known, _)| *known == name).unwrap().1;
        let options = Options::parse(words.split_whitespace().map(String::from)).unwrap();
        // Made when it is first asked for, so that a filter spares the others.
        let mut round = None;
        group.bench_function(format!("{name} {words}").trim(), |run| {
            let round = round.get_or_insert_with(|| workload(&options).unwrap());
            run.iter_custom(|steps| {
                let start = Instant::now();
                round(steps as usize).unwrap();
                start.elapsed()
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
