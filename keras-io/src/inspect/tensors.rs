//! Datasets of an HDF5 file.

use keras_tensor::Result;

use super::StoredTensor;
use crate::Limits;
use crate::hdf5::Group;
use crate::limits::format_error;

/// The datasets of a group and of the groups in it.
pub(super) fn of(file: &Group, limits: &Limits) -> Result<Vec<StoredTensor>> {
    let mut all = Vec::new();
    let mut left = limits.nodes;
    visit(file, &mut left, &mut all)?;
    Ok(all)
}

/// Groups may lie in each other in circles: the depth of paths is limited, and so is the number of visits.
fn visit(group: &Group, left: &mut usize, all: &mut Vec<StoredTensor>) -> Result<()> {
    let mut datasets = group.datasets()?;
    let groups = group.groups()?;
    let here = datasets.len() + groups.len() + 1;
    *left = left.checked_sub(here).ok_or_else(|| {
        let what = format!("HDF5 group /{}", group.path());
        format_error(
            what,
            "the file holds more groups and datasets than the limit allows",
        )
    })?;
    // Keras numbers variables, and ten comes after nine.
    datasets.sort_by_key(|name| (name.parse::<u64>().ok(), name.clone()));
    for name in datasets {
        let Some(dataset) = group.find_dataset(&name)? else {
            continue;
        };
        all.push(StoredTensor {
            path: dataset.path().to_string(),
            shape: dataset.shape()?,
            dtype: dataset.dtype().ok(),
        });
    }
    for name in groups {
        if let Some(inner) = group.find_group(&name)? {
            visit(&inner, left, all)?;
        }
    }
    Ok(())
}
