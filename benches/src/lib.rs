//! What the benchmarks of this workspace measure and compare with.

pub mod bare;
pub mod digits;
pub mod handoff;
mod product;
pub mod workloads;

/// What the system counts as the largest resident memory; 0 where it does not say.
pub fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}
