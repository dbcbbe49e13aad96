// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of metadata contexts. A context is something that a server can tell about runs of its disk.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qcow2stream {

// QEMU's context that tells in which image of a chain the data is (docs/interop/nbd.txt).
constexpr std::string_view kAllocationDepthContext = "qemu:allocation-depth";
// What QEMU puts before the name of a dirty bitmap.
constexpr std::string_view kDirtyBitmapPrefix = "qemu:dirty-bitmap:";

// The contexts that a user may mean who says `bitmap`, the likeliest first. That may be the bare
// name of a bitmap, or the whole name of a context. Throws Error{kUsage} for a context that is no
// bitmap.
std::vector<std::string> bitmap_contexts(const std::string& bitmap);

// Says what a server offers, as the reason why the bitmap that was wanted cannot be had.
std::string list_bitmaps(const std::vector<std::string>& offered_contexts);

}  // namespace qcow2stream
