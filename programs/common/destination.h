// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/wrapped_sink.h"

namespace qcow2stream::cli {

// Whoever receives has had all of it and failed; what() is a message.
class ReceiverFailed : public std::runtime_error {
 public:
  ReceiverFailed(int status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  // Its exit status; 128 + N if it died by signal N.
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_;
};

// The sink of a program's run: a descriptor whose bytes are counted, and which has to be told when
// the run has failed. What is said below to be so may be called from other threads.
class Destination : public WrappedSink {
 public:
  // Throws Error{kFailed} if `fd` is not open for writing. Does not own it.
  Destination(int fd, std::string name);

  std::size_t write(std::span<const std::byte> bytes) override;
  std::uint64_t transfer(const Place& from, std::uint64_t length) override;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Bytes that the kernel has taken. From any thread.
  [[nodiscard]] std::uint64_t written() const { return written_; }

  // Begins to write nothing more from here on: whoever wants to waits for ever. For a process that
  // is about to end, so that the image does not get complete meanwhile. With `exactly` it waits for
  // the call that is under way, but not for long, so that written() stays true. From any thread.
  void stop(bool exactly);

  // The run has failed: whoever receives must not take what it got for complete. Waits for it, so
  // the message of the failure goes first. `receiver_left`: it has closed its end by itself.
  // Returns the receiver's own exit status if it failed by itself; that says more than we can.
  virtual std::optional<int> abandon(bool receiver_left);

 private:
  std::unique_lock<std::timed_mutex> begin_call();

  int descriptor_;
  std::timed_mutex writing_;  // held while bytes are written and counted
  std::atomic<bool> is_stopped_ = false;
  std::atomic<std::uint64_t> written_ = 0;
};

}  // namespace qcow2stream::cli
