//! NASNet: Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, 2018.

pub use crate::imagenet_utils::{centered as preprocess_input, decode_predictions};
mod cells;

use keras_layers::layers::{BatchNormalization, Conv2D, GlobalAveragePooling2D};
use keras_layers::{LayerExt, LayerRef, Symbolic};
use keras_tensor::Result;

use crate::blocks::{Auto, activated};
use crate::{Application, Published};
use cells::{Scope, normal, reduction};

family! {
    /// NASNet-A (4 @ 1056), for phones.
    NASNetMobile {
        model_name: |_, _| "nasnet_mobile".into(),
        sized_anyway: true,
        body: |a, x| network(a, x, &Sizes { stem: 32, filters: 44, blocks: 4, skip_reduction: false }),
        published: |a, _| published(a, "mobile", ["1ed92395b5b598bdda52abe5c0dbfd63", "020fb642bf7360b370c678b08e0adf61"]),
    }
    /// NASNet-A (6 @ 4032).
    NASNetLarge {
        model_name: |_, _| "nasnet_large".into(),
        default_size: |_| 331,
        body: |a, x| network(a, x, &Sizes { stem: 96, filters: 168, blocks: 6, skip_reduction: true }),
        published: |a, _| published(a, "large", ["d81d89dc07e6e56530c4e77faddd61b5", "11577c9a518f0070763c2b964a382f17"]),
    }
}

fn published(a: &Application, size: &str, hashes: [&'static str; 2]) -> Result<Published> {
    let (hash, end, url_end) = match a.include_top {
        true => (hashes[1], "", ""),
        false => (hashes[0], "_no_top", "-no-top"),
    };
    let url = format!("NASNet-{size}{url_end}.h5");
    let mut published = Published::new("tensorflow/keras-applications/nasnet", url, Some(hash));
    published.file = format!("nasnet_{size}{end}.h5");
    Ok(published)
}

struct Sizes {
    /// Filters of the first convolution.
    stem: usize,
    /// Filters of the first normal cells.
    filters: usize,
    /// How many normal cells stand between reductions.
    blocks: usize,
    /// Whether a normal cell sees what came before a reduction, and not the reduction's own input.
    skip_reduction: bool,
}

fn network(a: &Application, x: &Symbolic, sizes: &Sizes) -> Result<Symbolic> {
    let conv = Conv2D::new(sizes.stem, 3).strides(2).use_bias(false);
    let x = conv
        .kernel_initializer("he_normal")
        .name("stem_conv1")
        .on(x)?;
    let x = BatchNormalization::new()
        .momentum(0.9997)
        .name("stem_bn1")
        .on(&x)?;
    let (filters, blocks) = (sizes.filters, sizes.blocks);
    let mut before = x.clone();
    let mut x = reduction(&x, None, &Scope::reduction("stem_1", filters / 4))?;
    let next = reduction(&x, Some(&before), &Scope::reduction("stem_2", filters / 2))?;
    (before, x) = (x, next);
    for stage in 0..3 {
        let filters = filters << stage;
        if stage > 0 {
            let scope = Scope::reduction(&format!("reduce_{}", stage * blocks), filters);
            let next = reduction(&x, Some(&before), &scope)?;
            if !sizes.skip_reduction {
                before = x;
            }
            x = next;
        }
        // Reductions stand in the count, too.
        let first = stage * blocks + usize::from(stage > 0);
        for i in first..first + blocks {
            let next = normal(&x, &before, &Scope::normal(i, filters))?;
            (before, x) = (x, next);
        }
    }
    let x = activated(&x, "relu", Auto)?;
    if !a.include_top {
        return a.pooled(&x, [Auto, Auto]);
    }
    let x = LayerRef::from(GlobalAveragePooling2D::new()).on(&x)?;
    a.predictions(&x, "predictions")
}
