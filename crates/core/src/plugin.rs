//! Records of plug-ins, and what is made from them; see [`Plugin`] for how they are found.

use dst_record::registry;
pub use dst_record::registry::Plugin;
use schemars::Schema;
use serde_json::{Map, Value};

use crate::architecture::Architecture;
use crate::dataset::{DataSources, Dataset, HubFiles};
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::options::{OptionValues, OptionsType};
use crate::own_data::{self, OwnData};
use crate::strategy::Strategy;
use crate::text;

/// A registered strategy.
#[derive(Debug)]
pub struct StrategyPlugin {
    /// Its `typetag` name, in lower case with dashes.
    pub name: &'static str,
    /// The method's name as papers write it.
    pub title: &'static str,
    /// Authors, year and title.
    pub paper: &'static str,
    /// The entry of BibTeX that reports print for a paper's references; empty if there is none.
    pub bibtex: &'static str,
    /// One sentence: what it does.
    pub summary: &'static str,
    /// Parameters worth searching: the contents of the crate's `grid.toml`.
    pub grid: &'static str,
    /// Which sparsities and networks it takes, in a sentence or two for users, where that is not every
    /// sparsity of every network that leaves each layer a connection; empty otherwise. The contract
    /// suite takes a refusal for a mistake unless there is one.
    pub reaches: &'static str,
    /// Parameters, as TOML, with which a training of sixty steps shows all that the method does. The
    /// contract suite tests a registered strategy with them, and with `interval = "5 steps"` if they
    /// name no other and the strategy has such a parameter.
    pub brief: &'static str,
    /// Is it the dense network that others are compared with? It ignores the sparsity to reach.
    pub baseline: bool,
    /// Do its hooks change values of active weights, as noise or rewinding does? The contract
    /// suite takes such a change for a mistake unless it is declared here.
    pub moves_weights: bool,
    /// Do connections move between layers? The contract suite takes it for a mistake unless it is
    /// declared here.
    pub redistributes: bool,
    /// `(earlier, present)`: names that parameters had in stored trials, which are found under the present
    /// ones.
    pub earlier_names: &'static [(&'static str, &'static str)],
    /// The config with the paper's defaults.
    pub default: fn() -> Box<dyn Strategy>,
    /// Parameters, their types and documentation.
    pub schema: fn() -> Schema,
}

/// Registers a strategy: its record, with the schema and the defaults of its type and the
/// `grid.toml` of its crate, beside `src`.
///
/// ```text
/// dst_core::strategy_plugin! {
///     Rigl,
///     name: "rigl",
///     title: "RigL",
///     paper: "Evci, Gale, Menick, Castro & Elsen (2020), …",
///     bibtex: include_str!("../paper.bib"),
///     summary: "Drops the weakest connections and grows where the dense gradient is largest.",
/// }
/// ```
///
/// A further line may change a field of [`StrategyPlugin`], such as `baseline: true`.
#[macro_export]
macro_rules! strategy_plugin {
    (
        $type:ty,
        name: $name:literal,
        title: $title:literal,
        paper: $paper:literal,
        bibtex: $bibtex:expr,
        summary: $summary:literal
        $(, $field:ident: $value:expr)* $(,)?
    ) => {
        $crate::__private::inventory::submit! {
            $crate::plugin::StrategyPlugin {
                name: $name,
                title: $title,
                paper: $paper,
                bibtex: $bibtex,
                summary: $summary,
                $($field: $value,)*
                ..$crate::plugin::StrategyPlugin::of::<$type>(include_str!("../grid.toml"))
            }
        }
    };
}

impl StrategyPlugin {
    /// What the record of every strategy of type `S` has in common; names are to be filled in, as
    /// [`strategy_plugin!`](crate::strategy_plugin) does.
    #[doc(hidden)]
    pub const fn of<S: Strategy + Default + schemars::JsonSchema + 'static>(
        grid: &'static str,
    ) -> Self {
        Self {
            name: "",
            title: "",
            paper: "",
            bibtex: "",
            summary: "",
            grid,
            reaches: "",
            brief: "",
            baseline: false,
            moves_weights: false,
            redistributes: false,
            earlier_names: &[],
            default: || Box::new(S::default()),
            schema: || schemars::schema_for!(S),
        }
    }
}

/// A registered architecture.
#[derive(Debug)]
pub struct ModelPlugin {
    /// Its `typetag` name, in lower case with dashes.
    pub name: &'static str,
    /// Its name as papers write it.
    pub title: &'static str,
    /// Authors, year and title.
    pub paper: &'static str,
    /// One sentence: what it is.
    pub summary: &'static str,
    /// The config with its defaults.
    pub default: fn() -> Box<dyn Architecture>,
    /// Parameters, their types and documentation.
    pub schema: fn() -> Schema,
}

/// Says that the model files of users hold the parameters of this architecture: `--models file:net.toml` is
/// that architecture with what `net.toml` says.
#[derive(Debug)]
pub struct ModelFile {
    /// Its name.
    pub model: &'static str,
}

/// A registered data set.
#[derive(Debug)]
pub struct DatasetPlugin {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Its name as papers write it.
    pub title: &'static str,
    /// Authors, year and title.
    pub paper: &'static str,
    /// One sentence: what it holds and how it is split.
    pub summary: &'static str,
    /// What a paper must say besides of the way it is split; may be empty.
    pub split: &'static str,
    /// The architecture that is used unless another is named.
    pub model: &'static str,
    /// The official metric, that of every [`Dataset`] that it loads.
    pub metric: Metric,
    /// A second official one.
    pub second_metric: Option<Metric>,
    /// Its options, with their defaults and documentation.
    pub options: OptionsType,
    /// Finds its files without reading them, and says where they are, for people.
    pub find: fn(&DataSources) -> Result<String>,
    /// If it reads whatever data a user names by a path, how.
    pub own: Option<OwnData>,
    /// What it reads from the cache of the Hugging Face Hub if there is nothing else.
    pub hub: &'static [HubFiles],
    /// Finds, verifies and loads it. Called by [`dataset`], with every option, checked;
    /// [`options::read`](crate::options::read) gives them their type.
    pub load: fn(&DataSources, &OptionValues) -> Result<Box<dyn Dataset>>,
}

/// A name for several data sets at once.
#[derive(Debug)]
pub struct DatasetGroup {
    /// Its name, in lower case, different from that of every data set.
    pub name: &'static str,
    /// One sentence: what it holds.
    pub summary: &'static str,
    /// Names of the data sets, in the order in which they are trained.
    pub members: &'static [&'static str],
}

inventory::collect!(StrategyPlugin);
inventory::collect!(ModelPlugin);
inventory::collect!(ModelFile);
inventory::collect!(DatasetPlugin);
inventory::collect!(DatasetGroup);

/// The data set of that name, or all of the group of that name, in its order.
///
/// # Errors
/// If there is neither; the nearest name is suggested.
pub fn datasets(name: &str) -> Result<Vec<&'static DatasetPlugin>> {
    let groups = DatasetGroup::all()?;
    let group = groups.iter().find(|group| group.name == name);
    let known = DatasetPlugin::all()?;
    let own = if group.is_some() { Vec::new() } else { own_data::meant(name)? };
    let member = |member: &&str| {
        known.iter().find(|plugin| plugin.name == *member).copied().ok_or_else(|| {
            let names = known.iter().map(|plugin| plugin.name);
            let names = names.chain(groups.iter().map(|group| group.name));
            let error = Error::unknown(DatasetPlugin::KIND, member, names);
            match own.is_empty() {
                true => error,
                false => error.hint(format!(
                    "did you mean {}? data of your own are named with their format",
                    own.join(" or ")
                )),
            }
        })
    };
    group.map_or(&[name][..], |group| group.members).iter().map(member).collect()
}

registry!(StrategyPlugin, "strategy");
registry!(ModelPlugin, "model");
registry!(DatasetPlugin, "data set");
registry!(DatasetGroup, "group of data sets");

/// The strategy `name` with `parameters` over its defaults.
///
/// # Errors
/// If the name or a parameter is unknown (the nearest is suggested), a value is of the wrong
/// type, or out of range.
pub fn strategy(name: &str, parameters: &Map<String, Value>) -> Result<Box<dyn Strategy>> {
    let plugin = StrategyPlugin::find(name)?;
    let defaults = to_value((plugin.default)())?;
    let config = merged(name, defaults, &(plugin.schema)(), parameters)?;
    let strategy: Box<dyn Strategy> = from_value(name, config)?;
    strategy.validate().map_err(|error| error.at(name))?;
    Ok(strategy)
}

/// The architecture `name` with `parameters` over its defaults.
///
/// # Errors
/// As [`strategy`].
pub fn architecture(name: &str, parameters: &Map<String, Value>) -> Result<Box<dyn Architecture>> {
    let plugin = ModelPlugin::find(name)?;
    let defaults = to_value((plugin.default)())?;
    from_value(name, merged(name, defaults, &(plugin.schema)(), parameters)?)
}

/// The data set that trials call `name`, loaded from `sources` with `options` over its defaults.
///
/// # Errors
/// As [`strategy`], and if its files are missing or damaged, or hold other data than the name says.
pub fn dataset(
    name: &str,
    options: &OptionValues,
    sources: &DataSources,
) -> Result<Box<dyn Dataset>> {
    let plugin = own_data::plugin_of(name)?;
    let options = plugin.options.complete(options).map_err(|error| error.at(name))?;
    let sources = sources.for_dataset(plugin, name)?;
    let dataset = (plugin.load)(&sources, &options)?;
    if let Some(own) = &plugin.own {
        own_data::check(name, own, sources.place()?, &*dataset)?;
    }
    Ok(dataset)
}

/// Finds the files of the data set that trials call `name`, without reading them, and says where they
/// are, for people.
///
/// # Errors
/// If there is no such data set, or its files are missing.
pub fn find(name: &str, sources: &DataSources) -> Result<String> {
    let plugin = own_data::plugin_of(name)?;
    (plugin.find)(&sources.for_dataset(plugin, name)?)
}

/// Those of a data set's `options` that are not at their default, checked and written in one
/// way, as a [`TrialSpec`](crate::record::TrialSpec) has them.
///
/// # Errors
/// If the data set or an option is unknown (the nearest is suggested), or a value is of the
/// wrong type or out of range.
pub fn dataset_options(name: &str, options: &OptionValues) -> Result<OptionValues> {
    let plugin = own_data::plugin_of(name)?;
    let defaults = plugin.options.default()?;
    let mut options = plugin.options.complete(options).map_err(|error| error.at(name))?;
    options.retain(|key, value| defaults.get(key) != Some(value));
    Ok(options)
}

/// The registered baseline.
///
/// # Errors
/// If none or several are linked.
pub fn baseline() -> Result<&'static StrategyPlugin> {
    let baselines: Vec<_> =
        StrategyPlugin::all()?.iter().filter(|plugin| plugin.baseline).collect();
    match baselines[..] {
        [baseline] => Ok(baseline),
        [] => Err(Error::contract("no linked strategy is a baseline")),
        _ => Err(Error::contract("several linked strategies call themselves the baseline")),
    }
}

/// The architecture that model files of users describe.
///
/// # Errors
/// If none or several are linked.
pub fn model_of_files() -> Result<&'static ModelPlugin> {
    match inventory::iter::<ModelFile>().collect::<Vec<_>>()[..] {
        [file] => ModelPlugin::find(file.model),
        [] => Err(Error::usage("no linked model is described by files")),
        _ => Err(Error::contract("several linked models call themselves that of files")),
    }
}

fn to_value(plugin: impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(plugin)
        .map_err(|error| Error::contract(format!("a config cannot be written: {error}")))
}

fn from_value<T: serde::de::DeserializeOwned>(name: &str, value: Value) -> Result<T> {
    serde_json::from_value(value)
        .map_err(|error| Error::usage(text::of_wrong_type(&error.to_string())).at(name))
}

/// `parameters` over `defaults`. The schema names those too that a config leaves out while they
/// are at their default.
fn merged(
    name: &str,
    mut defaults: Value,
    schema: &Schema,
    parameters: &Map<String, Value>,
) -> Result<Value> {
    let known = defaults
        .as_object_mut()
        .ok_or_else(|| Error::contract("a config must be a struct with named fields").at(name))?;
    for (key, value) in parameters {
        if key == "name" {
            continue;
        }
        let silent = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let keys = known.keys().chain(silent.map(|(key, _)| key)).map(String::as_str);
        let keys: Vec<&str> = keys.filter(|key| *key != "name").collect();
        if !keys.contains(&key.as_str()) {
            return Err(Error::unknown("parameter", key, keys).at(name));
        }
        known.insert(key.clone(), value.clone());
    }
    Ok(defaults)
}
