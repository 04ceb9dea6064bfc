//! Small data as users have them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A table of two classes that can be told.
///
/// # Panics
/// If they cannot be written.
pub fn table(path: &Path, rows: usize) {
    let mut text = "width,colour,class\n".to_owned();
    for row in 0..rows {
        let (width, colour, class) =
            if row % 2 == 0 { (1, "red", "rose") } else { (3, "blue", "iris") };
        writeln!(text, "{width},{colour},{class}").expect("room");
    }
    fs::write(path, text).expect("room");
}

/// Grey PNG files of 8 × 8 pixels: lines that lie, and lines that stand.
///
/// # Panics
/// If they cannot be written.
pub fn images(folder: &Path) {
    for (class, index) in [("lying", 0_usize), ("standing", 1)] {
        fs::create_dir_all(folder.join(class)).expect("room");
        for number in 0..20 {
            let on = |pixel: usize| [pixel / 8, pixel % 8][index] == number % 8;
            let pixels: Vec<u8> = (0..64).map(|pixel| if on(pixel) { 255 } else { 0 }).collect();
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.write_header().expect("room").write_image_data(&pixels).expect("room");
            fs::write(folder.join(class).join(format!("{number}.png")), bytes).expect("room");
        }
    }
}

/// Stripes of 12 × 12 pixels in three classes: 300 for training and 100 for the test.
///
/// # Panics
/// If they cannot be written.
pub fn idx(folder: &Path) {
    fs::create_dir_all(folder).expect("room");
    for (name, count) in [("train", 300_u32), ("t10k", 100)] {
        let header = |sizes: &[u32]| -> Vec<u8> {
            let magic = 0x0800 | sizes.len() as u32;
            std::iter::once(&magic).chain(sizes).flat_map(|size| size.to_be_bytes()).collect()
        };
        let labels: Vec<u8> = (0..count).map(|row| (row % 3) as u8).collect();
        let pixels =
            labels.iter().flat_map(|label| (0..144).map(move |pixel| pixel * (label + 1) % 251));
        let images = [header(&[count, 12, 12]), pixels.collect()].concat();
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images).expect("room");
        let labels = [header(&[count]), labels].concat();
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels).expect("room");
    }
}

/// A table of texts, or pairs of texts, of two classes.
///
/// # Panics
/// If it cannot be written.
pub fn texts(path: &Path, columns: &[&str]) {
    let mut text = format!("{},label\n", columns.join(","));
    for row in 0..60 {
        let (word, label) = if row % 2 == 0 { ("fine", "good") } else { ("dull", "bad") };
        let texts = vec![word; columns.len()].join(",");
        writeln!(text, "{texts},{label}").expect("room");
    }
    fs::write(path, text).expect("room");
}

/// A text of 50 kB: eight sentences, said by people whose names are of three of eight syllables.
///
/// # Panics
/// If it cannot be written.
pub fn book(path: &Path) {
    let mut text = String::new();
    for sentence in 0..1000u32 {
        let who = ["A fox", "The owl"][(sentence % 2) as usize];
        let does = ["sees", "hears"][(sentence / 2 % 2) as usize];
        let whom =
            ["a hare in the grass", "the brook behind the mill"][(sentence / 4 % 2) as usize];
        let drawn = sentence.wrapping_mul(2_654_435_761) >> 23;
        let syllables = ["ba", "do", "ki", "lu", "me", "no", "ri", "su"];
        let syllable = |place: u32| syllables[(drawn >> place & 7) as usize];
        let name = [0, 3, 6].map(syllable).concat();
        writeln!(text, "{who} {does} {whom}, says {name}.").expect("room");
    }
    fs::write(path, text).expect("room");
}
