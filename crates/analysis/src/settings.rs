//! How trials are compared: fixed before the run and recorded with it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use dst_record::record::{Collapse, Status};
use dst_record::{Error, Metric, Result};
use dst_stats::Correction;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How trials are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Analysis {
    /// The strategy that others are compared with; empty for the registered baseline.
    pub control: String,
    /// The largest loss that still counts as no worse: in the unit of the data set's metric (0.005 is
    /// half a point of accuracy), or as a share of what the control scores above chance (`"2 %"`).
    pub margin: Margin,
    /// Other margins, by the name of a data set or of a metric: `{"glue/rte" = 0.02, matthews = 0.03}`.
    /// A data set's wins over a metric's, and both over `margin`.
    pub margins: BTreeMap<String, Margin>,
    /// The largest difference, either way, at which two backends of one method still count as
    /// equivalent in their scores; as `margin` is written.
    pub equivalence_margin: Margin,
    /// How far below the control's last validation score a training may stay to have reached it, where
    /// reports say how long that took; as `margin` is written.
    pub target_margin: Margin,
    /// The chance of a false claim that is allowed in each family of comparisons, in (0, 0.5).
    pub alpha: f64,
    /// Fewest pairs of seeds for which a p-value is given.
    pub minimum_pairs: usize,
    /// The test that p-values, intervals and verdicts rest on; the others stand beside it.
    pub test: PrimaryTest,
    /// How p-values are adjusted over all comparisons with the control on one data set and model.
    pub correction: Multiplicity,
    /// Counts of seeds after which verdicts may be looked at, rising, such as `[6, 12]`; the last is all
    /// seeds. Each look spends a part of `alpha`. Empty for one look, at all seeds.
    pub looks: Vec<usize>,
    /// The metric that is compared on a data set, by its name, where it is not the official one:
    /// `{"glue/mrpc" = "accuracy"}`. Checkpoints are chosen by the official one all the same.
    pub metrics: BTreeMap<String, Metric>,
    /// Data sets, or groups of them, on which a network that gives one answer to everything counts as
    /// trained, not as collapsed: `["glue/wnli"]`.
    pub accept_collapse: Vec<String>,
    /// Sets of parameters and of training are choices made on validation: every strategy is compared
    /// with the control's best set. Otherwise with the control that trained as it did.
    pub tuned: bool,
}

/// The largest loss that still counts as no worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// In the unit of the metric.
    Absolute(f64),
    /// A share of the distance between the control's mean score and chance.
    Relative(f64),
}

impl Margin {
    /// The number, of either kind.
    pub fn size(self) -> f64 {
        let (Self::Absolute(size) | Self::Relative(size)) = self;
        size
    }

    /// Refuses what is no margin.
    ///
    /// # Errors
    /// If it is negative, or 1 and more.
    fn validate(self, key: &str) -> Result<()> {
        let (Self::Absolute(size) | Self::Relative(size)) = self;
        if (0.0..1.0).contains(&size) {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = {self} is not in [0, 1)")).hint(
            "it is in the unit of the metric, so half a point of accuracy is 0.005; \"2 %\" is a share \
             of what the control scores above chance",
        ))
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(size) => write!(f, "{size}"),
            // Rounded, because 0.07 * 100 prints as 7.000000000000001.
            Self::Relative(share) => write!(f, "{} %", (share * 1e12).round() / 1e10),
        }
    }
}

impl FromStr for Margin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let (number, relative) = match trimmed.strip_suffix('%') {
            Some(number) => (number.trim_end(), true),
            None => (trimmed, false),
        };
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() && relative => Ok(Self::Relative(value / 100.0)),
            Ok(value) if value.is_finite() => Ok(Self::Absolute(value)),
            _ => Err(Error::usage(format!("'{text}' is no margin"))
                .hint("write 0.005 (in the unit of the metric) or \"2 %\"")),
        }
    }
}

impl Serialize for Margin {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Absolute(size) => serializer.serialize_f64(*size),
            Self::Relative(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Margin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        dst_record::span::from_text_or_number(deserializer)
    }
}

impl JsonSchema for Margin {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Margin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "examples": [0.005, "2 %"] })
    }
}

/// The test of paired differences that decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrimaryTest {
    /// Student's t of the mean difference.
    #[default]
    PairedT,
    /// Wilcoxon's signed ranks, exact: of symmetric differences, whatever their distribution.
    Wilcoxon,
    /// Sign flips of the mean difference, exact up to 20 pairs.
    SignFlips,
}

impl PrimaryTest {
    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::PairedT => "paired t",
            Self::Wilcoxon => "Wilcoxon",
            Self::SignFlips => "sign flips",
        }
    }
}

/// How p-values of one family are adjusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Multiplicity {
    /// Not at all.
    None,
    /// Times the size of the family.
    Bonferroni,
    /// Step-down, under any dependence (Holm 1979).
    #[default]
    Holm,
    /// Step-up, of independent or positively dependent tests (Hochberg 1988).
    Hochberg,
    /// By closed testing with Simes' inequality, as Hochberg (Hommel 1988).
    Hommel,
    /// False discovery rate (Benjamini & Hochberg 1995), for exploratory screens.
    BenjaminiHochberg,
    /// False discovery rate under any dependence (Benjamini & Yekutieli 2001).
    BenjaminiYekutieli,
}

impl Multiplicity {
    /// The procedure of `dst-stats`.
    pub(crate) fn procedure(self) -> Correction {
        match self {
            Self::None => Correction::None,
            Self::Bonferroni => Correction::Bonferroni,
            Self::Holm => Correction::Holm,
            Self::Hochberg => Correction::Hochberg,
            Self::Hommel => Correction::Hommel,
            Self::BenjaminiHochberg => Correction::BenjaminiHochberg,
            Self::BenjaminiYekutieli => Correction::BenjaminiYekutieli,
        }
    }
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            control: String::new(),
            margin: Margin::Absolute(0.005),
            margins: BTreeMap::new(),
            equivalence_margin: Margin::Absolute(0.003),
            target_margin: Margin::Absolute(0.005),
            alpha: 0.05,
            minimum_pairs: 5,
            test: PrimaryTest::default(),
            correction: Multiplicity::default(),
            looks: Vec::new(),
            metrics: BTreeMap::new(),
            accept_collapse: Vec::new(),
            tuned: false,
        }
    }
}

impl Analysis {
    /// Refuses values outside their range.
    ///
    /// # Errors
    /// If one of the margins, `alpha`, `minimum_pairs` or `looks` is out of range.
    pub fn validate(&self) -> Result<()> {
        self.margin.validate("analysis.margin")?;
        self.equivalence_margin.validate("analysis.equivalence_margin")?;
        self.target_margin.validate("analysis.target_margin")?;
        for (name, margin) in &self.margins {
            margin.validate(&format!("analysis.margins.{name}"))?;
        }
        // Below this, floating-point arithmetic decides and not the data.
        if !(self.alpha >= 1e-9 && self.alpha < 0.5) {
            return Err(Error::usage(format!(
                "analysis.alpha = {:?} is not in [1e-9, 0.5)",
                self.alpha
            )));
        }
        if self.minimum_pairs < 2 {
            return Err(Error::usage("analysis.minimum_pairs must be at least 2"));
        }
        if self.looks.first() == Some(&0) || self.looks.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::usage(format!("analysis.looks = {:?} does not rise", self.looks))
                .hint(
                    "write counts of seeds, such as [6, 12]; the last is the count of all seeds",
                ));
        }
        Ok(())
    }

    /// The margin on a data set, by its name or its label with options, for a metric.
    pub fn margin_on(&self, dataset: &str, label: &str, metric: Metric) -> Margin {
        let metric = metric.to_string();
        let named = [Some(label), Some(dataset), format_of(dataset), Some(&*metric)];
        let mut named = named.into_iter().flatten();
        named.find_map(|name| self.margins.get(name)).copied().unwrap_or(self.margin)
    }

    /// The level at which one of so many comparisons is decided at the last look if no other is: the
    /// part of `alpha` that the look spends, divided by their number unless nothing is corrected. All
    /// corrections are at most that strict.
    pub fn level_among(&self, comparisons: usize) -> f64 {
        // Looks spend by the cube of the share of seeds, as verdicts do.
        let before = match self.looks[..] {
            [.., before, last] => (before as f64 / last as f64).powi(3),
            _ => 0.0,
        };
        let divisor = match self.correction {
            Multiplicity::None => 1,
            _ => comparisons.max(1),
        };
        self.alpha * (1.0 - before) / divisor as f64
    }

    /// Does a trial on this data set count as trained: did it finish, or is its collapse accepted?
    pub fn counts_as_trained(
        &self,
        dataset: &str,
        status: Status,
        collapse: Option<Collapse>,
    ) -> bool {
        let accepted = collapse == Some(Collapse::OneAnswer) && self.accepts_collapse(dataset);
        status == Status::Finished || status == Status::Collapsed && accepted
    }

    /// The metric that was chosen for a data set, if one was.
    pub fn metric_of(&self, dataset: &str) -> Option<Metric> {
        let format = || format_of(dataset).and_then(|format| self.metrics.get(format));
        self.metrics.get(dataset).or_else(format).copied()
    }

    /// Does a network that gives one answer to everything count as trained on this data set?
    pub fn accepts_collapse(&self, dataset: &str) -> bool {
        self.accept_collapse
            .iter()
            .any(|name| name == dataset || Some(&**name) == format_of(dataset))
    }
}

/// The format of data that a user brought, such as `csv` of `csv:iris@3fa94c1b`. What is said of a format
/// holds for all data of it, unless they are named.
pub fn format_of(dataset: &str) -> Option<&str> {
    dataset.split_once(':').map(|(format, _)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_format_holds_for_its_data() {
        let analysis = Analysis {
            margins: [("csv".to_owned(), Margin::Absolute(0.02))].into(),
            metrics: [("csv".to_owned(), Metric::F1Macro)].into(),
            accept_collapse: vec!["csv".to_owned()],
            ..Analysis::default()
        };
        let iris = "csv:iris@3fa94c1b";
        assert!(analysis.accepts_collapse(iris) && !analysis.accepts_collapse("idx:a@1"));
        assert_eq!(analysis.metric_of(iris), Some(Metric::F1Macro));
        assert_eq!(analysis.metric_of("mnist"), None);
    }

    #[test]
    fn margins_are_numbers_or_shares() {
        let read = |text: &str| serde_json::from_str::<Margin>(text);
        assert_eq!(read("0.005").unwrap(), Margin::Absolute(0.005));
        assert_eq!(read("\"0.005\"").unwrap(), Margin::Absolute(0.005));
        assert_eq!(read("\"7%\"").unwrap(), Margin::Relative(0.07));
        assert_eq!(serde_json::to_string(&Margin::Relative(0.07)).unwrap(), "\"7 %\"");
        assert_eq!(serde_json::to_string(&Margin::Absolute(0.005)).unwrap(), "0.005");
        assert!(read("\"half\"").is_err() && read("\"NaN\"").is_err());
    }

    #[test]
    fn the_nearest_margin_wins() {
        let margins = [("glue/rte", 0.02), ("matthews", 0.03)];
        let margins = margins.map(|(name, size)| (name.to_owned(), Margin::Absolute(size)));
        let analysis = Analysis { margins: margins.into(), ..Analysis::default() };
        let on = |dataset, metric| analysis.margin_on(dataset, dataset, metric);
        assert_eq!(on("glue/rte", Metric::Accuracy), Margin::Absolute(0.02));
        assert_eq!(on("glue/cola", Metric::Matthews), Margin::Absolute(0.03));
        assert_eq!(on("mnist", Metric::Accuracy), Margin::Absolute(0.005));
    }

    #[test]
    fn levels_count_comparisons_and_looks() {
        let near = |analysis: &Analysis, comparisons, level: f64| {
            (analysis.level_among(comparisons) - level).abs() < 1e-12
        };
        let mut analysis = Analysis::default();
        assert!(near(&analysis, 1, 0.05) && near(&analysis, 12, 0.05 / 12.0));
        analysis.looks = vec![6, 12];
        assert!(near(&analysis, 1, 0.04375) && near(&analysis, 2, 0.021875));
        analysis.correction = Multiplicity::None;
        assert!(near(&analysis, 12, 0.04375));
    }

    #[test]
    fn one_answer_is_accepted_where_it_is_said() {
        let analysis =
            Analysis { accept_collapse: vec!["glue/wnli".to_owned()], ..Analysis::default() };
        let counts =
            |dataset, status, collapse| analysis.counts_as_trained(dataset, status, collapse);
        let (one, lost) = (Some(Collapse::OneAnswer), Some(Collapse::LostLayer));
        assert!(counts("glue/wnli", Status::Collapsed, one));
        assert!(!counts("glue/wnli", Status::Collapsed, lost));
        // A result from before the kind was recorded.
        assert!(!counts("glue/wnli", Status::Collapsed, None));
        assert!(!counts("glue/rte", Status::Collapsed, one));
        assert!(counts("glue/rte", Status::Finished, None));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let base = Analysis::default;
        for (analysis, start) in [
            (Analysis { margin: Margin::Absolute(-0.1), ..base() }, "analysis.margin = -0.1"),
            (Analysis { margin: Margin::Relative(1.0), ..base() }, "analysis.margin = 100 %"),
            (
                Analysis { equivalence_margin: Margin::Absolute(1.5), ..base() },
                "analysis.equivalence_margin = 1.5",
            ),
            (
                Analysis { target_margin: Margin::Absolute(-0.5), ..base() },
                "analysis.target_margin = -0.5",
            ),
            (Analysis { alpha: 1e-300, ..base() }, "analysis.alpha = 1e-300 is"),
            (Analysis { alpha: f64::NAN, ..base() }, "analysis.alpha"),
            (Analysis { looks: vec![6, 6], ..base() }, "analysis.looks"),
            (Analysis { minimum_pairs: 1, ..base() }, "analysis.minimum_pairs"),
        ] {
            let error = analysis.validate().unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
