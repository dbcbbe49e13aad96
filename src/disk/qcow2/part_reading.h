// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a part of a chain, wherever it lies.

#pragma once

#include <cstddef>
#include <span>

#include "disk/parts_queue.h"
#include "disk/qcow2/chain.h"

namespace qcow2stream {

// Fills `buffer`, which is as long as the part, one of `chain`. Throws Error.
void read_part(const Qcow2Chain& chain, const ChainPart& part, std::span<std::byte> buffer);

// Its place, which is in no disk unless its kind is kPlain or kBottom.
[[nodiscard]] DiskPart where_it_lies(const ChainPart& part);

}  // namespace qcow2stream
