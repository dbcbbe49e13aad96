// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the fuzzers share.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace qcow2stream::fuzz {

inline void require(bool good, std::string_view what) {
  if (!good) throw std::runtime_error(std::string(what));
}

// Bytes, then zeros for ever.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }
  std::uint8_t byte() { return at_end() ? std::uint8_t{0} : bytes_[at_++]; }
  // Two bytes: any number up to 255, then ever fewer of them, up to 130560.
  std::uint64_t number() {
    const std::uint64_t low = byte();
    const unsigned shift = byte() % 10U;
    return low << shift;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// One input for a fuzzer: what `check` throws is a failure that ends the program.
template <class Check>
int run(const char* fuzzer, const Check& check) {
  try {
    check();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", fuzzer, error.what());
    std::abort();
  }
  return 0;
}

}  // namespace qcow2stream::fuzz
