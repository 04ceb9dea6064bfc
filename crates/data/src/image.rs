//! Images as the Hub keeps them: PNG files.

use std::io::Cursor;
use std::path::Path;

use dst_core::dataset::read_file;
use dst_core::{Error, Result};
use png::{BitDepth, ColorType, Decoder, Transformations};

/// Appends the pixels of a PNG file to `pixels`, one plane after another, each row by row, as
/// image tensors `[channels, height, width]` have them. One channel is grey, three are red, green
/// and blue.
///
/// # Errors
/// If it is not a whole PNG file, or of another size or number of channels.
pub fn png(
    bytes: &[u8],
    [channels, height, width]: [usize; 3],
    pixels: &mut Vec<u8>,
) -> Result<()> {
    let broken = |error: png::DecodingError| {
        Error::data(format!("this is not a whole PNG image ({} bytes): {error}", bytes.len()))
    };
    let mut decoder = Decoder::new(Cursor::new(bytes));
    // Palettes become colours, and fewer than 8 bits become 8.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(broken)?;
    let (found_width, found_height) = reader.info().size();
    if [found_height as usize, found_width as usize] != [height, width] {
        return Err(Error::data(format!(
            "the image has {found_width} × {found_height} pixels, and {width} × {height} are \
             expected"
        )));
    }
    let wanted = if channels == 1 { ColorType::Grayscale } else { ColorType::Rgb };
    let (color, depth) = reader.output_color_type();
    if color != wanted || depth != BitDepth::Eight {
        return Err(Error::data(format!(
            "the image is {color:?} with {} bits a value, and {wanted:?} with 8 is expected",
            depth as u8
        )));
    }
    let mut rows = vec![0; height * width * channels];
    reader.next_frame(&mut rows).map_err(broken)?;
    for channel in 0..channels {
        pixels.extend(rows.iter().skip(channel).step_by(channels));
    }
    Ok(())
}

/// The pixels of a PNG file of a user, as [`png()`] gives them: `[channels, height, width]` bytes.
///
/// # Errors
/// As [`png()`], and if the file cannot be read; the path is named.
pub fn read_png(file: &Path, shape: [usize; 3]) -> Result<Vec<u8>> {
    let mut pixels = Vec::with_capacity(shape.iter().product());
    png(&read_file(file)?, shape, &mut pixels)
        .map_err(|error| error.at(file.display().to_string()))?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(
        color: ColorType,
        depth: BitDepth,
        [width, height]: [u32; 2],
        data: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    fn refusal(bytes: &[u8], shape: [usize; 3]) -> String {
        png(bytes, shape, &mut Vec::new()).unwrap_err().one_line()
    }

    #[test]
    fn pixels_become_planes() {
        let file = encoded(ColorType::Rgb, BitDepth::Eight, [2, 1], &[1, 2, 3, 4, 5, 6]);
        let mut pixels = vec![9];
        png(&file, [3, 1, 2], &mut pixels).unwrap();
        assert_eq!(pixels, [9, 1, 4, 2, 5, 3, 6]);
        let file = encoded(ColorType::Grayscale, BitDepth::Eight, [2, 2], &[7, 8, 9, 10]);
        let mut pixels = Vec::new();
        png(&file, [1, 2, 2], &mut pixels).unwrap();
        assert_eq!(pixels, [7, 8, 9, 10]);
    }

    #[test]
    fn a_file_of_a_user_is_read_and_named_if_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digit.png");
        let file = encoded(ColorType::Grayscale, BitDepth::Eight, [2, 1], &[7, 8]);
        std::fs::write(&path, file).unwrap();
        assert_eq!(read_png(&path, [1, 1, 2]).unwrap(), [7, 8]);
        let error = read_png(&path, [1, 28, 28]).unwrap_err().one_line();
        assert!(error.contains("digit.png: the image has 2 × 1 pixels, and 28 × 28"), "{error}");
        let error = read_png(&folder.path().join("none.png"), [1, 1, 2]).unwrap_err().one_line();
        assert!(error.starts_with("cannot read ") && error.contains("none.png"), "{error}");
    }

    #[test]
    fn other_images_are_refused() {
        let file = encoded(ColorType::Grayscale, BitDepth::Eight, [2, 1], &[7, 8]);
        assert_eq!(refusal(&file, [1, 2, 2]), "the image has 2 × 1 pixels, and 2 × 2 are expected");
        assert_eq!(
            refusal(&file, [3, 1, 2]),
            "the image is Grayscale with 8 bits a value, and Rgb with 8 is expected"
        );
        let deep = encoded(ColorType::Grayscale, BitDepth::Sixteen, [1, 1], &[7, 8]);
        assert!(refusal(&deep, [1, 1, 1]).contains("with 16 bits a value"));
        for cut in [&file[..1], &file[..file.len() / 2], &[], b"<html>404</html>"] {
            let start = format!("this is not a whole PNG image ({} bytes): ", cut.len());
            assert!(refusal(cut, [1, 1, 2]).starts_with(&start));
        }
    }
}
