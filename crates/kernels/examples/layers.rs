//! Times of all passes on typical layers, as shares of what the processor could do.
//!
//! ```sh
//! cargo run --release -p dst-kernels --example layers -- [threads] [rounds] [name…]
//! ```
//!
//! `avx2` or `portable` as a name stands for these instructions in place of the widest.
//!
//! Shapes, densities and passes take turns, and each figure is the least time of all rounds, so
//! that other work on the machine disturbs little. Times are of the processor with one thread and
//! of the clock with several. The peak is measured in the same rounds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use dst_kernels::{
    Conv2d, Error, Geometry, Instructions, Pattern, Workspace, to_samples_innermost,
};

const PASSES: [&str; 7] = ["forward", "dX", "dW", "dense dW", "db", "to layout", "build"];
const DENSITIES: [f64; 5] = [0.5, 0.2, 0.1, 0.05, 0.02];

struct Case {
    name: &'static str,
    density: f64,
    batch: usize,
    pattern: Pattern,
    mask: Vec<bool>,
    values: Vec<f32>,
    bias: Vec<f32>,
    x: Aligned,
    y: Aligned,
    dx: Aligned,
    dvalues: Vec<f32>,
    dweight: Vec<f32>,
    dbias: Vec<f32>,
    best: [Duration; PASSES.len()],
}

fn shapes() -> Result<Vec<(&'static str, Geometry, usize)>, Error> {
    let conv = Geometry::conv2d;
    let padded = |inputs, outputs, size| Conv2d {
        padding: [1, 1],
        ..Conv2d::square(inputs, outputs, 3, size)
    };
    Ok(vec![
        ("linear 784-1000", Geometry::linear(784, 1000)?, 64),
        ("linear 1000-1000", Geometry::linear(1000, 1000)?, 64),
        ("linear 400-120", Geometry::linear(400, 120)?, 64),
        ("linear 300-100", Geometry::linear(300, 100)?, 64),
        ("linear 768-3072", Geometry::linear(768, 3072)?, 512),
        ("linear 384-1536", Geometry::linear(384, 1536)?, 2048),
        ("conv 1-6 5x5 28", conv(Conv2d { padding: [2, 2], ..Conv2d::square(1, 6, 5, 28) })?, 64),
        ("conv 6-16 5x5 14", conv(Conv2d::square(6, 16, 5, 14))?, 64),
        ("conv 64 3x3 32", conv(padded(64, 64, 32))?, 64),
        ("conv 128 3x3 16", conv(padded(128, 128, 16))?, 64),
        ("conv 512 3x3 4", conv(padded(512, 512, 4))?, 64),
        ("conv 64-128 3x3/2 32", conv(Conv2d { stride: [2, 2], ..padded(64, 128, 32) })?, 64),
        (
            "conv 64-128 1x1/2 32",
            conv(Conv2d { stride: [2, 2], ..Conv2d::square(64, 128, 1, 32) })?,
            64,
        ),
    ])
}

/// Fractions of 1 that look random; a generator of its own keeps the example free of crates.
fn fractions(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Floats that begin with a line of the cache, as tensors do: each vector would lie on two.
struct Aligned {
    floats: Vec<f32>,
    start: usize,
}

impl Aligned {
    const LINE: usize = 64;

    fn new(from: &[f32]) -> Self {
        let mut floats = vec![0.0; from.len() + Self::LINE / size_of::<f32>()];
        let start = floats.as_ptr().align_offset(Self::LINE);
        floats[start..][..from.len()].copy_from_slice(from);
        floats.truncate(start + from.len());
        Self { floats, start }
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.floats[self.start..]
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.start..]
    }
}

impl Case {
    fn new(
        name: &'static str,
        geometry: Geometry,
        batch: usize,
        density: f64,
    ) -> Result<Self, Error> {
        let mut next = fractions(7);
        let mut floats = |len| (0..len).map(|_| next() - 0.5).collect::<Vec<f32>>();
        let weights = geometry.weight_count();
        let mask: Vec<bool> =
            floats(weights).iter().map(|v| f64::from(v + 0.5) < density).collect();
        let pattern = Pattern::new(geometry, &mask)?;
        let active = pattern.active_count();
        Ok(Self {
            name,
            density,
            batch,
            values: floats(active),
            bias: floats(geometry.sizes().out_channels),
            x: Aligned::new(&floats(geometry.input_count() * batch)),
            y: Aligned::new(&floats(geometry.output_count() * batch)),
            dx: Aligned::new(&floats(geometry.input_count() * batch)),
            dvalues: floats(active),
            dweight: floats(weights),
            dbias: floats(geometry.sizes().out_channels),
            best: [Duration::MAX; PASSES.len()],
            pattern,
            mask,
        })
    }

    fn pass(&mut self, number: usize, workspace: &mut Workspace) -> Result<(), Error> {
        let Self { pattern, mask, values, bias, x, y, dx, dvalues, dweight, dbias, batch, .. } =
            self;
        match number {
            0 => pattern.forward(workspace, values, Some(bias), x, *batch, y),
            1 => pattern.input_gradient(workspace, values, y, *batch, dx),
            2 => pattern.weight_gradient(workspace, x, y, *batch, dvalues),
            3 => pattern.dense_weight_gradient(workspace, x, y, *batch, dweight),
            4 => pattern.bias_gradient(y, *batch, dbias),
            5 => to_samples_innermost(workspace, x, *batch, dx),
            _ => Pattern::new(pattern.geometry(), mask).map(|pattern| drop(black_box(pattern))),
        }
    }

    /// Fused multiplications that a pass is for.
    fn useful(&self, pass: usize) -> f64 {
        let geometry = self.pattern.geometry();
        let [height, width] = geometry.output_size();
        let weights = match pass {
            3 => geometry.weight_count(),
            4.. => return 0.0,
            _ => self.pattern.active_count(),
        };
        (weights * height * width * self.batch) as f64
    }
}

/// Time of this thread only.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Fused multiplications in a second, of AVX2; 0 on other processors.
fn peak() -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx2,fma")]
        fn chains(count: usize) -> f32 {
            let (a, b) = (_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3));
            let mut sums = [a; 12];
            for _ in 0..count {
                for sum in &mut sums {
                    *sum = _mm256_fmadd_ps(*sum, a, b);
                }
            }
            sums.iter().map(|sum| _mm256_cvtss_f32(*sum)).sum()
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let count = 100_000;
            let start = processor_time();
            // SAFETY: the processor has both.
            black_box(unsafe { chains(black_box(count)) });
            return (count * 12 * 8) as f64 / (processor_time() - start).as_secs_f64();
        }
    }
    0.0
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (threads, rounds): (usize, usize) = (number(1), number(9));
    let mut workspace = Workspace::with_threads(threads)?;
    let mut names: Vec<String> = arguments.collect();
    for (name, set) in [("avx2", Instructions::Avx2), ("portable", Instructions::Portable)] {
        if let Some(at) = names.iter().position(|given| given == name) {
            names.remove(at);
            workspace = workspace.instructed(set)?;
        }
    }
    let mut cases = Vec::new();
    for (name, geometry, batch) in shapes()? {
        if names.is_empty() || names.iter().any(|part| name.contains(part.as_str())) {
            for density in DENSITIES {
                cases.push(Case::new(name, geometry, batch, density)?);
            }
        }
    }
    let mut fastest: f64 = 0.0;
    for _ in 0..rounds {
        fastest = fastest.max(peak());
        for case in &mut cases {
            for pass in 0..PASSES.len() {
                // These do not depend on the density.
                if [3, 4, 5].contains(&pass) && case.density != DENSITIES[0] {
                    continue;
                }
                // Small layers several times, or the clock is too coarse.
                let repeats = match pass {
                    0..4 => (3e6 / case.useful(pass).max(3e4)).ceil() as u32,
                    _ => 1,
                };
                case.pass(pass, &mut workspace)?;
                let (start, clock) = (processor_time(), Instant::now());
                for _ in 0..repeats {
                    case.pass(pass, &mut workspace)?;
                }
                let taken = if threads == 1 { processor_time() - start } else { clock.elapsed() };
                case.best[pass] = case.best[pass].min(taken / repeats);
            }
        }
    }
    println!(
        "{:?}, {threads} threads, least of {rounds} rounds, peak of one {:.1} GFLOP/s",
        workspace.instructions(),
        2e-9 * fastest
    );
    println!(
        "{:<22} {:>7}  {:<9} {:>9} {:>9} {:>7}",
        "layer", "density", "pass", "ms", "GFLOP/s", "% peak"
    );
    for case in &cases {
        for (pass, name) in PASSES.iter().enumerate() {
            if case.best[pass] == Duration::MAX {
                continue;
            }
            let (seconds, useful) = (case.best[pass].as_secs_f64(), case.useful(pass));
            print!("{:<22} {:>7}  {name:<9} {:>9.4}", case.name, case.density, 1e3 * seconds);
            if useful > 0.0 {
                let rate = useful / seconds;
                let share = 100.0 * rate / fastest / threads as f64;
                print!(" {:>9.1} {share:>7.0}", 2e-9 * rate);
            }
            println!();
        }
    }
    Ok(())
}
