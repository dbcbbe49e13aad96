// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/error.h"
#include "system/child_output.h"
#include "system/confinement.h"

namespace qcow2stream {

// What a child finds when it starts.
struct ChildSetup {
  std::vector<std::string> command;  // the program, looked up in PATH, and its arguments
  int descriptor3 = -1;              // becomes the child's descriptor 3; -1: none
  int descriptor4 = -1;              // and this its descriptor 4
  bool socket_activation = false;    // LISTEN_FDS=1 and LISTEN_PID=its own process
  std::optional<Confinement> confinement;
  std::size_t most_output = 64U << 10;  // bytes: how much of its output is kept, the last ones
};

// There is no such program. What else is missing, a loader or a file of ours, is another error.
class NoSuchProgram : public Error {
 public:
  explicit NoSuchProgram(const std::string& program);
};

// A child process that dies with us: with this object, and with the thread that started it, however
// the process ends (PR_SET_PDEATHSIG). Its standard input is empty, its standard output and
// standard error are kept in memory, as far as the setup says.
class Child {
 public:
  // Throws Error{kFailed} if the program cannot be started, NoSuchProgram where there is none.
  // Where it cannot be confined it is not started.
  explicit Child(const ChildSetup& setup);
  ~Child();
  Child(Child&& other) noexcept
      : name_(std::move(other.name_)),
        pid_(std::exchange(other.pid_, -1)),
        output_(std::move(other.output_)) {}
  Child& operator=(Child&&) = delete;

  // Waits until it ends by itself. Returns its wait status, waitpid(2).
  int wait();
  // How many bytes it has written so far.
  [[nodiscard]] std::uint64_t output_written() const { return output_->written(); }
  // What it has written from this byte on until now, as far as it is kept, without the last
  // newline.
  [[nodiscard]] std::string output(std::uint64_t from = 0) const;

 private:
  std::string name_;
  pid_t pid_ = -1;
  std::unique_ptr<ChildOutput> output_;
};

// Runs a program to its end and returns what it wrote (to standard output and standard error, at
// most the last MiB), and a line that says so where a signal ended it. Throws Error{kFailed} if it
// cannot be started.
std::string run_to_end(ChildSetup setup);

}  // namespace qcow2stream
