// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "qcow2-from-stdin/inputs.h"
#include "qcow2stream/proof.h"

namespace qcow2stream::cli {

// What each image says of its content; nothing of those that can be read only once.
std::vector<std::optional<ImageRoots>> roots_of(std::span<const OpenedInput> inputs);

// Throws Error{kMismatch} about an image whose parent is not the one before it, as far as both say
// what they hold.
void check_chain_roots(std::span<const OpenedInput> inputs,
                       std::span<const std::optional<ImageRoots>> roots);

}  // namespace qcow2stream::cli
