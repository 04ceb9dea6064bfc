//! `Bool` masks as sets of entries, in few passes over the host's memory.
//!
//! On the CPU libtorch takes a pass and a new tensor for every operation; an update of a large layer
//! would spend more time in them than in its choices. Elsewhere its operations are used.

use tch::{Device, Kind, Tensor};

/// How many entries are set.
pub(crate) fn count(mask: &Tensor) -> usize {
    if !is_host(mask, Kind::Bool) {
        return mask.sum(Kind::Int64).int64_value(&[]) as usize;
    }
    with_bytes(mask, count_bytes)
}

/// How many entries are set in both.
pub(crate) fn count_both(one: &Tensor, other: &Tensor) -> usize {
    if !is_host(one, Kind::Bool) || !is_host(other, Kind::Bool) {
        return count(&one.logical_and(other));
    }
    with_bytes(one, |one| {
        with_bytes(other, |other| {
            let parts = one.chunks(PART).zip(other.chunks(PART));
            let both = |(one, other): (&[u8], &[u8])| -> u8 {
                one.iter().zip(other).map(|(one, other)| one & other).sum()
            };
            parts.map(|part| usize::from(both(part))).sum()
        })
    })
}

/// How many of these bytes, each 0 or 1, are 1.
pub(crate) fn count_bytes(bytes: &[u8]) -> usize {
    bytes.chunks(PART).map(|part| usize::from(part.iter().sum::<u8>())).sum()
}

/// So many bytes that are 0 or 1 have a sum that is a byte.
const PART: usize = 255;

/// What is set in `mask` and not in `other`.
pub(crate) fn without(mask: &Tensor, other: &Tensor) -> Tensor {
    if !is_host(mask, Kind::Bool) || !is_host(other, Kind::Bool) {
        return mask.logical_and(&other.logical_not());
    }
    let mut result = mask.empty_like();
    with_bytes_mut(&mut result, |result| {
        with_bytes(mask, |mask| {
            with_bytes(other, |other| {
                for ((result, mask), other) in result.iter_mut().zip(mask).zip(other) {
                    *result = mask & (other ^ 1);
                }
            });
        });
    });
    result
}

/// What is set after a change and was not before, and what was and is not any more.
pub(crate) fn change(before: &Tensor, after: &Tensor) -> (Tensor, Tensor) {
    if !is_host(before, Kind::Bool) || !is_host(after, Kind::Bool) {
        return (without(after, before), without(before, after));
    }
    let (mut added, mut removed) = (before.zeros_like(), before.zeros_like());
    with_bytes_mut(&mut added, |added| {
        with_bytes_mut(&mut removed, |removed| {
            with_bytes(before, |before| {
                with_bytes(after, |after| {
                    let mut write = |start: usize, before: &[u8], after: &[u8]| {
                        for (index, (before, after)) in (start..).zip(before.iter().zip(after)) {
                            added[index] = after & (before ^ 1);
                            removed[index] = before & (after ^ 1);
                        }
                    };
                    let (olds, old_rest) = before.as_chunks::<WORD>();
                    let (news, new_rest) = after.as_chunks::<WORD>();
                    for (number, (old, new)) in olds.iter().zip(news).enumerate() {
                        // Most connections stay.
                        if old != new {
                            write(number * WORD, old, new);
                        }
                    }
                    write(olds.len() * WORD, old_rest, new_rest);
                });
            });
        });
    });
    (added, removed)
}

/// So many entries are compared together.
const WORD: usize = 16;

/// Sets the entries of `values` (f32) that are in `mask` to 0.
pub(crate) fn clear(values: &mut Tensor, mask: &Tensor) {
    if !is_host(values, Kind::Float) || !is_host(mask, Kind::Bool) {
        let _ = values.masked_fill_(mask, 0.0);
        return;
    }
    with_floats_mut(values, |values| {
        with_bytes(mask, |mask| {
            let (words, rest) = mask.as_chunks::<WORD>();
            let mut write = |start: usize, mask: &[u8]| {
                for (value, set) in values[start..].iter_mut().zip(mask) {
                    *value = if *set == 0 { *value } else { 0.0 };
                }
            };
            for (number, word) in words.iter().enumerate() {
                if *word != [0; WORD] {
                    write(number * WORD, word);
                }
            }
            write(words.len() * WORD, rest);
        });
    });
}

/// The values in `mask`, `[set entries]`, row by row.
pub fn gather(values: &Tensor, mask: &Tensor) -> Tensor {
    if !is_host(values, Kind::Float) || !is_host(mask, Kind::Bool) {
        return values.masked_select(mask);
    }
    let mut gathered = Tensor::empty([count(mask) as i64], (Kind::Float, Device::Cpu));
    with_floats_mut(&mut gathered, |gathered| {
        with_floats(values, |values| {
            with_bytes(mask, |mask| {
                let mut gathered = gathered.iter_mut();
                each(mask, |index| {
                    if let Some(entry) = gathered.next() {
                        *entry = values[index];
                    }
                });
            });
        });
    });
    gathered
}

/// A tensor of the mask's shape with `values` (`[set entries]`, row by row) in the mask and 0 elsewhere.
pub fn scatter(values: &Tensor, mask: &Tensor) -> Tensor {
    let mut result = Tensor::zeros(mask.size(), (values.kind(), values.device()));
    if !is_host(values, Kind::Float) || !is_host(mask, Kind::Bool) {
        return result.masked_scatter_(mask, values);
    }
    with_floats_mut(&mut result, |result| {
        with_floats(values, |values| {
            with_bytes(mask, |mask| {
                let mut values = values.iter();
                each(mask, |index| {
                    if let Some(value) = values.next() {
                        result[index] = *value;
                    }
                });
            });
        });
    });
    result
}

/// Calls `visit` with the index of every byte that is 1, in order.
fn each(mask: &[u8], mut visit: impl FnMut(usize)) {
    let (words, rest) = mask.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let mut set = u64::from_le_bytes(*word);
        while set != 0 {
            visit(number * 8 + set.trailing_zeros() as usize / 8);
            set &= set - 1;
        }
    }
    for (index, byte) in (words.len() * 8..).zip(rest) {
        if *byte != 0 {
            visit(index);
        }
    }
}

/// Does the tensor lie in the host's memory as one block of this kind?
pub(crate) fn is_host(tensor: &Tensor, kind: Kind) -> bool {
    tensor.device() == Device::Cpu && tensor.kind() == kind && tensor.is_contiguous()
}

/// Runs `f` over the values of a contiguous f32 tensor on the CPU.
pub(crate) fn with_floats<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> R {
    f(host_slice(tensor, Kind::Float))
}

/// Runs `f` over the entries of a contiguous `Bool` tensor on the CPU, one byte each, 0 or 1.
///
/// # Panics
/// If it is of another kind, lies elsewhere or is not contiguous.
pub fn with_bytes<R>(tensor: &Tensor, f: impl FnOnce(&[u8]) -> R) -> R {
    f(host_slice(tensor, Kind::Bool))
}

/// As [`with_floats`], to change the values. Nothing else may read the storage meanwhile.
fn with_floats_mut<R>(tensor: &mut Tensor, f: impl FnOnce(&mut [f32]) -> R) -> R {
    f(host_slice_mut(tensor, Kind::Float))
}

/// As [`with_bytes`], to change the entries, to 0 or 1. Nothing else may read the storage meanwhile.
pub(crate) fn with_bytes_mut<R>(tensor: &mut Tensor, f: impl FnOnce(&mut [u8]) -> R) -> R {
    f(host_slice_mut(tensor, Kind::Bool))
}

/// The entries of a tensor of `kind`, whose entries are as large as a `T`: f32 for `Float`, one byte for
/// `Bool`.
fn host_slice<T>(tensor: &Tensor, kind: Kind) -> &[T] {
    assert!(is_host(tensor, kind), "raw access needs contiguous storage on the CPU");
    assert_eq!(size_of::<T>(), kind.elt_size_in_bytes(), "an entry is one value");
    match tensor.numel() {
        0 => &[],
        // SAFETY: kind, device and contiguity are asserted, so that so many values lie at the pointer;
        // the tensor is borrowed as long as the slice, which keeps its storage alive.
        length => unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), length) },
    }
}

/// As [`host_slice`].
fn host_slice_mut<T>(tensor: &mut Tensor, kind: Kind) -> &mut [T] {
    assert!(is_host(tensor, kind), "raw access needs contiguous storage on the CPU");
    assert_eq!(size_of::<T>(), kind.elt_size_in_bytes(), "an entry is one value");
    match tensor.numel() {
        0 => &mut [],
        // SAFETY: as in `host_slice`; the functions above promise that nothing reads it meanwhile.
        length => unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(bits: &[bool]) -> Tensor {
        Tensor::from_slice(bits)
    }

    fn bits(mask: &Tensor) -> Vec<bool> {
        Vec::try_from(mask.contiguous()).unwrap()
    }

    proptest! {
        #[test]
        fn sets_behave_like_those_of_libtorch(
            entries in prop::collection::vec((any::<bool>(), any::<bool>(), 1.0f32..2.0), 0..700),
        ) {
            let one = mask(&entries.iter().map(|entry| entry.0).collect::<Vec<_>>());
            let other = mask(&entries.iter().map(|entry| entry.1).collect::<Vec<_>>());
            prop_assert_eq!(count(&one), entries.iter().filter(|entry| entry.0).count());
            prop_assert_eq!(
                count_both(&one, &other),
                entries.iter().filter(|entry| entry.0 && entry.1).count()
            );
            let expected: Vec<bool> = entries.iter().map(|entry| entry.0 && !entry.1).collect();
            prop_assert_eq!(&bits(&without(&one, &other)), &expected);
            let (added, removed) = change(&one, &other);
            prop_assert_eq!(&bits(&removed), &expected);
            prop_assert_eq!(bits(&added), bits(&without(&other, &one)));

            let mut values = Tensor::from_slice(&entries.iter().map(|e| e.2).collect::<Vec<_>>());
            clear(&mut values, &one);
            let expected: Vec<f32> =
                entries.iter().map(|entry| if entry.0 { 0.0 } else { entry.2 }).collect();
            prop_assert_eq!(Vec::<f32>::try_from(values).unwrap(), expected);

            let values = Tensor::from_slice(&entries.iter().map(|e| e.2).collect::<Vec<_>>());
            let gathered = gather(&values, &one);
            prop_assert!(gathered.equal(&values.masked_select(&one)));
            let scattered = scatter(&gathered, &one);
            prop_assert!(scattered.equal(&values.masked_fill(&one.logical_not(), 0.0)));
        }
    }

    /// Other layouts take libtorch's way.
    #[test]
    fn views_are_sets_too() {
        let one = mask(&[true, false, true, true, false, false]).reshape([2, 3]);
        let other = mask(&[true, true, false, false, true, false]).reshape([3, 2]).transpose(0, 1);
        assert!(!other.is_contiguous());
        // `other` is [[1, 0, 1], [1, 0, 0]].
        assert_eq!(count(&other), 3);
        assert_eq!(count_both(&one, &other), 3);
        let (added, removed) = change(&one, &other);
        assert_eq!((count(&added), count(&removed)), (0, 0));
        let lower = other.logical_not();
        assert_eq!(count(&without(&one, &lower)), 3);
        let mut values = one.to_kind(Kind::Float).transpose(0, 1);
        clear(&mut values, &one.transpose(0, 1));
        assert_eq!(values.sum(Kind::Float).double_value(&[]), 0.0);
        let values = Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([2, 3]);
        let gathered = gather(&values, &other);
        assert!(gathered.equal(&Tensor::from_slice(&[0.0f32, 2.0, 3.0])));
        assert!(scatter(&gathered, &other).equal(&(values * &other)));
    }
}
