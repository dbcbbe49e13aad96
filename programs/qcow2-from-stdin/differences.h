// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <map>

#include "qcow2stream/types.h"

namespace qcow2stream::cli {

// What differs, in the order of the disk. Belongs to one thread at a time.
class Differences {
 public:
  // Of a range that was not added before.
  void add(GuestRange range);

  // A line for each range on standard output: its offset and its length. To be called when all is
  // known. Throws Error.
  void print();

  // Ranges that do not touch each other.
  [[nodiscard]] std::uint64_t count() const { return printed_ + ranges_.size(); }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // end of each by its beginning
  std::uint64_t printed_ = 0;
};

}  // namespace qcow2stream::cli
