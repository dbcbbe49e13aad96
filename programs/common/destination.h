// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <optional>

#include "common/wrapped_sink.h"

namespace qcow2stream::cli {

// The sink of a program's run, which also has to be told when the run has failed.
class Destination : public WrappedSink {
 public:
  using WrappedSink::WrappedSink;

  // The run has failed: whoever receives must not take what it got for complete. Waits for it, so
  // the message of the failure goes first. `receiver_left`: it has closed its end by itself.
  // Returns the receiver's own exit status if it failed by itself; that says more than we can.
  virtual std::optional<int> abandon([[maybe_unused]] bool receiver_left) { return std::nullopt; }
};

}  // namespace qcow2stream::cli
