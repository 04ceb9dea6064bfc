// What Rust and C++ tell each other. All functions are called with valid pointers and throw nothing.
#pragma once

#include <cstddef>

namespace at {
class Tensor;
}

extern "C" {

// The backward pass: from the gradient at the output and the saved tensors, both borrowed, to the
// gradients at the inputs. `needed[i]` says whether input i wants one; an owned tensor or null goes to
// `results[i]`. Returns null, or a message that is valid until the next call on this thread.
using DstBackward = const char* (*)(void* closure, at::Tensor* gradient, at::Tensor* const* saved,
                                    size_t saved_count, const bool* needed, at::Tensor** results,
                                    size_t input_count);

// Frees the closure.
using DstRelease = void (*)(void* closure);

// Makes `output` depend on `inputs`; undefined ones and those that want no gradient are allowed. Takes
// over `closure` in any case. Returns null, or a message that is valid until the next call on this
// thread.
const char* dst_attach(at::Tensor* output, at::Tensor* const* inputs, size_t input_count,
                       at::Tensor* const* saved, size_t saved_count, void* closure,
                       DstBackward backward, DstRelease release);

// Does libtorch record operations on this thread?
bool dst_is_recording();
}
