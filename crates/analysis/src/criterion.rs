//! By what the comparisons of a family are judged.

/// What all comparisons of a family share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Criterion {
    /// The margin in the unit of the metric; none if it could not be worked out.
    pub(crate) margin: Option<f64>,
    /// Level of the look.
    pub(crate) alpha: f64,
}
