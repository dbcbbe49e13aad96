// SPDX-License-Identifier: GPL-2.0-or-later
//
// A store of bytes on disk that nobody else sees: a file without a name, so it is gone when it is
// closed, whatever ends the process.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "spool/block_map.h"
#include "system/fd.h"

namespace qcow2stream {

// Several threads may use it at once as long as they write to different places. All errors are
// Error{kFailed} with the directory's name.
class SpoolFile {
 public:
  // An empty file in `directory`.
  explicit SpoolFile(const std::string& directory);

  // Stores `bytes` from `offset` on. Nothing may have been stored there before: aligned blocks of
  // zeros are not written, they stay the holes that they are. Beyond RLIMIT_FSIZE the kernel sends
  // SIGXFSZ; where that is ignored, it is an error like others.
  // What was stored is marked in `stored`, if given, which no two threads may share.
  void write(std::uint64_t offset, std::span<const std::byte> bytes, BlockMap* stored = nullptr);

  // Fills `out` from `offset` on, all of it below the file's size.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

  // Sets the size of the file, in bytes. What was never written reads as zeros.
  void resize(std::uint64_t size);

  // The file, open for reading and writing. Not to be used afterwards but for its destruction.
  UniqueFd release() && { return std::move(fd_); }

 private:
  void store(std::uint64_t offset, std::span<const std::byte> bytes);

  std::string directory_;
  UniqueFd fd_;
};

}  // namespace qcow2stream
