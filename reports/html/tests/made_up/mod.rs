//! A page of every kind of block, written by hand: what the layout must bear, whatever an analysis
//! says.

use dst_analysis::document::{
    Block, Cell, Column, Figure, Fold, Page, Section, Table, Topic, VerdictGroup, VerdictLine,
    Warning,
};
use dst_figures::{
    Axis, Conclusion, Curve, CurvePoint, ForestPlot, ForestRow, Heading, Interval, PairKind,
    PairMap, Palette, Series, forest_plot, learning_curves, pair_map,
};
use dst_record::record::Status;
use dst_stats::verdict::Verdict;

/// How much stands on the page.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) families: usize,
    pub(crate) methods: usize,
    pub(crate) sparsities: usize,
}

const SPARSITIES: [f64; 4] = [0.8, 0.9, 0.95, 0.98];
const NAMES: [&str; 6] = ["rigl", "set", "static-random", "snfs", "granet", "mest"];

/// Differences in points with their intervals, and what they show at a margin of 0.5.
const OUTCOMES: [(f64, f64, f64, Verdict); 6] = [
    (0.42, 0.12, 0.71, Verdict::Superior),
    (-0.08, -0.39, 0.0, Verdict::NonInferior),
    (-0.61, -0.99, -0.22, Verdict::Worse),
    (-1.32, -1.70, -0.95, Verdict::Inferior),
    (-0.21, -0.74, 0.31, Verdict::Inconclusive),
    (-0.30, -0.55, 0.10, Verdict::NotComparable),
];

struct Method {
    strategy: String,
    label: String,
    sparsity: f64,
    outcome: (f64, f64, f64, Verdict),
}

fn methods(size: Size) -> Vec<Method> {
    let sparsities = &SPARSITIES[..size.sparsities.min(SPARSITIES.len())];
    let each = sparsities.iter().enumerate().flat_map(|(level, sparsity)| {
        (0..size.methods).map(move |method| {
            let name = NAMES[method % NAMES.len()];
            let parameters = match method / NAMES.len() {
                0 => String::new(),
                tried => format!("[drop_fraction=0.{tried},delta_t=100]"),
            };
            Method {
                strategy: name.to_owned(),
                label: format!("{name}{parameters}@{sparsity}"),
                sparsity: *sparsity,
                outcome: OUTCOMES[(method + level) % OUTCOMES.len()],
            }
        })
    });
    each.collect()
}

/// A whole page.
pub(crate) fn page(size: Size) -> Page {
    let mut sections: Vec<Section> =
        (1..=size.families).map(|place| family(place, &methods(size))).collect();
    sections.push(across());
    sections.push(methods_section());
    sections.push(provenance());
    Page {
        title: "mnist, cifar10".to_owned(),
        lead: vec![
            "Of 6 methods, rigl at 80 % scores higher than dense training on mnist, and 4 stay \
             within the 0.5 points of loss allowed beforehand."
                .to_owned(),
            "144 trials ended: 141 finished, 3 failed. Corrected for 12 comparisons by Holm's \
             method, level 95 %."
                .to_owned(),
        ],
        warnings: [
            "Post hoc: the analysis was changed after the first trial had begun. Read the verdicts \
             as exploratory."
                .to_owned(),
            "Trials of rigl come from two versions of its code.".to_owned(),
            "Times come from two machines and are not compared.".to_owned(),
        ]
        .map(Warning::from)
        .to_vec(),
        sections,
    }
}

fn family(place: usize, methods: &[Method]) -> Section {
    let id = format!("family-{place}");
    let title = ["mnist with mlp", "cifar10 with resnet20", "sst2 with bert-base-uncased"];
    Section {
        topic: Topic::Family,
        title: format!("{}{}", title[place % 3], if place > 3 { " again" } else { "" }),
        blocks: vec![
            Block::Figure(forest(&id, methods)),
            Block::Table(results(&id, methods)),
            Block::Notes {
                notes: vec![
                    "Metric: accuracy on the test set; higher is better.".to_owned(),
                    "1 of 96 trials is still to do.".to_owned(),
                ],
            },
            verdicts(methods),
        ],
        folds: vec![
            fold("Costs", "FLOPs, time and memory", vec![Block::Table(costs(&id, methods))]),
            fold(
                "Training curves",
                "Validation accuracy and training loss of the control and the best 4",
                vec![
                    Block::Figure(curves(&id, "validation")),
                    Block::Figure(curves(&id, "training-loss")),
                    Block::Paragraph { text: "Lines are means over seeds.".to_owned() },
                ],
            ),
            fold("Topology", "All pairs", vec![Block::Figure(pairs(&id, methods))]),
            fold("Failures", "3 trials failed: 1 diverged, 2 crashed", vec![failures(&id)]),
        ],
        id,
    }
}

fn fold(title: &str, summary: &str, blocks: Vec<Block>) -> Fold {
    Fold { title: title.to_owned(), summary: summary.to_owned(), blocks }
}

fn palette() -> Palette {
    Palette::new("dense", NAMES, SPARSITIES)
}

fn forest(id: &str, methods: &[Method]) -> Figure {
    let row = |method: &Method| {
        let (difference, lower, upper, verdict) = method.outcome;
        ForestRow {
            series: Series::new(&method.strategy, method.sparsity, &method.label),
            group: String::new(),
            difference: difference / 100.0,
            interval: Some(Interval { lower: lower / 100.0, upper: upper / 100.0 }),
            clipped: false,

            numbers: String::new(),
            conclusion: Conclusion::ALL
                .into_iter()
                .find(|conclusion| conclusion.class() == verdict.name())
                .expect("every verdict has a conclusion"),
            note: String::new(),
        }
    };
    let data = ForestPlot {
        difference: Axis::new("accuracy minus dense").percent(),
        margin: Some(0.005),
        rows: methods.iter().map(row).collect(),
    };
    let heading = Heading::new(
        format!("{id}-differences"),
        "Differences from dense with their intervals; the band is the margin",
    );
    forest_plot(&heading, &palette(), &data).into()
}

fn number(value: f64, text: String) -> Cell {
    Cell::Number { value, text }
}

fn results(id: &str, methods: &[Method]) -> Table {
    let mut table = Table::new(
        format!("{id}-results"),
        "Accuracy on the test set, against dense at 98.31 %",
        [
            Column::new("method", "label"),
            Column::new("accuracy", "test_metric_mean").in_unit("%"),
            Column::new("difference", "difference").in_unit("points"),
            Column::new("verdict", "verdict"),
        ],
    );
    table.rows = methods
        .iter()
        .map(|method| {
            let (value, lower, upper, verdict) = method.outcome;
            vec![
                Cell::text_of(&method.label),
                number(0.9831 + value / 100.0, format!("{:.2}", 98.31 + value)),
                Cell::Interval {
                    value,
                    lower,
                    upper,
                    text: format!("{value:+.2} [{lower:.2}, {upper:.2}]"),
                },
                Cell::Verdict(verdict),
            ]
        })
        .collect();
    table.notes.push("Each interval is at the level that its verdict used.".to_owned());
    table
}

fn costs(id: &str, methods: &[Method]) -> Table {
    let heads = [
        "finished",
        "sparsity, prunable, %",
        "sparsity, total, %",
        "non-zero parameters",
        "inference FLOPs, % of dense",
        "training FLOPs",
        "training, s",
        "per epoch, s",
        "ms per sample",
        "samples per s",
        "peak memory, MB",
        "accuracy, %",
    ];
    let columns = std::iter::once("method").chain(heads).map(|head| Column::new(head, head));
    let mut table = Table::new(format!("{id}-costs"), "What each method costs", columns);
    table.rows = methods
        .iter()
        .map(|method| {
            let texts = [
                "8 of 8", "98.00", "97.21", "26 611", "2.41", "1.32e15", "412.7", "8.254",
                "0.0412", "24 272", "214.6", "97.88",
            ];
            let values = texts.iter().map(|text| number(method.sparsity, (*text).to_owned()));
            std::iter::once(Cell::text_of(&method.label)).chain(values).collect()
        })
        .collect();
    table.notes.push("Sparsity is simulated by masks: times are of dense arithmetic.".to_owned());
    table
}

fn verdicts(methods: &[Method]) -> Block {
    let mut groups: Vec<VerdictGroup> = Vec::new();
    for method in methods {
        let title = format!("Sparsity {} %", (method.sparsity * 100.0).round());
        let (difference, lower, upper, verdict) = method.outcome;
        let label = &method.label;
        let line = VerdictLine {
            label: label.clone(),
            verdict,
            sentence: format!(
                "On mnist, {label} against dense: {difference:+.2} points on average over 8 seeds, \
                 between {lower:.2} and {upper:.2} allowing for chance (level 95 %)."
            ),
            notes: match verdict {
                Verdict::Worse => vec!["It failed in 1 of 8 runs.".to_owned()],
                _ => Vec::new(),
            },
        };
        match groups.last_mut().filter(|group| group.title == title) {
            Some(group) => group.verdicts.push(line),
            None => groups.push(VerdictGroup { title, verdicts: vec![line] }),
        }
    }
    Block::Verdicts { groups }
}

fn curves(id: &str, name: &str) -> Figure {
    let curve = |(place, label): (usize, &&str)| Curve {
        series: Series::new(*label, 0.9, *label),
        points: (1..=30)
            .map(|epoch| {
                let y = 0.98 - 0.01 * place as f64 - 0.4 / f64::from(epoch);
                let interval = Some(Interval { lower: y - 0.01, upper: y + 0.01 });
                CurvePoint { x: f64::from(epoch), y, interval }
            })
            .collect(),
    };
    let lines: Vec<Curve> = NAMES.iter().enumerate().map(curve).collect();
    let heading = Heading::new(format!("{id}-{name}"), format!("The {name} of each method"));
    learning_curves(&heading, &palette(), &Axis::new("accuracy").percent(), &lines).into()
}

fn pairs(id: &str, methods: &[Method]) -> Figure {
    let count = methods.len();
    let value = |row: usize, column: usize| {
        (row != column).then(|| ((row * 7 + column * 3) % 20) as f64 / 20.0)
    };
    let data = PairMap {
        labels: methods.iter().map(|method| method.label.clone()).collect(),
        values: (0..count).map(|row| (0..count).map(|at| value(row, at)).collect()).collect(),
        kind: PairKind::PValue { alpha: 0.05 },
    };
    pair_map(&Heading::new(format!("{id}-all-pairs"), "p of all pairs"), &data).into()
}

fn failures(id: &str) -> Block {
    let columns = ["method", "seed", "status", "reason"].map(|head| Column::new(head, head));
    let mut table = Table::new(format!("{id}-failures"), "Failures with their reasons", columns);
    for (seed, status) in
        [(3, Status::Diverged), (4, Status::Crashed), (6, Status::TimedOut), (7, Status::Collapsed)]
    {
        table.rows.push(vec![
            Cell::text_of("snfs@0.98"),
            Cell::count(seed),
            Cell::Status(status),
            Cell::text_of(
                "the loss of step 1204 is no finite number (epoch 3, learning rate 0.1, 98 % of \
                 the connections pruned)",
            ),
        ]);
    }
    Block::Table(table)
}

fn across() -> Section {
    let columns = ["method", "mean rank", "data sets"].map(|head| Column::new(head, head));
    let mut table = Table::new("across-ranks", "Mean ranks over data sets", columns);
    for (place, name) in NAMES.iter().enumerate() {
        let rank = 1.0 + place as f64;
        table.rows.push(vec![
            Cell::text_of(*name),
            number(rank, format!("{rank:.2}")),
            Cell::count(5),
        ]);
    }
    Section {
        id: "across".to_owned(),
        topic: Topic::Across,
        title: "Over data sets".to_owned(),
        blocks: vec![
            Block::Paragraph { text: "Exploratory: there are two data sets.".to_owned() },
            Block::Table(table),
        ],
        folds: Vec::new(),
    }
}

fn methods_section() -> Section {
    let bibtex = "@inproceedings{evci2020rigl,\n  title = {Rigging the Lottery: Making All \
                  Tickets Winners},\n  author = {Evci, Utku and Gale, Trevor and others},\n  \
                  booktitle = {ICML},\n  year = {2020}\n}";
    let text = "Every method was trained with 8 seeds for 30 epochs by SGD with momentum 0.9, a \
                batch of 128 and a learning rate of 0.1 that falls by a cosine. Verdicts come from \
                a paired t test, corrected by Holm's method for 12 comparisons.";
    Section {
        id: "methods".to_owned(),
        topic: Topic::Methods,
        title: "Methods".to_owned(),
        blocks: vec![
            Block::Paragraph { text: text.to_owned() },
            Block::Paragraph { text: "No procedure here cures asymmetric noise.".to_owned() },
            Block::Verbatim { language: "bibtex".to_owned(), text: bibtex.to_owned() },
        ],
        folds: Vec::new(),
    }
}

fn provenance() -> Section {
    let columns = ["what", "value"].map(|head| Column::new(head, head));
    let mut table = Table::new("provenance-settings", "Settings, fixed before the run", columns);
    for (what, value) in [
        ("planned by", "dst grid --strategies rigl,set --sparsities 0.8,0.9 --seeds 8"),
        ("control", "dense"),
        ("margin", "0.5 points"),
        ("primary test", "paired t test, two-sided, over seeds"),
    ] {
        table.rows.push(vec![Cell::text_of(what), Cell::text_of(value)]);
    }
    Section {
        id: "provenance".to_owned(),
        topic: Topic::Provenance,
        title: "Settings and provenance".to_owned(),
        blocks: vec![Block::Table(table)],
        folds: Vec::new(),
    }
}

/// A text that does harm wherever it is not escaped.
pub(crate) const HOSTILE: &str =
    "<script>alert('&')</script>\"'></svg></style></title><img src=x onerror=alert(1)>{{ 7*7 }}";

/// A page whose every text is [`HOSTILE`].
pub(crate) fn hostile() -> Page {
    let text = || HOSTILE.to_owned();
    let methods: Vec<Method> = OUTCOMES
        .map(|outcome| Method { strategy: text(), label: text(), sparsity: 0.9, outcome })
        .into_iter()
        .collect();
    let mut table = Table::new(
        "family-1-results",
        text(),
        [Column::new(text(), text()), Column::new(text(), text()).in_unit(text())],
    );
    let interval =
        Cell::Interval { value: 1.0, lower: f64::NEG_INFINITY, upper: f64::INFINITY, text: text() };
    table.rows = vec![
        vec![Cell::text_of(text()), number(1.0, text())],
        vec![Cell::text_of(text()), interval],
    ];
    table.notes = vec![text()];
    let line = VerdictLine {
        label: text(),
        verdict: Verdict::Worse,
        sentence: text(),
        notes: vec![text()],
    };
    let blocks = || {
        vec![
            Block::Paragraph { text: text() },
            Block::Notes { notes: vec![text()] },
            Block::Verbatim { language: text(), text: text() },
        ]
    };
    let mut folded = blocks();
    folded.push(Block::Figure(pairs("family-1", &methods)));
    let mut open = blocks();
    open.push(Block::Figure(forest("family-1", &methods)));
    open.push(Block::Table(table));
    open.push(Block::Verdicts {
        groups: vec![VerdictGroup { title: text(), verdicts: vec![line] }],
    });
    let section = |id: &str, topic, blocks, folds| Section {
        id: id.to_owned(),
        topic,
        title: text(),
        blocks,
        folds,
    };
    Page {
        title: text(),
        lead: vec![text(), text()],
        warnings: vec![Warning { text: text(), table: Some("family-1-results".to_owned()) }; 4],
        sections: vec![
            section(
                "family-1",
                Topic::Family,
                open,
                vec![Fold { title: text(), summary: text(), blocks: folded }],
            ),
            section("methods", Topic::Methods, blocks(), Vec::new()),
        ],
    }
}
