// SPDX-License-Identifier: GPL-2.0-or-later
//
// Swap space of Linux. A machine that starts finds nothing in it, unless it was hibernated there.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "filesystems/finding.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// The last bytes of the first page are a signature, so where it stands says how large a page is.
struct SwapSignature {
  std::uint64_t page_size = 0;
  std::string text;
  bool is_hibernation = false;  // it stands in place of that of swap space
};

// Of the volume, or nothing where there is none, or more than one.
std::optional<SwapSignature> find_swap_signature(const Volume& volume);

// Throws Error only if the volume cannot be read.
Finding examine_swap(const Volume& volume, Kinds kinds, FreeRuns& runs);

}  // namespace qcow2stream
