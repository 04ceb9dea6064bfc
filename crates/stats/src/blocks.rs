//! A table of blocks and methods: rows are blocks (data sets, or seeds), columns are methods.

use crate::error::{Error, Result, require_count, require_finite};

/// Checks that `rows` form a complete table of finite numbers and returns (blocks, methods).
pub(crate) fn require_table<R: AsRef<[f64]>>(
    rows: &[R],
    blocks_needed: usize,
    methods_needed: usize,
) -> Result<(usize, usize)> {
    require_count("blocks", blocks_needed, rows.len())?;
    let methods = rows[0].as_ref().len();
    for row in rows {
        let row = row.as_ref();
        if row.len() != methods {
            return Err(Error::UnequalCounts { left: methods, right: row.len() });
        }
        require_finite(row)?;
    }
    require_count("methods", methods_needed, methods)?;
    Ok((rows.len(), methods))
}

/// One column of a checked table.
pub(crate) fn column<R: AsRef<[f64]>>(rows: &[R], method: usize) -> Vec<f64> {
    rows.iter().map(|row| row.as_ref()[method]).collect()
}
