// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "qcow2stream/disk.h"

namespace qcow2stream {

// Reads all of a disk from one end to the other, with several requests in flight. Belongs to one
// thread.
class InOrderReader {
 public:
  explicit InOrderReader(std::shared_ptr<const Disk> disk);

  // Fills `buffer` and returns how many bytes there were, which are fewer than it has room for only
  // at the end of the disk. Throws Error.
  std::size_t read(std::span<std::byte> buffer);

 private:
  struct Piece {
    std::uint64_t tag = 0;
    std::vector<std::byte> bytes;
    std::size_t used = 0;
    bool has_come = false;
  };

  void ask_ahead();
  Piece& front();

  std::shared_ptr<const Disk> disk_;
  std::uint64_t asked_ = 0;              // all before it has been asked for
  std::deque<Piece> pieces_;             // in their order
  std::unique_ptr<RequestQueue> queue_;  // last: what it reads into must be there
};

}  // namespace qcow2stream
