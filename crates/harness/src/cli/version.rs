//! What `harness --version` prints.

use std::sync::LazyLock;

use dst_kernels::Instructions;

use crate::code;
use crate::run::libtorch;

/// Version and commit, the libtorch that is loaded, and what of the processor matters for speed.
pub(super) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let place = libtorch::folder().map(|folder| format!(" of {}", folder.display()));
        let features = match features() {
            none if none.is_empty() => "no known features".to_owned(),
            some => some.join(" "),
        };
        format!(
            "{} ({})\nlibtorch {}{}\nprocessor with {features}; sparse kernels use {}",
            env!("CARGO_PKG_VERSION"),
            code::commit_in_words(),
            libtorch::version(),
            place.unwrap_or_default(),
            kernels(),
        )
    });
    &LONG
}

/// What sparse kernels are computed with here.
fn kernels() -> &'static str {
    match Instructions::available().first() {
        Some(Instructions::Avx512) => "AVX-512",
        Some(Instructions::Avx2) => "AVX2",
        _ => "portable code",
    }
}

/// Sets of vector instructions of this processor.
#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    use std::is_x86_feature_detected as has;
    let all = [
        ("sse4.2", has!("sse4.2")),
        ("avx", has!("avx")),
        ("avx2", has!("avx2")),
        ("fma", has!("fma")),
        ("avx512f", has!("avx512f")),
        ("avx512bf16", has!("avx512bf16")),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// The same for processors of ARM, all of which have it.
#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    vec!["neon"]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
