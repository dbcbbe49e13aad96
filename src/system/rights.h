// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a process gives away before it meets what it does not trust. Makes system calls only.

#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace qcow2stream {

// Lowers a limit for good. What is lower already stays. False, with errno, if the kernel refuses.
[[nodiscard]] bool lower_limit(__rlimit_resource resource, std::uint64_t most);

// Gives all capabilities up but those of `kept`, a set of bits, of which only the first 32 can be.
// False, with errno, if the kernel refuses.
[[nodiscard]] bool keep_capabilities(std::uint32_t kept);

}  // namespace qcow2stream
