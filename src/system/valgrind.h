// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdlib>
#include <string_view>

namespace qcow2stream {

// Whether valgrind runs this process. It sees what system calls write to memory, but not what the
// kernel writes by itself, as with io_uring. (It tells the program by a header of its own, too; the
// libraries that it loads first tell the same without that.)
inline bool is_under_valgrind() noexcept {
  const char* loaded = std::getenv("LD_PRELOAD");
  return loaded != nullptr && std::string_view(loaded).find("vgpreload_") != std::string_view::npos;
}

}  // namespace qcow2stream
