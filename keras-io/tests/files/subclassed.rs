//! A network of one's own: its fields and lists are found by their names.

use keras_io::{Load, load_model, save_model};
use keras_layers::layers::{Dense, LayerNormalization, register};
use keras_layers::{Call, Dims, Layer, LayerExt, LayerRef, Weight, Weights};
use keras_models::{Model, Predict};
use keras_tensor::{Result, Tensor, ops};
use serde::{Deserialize, Serialize};

use crate::support::{Folder, Vintage, cases, close, same};

struct Block {
    units: usize,
    scale: Weight,
    d1: LayerRef,
    items: Vec<LayerRef>,
}

impl Block {
    fn layer(units: usize) -> LayerRef {
        LayerRef::from(Block {
            units,
            scale: Weight::default(),
            d1: Dense::new(units).activation("relu").into(),
            items: vec![Dense::new(units).into(), LayerNormalization::new().into()],
        })
    }
}

impl Layer for Block {
    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        w.add(&self.scale, "scale", [self.units], "ones")?;
        w.layer_as("d1", &self.d1);
        for item in &self.items {
            w.layer_in("items", item);
        }
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let mut x = self.d1.call(x, cx)?;
        for item in &self.items {
            x = item.call(&x, cx)?;
        }
        ops::multiply(x, &self.scale)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Net {
    #[serde(skip)]
    blocks: [LayerRef; 2],
    #[serde(skip)]
    head: LayerRef,
    #[serde(skip)]
    extra: LayerRef,
}

impl Default for Net {
    fn default() -> Self {
        Net {
            blocks: [Block::layer(4), Block::layer(3)],
            head: Dense::new(2).into(),
            extra: Dense::new(2).name("kd"),
        }
    }
}

impl Layer for Net {
    fn build(&self, _: &Dims, w: &mut Weights) -> Result<()> {
        w.layer_as("b1", &self.blocks[0]);
        w.layer_as("b2", &self.blocks[1]);
        w.layer_as("head", &self.head);
        w.layer_in("extra", &self.extra);
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> Result<Tensor> {
        let y = self.blocks[1].call(&self.blocks[0].call(x, cx)?, cx)?;
        ops::add(self.head.call(&y, cx)?, self.extra.call(&y, cx)?)
    }
}

#[test]
fn a_network_of_ones_own_is_read_and_written() {
    let folder = Folder::new();
    let case = cases("models")
        .into_iter()
        .find(|c| c.name == "subclassed_weights_only")
        .unwrap();
    let (info, io) = (case.json("case.json"), case.arrays(Vintage::Keras3));
    let x = &io.list("x")[0];
    let check = |mut model: Model| {
        same("weights", &model.get_weights().unwrap(), &io.list("w")).unwrap();
        let y = model.predict(x, Predict::new().verbose(0)).unwrap();
        close("prediction", &y, &io.list("y")[0], &info).unwrap();
    };
    let model = Model::from(Net::default());
    model.build([None, Some(5)]).unwrap();
    let weights = case.file("sub.weights.h5", &folder).unwrap();
    assert!(Load::new().weights(&model, weights).unwrap().is_empty());

    // Not known yet, so that there is no config.
    let ours = folder.path("ours.keras");
    let problem = save_model(&model, &ours).unwrap_err().to_string();
    assert!(problem.contains("register it"), "{problem}");
    register::<Net>("tests>Net");
    save_model(&model, &ours).unwrap();
    check(model);
    check(load_model(&ours).unwrap());
    // Keras wrote the class without a package.
    register::<Net>("Net");
    check(load_model(case.file("model.keras", &folder).unwrap()).unwrap());
}
