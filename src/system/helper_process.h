// SPDX-License-Identifier: GPL-2.0-or-later
//
// A process of a program of ours that works for us and knows of us only what it is handed.

#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string>

#include "system/fd.h"

namespace qcow2stream {

// Ends with this object. Its standard input, output and error are empty and lead nowhere; of our
// environment it gets only what the loader and sanitizers read, since it is no place for secrets
// of whoever started us. All functions may be called by several threads at once.
class HelperProcess {
 public:
  // The descriptor that the helper finds the socket as.
  static constexpr int kSocket = 3;

  // Starts `program`, a path, without arguments, by posix_spawn(3): nothing is copied of our
  // memory. Throws Error{kFailed} about `program` if it cannot be started.
  HelperProcess(const std::string& program, UniqueFd socket);
  ~HelperProcess();
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  // How it ended, in words: "was ended by signal 9 (Killed)". Waits for that for a moment only, and
  // then says that it has closed its connection.
  std::string how_it_ended();

 private:
  std::mutex mutex_;
  pid_t pid_ = -1;  // -1: it has been waited for
  std::optional<int> status_;
};

}  // namespace qcow2stream
