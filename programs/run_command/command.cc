// SPDX-License-Identifier: GPL-2.0-or-later

#include "run_command/command.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errors.h"
#include "common/message.h"
#include "qcow2stream/error.h"
#include "run_command/ending.h"
#include "system/io.h"

namespace qcow2stream::cli {
namespace {

constexpr int kTakenPoll = 5;  // milliseconds

}  // namespace

Command::Command(Supervisor supervisor)
    : Destination(supervisor.input.get(), kCommandInput), supervisor_(std::move(supervisor)) {}

Command::~Command() {
  give_up(false);
  // Without this one the supervisor ends by itself, when the command has.
  supervisor_.control = UniqueFd();
  if (is_alive_) return;
  uninterrupted([&] { return ::waitpid(supervisor_.pid, nullptr, 0); });
}

void Command::begin(const Announcement& announcement) {
  Destination::begin(announcement);
  Order order{.kind = Order::Kind::kStart, .size = announcement.length};
  const std::string& id = announcement.image_id;
  std::copy_n(id.begin(), std::min(id.size(), order.id.size() - 1), order.id.begin());
  started_ = true;
  send_order(supervisor_, order);
}

// It may end well and not have read everything that was meant for it.
void Command::wait_until_all_is_taken() const {
  for (;;) {
    pollfd poll_fd{.fd = input(), .events = 0, .revents = 0};
    const bool is_closed = ::poll(&poll_fd, 1, 0) > 0;
    int untaken = 0;
    if (::ioctl(input(), FIONREAD, &untaken) != 0 || untaken == 0) return;
    if (is_closed) {
      throw Error(ErrorKind::kFailed, kCommandInput, "was closed",
                  fmt::format("{} bytes were not read", untaken))
          .with_errno(EPIPE)
          .about(ErrorSubject::kOutput);
    }
    ::poll(&poll_fd, 1, kTakenPoll);
  }
}

std::optional<Ending> Command::wait_for_end() {
  started_ = false;
  const auto ending = wait_for_ending(supervisor_);
  if (ending) is_alive_ = ending->is_alive;
  return ending;
}

void Command::finish() {
  wait_until_all_is_taken();
  send_order(supervisor_, {.kind = Order::Kind::kComplete});
  supervisor_.input = UniqueFd();
  const auto ending = wait_for_end();
  if (!ending)
    throw Error(ErrorKind::kFailed, "--run", "the command was lost", "its supervisor died");
  if (ending->wait_status == 0) return;
  throw ReceiverFailed(exit_status(ending->wait_status),
                       fmt::format("--run: {}", failure_text(ending->wait_status)));
}

std::optional<int> Command::abandon(bool receiver_left) {
  const auto status = give_up(receiver_left);
  if (is_alive_) message("--run: the command cannot be ended: it belongs to another user");
  return status;
}

std::optional<int> Command::give_up(bool closed_input) {
  if (!started_) return std::nullopt;
  if (closed_input) {
    send_order(supervisor_, {.kind = Order::Kind::kNotWanted});
  } else {
    ::shutdown(supervisor_.control.get(), SHUT_WR);
  }
  const auto ending = wait_for_end();
  if (!ending || !ending->by_itself || ending->wait_status == 0) return std::nullopt;
  return exit_status(ending->wait_status);
}

}  // namespace qcow2stream::cli
