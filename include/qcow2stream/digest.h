// SPDX-License-Identifier: GPL-2.0-or-later
//
// Digests of what emit() writes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace qcow2stream {

enum class DigestAlgorithm : std::uint8_t {
  kSha256,
  kSha512,
  kBlake2b,  // of 512 bits, as b2sum makes it
  kSha1,
  kMd5,
  kCrc32c,     // Castagnoli's polynomial, as in iSCSI and object stores
  kCrc64Nvme,  // of the NVM Express NVM Command Set Specification
};

// The value's first byte is the first of its usual hexadecimal form; a CRC is big-endian.
struct Digest {
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::vector<std::byte> value;
};

}  // namespace qcow2stream
