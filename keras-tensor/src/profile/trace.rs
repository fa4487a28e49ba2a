//! A profile as a file that `chrome://tracing` and Perfetto show.

use serde_json::{Value, json};

use super::Profile;

impl Profile {
    /// The ops one by one ([`Profile::events`]) in Chrome's trace format, as JSON: names, layers, shapes, times in
    /// microseconds, operations and bytes.
    pub fn chrome_trace(&self) -> String {
        let events = self.events().iter().map(|event| {
            let layer = event.layer.as_deref();
            json!({
                "name": event.name,
                "cat": "op",
                "ph": "X",
                "pid": 1,
                "tid": 1,
                "ts": event.start.as_nanos() as f64 / 1e3,
                "dur": event.time.as_nanos() as f64 / 1e3,
                "args": {
                    "layer": layer,
                    "shape": &event.shape[..],
                    "flops": event.cost.flops,
                    "bytes": event.cost.bytes,
                },
            })
        });
        let events: Vec<Value> = events.collect();
        json!({"traceEvents": events, "displayTimeUnit": "ms"}).to_string()
    }
}
