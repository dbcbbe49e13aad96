// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace qcow2stream {

class Sha256 {
 public:
  static constexpr std::size_t kSize = 32;
  using Digest = std::array<std::byte, kSize>;

  // All throw Error{kFailed} where OpenSSL refuses.
  Sha256();
  void update(std::span<const std::byte> bytes);
  Digest finish();

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace qcow2stream
