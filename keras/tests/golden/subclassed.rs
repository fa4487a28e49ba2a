//! A model of classes of one's own: the golden one whose classes are Python code, written in Rust.

use keras::models::Model;
use keras::prelude::*;

use crate::support::{Tally, cases};

struct Block {
    first: LayerRef,
    items: [LayerRef; 2],
    units: usize,
    scale: Weight,
}

impl Block {
    fn new(units: usize) -> Self {
        Block {
            first: Dense::new(units).activation("relu").into(),
            items: [Dense::new(units).into(), LayerNormalization::new().into()],
            units,
            scale: Weight::default(),
        }
    }
}

impl Layer for Block {
    fn build(&self, input: &Dims, w: &mut Weights) -> keras::Result<()> {
        w.add(&self.scale, "scale", [self.units], "ones")?;
        w.layer(&self.first);
        self.items.iter().for_each(|layer| w.layer(layer));
        let hidden = self.first.output_dims(input)?;
        self.items.iter().try_for_each(|layer| layer.build(&hidden))
    }

    fn call(&self, x: &Tensor, cx: &Call) -> keras::Result<Tensor> {
        let mut x = self.first.call(x, cx)?;
        for layer in &self.items {
            x = layer.call(&x, cx)?;
        }
        ops::multiply(x, &self.scale)
    }
}

struct Net {
    blocks: [LayerRef; 2],
    head: LayerRef,
    extra: LayerRef,
}

impl Layer for Net {
    fn build(&self, _: &Dims, w: &mut Weights) -> keras::Result<()> {
        let all = self.blocks.iter().chain([&self.head, &self.extra]);
        all.for_each(|layer| w.layer(layer));
        Ok(())
    }

    fn call(&self, x: &Tensor, cx: &Call) -> keras::Result<Tensor> {
        let y = self.blocks[1].call(&self.blocks[0].call(x, cx)?, cx)?;
        ops::add(self.head.call(&y, cx)?, self.extra.call(&y, cx)?)
    }
}

#[test]
fn a_subclassed_model_is_keras_s() {
    keras::utils::clear_session();
    let mut all = cases("models").into_iter();
    let case = all.find(|c| c.info["subclassed"] == true).unwrap();
    let model = Model::from(Net {
        blocks: [Block::new(4).into(), Block::new(3).into()],
        head: Dense::new(2).into(),
        extra: Dense::new(2).name("kd"),
    });
    let x = case.array("x0");
    model.call(x, &Call::inference()).unwrap();
    let wanted = case.info["weights"].as_array().unwrap();
    let wanted: Vec<&str> = wanted.iter().map(|w| w[0].as_str().unwrap()).collect();
    let paths: Vec<String> = model.weights().iter().map(|w| w.path()).collect();
    assert_eq!(paths, wanted);
    model.set_weights(&case.arrays("w")).unwrap();
    let y = model.call(x, &Call::inference()).unwrap();
    let mut tally = Tally::default();
    tally.check(case.close("output", &y, case.array("y0")));
    tally.finish();
}
