// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "qcow2stream/digest.h"

namespace qcow2stream {

// Makes one digest. Belongs to one thread at a time. Throws Error where OpenSSL fails.
class Hasher {
 public:
  Hasher() = default;
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  virtual ~Hasher() = default;

  virtual void update(std::span<const std::byte> bytes) = 0;
  // The digest of all bytes so far, in the form that digest.h describes. No call may follow.
  virtual std::vector<std::byte> finish() = 0;
};

// Throws Error{kFailed} where the algorithm cannot be had: OpenSSL may be set up to refuse MD5.
std::unique_ptr<Hasher> make_hasher(DigestAlgorithm algorithm);

}  // namespace qcow2stream
