// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "system/fd.h"

namespace qcow2stream {

// Keeps the last bytes that a child writes to its standard output and standard error. A thread
// takes them from a pipe as they come, so a child that says much never waits for us, and costs no
// more memory than one that says little. Several threads may call the functions at once.
class ChildOutput {
 public:
  // Keeps at least the last `most` bytes. Throws std::system_error and std::bad_alloc.
  explicit ChildOutput(std::size_t most);
  ~ChildOutput();
  ChildOutput(const ChildOutput&) = delete;
  ChildOutput& operator=(const ChildOutput&) = delete;

  // The descriptor for the child to write to. It lies above those that a child is given.
  [[nodiscard]] int write_end() const { return write_end_.get(); }
  // To be called once the child has it.
  void close_write_end() { write_end_ = UniqueFd(); }

  // How many bytes have been written before the call.
  [[nodiscard]] std::uint64_t written();
  // What has been written from this byte on until now, as far as that is kept.
  [[nodiscard]] std::string text(std::uint64_t from = 0);

 private:
  void run();
  bool take();

  std::size_t most_;
  UniqueFd read_end_;
  UniqueFd write_end_;
  UniqueFd stop_;
  std::mutex mutex_;
  std::string kept_;
  std::uint64_t written_ = 0;
  std::jthread thread_;  // last: joined before the rest goes
};

}  // namespace qcow2stream
