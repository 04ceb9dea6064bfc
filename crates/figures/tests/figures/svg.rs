//! Reads a figure back: is it well formed, complete, and does all of it lie inside?

use dst_figures::Figure;
use roxmltree::{Document, Node};
use std::collections::HashSet;

/// Checks what every figure promises; `rows` is the number of rows of its data.
pub(crate) fn check(figure: &Figure, rows: usize) {
    let mut ids = HashSet::new();
    for svg in [&figure.svg, &figure.narrow] {
        check_layout(figure, svg, &mut ids);
    }
    assert_eq!(width(&figure.narrow), 360.0);
    // A page of 1280 pixels shows it whole.
    assert!(width(&figure.svg) <= 1180.0, "{} is {} wide", figure.name, width(&figure.svg));
    let csv = String::from_utf8(figure.csv.clone()).expect("text");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records: Result<Vec<_>, _> = reader.records().collect();
    assert_eq!(records.expect("rows of one length").len(), rows);
}

fn width(svg: &str) -> f64 {
    let document = Document::parse(svg).expect("well-formed");
    numbers(document.root_element().attribute("viewBox").expect("a view box"))[2]
}

/// Checks one of the two layouts. Both stand in one page, so their ids differ.
fn check_layout(figure: &Figure, svg: &str, ids: &mut HashSet<String>) {
    let document = match Document::parse(svg) {
        Ok(document) => document,
        Err(error) => panic!("{error}:\n{svg}"),
    };
    let root = document.root_element();
    check_alternative(figure, &document, ids);
    for word in ["NaN", "inf"] {
        let shapes = document.descendants().filter(|node| !node.has_attribute("class"));
        let mut values = shapes.flat_map(|node| node.attributes());
        assert!(values.all(|attribute| !attribute.value().contains(word)), "{word}");
    }
    assert!(root.attribute("width").is_none() && root.attribute("height").is_none());
    let view: Vec<f64> = numbers(root.attribute("viewBox").expect("a view box"));
    let (width, height) = (view[2], view[3]);
    for node in document.descendants().filter(Node::is_element) {
        for (x, y) in points(&node) {
            let inside =
                (-0.06..=width + 0.06).contains(&x) && (-0.06..=height + 0.06).contains(&y);
            assert!(inside, "({x}, {y}) of {node:?} lies outside {width} × {height}");
        }
    }
}

fn check_alternative(figure: &Figure, document: &Document<'_>, ids: &mut HashSet<String>) {
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    for id in document.descendants().filter_map(|node| node.attribute("id")) {
        assert!(id.starts_with(&figure.name) && ids.insert(id.to_owned()), "{id}");
    }
    let named = root.attribute("aria-labelledby").expect("a label");
    assert!(named.split(' ').all(|id| ids.contains(id)), "{named}");
    let text = |tag: &str| {
        let node = root.children().find(|node| node.has_tag_name(tag));
        node.and_then(|node| node.text()).unwrap_or_default().to_owned()
    };
    assert_eq!(text("title"), figure.title);
    assert!(!figure.description.is_empty() && !text("desc").is_empty());
}

/// A text with its box: left, top, right, bottom.
pub(crate) type Placed = (String, [f64; 4]);

/// All texts of a layout with their boxes.
pub(crate) fn texts(svg: &str) -> Vec<Placed> {
    let document = Document::parse(svg).expect("well-formed");
    document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| {
            let corners = points(&node);
            let [(left, top), (right, bottom)] = corners[..] else { panic!("two corners") };
            (node.text().unwrap_or_default().to_owned(), [left, top, right, bottom])
        })
        .collect()
}

/// Checks that no text of either layout lies on another.
pub(crate) fn check_apart(figure: &Figure) {
    for svg in [&figure.svg, &figure.narrow] {
        let texts = texts(svg);
        for (index, (text, a)) in texts.iter().enumerate() {
            for (other, b) in &texts[..index] {
                let apart = a[0] >= b[2] || b[0] >= a[2] || a[1] >= b[3] || b[1] >= a[3];
                assert!(apart, "“{text}” lies on “{other}” in {}: {a:?} {b:?}", figure.name);
            }
        }
    }
}

fn numbers(text: &str) -> Vec<f64> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    words.map(|word| word.parse().unwrap_or_else(|_| panic!("{word} is no number"))).collect()
}

/// All corners of a shape; for a text those of its box, as wide as it is in Helvetica at least.
fn points(node: &Node<'_, '_>) -> Vec<(f64, f64)> {
    let number = |name: &str| numbers(node.attribute(name).unwrap_or_default())[0];
    match node.tag_name().name() {
        "path" => path(node.attribute("d").unwrap_or_default()),
        "circle" => {
            let (x, y, radius) = (number("cx"), number("cy"), number("r"));
            vec![(x - radius, y - radius), (x + radius, y + radius)]
        }
        "text" => {
            let group = node.parent().expect("text lies in a group");
            let size: f64 = group.attribute("font-size").unwrap_or("0").parse().unwrap_or(0.0);
            let width = node.text().unwrap_or_default().chars().map(advance).sum::<f64>() * size;
            let (x, y) = (number("x"), number("y"));
            let from = match group.attribute("text-anchor") {
                Some("middle") => x - width / 2.0,
                Some("end") => x - width,
                _ => x,
            };
            vec![(from, y - size * 0.7), (from + width, y)]
        }
        _ => Vec::new(),
    }
}

fn advance(letter: char) -> f64 {
    match letter {
        'a'..='z' if !"fijlrt".contains(letter) => 0.5,
        'A'..='Z' | '0'..='9' if !"IJ".contains(letter) => 0.5,
        _ => 0.19,
    }
}

/// The corners of a path of the commands that figures use: M, l, h, v, z.
fn path(commands: &str) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let (mut x, mut y) = (0.0, 0.0);
    let mut rest = commands;
    while let Some(command) = rest.chars().next() {
        let end = rest[1..].find(|c: char| c.is_ascii_alphabetic()).map_or(rest.len(), |at| at + 1);
        // A minus sign may stand for the space before it.
        let values = numbers(&rest[1..end].replace('-', " -"));
        match command {
            'M' => {
                (x, y) = (values[0], values[1]);
                points.push((x, y));
            }
            'l' => {
                for step in values.chunks(2) {
                    (x, y) = (x + step[0], y + step[1]);
                    points.push((x, y));
                }
            }
            'h' => x += values[0],
            'v' => y += values[0],
            'z' => {}
            other => panic!("no figure uses {other}"),
        }
        points.push((x, y));
        rest = &rest[end..];
    }
    points
}
