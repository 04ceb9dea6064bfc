//! Families about one or two samples beyond pairs: unmatched tests, counts, resampling, power.

use dst_stats::{
    Alternative, BayesSignedRankOptions, BootstrapOptions, Degenerate, Design, Error,
    NullDistribution, Variances, aggregate, almost_stochastic_order, bayes_correlated_t,
    bayes_signed_rank, bootstrap, bootstrap_mean, five_by_two, independent_t, mcnemar,
    nadeau_bengio, noncentral_t_sf, performance_profile, power, probability_of_improvement,
    rank_sum, sample_size, shapiro_wilk, sign_test, stratified_bootstrap,
};

use crate::{
    expectation::Case,
    pairs::{alternative, library_t, t_test},
};

pub(crate) fn welch_t_family(case: &Case) {
    let (x, y) = case.x_y();
    let level = case.param("conf");
    let welch = independent_t(&x, &y, Variances::Separate, alternative(case), level).unwrap();
    t_test(case, &welch);
    // The library prints df = 1 for 0/0 degrees of freedom; ours are absent then.
    assert_eq!(welch.df.is_none(), welch.degenerate.is_some());
    case.number("df", welch.df.unwrap_or(1.0));
    let pooled = independent_t(&x, &y, Variances::Pooled, alternative(case), level).unwrap();
    let (t, p, _) = library_t(&pooled);
    case.number("student_pooled.statistic", t);
    case.number("student_pooled.p_value", p);
    case.number("student_pooled.df", pooled.df.unwrap());
}

pub(crate) fn mann_whitney_family(case: &Case) {
    let (x, y) = case.x_y();
    let null = match case.text_param("method").unwrap() {
        "exact" => NullDistribution::Exact,
        "asymptotic" => NullDistribution::Normal {
            continuity: case.bool_param("use_continuity").unwrap_or(true),
        },
        other => panic!("{}: method {other}", case.id),
    };
    let test = rank_sum(&x, &y, alternative(case), null).unwrap();
    case.number("u1", test.u1);
    case.number("u2", test.u2);
    case.number("a12", test.a12);
    let p = match (test.p_value, test.degenerate) {
        (Some(p), None) => p,
        // 0/0 standard deviations, which the library caps at 1.
        (None, Some(Degenerate::AllTied)) => {
            assert_eq!(case.name, "all-tied");
            1.0
        }
        other => panic!("{}: {other:?}", case.id),
    };
    case.number("p_value", p);
}

pub(crate) fn mcnemar_family(case: &Case) {
    let table = case.matrix("table");
    let test = mcnemar(table[0][1] as u64, table[1][0] as u64);
    case.number("b", test.only_first as f64);
    case.number("c", test.only_second as f64);
    case.number("exact.statistic", test.only_first.min(test.only_second) as f64);
    case.number("exact.p_value", test.p_exact);
    if case.kind == "quirk" {
        assert_eq!(test.degenerate, Some(Degenerate::NoDiscordantPairs));
        assert_eq!((test.p_mid, test.chi_square, test.chi_square_yates), (None, None, None));
        case.number("mid_p", f64::NAN);
        case.number("chi2.statistic", f64::NAN);
        case.number("chi2.p_value", f64::NAN);
        case.not_copied("chi2_yates.statistic", "the library divides by 0");
        case.not_copied("chi2_yates.p_value", "the library divides by 0");
        return;
    }
    case.number("mid_p", test.p_mid.unwrap());
    for (path, form) in
        [("chi2", test.chi_square.unwrap()), ("chi2_yates", test.chi_square_yates.unwrap())]
    {
        case.number(&format!("{path}.statistic"), form.statistic);
        case.number(&format!("{path}.p_value"), form.p_value);
    }
}

pub(crate) fn sign_test_family(case: &Case) {
    let (x, y) = case.x_y();
    let test = sign_test(&x, &y, Alternative::TwoSided, 0.95).unwrap();
    case.number("wins", test.wins as f64);
    case.number("losses", test.losses as f64);
    case.number("ties", test.ties as f64);
    if case.expects("reference_error") {
        case.not_copied("reference_error", "an error there, a reason here");
        assert_eq!(test.degenerate, Some(Degenerate::Identical));
        assert_eq!((test.clopper_pearson, test.wilson), (None, None));
        return;
    }
    case.number("p_value", test.p_value);
    let greater = sign_test(&x, &y, Alternative::Greater, 0.95).unwrap();
    case.number("p_greater", greater.p_value);
    for (path, interval) in [
        ("ci95_clopper_pearson", test.clopper_pearson.unwrap()),
        ("ci95_wilson", test.wilson.unwrap()),
    ] {
        case.number(&format!("{path}.0"), interval.lower);
        case.number(&format!("{path}.1"), interval.upper);
    }
}

pub(crate) fn shapiro_wilk_family(case: &Case) {
    let x = case.list("x");
    match shapiro_wilk(&x) {
        Ok(test) if case.kind == "quirk" => {
            assert_eq!((test.w, test.p_value), (None, None));
            assert_eq!(test.degenerate, Some(Degenerate::NoVariance));
            case.not_copied("w", "calls constant data normal");
            case.not_copied("p_value", "calls constant data normal");
        }
        Ok(test) => {
            case.number("w", test.w.unwrap());
            case.number("p_value", test.p_value.unwrap());
        }
        Err(Error::TooFew { needed, found, .. }) => {
            assert_eq!((needed, found), (3, 2));
            case.number("w", f64::NAN);
            case.number("p_value", f64::NAN);
        }
        Err(other) => panic!("{}: {other}", case.id),
    }
}

pub(crate) fn bootstrap_family(case: &Case) {
    let x = case.list("x");
    let options = BootstrapOptions { draws: 100_000, seed: 20_260_101, ..Default::default() };
    let result = bootstrap_mean(&x, &options).unwrap();
    let one_thread = BootstrapOptions { threads: 1, ..options };
    assert_eq!(result, bootstrap_mean(&x, &one_thread).unwrap(), "{}", case.id);
    match case.kind {
        "property" => {
            case.number_within("mean", result.estimate, 1e-9, 1e-12);
            case.number("boot_sd_exact", result.standard_error);
            let acceleration = result.acceleration.unwrap();
            case.number_within("bca_acceleration", acceleration, 1e-9, 1e-12);
            // The share below the estimate has a Monte Carlo error of 0.0016, which the normal
            // quantile stretches by 2.5; four times that is the band.
            case.number_within("bca_z0_exact", result.z0.unwrap(), 0.0, 0.016);
            let step = lattice_step(&x);
            let interval = result.percentile;
            case.number_within("exact_percentile_95.0", interval.lower, 0.0, step);
            case.number_within("exact_percentile_95.1", interval.upper, 0.0, step);
        }
        "monte_carlo" => {
            case.number_within("point", result.estimate, 1e-12, 0.0);
            for (path, interval) in [
                ("percentile", result.percentile),
                ("basic", result.basic),
                ("bca", result.bca.unwrap()),
            ] {
                let (low, high) = (format!("{path}.lo"), format!("{path}.hi"));
                let width = case.peek(&high) - case.peek(&low);
                case.number_of_width(&low, interval.lower, width);
                case.number_of_width(&high, interval.upper, width);
            }
        }
        _ => {
            assert_eq!(case.name, "constant");
            assert_eq!(result.bca, None);
            assert_eq!(result.degenerate, Some(Degenerate::NoSpreadInResamples));
            case.number("bca.0", f64::NAN);
            case.number("bca.1", f64::NAN);
            case.number("percentile.0", result.percentile.lower);
            case.number("percentile.1", result.percentile.upper);
        }
    }
}

/// Means of resamples of decimals lie on a lattice: the smallest distance of two values over n.
fn lattice_step(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let gap = sorted.windows(2).map(|w| w[1] - w[0]).fold(f64::INFINITY, f64::min);
    gap / x.len() as f64 * (1.0 + 1e-9)
}

pub(crate) fn bayes_signed_rank_family(case: &Case) {
    let (x, y) = case.x_y();
    let options = BayesSignedRankOptions {
        rope: case.param("rope"),
        prior_strength: case.param("prior_strength"),
        seed: 5,
        ..Default::default()
    };
    // The source takes y - x, so y is our first sample and its left region our "second better".
    let test = bayes_signed_rank(&y, &x, &options).unwrap();
    if case.kind == "quirk" {
        assert_eq!(test.degenerate, Some(Degenerate::Identical));
        assert_eq!((test.p_first, test.p_second), (None, None));
        case.not_copied("p_left_x_better", "float noise decides exact ties");
        case.not_copied("p_right_y_better", "float noise decides exact ties");
        return;
    }
    case.number("p_left_x_better", test.p_second.unwrap());
    case.number("p_right_y_better", test.p_first.unwrap());
    if options.rope > 0.0 {
        case.number("p_rope", test.p_rope.unwrap());
    }
    let one_thread = BayesSignedRankOptions { threads: 1, ..options };
    assert_eq!(test, bayes_signed_rank(&y, &x, &one_thread).unwrap());
}

pub(crate) fn bayes_correlated_t_family(case: &Case) {
    let (x, y) = case.x_y();
    let test = bayes_correlated_t(&y, &x, case.param("rope"), case.param("rho")).unwrap();
    case.number("p_left_x_better", test.p_second.unwrap());
    case.number("p_rope", test.p_rope.unwrap());
    case.number("p_right_y_better", test.p_first.unwrap());
    case.number("posterior.mean", test.mean);
    case.number("posterior.df", test.df);
    case.number("posterior.var_scale", test.squared_scale);
}

pub(crate) fn aso_family(case: &Case) {
    let (a, b) = (case.list("a"), case.list("b"));
    let options = BootstrapOptions {
        level: case.param("confidence"),
        draws: 1_000,
        seed: 3,
        ..Default::default()
    };
    let test = almost_stochastic_order(&a, &b, &options).unwrap();
    let (ratio, epsilon) = match (test.violation_ratio, test.epsilon_min, test.degenerate) {
        (Some(ratio), Some(epsilon), None) => (ratio, epsilon),
        // The library warns about 0/0 and fills in 0.5 and 1.
        (None, None, Some(Degenerate::Identical)) => (0.5, 1.0),
        other => panic!("{}: {other:?}", case.id),
    };
    // Exact integral here, a grid of step dt there: 0.02 by the note of the case.
    case.number_within("violation_ratio_ab", ratio, 0.0, 0.02);
    case.number("eps_min_mean", epsilon);
    for i in 0..2 {
        case.number(&format!("eps_min_range_3_seeds.{i}"), epsilon);
    }
    case.boolean("a_dominates_at_0.5", test.dominates(0.5));
    let one_thread = BootstrapOptions { threads: 1, ..options };
    assert_eq!(test, almost_stochastic_order(&a, &b, &one_thread).unwrap());
}

pub(crate) fn power_family(case: &Case) {
    let (effect, alpha) = (case.param("d_z"), case.param("alpha"));
    if case.has_param("n") {
        let n = case.param("n");
        let two = Alternative::TwoSided;
        let got = power(Design::Paired, effect, n, alpha, two).unwrap();
        case.number("power_paired", got);
        let shift = effect * n.sqrt();
        case.number("noncentral_t_ncp", shift);
        // The same power from the two tails of the noncentral t distribution.
        let critical = dst_stats::distribution::student_t_isf(alpha / 2.0, n - 1.0);
        let tails = noncentral_t_sf(critical, n - 1.0, shift).unwrap()
            + noncentral_t_sf(critical, n - 1.0, -shift).unwrap();
        assert!((tails - got).abs() < 1e-12);
        return;
    }
    let wanted = case.param("power");
    let pairs = sample_size(Design::Paired, effect, wanted, alpha, alternative(case)).unwrap();
    case.number("n_pairs", pairs.exact);
    case.number("n_pairs_ceil", pairs.count as f64);
    case.number("power_at_ceil", pairs.power_at_count);
    let groups = sample_size(Design::Independent, effect, wanted, alpha, alternative(case));
    case.number("n_per_group_independent", groups.unwrap().exact);
}

fn transposed(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).collect()).collect()
}

pub(crate) fn rliable_family(case: &Case) {
    let tasks = transposed(&case.matrix("scores_runs_by_tasks"));
    match case.name {
        "aggregates" => {
            let scores = aggregate(&tasks, 1.0).unwrap();
            case.number("mean", scores.mean);
            case.number("median", scores.median);
            case.number("iqm", scores.iqm);
            case.number("optimality_gap_gamma1", scores.optimality_gap);
            let other = transposed(&case.matrix("other_runs_by_tasks"));
            let p = probability_of_improvement(&tasks, &other).unwrap();
            case.number("probability_of_improvement", p);
        }
        "stratified-ci" => {
            let options = BootstrapOptions { draws: 20_000, seed: 11, ..Default::default() };
            let interval = |pick: fn(&dst_stats::Aggregate) -> f64| {
                let statistic = |t: &[Vec<f64>]| pick(&aggregate(t, 1.0).unwrap());
                stratified_bootstrap(&tasks, statistic, &options).unwrap().percentile
            };
            for (path, got) in [("iqm", interval(|a| a.iqm)), ("mean", interval(|a| a.mean))] {
                let (low, high) = (format!("{path}.lo"), format!("{path}.hi"));
                let width = case.peek(&high) - case.peek(&low);
                case.number_of_width(&low, got.lower, width);
                case.number_of_width(&high, got.upper, width);
            }
        }
        "performance-profile" => {
            let taus = [0.6, 0.7, 0.8, 0.9, 0.95];
            case.numbers("taus", &taus);
            case.numbers("profile", &performance_profile(&tasks, &taus).unwrap());
        }
        other => panic!("{other}"),
    }
}

pub(crate) fn resampled_t_family(case: &Case) {
    if case.has_input("diff_5x2") {
        let rows = case.matrix("diff_5x2");
        let differences: [[f64; 2]; 5] = std::array::from_fn(|i| [rows[i][0], rows[i][1]]);
        let test = five_by_two(&differences).unwrap();
        case.number("t", test.t.unwrap());
        case.number("t_df", 5.0);
        case.number("p_value_t", test.p_value_t.unwrap());
        case.number("alpaydin_f", test.f.unwrap());
        case.numbers("f_df", &[10.0, 5.0]);
        case.number("p_value_f", test.p_value_f.unwrap());
        return;
    }
    let test = nadeau_bengio(&case.list("diff"), case.param("n_test_over_n_train")).unwrap();
    case.number("t", test.t.unwrap());
    case.number("df", test.df);
    case.number("p_value", test.p_value.unwrap());
}

/// Medians of a skewed statistic go through the same machinery as means.
#[test]
fn any_statistic_can_be_bootstrapped() {
    let x: Vec<f64> = (1..=25).map(|i| f64::from(i * i)).collect();
    let median = |s: &[f64]| dst_stats::quantile(s, 0.5).unwrap();
    let b = bootstrap(&x, median, &BootstrapOptions::default()).unwrap();
    assert_eq!(b.estimate, 169.0);
    assert!(b.percentile.contains(169.0) && b.percentile.lower >= 36.0);
}
