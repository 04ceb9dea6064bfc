//! The tasks: their files, columns and labels.

use dst_core::{HubFiles, Metric, Task as Kind};
use dst_texts::vocabulary::VOCABULARY;

/// One data set of GLUE, whole or in part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// Under which it is registered.
    pub(crate) name: &'static str,
    /// Folder of the official layout.
    pub(crate) folder: &'static str,
    /// What training and validation come from.
    pub(crate) train: File,
    /// The official dev set, which is the test set here.
    pub(crate) test: File,
    pub(crate) columns: Columns,
    pub(crate) labels: Labels,
    /// The official one, or the first of two.
    pub(crate) metric: Metric,
    pub(crate) second_metric: Option<Metric>,
    /// How many rows with another number of columns may be left out.
    pub(crate) broken_rows: usize,
    /// The data set for a part of `train.tsv`, if there is one.
    pub(crate) part: Option<&'static str>,
    /// The same rows at the Hugging Face Hub; parts are not there.
    pub(crate) hub: Option<Hub>,
}

/// A task as the Hub has it: parquet, with class numbers in a column `label`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hub {
    /// First training and official dev set, then the vocabulary.
    pub(crate) files: &'static [HubFiles],
    /// Columns of the texts.
    pub(crate) first: &'static str,
    pub(crate) second: Option<&'static str>,
}

macro_rules! hub {
    ($train:expr, $test:expr, $first:literal, $second:expr) => {
        Hub {
            files: &[
                HubFiles { repository: "datasets/nyu-mll/glue", files: &[$train, $test] },
                VOCABULARY,
            ],
            first: $first,
            second: $second,
        }
    };
    ($name:literal, $first:literal, $second:expr) => {
        hub!(
            concat!($name, "/train-*.parquet"),
            concat!($name, "/validation-*.parquet"),
            $first,
            $second
        )
    };
}

/// A file and how many rows it has, if that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) rows: Option<usize>,
    /// SHA-256 of the official one, if it is known: of its text, as
    /// [`crate::tsv::is_official`] reads it.
    pub(crate) sha256: Option<&'static str>,
}

impl File {
    const fn known(self, sha256: &'static str) -> Self {
        Self { sha256: Some(sha256), ..self }
    }
}

/// Where texts and labels stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Columns {
    /// Under these names in the first line.
    Named { first: &'static str, second: Option<&'static str>, label: &'static str },
    /// At these places, from 0; there is no header.
    Placed { count: usize, first: usize, label: usize },
}

/// What labels mean.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Labels {
    /// Class names in the order of their numbers.
    Classes(&'static [&'static str]),
    /// A number from 0 to this.
    Score(f32),
}

impl Task {
    /// What a model is to predict.
    pub(crate) fn kind(&self) -> Kind {
        match self.labels {
            Labels::Classes(names) => Kind::Classification { classes: names.len() as i64 },
            Labels::Score(_) => Kind::Regression,
        }
    }

    /// Names of its classes in the order of their numbers; none of a regression.
    pub(crate) fn class_names(&self) -> &'static [&'static str] {
        match self.labels {
            Labels::Classes(names) => names,
            Labels::Score(_) => &[],
        }
    }

    /// Names of the columns with its texts.
    pub(crate) fn text_columns(&self) -> Vec<&'static str> {
        match self.columns {
            Columns::Named { first, second, .. } => [first].into_iter().chain(second).collect(),
            // Where the official file has no names, those of the Hub.
            Columns::Placed { .. } => vec!["sentence"],
        }
    }

    /// What it reads from the cache of the Hub.
    pub(crate) const fn hub_files(&self) -> &'static [HubFiles] {
        match self.hub {
            Some(hub) => hub.files,
            None => &[],
        }
    }

    const fn at_hub(self, hub: Hub) -> Self {
        Self { hub: Some(hub), ..self }
    }

    const fn scored_by(self, metric: Metric, second_metric: Option<Metric>) -> Self {
        Self { metric, second_metric, ..self }
    }

    /// This task with a part of its training data, under an honest name.
    const fn in_part(self, name: &'static str) -> Self {
        Self { name, train: file("train.subset.tsv", None), part: None, hub: None, ..self }
    }

    /// This task with another test set.
    const fn tested_on(self, name: &'static str, test: File) -> Self {
        Self { name, test, ..self }
    }
}

const fn file(name: &'static str, rows: Option<usize>) -> File {
    File { name, rows, sha256: None }
}

/// The usual files: their rows, and SHA-256 of their texts.
const fn files(train: (usize, &'static str), dev: (usize, &'static str)) -> [File; 2] {
    [file("train.tsv", Some(train.0)).known(train.1), file("dev.tsv", Some(dev.0)).known(dev.1)]
}

const fn pair(first: &'static str, second: &'static str, label: &'static str) -> Columns {
    Columns::Named { first, second: Some(second), label }
}

const fn task(
    name: &'static str,
    folder: &'static str,
    [train, test]: [File; 2],
    columns: Columns,
    labels: Labels,
) -> Task {
    Task {
        name,
        folder,
        train,
        test,
        columns,
        labels,
        metric: Metric::Accuracy,
        second_metric: None,
        broken_rows: 0,
        part: None,
        hub: None,
    }
}

const BINARY: Labels = Labels::Classes(&["0", "1"]);
const ENTAILMENT: Labels = Labels::Classes(&["entailment", "not_entailment"]);
const SENTENCES: Columns = pair("sentence1", "sentence2", "label");

pub(crate) const COLA: Task = task(
    "glue/cola",
    "CoLA",
    files(
        (8_551, "cb368ebeb9f27d7ad03720d27ddc95687a311bdb100781a2fe59a5f5b1bc0624"),
        (1_043, "8c013e21dc39957cac37378d87bebe225b694a0d5fe13eded66c2856628833fd"),
    ),
    Columns::Placed { count: 4, first: 3, label: 1 },
    BINARY,
)
.scored_by(Metric::Matthews, None)
.at_hub(hub!("cola", "sentence", None));

pub(crate) const SST2: Task = Task {
    part: Some("glue/sst2-subset"),
    ..task(
        "glue/sst2",
        "SST-2",
        files(
            (67_349, "48eac26399f8456935f81dd9e3a745c1430adb6c62e233ccfe22db4a0d15d1d1"),
            (872, "54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0"),
        ),
        Columns::Named { first: "sentence", second: None, label: "label" },
        BINARY,
    )
    .at_hub(hub!("sst2", "sentence", None))
};

pub(crate) const MRPC: Task = task(
    "glue/mrpc",
    "MRPC",
    files(
        (3_668, "15d9c71e62d662b1cc9237e2015047cad4c1f62552d49858a9bce2b944d79897"),
        (408, "320459df9454dbdc8eea69ad1eb294967e7dfe03e7cf791f37d954a316f5253d"),
    ),
    pair("#1 String", "#2 String", "Quality"),
    BINARY,
)
.scored_by(Metric::F1Binary, Some(Metric::Accuracy))
.at_hub(hub!("mrpc", "sentence1", Some("sentence2")));

pub(crate) const STSB: Task = task(
    "glue/stsb",
    "STS-B",
    files(
        (5_749, "41c4d978b6162abdcada7e49a982211954cca5459c228db478af333124b257a2"),
        (1_500, "fe7dc0632a5033562f3cadff991f6e8d9b9b6311861660e78c3c82eb7db67f59"),
    ),
    pair("sentence1", "sentence2", "score"),
    Labels::Score(5.0),
)
.scored_by(Metric::Pearson, Some(Metric::Spearman))
.at_hub(hub!("stsb", "sentence1", Some("sentence2")));

/// The official files hold a few rows that a line feed inside a question has cut. Other loaders
/// leave them out too, and count what is left; here it may be as many rows more or less.
pub(crate) const QQP: Task = Task {
    broken_rows: 16,
    part: Some("glue/qqp-subset"),
    ..task(
        "glue/qqp",
        "QQP",
        [file("train.tsv", Some(363_846)), file("dev.tsv", Some(40_430))],
        pair("question1", "question2", "is_duplicate"),
        BINARY,
    )
    .scored_by(Metric::F1Binary, Some(Metric::Accuracy))
    .at_hub(hub!("qqp", "question1", Some("question2")))
};

pub(crate) const MNLI: Task = Task {
    part: Some("glue/mnli-subset"),
    ..task(
        "glue/mnli",
        "MNLI",
        [
            file("train.tsv", Some(392_702)),
            file("dev_matched.tsv", Some(9_815))
                .known("9f39a2b22ce4e1fb96313571dabd5f1ef253a514c435c03f41a7ecb5be664ed1"),
        ],
        pair("sentence1", "sentence2", "gold_label"),
        Labels::Classes(&["entailment", "neutral", "contradiction"]),
    )
    .at_hub(hub!(
        "mnli/train-*.parquet",
        "mnli/validation_matched-*.parquet",
        "premise",
        Some("hypothesis")
    ))
};

const MISMATCHED: File = file("dev_mismatched.tsv", Some(9_832))
    .known("abeee92cfaf19637ab1544e771ab263bc769e1f57376debca43df88ba760423a");

pub(crate) const MNLI_MM: Task = Task {
    part: Some("glue/mnli-mm-subset"),
    ..MNLI.tested_on("glue/mnli-mm", MISMATCHED).at_hub(hub!(
        "mnli/train-*.parquet",
        "mnli/validation_mismatched-*.parquet",
        "premise",
        Some("hypothesis")
    ))
};

pub(crate) const QNLI: Task = Task {
    part: Some("glue/qnli-subset"),
    ..task(
        "glue/qnli",
        "QNLI",
        [
            file("train.tsv", Some(104_743)),
            file("dev.tsv", Some(5_463))
                .known("ac19409dcb04631eaaa094bdebdcf621086bc352503dfb6a1a648b614986f4fd"),
        ],
        pair("question", "sentence", "label"),
        ENTAILMENT,
    )
    .at_hub(hub!("qnli", "question", Some("sentence")))
};

pub(crate) const RTE: Task = task(
    "glue/rte",
    "RTE",
    files(
        (2_490, "41e3a9b063433392343fad9e962cf2f58b681c78d8f71592f4186f0837246c5c"),
        (277, "80230dfa1347282e7b532b06a1004a76a710087541189bf874223ddf0e3819fb"),
    ),
    SENTENCES,
    ENTAILMENT,
)
.at_hub(hub!("rte", "sentence1", Some("sentence2")));

pub(crate) const WNLI: Task = task(
    "glue/wnli",
    "WNLI",
    files(
        (635, "9a88e9d54b6861cc796a088e9acf4f5f65064a9ef65ae6fa7a688b28391e5c9a"),
        (71, "cba00490596dd14be8cf53b4f53bb744abe3a7b89f81ab210528d80225338ed5"),
    ),
    SENTENCES,
    BINARY,
)
.at_hub(hub!("wnli", "sentence1", Some("sentence2")));

/// Names of all tasks, whole.
pub(crate) const ALL: [&str; 10] = [
    COLA.name,
    SST2.name,
    MRPC.name,
    STSB.name,
    QQP.name,
    MNLI.name,
    MNLI_MM.name,
    QNLI.name,
    RTE.name,
    WNLI.name,
];

pub(crate) const SST2_SUBSET: Task = SST2.in_part("glue/sst2-subset");
pub(crate) const MNLI_SUBSET: Task = MNLI.in_part("glue/mnli-subset");
pub(crate) const MNLI_MM_SUBSET: Task = MNLI_MM.in_part("glue/mnli-mm-subset");
pub(crate) const QNLI_SUBSET: Task = QNLI.in_part("glue/qnli-subset");

/// Its test set is a part too, and not of the official dev set.
pub(crate) const QQP_SUBSET: Task = Task {
    broken_rows: 0,
    ..QQP.in_part("glue/qqp-subset").tested_on("glue/qqp-subset", file("dev.subset.tsv", None))
};
