//! The plug-ins that this binary links, one line each.
//!
//! A crate that is a dependency but not named in code registers nothing, silently;
//! `cargo xtask tidy` and a test compare this list with the folders.

use dataset_cifar10 as _;
use dataset_glue as _;
use dataset_mnist as _;
use dst_models as _;
use report_csv as _;
use report_significance as _;
use strategy_dense as _;
use strategy_prune_regrow as _;
use strategy_rigl as _;
use strategy_set as _;
