//! Significance against a control, paired by seed
