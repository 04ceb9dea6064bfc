//! The keys of an [`Exchange`](super::Exchange) among those of a method: flat, under the method's
//! words, with the method's defaults.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::{Map, Value};

use super::{Exchange, Given};
use crate::error::{Error, Result};
use crate::strategy::Strategy;

/// How a method spells the shared parameters. Most say nothing: [`Keys::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Those that mean nothing to the method: users cannot set them, and `*` passes the method by.
    pub absent: &'static [&'static str],
    /// Those that the method got after results were stored: configs leave them out at their
    /// default, so that trials from before keep their ids.
    pub later: &'static [&'static str],
    /// `(shared, own)`: words of the method's paper in place of the shared ones.
    pub renamed: &'static [(&'static str, &'static str)],
}

impl Keys {
    /// Every parameter, under its shared name.
    pub const ALL: Self = Self { absent: &[], later: &[], renamed: &[] };

    /// What the method calls the shared parameter `key`.
    pub fn own_name(self, key: &'static str) -> &'static str {
        self.renamed.iter().find(|(shared, _)| *shared == key).map_or(key, |(_, own)| own)
    }

    fn is_left_out(self, key: &str) -> bool {
        // What has the method's own name was there before it was shared.
        let is_later =
            LATER.contains(&key) && !self.renamed.iter().any(|(shared, _)| *shared == key);
        is_later || self.later.contains(&key) || self.absent.contains(&key)
    }
}

/// Keys that all methods got after results were stored.
const LATER: [&str; 6] = [
    "start",
    "final_drop_fraction",
    "dense_first_layer",
    "dense_last_layer",
    "layer_densities",
    "grow_new_first",
];

/// A field that is given, `null` included.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Declares [`Exchange`] and the same struct with every field optional, so that what is not given
/// stays at the default of the method, not of this type.
///
/// `Exchange` has no `Deserialize`: a method that forgot [`Shared`] would read other defaults.
macro_rules! exchange {
    ($($(#[doc = $doc:literal])* $key:ident: $type:ty,)*) => {
        /// The parameters that drop-and-grow methods share.
        ///
        /// A method holds one, flattened by [`Shared`], so that users write `rigl.drop_fraction`.
        /// There is no default: each method states its own.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
        pub struct Exchange {
            $($(#[doc = $doc])* pub $key: $type,)*
        }

        #[derive(serde::Deserialize)]
        struct Given {
            $(#[serde(default, deserialize_with = "keys::given")] $key: Option<$type>,)*
        }

        impl Given {
            const KEYS: &[&str] = &[$(stringify!($key),)*];

            fn over(self, base: &Exchange) -> Exchange {
                Exchange { $($key: self.$key.unwrap_or_else(|| base.$key.clone()),)* }
            }
        }
    };
}
pub(super) use exchange;

/// Reads and writes the [`Exchange`] of the method `S` among its own keys, and documents it:
///
/// ```text
/// #[serde(flatten, with = "Shared::<Rigl>")]
/// #[schemars(with = "Shared<Rigl>")]
/// exchange: Exchange,
/// ```
#[derive(Debug)]
pub struct Shared<S>(PhantomData<S>);

impl<S: Strategy + Default + 'static> Shared<S> {
    /// Keys that are not given are at the default of the method.
    ///
    /// # Errors
    /// If a value is of the wrong type.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Exchange, D::Error> {
        // A map, because the names are the method's; only the shared ones are taken out of it.
        let named = Named { keys: S::keys() };
        let map = deserializer.deserialize_struct("Exchange", own_names::<S>(), named)?;
        let given = Given::deserialize(Value::Object(map)).map_err(D::Error::custom)?;
        Ok(given.over(&default::<S>().map_err(D::Error::custom)?))
    }

    /// Leaves out what came later than stored results and is at the default of the method.
    ///
    /// # Errors
    /// If the serializer fails.
    pub fn serialize<W: Serializer>(
        exchange: &Exchange,
        serializer: W,
    ) -> std::result::Result<W::Ok, W::Error> {
        let default = default::<S>().and_then(|default| values(&default));
        let default = default.map_err(W::Error::custom)?;
        let mut values = values(exchange).map_err(W::Error::custom)?;
        values.retain(|key, value| !S::keys().is_left_out(key) || default.get(key) != Some(value));
        let mut map = serializer.serialize_map(Some(values.len()))?;
        for (key, value) in &values {
            map.serialize_entry(own_name::<S>(key), value)?;
        }
        map.end()
    }
}

impl<S: Strategy + Default + 'static> JsonSchema for Shared<S> {
    fn schema_name() -> Cow<'static, str> {
        "Exchange".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Exchange::json_schema(generator);
        let default = default::<S>().and_then(|default| values(&default)).unwrap_or_default();
        schema.remove("required");
        // The method describes itself.
        schema.remove("description");
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.retain(|key, _| !S::keys().absent.contains(&key.as_str()));
            let named = std::mem::take(properties).into_iter().map(|(key, mut property)| {
                if let (Some(value), Value::Object(property)) = (default.get(&key), &mut property) {
                    property.insert("default".into(), value.clone());
                }
                (own_name::<S>(&key).to_owned(), property)
            });
            *properties = named.collect();
        }
        schema
    }
}

fn default<S: Strategy + Default>() -> Result<Exchange> {
    S::default()
        .exchange()
        .cloned()
        .ok_or_else(|| Error::contract("the method holds an exchange, but `exchange` returns None"))
}

fn own_name<S: Strategy + Default>(key: &str) -> &str {
    S::keys().renamed.iter().find(|(shared, _)| *shared == key).map_or(key, |(_, own)| own)
}

/// The method's names of the shared parameters that it has, once for every type.
fn own_names<S: Strategy + Default + 'static>() -> &'static [&'static str] {
    // Serde wants names that live on.
    static NAMES: Mutex<BTreeMap<TypeId, &'static [&'static str]>> = Mutex::new(BTreeMap::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(TypeId::of::<S>()).or_insert_with(|| {
        let keys = S::keys();
        let present = Given::KEYS.iter().filter(|key| !keys.absent.contains(key));
        present.map(|key| keys.own_name(key)).collect::<Vec<_>>().leak()
    })
}

fn values(exchange: &Exchange) -> Result<Map<String, Value>> {
    match serde_json::to_value(exchange) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(Error::contract("an exchange is a struct of plain data")),
    }
}

/// Collects the shared parameters that are given, under their shared names.
struct Named {
    keys: Keys,
}

impl<'de> serde::de::Visitor<'de> for Named {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the shared parameters of a method")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(
        self,
        mut access: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            let shared = self.keys.renamed.iter().find(|(_, own)| *own == key);
            let key = shared.map_or(key, |(shared, _)| (*shared).to_owned());
            if map.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
        }
        Ok(map)
    }
}
