//! The page, as a parser sees it.

mod made_up;

use std::collections::BTreeSet;

use dst_analysis::document::{Block, Page};
use dst_analysis::sample::{Size, baseline, failed, finished, grid, group, predict, spec};
use dst_analysis::{Analysis, Experiment, Rendering, ReportPlugin, Study};
use dst_record::Plugin;
use dst_record::record::{Status, TrialRecord, TrialSpec};
use dst_stats::verdict::Verdict;
use made_up::HOSTILE;
use report_html as _;
use scraper::{ElementRef, Html, Selector};
use serde_json::json;

fn analysis() -> Analysis {
    Analysis { control: "baseline".to_owned(), ..Analysis::default() }
}

/// A page that was written by hand, after the checks that every page must pass.
fn drawn(page: &Page) -> Html {
    let trials = group(&baseline(), 0.0, &[0.9, 0.91]);
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
    checked(&ReportPlugin::find("html").unwrap().report.render(&study, page).unwrap())
}

fn blocks(families: usize, methods: usize, sparsities: usize) -> Page {
    made_up::page(made_up::Size { families, methods, sparsities })
}

fn render(trials: &[TrialRecord], pending: &[TrialSpec]) -> (Page, Rendering) {
    let analysis = analysis();
    let experiment = Experiment { pending, ..Experiment::new(trials, &analysis) };
    let study = Study::new(&experiment).unwrap();
    let page = Page::new(&study);
    let rendering = ReportPlugin::find("html").unwrap().report.render(&study, &page).unwrap();
    (page, rendering)
}

fn all<'h>(html: &'h Html, selector: &str) -> Vec<ElementRef<'h>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn within<'h>(element: &ElementRef<'h>, selector: &str) -> Vec<ElementRef<'h>> {
    element.select(&Selector::parse(selector).unwrap()).collect()
}

/// What people read of an element, with single spaces.
fn text(element: &ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn texts(html: &Html, selector: &str) -> Vec<String> {
    all(html, selector).iter().map(text).collect()
}

fn source(rendering: &Rendering) -> &str {
    assert_eq!(rendering.documents[0].name, "report.html");
    std::str::from_utf8(&rendering.documents[0].bytes).unwrap()
}

fn checked(rendering: &Rendering) -> Html {
    let source = source(rendering);
    let html = Html::parse_document(source);
    assert_eq!(format!("{:?}", html.quirks_mode), "NoQuirks");
    let mut ids = BTreeSet::new();
    for element in all(&html, "[id]") {
        let id = element.attr("id").unwrap();
        assert!(ids.insert(id), "{id} is there twice");
    }
    let names: BTreeSet<&str> = rendering.documents.iter().map(|d| d.name.as_str()).collect();
    for link in all(&html, "a") {
        let target = link.attr("href").unwrap();
        match target.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "nothing is called {id}"),
            None => assert!(names.contains(target), "there is no file {target}"),
        }
    }
    for (attribute, selector) in [
        ("aria-labelledby", "[aria-labelledby]"),
        ("data-copy", "[data-copy]"),
        ("data-filter", "[data-filter]"),
    ] {
        for element in all(&html, selector) {
            for id in element.attr(attribute).unwrap().split(' ') {
                assert!(ids.contains(id), "nothing is called {id}");
            }
        }
    }
    // Self-contained: nothing is loaded, and nothing runs but the two scripts of the page.
    assert!(all(&html, "script[src], link, img, iframe, object, [style*=url]").is_empty());
    assert_eq!(all(&html, "script").len(), 2);
    assert!(!source.contains("@import"), "a style is imported");
    let handlers =
        |element: ElementRef<'_>| element.value().attrs().any(|(k, _)| k.starts_with("on"));
    assert!(!all(&html, "*").into_iter().any(handlers));
    for table in all(&html, "table") {
        let columns = within(&table, "thead th").len();
        for row in within(&table, "tbody tr") {
            assert_eq!(row.child_elements().count(), columns);
        }
    }
    html
}

#[test]
fn the_first_screen_says_what_came_out() {
    let html = drawn(&blocks(2, 4, 3));
    assert_eq!(texts(&html, "h1"), ["mnist, cifar10"]);
    assert_eq!(texts(&html, "p.lead").len(), 1);
    assert!(texts(&html, "p.lead")[0].starts_with("Of 6 methods, rigl at 80 % scores higher"));
    // Two warnings are seen, the third is one click away.
    assert_eq!(all(&html, ".warnings > ul > li").len(), 2);
    assert_eq!(texts(&html, ".warnings summary"), ["1 more warning"]);
    assert_eq!(all(&html, ".warnings details li").len(), 1);
    // The forest plot stands beside its table, before everything else of the section.
    let section = all(&html, "section.family")[0];
    let pair = within(&section, ".heading + .pair");
    assert_eq!(pair.len(), 1);
    assert_eq!(within(&pair[0], "figure[id=figure-family-1-differences] svg").len(), 2);
    assert_eq!(within(&pair[0], ".table[id=table-family-1-results] thead th").len(), 4);
    assert_eq!(
        text(&within(&section, ".heading .tally")[0]),
        ">1 superior, ≥2 non-inferior, <3 worse, ≪3 inferior, ?2 inconclusive, ×1 not comparable"
    );
}

#[test]
fn every_verdict_is_said_once_with_a_word_a_sign_and_a_colour() {
    let html = drawn(&blocks(1, 6, 2));
    assert_eq!(texts(&html, ".group h3"), ["Sparsity 80 %", "Sparsity 90 %"]);
    let badges = texts(&html, ".group:first-child .badge");
    assert_eq!(
        badges,
        [">superior", "≥non-inferior", "<worse", "≪inferior", "?inconclusive", "×not comparable"]
    );
    let page = blocks(1, 6, 2);
    let sentences = page.sections[0].blocks.iter().filter_map(|block| match block {
        Block::Verdicts { groups } => Some(groups),
        _ => None,
    });
    let sentences: Vec<&String> =
        sentences.flatten().flat_map(|g| &g.verdicts).map(|line| &line.sentence).collect();
    let said = texts(&html, ".verdicts > li > p:not(.who)");
    assert_eq!(said.len(), 12);
    assert!(sentences.iter().zip(&said).all(|(sentence, said)| *sentence == said));
    for verdict in Verdict::ALL {
        let name = verdict.name();
        let [item, badge, cell] = [".verdicts > li", ".verdicts .badge", "td .badge"]
            .map(|place| all(&html, &format!("{place}.{name}")).len());
        assert_eq!([item, badge, cell], [2, 2, 2], "{name}");
        assert!(
            all(&html, "style")[0].inner_html().contains(&format!("var(--figure-verdict-{name})"))
        );
    }
}

#[test]
fn many_verdicts_are_folded_and_counted() {
    let html = drawn(&blocks(1, 8, 3));
    let groups = all(&html, ".group");
    let seen = |group: &ElementRef<'_>| {
        let open = within(group, ".verdicts > li").len();
        let folded = within(group, "details .verdicts > li").len();
        (open - folded, folded)
    };
    assert_eq!(groups.iter().map(seen).collect::<Vec<_>>(), [(8, 0), (4, 4), (0, 8)]);
    let summaries = texts(&html, ".group summary");
    assert!(summaries[0].starts_with("4 more verdicts: >1 superior"), "{}", summaries[0]);
    assert!(summaries[1].starts_with("8 verdicts: >1 superior"), "{}", summaries[1]);
    // One more than the limit is no reason for a fold.
    let html = drawn(&blocks(1, 13, 1));
    assert!(all(&html, ".group details").is_empty());
}

#[test]
fn many_families_are_folded_and_none_is_left_out() {
    let html = drawn(&blocks(60, 2, 1));
    assert_eq!(all(&html, "section.family").len(), 60);
    assert_eq!(all(&html, "section.family > details.section").len(), 54);
    assert_eq!(all(&html, "section.family figure[id$=-differences]").len(), 60);
    let folded = all(&html, "#family-7 > details > summary")[0];
    assert_eq!(text(&folded), "cifar10 with resnet20 again >1 superior, ≥1 non-inferior");
    assert_eq!(all(&html, "nav a").len(), 63);
    assert_eq!(all(&html, "body.at-side").len(), 1);
    assert_eq!(all(&drawn(&blocks(2, 2, 1)), "body.at-side").len(), 0);
}

#[test]
fn folds_have_names_and_say_what_they_hold() {
    let html = drawn(&blocks(1, 3, 2));
    assert_eq!(
        texts(&html, ".fold > summary"),
        [
            "Costs FLOPs, time and memory",
            "Training curves Validation accuracy and training loss of the control and the best 4",
            "Topology All pairs",
            "Failures 3 trials failed: 1 diverged, 2 crashed",
        ]
    );
    // Figures that follow each other form a grid.
    assert_eq!(all(&html, "#family-1-fold-2 .figures > figure").len(), 2);
}

#[test]
fn tables_sort_by_numbers_and_missing_is_empty() {
    let mut page = blocks(1, 6, 1);
    let table = page.sections[0].blocks.iter_mut().find_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    table.unwrap().rows[0][1] = dst_analysis::document::Cell::Empty;
    let html = drawn(&page);
    let row = |place: usize| all(&html, "#table-family-1-results tbody tr")[place];
    let values = |row: ElementRef<'_>| -> Vec<Option<String>> {
        row.child_elements().map(|cell| cell.attr("data-value").map(str::to_owned)).collect()
    };
    let of = |text: &str| Some(text.to_owned());
    // The text is for people: it has a sign and an interval.
    assert_eq!(values(row(0)), [None, None, of("0.42"), of("0.0")]);
    assert_eq!(values(row(4)), [None, of("0.981"), of("-0.21"), of("4.0")]);
    let cells: Vec<String> = row(0).child_elements().map(|cell| text(&cell)).collect();
    // On narrow screens the verdict stands beside the name.
    assert_eq!(cells, ["rigl@0.8 >superior", "", "+0.42 [0.12, 0.71]", ">superior"]);
    let right = texts(&html, "#table-family-1-results th.number");
    assert_eq!(right, ["accuracy, %", "difference, points"]);
    // A column without numbers is set to the left, and one that has them to the right, gaps too.
    assert_eq!(all(&html, "#table-family-1-results td.number").len(), 12);
}

#[test]
fn long_tables_have_a_filter_and_a_frame() {
    let html = drawn(&blocks(1, 12, 4));
    assert_eq!(
        all(&html, "#table-family-1-results.tall [data-filter=table-family-1-results]").len(),
        1
    );
    let html = drawn(&blocks(1, 2, 1));
    assert!(all(&html, "[data-filter], .tall").is_empty());
}

#[test]
fn texts_to_be_copied_stand_as_they_are() {
    let html = drawn(&blocks(1, 2, 1));
    assert_eq!(all(&html, "section.methods blockquote p").len(), 2);
    let bibtex = all(&html, "section.methods pre")[0].text().collect::<String>();
    assert!(bibtex.starts_with("@inproceedings{evci2020rigl,\n  title = {Rigging"), "{bibtex}");
}

#[test]
fn labels_are_text_and_nothing_else() {
    let page = made_up::hostile();
    let html = drawn(&page);
    for selector in ["h1", "h2", "p.lead", ".caption", "pre code", ".who strong", ".gist", "nav a"]
    {
        let found = texts(&html, selector);
        assert!(!found.is_empty() && found.iter().all(|text| text == HOSTILE), "{selector}");
    }
    assert_eq!(texts(&html, "title")[0], HOSTILE);
    // Two layouts for each of two figures: none ends early, and none has foreign elements.
    assert_eq!(all(&html, ".figure-frame > svg").len(), 4);
    assert!(all(&html, "svg script, svg img, svg foreignObject, b").is_empty());
}

#[test]
fn labels_of_trials_are_text_too() {
    let evil = json!({"name": HOSTILE, "quote": "\"'><b>"});
    let other = json!({"name": HOSTILE, "quote": "b"});
    let mut trials = group(&baseline(), 0.0, &[0.9, 0.91, 0.93, 0.92, 0.9]);
    trials.extend(group(&evil, 0.9, &[0.89, 0.9, 0.92, 0.93, 0.91]));
    trials.extend(group(&other, 0.9, &[0.88, 0.9, 0.92, 0.9, 0.9]));
    trials.push(failed(spec(evil, 0.95, 0), Status::Crashed, "</td><img src=x>"));
    let html = checked(&render(&trials, &[]).1);
    assert!(all(&html, "b, img").is_empty());
    assert!(texts(&html, "td").contains(&"</td><img src=x>".to_owned()));
}

#[test]
fn all_that_a_study_says_is_drawn() {
    let size = Size { datasets: 2, strategies: 3, sparsities: 2, seeds: 6, epochs: 4 };
    let mut trials = grid(size);
    predict(&mut trials, 200);
    let (page, rendering) = render(&trials, &[]);
    let html = checked(&rendering);
    let captions: Vec<&String> = page.tables().map(|table| &table.caption).collect();
    assert_eq!(captions.len(), texts(&html, ".caption").len());
    assert_eq!(page.figures().count(), all(&html, "figure").len());
    assert_eq!(
        texts(&html, "h2"),
        page.sections.iter().map(|s| s.title.clone()).collect::<Vec<_>>()
    );
    // A file of each kind for each figure, and the page.
    assert_eq!(rendering.documents.len(), 1 + 2 * page.figures().count());
    for table in page.tables() {
        let rows = all(&html, &format!("[id='table-{}'] tbody th", table.id));
        let name =
            |row: &ElementRef<'_>| within(row, ".name").first().map_or_else(|| text(row), text);
        let drawn: Vec<String> = rows.iter().map(name).collect();
        let rows: Vec<&str> = table.rows.iter().map(|row| row[0].text()).collect();
        assert_eq!(drawn, rows, "{}", table.id);
    }
    // The forest plot and its table are what is seen first of a family.
    assert_eq!(all(&html, "section.family > .heading + .pair").len(), 2);
}

#[test]
fn pages_of_what_went_wrong() {
    let method = || json!({"name": "method", "drop_fraction": 0.3});
    let control = [spec(baseline(), 0.0, 0)];
    let none = checked(&render(&[], &control).1);
    assert!(!texts(&none, "p.lead").is_empty());
    let failures: Vec<TrialRecord> =
        (0..2).map(|seed| failed(spec(method(), 0.9, seed), Status::Diverged, "NaN")).collect();
    let html = checked(&render(&failures, &control).1);
    assert_eq!(all(&html, ".badge.diverged").len(), 2);
    // The warning below the lead leads to them.
    let warning = all(&html, ".warnings a")[0];
    assert_eq!(warning.attr("href"), Some("#table-family-1-failures"));
    assert_eq!(all(&html, "#table-family-1-failures .badge.diverged").len(), 2);
    // One seed, no history, no layers.
    let one = [finished(spec(baseline(), 0.0, 0), 0.9), finished(spec(method(), 0.9, 0), 0.8)];
    let html = checked(&render(&one, &[]).1);
    assert_eq!(all(&html, "li.inconclusive").len(), 1);
}

#[test]
fn five_hundred_trials_are_a_page_of_three_megabytes() {
    let size = Size { datasets: 3, strategies: 20, sparsities: 1, seeds: 8, epochs: 50 };
    let trials = grid(size);
    assert_eq!(trials.len(), 504);
    let (_, rendering) = render(&trials, &[]);
    checked(&rendering);
    let bytes = source(&rendering).len();
    assert!(bytes < 3_000_000, "{bytes}");
    let mut turned = trials.clone();
    turned.reverse();
    assert_eq!(render(&turned, &[]).1, rendering);
}
