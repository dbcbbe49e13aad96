// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of metadata contexts: what a server can tell about runs of its disk.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qcow2stream {

// QEMU's (docs/interop/nbd.txt): in which image of a chain the data is.
constexpr std::string_view kAllocationDepthContext = "qemu:allocation-depth";
// QEMU's: followed by the name of a dirty bitmap.
constexpr std::string_view kDirtyBitmapPrefix = "qemu:dirty-bitmap:";

// The contexts that a user who says `bitmap` may mean, the likeliest first: a bitmap by its bare
// name, or a whole name of a context. Throws Error{kUsage} for a context that is no bitmap.
std::vector<std::string> bitmap_contexts(const std::string& bitmap);

// What a server offers, as a reason why the bitmap that was wanted cannot be had.
std::string list_bitmaps(const std::vector<std::string>& offered_contexts);

}  // namespace qcow2stream
