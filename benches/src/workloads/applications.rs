//! Networks of the zoo: W3, W4, W5, and loading one for W8.

use keras::applications::{MobileNetV2, ResNet50};
use keras::optimizers::{OptimizerExt, SGD};
use keras::prelude::*;

use super::{Options, Round, predicting, training};
use crate::digits::Random;

const CLASSES: usize = 1000;

/// W3: ResNet50 looks at images.
pub(super) fn resnet50(options: &Options) -> keras::Result<Round> {
    let network = ResNet50::new().weights(None).build()?;
    Ok(predicting(Box::new(network), images(options.batch)?))
}

/// W5: MobileNetV2 looks at images.
pub(super) fn mobilenet_v2(options: &Options) -> keras::Result<Round> {
    let network = MobileNetV2::new().weights(None).build()?;
    Ok(predicting(Box::new(network), images(options.batch)?))
}

/// W4: a training step of ResNet50.
pub(super) fn resnet50_training(options: &Options) -> keras::Result<Round> {
    let mut network = ResNet50::new().weights(None).build()?;
    let rule = SGD::new().learning_rate(0.01).momentum(0.9);
    network.compile(Compile::new(rule, "categorical_crossentropy"))?;
    let labels: Vec<i32> = (0..options.batch as i32).collect();
    let labels = ops::constant(&labels, [options.batch])?;
    let y = ops::one_hot(&labels, CLASSES, DType::F32)?;
    Ok(training(
        Box::new(network),
        vec![(images(options.batch)?, y)],
    ))
}

/// W8: reads a model, or the weights of ResNet50, from a file.
pub(super) fn load(options: &Options) -> keras::Result<Round> {
    let file = options.file.clone();
    let weights = file.extension().is_some_and(|e| e == "h5");
    let network = if weights {
        Some(ResNet50::new().weights(None).build()?)
    } else {
        None
    };
    Ok(Box::new(move |steps| {
        let mut parameters = 0;
        for _ in 0..steps {
            match &network {
                Some(network) => {
                    keras::models::load_weights(network, &file)?;
                    parameters = network.count_params();
                }
                None => parameters = keras::models::load_model(&file)?.count_params(),
            }
        }
        Ok(parameters as f64)
    }))
}

fn images(count: usize) -> keras::Result<Tensor> {
    Random(5).tensor(&[count, 224, 224, 3])
}
