// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the topmost images of a chain hold themselves, whoever reads them: whether they can be read
// without those below.

#pragma once

#include <cstdint>
#include <string>

#include "qcow2stream/changes.h"

namespace qcow2stream {

// All offsets at which what is held and what is not meet, in one number: a power of two divides all
// of them if it divides that one.
std::uint64_t boundaries(const Changes& changes);

// Throws Error{kFailed}: clusters of `cluster_size` bytes are held in part, so what is below is
// needed, and cannot be opened for `reason`. With Advice::kSmallerClusters where those would do.
[[noreturn]] void throw_needs_chain(const std::string& name, std::uint64_t boundaries,
                                    std::uint64_t cluster_size, const std::string& reason);

}  // namespace qcow2stream
