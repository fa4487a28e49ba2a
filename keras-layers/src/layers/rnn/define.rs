//! What the three classic cells have in common: their config, and the layer that runs them through a sequence.

/// A cell class and the layer class that runs it: fields of its own, then those that every such cell has. `without` are
/// the keys that Keras leaves out of the layer's config.
macro_rules! recurrent {
    (@setter set $field:ident: $ty:ty, $($doc:literal)+) => {
        $(#[doc = $doc])+
        pub fn $field(mut self, $field: $ty) -> Self {
            self.cell = self.cell.$field($field);
            self
        }
    };
    (@setter into $field:ident: $ty:ty, $($doc:literal)+) => {
        $(#[doc = $doc])+
        pub fn $field(mut self, $field: impl Into<$ty>) -> Self {
            self.cell = self.cell.$field($field);
            self
        }
    };
    (@setter some $field:ident: $ty:ty, $($doc:literal)+) => {
        $(#[doc = $doc])+
        pub fn $field(mut self, $field: impl Into<<$ty as IntoIterator>::Item>) -> Self {
            self.cell = self.cell.$field($field);
            self
        }
    };
    (
        $(#[doc = $cell_doc:literal])+
        cell $Cell:ident $name:literal;
        $(#[doc = $layer_doc:literal])+
        layer $Layer:ident without [$($hidden:literal),*] { $($own:tt)* }
    ) => {
        recurrent! {
            @fields [$($cell_doc)+] $Cell $name [$($layer_doc)+] $Layer [$($hidden),*]
            $($own)*
            /// Whether there is a bias; there is by default.
            set use_bias: bool = true,
            /// How the kernel begins; `glorot_uniform` by default.
            into kernel_initializer: Initializer = "glorot_uniform".into(),
            /// How the recurrent kernel begins; `orthogonal` by default.
            into recurrent_initializer: Initializer = "orthogonal".into(),
            /// How the bias begins; `zeros` by default.
            into bias_initializer: Initializer = "zeros".into(),
            /// What the kernel adds to the loss.
            some kernel_regularizer: Option<Regularizer> = None,
            /// What the recurrent kernel adds to the loss.
            some recurrent_regularizer: Option<Regularizer> = None,
            /// What the bias adds to the loss.
            some bias_regularizer: Option<Regularizer> = None,
            /// What holds for the kernel after each update.
            some kernel_constraint: Option<Constraint> = None,
            /// What holds for the recurrent kernel after each update.
            some recurrent_constraint: Option<Constraint> = None,
            /// What holds for the bias after each update.
            some bias_constraint: Option<Constraint> = None,
            /// The share of the input that training leaves out, the same at each step; 0 by default.
            set dropout: f64 = 0.0,
            /// The share of the state that training leaves out, the same at each step; 0 by default.
            set recurrent_dropout: f64 = 0.0,
            /// Fixes what is left out.
            into seed: Option<u32> = None,
        }
    };
    (
        @fields [$($cell_doc:literal)+] $Cell:ident $name:literal [$($layer_doc:literal)+] $Layer:ident [$($hidden:literal),*]
        $($(#[doc = $doc:literal])+ $how:ident $field:ident: $ty:ty = $default:expr,)*
    ) => {
        layer! {
            $(#[doc = $cell_doc])+
            $Cell(
                /// How many outputs there are.
                set units: usize = 0,
            ) {
                $($(#[doc = $doc])+ $how $field: $ty = $default,)*
            } keeps {
                kernel: Weight,
                recurrent_kernel: Weight,
                bias: Weight,
                draws: Seed,
            }
        }

        $(#[doc = $layer_doc])+
        pub type $Layer = Recurrent<$Cell>;

        impl Recurrent<$Cell> {
            /// With so many outputs, and Keras's defaults.
            pub fn new(units: usize) -> Self {
                Recurrent::of($Cell::new(units))
            }

            $(recurrent!(@setter $how $field: $ty, $($doc)+);)*
        }

        impl $Cell {
            /// Declares kernel, recurrent kernel and bias for so many gates.
            fn declare(
                &self,
                input: &Dims,
                gates: usize,
                bias_shape: &[usize],
                bias_initializer: &Initializer,
                w: &mut Weights,
            ) -> Result<()> {
                if self.units == 0 {
                    return Err(Error::argument("units", self.units, "at least 1"));
                }
                let width = gates * self.units;
                let kernel = Declare::of(
                    &self.kernel_initializer,
                    &self.kernel_regularizer,
                    &self.kernel_constraint,
                );
                w.add(&self.kernel, "kernel", [input.last()?, width], kernel)?;
                let recurrent = Declare::of(
                    &self.recurrent_initializer,
                    &self.recurrent_regularizer,
                    &self.recurrent_constraint,
                );
                w.add(&self.recurrent_kernel, "recurrent_kernel", [self.units, width], recurrent)?;
                if self.use_bias {
                    let bias =
                        Declare::of(bias_initializer, &self.bias_regularizer, &self.bias_constraint);
                    w.add(&self.bias, "bias", bias_shape, bias)?;
                }
                w.add_seed(&self.draws, self.seed)
            }

            /// The factors of a call.
            fn factors(&self, gates: usize, step: &Shape, dtype: DType, cx: &Call) -> Result<Noise> {
                let rates = Rates {
                    dropout: self.dropout,
                    recurrent_dropout: self.recurrent_dropout,
                    seed: &self.draws,
                };
                rates.noise(gates, [step, &state_shape(step, self.units)?], dtype, cx)
            }
        }

        impl Gated for $Cell {
            const LAYER: &'static str = stringify!($Layer);
            const CELL: &'static str = $name;
            const HIDDEN: &'static [&'static str] = &[$($hidden),*];
        }
    };
}
