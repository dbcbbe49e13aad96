// SPDX-License-Identifier: GPL-2.0-or-later
//
// The only place where the library writes to standard error, and only if the environment has
// QCOW2STREAM_TRACE=1.

#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "base/tell.h"

namespace qcow2stream {

// In one call, so that it does not mix with what others write.
void print_told_line(std::string_view line) {
  const std::string text = fmt::format("qcow2stream: {}\n", line);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace qcow2stream
