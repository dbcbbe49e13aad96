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
  int descriptor3 = -1;              // becomes the child's descriptor 3, unless it is -1
  int descriptor4 = -1;              // becomes the child's descriptor 4, unless it is -1
  bool socket_activation = false;    // sets LISTEN_FDS=1, and LISTEN_PID to its process number
  std::optional<Confinement> confinement;
  std::size_t most_output = 64U << 10;  // how many of the last bytes of its output are kept
};

// Says that there is no such program. If something else is missing, such as a loader or a file of
// ours, that is another error.
class NoSuchProgram : public Error {
 public:
  explicit NoSuchProgram(const std::string& program);
};

// A child process that dies with us: with this object, and with the thread that started it, however
// the process ends (PR_SET_PDEATHSIG). Its standard input is empty, its standard output and
// standard error are kept in memory, as far as the setup says.
class Child {
 public:
  // Throws NoSuchProgram if there is no such program, and Error{kFailed} if it cannot be started
  // for another reason. It is not started if it cannot be confined.
  explicit Child(const ChildSetup& setup);
  ~Child();
  Child(Child&& other) noexcept
      : name_(std::move(other.name_)),
        pid_(std::exchange(other.pid_, -1)),
        output_(std::move(other.output_)) {}
  Child& operator=(Child&&) = delete;

  // Waits until the child ends by itself. Returns its wait status as waitpid(2) has it.
  int wait();
  // How many bytes it has written so far.
  [[nodiscard]] std::uint64_t output_written() const { return output_->written(); }
  // What it has written from this byte on until now, as far as that is kept, without newlines at
  // the end.
  [[nodiscard]] std::string output(std::uint64_t from = 0) const;

 private:
  std::string name_;
  pid_t pid_ = -1;
  std::unique_ptr<ChildOutput> output_;
};

// Runs a program to its end and returns what it wrote to standard output and standard error, at
// most the last MiB. If a signal ended it, a line that says so follows. Throws Error{kFailed} if it
// cannot be started.
std::string run_to_end(ChildSetup setup);

}  // namespace qcow2stream
