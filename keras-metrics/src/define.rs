//! What every loss class and every metric class repeats: the struct that is its config, Keras's defaults, the setters.

/// A loss class, and the plain function that is the class with its defaults, not reduced.
///
/// Fields come with their default; Keras's config holds them after name and reduction. Attributes of serde say how a field
/// is written; it is read by its name.
macro_rules! loss {
    (
        $(#[doc = $doc:literal])+
        $Loss:ident = $name:literal, $function:ident {
            $(
                $(#[doc = $field_doc:literal])+
                $(#[serde($($serde:tt)*)])?
                $field:ident: $ty:ty = $default:expr,
            )*
        }
        |$this:ident, $y:ident, $p:ident| $body:block
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, serde::Serialize)]
        pub struct $Loss {
            name: std::borrow::Cow<'static, str>,
            reduction: $crate::losses::Reduction,
            #[serde(skip)]
            dtype: Option<keras_tensor::DType>,
            $($(#[serde($($serde)*)])? $field: $ty,)*
        }

        keras_tensor::config! { $Loss { name, reduction, $($field,)* } }

        impl Default for $Loss {
            fn default() -> Self {
                $Loss {
                    name: $name.into(),
                    reduction: $crate::losses::Reduction::default(),
                    dtype: None,
                    $($field: $default,)*
                }
            }
        }

        impl $Loss {
            /// With Keras's defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// The name; by default that of the class in snake case.
            pub fn name(mut self, name: impl Into<std::borrow::Cow<'static, str>>) -> Self {
                self.name = name.into();
                self
            }

            /// How the losses of samples become that of the batch; `"sum_over_batch_size"` by default.
            pub fn reduction(mut self, reduction: impl Into<$crate::losses::Reduction>) -> Self {
                self.reduction = reduction.into();
                self
            }

            /// The dtype that predictions are cast to first; float32 by default.
            pub fn dtype(mut self, dtype: keras_tensor::DType) -> Self {
                self.dtype = Some(dtype);
                self
            }

            $(
                $(#[doc = $field_doc])+
                pub fn $field(mut self, $field: $ty) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }

        impl $crate::losses::LossFunction for $Loss {
            fn call(
                &self,
                y_true: &keras_tensor::Tensor,
                y_pred: &keras_tensor::Tensor,
            ) -> keras_tensor::Result<keras_tensor::Tensor> {
                let ($this, $y, $p) = (self, y_true, y_pred);
                $body
            }

            fn name(&self) -> &str {
                &self.name
            }

            fn reduction(&self) -> &$crate::losses::Reduction {
                &self.reduction
            }

            fn dtype(&self) -> keras_tensor::DType {
                self.dtype.unwrap_or(keras_tensor::DType::F32)
            }
        }

        #[doc = concat!("[`", stringify!($Loss), "`] with its defaults, for each sample: `[batch, ..]`.")]
        ///
        /// # Errors
        /// Labels that do not fit the predictions.
        pub fn $function(
            y_true: &keras_tensor::Tensor,
            y_pred: &keras_tensor::Tensor,
        ) -> keras_tensor::Result<keras_tensor::Tensor> {
            $crate::losses::LossFunction::call(&$Loss::default(), y_true, y_pred)
        }
    };
}

/// A metric class: its config, setters, and the state that it keeps besides.
///
/// In parentheses stands what its `new` takes. `fixed` names are the same for all metrics of the class; `auto` ones are
/// counted: `auc`, `auc_1`. Setters of `options` take whatever converts to the field: `top_k(3)`.
macro_rules! metric {
    (@name fixed $name:literal) => { std::borrow::Cow::Borrowed($name) };
    (@name auto $name:literal) => { std::borrow::Cow::Owned(keras_tensor::names::auto_name($name)) };
    (
        $(#[doc = $doc:literal])+
        $Metric:ident($($(#[doc = $required_doc:literal])+ $required:ident: $required_ty:ty),*)
        = $naming:ident $name:literal of $dtype:expr, {
            $(
                $(#[doc = $field_doc:literal])+
                $(#[serde($($serde:tt)*)])?
                $field:ident: $ty:ty = $default:expr,
            )*
        } keeps {
            $($state:ident: $state_ty:ty),* $(,)?
        }
        $(options {
            $(
                $(#[doc = $option_doc:literal])+
                $(#[serde($($option_serde:tt)*)])?
                $option:ident: $option_ty:ty = $option_default:expr,
            )*
        })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, serde::Serialize)]
        pub struct $Metric {
            name: std::borrow::Cow<'static, str>,
            dtype: keras_tensor::DType,
            $($required: $required_ty,)*
            $($(#[serde($($serde)*)])? $field: $ty,)*
            $($($(#[serde($($option_serde)*)])? $option: $option_ty,)*)?
            $(#[serde(skip)] $state: $state_ty,)*
        }

        keras_tensor::config! {
            $Metric { name, dtype, $($required,)* $($field,)* $($($option,)*)? }
        }

        impl Default for $Metric {
            fn default() -> Self {
                $Metric {
                    name: $name.into(),
                    dtype: $dtype,
                    $($required: Default::default(),)*
                    $($field: $default,)*
                    $($($option: $option_default,)*)?
                    $($state: Default::default(),)*
                }
            }
        }

        impl $Metric {
            /// With Keras's defaults, and nothing counted yet.
            pub fn new($($required: impl Into<$required_ty>),*) -> Self {
                $Metric {
                    name: metric!(@name $naming $name),
                    $($required: $required.into(),)*
                    ..Self::default()
                }
            }

            /// The name under which the number is shown.
            pub fn name(mut self, name: impl Into<std::borrow::Cow<'static, str>>) -> Self {
                self.name = name.into();
                self
            }

            /// The dtype in which it is counted.
            pub fn dtype(mut self, dtype: keras_tensor::DType) -> Self {
                self.dtype = dtype;
                self
            }

            $(
                $(#[doc = $field_doc])+
                pub fn $field(mut self, $field: $ty) -> Self {
                    self.$field = $field;
                    self
                }
            )*
            $($(
                $(#[doc = $option_doc])+
                pub fn $option(mut self, $option: impl Into<$option_ty>) -> Self {
                    self.$option = $option.into();
                    self
                }
            )*)?
        }
    };
}

/// A metric that is the mean of a function of labels and predictions; behind its name stands which way is better.
macro_rules! mean_metric {
    (
        $(#[doc = $doc:literal])+
        $Metric:ident = $name:literal, $best:ident { $($fields:tt)* }
        |$this:ident, $y:ident, $p:ident| $values:expr
    ) => {
        metric! {
            $(#[doc = $doc])+
            $Metric() = fixed $name of keras_tensor::DType::F32, { $($fields)* } keeps {
                mean: $crate::metrics::reduction::Running,
            }
        }

        impl $crate::metrics::Measure for $Metric {
            fn name(&self) -> &str {
                &self.name
            }

            fn update_state(
                &self,
                y_true: &keras_tensor::Tensor,
                y_pred: &keras_tensor::Tensor,
                sample_weight: Option<&keras_tensor::Tensor>,
            ) -> keras_tensor::Result<()> {
                let ($this, $y, $p) = (self, y_true, y_pred);
                let values: keras_tensor::Tensor = $values?;
                let kept = self.mean.of(&self.name, self.dtype);
                kept.update_masked(&values, sample_weight, y_pred.mask())
            }

            fn result(&self) -> keras_tensor::Result<keras_tensor::Tensor> {
                self.mean.of(&self.name, self.dtype).result()
            }

            fn direction(&self) -> Option<$crate::metrics::Direction> {
                Some($crate::metrics::Direction::$best)
            }

            fn variables(&self) -> Vec<keras_tensor::Variable> {
                self.mean.of(&self.name, self.dtype).variables()
            }
        }
    };
}
