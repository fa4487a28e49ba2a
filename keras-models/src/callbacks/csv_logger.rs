use keras_tensor::{Error, Result};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::{Callback, CallbackState};
use crate::{Logs, Model};

/// Writes a line of numbers for each epoch: `epoch`, then the names in the order of the alphabet; `NA` where an epoch
/// has none.
#[derive(Debug)]
pub struct CSVLogger {
    path: PathBuf,
    separator: String,
    append: bool,
    file: Option<File>,
    /// Whether the first line that is written takes the place of what the file holds.
    anew: bool,
    columns: Vec<String>,
}

impl CSVLogger {
    /// Writes to this file, anew at each training.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        CSVLogger {
            path: path.into(),
            separator: ",".into(),
            append: false,
            file: None,
            anew: true,
            columns: Vec::new(),
        }
    }

    /// What stands between columns; a comma by default.
    pub fn separator(mut self, separator: &str) -> Self {
        self.separator = separator.into();
        self
    }

    /// Whether a file that is there is continued.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    fn write(&mut self, fields: &[String]) -> Result<()> {
        let line = fields.join(&self.separator) + "\r\n";
        let file = self.file.as_mut().expect("opened when training began");
        if std::mem::take(&mut self.anew) {
            file.set_len(0).map_err(|e| Error::io(&self.path, e))?;
        }
        file.seek(SeekFrom::End(0))
            .and_then(|_| file.write_all(line.as_bytes()))
            .and_then(|()| file.flush())
            .map_err(|e| Error::io(&self.path, e))
    }

    /// How long the file is.
    fn length(&self, file: &File) -> Result<u64> {
        let about = file.metadata().map_err(|e| Error::io(&self.path, e))?;
        Ok(about.len())
    }
}

impl Callback for CSVLogger {
    fn on_train_begin(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        let continued = self.append && std::fs::metadata(&self.path).is_ok_and(|m| m.len() > 0);
        if continued {
            let text = std::fs::read_to_string(&self.path).map_err(|e| Error::io(&self.path, e))?;
            let header = text.lines().next().unwrap_or_default();
            let names = header.split(self.separator.as_str()).skip(1);
            self.columns = names.map(str::to_string).collect();
        } else {
            self.columns.clear();
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&self.path)
            .map_err(|e| Error::io(&self.path, e))?;
        self.file = Some(file);
        self.anew = !continued;
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, _: &mut Model, logs: &mut Logs) -> Result<()> {
        if self.columns.is_empty() {
            let mut names: Vec<String> = logs.names().map(str::to_string).collect();
            names.sort();
            // Where validation does not come every epoch, its columns are there from the start.
            if !names.iter().any(|n| n.starts_with("val_")) {
                let validation: Vec<String> = names.iter().map(|n| format!("val_{n}")).collect();
                names.extend(validation);
            }
            self.columns = names;
            let header: Vec<String> = std::iter::once("epoch".to_string())
                .chain(self.columns.iter().cloned())
                .collect();
            self.write(&header)?;
        }
        let values = self
            .columns
            .iter()
            .map(|n| logs.get(n).map_or("NA".to_string(), |v| v.to_string()));
        let fields: Vec<String> = std::iter::once(epoch.to_string()).chain(values).collect();
        self.write(&fields)
    }

    fn on_train_end(&mut self, _: &mut Model, _: &Logs) -> Result<()> {
        self.file = None;
        Ok(())
    }

    fn state(&self) -> Result<Option<CallbackState>> {
        let written = match &self.file {
            Some(file) if !self.anew => self.length(file)?,
            _ => 0,
        };
        Ok(Some(CallbackState {
            class: "CSVLogger".into(),
            settings: json!({"written": written, "columns": self.columns}),
            tensors: Vec::new(),
        }))
    }

    /// Cuts off the lines of epochs that will be run again.
    fn set_state(&mut self, state: &CallbackState) -> Result<()> {
        let written = state.settings["written"].as_u64().unwrap_or(0);
        let Some(file) = &self.file else {
            return Ok(());
        };
        // A file that somebody removed or cut begins anew.
        if written > 0 && self.length(file)? >= written {
            file.set_len(written)
                .map_err(|e| Error::io(&self.path, e))?;
            let columns = state.settings["columns"].as_array().into_iter().flatten();
            self.columns = columns
                .filter_map(|c| Some(c.as_str()?.to_string()))
                .collect();
            self.anew = false;
        }
        Ok(())
    }
}
