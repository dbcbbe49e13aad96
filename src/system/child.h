// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "system/confinement.h"
#include "system/fd.h"

namespace qcow2stream {

// What a child finds when it starts.
struct ChildSetup {
  std::vector<std::string> command;  // the program, looked up in PATH, and its arguments
  int descriptor3 = -1;              // becomes the child's descriptor 3; -1: none
  bool socket_activation = false;    // LISTEN_FDS=1 and LISTEN_PID=its own process
  std::optional<Confinement> confinement;
};

// A child process that dies with us: with this object, and with the thread that started it, however
// the process ends (PR_SET_PDEATHSIG). Its standard input is /dev/null, its standard output and
// standard error go into memory.
class Child {
 public:
  // Throws Error{kFailed} if the program cannot be started: ENOENT where there is none. Where it
  // cannot be confined it is not started.
  explicit Child(const ChildSetup& setup);
  ~Child();
  Child(Child&& other) noexcept
      : name_(std::move(other.name_)),
        pid_(std::exchange(other.pid_, -1)),
        output_(std::move(other.output_)) {}
  Child& operator=(Child&&) = delete;

  // Waits until it ends by itself. Returns its wait status, waitpid(2).
  int wait();
  // What it has written so far, at most the last MiB, without the last newline.
  [[nodiscard]] std::string output() const;

 private:
  std::string name_;
  pid_t pid_ = -1;
  UniqueFd output_;
};

// Runs a program to its end and returns what it wrote (to standard output and standard error, at
// most the last MiB), and a line that says so where a signal ended it. Throws Error{kFailed} if it
// cannot be started.
std::string run_to_end(const ChildSetup& setup);

}  // namespace qcow2stream
