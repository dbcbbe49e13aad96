// SPDX-License-Identifier: GPL-2.0-or-later
//
// The last pages of a manifest, if something was left out of the image that it is of
// (docs/manifest.md): which parts of the disk these are.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "manifest/pages.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/types.h"

namespace qcow2stream::manifest {

// Writes the runs that `next` gives, in pages from number `number` on.
void write_left_out(const ManifestBuilder::NextRun& next, std::optional<GuestRange> first,
                    std::uint64_t number, const ManifestBuilder::Write& write);

// The runs of a page that is whole and must be page `number`. They begin behind `begin` at the
// earliest, do not touch each other, and end at `end` at the latest. `runs` is replaced.
Problem decode_left_out(const Page& page, std::uint64_t number, std::uint64_t begin,
                        std::uint64_t end, std::vector<GuestRange>& runs);

}  // namespace qcow2stream::manifest
