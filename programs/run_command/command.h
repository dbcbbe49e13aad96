// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/destination.h"
#include "run_command/supervisor.h"
#include "system/fd.h"

namespace qcow2stream::cli {

// What errors call the pipe to it.
inline constexpr const char* kCommandInput = "standard input of --run";

// A command that reads the image. Unless finish() is reached, it is ended before its input is.
class Command final : public Destination {
 public:
  // To be called while there is one thread only; nothing runs before begin(). Throws Error.
  explicit Command(const std::string& text) : Command(start_supervisor(text)) {}
  ~Command() override;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Starts it, with the announced length and id in its environment as $size and $id. A pipe that it
  // closes is an error number: SIGPIPE must be ignored.
  [[nodiscard]] bool wants_image_id() const override { return true; }
  void begin(const Announcement& announcement) override;

  // The image is complete: waits until the command has taken all of it and has ended. Throws Error
  // if it has not taken all, ReceiverFailed if it failed.
  void finish() override;

  // Ends the command with SIGTERM, after a grace with SIGKILL, and waits for it. One that has
  // closed its input has seen that by itself, and gets the grace first. One that cannot be ended,
  // since it belongs to another user, is told of on standard error; its input stays open.
  std::optional<int> abandon(bool receiver_left) override;

 private:
  explicit Command(Supervisor supervisor);

  std::optional<int> give_up(bool closed_input);
  [[nodiscard]] int input() const { return supervisor_.input.get(); }
  std::optional<Ending> wait_for_end();
  void wait_until_all_is_taken() const;

  Supervisor supervisor_;
  bool started_ = false;
  bool is_alive_ = false;
};

}  // namespace qcow2stream::cli
