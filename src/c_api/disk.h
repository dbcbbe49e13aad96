// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "qcow2stream/c.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"

// NOLINTNEXTLINE(readability-identifier-naming): c.h has its name
struct qcow2stream_disk {
  std::shared_ptr<const qcow2stream::Disk> disk;
  std::shared_ptr<const qcow2stream::Changes> changes;  // null: nobody was asked for them
  std::uint64_t top_images = 0;                         // as encode_plan() has it
  std::vector<std::string> caveats;
};
