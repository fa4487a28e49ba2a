use std::sync::Arc;
use std::time::Duration;

use super::{Profiler, within};
use crate::op::{CustomOp, Op, Outputs, Specs, infer};
use crate::{DType, Result, Tensor, apply_one, ops};

/// Sleeps, then computes an exponential through the door.
#[derive(Debug)]
struct Slow;

impl CustomOp for Slow {
    fn name(&self) -> &str {
        "slow"
    }
    fn infer(&self, inputs: &[&Tensor]) -> Result<Specs> {
        infer(&Op::Detach, inputs)
    }
    fn run(&self, inputs: &[&Tensor]) -> Result<Outputs> {
        std::thread::sleep(Duration::from_millis(2));
        Ok([ops::exp(inputs[0])?].into_iter().collect())
    }
    fn gradient(
        &self,
        _: &[Tensor],
        _: &[Tensor],
        _: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![None])
    }
}

#[test]
fn ops_belong_to_layers_and_are_counted_once() {
    let x = ops::ones([4, 8], DType::F32).unwrap();
    let profiler = Profiler::start();
    ops::add(&x, &x).unwrap();
    within("model", || {
        within("block", || apply_one(Op::Custom(Arc::new(Slow)), &[&x])).unwrap();
        ops::relu(&x).unwrap();
    });
    ops::relu(&x).unwrap();
    // Nothing is computed here.
    ops::relu(Tensor::meta([3], DType::F32)).unwrap();
    let profile = profiler.stop();
    let events: Vec<_> = profile
        .events()
        .iter()
        .map(|e| (&e.name[..], e.layer.as_deref()))
        .collect();
    let wanted = [
        ("add", None),
        ("exp", Some("model/block")),
        ("slow", Some("model/block")),
        ("relu", Some("model")),
        ("relu", None),
    ];
    assert_eq!(events, wanted);
    let [exp, slow] = [&profile.events()[1], &profile.events()[2]];
    assert!(slow.start <= exp.start && slow.time >= exp.time + Duration::from_millis(2));
    assert_eq!(slow.shape[..], [4, 8]);
    let by_op = profile.by_op();
    assert_eq!(by_op[0].0, "slow");
    assert_eq!(by_op[0].1.time, slow.time - exp.time);
    let relu = by_op.iter().find(|(name, _)| name == "relu").unwrap().1;
    assert_eq!((relu.calls, relu.cost.flops), (2, 64));
    assert_eq!(profile.total().calls, 5);
    assert!(profile.total().time <= profile.duration());
    assert_eq!(profile.by_layer()[0].0.as_deref(), Some("model/block"));
}

#[test]
fn who_stops_hears_nothing_more() {
    let profiler = Profiler::start();
    assert!(super::is_on());
    let profile = profiler.stop();
    assert!(!super::is_on());
    ops::ones([3], DType::F32).unwrap();
    assert!(profile.events().is_empty());
    drop(Profiler::start());
    assert!(!super::is_on());
}

#[test]
fn tables_and_traces() {
    let profiler = Profiler::start();
    let x = within("dense", || ops::ones([16, 16], DType::F32)).unwrap();
    ops::matmul(&x, &x).unwrap();
    let profile = profiler.stop();
    assert!(profile.peak() > 0.0);
    let table = profile.table();
    for wanted in [
        "matmul",
        "dense",
        "(outside of layers)",
        "total",
        "8.19 k",
        "of peak",
    ] {
        assert!(table.contains(wanted), "{wanted}: {table}");
    }
    let trace: serde_json::Value = serde_json::from_str(&profile.chrome_trace()).unwrap();
    let [fill, product] = [0, 1].map(|i| &trace["traceEvents"][i]);
    assert_eq!(
        (&fill["args"]["layer"], &fill["ph"]),
        (&"dense".into(), &"X".into())
    );
    assert_eq!(product["args"]["flops"], 2 * 16 * 16 * 16);
    assert_eq!(product["args"]["shape"], serde_json::json!([16, 16]));
    assert!(product["ts"].as_f64() >= fill["ts"].as_f64());
}
