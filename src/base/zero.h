// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <span>

namespace qcow2stream {

// Whether all bytes are zero, for any length and alignment. Uses the widest vectors that the
// processor has, and stops at the first piece that is not zero.
bool is_zero(std::span<const std::byte> bytes);

// One implementation of is_zero(), for tests and benchmarks.
struct ZeroTest {
  const char* name;
  bool (*function)(std::span<const std::byte>);
};

// All implementations that this processor can run. is_zero() uses the last one.
std::span<const ZeroTest> available_zero_tests();

}  // namespace qcow2stream
