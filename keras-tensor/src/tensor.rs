//! The one tensor type that anybody sees.

use std::fmt;
use std::sync::Arc;

use crate::buffer::{Buffer, Held, Layout};
use crate::dtype::{Element, Scalar};
use crate::kernels::{self, with_any};
use crate::scattered::Scattered;
use crate::{DType, Error, Id, Result, Shape, observe};

/// Values of a dtype in a shape, both decided at run time.
///
/// A tensor never changes; cloning it shares its memory. Memory is always contiguous and row-major; taking whole rows
/// off the front (`ops::slice_axis`) and reshaping share it too. A *meta* tensor has a shape and a dtype and no data:
/// it is what shape inference computes with.
///
/// ```
/// use keras_tensor::{Tensor, ops};
/// let x = Tensor::new(&[2.0f32, 1.0, 0.1], [3])?;
/// let y = ops::softmax(&x, -1)?;
/// assert_eq!(y.shape(), &[3]);
/// # Ok::<(), keras_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    id: Id,
    dtype: DType,
    shape: Shape,
    storage: Storage,
    mask: Option<Arc<Tensor>>,
}

/// Where a tensor's elements are.
#[derive(Clone)]
enum Storage {
    /// In memory, beginning at an offset counted in elements.
    Cpu { memory: Held, offset: usize },
    /// In rows that are added to zeros when the whole is first read.
    Scattered(Arc<Scattered>),
    /// Nowhere: only shape and dtype are known.
    Meta,
}

impl Tensor {
    /// A tensor of the given elements.
    ///
    /// # Errors
    /// The shape does not have as many elements as `data`.
    pub fn new<T: Scalar>(data: &[T], shape: impl Into<Shape>) -> Result<Self> {
        Self::of_elements(data, shape.into())
    }

    fn of_elements<T: Scalar>(data: &[T], shape: Shape) -> Result<Self> {
        if shape.checked_size("Tensor::new")? != data.len() {
            return Err(Error::shape(
                "Tensor::new",
                &[&shape],
                format!("a shape of {} elements, as the data has", data.len()),
            ));
        }
        Self::build(T::DTYPE, shape, |out: &mut [T::Stored]| {
            for (o, v) in out.iter_mut().zip(data) {
                *o = v.store();
            }
        })
    }

    /// A tensor whose elements a function writes into its memory, which holds anything before.
    ///
    /// ```
    /// use keras_tensor::Tensor;
    /// let t = Tensor::filled([2, 2], |out: &mut [u8]| Ok(out.copy_from_slice(&[1, 2, 3, 4])))?;
    /// assert_eq!(t.to_vec::<u8>()?, [1, 2, 3, 4]);
    /// # Ok::<(), keras_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the function; no memory.
    pub fn filled<T: Element>(
        shape: impl Into<Shape>,
        fill: impl FnOnce(&mut [T]) -> Result<()>,
    ) -> Result<Self> {
        Self::try_build(T::DTYPE, shape.into(), fill)
    }

    /// A tensor without axes.
    pub fn scalar<T: Scalar>(value: T) -> Self {
        Self::new(&[value], []).expect("one element fits the shape of a scalar")
    }

    /// A tensor of `dtype` whose elements are the given numbers, converted.
    ///
    /// # Errors
    /// The shape does not have as many elements as `data`.
    pub fn from_f64(data: &[f64], shape: impl Into<Shape>, dtype: DType) -> Result<Self> {
        Self::new(data, shape)?.to_dtype(dtype)
    }

    /// A tensor with a shape and a dtype and no data.
    pub fn meta(shape: impl Into<Shape>, dtype: DType) -> Self {
        Tensor {
            id: Id::fresh(),
            dtype,
            shape: shape.into(),
            storage: Storage::Meta,
            mask: None,
        }
    }

    /// Allocates, and lets `fill` write every element.
    pub(crate) fn build<T: Element>(
        dtype: DType,
        shape: Shape,
        fill: impl FnOnce(&mut [T]),
    ) -> Result<Self> {
        let mut made = Self::unwritten(dtype, shape)?;
        fill(made.own_elements());
        Ok(made)
    }

    /// [`Tensor::build`] where `fill` can fail.
    pub(crate) fn try_build<T: Element>(
        dtype: DType,
        shape: Shape,
        fill: impl FnOnce(&mut [T]) -> Result<()>,
    ) -> Result<Self> {
        let mut made = Self::unwritten(dtype, shape)?;
        fill(made.own_elements())?;
        Ok(made)
    }

    /// A tensor in memory of its own, which nobody has written yet.
    fn unwritten(dtype: DType, shape: Shape) -> Result<Self> {
        let buffer = Buffer::take(shape.checked_size("tensor")? * dtype.size())?;
        Ok(Self::from_buffer(dtype, shape, buffer))
    }

    /// The elements of a tensor that was just made.
    fn own_elements<T: Element>(&mut self) -> &mut [T] {
        debug_assert_eq!(self.dtype.size(), size_of::<T>());
        let size = self.size();
        let buffer = match &mut self.storage {
            Storage::Cpu { memory, .. } => memory.get_mut(),
            _ => None,
        };
        let buffer = buffer.expect("a new tensor is the only one in its memory");
        kernels::elements(buffer, size)
    }

    /// The same tensor in memory of about its own size: a copy, if it is the only one in memory that is much larger. For what
    /// stays of work that was done [`in_few_buffers`](crate::in_few_buffers).
    ///
    /// # Errors
    /// No memory.
    pub fn fitted(self) -> Result<Self> {
        match &self.storage {
            Storage::Cpu { memory, .. }
                if memory.is_unique() && memory.get().wastes(self.size() * self.dtype.size()) =>
            {
                let mask = self.mask.clone();
                Ok(Tensor {
                    mask,
                    ..kernels::copy(&self)?
                })
            }
            _ => Ok(self),
        }
    }

    /// A tensor over memory that nobody else holds.
    pub(crate) fn from_buffer(dtype: DType, shape: Shape, buffer: Arc<Buffer>) -> Self {
        Tensor {
            id: Id::fresh(),
            dtype,
            shape,
            storage: Storage::Cpu {
                memory: Held::new(buffer),
                offset: 0,
            },
            mask: None,
        }
    }

    /// Rows that become a tensor when it is read.
    pub(crate) fn of_rows(dtype: DType, shape: Shape, rows: Arc<Scattered>) -> Self {
        Tensor {
            id: Id::fresh(),
            dtype,
            shape,
            storage: Storage::Scattered(rows),
            mask: None,
        }
    }

    /// The rows that this tensor is, as long as nobody has read the whole.
    pub(crate) fn scattered(&self) -> Option<&Scattered> {
        match &self.storage {
            Storage::Scattered(rows) if rows.is_apart() => Some(rows),
            _ => None,
        }
    }

    /// Makes the whole where there are only rows.
    pub(crate) fn make_whole(&self) -> Result<()> {
        self.scattered()
            .map_or(Ok(()), |rows| rows.make(&self.shape))
    }

    /// The memory, if nobody else holds it and it begins with this tensor.
    pub(crate) fn into_unique_buffer(self) -> Option<Arc<Buffer>> {
        match self.storage {
            Storage::Cpu { memory, offset: 0 } => memory.into_unique(),
            _ => None,
        }
    }

    /// What tells this value from every other.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The same value under another identity.
    pub(crate) fn with_id(mut self, id: Id) -> Self {
        self.id = id;
        self
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// The number of elements.
    pub fn size(&self) -> usize {
        self.shape.size()
    }

    /// Whether there is a shape but no data, so that shapes are all that is wanted.
    ///
    /// While a computation is traced ([`crate::observe::traced`]) it is false: code must do what it would do with data.
    pub fn is_meta(&self) -> bool {
        !self.has_data() && !crate::observe::is_tracing()
    }

    pub(crate) fn has_data(&self) -> bool {
        !matches!(self.storage, Storage::Meta)
    }

    /// Whether nobody else holds this tensor's memory, and it begins with this tensor.
    pub fn is_unique(&self) -> bool {
        matches!(&self.storage, Storage::Cpu { memory, offset: 0 } if memory.is_unique())
    }

    /// The mask that rides on this tensor: a bool tensor of its leading axes, false where a step is to be skipped.
    pub fn mask(&self) -> Option<&Tensor> {
        self.mask.as_deref()
    }

    /// The same tensor with another mask, or none.
    pub fn with_mask(mut self, mask: Option<Tensor>) -> Self {
        self.mask = mask.map(Arc::new);
        self
    }

    /// The same value, id included, without its data.
    pub fn to_meta(&self) -> Tensor {
        Tensor {
            id: self.id,
            dtype: self.dtype,
            shape: self.shape.clone(),
            storage: Storage::Meta,
            mask: None,
        }
    }

    /// The elements as they lie in memory.
    ///
    /// # Errors
    /// Another dtype, or no data.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        if T::DTYPE != self.dtype {
            return Err(Error::dtype(
                "reading values",
                self.dtype,
                format!("{}; cast it first", T::DTYPE),
            ));
        }
        self.make_readable("reading values")?;
        Ok(self.raw())
    }

    /// Makes the whole, for an operation on elements from outside of kernels.
    fn make_readable(&self, op: &str) -> Result<()> {
        if !self.has_data() {
            return Err(Error::NoData {
                op: op.into(),
                shape: self.shape.clone(),
            });
        }
        self.make_whole()
    }

    /// The elements as any type of their width; kernels come only with tensors that have data.
    #[inline]
    pub(crate) fn raw<T: Element>(&self) -> &[T] {
        match &self.storage {
            Storage::Cpu { memory, offset } => {
                &memory.get().as_slice::<T>()[*offset..offset + self.size()]
            }
            Storage::Scattered(rows) => rows.whole().raw(),
            Storage::Meta => unreachable!("the door keeps meta tensors away from kernels"),
        }
    }

    /// Whether these elements will be read again as they are, as far as can be known: those of a variable that nobody
    /// observes.
    pub(crate) fn is_kept(&self) -> bool {
        self.id.is_variable() && !observe::anybody()
    }

    /// These elements as a kernel has laid them out before, or as `make` lays them out into memory of so many elements now;
    /// kept until the elements change. `None` for what is not worth keeping.
    pub(crate) fn kept<T: Element>(
        &self,
        kind: &'static str,
        sizes: [usize; 5],
        size: usize,
        make: impl FnOnce(&mut [T]) -> Result<()>,
    ) -> Option<Arc<Buffer>> {
        let Storage::Cpu { memory, offset } = &self.storage else {
            return None;
        };
        if !self.is_kept() {
            return None;
        }
        let [a, b, c, d, e] = sizes;
        let sizes = [a, b, c, d, e, *offset];
        let made = memory.get().kept(Layout { kind, sizes }, || {
            let mut buffer = Buffer::take(size * size_of::<T>())?;
            let fresh = Arc::get_mut(&mut buffer).expect("a taken buffer has one holder");
            make(kernels::elements(fresh, size))?;
            Ok(buffer)
        });
        made.ok()
    }

    /// A copy of the elements.
    ///
    /// # Errors
    /// Another dtype, or no data.
    pub fn to_vec<T: Scalar>(&self) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype {
            return Err(Error::dtype(
                "Tensor::to_vec",
                self.dtype,
                format!("{}; cast it first", T::DTYPE),
            ));
        }
        self.make_readable("Tensor::to_vec")?;
        Ok(self
            .raw::<T::Stored>()
            .iter()
            .map(|&v| T::load(v))
            .collect())
    }

    /// A copy of the elements as `f64`, whatever their dtype.
    ///
    /// # Errors
    /// There is no data.
    pub fn to_f64_vec(&self) -> Result<Vec<f64>> {
        self.make_readable("Tensor::to_f64_vec")?;
        Ok(with_any!(self.dtype, T => self.raw::<T>().iter().map(|v| v.to_f64()).collect()))
    }

    /// The one element as `f64`.
    ///
    /// # Errors
    /// There is no data, or not exactly one element.
    pub fn item(&self) -> Result<f64> {
        if self.size() != 1 {
            return Err(Error::shape(
                "Tensor::item",
                &[&self.shape],
                "exactly one element; reduce it or take a slice first",
            ));
        }
        self.make_readable("Tensor::item")?;
        Ok(with_any!(self.dtype, T => self.raw::<T>()[0].to_f64()))
    }

    /// The same elements under another shape, sharing memory; `None` where the sizes differ.
    pub(crate) fn viewed(&self, shape: Shape) -> Tensor {
        debug_assert_eq!(shape.size(), self.size());
        Tensor {
            id: Id::fresh(),
            dtype: self.dtype,
            shape,
            storage: self.storage.clone(),
            mask: None,
        }
    }

    /// Whole rows of the first axis, sharing memory; the door's slice op uses it where it can.
    pub(crate) fn view_rows(&self, begin: usize, count: usize) -> Tensor {
        let mut shape = self.shape.clone();
        let row: usize = shape[1..].iter().product();
        shape[0] = count;
        let storage = match &self.storage {
            Storage::Cpu { memory, offset } => Storage::Cpu {
                memory: memory.clone(),
                offset: offset + begin * row,
            },
            Storage::Scattered(rows) => return rows.whole().view_rows(begin, count),
            Storage::Meta => Storage::Meta,
        };
        Tensor {
            id: Id::fresh(),
            dtype: self.dtype,
            shape,
            storage,
            mask: None,
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor(shape={}, dtype={}", self.shape, self.dtype)?;
        match self.to_f64_vec() {
            Ok(values) if values.len() <= 64 => write!(f, ", {values:?})"),
            Ok(values) => write!(f, ", {:?}...)", &values[..8]),
            Err(_) => write!(f, ", no data)"),
        }
    }
}

/// As NumPy prints an array: `[[1. 2.] [3. 4.]]`, long axes cut in the middle.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(values) = self.to_f64_vec() else {
            return write!(f, "<shape={}, dtype={}>", self.shape, self.dtype);
        };
        let text = |v: f64| match self.dtype {
            DType::Bool => (if v == 0.0 { "False" } else { "True" }).to_string(),
            DType::F64 => format!("{v}"),
            d if d.is_float() => format!("{}", v as f32),
            _ => format!("{v}"),
        };
        write_axis(f, &self.shape, &values, &text)
    }
}

fn write_axis(
    f: &mut fmt::Formatter<'_>,
    shape: &[usize],
    values: &[f64],
    text: &dyn Fn(f64) -> String,
) -> fmt::Result {
    let Some((&n, inner)) = shape.split_first() else {
        return f.write_str(&text(values[0]));
    };
    let step: usize = inner.iter().product();
    f.write_str("[")?;
    for i in 0..n {
        if n > 12 && i == 3 {
            f.write_str(" ...")?;
        }
        if n > 12 && (3..n - 3).contains(&i) {
            continue;
        }
        if i > 0 {
            f.write_str(if inner.is_empty() { " " } else { "\n " })?;
        }
        write_axis(f, inner, &values[i * step..(i + 1) * step], text)?;
    }
    f.write_str("]")
}
