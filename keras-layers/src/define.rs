//! What every layer class repeats: the struct that is its config, Keras's defaults, the setters.

/// A layer class.
///
/// In parentheses stands what its `new` takes. Each further field comes with its default and the kind of its setter:
/// `set` takes the field's own type, `into` whatever converts to it, `some` whatever converts to the `T` of an
/// `Option<T>`. Keras's config holds the fields under their names; what follows `keeps` (weights, seeds) begins empty
/// and is not part of it.
/// Attributes of serde say how a field is written; it is read by its name.
macro_rules! layer {
    (@setter set $field:ident: $ty:ty, $($doc:literal)+) => {
        $(#[doc = $doc])+
        pub fn $field(mut self, $field: $ty) -> Self {
            self.$field = $field;
            self
        }
    };
    (@setter into $field:ident: $ty:ty, $($doc:literal)+) => {
        $(#[doc = $doc])+
        pub fn $field(mut self, $field: impl Into<$ty>) -> Self {
            self.$field = $field.into();
            self
        }
    };
    (@setter some $field:ident: $ty:ty, $($doc:literal)+) => {
        $(#[doc = $doc])+
        pub fn $field(mut self, $field: impl Into<<$ty as IntoIterator>::Item>) -> Self {
            self.$field = Some($field.into());
            self
        }
    };
    (@taken set $ty:ty) => { $ty };
    (@taken into $ty:ty) => { impl Into<$ty> };
    (@stored set $field:ident) => { $field };
    (@stored into $field:ident) => { $field.into() };
    (
        $(#[doc = $doc:literal])+
        $Layer:ident($($(#[doc = $required_doc:literal])+ $given:ident $required:ident: $required_ty:ty = $required_default:expr),* $(,)?) {
            $(
                $(#[doc = $field_doc:literal])+
                $(#[serde($($serde:tt)*)])?
                $how:ident $field:ident: $ty:ty = $default:expr,
            )*
        } keeps {
            $($state:ident: $state_ty:ty),* $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, serde::Serialize)]
        pub struct $Layer {
            $($required: $required_ty,)*
            $($(#[serde($($serde)*)])? $field: $ty,)*
            $(#[serde(skip)] $state: $state_ty,)*
        }

        keras_tensor::config! { $Layer { $($required,)* $($field,)* } }

        impl Default for $Layer {
            fn default() -> Self {
                $Layer {
                    $($required: $required_default,)*
                    $($field: $default,)*
                    $($state: Default::default(),)*
                }
            }
        }

        impl $Layer {
            /// With Keras's defaults.
            $(
                #[doc = concat!("\n- `", stringify!($required), "`:")]
                $(#[doc = $required_doc])+
            )*
            #[allow(clippy::new_without_default, clippy::needless_update)]
            pub fn new($($required: layer!(@taken $given $required_ty)),*) -> Self {
                $Layer {
                    $($required: layer!(@stored $given $required),)*
                    ..Self::default()
                }
            }

            $(layer!(@setter $how $field: $ty, $($field_doc)+);)*
        }
    };
}
