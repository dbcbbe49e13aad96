// SPDX-License-Identifier: GPL-2.0-or-later
//
// A SpoolFile keeps bytes on disk where nobody else sees them: in a file without a name, which is
// gone when it is closed, whatever ends the process.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "spool/block_map.h"
#include "system/fd.h"

namespace qcow2stream {

// Several threads may use it at once as long as they write to different places. All errors are
// Error{kFailed} with the name of the directory.
class SpoolFile {
 public:
  // Makes an empty file in `directory`.
  explicit SpoolFile(const std::string& directory);

  // Stores `bytes` from `offset` on. Nothing may have been stored there before, since aligned
  // blocks of zeros are not written but stay the holes that they are. What was written is marked in
  // `stored`, if given, which no two threads may share. Beyond RLIMIT_FSIZE the kernel sends
  // SIGXFSZ; where that is ignored, it is an error like others.
  void write(std::uint64_t offset, std::span<const std::byte> bytes, BlockMap* stored = nullptr);

  // Stores `bytes` from `offset` on as data, whatever was stored there before.
  void overwrite(std::uint64_t offset, std::span<const std::byte> bytes) { store(offset, bytes); }

  // Gives room back to the file system, if it can take it. These bytes are not read any more, and
  // only overwrite() may store some there.
  void discard(std::uint64_t offset, std::uint64_t length);

  // Fills `out` from `offset` on. The range must lie within the file's size.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

  // Sets the size of the file, in bytes. What was never written reads as zeros.
  void resize(std::uint64_t size);

  // Gives away the file, which is open for reading and writing. Afterwards this object can only be
  // destroyed.
  UniqueFd release() && { return std::move(fd_); }

 private:
  void store(std::uint64_t offset, std::span<const std::byte> bytes);

  std::string directory_;
  UniqueFd fd_;
};

}  // namespace qcow2stream
