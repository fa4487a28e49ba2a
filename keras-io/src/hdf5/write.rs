//! Writing a tree.

use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use keras_tensor::{DType, Error, Result, Tensor};

use super::dtype::datatype_of;
use super::{Attribute, Tree};
use crate::bytes::bytes_of;
use crate::limits::format_error;

/// Bytes of one attribute above which Keras cuts a list of names into `name0`, `name1`, ...
const CHUNK: usize = 64_512;

impl Tree {
    /// The bytes of an HDF5 file that holds this.
    ///
    /// # Errors
    /// A tensor without data, or a name that HDF5 cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut file = FileBuilder::new();
        for (name, value) in self.stored_attributes() {
            file.set_attr(&name, value);
        }
        for (name, tree) in &self.groups {
            let group = file.create_group(name);
            file.add_group(tree.fill(group)?.finish());
        }
        for (name, tensor) in &self.datasets {
            put(file.create_dataset(name), tensor)?;
        }
        file.finish().map_err(|e| failed(&e))
    }

    fn fill(&self, mut group: GroupBuilder) -> Result<GroupBuilder> {
        for (name, value) in self.stored_attributes() {
            group.set_attr(&name, value);
        }
        for (name, tree) in &self.groups {
            let child = group.create_group(name);
            group.add_group(tree.fill(child)?.finish());
        }
        for (name, tensor) in &self.datasets {
            put(group.create_dataset(name), tensor)?;
        }
        Ok(group)
    }

    fn stored_attributes(&self) -> Vec<(String, AttrValue)> {
        let mut stored = Vec::new();
        for (name, value) in &self.attributes {
            match value {
                Attribute::Text(text) => {
                    stored.push((name.clone(), AttrValue::VarLenString(text.clone())));
                }
                Attribute::Texts(texts) => store_list(name, texts, &mut stored),
            }
        }
        stored
    }
}

/// A list of names as Keras's legacy files hold it.
fn store_list(name: &str, texts: &[String], stored: &mut Vec<(String, AttrValue)>) {
    if texts.is_empty() {
        // NumPy's empty array, of floats.
        stored.push((name.to_string(), AttrValue::F64Array(Vec::new())));
        return;
    }
    // A string takes 16 bytes in the attribute, whatever its length; the text itself lies in a heap.
    let chunk = CHUNK / 16;
    if texts.len() <= chunk {
        let all = AttrValue::VarLenAsciiStringArray(texts.to_vec());
        stored.push((name.to_string(), all));
        return;
    }
    for (i, part) in texts.chunks(chunk).enumerate() {
        let part = AttrValue::VarLenAsciiStringArray(part.to_vec());
        stored.push((format!("{name}{i}"), part));
    }
}

fn put(dataset: &mut hdf5_pure::DatasetBuilder, tensor: &Tensor) -> Result<()> {
    let shape: Vec<u64> = tensor.shape().iter().map(|&n| n as u64).collect();
    let (datatype, bytes) = (datatype_of(tensor.dtype()), bytes_of(tensor)?);
    dataset
        .with_raw_data(datatype, bytes, tensor.size() as u64)
        .with_shape(&shape);
    if tensor.dtype() == DType::BF16 {
        dataset.set_attr("dtype", AttrValue::VarLenString("bfloat16".into()));
    }
    Ok(())
}

fn failed(e: &hdf5_pure::Error) -> Error {
    format_error("HDF5", format!("it cannot be written: {e}"))
}
