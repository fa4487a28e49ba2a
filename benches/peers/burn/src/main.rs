//! W1 and W2 in burn, on its CPU backend. usage: burn-peer w1|w2 [--steps N] [--data FOLDER] [--serve]

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Device, Int, Tensor, TensorData};
use peer_protocol::{Batches, CLASSES, Options, PIXELS, SIZES};

const VERSIONS: &str = "burn 0.22 (flex)";

/// What gives logits `[batch, 10]` for images `[batch, 784]`.
trait Network: Module {
    fn logits(&self, x: Tensor<2>) -> Tensor<2>;
}

#[derive(Module, Debug)]
struct Dense {
    layers: Vec<Linear>,
}

impl Dense {
    fn new(device: &Device) -> Self {
        let pairs = SIZES.windows(2);
        let layers = pairs.map(|p| LinearConfig::new(p[0], p[1]).init(device));
        Dense {
            layers: layers.collect(),
        }
    }
}

impl Network for Dense {
    fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("layers");
        last.forward(hidden.iter().fold(x, |x, layer| relu(layer.forward(x))))
    }
}

#[derive(Module, Debug)]
struct Convolutional {
    first: Conv2d,
    second: Conv2d,
    pool: MaxPool2d,
    dropout: Dropout,
    dense: Linear,
}

impl Convolutional {
    fn new(device: &Device) -> Self {
        Convolutional {
            first: Conv2dConfig::new([1, 32], [3, 3]).init(device),
            second: Conv2dConfig::new([32, 64], [3, 3]).init(device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            dropout: DropoutConfig::new(0.5).init(),
            dense: LinearConfig::new(9216, CLASSES).init(device),
        }
    }
}

impl Network for Convolutional {
    fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        let [batch, _] = x.dims();
        let x = relu(self.first.forward(x.reshape([batch, 1, 28, 28])));
        let x = self.pool.forward(relu(self.second.forward(x)));
        self.dense
            .forward(self.dropout.forward(x.reshape([batch, 9216])))
    }
}

fn train(network: impl Network, options: &Options, samples: usize, batch: usize, device: &Device) {
    let mut batches = Batches::new(options.digits(samples), batch);
    let mut adam = AdamConfig::new().with_epsilon(1e-7).init();
    let mut network = Some(network);
    options.serve(VERSIONS, |steps| {
        let mut correct: Option<Tensor<1, Int>> = None;
        for _ in 0..steps {
            let (x, y) = batches.batch();
            let x = Tensor::<2>::from_data(TensorData::new(x, [batch, PIXELS]), device);
            let y = Tensor::<2>::from_data(TensorData::new(y, [batch, CLASSES]), device);
            let model = network.take().expect("the model of the last step");
            let logits = model.logits(x);
            let right = logits
                .clone()
                .argmax(1)
                .equal(y.clone().argmax(1))
                .int()
                .sum();
            correct = Some(match correct {
                Some(before) => before + right,
                None => right,
            });
            let loss = (log_softmax(logits, 1) * y)
                .sum()
                .neg()
                .div_scalar(batch as f32);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            network = Some(adam.step(1e-3, model, gradients));
        }
        let right = correct.map_or(0, |c| c.into_scalar::<i64>());
        right as f64 / (steps * batch) as f64
    });
}

fn main() {
    let options = Options::parse();
    let device = Device::default().autodiff();
    match options.workload.as_str() {
        "w1" => train(Dense::new(&device), &options, 60_000, 32, &device),
        "w2" => train(
            Convolutional::new(&device),
            &options,
            60 * 128,
            128,
            &device,
        ),
        other => panic!("{other}: no workload; known are w1 and w2"),
    }
}
