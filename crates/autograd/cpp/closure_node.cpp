// A node of the autograd graph whose backward pass is a closure of Rust. It knows nothing of what the
// closure computes.
//
// Tensors that the backward pass reads are `SavedVariable`s, so that libtorch notices if one is changed in
// place between the passes.
#include "closure_node.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

using at::Tensor;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

namespace {

using Closure = std::unique_ptr<void, DstRelease>;

class ClosureNode : public torch::autograd::Node {
 public:
  ClosureNode(torch::autograd::edge_list&& edges, Closure closure, DstBackward backward,
              std::vector<SavedVariable> saved)
      : Node(std::move(edges)),
        closure_(std::move(closure)),
        backward_(backward),
        saved_(std::move(saved)) {}

  std::string name() const override { return "ClosureBackward"; }

  // Called by the engine after a backward pass that does not keep the graph.
  void release_variables() override {
    closure_.reset();
    saved_.clear();
  }

 protected:
  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK(closure_ != nullptr,
                "a second backward pass through a layer whose first one freed the graph");
    // What the closure computes is not recorded, so that its derivative would silently be missing.
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "a layer with its own backward pass has no second derivative: it cannot be "
                "differentiated with create_graph");
    const size_t count = num_outputs();
    variable_list results(count);
    if (!gradients[0].defined()) return results;

    // `unpack` throws if the tensor was changed in place since the forward pass.
    variable_list unpacked;
    unpacked.reserve(saved_.size());
    for (auto& variable : saved_) unpacked.push_back(variable.unpack());
    std::vector<Tensor*> borrowed;
    borrowed.reserve(unpacked.size());
    for (auto& tensor : unpacked) borrowed.push_back(&tensor);

    // Not `vector<bool>`, which has no array inside.
    const auto needed = std::make_unique<bool[]>(count);
    for (size_t i = 0; i < count; ++i) needed[i] = task_should_compute_output(i);
    std::vector<Tensor*> owned(count, nullptr);
    const char* message = backward_(closure_.get(), &gradients[0], borrowed.data(), borrowed.size(),
                                    needed.get(), owned.data(), count);
    for (size_t i = 0; i < count; ++i) {
      const std::unique_ptr<Tensor> result(owned[i]);
      if (result != nullptr) results[i] = std::move(*result);
    }
    if (message != nullptr) throw std::runtime_error(message);
    return results;
  }

 private:
  Closure closure_;
  DstBackward backward_;
  std::vector<SavedVariable> saved_;
};

thread_local std::string message;

}  // namespace

extern "C" const char* dst_attach(Tensor* output, Tensor* const* inputs, size_t input_count,
                                  Tensor* const* saved, size_t saved_count, void* closure,
                                  DstBackward backward, DstRelease release) {
  Closure owned(closure, release);
  try {
    torch::autograd::edge_list edges;
    edges.reserve(input_count);
    for (size_t i = 0; i < input_count; ++i) {
      const Tensor& input = *inputs[i];
      if (input.defined() && input.requires_grad()) {
        edges.push_back(torch::autograd::impl::gradient_edge(input));
      } else {
        edges.emplace_back();
      }
    }
    std::vector<SavedVariable> variables;
    variables.reserve(saved_count);
    for (size_t i = 0; i < saved_count; ++i) variables.emplace_back(*saved[i], /*is_output=*/false);
    auto node = c10::make_intrusive<ClosureNode>(std::move(edges), std::move(owned), backward,
                                                 std::move(variables));
    torch::autograd::set_history(*output, node);
    return nullptr;
  } catch (const std::exception& error) {
    message = error.what();
    return message.c_str();
  }
}

extern "C" bool dst_is_recording() { return at::GradMode::is_enabled(); }
