//! Families about pairs, effects and corrections.

use dst_stats::{
    Alternative, Correction, Degenerate, Error, Interval, NullDistribution, OneSidedTest,
    SignFlipOptions, SignedRankOptions, TTest, Variances, Zeros, adjust, akinshin_gamma,
    complete_pairs, mean_interval, non_inferiority_paired, ordinal_effect, paired_effect, paired_t,
    sign_flip, signed_rank, standardized_difference, summary, tost_independent, tost_paired,
};

use crate::expectation::Case;

pub(crate) fn alternative(case: &Case) -> Alternative {
    match case.text_param("alternative") {
        None | Some("two-sided") => Alternative::TwoSided,
        Some("greater" | "larger") => Alternative::Greater,
        Some("less" | "smaller") => Alternative::Less,
        Some(other) => panic!("{}: alternative {other}", case.id),
    }
}

/// What a library prints where we give a reason: 0/0 is NaN, a constant difference is infinite
/// with p = 0 and an interval of width 0.
pub(crate) fn library_t(test: &TTest) -> (f64, f64, (f64, f64)) {
    let point = (test.mean, test.mean);
    match (test.t, test.p_value, test.interval, test.degenerate) {
        (Some(t), Some(p), Some(ci), None) => (t, p, (ci.lower, ci.upper)),
        (None, None, None, Some(Degenerate::Identical)) => (f64::NAN, f64::NAN, point),
        (None, None, None, Some(Degenerate::NoVariance)) => {
            (test.mean.signum() * f64::INFINITY, 0.0, point)
        }
        _ => panic!("half a test: {test:?}"),
    }
}

pub(crate) fn t_test(case: &Case, test: &TTest) {
    let (t, p, (lower, upper)) = library_t(test);
    case.number("statistic", t);
    case.number("p_value", p);
    case.number("ci95.0", lower);
    case.number("ci95.1", upper);
}

pub(crate) fn paired_t_family(case: &Case) {
    let (x, y) = case.x_y();
    if case.name == "nan-pairs" {
        let error = paired_t(&x, &y, Alternative::TwoSided, 0.95).unwrap_err();
        assert_eq!(error.code(), "not-finite");
        case.number("propagate.statistic", f64::NAN);
        case.number("propagate.p_value", f64::NAN);
        let pairs = complete_pairs(&x, &y).unwrap();
        assert_eq!(pairs.dropped, [2, 3]);
        let test = paired_t(&pairs.a, &pairs.b, Alternative::TwoSided, 0.95).unwrap();
        case.number("omit.statistic", test.t.unwrap());
        case.number("omit.p_value", test.p_value.unwrap());
        case.number("omit.df", test.df.unwrap());
        return;
    }
    let level = case.param("conf");
    match paired_t(&x, &y, alternative(case), level) {
        Ok(test) => {
            t_test(case, &test);
            case.number("df", test.df.unwrap());
            case.number("mean_diff", test.mean);
        }
        Err(Error::TooFew { needed, found, .. }) => {
            assert_eq!((needed, found, case.name), (2, 1, "n1"));
            for path in ["statistic", "p_value", "ci95.0", "ci95.1"] {
                case.number(path, f64::NAN);
            }
            case.number("df", found as f64 - 1.0);
            case.number("mean_diff", summary(&[x[0] - y[0]]).unwrap().mean);
        }
        Err(other) => panic!("{}: {other}", case.id),
    }
}

pub(crate) fn wilcoxon_family(case: &Case) {
    let d = case.list("d");
    let run = |options| signed_rank(&d, &options).unwrap();
    if case.name.ends_with("enumeration") {
        let p = |alternative| {
            run(SignedRankOptions {
                alternative,
                null: NullDistribution::Exact,
                ..Default::default()
            })
        };
        case.number("w_plus", p(Alternative::TwoSided).w_plus);
        for (path, alternative) in [
            ("p_value", Alternative::TwoSided),
            ("p_greater", Alternative::Greater),
            ("p_less", Alternative::Less),
        ] {
            assert!(p(alternative).exact);
            case.number(path, p(alternative).p_value.unwrap());
        }
        return;
    }
    let options = SignedRankOptions {
        alternative: alternative(case),
        zeros: match case.text_param("zero_method") {
            None | Some("wilcox") => Zeros::Drop,
            Some("pratt") => Zeros::Pratt,
            Some("zsplit") => Zeros::Split,
            Some(other) => panic!("{}: zero_method {other}", case.id),
        },
        null: match case.text_param("method") {
            None => NullDistribution::Auto,
            Some("exact") => NullDistribution::Exact,
            Some("approx") => {
                NullDistribution::Normal { continuity: case.bool_param("correction").unwrap() }
            }
            Some(other) => panic!("{}: method {other}", case.id),
        },
    };
    let test = run(options);
    case.number("statistic", test.statistic);
    case.number("p_value", test.p_value.unwrap());
    assert_eq!(test.z.is_some(), case.expects("z"), "{}: z goes with the normal route", case.id);
    if let Some(z) = test.z {
        case.number("z", z);
    }
    if case.name == "all-zero" {
        assert_eq!(test.degenerate, Some(Degenerate::Identical));
        assert_eq!(test.rank_biserial, None);
        return;
    }
    let dropped = run(SignedRankOptions { zeros: Zeros::Drop, ..options });
    case.number("w_plus_nonzero", dropped.w_plus);
    case.number("w_minus_nonzero", dropped.w_minus);
    case.number("rank_biserial", test.rank_biserial.unwrap());
    // What is ranked must be what rounding the raw pairs gives.
    let (x, y) = case.x_y();
    let paired = dst_stats::signed_rank_paired(&x, &y, &options).unwrap();
    assert_eq!(paired, test, "{}", case.id);
}

pub(crate) fn multiple_testing_family(case: &Case) {
    let p = case.list("p");
    let alpha = case.param("alpha");
    for (name, correction) in [
        ("bonferroni", Correction::Bonferroni),
        ("holm", Correction::Holm),
        ("holm-sidak", Correction::HolmSidak),
        ("sidak", Correction::Sidak),
        ("simes-hochberg", Correction::Hochberg),
        ("fdr_bh", Correction::BenjaminiHochberg),
        ("fdr_by", Correction::BenjaminiYekutieli),
    ] {
        let family = adjust(&p, correction).unwrap();
        if p.is_empty() {
            case.empty(&format!("{name}.adjusted"), &family.adjusted);
            case.empty(&format!("{name}.reject"), &family.rejected(alpha));
            continue;
        }
        case.numbers(&format!("{name}.adjusted"), &family.adjusted);
        for (i, rejected) in family.rejected(alpha).into_iter().enumerate() {
            case.boolean(&format!("{name}.reject.{i}"), rejected);
        }
    }
}

/// d of a library where ours is undefined: the sign of the difference over 0.
fn library_d(d: Option<f64>, mean_difference: f64, degenerate: Option<Degenerate>) -> f64 {
    match (d, degenerate) {
        (Some(d), None) => d,
        (None, Some(Degenerate::Identical)) => f64::NAN,
        (None, Some(Degenerate::NoVariance)) => mean_difference.signum() * f64::INFINITY,
        other => panic!("half an effect: {other:?}"),
    }
}

pub(crate) fn effect_size_d_family(case: &Case) {
    let (x, y) = case.x_y();
    if case.name == "paired" {
        let effect = paired_effect(&x, &y).unwrap();
        case.number("d_z", effect.d_z.unwrap());
        case.number("d_av", effect.d_av.unwrap());
        case.number("d_rm", effect.d_rm.unwrap());
        case.number("pearson_r", effect.correlation.unwrap());
        let t = paired_t(&x, &y, Alternative::TwoSided, 0.95).unwrap().t;
        case.number("t_paired", t.unwrap());
        return;
    }
    let effect = standardized_difference(&x, &y).unwrap();
    let library = |d| library_d(d, effect.mean_difference, effect.degenerate);
    case.number("pooled_sd", effect.pooled_sd);
    case.number("cohen_d", library(effect.d));
    case.number("hedges_j_exact", effect.j.unwrap());
    case.number("hedges_g_exact", library(effect.g));
    case.number("hedges_j_approx", effect.j_approximate);
    case.number("hedges_g_approx", library(effect.g_approximate));
}

pub(crate) fn effect_size_ordinal_family(case: &Case) {
    let (x, y) = case.x_y();
    if case.name == "akinshin-gamma" {
        case.number("gamma", akinshin_gamma(&x, &y).unwrap().gamma.unwrap());
        return;
    }
    let effect = ordinal_effect(&x, &y).unwrap();
    case.number("cliffs_delta", effect.cliffs_delta);
    case.number("a12", effect.a12);
    case.text("magnitude_cliffs_delta", &effect.magnitude.to_string());
}

fn one_sided(case: &Case, path: &str, test: &OneSidedTest) {
    case.number(&format!("{path}.t"), test.t.unwrap());
    case.number(&format!("{path}.p"), test.p_value.unwrap());
    case.number(&format!("{path}.df"), test.df.unwrap());
}

fn interval(case: &Case, path: &str, interval: &Interval) {
    case.number(&format!("{path}.0"), interval.lower);
    case.number(&format!("{path}.1"), interval.upper);
}

pub(crate) fn tost_family(case: &Case) {
    let (x, y) = case.x_y();
    let (low, high) = (case.param("low"), case.param("upp"));
    if case.text_param("design") == Some("independent") {
        for (path, variances) in [("pooled", Variances::Pooled), ("unequal", Variances::Separate)] {
            let test = tost_independent(&x, &y, low, high, 0.05, variances).unwrap();
            case.number(&format!("{path}.p_value"), test.p_value.unwrap());
            one_sided(case, &format!("{path}.lower"), &test.lower);
            one_sided(case, &format!("{path}.upper"), &test.upper);
        }
        return;
    }
    let alpha = case.param("alpha");
    let test = tost_paired(&x, &y, low, high, alpha).unwrap();
    case.number("mean_diff", test.mean_difference);
    if case.name == "identical" {
        // The library divides by 0 and claims certainty; we say "identical" and leave p empty.
        assert_eq!(test.degenerate, Some(Degenerate::Identical));
        assert_eq!((test.p_value, test.interval, test.equivalent), (None, None, None));
        let library = |bound: f64| (test.mean_difference - bound).signum() * f64::INFINITY;
        case.number("lower.t", library(low));
        case.number("upper.t", library(high));
        case.number("lower.df", test.lower.df.unwrap());
        case.number("upper.df", test.upper.df.unwrap());
        for path in ["p_value", "lower.p", "upper.p", "non_inferior_p"] {
            case.number(path, 0.0);
        }
        case.number("ci90.0", test.mean_difference);
        case.number("ci90.1", test.mean_difference);
        case.boolean("equivalent_at_0.05", test.mean_inside);
        return;
    }
    case.number("p_value", test.p_value.unwrap());
    one_sided(case, "lower", &test.lower);
    one_sided(case, "upper", &test.upper);
    interval(case, "ci90", &test.interval.unwrap());
    case.boolean("equivalent_at_0.05", test.equivalent.unwrap());
    let claim = non_inferiority_paired(&x, &y, high, alpha).unwrap();
    case.number("non_inferior_p", claim.p_non_inferior.unwrap());
}

pub(crate) fn permutation_family(case: &Case) {
    let d = case.list("d");
    let run = |alternative| {
        sign_flip(&d, &SignFlipOptions { alternative, ..Default::default() }).unwrap()
    };
    let test = run(Alternative::TwoSided);
    assert!(test.exact);
    case.number("mean", test.mean);
    case.number("p_two_sided", test.p_value);
    case.number("p_greater", run(Alternative::Greater).p_value);
    case.number("patterns", test.patterns as f64);
}

pub(crate) fn mean_ci_family(case: &Case) {
    let x = case.list("x");
    let ci = mean_interval(&x, 0.95).unwrap();
    let description = summary(&x).unwrap();
    case.number("mean", ci.mean);
    case.number("sd", ci.sd);
    case.number("sem", ci.standard_error);
    interval(case, "ci95", &ci.interval.unwrap());
    case.number("median", description.median);
    case.number("mad_raw", description.mad);
    case.number("quartiles_linear.0", description.lower_quartile);
    case.number("quartiles_linear.1", description.median);
    case.number("quartiles_linear.2", description.upper_quartile);
}
