//! The registry of plug-ins.
//!
//! A crate registers its plug-ins with `inventory::submit!`. A crate that is only listed in a
//! `Cargo.toml` is not linked and registers nothing: a binary must name it with
//! `use strategy_x as _;`, which the harness's build script does for all that it lists.

use crate::error::{Error, Result};

/// A plug-in record with a name.
pub trait Plugin: Sized + Sync + 'static {
    /// What such plug-ins are called in messages.
    const KIND: &'static str;

    /// The plug-in's name.
    fn name(&self) -> &'static str;

    /// All linked plug-ins of this kind, sorted by name.
    ///
    /// # Errors
    /// If two have one name.
    fn all() -> Result<&'static [&'static Self]>;

    /// The plug-in of that name.
    ///
    /// # Errors
    /// If there is none; the nearest name is suggested.
    fn find(name: &str) -> Result<&'static Self> {
        let all = Self::all()?;
        all.iter()
            .find(|plugin| plugin.name() == name)
            .copied()
            .ok_or_else(|| Error::unknown(Self::KIND, name, all.iter().map(|plugin| plugin.name())))
    }
}

/// Implements [`Plugin`] for a record that `inventory` collects, with what such plug-ins are called.
#[macro_export]
macro_rules! registry {
    ($record:ty, $kind:literal) => {
        impl $crate::registry::Plugin for $record {
            const KIND: &'static str = $kind;

            fn name(&self) -> &'static str {
                self.name
            }

            fn all() -> $crate::Result<&'static [&'static Self]> {
                static SORTED: std::sync::OnceLock<Vec<&'static $record>> =
                    std::sync::OnceLock::new();
                let sorted =
                    SORTED.get_or_init(|| $crate::registry::sorted(inventory::iter::<$record>()));
                $crate::registry::check_names(sorted)?;
                Ok(sorted)
            }
        }
    };
}

/// Plug-ins by name.
pub fn sorted<P: Plugin>(plugins: impl IntoIterator<Item = &'static P>) -> Vec<&'static P> {
    let mut plugins: Vec<_> = plugins.into_iter().collect();
    plugins.sort_by_key(|plugin| plugin.name());
    plugins
}

/// Refuses two plug-ins of one name among sorted ones.
///
/// # Errors
/// If there are two.
pub fn check_names<P: Plugin>(sorted: &[&P]) -> Result<()> {
    match sorted.windows(2).find(|pair| pair[0].name() == pair[1].name()) {
        None => Ok(()),
        Some(pair) => Err(Error::contract(format!(
            "two linked crates register the {} '{}'",
            P::KIND,
            pair[0].name()
        ))
        .hint("rename one of them, or link only one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl Plugin for Named {
        const KIND: &'static str = "report";

        fn name(&self) -> &'static str {
            self.0
        }

        fn all() -> Result<&'static [&'static Self]> {
            Ok(&[&Named("csv")])
        }
    }

    #[test]
    fn plug_ins_are_sorted_and_twins_are_refused() {
        let list = sorted([&Named("b"), &Named("a"), &Named("b")]);
        let names: Vec<_> = list.iter().map(|plugin| plugin.name()).collect();
        assert_eq!(names, ["a", "b", "b"]);
        let error = check_names(&list).unwrap_err().to_string();
        assert!(error.starts_with("two linked crates register the report 'b'"), "{error}");
        assert!(check_names(&list[..2]).is_ok());
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        assert!(Named::find("csv").is_ok());
        let error = Named::find("cvs").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("did you mean 'csv'?"), "{error}");
    }
}
