//! Models: MLP and LeNet-5
