//! Seeded simulations of what the procedures promise: coverage, level, power.
//!
//! Shared by the example that prints them and by `tests/simulation.rs`, which checks them.

use dst_stats::{
    Alternative, BootstrapOptions, Correction, Design, LeveneCentre, NullDistribution,
    SignFlipOptions, SignedRankOptions, Variances, adjust, bartlett, bootstrap_mean,
    clopper_pearson_interval, critical_difference, detectable_effect,
    distribution::{student_t_isf, student_t_sf},
    friedman, independent_t, kruskal_wallis, levene, mcnemar, mean_interval, mean_ranks,
    nadeau_bengio, non_inferiority, one_sample_t, one_way_anova, paired_t, power, rank_sum,
    repeated_anova, sample_size, sd_interval, shapiro_wilk, sign_flip, sign_test, signed_rank,
    studentized_range_isf, summary, tost_paired, two_way, two_way_bootstrap, wilson_interval,
};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use rand_distr::{Distribution, StandardNormal};

use crate::table::{Claim, RateTable, Row};
use Claim::{AtLeast, AtMost, Equal, Near};

const TWO: Alternative = Alternative::TwoSided;
const ALPHA: f64 = 0.05;
const RUNS: usize = 20_000;

/// A group of simulations.
pub(crate) type Section = fn(usize) -> Vec<Row>;

/// All groups, by title. Each takes a factor for the count of its runs.
pub(crate) const SECTIONS: [(&str, Section); 8] = [
    ("Coverage of intervals", coverage),
    ("Coverage of bootstrap intervals", bootstrap_coverage),
    ("Type-I error of two samples", level),
    ("Type-I error of several groups", level_of_groups),
    ("Errors at the margin", margins),
    ("Families of comparisons", families),
    ("Power", powers),
    ("Seeds and examples", seeds_and_examples),
];

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn normals(rng: &mut ChaCha8Rng, count: usize, mean: f64) -> Vec<f64> {
    (0..count).map(|_| mean + normal(rng)).collect()
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / f64::from(u32::MAX)
}

/// p-value below alpha; a p-value that is exactly alpha rejects too, as in exact tests.
fn rejects(p: Option<f64>) -> bool {
    p.expect("continuous data have a variance") <= ALPHA
}

fn coverage(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    for n in [3, 5, 6, 10, 30] {
        for level in [0.9, 0.95] {
            let name = format!("t interval of a mean, level {level}");
            table.add(&name, n, (level, Equal(level)), RUNS, |rng| {
                mean_interval(&normals(rng, n, 7.0), level).unwrap().interval.unwrap().contains(7.0)
            });
        }
    }
    let name = "chi-square interval of a standard deviation";
    table.add(name, 5, (0.95, Equal(0.95)), RUNS, |rng| {
        let sd = summary(&normals(rng, 5, 7.0)).unwrap().sd.unwrap();
        sd_interval(sd, 5, 0.95).unwrap().contains(1.0)
    });
    table.add("t interval of a mean of exponentials", 10, (0.95, Near(0.9, 0.02)), RUNS, |rng| {
        // The pitfall of few, skewed values: bounded metrics near their bound look like this.
        let x: Vec<f64> = (0..10).map(|_| -(1.0 - 0.999_999 * uniform(rng)).ln()).collect();
        mean_interval(&x, 0.95).unwrap().interval.unwrap().contains(1.0)
    });
    for trials in [10, 20, 50] {
        // Coverage of a discrete interval swings around its level; over shares it averages out.
        let rows = [
            ("Wilson interval, shares over [0.05, 0.95]", 0.95, Near(0.95, 0.008)),
            ("Clopper-Pearson interval, same data", 0.95, AtLeast(0.95)),
        ];
        table.add_shares(rows, trials, RUNS, |rng| {
            let share = 0.05 + 0.9 * uniform(rng);
            let hits = (0..trials).filter(|_| uniform(rng) < share).count() as u64;
            let inside = [
                wilson_interval(hits, trials, 0.95).unwrap().contains(share),
                clopper_pearson_interval(hits, trials, 0.95).unwrap().contains(share),
            ];
            inside.map(|yes| f64::from(u8::from(yes)))
        });
    }
    table.rows()
}

fn bootstrap_coverage(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    for n in [5, 10, 20, 30] {
        // Resamples of n values have variance (n - 1) / n times the sample's and normal quantiles
        // where Student's would be right. So the coverage for normal data is known, and far below
        // the nominal one for few seeds: the reason why reports prefer the t interval there.
        let df = n as f64 - 1.0;
        let z = dst_stats::distribution::normal_quantile(0.975);
        let expected = 1.0 - 2.0 * student_t_sf(z * (df / n as f64).sqrt(), df);
        let claim = Near(expected, 0.01);
        let options = BootstrapOptions { draws: 1_000, threads: 1, ..Default::default() };
        let rows = [
            ("percentile bootstrap interval of a mean", 0.95, claim),
            ("basic bootstrap interval, same data", 0.95, claim),
            ("BCa bootstrap interval, same data", 0.95, claim),
        ];
        table.add_shares(rows, n, 2_000, |rng| {
            let seed = rng.next_u64();
            let x = normals(rng, n, 0.0);
            let b = bootstrap_mean(&x, &BootstrapOptions { seed, ..options }).unwrap();
            [b.percentile, b.basic, b.bca.expect("continuous data vary")]
                .map(|interval| f64::from(u8::from(interval.contains(0.0))))
        });
    }
    table.rows()
}

fn level(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    for n in [3, 6, 10] {
        table.add("paired t", format!("{n} pairs"), (ALPHA, Equal(ALPHA)), RUNS, |rng| {
            let (a, b) = (normals(rng, n, 0.0), normals(rng, n, 0.0));
            rejects(paired_t(&a, &b, TWO, 0.95).unwrap().p_value)
        });
    }
    table.add("one-sample t, one-sided", 6, (ALPHA, Equal(ALPHA)), RUNS, |rng| {
        let side = Alternative::Greater;
        rejects(one_sample_t(&normals(rng, 6, 2.0), 2.0, side, 0.95).unwrap().p_value)
    });
    table.add("t of two samples, pooled", "8 + 4", (ALPHA, Equal(ALPHA)), RUNS, |rng| {
        let (a, b) = (normals(rng, 8, 0.0), normals(rng, 4, 0.0));
        rejects(independent_t(&a, &b, Variances::Pooled, TWO, 0.95).unwrap().p_value)
    });
    table.add("Welch's t, sd 1 and 3", "8 + 4", (ALPHA, Near(ALPHA, 0.01)), RUNS, |rng| {
        let a = normals(rng, 8, 0.0);
        let b: Vec<f64> = normals(rng, 4, 0.0).iter().map(|v| 3.0 * v).collect();
        rejects(independent_t(&a, &b, Variances::Separate, TWO, 0.95).unwrap().p_value)
    });
    // Exact tests of continuous data reject at the largest attainable p-value that is not above
    // alpha, which counting gives. Five pairs attain 1/16 at best, so they never reject.
    for (n, patterns) in [(5, 0.0), (6, 2.0 / 64.0), (9, 20.0 / 512.0)] {
        let pairs = format!("{n} pairs");
        table.add("Wilcoxon signed-rank, exact", &pairs, (ALPHA, Equal(patterns)), RUNS, |rng| {
            let options = SignedRankOptions::default();
            rejects(signed_rank(&normals(rng, n, 0.0), &options).unwrap().p_value)
        });
    }
    for (n, patterns, runs) in
        [(5, 0.0, RUNS / 4), (6, 2.0 / 64.0, RUNS), (9, 24.0 / 512.0, RUNS / 4)]
    {
        let pairs = format!("{n} pairs");
        table.add("sign flips, exact", &pairs, (ALPHA, Equal(patterns)), runs, |rng| {
            let options = SignFlipOptions::default();
            rejects(Some(sign_flip(&normals(rng, n, 0.0), &options).unwrap().p_value))
        });
    }
    table.add("sign test", "9 pairs", (ALPHA, Equal(20.0 / 512.0)), RUNS, |rng| {
        let (a, b) = (normals(rng, 9, 0.0), normals(rng, 9, 0.0));
        rejects(Some(sign_test(&a, &b, TWO, 0.95).unwrap().p_value))
    });
    for (n, arrangements) in [(5, 8.0 / 252.0), (6, 38.0 / 924.0)] {
        let claim = (ALPHA, Equal(arrangements));
        table.add("Mann-Whitney, exact", format!("{n} + {n}"), claim, RUNS, |rng| {
            let (a, b) = (normals(rng, n, 0.0), normals(rng, n, 0.0));
            rejects(rank_sum(&a, &b, TWO, NullDistribution::Auto).unwrap().p_value)
        });
    }
    let claim = (ALPHA, Equal(2.0 * 21_700.0 / 1_048_576.0));
    table.add("McNemar, exact", "20 differ", claim, RUNS, |rng| {
        let first = (0..20).filter(|_| uniform(rng) < 0.5).count() as u64;
        rejects(Some(mcnemar(first, 20 - first).p_exact))
    });
    // Ten splits that share training data: differences with correlation rho, for which Nadeau and
    // Bengio's ratio is rho / (1 - rho). Without the correction t is too large by a known factor.
    let (splits, ratio) = (10.0, 1.0 / 9.0);
    let rho: f64 = ratio / (1.0 + ratio);
    let critical = student_t_isf(0.5 * ALPHA, splits - 1.0);
    let inflated = 2.0 * student_t_sf(critical / (1.0 + splits * ratio).sqrt(), splits - 1.0);
    let rows = [
        ("Nadeau-Bengio's t, overlapping splits", ALPHA, Equal(ALPHA)),
        ("paired t on the same splits (wrong)", ALPHA, Equal(inflated)),
    ];
    table.add_shares(rows, "10 splits", RUNS, |rng| {
        let common = rho.sqrt() * normal(rng);
        let d: Vec<f64> = (0..10).map(|_| common + (1.0 - rho).sqrt() * normal(rng)).collect();
        [
            nadeau_bengio(&d, ratio).unwrap().p_value,
            one_sample_t(&d, 0.0, TWO, 0.95).unwrap().p_value,
        ]
        .map(|p| f64::from(u8::from(rejects(p))))
    });
    table.rows()
}

fn level_of_groups(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let rows = [
        ("one-way ANOVA", ALPHA, Equal(ALPHA)),
        ("Kruskal-Wallis, same data", ALPHA, Near(ALPHA, 0.01)),
        ("Bartlett, same data", ALPHA, Near(ALPHA, 0.01)),
        ("Brown-Forsythe (Levene at the median), same data", ALPHA, AtMost(ALPHA)),
        ("Shapiro-Wilk, first group of the same data", ALPHA, Near(ALPHA, 0.005)),
    ];
    table.add_shares(rows, "3 x 6", RUNS, |rng| {
        let groups: Vec<Vec<f64>> = (0..3).map(|_| normals(rng, 6, 0.0)).collect();
        [
            one_way_anova(&groups).unwrap().p_value,
            kruskal_wallis(&groups).unwrap().p_value,
            bartlett(&groups).unwrap().p_value,
            levene(&groups, LeveneCentre::Median).unwrap().p_value,
            shapiro_wilk(&groups[0]).unwrap().p_value,
        ]
        .map(|p| f64::from(u8::from(rejects(p))))
    });
    let rows = [
        ("repeated-measures ANOVA", ALPHA, Equal(ALPHA)),
        ("Friedman, Iman-Davenport, same data", ALPHA, Near(ALPHA, 0.01)),
    ];
    table.add_shares(rows, "4 x 10", RUNS, |rng| {
        let blocks: Vec<Vec<f64>> = (0..10)
            .map(|_| {
                let difficulty = 5.0 * normal(rng);
                normals(rng, 4, difficulty)
            })
            .collect();
        [
            repeated_anova(&blocks).unwrap().p_value,
            friedman(&blocks).unwrap().iman_davenport.p_value,
        ]
        .map(|p| f64::from(u8::from(p.is_some_and(|p| p <= ALPHA))))
    });
    // The largest difference against the critical one, which is computed once.
    let range = |values: &[f64]| {
        let (low, high) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        high - low
    };
    let critical = studentized_range_isf(ALPHA, 4, 20.0).unwrap();
    table.add("Tukey's HSD, any pair", "4 x 6", (ALPHA, Equal(ALPHA)), RUNS, |rng| {
        let groups: Vec<_> =
            (0..4).map(|_| summary(&normals(rng, 6, 0.0)).expect("six values")).collect();
        let means: Vec<f64> = groups.iter().map(|group| group.mean).collect();
        let variance = groups.iter().filter_map(|group| group.sd).map(|sd| sd * sd).sum::<f64>();
        range(&means) >= critical * (variance / 4.0 / 6.0).sqrt()
    });
    let critical = critical_difference(4, 10, ALPHA).unwrap().value;
    table.add("Nemenyi, any pair", "4 x 10", (ALPHA, Near(ALPHA, 0.015)), RUNS, |rng| {
        let blocks: Vec<Vec<f64>> = (0..10).map(|_| normals(rng, 4, 0.0)).collect();
        range(&mean_ranks(&blocks).unwrap().ranks) >= critical
    });
    table.rows()
}

fn margins(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    // Differences have sd 1; the truth lies exactly at the margin.
    for (margin, claim) in [(2.0, Equal(ALPHA)), (0.5, AtMost(ALPHA))] {
        let name = format!("TOST claims equivalence, margin {margin} sd");
        table.add(&name, "6 pairs", (ALPHA, claim), RUNS, |rng| {
            let d = normals(rng, 6, margin);
            tost_paired(&d, &[0.0; 6], -margin, margin, ALPHA).unwrap().equivalent == Some(true)
        });
    }
    for n in [3, 6, 10] {
        let name = "non-inferior, at the margin of 1 sd";
        table.add(name, format!("{n} pairs"), (ALPHA, Equal(ALPHA)), RUNS, |rng| {
            let d = normals(rng, n, -1.0);
            rejects(non_inferiority(&d, 1.0, ALPHA).unwrap().p_non_inferior)
        });
    }
    table.rows()
}

/// Two-sided p-values of `count` strategies against one dense control; the first `better` are
/// better by 2 sd. Sharing the control makes them dependent.
fn against_control(rng: &mut ChaCha8Rng, count: usize, better: usize) -> Vec<f64> {
    let dense = normals(rng, 6, 0.0);
    (0..count)
        .map(|i| {
            let sparse = normals(rng, 6, if i < better { 2.0 } else { 0.0 });
            paired_t(&sparse, &dense, TWO, 0.95).unwrap().p_value.unwrap()
        })
        .collect()
}

fn families(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    // Identical strategies: eight against one control on three data sets, one family of 24.
    let rows = [
        ("any rejection in a grid of identical strategies, Holm", ALPHA, AtMost(ALPHA)),
        ("the same grids, Hommel", ALPHA, AtMost(ALPHA)),
        ("the same grids, Benjamini-Hochberg", ALPHA, AtMost(ALPHA)),
        ("the same grids, no correction (wrong)", ALPHA, AtLeast(0.4)),
    ];
    table.add_shares(rows, "24 x 6", 2_000, |rng| {
        let p: Vec<f64> = (0..3).flat_map(|_| against_control(rng, 8, 0)).collect();
        [Correction::Holm, Correction::Hommel, Correction::BenjaminiHochberg, Correction::None].map(
            |correction| {
                let rejected = adjust(&p, correction).unwrap().rejected(ALPHA);
                f64::from(u8::from(rejected.contains(&true)))
            },
        )
    });
    let name = "any false rejection, 4 of 8 are better, Holm";
    table.add(name, "8 x 6", (ALPHA, AtMost(ALPHA)), 10_000, |rng| {
        let p = against_control(rng, 8, 4);
        adjust(&p, Correction::Holm).unwrap().rejected(ALPHA)[4..].contains(&true)
    });
    // Independent tests: the false discovery rate is the share of true hypotheses times alpha.
    let rows = [
        ("false discovery rate, 10 of 20 true, Benjamini-Hochberg", ALPHA, Equal(0.5 * ALPHA)),
        ("the same families, Benjamini-Yekutieli", ALPHA, AtMost(0.5 * ALPHA)),
    ];
    table.add_shares(rows, "20 x 6", 5_000, |rng| {
        let p: Vec<f64> = (0..20)
            .map(|i| {
                let d = normals(rng, 6, if i < 10 { 2.0 } else { 0.0 });
                one_sample_t(&d, 0.0, TWO, 0.95).unwrap().p_value.unwrap()
            })
            .collect();
        [Correction::BenjaminiHochberg, Correction::BenjaminiYekutieli].map(|correction| {
            let rejected = adjust(&p, correction).unwrap().rejected(ALPHA);
            let count = |r: &[bool]| r.iter().filter(|r| **r).count() as f64;
            count(&rejected[10..]) / count(&rejected).max(1.0)
        })
    });
    table.rows()
}

fn powers(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let mut paired = |name: &str, n: usize, effect: f64, side, predicted: f64| {
        table.add(name, format!("{n} pairs"), (predicted, Equal(predicted)), RUNS, |rng| {
            rejects(one_sample_t(&normals(rng, n, effect), 0.0, side, 0.95).unwrap().p_value)
        });
    };
    for (n, effect) in [(5, 1.0), (10, 1.0), (6, 1.5), (20, 0.5)] {
        let predicted = power(Design::Paired, effect, n as f64, ALPHA, TWO).unwrap();
        paired(&format!("`power`, paired t, d_z = {effect}"), n, effect, TWO, predicted);
    }
    for effect in [0.8, 1.5] {
        let plan = sample_size(Design::Paired, effect, 0.8, ALPHA, TWO).unwrap();
        let name = format!("`sample_size` for 0.8, paired t, d_z = {effect}");
        paired(&name, plan.count, effect, TWO, plan.power_at_count);
    }
    let effect = detectable_effect(Design::Paired, 6.0, 0.8, ALPHA, TWO).unwrap();
    paired(&format!("`detectable_effect` for 0.8, d_z = {effect:.2}"), 6, effect, TWO, 0.8);
    let predicted = power(Design::Independent, 1.0, 10.0, ALPHA, TWO).unwrap();
    let claim = (predicted, Equal(predicted));
    table.add("`power`, two samples, d = 1", "10 + 10", claim, RUNS, |rng| {
        let (a, b) = (normals(rng, 10, 1.0), normals(rng, 10, 0.0));
        rejects(independent_t(&a, &b, Variances::Pooled, TWO, 0.95).unwrap().p_value)
    });
    // As good as the control: shown to be no worse if the one-sided test against -margin rejects.
    let plan = sample_size(Design::Paired, 1.0, 0.8, ALPHA, Alternative::Greater).unwrap();
    let claim = (plan.power_at_count, Equal(plan.power_at_count));
    let name = "`sample_size` for 0.8, non-inferiority, margin 1 sd";
    table.add(name, format!("{} pairs", plan.count), claim, RUNS, |rng| {
        let d = normals(rng, plan.count, 0.0);
        rejects(non_inferiority(&d, 1.0, ALPHA).unwrap().p_non_inferior)
    });
    table.rows()
}

/// Right answers of one model less those of another, equally good on average: the sign of the sum
/// of a seed's effect, an example's effect and noise where it exceeds 2, else 0.
fn crossed(rng: &mut ChaCha8Rng, seeds: usize, of_seeds: f64, of_examples: f64) -> Vec<Vec<i8>> {
    let examples = normals(rng, 300, 0.0);
    (0..seeds)
        .map(|_| {
            let seed = of_seeds * normal(rng);
            let answer = |example: &f64| {
                let z = seed + of_examples * example + normal(rng);
                i8::from(z > 2.0) - i8::from(z < -2.0)
            };
            examples.iter().map(answer).collect()
        })
        .collect()
}

fn seeds_and_examples(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let options = BootstrapOptions { draws: 300, threads: 1, ..Default::default() };
    for (what, of_seeds, of_examples, seeds, alone, bootstrap) in [
        ("examples dominate", 0.02, 1.5, 5, AtMost(0.87), Near(0.95, 0.02)),
        ("examples dominate", 0.02, 1.5, 10, AtMost(0.75), Near(0.95, 0.02)),
        ("both", 0.3, 1.0, 5, Near(0.94, 0.02), Near(0.9, 0.03)),
        ("both", 0.3, 1.0, 10, Near(0.93, 0.02), Near(0.93, 0.02)),
        ("seeds dominate", 0.5, 0.1, 5, Near(0.95, 0.02), AtMost(0.87)),
    ] {
        let names = ["interval over seeds", "over seeds and examples", "two-way bootstrap"]
            .map(|name| format!("{name}, {what}"));
        let rows = [
            (names[0].as_str(), 0.95, alone),
            (names[1].as_str(), 0.95, Near(0.95, 0.02)),
            (names[2].as_str(), 0.95, bootstrap),
        ];
        table.add_shares(rows, format!("{seeds} x 300"), 1_000, |rng| {
            let y = crossed(rng, seeds, of_seeds, of_examples);
            let means: Vec<f64> = y
                .iter()
                .map(|row| f64::from(row.iter().map(|y| i32::from(*y)).sum::<i32>()) / 300.0)
                .collect();
            let mean = |seeds: &[usize], examples: &[usize]| {
                let of_seed =
                    |s: &usize| examples.iter().map(|i| i32::from(y[*s][*i])).sum::<i32>();
                let sum: i32 = seeds.iter().map(of_seed).sum();
                Some(f64::from(sum) / (seeds.len() * examples.len()) as f64)
            };
            let options = BootstrapOptions { seed: rng.next_u64(), ..options };
            [
                mean_interval(&means, 0.95).unwrap().interval,
                two_way(&y, 0.95).unwrap().interval,
                two_way_bootstrap(seeds, 300, &options, mean).unwrap().percentile,
            ]
            .map(|interval| f64::from(u8::from(interval.is_some_and(|i| i.contains(0.0)))))
        });
    }
    table.rows()
}
