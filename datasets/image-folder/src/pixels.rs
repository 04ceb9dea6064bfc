//! From image files to bytes of one size.

use std::io::Cursor;
use std::path::Path;

use dst_core::dataset::read_file;
use dst_core::tch::Tensor;
use dst_core::{Error, Result};
use dst_data::cache::{Kind, sum};
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};
use rayon::prelude::*;

use crate::folders::{Summed, digest, unless_gone};

/// A longer side is taken for a damaged or hostile file.
pub(crate) const LONGEST_SIDE: u32 = 1 << 14;

/// Memory of the decoder for one image, in bytes.
const MOST_MEMORY: u64 = 1 << 30;

/// Images take no more main memory than this, in bytes.
const LARGEST: u64 = 32 << 30;

/// Decoded images. Version 1.
const PIXELS: Kind = Kind { magic: b"dst image folder 1\n", ending: "pixels" };

/// What every image is brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// Rows and columns; its own if none is given.
    pub(crate) size: Option<u32>,
    /// 1 or 3; what the image has if none is given.
    pub(crate) channels: Option<u8>,
}

/// `[channels, height, width]`.
type Shape = [usize; 3];

/// All images, `Uint8 [count, channels, height, width]`. By the digest of the files `cache` keeps what was
/// decoded.
///
/// # Errors
/// If a file is no image or has changed, images are of different sizes and `form` has none, or they need too
/// much memory.
pub(crate) fn all(files: &[Summed<'_>], form: &Form, cache: Option<&Path>) -> Result<Tensor> {
    let key = sum(format!("{} {form:?}", digest(files)).as_bytes());
    let kept = cache.and_then(|folder| PIXELS.read(folder, &key));
    if let Some((shape, pixels)) = kept.as_deref().and_then(|kept| unpacked(kept, files.len())) {
        return tensor(pixels, files.len(), shape);
    }
    check_sizes(files, form)?;
    let (pixels, shape) = decoded(files, form)?;
    if let Some(folder) = cache {
        let header: Vec<u8> = shape.iter().flat_map(|size| (*size as u64).to_le_bytes()).collect();
        PIXELS.write(folder, &key, &[&header, &pixels]);
    }
    tensor(&pixels, files.len(), shape)
}

fn tensor(pixels: &[u8], count: usize, shape: Shape) -> Result<Tensor> {
    let shape = [count, shape[0], shape[1], shape[2]].map(|size| size as i64);
    Ok(Tensor::f_from_slice(pixels)?.f_view(shape)?)
}

/// What the cache has kept; none if it is of another number of images.
fn unpacked(kept: &[u8], count: usize) -> Option<(Shape, &[u8])> {
    let (header, pixels) = kept.split_first_chunk::<24>()?;
    let mut shape = [0; 3];
    for (size, bytes) in shape.iter_mut().zip(header.chunks_exact(8)) {
        *size = usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()?;
    }
    let each = shape.iter().try_fold(count, |all, size| all.checked_mul(*size))?;
    (each == pixels.len()).then_some((shape, pixels))
}

/// Are all images of one size, and do they fit into memory? Only their first bytes are read.
fn check_sizes(files: &[Summed<'_>], form: &Form) -> Result<()> {
    let size_of = |file: &Summed<'_>| -> Result<[u32; 2]> {
        let path = file.path;
        let refused = |error| unless_gone(path, Error::io("read", path, &error));
        let reader = ImageReader::open(path).map_err(refused)?;
        let reader = reader.with_guessed_format().map_err(refused)?;
        let (width, height) = reader.into_dimensions().map_err(|error| {
            // It may be none because somebody is writing it.
            file.read().err().unwrap_or_else(|| not_whole(path, &error))
        })?;
        Ok([height, width])
    };
    let size = match form.size {
        Some(size) => [size; 2],
        None => {
            let sizes: Vec<[u32; 2]> = files.par_iter().map(size_of).collect::<Result<_>>()?;
            let Some(first) = sizes.first() else { return Ok(()) };
            if let Some(other) = sizes.iter().position(|size| size != first) {
                // If one was changed meanwhile, that is what to say.
                for file in [&files[0], &files[other]] {
                    file.read()?;
                }
                let pixels = |[height, width]: [u32; 2]| format!("{height} × {width}");
                return Err(Error::data(format!(
                    "{} has {} pixels, and {} has {}",
                    files[0].path.display(),
                    pixels(*first),
                    files[other].path.display(),
                    pixels(sizes[other])
                ))
                .hint("bring all images to one size: --set image-folder.size=64, for example"));
            }
            *first
        }
    };
    let channels = u64::from(form.channels.unwrap_or(3));
    let bytes = files.len() as u64 * channels * u64::from(size[0]) * u64::from(size[1]);
    if bytes > LARGEST {
        return Err(Error::data(format!(
            "{} images of {} × {} pixels take {} GB of memory",
            files.len(),
            size[0],
            size[1],
            bytes >> 30
        ))
        .hint("make them smaller: --set image-folder.size=64, for example"));
    }
    Ok(())
}

/// Decodes all images, in their order. They are of one size.
fn decoded(files: &[Summed<'_>], form: &Form) -> Result<(Vec<u8>, Shape)> {
    // Until all were seen it is not known whether all are grey.
    let is_open = form.channels.is_none();
    let images: Vec<(Vec<u8>, Shape)> = files
        .par_iter()
        .map(|file| of_bytes(file.read()?, file.path, form))
        .collect::<Result<_>>()?;
    let Some((_, first)) = images.first() else { return Err(Error::data("there is no image")) };
    let channels = images.iter().map(|(_, shape)| shape[0]).max().unwrap_or(1);
    let shape = [channels, first[1], first[2]];
    let each: usize = shape.iter().product();
    let mut pixels = Vec::with_capacity(images.len() * each);
    for (image, own) in images {
        // Grey among colours: the same in each of them.
        let copies = if is_open && own[0] == 1 { channels } else { 1 };
        (0..copies).for_each(|_| pixels.extend_from_slice(&image));
    }
    Ok((pixels, shape))
}

/// The image of a file as planes, `[channels, height, width]`.
///
/// # Errors
/// If it is no image, or too large; the file is named.
pub(crate) fn one(path: &Path, form: &Form) -> Result<(Vec<u8>, Shape)> {
    of_bytes(read_file(path)?, path, form)
}

/// As [`one`], of the bytes of a file.
fn of_bytes(bytes: Vec<u8>, path: &Path, form: &Form) -> Result<(Vec<u8>, Shape)> {
    // What a file is follows from its first bytes: many a .jpg is a PNG.
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| Error::io("read", path, &error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| not_whole(path, &error))?;
    let image = match form.size {
        None => image,
        Some(size) => square(&image, size),
    };
    let (height, width) = (image.height() as usize, image.width() as usize);
    if form.channels == Some(1) {
        return Ok((image.into_luma8().into_raw(), [1, height, width]));
    }
    let pixels = image.into_rgb8().into_raw();
    let plane = |plane: usize| pixels.iter().skip(plane).step_by(3).copied();
    // Many programs write grey images in colours, and some formats know nothing else.
    let is_grey = pixels.chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    Ok(match form.channels {
        None if is_grey => (plane(0).collect(), [1, height, width]),
        _ => ((0..3).flat_map(plane).collect(), [3, height, width]),
    })
}

fn not_whole(path: &Path, error: &image::ImageError) -> Error {
    Error::data(format!("this is no whole image: {error}"))
        .at(path.display().to_string())
        .hint("replace it, or leave it out: PNG, JPEG and other usual images are read")
}

/// Scales the shorter side to `size` and cuts a square out of the middle.
fn square(image: &DynamicImage, size: u32) -> DynamicImage {
    match (image.width(), image.height()) {
        (width, height) if width == size && height == size => image.clone(),
        _ => image.resize_to_fill(size, size, FilterType::Triangle),
    }
}
