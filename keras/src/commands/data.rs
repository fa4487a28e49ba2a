//! Arrays of files as a model wants them.

use keras::io::{Limits, arrays};
use keras::models::{Data, Model, Structure};
use keras::{DType, Error, Result, Tensor, ops};
use std::path::Path;

/// The arrays of a file for a model's inputs, in the dtypes and ranks that these want.
pub(crate) fn inputs(model: &Model, path: &Path) -> Result<Structure<Tensor>> {
    // A model that is code of somebody's own has no inputs with names.
    let wanted = model.inputs().unwrap_or_default();
    let names: Vec<String> = wanted
        .iter()
        .map(|x| x.layer().name().to_string())
        .collect();
    let given = read(path, &names)?;
    let fit = |place: usize, t: &Tensor| match wanted.get(place) {
        None => Ok(t.clone()),
        Some(x) if t.rank() + 1 == x.dims().len() && x.dims().last().ok() == Some(1) => {
            ops::cast(ops::expand_dims(t, -1)?, x.dtype())
        }
        Some(x) => ops::cast(t, x.dtype()),
    };
    Ok(match given {
        Structure::One(t) => Structure::One(fit(0, &t)?),
        Structure::List(all) => {
            let fitted = all.iter().enumerate().map(|(i, t)| fit(i, t));
            Structure::List(fitted.collect::<Result<_>>()?)
        }
        Structure::Map(all) => {
            let place = |name: &String| names.iter().position(|n| n == name).unwrap_or(names.len());
            let fitted = all
                .into_iter()
                .map(|(n, t)| Ok((n.clone(), fit(place(&n), &t)?)));
            Structure::Map(fitted.collect::<Result<_>>()?)
        }
    })
}

/// The arrays of files for training or evaluation.
pub(crate) fn labelled(model: &Model, x: &Path, y: &Path, weight: Option<&Path>) -> Result<Data> {
    let names = model.output_names();
    Ok(Data::Tensors {
        x: inputs(model, x)?,
        y: Some(read(y, &names)?),
        sample_weight: weight.map(|path| read(path, &names)).transpose()?,
    })
}

/// The arrays of a file for these names; float64 becomes float32, as in Keras.
fn read(path: &Path, names: &[String]) -> Result<Structure<Tensor>> {
    let arrays = arrays::read(path, &Limits::default())?;
    let arrays = arrays::for_names(&path.display().to_string(), arrays, names)?;
    arrays.try_map(|t| match t.dtype() {
        DType::F64 => ops::cast(t, DType::F32),
        _ => Ok(t.clone()),
    })
}

/// Whether the file was compiled; what it was compiled with is there then.
pub(crate) fn check_compiled(model: &Model, path: &Path) -> Result<()> {
    let problem = "the model in it was never compiled, so it has no optimizer and no loss";
    let uncompiled = |_| Error::data(path.display().to_string(), problem);
    model.optimizer().map(|_| ()).map_err(uncompiled)
}
