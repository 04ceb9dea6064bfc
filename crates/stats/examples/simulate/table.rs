//! A table of simulated rates beside what theory says of them.

use std::fmt;

use dst_stats::stream_seed;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// What theory says of a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Claim {
    /// It is this.
    Equal(f64),
    /// It is not above this.
    AtMost(f64),
    /// It is not below this.
    AtLeast(f64),
    /// It is this up to what the approximation behind it may miss.
    Near(f64, f64),
}

impl Claim {
    fn rate(self) -> f64 {
        match self {
            Self::Equal(rate) | Self::AtMost(rate) | Self::AtLeast(rate) | Self::Near(rate, _) => {
                rate
            }
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self {
            Self::Equal(_) => "=",
            Self::AtMost(_) => "<=",
            Self::AtLeast(_) => ">=",
            Self::Near(..) => "~",
        };
        f.pad(&format!("{sign} {:.4}", self.rate()))
    }
}

/// One simulated rate.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was simulated.
    pub(crate) procedure: String,
    /// Sizes of the samples.
    pub(crate) n: String,
    /// What the procedure is asked for: level of a test or interval, or power.
    pub(crate) nominal: f64,
    /// What theory says of its rate.
    pub(crate) claim: Claim,
    /// Share of the runs in which the event happened.
    pub(crate) simulated: f64,
    /// Count of simulated data sets.
    pub(crate) runs: usize,
}

impl Row {
    /// Half width of the 95% band of the simulation: 1.96 binomial standard errors.
    pub(crate) fn error(&self) -> f64 {
        1.96 * self.standard_error(self.simulated)
    }

    /// Is the rate what theory says, within four standard errors? With fixed seeds the answer
    /// never changes, and a wrong formula is further off.
    pub(crate) fn holds(&self) -> bool {
        let band = 4.0 * self.standard_error(self.claim.rate());
        match self.claim {
            Claim::Equal(rate) => (self.simulated - rate).abs() <= band,
            Claim::AtMost(rate) => self.simulated <= rate + band,
            Claim::AtLeast(rate) => self.simulated >= rate - band,
            Claim::Near(rate, tolerance) => (self.simulated - rate).abs() <= tolerance + band,
        }
    }

    fn standard_error(&self, rate: f64) -> f64 {
        (rate * (1.0 - rate) / self.runs as f64).sqrt()
    }

    /// Titles of the columns of a printed row.
    pub(crate) fn header() -> String {
        format!(
            "{:58} {:>9} {:>8} {:>10} {:>10} {:>8} {:>7}",
            "procedure", "n", "nominal", "theory", "simulated", "+-", "runs"
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:58} {:>9} {:>8.4} {:>10} {:>10.4} {:>8.4} {:>7}{}",
            self.procedure,
            self.n,
            self.nominal,
            self.claim,
            self.simulated,
            self.error(),
            self.runs,
            if self.holds() { "" } else { "  DIFFERS" }
        )
    }
}

/// Rows that are simulated one after the other.
pub(crate) struct RateTable {
    /// Multiplies the count of runs.
    effort: usize,
    rows: Vec<Row>,
}

impl RateTable {
    pub(crate) fn new(effort: usize) -> Self {
        Self { effort, rows: Vec::new() }
    }

    pub(crate) fn rows(self) -> Vec<Row> {
        self.rows
    }

    /// Simulates how often `event` happens. Each row draws from a stream of its own, so adding one
    /// moves no number of another.
    pub(crate) fn add(
        &mut self,
        procedure: &str,
        n: impl fmt::Display,
        (nominal, claim): (f64, Claim),
        runs: usize,
        mut event: impl FnMut(&mut ChaCha8Rng) -> bool,
    ) {
        self.add_shares([(procedure, nominal, claim)], n, runs, |rng| {
            [f64::from(u8::from(event(rng)))]
        });
    }

    /// Simulates the means of several shares in [0, 1] that are computed from the same data. The
    /// binomial error bounds theirs from above.
    pub(crate) fn add_shares<const K: usize>(
        &mut self,
        rows: [(&str, f64, Claim); K],
        n: impl fmt::Display,
        runs: usize,
        mut shares: impl FnMut(&mut ChaCha8Rng) -> [f64; K],
    ) {
        let runs = runs * self.effort;
        let n = n.to_string();
        let mut rng = ChaCha8Rng::seed_from_u64(stream_seed(1, &format!("{} {n}", rows[0].0)));
        let mut sums = [0.0; K];
        for _ in 0..runs {
            for (sum, share) in sums.iter_mut().zip(shares(&mut rng)) {
                *sum += share;
            }
        }
        for ((procedure, nominal, claim), sum) in rows.into_iter().zip(sums) {
            self.rows.push(Row {
                procedure: procedure.to_owned(),
                n: n.clone(),
                nominal,
                claim,
                simulated: sum / runs as f64,
                runs,
            });
        }
    }
}
