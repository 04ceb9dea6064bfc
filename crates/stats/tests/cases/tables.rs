//! Families about several methods: ranks over blocks, groups, the studentized range.

use dst_stats::{
    Degenerate, GroupTest, LeveneCentre, Omnibus, alexander_govern, bartlett, critical_difference,
    friedman, friedman_against_control, kruskal_wallis, levene, mean_ranks, nemenyi, one_way_anova,
    repeated_anova, select_test, studentized_range_isf, studentized_range_sf, tukey_hsd,
};

use crate::expectation::Case;

const BLOCKS: &str = "matrix_rows_are_blocks";

pub(crate) fn friedman_family(case: &Case) {
    let blocks = case.matrix(BLOCKS);
    let ranks = mean_ranks(&blocks).unwrap();
    case.numbers("mean_ranks_best_is_1", &ranks.ranks);
    let uncorrected = ranks.chi_square_without_ties();
    case.number("chi2_without_tie_correction", uncorrected);
    let result = friedman(&blocks);
    if case.expects("error") {
        case.error("error", &result);
        assert_eq!(result.unwrap_err().code(), "too-few");
        return;
    }
    let test = result.unwrap();
    let f = &test.iman_davenport;
    case.number("df", test.df as f64);
    case.number("iman_davenport.df1", f.df1 as f64);
    case.number("iman_davenport.df2", f.df2 as f64);
    // All tied is 0/0 in the library.
    let or_nan = |value: Option<f64>| {
        assert_eq!(value.is_none(), test.degenerate == Some(Degenerate::AllTied));
        value.unwrap_or(f64::NAN)
    };
    case.number("chi2", or_nan(test.chi_square));
    case.number("p_value", or_nan(test.p_value));
    case.number("kendall_w", or_nan(test.kendall_w));
    let (statistic, p) = match (f.f, f.p_value, f.degenerate) {
        (Some(statistic), Some(p), None) => (statistic, p),
        (None, None, Some(Degenerate::AllTied)) => (f64::NAN, f64::NAN),
        (None, None, Some(Degenerate::PerfectAgreement)) => (f64::INFINITY, 0.0),
        other => panic!("{}: {other:?}", case.id),
    };
    case.number("iman_davenport.f", statistic);
    case.number("iman_davenport.p_value", p);
}

pub(crate) fn friedman_vs_control_family(case: &Case) {
    let control = case.param("control_column") as usize;
    let rows = friedman_against_control(&case.matrix(BLOCKS), control).unwrap();
    for (i, row) in rows.iter().enumerate() {
        case.number(&format!("others.{i}"), row.method as f64);
        case.number(&format!("z.{i}"), row.z);
        case.number(&format!("p_raw.{i}"), row.p_raw);
        case.number(&format!("p_holm.{i}"), row.p_holm);
    }
}

pub(crate) fn nemenyi_family(case: &Case) {
    if case.has_param("k") {
        let (k, n) = (case.param("k") as usize, case.param("N") as usize);
        let cd = critical_difference(k, n, case.param("alpha")).unwrap();
        case.number("q_range", cd.q_range);
        case.number("q_alpha_demsar", cd.q_alpha);
        case.number("cd", cd.value);
        return;
    }
    let ranks = mean_ranks(&case.matrix(BLOCKS)).unwrap();
    case.numbers("mean_ranks_best_is_1", &ranks.ranks);
    let p = nemenyi(&ranks).unwrap();
    case.number_matrix("p_matrix", &p);
    // Rounded by the second source's own approximation, hence its own tolerance.
    for (i, row) in p.iter().enumerate() {
        for (j, p) in row.iter().enumerate() {
            case.number_within(&format!("p_matrix_scikit_posthocs.{i}.{j}"), *p, 0.0, 2e-3);
        }
    }
}

pub(crate) fn studentized_range_family(case: &Case) {
    let (k, df) = (case.param("k") as usize, case.param("df"));
    let sf = studentized_range_sf(case.param("q"), k, df).unwrap();
    case.number("sf", sf);
    // The level stands in the name of the field.
    let quantile = studentized_range_isf(0.05, k, df).unwrap();
    case.number("ppf_0.95", quantile);
}

pub(crate) fn tukey_hsd_family(case: &Case) {
    let test = tukey_hsd(&case.matrix("groups"), 0.95).unwrap();
    case.number_matrix("p_matrix", &test.p_values.unwrap());
    case.number_matrix("diff_matrix", &test.differences);
    let half = test.half_widths.unwrap();
    let shifted = |sign: f64| -> Vec<Vec<f64>> {
        test.differences
            .iter()
            .zip(&half)
            .map(|(d, h)| d.iter().zip(h).map(|(d, h)| d + sign * h).collect())
            .collect()
    };
    case.number_matrix("ci_low", &shifted(-1.0));
    case.number_matrix("ci_high", &shifted(1.0));
}

pub(crate) fn variance_and_anova_family(case: &Case) {
    if case.has_input(BLOCKS) {
        let test = repeated_anova(&case.matrix(BLOCKS)).unwrap();
        case.number("f", test.f.unwrap());
        case.number("df1", test.df1);
        case.number("df2", test.df2);
        case.number("p_value", test.p_value.unwrap());
        case.number("gg_epsilon", test.epsilon.unwrap());
        case.number("p_value_gg", test.p_value_corrected.unwrap());
        return;
    }
    let groups = case.matrix("groups");
    let nan = (f64::NAN, f64::NAN);
    // What each library prints where ours gives a reason: division by the variance of one constant
    // group is infinite for Bartlett and NaN for Alexander-Govern.
    for (path, test, constant_group) in [
        ("levene_mean", levene(&groups, LeveneCentre::Mean), nan),
        ("levene_median", levene(&groups, LeveneCentre::Median), nan),
        ("bartlett", bartlett(&groups), (f64::INFINITY, 0.0)),
        ("anova", one_way_anova(&groups), nan),
        ("kruskal", kruskal_wallis(&groups), nan),
        ("alexander_govern", alexander_govern(&groups), nan),
    ] {
        let (statistic, p) = match test.unwrap() {
            GroupTest {
                statistic: Some(statistic), p_value: Some(p), degenerate: None, ..
            } => (statistic, p),
            GroupTest { statistic: None, p_value: None, degenerate: Some(reason), .. } => {
                match reason {
                    Degenerate::ConstantGroup(0) => constant_group,
                    Degenerate::Identical | Degenerate::NoVariance | Degenerate::AllTied => {
                        assert_eq!(case.name, "all-constant", "{path}");
                        nan
                    }
                    other => panic!("{} {path}: {other:?}", case.id),
                }
            }
            other => panic!("{} {path}: half a test {other:?}", case.id),
        };
        case.number(&format!("{path}.statistic"), statistic);
        case.number(&format!("{path}.p_value"), p);
    }
}

pub(crate) fn pipeline_autorank_family(case: &Case) {
    let blocks = case.matrix(BLOCKS);
    let forced = case.text_param("force_mode").map(|mode| {
        assert_eq!(mode, "nonparametric");
        Omnibus::Friedman
    });
    let choice = select_test(&blocks, case.param("alpha"), forced).unwrap();
    case.text("omnibus", &choice.omnibus.to_string());
    case.text("posthoc", choice.omnibus.post_hoc());
    case.number("p_value", choice.p_value.unwrap());
    match choice.critical_difference {
        Some(cd) => case.number("cd", cd.value),
        None => case.null("cd"),
    }
    case.boolean("all_normal", choice.all_normal);
    case.boolean("homoscedastic", choice.homoscedastic);
    case.text("homogeneity_test", &choice.homogeneity.to_string());
    case.number("pval_homogeneity", choice.p_homogeneity.unwrap());
    case.number("alpha_normality", choice.alpha_normality);
    for (i, test) in choice.normality.iter().enumerate() {
        case.number(&format!("shapiro_p_by_column.{i}"), test.p_value.unwrap());
    }
    let ranks = &choice.mean_ranks;
    case.numbers("mean_ranks_best_is_1_by_column", &ranks.ranks);
    let columns = case.texts("columns");
    for (i, method) in ranks.best_first().into_iter().enumerate() {
        case.text(&format!("best_first.{i}"), &columns[method]);
    }
    for (i, method) in choice.methods.iter().enumerate() {
        case.number(&format!("mean_by_column.{i}"), method.mean);
        case.number(&format!("median_by_column.{i}"), method.median);
        case.number(&format!("mad_raw_by_column.{i}"), method.mad);
    }
}
