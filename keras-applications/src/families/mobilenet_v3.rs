//! MobileNetV3: Howard et al., Searching for MobileNetV3, 2019.

pub use crate::imagenet_utils::{decode_predictions, unchanged as preprocess_input};
use keras_layers::layers::{
    Activation, Add, BatchNormalization, Conv2D, DepthwiseConv2D, Dropout, Flatten,
    GlobalAveragePooling2D, Multiply, ReLU, Rescaling, ZeroPadding2D,
};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use super::mobilenet::check_alpha;
use crate::blocks::{Auto, activated, correct_pad, divisible, named};
use crate::{Application, Published};

family! {
    /// The smaller MobileNetV3, as wide as `alpha` says.
    MobileNetV3Small {
        model_name: |a, _| a.architecture.name.into(),
        any_size: true,
        dropout: 0.2,
        takes: ARGUMENTS,
        body: |a, x| network(a, x, &SMALL, 1024),
        published: |a, _| published(a, "small", &SMALL_HASHES),
    }
    /// The larger MobileNetV3, as wide as `alpha` says.
    MobileNetV3Large {
        model_name: |a, _| a.architecture.name.into(),
        any_size: true,
        dropout: 0.2,
        takes: ARGUMENTS,
        body: |a, x| network(a, x, &LARGE, 1280),
        published: |a, _| published(a, "large", &LARGE_HASHES),
    }
}

const ARGUMENTS: &[&str] = &["alpha", "minimalistic", "dropout", "include_preprocessing"];

/// A block: how many times as many channels it convolves, how many it ends with, the kernel and its stride, whether
/// channels are weighed by what all pixels say, and whether it is among the deep ones that have hard swish.
type Block = (f64, usize, usize, usize, bool, bool);

const SMALL: [Block; 11] = [
    (1.0, 16, 3, 2, true, false),
    (72.0 / 16.0, 24, 3, 2, false, false),
    (88.0 / 24.0, 24, 3, 1, false, false),
    (4.0, 40, 5, 2, true, true),
    (6.0, 40, 5, 1, true, true),
    (6.0, 40, 5, 1, true, true),
    (3.0, 48, 5, 1, true, true),
    (3.0, 48, 5, 1, true, true),
    (6.0, 96, 5, 2, true, true),
    (6.0, 96, 5, 1, true, true),
    (6.0, 96, 5, 1, true, true),
];
const LARGE: [Block; 15] = [
    (1.0, 16, 3, 1, false, false),
    (4.0, 24, 3, 2, false, false),
    (3.0, 24, 3, 1, false, false),
    (3.0, 40, 5, 2, true, false),
    (3.0, 40, 5, 1, true, false),
    (3.0, 40, 5, 1, true, false),
    (6.0, 80, 3, 2, false, true),
    (2.5, 80, 3, 1, false, true),
    (2.3, 80, 3, 1, false, true),
    (2.3, 80, 3, 1, false, true),
    (6.0, 112, 3, 1, true, true),
    (6.0, 112, 3, 1, true, true),
    (6.0, 160, 5, 2, true, true),
    (6.0, 160, 5, 1, true, true),
    (6.0, 160, 5, 1, true, true),
];

/// The hashes without and with the top: of the minimalistic network, of `alpha` 0.75 and of 1.
type Hashes = [[&'static str; 2]; 3];

const SMALL_HASHES: Hashes = [
    [
        "cde8136e733e811080d9fcd8a252f7e4",
        "99cd97fb2fcdad2bf028eb838de69e37",
    ],
    [
        "ebdb5cc8e0b497cd13a7c275d475c819",
        "cb65d4e5be93758266aa0a7f2c6708b7",
    ],
    [
        "d3e8ec802a04aa4fc771ee12a9a9b836",
        "8768d4c2e7dee89b9d02b2d03d65d862",
    ],
];
const LARGE_HASHES: Hashes = [
    [
        "ec5221f64a2f6d1ef965a614bdae7973",
        "675e7b876c45c57e9e63e6d90a36599c",
    ],
    [
        "40af19a13ebea4e2ee0c676887f69a2e",
        "765b44a33ad4005b3ac83185abf1d0eb",
    ],
    [
        "07fb09a5933dd0c8eaafa16978110389",
        "59e551e166be033d707958cf9e29a6a7",
    ],
];

fn published(a: &Application, size: &str, hashes: &Hashes) -> Result<Published> {
    let alpha = a.options.alpha;
    let (kind, hashes) = match a.options.minimalistic {
        true => {
            check_alpha(a, &[1.0])?;
            ("_minimalistic", hashes[0])
        }
        false => {
            check_alpha(a, &[0.75, 1.0])?;
            ("", if alpha == 0.75 { hashes[1] } else { hashes[2] })
        }
    };
    let (end, hash) = match a.include_top {
        true => ("", hashes[1]),
        false => ("_no_top_v2", hashes[0]),
    };
    let file = format!("weights_mobilenet_v3_{size}{kind}_224_{alpha:?}_float{end}.h5");
    let folder = "tensorflow/keras-applications/mobilenet_v3";
    Ok(Published::new(folder, file, Some(hash)))
}

fn network(a: &Application, x: &Symbolic, blocks: &[Block], last: usize) -> Result<Symbolic> {
    let Application { options, .. } = a;
    let function = if options.minimalistic {
        relu
    } else {
        hard_swish
    };
    let mut x = x.clone();
    if options.include_preprocessing {
        x = LayerRef::from(Rescaling::new(1.0 / 127.5).offset(-1.0)).on(&x)?;
    }
    x = conv(16, 3).strides(2).use_bias(false).name("conv").on(&x)?;
    x = function(&normalized(&x, "conv_bn")?)?;
    for (i, &(expansion, filters, kernel, stride, squeezed, is_deep)) in blocks.iter().enumerate() {
        let block = Inverted {
            name: match i {
                0 => "expanded_conv".into(),
                _ => format!("expanded_conv_{i}"),
            },
            expands: i > 0,
            expansion,
            filters: divisible(filters as f64 * options.alpha),
            kernel: if options.minimalistic { 3 } else { kernel },
            stride,
            squeezed: squeezed && !options.minimalistic,
            function: if is_deep { function } else { relu },
        };
        x = block.on(&x)?;
    }
    let filters = divisible((x.dims().last()? * 6) as f64);
    x = conv(filters, 1).use_bias(false).name("conv_1").on(&x)?;
    x = function(&normalized(&x, "conv_1_bn")?)?;
    if !a.include_top {
        return a.pooled(&x, ["avg_pool", "max_pool"]);
    }
    // Networks narrower than the paper's still end as wide.
    let last = if options.alpha > 1.0 {
        divisible(last as f64 * options.alpha)
    } else {
        last
    };
    x = LayerRef::from(GlobalAveragePooling2D::new().keepdims(true)).on(&x)?;
    x = function(&conv(last, 1).name("conv_2").on(&x)?)?;
    if options.dropout > 0.0 {
        x = LayerRef::from(Dropout::new(options.dropout)).on(&x)?;
    }
    x = conv(a.classes, 1).name("logits").on(&x)?;
    x = LayerRef::from(Flatten::new()).on(&x)?;
    named(Activation::new(&a.classifier_activation), "predictions").on(&x)
}

fn conv(filters: usize, kernel: usize) -> Conv2D {
    Conv2D::new(filters, kernel).padding("same")
}

fn normalized(x: &Symbolic, name: &str) -> Result<Symbolic> {
    BatchNormalization::new().momentum(0.999).name(name).on(x)
}

fn relu(x: &Symbolic) -> Result<Symbolic> {
    LayerRef::from(ReLU::new()).on(x)
}

fn hard_swish(x: &Symbolic) -> Result<Symbolic> {
    activated(x, "hard_swish", Auto)
}

/// More channels, each convolved, and fewer again; beside the input where shapes are equal.
struct Inverted {
    name: String,
    expands: bool,
    expansion: f64,
    filters: usize,
    kernel: usize,
    stride: usize,
    squeezed: bool,
    function: fn(&Symbolic) -> Result<Symbolic>,
}

impl Inverted {
    fn named(&self, part: &str) -> String {
        format!("{}_{part}", self.name)
    }

    fn on(&self, input: &Symbolic) -> Result<Symbolic> {
        let channels = input.dims().last()?;
        let wide = divisible(channels as f64 * self.expansion);
        let mut x = input.clone();
        if self.expands {
            let expand = conv(wide, 1).use_bias(false).name(&self.named("expand"));
            x = normalized(&expand.on(&x)?, &self.named("expand_bn"))?;
            x = (self.function)(&x)?;
        }
        let mut padding = "same";
        if self.stride == 2 {
            let pad = ZeroPadding2D::new(correct_pad(&x, self.kernel));
            x = pad.name(&self.named("depthwise_pad")).on(&x)?;
            padding = "valid";
        }
        let each = DepthwiseConv2D::new(self.kernel)
            .strides(self.stride)
            .padding(padding)
            .use_bias(false);
        x = each.name(&self.named("depthwise")).on(&x)?;
        x = normalized(&x, &self.named("depthwise_bn"))?;
        x = (self.function)(&x)?;
        if self.squeezed {
            x = self.weighed(&x, wide)?;
        }
        let project = conv(self.filters, 1).use_bias(false);
        x = project.name(&self.named("project")).on(&x)?;
        x = normalized(&x, &self.named("project_bn"))?;
        if self.stride != 1 || channels != self.filters {
            return Ok(x);
        }
        Add::new().name(&self.named("add")).on([input, &x])
    }

    /// Channels weighed by what all pixels say.
    fn weighed(&self, input: &Symbolic, filters: usize) -> Result<Symbolic> {
        let named = |part: &str| self.named(&format!("squeeze_excite_{part}"));
        let pool = GlobalAveragePooling2D::new().keepdims(true);
        let x = pool.name(&named("avg_pool")).on(input)?;
        let few = divisible(filters as f64 * 0.25);
        let x = conv(few, 1).name(&named("conv")).on(&x)?;
        let x = ReLU::new().name(&named("relu")).on(&x)?;
        let x = conv(filters, 1).name(&named("conv_1")).on(&x)?;
        let x = LayerRef::from(ReLU::new().max_value(6.0)).on(&(x + 3.0))? * (1.0 / 6.0);
        Multiply::new().name(&named("mul")).on([input, &x])
    }
}
