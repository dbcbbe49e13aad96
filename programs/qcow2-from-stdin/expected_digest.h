// SPDX-License-Identifier: GPL-2.0-or-later
//
// --expect-digest: what the digest of an image should be.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "qcow2stream/digest.h"

namespace qcow2stream::cli {

struct ExpectedDigest {
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  // The value itself, or the file that has a line with it.
  std::variant<std::vector<std::byte>, std::string> value;
};

// ALGO:HEX or ALGO=FILE. Throws UsageError, which quotes the word.
ExpectedDigest expected_digest_value(const char* value);

// Each algorithm once.
std::vector<DigestAlgorithm> algorithms_of(std::span<const ExpectedDigest> expected);

// The values, from files where they are there: what `--digest` writes, or sha256sum and its kin.
// Throws Error{kFailed} about a file that has no such line, or several that differ.
std::vector<Digest> read_digests(std::span<const ExpectedDigest> expected);

// Throws Error{kDamaged} about the image `name` if one of its digests is another. `found` has all
// algorithms of `expected`.
void check_digests(const std::string& name, std::span<const Digest> found,
                   std::span<const Digest> expected);

}  // namespace qcow2stream::cli
