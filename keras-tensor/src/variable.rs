//! Values that change: weights, optimizer state, counters.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::{DType, Error, Id, Result, Shape, Tensor, observe};

/// A named value that can be assigned.
///
/// Clones are the same variable. Its shape and dtype never change. A variable made with [`Variable::lazy`] computes its
/// first value when it is first read, so that building a large network computes nothing.
#[derive(Clone)]
pub struct Variable(Arc<Inner>);

struct Inner {
    number: u32,
    name: String,
    path: RwLock<String>,
    dtype: DType,
    shape: Shape,
    trainable: AtomicBool,
    frozen: AtomicBool,
    slot: RwLock<Slot>,
}

struct Slot {
    version: u64,
    content: Content,
}

static WRITES: AtomicU64 = AtomicU64::new(0);

/// Computes a variable's first value.
type Initialize = Box<dyn Fn() -> Result<Tensor> + Send + Sync>;

enum Content {
    Lazy(Initialize),
    Value(Tensor),
    /// Taken out by an update that failed.
    Lost,
}

impl Variable {
    /// A trainable variable that holds `value`.
    pub fn new(value: Tensor, name: impl Into<String>) -> Self {
        let (shape, dtype) = (value.shape().clone(), value.dtype());
        Self::with_content(shape, dtype, name.into(), Content::Value(value))
    }

    /// A trainable variable whose first value is computed when it is first read.
    pub fn lazy(
        shape: impl Into<Shape>,
        dtype: DType,
        name: impl Into<String>,
        initialize: impl Fn() -> Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        let content = Content::Lazy(Box::new(initialize));
        Self::with_content(shape.into(), dtype, name.into(), content)
    }

    fn with_content(shape: Shape, dtype: DType, name: String, content: Content) -> Self {
        Variable(Arc::new(Inner {
            number: Id::fresh_variable(),
            path: RwLock::new(name.clone()),
            name,
            dtype,
            shape,
            trainable: AtomicBool::new(true),
            frozen: AtomicBool::new(false),
            slot: RwLock::new(Slot {
                version: 0,
                content,
            }),
        }))
    }

    /// The name: `kernel`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name with those of its owners: `dense/kernel`.
    pub fn path(&self) -> String {
        self.0
            .path
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets the path; whoever takes a variable in does it once.
    pub fn set_path(&self, path: impl Into<String>) {
        *self.0.path.write().unwrap_or_else(PoisonError::into_inner) = path.into();
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Whether training changes it: it was declared trainable, and no layer that owns it is frozen.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed) && !self.0.frozen.load(Ordering::Relaxed)
    }

    /// Whether it was declared trainable, frozen or not.
    pub fn declared_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Declares it trainable or not.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Ordering::Relaxed);
    }

    /// Freezes or thaws it, on behalf of a layer that owns it.
    pub fn set_frozen(&self, frozen: bool) {
        self.0.frozen.store(frozen, Ordering::Relaxed);
    }

    /// The id that gradients of this variable are kept under.
    pub fn family(&self) -> Id {
        Id::of_variable(self.0.number, 0, false).family()
    }

    /// Whether `other` is the same variable.
    pub fn is(&self, other: &Variable) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The value now; while shapes are inferred, a meta tensor.
    ///
    /// # Errors
    /// The first value could not be computed.
    pub fn value(&self) -> Result<Tensor> {
        if observe::is_meta_scope() {
            return Ok(Tensor::meta(self.0.shape.clone(), self.0.dtype));
        }
        let value = if observe::is_tracing() {
            Tensor::meta(self.0.shape.clone(), self.0.dtype).with_id(self.id())
        } else {
            self.read()?
        };
        observe::tell_read(self, &value);
        Ok(value)
    }

    /// The id of the value now, without computing a first one.
    pub fn id(&self) -> Id {
        let slot = self.0.slot.read().unwrap_or_else(PoisonError::into_inner);
        Id::of_variable(self.0.number, slot.version, self.is_trainable())
    }

    /// How many times any variable was written: whoever keeps what follows from variables looks at their ids only where
    /// this has changed.
    pub fn writes() -> u64 {
        WRITES.load(Ordering::Acquire)
    }

    fn refuse_while_traced(&self, value: Option<&Tensor>) -> Result<()> {
        if !observe::is_tracing() {
            return Ok(());
        }
        if let Some(value) = value {
            observe::tell_assigned(self, value);
        }
        Err(Error::not_ready(
            format!("variable `{}`", self.path()),
            "it cannot be written while a computation is traced",
        ))
    }

    fn read(&self) -> Result<Tensor> {
        {
            let slot = self.0.slot.read().unwrap_or_else(PoisonError::into_inner);
            match &slot.content {
                Content::Value(t) => return Ok(self.stamped(t.clone(), slot.version)),
                Content::Lost => return Err(self.lost()),
                Content::Lazy(_) => {}
            }
        }
        let mut slot = self.0.slot.write().unwrap_or_else(PoisonError::into_inner);
        if let Content::Lazy(initialize) = &slot.content {
            let value = observe::unobserved(initialize)?;
            self.check(value.shape(), value.dtype())?;
            slot.content = Content::Value(value);
        }
        match &slot.content {
            Content::Value(t) => Ok(self.stamped(t.clone(), slot.version)),
            _ => Err(self.lost()),
        }
    }

    fn stamped(&self, value: Tensor, version: u64) -> Tensor {
        value.with_id(Id::of_variable(self.0.number, version, self.is_trainable()))
    }

    fn lost(&self) -> Error {
        Error::not_ready(
            format!("variable `{}`", self.path()),
            "an update of it failed half way; load or assign its value again",
        )
    }

    fn check(&self, shape: &Shape, dtype: DType) -> Result<()> {
        if *shape != self.0.shape {
            return Err(Error::shape(
                format!("variable `{}`", self.path()),
                &[shape],
                format!("a value of shape {}", self.0.shape),
            ));
        }
        if dtype != self.0.dtype {
            return Err(Error::dtype(
                format!("variable `{}`", self.path()),
                dtype,
                format!("a value of dtype {}; cast it first", self.0.dtype),
            ));
        }
        Ok(())
    }

    /// Gives it a new value.
    ///
    /// # Errors
    /// Another shape or dtype.
    pub fn assign(&self, value: &Tensor) -> Result<()> {
        self.check(value.shape(), value.dtype())?;
        if observe::is_meta_scope() {
            return Ok(());
        }
        self.refuse_while_traced(Some(value))?;
        if value.is_meta() {
            return Err(Error::NoData {
                op: format!("assigning variable `{}`", self.path()),
                shape: value.shape().clone(),
            });
        }
        {
            let mut slot = self.0.slot.write().unwrap_or_else(PoisonError::into_inner);
            slot.version += 1;
            slot.content = Content::Value(value.clone().with_mask(None));
        }
        WRITES.fetch_add(1, Ordering::Release);
        observe::tell_assigned(self, value);
        Ok(())
    }

    /// Takes the value out for an update that may write over it; [`Variable::put`] must follow.
    ///
    /// # Errors
    /// There is no value.
    pub fn take(&self) -> Result<Tensor> {
        self.refuse_while_traced(None)?;
        self.read()?;
        let mut slot = self.0.slot.write().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut slot.content, Content::Lost) {
            Content::Value(t) => Ok(self.stamped(t, slot.version)),
            other => {
                slot.content = other;
                Err(self.lost())
            }
        }
    }

    /// Puts the value back that an update made of what [`Variable::take`] gave.
    ///
    /// # Errors
    /// Another shape or dtype.
    pub fn put(&self, value: Tensor) -> Result<()> {
        self.check(value.shape(), value.dtype())?;
        if observe::anybody() {
            return self.assign(&value);
        }
        let mut slot = self.0.slot.write().unwrap_or_else(PoisonError::into_inner);
        slot.version += 1;
        slot.content = Content::Value(value);
        drop(slot);
        WRITES.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<Variable path={}, shape={}, dtype={}>",
            self.path(),
            self.0.shape,
            self.0.dtype
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lazy_values_are_computed_once_when_read() {
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = count.clone();
        let v = Variable::lazy([2], DType::F32, "v", move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Tensor::new(&[1.0f32, 2.0], [2])
        });
        assert_eq!(count.load(Ordering::SeqCst), 0);
        assert!(observe::meta_scope(|| v.value().unwrap().is_meta()));
        assert_eq!(count.load(Ordering::SeqCst), 0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| v.value().unwrap());
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn assigning_another_shape_names_the_variable() {
        let v = Variable::new(Tensor::scalar(1.0f32), "scale");
        let message = v
            .assign(&Tensor::new(&[1.0f32], [1]).unwrap())
            .unwrap_err()
            .to_string();
        assert!(message.contains("variable `scale`"), "{message}");
    }

    #[test]
    fn an_old_value_stays_what_it_was() {
        let v = Variable::new(Tensor::scalar(1.0f32), "v");
        let old = v.value().unwrap();
        v.assign(&Tensor::scalar(2.0f32)).unwrap();
        assert_eq!(old.item().unwrap(), 1.0);
        assert_ne!(old.id(), v.value().unwrap().id());
        assert_eq!(old.id().family(), v.family());
    }
}
