//! The two cells that the search found.

use keras_layers::layers::{
    Activation, Add, AveragePooling2D, BatchNormalization, Concatenate, Conv2D, Cropping2D,
    MaxPooling2D, SeparableConv2D, ZeroPadding2D,
};
use keras_layers::{Arguments, Layer, LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::blocks::{Auto, Name, correct_pad, named};

/// Where layers stand: it is part of the paths of their weights.
pub(super) struct Scope {
    path: String,
    /// The end of the layers' names.
    id: String,
    filters: usize,
}

impl Scope {
    pub(super) fn reduction(id: &str, filters: usize) -> Self {
        let path = format!("reduction_A_block_{id}");
        Scope {
            path,
            id: id.to_string(),
            filters,
        }
    }

    pub(super) fn normal(i: usize, filters: usize) -> Self {
        let path = format!("normal_A_block_{i}");
        Scope {
            path,
            id: i.to_string(),
            filters,
        }
    }

    fn inner(&self, name: &str) -> Self {
        let path = format!("{}/{name}", self.path);
        Scope {
            path,
            id: self.id.clone(),
            filters: self.filters,
        }
    }

    fn on(
        &self,
        layer: impl Layer,
        name: impl Into<Name>,
        inputs: impl Into<Arguments<Symbolic>>,
    ) -> Result<Symbolic> {
        let layer = named(layer, name);
        let y = layer.on(inputs)?;
        for weight in layer.weights() {
            weight.set_path(format!("{}/{}", self.path, weight.path()));
        }
        Ok(y)
    }

    fn named(&self, part: &str) -> String {
        format!("{part}_{}", self.id)
    }

    fn activated(&self, x: &Symbolic) -> Result<Symbolic> {
        self.on(Activation::new("relu"), Auto, x)
    }

    fn normalized(&self, x: &Symbolic, name: &str) -> Result<Symbolic> {
        self.on(BatchNormalization::new().momentum(0.9997), name, x)
    }

    /// A convolution of one pixel.
    fn projected(&self, x: &Symbolic, filters: usize, name: &str) -> Result<Symbolic> {
        let conv = Conv2D::new(filters, 1).padding("same").use_bias(false);
        self.on(conv.kernel_initializer("he_normal"), self.named(name), x)
    }

    fn added(&self, x: &Symbolic, y: &Symbolic, name: &str) -> Result<Symbolic> {
        self.on(Add::new(), self.named(name), [x, y])
    }

    fn joined(&self, all: &[&Symbolic], name: &str) -> Result<Symbolic> {
        let all: Vec<Symbolic> = all.iter().map(|&x| x.clone()).collect();
        self.on(Concatenate::new(), self.named(name), all)
    }

    fn averaged(&self, x: &Symbolic, stride: usize, name: &str) -> Result<Symbolic> {
        let padding = if stride == 1 { "same" } else { "valid" };
        let pool = AveragePooling2D::new(3).strides(stride).padding(padding);
        self.on(pool, self.named(name), x)
    }

    /// Two separable convolutions, the first of which may leave half of the rows and columns.
    fn separable(
        &self,
        x: &Symbolic,
        kernel: usize,
        stride: usize,
        name: &str,
    ) -> Result<Symbolic> {
        let id = self.named(name);
        let scope = self.inner(&format!("separable_conv_block_{id}"));
        let mut x = scope.activated(x)?;
        let mut padding = "same";
        if stride == 2 {
            let pad = ZeroPadding2D::new(correct_pad(&x, kernel));
            x = scope.on(pad, format!("separable_conv_1_pad_{id}"), &x)?;
            padding = "valid";
        }
        let conv = || SeparableConv2D::new(self.filters, kernel).use_bias(false);
        let first = conv().strides(stride).padding(padding);
        let x = scope.on(first, format!("separable_conv_1_{id}"), &x)?;
        let x = scope.normalized(&x, &format!("separable_conv_1_bn_{id}"))?;
        let x = scope.activated(&x)?;
        let second = conv().padding("same");
        let x = scope.on(second, format!("separable_conv_2_{id}"), &x)?;
        scope.normalized(&x, &format!("separable_conv_2_bn_{id}"))
    }

    /// What came before `x`, brought to its rows, columns and the cell's filters.
    fn adjusted(&self, before: Option<&Symbolic>, x: &Symbolic) -> Result<Symbolic> {
        let Some(before) = before else {
            return Ok(x.clone());
        };
        let scope = self.inner("adjust_block");
        if before.dims()[2] != x.dims()[2] {
            return scope
                .inner(&format!("adjust_reduction_block_{}", self.id))
                .halved(before);
        }
        if before.dims().last()? == self.filters {
            return Ok(before.clone());
        }
        let scope = scope.inner(&format!("adjust_projection_block_{}", self.id));
        let y = scope.activated(before)?;
        let y = scope.projected(&y, self.filters, "adjust_conv_projection")?;
        scope.normalized(&y, &self.named("adjust_bn"))
    }

    /// Every second pixel, and those between them, each with half of the filters.
    fn halved(&self, x: &Symbolic) -> Result<Symbolic> {
        let x = self.on(Activation::new("relu"), self.named("adjust_relu_1"), x)?;
        let pool = || AveragePooling2D::new(1).strides(2);
        let even = self.on(pool(), self.named("adjust_avg_pool_1"), &x)?;
        let even = self.projected(&even, self.filters / 2, "adjust_conv_1")?;
        let odd = self.on(ZeroPadding2D::new([(0, 1), (0, 1)]), Auto, &x)?;
        let odd = self.on(Cropping2D::new([(1, 0), (1, 0)]), Auto, &odd)?;
        let odd = self.on(pool(), self.named("adjust_avg_pool_2"), &odd)?;
        let odd = self.projected(&odd, self.filters / 2, "adjust_conv_2")?;
        let both = LayerRef::from(Concatenate::new()).on([&even, &odd])?;
        self.normalized(&both, &self.named("adjust_bn"))
    }
}

/// A cell that leaves rows and columns as they are.
pub(super) fn normal(x: &Symbolic, before: &Symbolic, s: &Scope) -> Result<Symbolic> {
    let p = s.adjusted(Some(before), x)?;
    let h = s.activated(x)?;
    let h = s.projected(&h, s.filters, "normal_conv_1")?;
    let h = s.normalized(&h, &s.named("normal_bn_1"))?;

    let block = s.inner("block_1");
    let left = block.separable(&h, 5, 1, "normal_left1")?;
    let right = block.separable(&p, 3, 1, "normal_right1")?;
    let x1 = s.added(&left, &right, "normal_add_1")?;

    let block = s.inner("block_2");
    let left = block.separable(&p, 5, 1, "normal_left2")?;
    let right = block.separable(&p, 3, 1, "normal_right2")?;
    let x2 = s.added(&left, &right, "normal_add_2")?;

    let left = s.averaged(&h, 1, "normal_left3")?;
    let x3 = s.added(&left, &p, "normal_add_3")?;

    let left = s.averaged(&p, 1, "normal_left4")?;
    let right = s.averaged(&p, 1, "normal_right4")?;
    let x4 = s.added(&left, &right, "normal_add_4")?;

    let left = s.inner("block_5").separable(&h, 3, 1, "normal_left5")?;
    let x5 = s.added(&left, &h, "normal_add_5")?;
    s.joined(&[&p, &x1, &x2, &x3, &x4, &x5], "normal_concat")
}

/// A cell that leaves half of the rows and columns.
pub(super) fn reduction(x: &Symbolic, before: Option<&Symbolic>, s: &Scope) -> Result<Symbolic> {
    let p = s.adjusted(before, x)?;
    let h = s.activated(x)?;
    let h = s.projected(&h, s.filters, "reduction_conv_1")?;
    let h = s.normalized(&h, &s.named("reduction_bn_1"))?;
    let pad = ZeroPadding2D::new(correct_pad(&h, 3));
    let padded = pad.name(&s.named("reduction_pad_1")).on(&h)?;

    let block = s.inner("block_1");
    let left = block.separable(&h, 5, 2, "reduction_left1")?;
    let right = block.separable(&p, 7, 2, "reduction_right1")?;
    let x1 = s.added(&left, &right, "reduction_add_1")?;

    let largest = |name: &str| {
        let pool = MaxPooling2D::new(3).strides(2);
        pool.name(&s.named(name)).on(&padded)
    };
    let left = largest("reduction_left2")?;
    let right = s.inner("block_2").separable(&p, 7, 2, "reduction_right2")?;
    let x2 = s.added(&left, &right, "reduction_add_2")?;

    let left = s.averaged(&padded, 2, "reduction_left3")?;
    let right = s.inner("block_3").separable(&p, 5, 2, "reduction_right3")?;
    let x3 = s.added(&left, &right, "reduction_add3")?;

    let x4 = s.averaged(&x1, 1, "reduction_left4")?;
    let x4 = s.on(Add::new(), Auto, [&x2, &x4])?;

    let left = s.inner("block_5").separable(&x1, 3, 1, "reduction_left4")?;
    let right = largest("reduction_right5")?;
    let x5 = s.added(&left, &right, "reduction_add4")?;
    s.joined(&[&x2, &x3, &x4, &x5], "reduction_concat")
}
