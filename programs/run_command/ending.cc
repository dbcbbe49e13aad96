// SPDX-License-Identifier: GPL-2.0-or-later

#include "run_command/ending.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstring>

namespace qcow2stream::cli {

int exit_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string failure_text(int wait_status) {
  if (!WIFSIGNALED(wait_status)) {
    return fmt::format("the command failed: exit status {}", WEXITSTATUS(wait_status));
  }
  const int signal = WTERMSIG(wait_status);
  const char* name = ::sigabbrev_np(signal);
  return fmt::format("the command died: signal {}{}", signal,
                     name != nullptr ? fmt::format(" (SIG{})", name) : "");
}

}  // namespace qcow2stream::cli
