//! Seeded streams for resampling.
//!
//! Work is cut into chunks of fixed size, and chunk i draws from ChaCha stream i of its seed.
//! Threads share out chunks, so their number moves no bit of any answer.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Iterations per chunk. Part of the definition of every seeded answer: changing it changes them.
pub(crate) const CHUNK: usize = 256;

/// Random stream number `stream` of `seed`.
pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Uniform index below `bound`, by multiplication; the bias is below bound / 2^64.
pub(crate) fn index(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// Runs `draws` iterations in chunks and returns one value per chunk in order.
///
/// `work` gets the stream of its chunk and the count of iterations in it. `threads` = 0 uses what
/// the machine offers.
pub(crate) fn in_chunks<T: Send>(
    seed: u64,
    draws: usize,
    threads: usize,
    work: impl Fn(&mut ChaCha8Rng, usize) -> T + Sync,
) -> Vec<T> {
    let chunks = draws.div_ceil(CHUNK);
    let run = |chunk: usize| {
        let count = CHUNK.min(draws - chunk * CHUNK);
        work(&mut stream(seed, chunk as u64), count)
    };
    let threads = match threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        n => n,
    }
    .min(chunks);
    if threads <= 1 {
        return (0..chunks).map(run).collect();
    }
    let next = AtomicUsize::new(0);
    let mut parts: Vec<(usize, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let chunk = next.fetch_add(1, Ordering::Relaxed);
                        if chunk >= chunks {
                            return mine;
                        }
                        mine.push((chunk, run(chunk)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().expect("a resampling worker does not panic"))
            .collect()
    });
    parts.sort_by_key(|(chunk, _)| *chunk);
    parts.into_iter().map(|(_, value)| value).collect()
}

/// Seed of the stream called `name` under `seed`, for resampling: every comparison draws from its
/// own stream, so adding a strategy moves no number of another.
///
/// FNV-1a over the name, mixed with the seed by the finaliser of SplitMix64.
///
/// ```
/// let a = dst_stats::stream_seed(7, "mnist/rigl/accuracy");
/// assert_eq!(a, dst_stats::stream_seed(7, "mnist/rigl/accuracy"));
/// assert_ne!(a, dst_stats::stream_seed(7, "mnist/set/accuracy"));
/// assert_ne!(a, dst_stats::stream_seed(8, "mnist/rigl/accuracy"));
/// ```
#[must_use]
pub fn stream_seed(seed: u64, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut mixed = hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
