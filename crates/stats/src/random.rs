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
