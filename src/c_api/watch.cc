// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/watch.h"

#include <chrono>
#include <exception>
#include <future>
#include <utility>

#include "c_api/error.h"
#include "disk/wrapped_disk.h"

namespace qcow2stream::c_api {
namespace {

constexpr std::chrono::milliseconds kBetweenCalls{100};

void check_flag(const CancelFlag& cancelled) {
  // The message is never seen: watched() throws Cancelled in its place.
  if (cancelled) throw Error(ErrorKind::kFailed, "progress", "ended", "it was cancelled");
}

// Whether he wants to go on.
bool tell(const Watcher& watcher, const Numbers& numbers) {
  try {
    return watcher.call(watcher.context, numbers.done, numbers.total) == 0;
  } catch (...) {
    return false;
  }
}

class CancellableQueue final : public RequestQueue {
 public:
  CancellableQueue(std::unique_ptr<RequestQueue> queue, const CancelFlag& cancelled)
      : queue_(std::move(queue)), cancelled_(cancelled) {}

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    check_flag(cancelled_);
    queue_->submit(offset, buffer, tag);
  }
  void submit_probe(GuestRange cluster, std::span<std::byte> buffer, std::uint64_t tag) override {
    check_flag(cancelled_);
    queue_->submit_probe(cluster, buffer, tag);
  }
  std::uint64_t wait() override { return queue_->wait(); }

 private:
  std::unique_ptr<RequestQueue> queue_;
  const CancelFlag& cancelled_;
};

class CancellableDisk final : public WrappedDisk {
 public:
  CancellableDisk(const Disk& disk, const CancelFlag& cancelled)
      : WrappedDisk(disk), cancelled_(cancelled) {}

  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    check_flag(cancelled_);
    WrappedDisk::read(offset, buffer);
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    check_flag(cancelled_);
    return WrappedDisk::runs(range);
  }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override {
    return std::make_unique<CancellableQueue>(WrappedDisk::queue(), cancelled_);
  }

 private:
  const CancelFlag& cancelled_;
};

class CancellableSink final : public Sink {
 public:
  CancellableSink(Sink& sink, const CancelFlag& cancelled) : sink_(sink), cancelled_(cancelled) {}

  [[nodiscard]] const std::string& name() const override { return sink_.name(); }
  void check(std::uint64_t length, bool flush) const override { sink_.check(length, flush); }
  [[nodiscard]] bool wants_image_id() const override { return sink_.wants_image_id(); }
  void begin(const Announcement& announcement) override { sink_.begin(announcement); }
  std::size_t write(std::span<const std::byte> bytes) override {
    check_flag(cancelled_);
    return sink_.write(bytes);
  }
  // What moves nothing is written, which says why.
  std::uint64_t transfer(const Place& from, std::uint64_t length) override {
    return cancelled_ ? 0 : sink_.transfer(from, length);
  }
  [[nodiscard]] std::string_view method() const override { return sink_.method(); }
  [[nodiscard]] std::uint64_t queue_size() const override { return sink_.queue_size(); }
  void wait_until_taken(std::uint64_t copied) override { sink_.wait_until_taken(copied); }
  void flush() override { sink_.flush(); }
  void finish() override { sink_.finish(); }

 private:
  Sink& sink_;
  const CancelFlag& cancelled_;
};

}  // namespace

void watched(const Watcher& watcher, const Numbers& numbers,
             const std::function<void(const CancelFlag& cancelled)>& work) {
  CancelFlag cancelled = false;
  if (watcher.call == nullptr) {
    work(cancelled);
    return;
  }
  // The future waits for the thread when it goes.
  std::future<void> end = std::async(std::launch::async, [&] { work(cancelled); });
  while (end.wait_for(kBetweenCalls) != std::future_status::ready) {
    if (!cancelled && !tell(watcher, numbers)) cancelled = true;
  }
  try {
    end.get();
  } catch (...) {
    if (cancelled) throw Cancelled();
    throw;
  }
  tell(watcher, numbers);
}

std::unique_ptr<Disk> until_cancelled(const Disk& disk, const CancelFlag& cancelled) {
  return std::make_unique<CancellableDisk>(disk, cancelled);
}

std::unique_ptr<Sink> until_cancelled(Sink& sink, const CancelFlag& cancelled) {
  return std::make_unique<CancellableSink>(sink, cancelled);
}

void CancellableTarget::check() const {
  if (cancelled_ != nullptr) check_flag(*cancelled_);
}

void CancellableTarget::write(GuestOffset offset, std::span<const std::byte> bytes) {
  check();
  target_->write(offset, bytes);
}

void CancellableTarget::zero(GuestRange range) {
  check();
  target_->zero(range);
}

void CancellableTarget::read(GuestOffset offset, std::span<std::byte> buffer) {
  check();
  target_->read(offset, buffer);
}

}  // namespace qcow2stream::c_api
