// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <zlib.h>

#include <cstddef>
#include <span>

#include "codec/decoder.h"

namespace qcow2stream {

// Deflate by zlib, which can stop where the room ends and is what QEMU has.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills `out` with what `blob` begins with. As in QEMU, all at once, so that zlib can look back
  // as far as it likes; and it does not matter whether the blob ends there, goes on or is cut off.
  BlobProblem fill(std::span<const std::byte> blob, std::span<std::byte> out);

 private:
  z_stream stream_ = {};
};

}  // namespace qcow2stream
