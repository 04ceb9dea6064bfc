//! Which crate a plug-in is from.

/// The crate whose code a plug-in is. A result belongs to that code, so the harness records its
/// digest. Every type has it: authors of plug-ins add nothing.
pub trait FromCrate {
    /// The crate that defines the type, as code names it, such as `strategy_rigl`.
    ///
    /// Call it on a `&dyn Strategy`: a `Box` is a type too, and from another crate.
    fn crate_name(&self) -> &'static str;
}

impl<T> FromCrate for T {
    fn crate_name(&self) -> &'static str {
        let path = std::any::type_name::<T>();
        path.split_once("::").map_or(path, |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoOptions;

    struct Mine;

    trait Named: FromCrate {}

    impl Named for Mine {}

    #[test]
    fn a_type_names_its_crate_also_as_an_object() {
        let object: Box<dyn Named> = Box::new(Mine);
        assert_eq!((*object).crate_name(), "dst_core");
        let borrowed: &dyn Named = &Mine;
        assert_eq!(borrowed.crate_name(), "dst_core");
        assert_eq!(NoOptions::default().crate_name(), "dst_core");
        assert_eq!(serde_json::Map::new().crate_name(), "serde_json");
        assert_eq!(0.5_f64.crate_name(), "f64");
    }
}
