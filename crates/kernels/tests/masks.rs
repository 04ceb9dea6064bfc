//! Masks, values beside them, and changes from one mask to the next.

mod common;

use common::{Layer, densities, fractions, layers};
use dst_kernels::{Error, Geometry, Pattern, Refit};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn values_are_those_of_the_mask_in_its_order(layer in layers()) {
        let pattern = layer.pattern();
        let dense: Vec<u32> = (0..layer.mask.len() as u32).collect();
        let expected: Vec<u32> =
            dense.iter().zip(&layer.mask).filter(|(_, active)| **active).map(|(at, _)| *at).collect();
        prop_assert_eq!(pattern.positions(), &expected);
        let mut values = vec![0; expected.len()];
        pattern.gather(&dense, &mut values).unwrap();
        prop_assert_eq!(&values, &expected);
        let mut scattered = vec![u32::MAX; dense.len()];
        pattern.scatter(&values, &mut scattered).unwrap();
        for ((found, at), active) in scattered.iter().zip(&dense).zip(&layer.mask) {
            prop_assert_eq!(*found, if *active { *at } else { u32::MAX });
        }
    }

    #[test]
    fn a_bitmap_is_a_mask(layer in layers()) {
        let mut words = vec![0u64; layer.mask.len().div_ceil(64)];
        for (at, active) in layer.mask.iter().enumerate() {
            words[at / 64] |= u64::from(*active) << (at % 64);
        }
        let found = Pattern::from_bits(layer.geometry, &words).unwrap();
        let expected = layer.pattern();
        prop_assert_eq!(found.positions(), expected.positions());
        if !layer.mask.len().is_multiple_of(64) {
            *words.last_mut().unwrap() |= 1 << 63;
            let refused = Pattern::from_bits(layer.geometry, &words).unwrap_err();
            prop_assert!(matches!(refused, Error::Index { .. }), "{refused}");
        }
    }

    #[test]
    fn a_refit_carries_what_stayed(
        layer in layers(),
        density in densities(),
        seed in any::<u64>(),
    ) {
        let mut next = fractions(seed);
        let mask: Vec<bool> = layer.mask.iter().map(|_| next() < density).collect();
        let (old, new) = (layer.pattern(), Pattern::new(layer.geometry, &mask).unwrap());
        let refit = Refit::between(&old, &new).unwrap();
        // What is carried is the position itself.
        let mut carried = vec![0; new.active_count()];
        refit.carry(old.positions(), u32::MAX, &mut carried).unwrap();
        for (found, position) in carried.iter().zip(new.positions()) {
            let stayed = layer.mask[*position as usize];
            prop_assert_eq!(*found, if stayed { *position } else { u32::MAX });
        }
        let kept = layer.mask.iter().zip(&mask).filter(|(old, new)| **old && **new).count();
        prop_assert_eq!(refit.kept_count(), kept);
        for (source, position) in refit.sources().zip(new.positions()) {
            let stayed = source.map(|source| old.positions()[source]);
            prop_assert_eq!(stayed, layer.mask[*position as usize].then_some(*position));
        }
    }
}

#[test]
fn wrong_masks_and_refits_are_refused() {
    let geometry = Geometry::linear(3, 2).unwrap();
    let message = |error: Error| error.to_string();
    assert_eq!(
        message(Pattern::new(geometry, &[true; 5]).unwrap_err()),
        "the mask has 5 elements where the layer has 6"
    );
    assert_eq!(
        message(Pattern::from_bits(geometry, &[0, 0]).unwrap_err()),
        "the bitmap has 2 elements where the layer has 1"
    );
    assert_eq!(
        message(Pattern::from_bits(geometry, &[1 << 6]).unwrap_err()),
        "the bitmap points to element 6 of 6"
    );
    let old = Pattern::new(geometry, &[true; 6]).unwrap();
    let other = Pattern::new(Geometry::linear(2, 3).unwrap(), &[true; 6]).unwrap();
    assert!(matches!(Refit::between(&old, &other), Err(Error::Shape(_))));
    let refit = Refit::between(&old, &old).unwrap();
    assert!(refit.carry(&[0.0; 5], 0.0, &mut [0.0; 6]).is_err());
    assert!(refit.carry(&[0.0; 6], 0.0, &mut [0.0; 7]).is_err());
    assert!(old.gather(&[0.0; 6], &mut [0.0; 5]).is_err());
    assert!(old.scatter(&[0.0; 6], &mut [0.0; 5]).is_err());
}

/// Weights without any active one are a layer too.
#[test]
fn an_empty_mask_gives_the_bias_and_no_gradient() {
    let layer = Layer::new(Geometry::linear(5, 3).unwrap(), 7, 0.0, 1);
    let results = layer.run(&mut dst_kernels::Workspace::new()).unwrap();
    for (y, bias) in results.y.chunks(7).zip(&layer.bias) {
        assert_eq!(y, [*bias; 7]);
    }
    assert_eq!(results.dx, [0.0; 35]);
    assert!(results.dvalues.is_empty());
}
