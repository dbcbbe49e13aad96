// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/message.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>

#include "base/errors.h"
#include "common/terminal_line.h"

namespace qcow2stream::cli {
namespace {

std::atomic<bool> said = false;

}  // namespace

void message(std::string_view text) {
  said = true;
  const std::string line = fmt::format("{}: {}\n", kProgramName, one_line(text));
  erase_terminal_line();
  static_cast<void>(std::fputs(line.c_str(), stderr));
}

bool anything_was_said() {
  return said;
}

// For one line of a few hundred bytes: a pipe has room for a page at least.
bool can_be_said_at_once() {
  pollfd errors{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&errors, 1, 0) > 0;
}

}  // namespace qcow2stream::cli
