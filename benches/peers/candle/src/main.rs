//! W1, W2 and W3 in candle. usage: candle-peer w1|w2|w3 [--steps N] [--batch N] [--data FOLDER] [--serve]

mod resnet;

use candle_core::{D, DType, Device, Module, Result, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, VarMap, conv2d, linear, ops};
use peer_protocol::{Batches, CLASSES, Options, PIXELS, SIZES};

const VERSIONS: &str = "candle 0.11";

/// From images `[batch, 784]` to logits `[batch, 10]`.
type Network = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

fn dense(weights: VarBuilder) -> Result<Network> {
    let layer = |(i, pair): (usize, &[usize])| linear(pair[0], pair[1], weights.pp(i));
    let layers = SIZES
        .windows(2)
        .enumerate()
        .map(layer)
        .collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move |x| {
        let (last, hidden) = layers.split_last().expect("layers");
        last.forward(
            &hidden
                .iter()
                .try_fold(x.clone(), |x, layer| layer.forward(&x)?.relu())?,
        )
    }))
}

fn convolutional(weights: VarBuilder) -> Result<Network> {
    let first = conv2d(1, 32, 3, Default::default(), weights.pp("first"))?;
    let second = conv2d(32, 64, 3, Default::default(), weights.pp("second"))?;
    let last = linear(9216, CLASSES, weights.pp("last"))?;
    Ok(Box::new(move |x| {
        let x = first.forward(&x.reshape(((), 1, 28, 28))?)?.relu()?;
        let x = second.forward(&x)?.relu()?.max_pool2d(2)?;
        last.forward(&ops::dropout(&x.flatten_from(1)?, 0.5)?)
    }))
}

fn train(
    options: &Options,
    build: impl Fn(VarBuilder) -> Result<Network>,
    samples: usize,
    batch: usize,
) -> Result<()> {
    let (device, variables) = (Device::Cpu, VarMap::new());
    let network = build(VarBuilder::from_varmap(&variables, DType::F32, &device))?;
    let settings = ParamsAdamW {
        lr: 1e-3,
        eps: 1e-7,
        weight_decay: 0.0,
        ..Default::default()
    };
    let mut adam = AdamW::new(variables.all_vars(), settings)?;
    let mut batches = Batches::new(options.digits(samples), batch);
    let mut round = |steps: usize| -> Result<f64> {
        let mut correct = Tensor::zeros((), DType::F32, &device)?;
        for _ in 0..steps {
            let (x, y) = batches.batch();
            let x = Tensor::from_vec(x, (batch, PIXELS), &device)?;
            let y = Tensor::from_vec(y, (batch, CLASSES), &device)?;
            let logits = network(&x)?;
            let right = logits.argmax(D::Minus1)?.eq(&y.argmax(D::Minus1)?)?;
            correct = (correct + right.to_dtype(DType::F32)?.sum_all()?)?;
            let loss = (ops::log_softmax(&logits, D::Minus1)? * y)?.sum_all()?;
            adam.backward_step(&(loss * (-1.0 / batch as f64))?)?;
        }
        Ok(f64::from(correct.to_scalar::<f32>()?) / (steps * batch) as f64)
    };
    options.serve(VERSIONS, |steps| round(steps).expect("a step"));
    Ok(())
}

fn predict(options: &Options) -> Result<()> {
    let (device, variables) = (Device::Cpu, VarMap::new());
    let network = resnet::ResNet50::new(VarBuilder::from_varmap(&variables, DType::F32, &device))?;
    let x = Tensor::rand(0f32, 1.0, (options.batch, 3, 224, 224), &device)?;
    let round = |steps: usize| -> Result<f64> {
        let mut value = 0.0;
        for _ in 0..steps {
            value = network
                .forward(&x)?
                .flatten_all()?
                .get(0)?
                .to_scalar::<f32>()?;
        }
        Ok(f64::from(value))
    };
    options.serve(VERSIONS, |steps| round(steps).expect("a prediction"));
    Ok(())
}

fn main() -> Result<()> {
    let options = Options::parse();
    match options.workload.as_str() {
        "w1" => train(&options, dense, 60_000, 32),
        "w2" => train(&options, convolutional, 60 * 128, 128),
        "w3" => predict(&options),
        other => panic!("{other}: no workload; known are w1, w2 and w3"),
    }
}
