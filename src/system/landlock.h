// SPDX-License-Identifier: GPL-2.0-or-later
//
// Landlock (landlock(7)): what a process may do with files, and what it may reach without a
// descriptor.

#pragma once

#include <cstdint>

#include "system/fd.h"

namespace qcow2stream {

// Ways to use files, as linux/landlock.h has them, which may be older than its kernel.
inline constexpr std::uint64_t kLandlockExecute = 1U << 0;
inline constexpr std::uint64_t kLandlockWriteFile = 1U << 1;
inline constexpr std::uint64_t kLandlockReadFile = 1U << 2;
inline constexpr std::uint64_t kLandlockIoctlOfDevice = 1U << 15;

// A set of rules that forbids all that this kernel can forbid, until something is allowed.
struct LandlockRuleset {
  UniqueFd fd;                // holds nothing, with errno, where the kernel has no Landlock
  std::uint64_t handled = 0;  // ways to use files that it forbids
};
LandlockRuleset forbid_everything();

// Confines this thread, and all that it starts from then on, to what the rules allow. It must have
// set no_new_privs. Makes one system call. False, with errno, if the kernel refuses.
[[nodiscard]] bool enter_landlock(const LandlockRuleset& rules);

}  // namespace qcow2stream
