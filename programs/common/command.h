// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/supervisor.h"
#include "system/fd.h"

namespace qcow2stream::cli {

// The command of --run has had the whole image and failed; what() is a message.
class CommandFailed : public std::runtime_error {
 public:
  CommandFailed(int status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  // Its exit status; 128 + N if it died by signal N.
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_;
};

// What errors call the pipe to it.
inline constexpr const char* kCommandInput = "standard input of --run";

// A command that reads the image. Unless finish() is reached, it is ended before its input is.
class Command {
 public:
  // To be called while there is one thread only; nothing runs before start(). Throws Error.
  explicit Command(const std::string& text) : supervisor_(start_supervisor(text)) {}
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // The command, with `size` (bytes that will come) and `id` in its environment.
  void start(std::uint64_t size, const std::string& id);

  // Where the image goes. A closed pipe is an error number: SIGPIPE must be ignored.
  [[nodiscard]] int input() const { return supervisor_.input.get(); }

  // The image is complete: waits until the command has taken all of it and has ended. Throws Error
  // if it has not taken all, CommandFailed if it failed.
  void finish();

  // The image is not complete: ends the command with SIGTERM, after a grace with SIGKILL, and waits
  // for it. With `closed_input` it has seen that by itself, and gets the grace first. Returns the
  // exit status of a command that has ended by itself, if it failed.
  std::optional<int> give_up(bool closed_input);
  // After give_up(): it could not be ended, since it belongs to another user. Its input stays open.
  [[nodiscard]] bool is_alive() const { return is_alive_; }

 private:
  void send(const Order& order) const;
  std::optional<Ending> wait_for_end();
  void wait_until_taken() const;

  Supervisor supervisor_;
  bool started_ = false;
  bool is_alive_ = false;
};

}  // namespace qcow2stream::cli
