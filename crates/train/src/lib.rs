//! The training loop, the optimisers under masks, evaluation and checkpoints
