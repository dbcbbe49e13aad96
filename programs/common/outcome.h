// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <functional>
#include <string>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {

// Exit statuses; man page, "EXIT STATUS".
enum ExitStatus : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitChanged = 3,  // the content is not what it should be
  kExitMismatch = 4,
  kExitSalvaged = 5,  // complete, but for what could not be read
};

// How a run has ended.
struct Outcome {
  int status = kExitOk;
  std::string message;         // of a failure: one line
  bool receiver_left = false;  // whoever receives the output has closed its end
};

// What a program adds to the words of an error.
struct Additions {
  std::string subject;  // what the run is about, where an error does not say
  // What may help, in words of the command line, with the separator before it; or empty.
  std::function<std::string(const Error&)> advice;
  // What has become of the output, in the same form. `discard`: what there is of it is worth
  // nothing.
  std::function<std::string(bool discard)> note;
};

// Calls `run`; whatever it throws becomes a message and a status.
Outcome outcome_of(const Additions& additions, const std::function<void()>& run);

}  // namespace qcow2stream::cli
