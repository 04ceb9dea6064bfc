//! Optimisers and schedules by name: what a registered one has beside its code.

use dst_core::{Error, Result, text};
use schemars::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A component and all its parameters.
pub(crate) type Found<T> = (Box<T>, Map<String, Value>);

/// Makes a component from complete parameters, and writes them in one way.
type Read<T> = fn(&Map<String, Value>) -> Result<Found<T>>;

/// The parameters of one component without their type. `T` is what it is to the trainer, such as
/// `dyn Rule`.
#[derive(Debug)]
pub struct ComponentType<T: ?Sized + 'static> {
    pub(crate) defaults: fn() -> Result<Map<String, Value>>,
    pub(crate) schema: fn() -> Schema,
    pub(crate) read: Read<T>,
}

impl<T: ?Sized> ComponentType<T> {
    /// Every parameter with its default.
    ///
    /// # Errors
    /// If the component is no struct with named fields.
    pub fn defaults(&self) -> Result<Map<String, Value>> {
        (self.defaults)()
    }

    /// Names, types and documentation of the parameters.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Every parameter: `given` over the defaults, in range and written in one way.
    ///
    /// # Errors
    /// If a parameter is unknown (the nearest is suggested), of the wrong type or out of range.
    pub fn complete(&self, given: &Map<String, Value>) -> Result<Map<String, Value>> {
        self.over_defaults(given).map(|(_, parameters)| parameters)
    }

    /// The component with the parameters `given` over its defaults, and all of them.
    ///
    /// # Errors
    /// As [`ComponentType::complete`].
    pub(crate) fn over_defaults(&self, given: &Map<String, Value>) -> Result<Found<T>> {
        let mut parameters = self.defaults()?;
        for (key, value) in given {
            if !parameters.contains_key(key) {
                let known = parameters.keys().map(String::as_str);
                return Err(Error::unknown("parameter", key, known));
            }
            parameters.insert(key.clone(), value.clone());
        }
        (self.read)(&parameters)
    }
}

/// Reads the parameters of a component.
///
/// # Errors
/// If one is of the wrong type, naming its key.
pub(crate) fn read<C: Default + Serialize + DeserializeOwned>(
    parameters: &Map<String, Value>,
) -> Result<C> {
    let read = |parameters| serde_json::from_value::<C>(Value::Object(parameters));
    read(parameters.clone()).map_err(|error| {
        let wrong = parameters.iter().find_map(|(key, value)| {
            let mut alone = written(&C::default()).ok()?;
            alone.insert(key.clone(), value.clone());
            let error = read(alone).err()?;
            Some((key, error.to_string()))
        });
        match wrong {
            Some((key, error)) => Error::usage(text::of_wrong_type(&error)).at(key.as_str()),
            None => Error::usage(text::of_wrong_type(&error.to_string())),
        }
    })
}

/// The parameters of a component.
pub(crate) fn written(component: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(component) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::contract("a component must be a struct with named fields")),
        Err(error) => Err(Error::contract(format!("a component cannot be written: {error}"))),
    }
}

/// Declares the record of a registered kind of component, and the macro that registers one.
macro_rules! plugin {
    (
        $(#[doc = $doc:literal])*
        $plugin:ident of $component:ident, called $kind:literal
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub struct $plugin {
            /// Its name, in lower case with dashes.
            pub name: &'static str,
            /// Its name as papers write it.
            pub title: &'static str,
            /// Authors, year and title; may be empty.
            pub paper: &'static str,
            /// One sentence: what it does.
            pub summary: &'static str,
            /// Its parameters.
            pub parameters: $crate::ComponentType<dyn $component>,
        }

        inventory::collect!($plugin);
        dst_core::registry!($plugin, $kind);

        /// The code of a component that a training names, with all its parameters.
        fn found(
            component: &dst_core::training::Component,
        ) -> dst_core::Result<$crate::component::Found<dyn $component>> {
            use dst_core::plugin::Plugin;
            let plugin = $plugin::find(&component.name)?;
            let found = plugin.parameters.over_defaults(&component.parameters);
            found.map_err(|error| error.at(plugin.name))
        }

        /// Every parameter of a component, written in one way.
        ///
        /// # Errors
        /// If its name or a parameter is unknown, of the wrong type or out of range.
        pub(crate) fn complete(
            component: &dst_core::training::Component,
        ) -> dst_core::Result<serde_json::Map<String, serde_json::Value>> {
            found(component).map(|(_, parameters)| parameters)
        }

        impl $plugin {
            /// The parameters of `C`, for the macro that registers it.
            #[doc(hidden)]
            pub const fn parameters_of<C>() -> $crate::ComponentType<dyn $component>
            where
                C: $component
                    + Default
                    + serde::Serialize
                    + serde::de::DeserializeOwned
                    + schemars::JsonSchema
                    + 'static,
            {
                $crate::ComponentType {
                    defaults: || $crate::component::written(&C::default()),
                    schema: || schemars::schema_for!(C),
                    read: |parameters| {
                        let component: C = $crate::component::read(parameters)?;
                        component.validate()?;
                        let parameters = $crate::component::written(&component)?;
                        Ok((Box::new(component), parameters))
                    },
                }
            }
        }
    };
}
pub(crate) use plugin;
