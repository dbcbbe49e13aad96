// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was found of a disk as bytes, for a saved plan. A number has 8 of them, the highest first; a
// text comes after its length:
//
//     unit      how many bytes a unit of what is left out has
//     volumes   how many there are, and of each: its name, format and label, why it is kept, what
//               would help; its size, the bytes that it calls used and free, those that are left
//               out as free blocks and as swap space, and 1 if looking at it has failed, 0 if not
//     ranges    how many there are that the findings rest on, and of each: where it begins, its
//               length, and 32 bytes of digest
//     units     to the end, those that are left out as clusters of kData
//               (layout/cluster_map_encoding.h)

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "layout/cluster_map.h"
#include "qcow2stream/leave_out.h"

namespace qcow2stream {

// `units` are what an image has of it: its clusters or subclusters.
std::vector<std::byte> encode_left_out(const LeftOut& left_out, const ClusterMap& units);

struct DecodedLeftOut {
  std::shared_ptr<const LeftOut> left_out;
  std::shared_ptr<const ClusterMap> units;
};

// Nothing if the bytes are not those of a disk of this size; they may come from anybody.
std::optional<DecodedLeftOut> decode_left_out(std::span<const std::byte> bytes,
                                              std::uint64_t disk_size);

}  // namespace qcow2stream
