// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/destination.h"

#include <unistd.h>

#include <chrono>
#include <utility>

namespace qcow2stream::cli {
namespace {

// A call moves 16 MiB at most.
constexpr std::chrono::milliseconds kLastCall{1000};

}  // namespace

Destination::Destination(int fd, std::string name)
    : WrappedSink(make_descriptor_sink(fd, std::move(name))), descriptor_(fd) {}

std::unique_lock<std::timed_mutex> Destination::begin_call() {
  std::unique_lock lock(writing_);
  while (is_stopped_) {
    if (lock.owns_lock()) lock.unlock();
    ::pause();
  }
  return lock;
}

std::size_t Destination::write(std::span<const std::byte> bytes) {
  const auto lock = begin_call();
  const std::size_t n = WrappedSink::write(bytes);
  written_ += n;
  return n;
}

std::uint64_t Destination::transfer(const Place& from, std::uint64_t length) {
  const auto lock = begin_call();
  const std::uint64_t n = WrappedSink::transfer(from, length);
  written_ += n;
  return n;
}

void Destination::stop(bool exactly) {
  is_stopped_ = true;
  if (!exactly) return;
  static_cast<void>(writing_.try_lock_for(kLastCall));  // never to be unlocked
}

std::optional<int> Destination::abandon(bool /*receiver_left*/) {
  return std::nullopt;
}

}  // namespace qcow2stream::cli
