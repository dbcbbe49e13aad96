// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which format a volume has, by the signatures that stand on it.

#pragma once

#include <string>
#include <vector>

#include "filesystems/volume.h"

namespace qcow2stream {

struct Signature {
  std::string format;  // as Finding::format: "ext", "xfs", "luks", "gpt"
  // It stands in the volume's first 512 bytes, where a partition table would.
  bool is_at_beginning = false;
};

// All signatures that are found, each format once. None: unknown. More than one: nobody can tell
// which of them counts. A boot sector's own (55 AA) is not among them: nearly all of these formats
// may have it.
std::vector<Signature> find_signatures(const Volume& volume);

}  // namespace qcow2stream
