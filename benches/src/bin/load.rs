//! How long a model file takes to load. usage: load FILE [TIMES]
//!
//! Prints a line of JSON for each time: seconds, the largest memory of the process so far in MB, and parameters.

use keras_benches::peak_mb;
use std::time::Instant;

fn main() -> keras::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: load FILE [TIMES]");
    let times: usize = arguments
        .next()
        .map_or(1, |n| n.parse().expect("TIMES is a number"));
    for _ in 0..times {
        let start = Instant::now();
        let model = keras::models::load_model(&path)?;
        let seconds = start.elapsed().as_secs_f64();
        let parameters = model.count_params();
        println!(
            "{{\"seconds\": {seconds:.4}, \"peak_mb\": {}, \"parameters\": {parameters}}}",
            peak_mb()
        );
    }
    Ok(())
}
