// SPDX-License-Identifier: GPL-2.0-or-later
//
// Says whether the topmost images of a chain can be read without those below them, whoever reads
// them.

#pragma once

#include <cstdint>
#include <string>

#include "qcow2stream/changes.h"

namespace qcow2stream {

// Returns all offsets at which what is held and what is not meet, in one number. A power of two
// divides all of them if it divides that number.
std::uint64_t boundaries(const Changes& changes);

// Throws Error{kFailed}, which says that clusters of `cluster_size` bytes are held in part, or that
// all of the disk is asked for if they are not, so that the image below is needed, and that it
// cannot be opened for `reason`. It advises Advice::kSmallerClusters where those would do.
[[noreturn]] void throw_needs_chain(const std::string& name, std::uint64_t boundaries,
                                    std::uint64_t cluster_size, const std::string& reason);

}  // namespace qcow2stream
