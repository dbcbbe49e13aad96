// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <functional>
#include <string>

#include "qcow2-to-stdout/incomplete.h"
#include "qcow2-to-stdout/options.h"

namespace qcow2stream::cli {

// How a run has ended.
struct Outcome {
  int status = kExitOk;
  std::string message;         // of a failure: one line
  bool receiver_left = false;  // whoever receives the image has closed its end
};

// Calls `run`; whatever it throws becomes a message and a status.
Outcome outcome_of(const Options& options, const OutputInProgress& output,
                   const std::function<void()>& run);

}  // namespace qcow2stream::cli
