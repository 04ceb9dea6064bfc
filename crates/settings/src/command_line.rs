//! Settings that were typed, flag by flag.

use dst_core::{Error, Result};
use serde_json::Value;

use crate::axis;
use crate::parameters::as_one_list;
use crate::plain_key::plain;
use crate::setting::{Key, Setting, SettingLayer, Source};

/// What the flags of one command set. Errors name the flag.
#[derive(Debug, Default)]
pub struct CommandLine {
    pub(crate) layer: SettingLayer,
}

impl CommandLine {
    /// Nothing was typed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a flag for a key without a table, such as `--seeds`, if it was typed.
    ///
    /// # Errors
    /// If there is no such key, or the text cannot be read.
    pub fn plain(&mut self, flag: &str, key: &str, text: Option<&str>) -> Result<()> {
        if let Some(text) = text {
            self.layer.push(plain(key)?.setting(text, Source::Flag(flag.to_owned()))?);
        }
        Ok(())
    }

    /// Adds the data sets that were typed one by one, so that a path may have any letter in it; none
    /// leaves the key to other sources.
    pub fn datasets(&mut self, flag: &str, names: &[String]) {
        if !names.is_empty() {
            let values = names.iter().map(|name| Value::from(name.as_str())).collect();
            let source = Source::Flag(flag.to_owned());
            self.layer.push((Key::Plain("datasets"), Setting::new(values, source)));
        }
    }

    /// Adds a flag that is short for a key of a table, such as `--epochs` for `training.epochs`, if it
    /// was typed.
    ///
    /// # Errors
    /// If the key was set before, or the text cannot be read.
    pub fn shortcut(&mut self, flag: &str, path: &str, text: Option<&str>) -> Result<()> {
        match text {
            Some(text) => self.assign(flag.to_owned(), Key::typed(path)?, text),
            None => Ok(()),
        }
    }

    /// Adds what `--set` was given, such as `rigl.drop_fraction=0.1,0.3`.
    ///
    /// # Errors
    /// If there is no `=`, the key is unknown or was set before, or the values cannot be read.
    pub fn set(&mut self, text: &str) -> Result<()> {
        let typed = format!("--set {text}");
        let Some((path, values)) = text.split_once('=') else {
            return Err(Error::usage("there is no '='")
                .at(typed)
                .hint("write for example --set rigl.drop_fraction=0.1,0.3"));
        };
        let key = Key::typed(path).map_err(|error| error.at(typed.clone()))?;
        self.assign(typed, key, values)
    }

    /// As [`CommandLine::set`], of options of data sets only.
    ///
    /// # Errors
    /// As there, and if it sets something else.
    pub fn set_of_data(&mut self, text: &str) -> Result<()> {
        self.set(text)?;
        match self.layer.last() {
            Some((Key::Dataset(..), _)) => Ok(()),
            _ => Err(Error::usage("this is no option of a data set")
                .at(format!("--set {text}"))
                .hint("`harness describe NAME` lists those that a data set has")),
        }
    }

    fn assign(&mut self, typed: String, key: Key, text: &str) -> Result<()> {
        if let Some((_, earlier)) = self.layer.iter().find(|(earlier, _)| *earlier == key) {
            return Err(Error::usage(format!("{key} is set twice"))
                .at(format!("{} and {typed}", earlier.source))
                .hint("several values are written as a list: --set rigl.drop_fraction=0.1,0.3"));
        }
        let source = Source::Flag(typed);
        let values = axis::values(text).map_err(|error| error.at(source.to_string()))?;
        let values = as_one_list(&key, values);
        self.layer.push((key, Setting::new(values, source)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(set: &str) -> Result<SettingLayer> {
        let mut typed = CommandLine::new();
        typed.plain("--seeds", "seeds", None)?;
        typed.shortcut("--epochs", "training.epochs", Some("2"))?;
        typed.set(set)?;
        Ok(typed.layer)
    }

    #[test]
    fn settings_know_what_was_typed() {
        let layer = typed("training.momentum=0.1,0.2").unwrap();
        assert_eq!(layer[0].1.source.to_string(), "--epochs");
        assert_eq!(layer[1].0, Key::Training("momentum".into()));
        assert_eq!(layer[1].1.values, [0.1, 0.2]);
        assert_eq!(layer[1].1.source.to_string(), "--set training.momentum=0.1,0.2");
    }

    #[test]
    fn contradictions_and_half_settings_are_refused() {
        let error = |text: &str| typed(text).unwrap_err().to_string();
        assert!(error("training.epochs=3").contains("is set twice"));
        assert!(error("training.epochs").contains("there is no '='"));
        assert!(error("epochs=3").contains("does not say what it belongs to"));
        assert!(error("trainin.epochs=3").contains("did you mean 'training'"));
    }
}
