// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/chain_roots.h"

#include <fmt/format.h>

#include <string>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// Why the image `above` does not follow on the one before it.
std::string reason_of(std::span<const OpenedInput> inputs,
                      std::span<const std::optional<ImageRoots>> roots, std::size_t above) {
  const ContentDigest& parent = *roots[above]->parent;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    if (!roots[i] || !roots[i]->own || *roots[i]->own != parent) continue;
    if (i + 1 < above && roots[above]->own && roots[above]->own == roots[above - 1]->own) {
      return "both hold the same, one is given twice";
    }
    return fmt::format("its parent is {}, which is given in another place", inputs[i].name);
  }
  return fmt::format("its parent has the root {}, and that has {}; one between them is missing",
                     root_text(parent), root_text(*roots[above - 1]->own));
}

}  // namespace

std::vector<std::optional<ImageRoots>> roots_of(std::span<const OpenedInput> inputs) {
  std::vector<std::optional<ImageRoots>> roots;
  for (const OpenedInput& input : inputs) {
    roots.push_back(input.file != nullptr ? read_image_roots(*input.file) : std::nullopt);
  }
  return roots;
}

void check_chain_roots(std::span<const OpenedInput> inputs,
                       std::span<const std::optional<ImageRoots>> roots) {
  for (std::size_t above = 1; above < roots.size(); ++above) {
    const auto& below = roots[above - 1];
    if (!roots[above] || !roots[above]->parent || !below || !below->own) continue;
    if (*roots[above]->parent == *below->own) continue;
    throw Error(ErrorKind::kMismatch, inputs[above].name,
                fmt::format("is not an increment of {}", inputs[above - 1].name),
                reason_of(inputs, roots, above))
        .about(ErrorSubject::kImage);
  }
}

}  // namespace qcow2stream::cli
