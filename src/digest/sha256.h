// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace qcow2stream {

// Makes one SHA-256 after the other, where there are many: what make_hasher() gives is made anew
// for each. Belongs to one thread at a time. Throws Error where OpenSSL fails.
class Sha256 {
 public:
  using Value = std::array<std::byte, 32>;

  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // Forgets what came before.
  void begin();
  void update(std::span<const std::byte> bytes);
  // The digest of what came since begin(), which must be called before anything else follows.
  Value finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace qcow2stream
