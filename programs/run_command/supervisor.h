// SPDX-License-Identifier: GPL-2.0-or-later
//
// The process between us and the command of --run. It holds the writing end of the command's
// standard input, too: when we die, in whatever way, the input does not end before the command and
// all that it has started got SIGTERM. (PR_SET_PDEATHSIG alone comes too late: a process that dies
// closes its descriptors first.)

#pragma once

#include <sys/types.h>

#include <array>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>

#include "system/fd.h"

namespace qcow2stream::cli {

// What it is told. If the socket closes instead, we have failed: it ends the command.
struct Order {
  enum class Kind : std::uint32_t {
    kStart,      // the command; once
    kComplete,   // the image is: the command's input ends
    kNotWanted,  // the command has closed its input: it may end by itself
  };
  Kind kind = Kind::kStart;
  std::uint64_t size = 0;      // kStart: $size
  std::array<char, 128> id{};  // kStart: $id, with a zero byte behind it
  // kStart: $image, with a zero byte behind it. If there is one, the command reads that file, and
  // nothing from its standard input.
  std::array<char, PATH_MAX> image{};
};

// What it answers, once, to kComplete, kNotWanted and failure, when the command has ended.
struct Ending {
  int wait_status = 0;     // as from waitpid()
  bool by_itself = false;  // and not because it was told to
  bool is_alive = false;   // it cannot be ended: a process of another user
};

struct Supervisor {
  pid_t pid = -1;
  UniqueFd control;  // a socket that keeps messages apart
  UniqueFd input;    // what the command reads comes from here
};

// Starts the supervisor of `sh -c COMMAND`. To be called while there is one thread only. Throws
// Error.
Supervisor start_supervisor(const std::string& command);

// Whether or not there still is a supervisor: if not, there will be no answer.
void send_order(const Supervisor& supervisor, const Order& order);

// Waits for the answer. Nothing if the supervisor has died. From any thread.
std::optional<Ending> wait_for_ending(const Supervisor& supervisor);

}  // namespace qcow2stream::cli
