// SPDX-License-Identifier: GPL-2.0-or-later

#include "run_command/file_command.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "common/destination.h"
#include "qcow2stream/error.h"
#include "run_command/ending.h"
#include "system/io.h"

namespace qcow2stream::cli {

FileCommand::FileCommand(const std::string& text) : supervisor_(start_supervisor(text)) {
  supervisor_.input = UniqueFd();
}

FileCommand::~FileCommand() {
  end();
  if (is_running_) {
    const auto ending = wait_for_ending(supervisor_);
    is_alive_ = ending && ending->is_alive;
  }
  supervisor_.control = UniqueFd();
  if (is_alive_) return;
  uninterrupted([&] { return ::waitpid(supervisor_.pid, nullptr, 0); });
}

void FileCommand::start(const std::string& image, std::uint64_t size, const std::string& id) {
  Order order{.kind = Order::Kind::kStart, .size = size};
  if (image.size() >= order.image.size()) throw system_error("--run", "$image", ENAMETOOLONG);
  std::ranges::copy(image, order.image.begin());
  std::copy_n(id.begin(), std::min(id.size(), order.id.size() - 1), order.id.begin());
  is_running_ = true;
  send_order(supervisor_, order);
  // It is told of its end as soon as it has come.
  send_order(supervisor_, {.kind = Order::Kind::kComplete});
}

void FileCommand::wait() {
  const auto ending = wait_for_ending(supervisor_);
  is_running_ = false;
  if (was_told_to_end_) return;
  if (!ending)
    throw Error(ErrorKind::kFailed, "--run", "the command was lost", "its supervisor died");
  is_alive_ = ending->is_alive;
  if (ending->wait_status == 0) return;
  throw ReceiverFailed(exit_status(ending->wait_status),
                       fmt::format("--run: {}", failure_text(ending->wait_status)));
}

void FileCommand::end() {
  was_told_to_end_ = true;
  ::shutdown(supervisor_.control.get(), SHUT_WR);
}

}  // namespace qcow2stream::cli
