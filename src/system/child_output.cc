// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/child_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <system_error>
#include <utility>

#include "system/descriptor_number.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

// How much a pipe holds (pipe(7)), and so at most has to be read to see all that was written
// before.
constexpr std::size_t kPipeCapacity = 65536;

constexpr std::size_t kReadAtOnce = 4096;

void check(bool ok) {
  if (!ok) throw std::system_error(errno, std::generic_category());
}

// Starts a thread that takes no signals: they are for the threads of the program that uses us.
std::jthread thread_without_signals(const std::function<void()>& function) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::jthread thread(function);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

}  // namespace

ChildOutput::ChildOutput(std::size_t most)
    : most_(most), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // The thread must not run out of memory, since it could tell nobody.
  kept_.reserve(2 * most_ + kReadAtOnce);
  std::array<int, 2> ends{};
  check(stop_.get() >= 0 && ::pipe2(ends.data(), O_CLOEXEC) == 0);
  UniqueFd second(ends[1]);
  read_end_ = moved_up(UniqueFd(ends[0]), kFirstAboveChild);
  write_end_ = moved_up(std::move(second), kFirstAboveChild);
  check(read_end_ && write_end_);
  // Only our end does not block: the child's end is another open file and still does.
  check(::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK) == 0);
  thread_ = thread_without_signals([this] { run(); });
}

ChildOutput::~ChildOutput() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(stop_.get(), &one, sizeof one));
}

void ChildOutput::run() {
  std::array<pollfd, 2> polled = {{{.fd = read_end_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    ::poll(polled.data(), polled.size(), -1);
    if (polled[1].revents != 0) return;
    const std::lock_guard lock(mutex_);
    if (!take()) return;
  }
}

// Reads all that is in the pipe now, or more. False at the end.
bool ChildOutput::take() {
  std::array<char, kReadAtOnce> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  for (std::size_t taken = 0; taken < kPipeCapacity;) {
    const ssize_t n =
        uninterrupted([&] { return ::read(read_end_.get(), bytes.data(), bytes.size()); });
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    const auto count = static_cast<std::size_t>(n);
    kept_.append(bytes.data(), count);
    written_ += count;
    taken += count;
    if (kept_.size() >= 2 * most_) kept_.erase(0, kept_.size() - most_);
  }
  return true;
}

std::uint64_t ChildOutput::written() {
  const std::lock_guard lock(mutex_);
  take();
  return written_;
}

std::string ChildOutput::text(std::uint64_t from) {
  const std::lock_guard lock(mutex_);
  take();
  const std::uint64_t wanted = written_ - std::min(from, written_);
  return kept_.substr(kept_.size() - std::min<std::uint64_t>(wanted, kept_.size()));
}

}  // namespace qcow2stream
