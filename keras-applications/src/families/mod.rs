//! The families, a file or a folder each.

/// The architectures of a family: a type for each, whose `new` is Keras's function, and the table of them all. What is
/// not said of an architecture is as in [`crate::architecture::BASE`].
macro_rules! family {
    ($($(#[doc = $doc:literal])+ $Name:ident { $($field:ident: $value:expr,)* })*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug)]
            pub struct $Name;

            impl $Name {
                pub(crate) const ARCHITECTURE: &'static crate::Architecture = &crate::Architecture {
                    name: stringify!($Name),
                    $($field: $value,)*
                    ..crate::architecture::BASE
                };

                /// With Keras's defaults.
                #[allow(clippy::new_ret_no_self)]
                pub fn new() -> crate::Application {
                    crate::Application::new(Self::ARCHITECTURE)
                }
            }
        )*

        pub(in crate::families) const TABLE: &[&crate::Architecture] = &[$($Name::ARCHITECTURE),*];
    };
}

pub mod convnext;
pub mod densenet;
pub mod efficientnet;
mod inception;
pub mod mobilenet;
pub mod mobilenet_v2;
pub mod mobilenet_v3;
pub mod nasnet;
pub mod resnet;
pub mod resnet_v2;
pub mod vgg;
pub mod xception;

pub use convnext::{ConvNeXtBase, ConvNeXtLarge, ConvNeXtSmall, ConvNeXtTiny, ConvNeXtXLarge};
pub use densenet::{DenseNet121, DenseNet169, DenseNet201};
pub use efficientnet::v2::{
    self as efficientnet_v2, EfficientNetV2B0, EfficientNetV2B1, EfficientNetV2B2,
    EfficientNetV2B3, EfficientNetV2L, EfficientNetV2M, EfficientNetV2S,
};
pub use efficientnet::{
    EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3, EfficientNetB4, EfficientNetB5,
    EfficientNetB6, EfficientNetB7,
};
pub use inception::inception_resnet_v2::{self, InceptionResNetV2};
pub use inception::inception_v3::{self, InceptionV3};
pub use mobilenet::MobileNet;
pub use mobilenet_v2::MobileNetV2;
pub use mobilenet_v3::{MobileNetV3Large, MobileNetV3Small};
pub use nasnet::{NASNetLarge, NASNetMobile};
pub use resnet::{ResNet50, ResNet101, ResNet152};
pub use resnet_v2::{ResNet50V2, ResNet101V2, ResNet152V2};
pub use vgg::{VGG16, VGG19};
pub use xception::Xception;

pub(crate) const TABLES: &[&[&crate::Architecture]] = &[
    convnext::TABLE,
    densenet::TABLE,
    efficientnet::TABLE,
    efficientnet_v2::TABLE,
    inception_resnet_v2::TABLE,
    inception_v3::TABLE,
    mobilenet::TABLE,
    mobilenet_v2::TABLE,
    mobilenet_v3::TABLE,
    nasnet::TABLE,
    resnet::TABLE,
    resnet_v2::TABLE,
    vgg::TABLE,
    xception::TABLE,
];
