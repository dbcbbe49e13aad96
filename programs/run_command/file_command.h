// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "run_command/supervisor.h"

namespace qcow2stream::cli {

// A command that finds the image as a file, and runs while that is there. It does not outlive the
// object, nor the program, however that ends.
class FileCommand {
 public:
  // To be called while there is one thread only; nothing runs before start(). Throws Error.
  explicit FileCommand(const std::string& text);
  ~FileCommand();
  FileCommand(const FileCommand&) = delete;
  FileCommand& operator=(const FileCommand&) = delete;

  // With the path of the file as $image, its size in bytes as $size and the image's id as $id in
  // its environment. Standard input is empty. Throws Error if the path is too long.
  void start(const std::string& image, std::uint64_t size, const std::string& id);

  // Waits until it has ended. Throws Error if it was lost, ReceiverFailed if it failed, unless
  // end() was called.
  void wait();

  // Ends it and all that it has started: with SIGTERM, after a grace with SIGKILL. From any thread;
  // does not wait.
  void end();

 private:
  Supervisor supervisor_;
  bool is_running_ = false;
  bool is_alive_ = false;  // although it was killed
  std::atomic<bool> was_told_to_end_ = false;
};

}  // namespace qcow2stream::cli
