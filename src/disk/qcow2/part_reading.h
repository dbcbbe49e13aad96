// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a part of a chain, wherever it lies.

#pragma once

#include <cstddef>
#include <span>

#include "disk/qcow2/chain.h"
#include "qcow2stream/error.h"

namespace qcow2stream {

// Fills `buffer`, which is as long as the part, one of `chain`. Throws Error.
void read_part(const Qcow2Chain& chain, const ChainPart& part, std::span<std::byte> buffer);

// An error of the file that holds a part has the offset in that file. holds() says whether it is
// about this part, and set_disk_offset() gives it the offset in the disk. Its message stays.
[[nodiscard]] bool holds(const ChainPart& part, const Error& error);
void set_disk_offset(Error& error, const ChainPart& part);

}  // namespace qcow2stream
