//! Compiles the one C++ file against the libtorch that torch-sys links.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=cpp/closure_node.cpp");
    println!("cargo:rerun-if-changed=cpp/closure_node.h");
    let folder =
        std::env::var_os("DEP_TCH_LIBTORCH_LIB").expect("torch-sys says where libtorch is");
    let include = PathBuf::from(folder).join("../include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // libtorch's headers have some of their own.
        .warnings(false)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .file("cpp/closure_node.cpp")
        .compile("dst_closure_node");
}
