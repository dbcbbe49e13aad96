// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/mounted.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "common/message.h"
#include "common/standard_output.h"
#include "mount/mount.h"
#include "qcow2stream/emit.h"
#include "qcow2stream/error.h"
#include "qcow2stream/plan.h"
#include "system/rate_limit.h"

namespace qcow2stream::cli {
namespace {

constexpr std::int64_t kNanosecondsASecond = 1'000'000'000;

// A change that is allowed is told of once, and not at each read.
OnChange told_once(const Job& job) {
  if (!job.allow_changes) return {};
  return [was_told = std::make_shared<std::atomic_flag>()](const Error& error) {
    if (!was_told->test_and_set()) message(std::string(error.what()) + ", going on");
  };
}

// What was read is right only if the disk has not changed by then.
class ImageContent final : public FileContent {
 public:
  ImageContent(std::shared_ptr<const Image> image, OnChange on_change,
               std::uint64_t most_per_second)
      : image_(std::move(image)), on_change_(std::move(on_change)), limit_(most_per_second) {}

  [[nodiscard]] std::uint64_t size() const override { return image_->size(); }
  void read(std::uint64_t offset, std::span<std::byte> buffer) const override {
    limit_.take(buffer.size());
    image_->read(HostOffset(offset), buffer);
    check_unchanged(image_->disk(), on_change_);
  }
  void will_read(std::uint64_t offset, std::uint64_t length) const noexcept override {
    try {
      const std::uint64_t rest = image_->size() - std::min(offset, image_->size());
      auto segments = image_->segments({HostOffset(offset), std::min(length, rest)});
      while (const auto segment = segments.next()) {
        if (segment->kind != Segment::Kind::kDisk) continue;
        image_->disk().will_read({segment->disk_offset, segment->range.length});
      }
    } catch (...) {  // NOLINT(bugprone-empty-catch): whoever reads it is told
    }
  }

 private:
  const std::shared_ptr<const Image> image_;
  const OnChange on_change_;
  mutable RateLimit limit_;
};

class DiskContent final : public FileContent {
 public:
  DiskContent(std::shared_ptr<const Disk> disk, OnChange on_change, std::uint64_t most_per_second)
      : disk_(std::move(disk)), on_change_(std::move(on_change)), limit_(most_per_second) {}

  [[nodiscard]] std::uint64_t size() const override { return emitted_size(*disk_); }
  void read(std::uint64_t offset, std::span<std::byte> buffer) const override {
    limit_.take(buffer.size());
    const std::uint64_t rest = disk_->size() - std::min(offset, disk_->size());
    const std::span<std::byte> held = buffer.first(std::min<std::uint64_t>(buffer.size(), rest));
    if (!held.empty()) disk_->read(GuestOffset(offset), held);
    std::ranges::fill(buffer.subspan(held.size()), std::byte{0});
    check_unchanged(*disk_, on_change_);
  }
  void will_read(std::uint64_t offset, std::uint64_t length) const noexcept override {
    const std::uint64_t rest = disk_->size() - std::min(offset, disk_->size());
    disk_->will_read({GuestOffset(offset), std::min(length, rest)});
  }

 private:
  const std::shared_ptr<const Disk> disk_;
  const OnChange on_change_;
  mutable RateLimit limit_;
};

// Programs that look at time, size and inode number take a file for the one that they know. So the
// time is that of the disk where it has one, and of now where nobody can tell whether it is still
// what it was.
std::timespec time_of(const Disk& disk) {
  std::timespec time{};
  if (const auto stamp = disk.stamp()) {
    time.tv_sec = stamp->mtime_ns / kNanosecondsASecond;
    time.tv_nsec = stamp->mtime_ns % kNanosecondsASecond;
  } else {
    static_cast<void>(std::timespec_get(&time, TIME_UTC));
  }
  return time;
}

// Another layout of the same disk may have the same size.
std::uint64_t inode_of(const std::string& id) {
  constexpr std::size_t kDigits = 16;
  constexpr int kBase = 16;
  std::uint64_t number = 0;
  std::from_chars(id.data(), id.data() + std::min(kDigits, id.size()), number, kBase);
  // 0 is none, and 1 is the directory's.
  return std::max<std::uint64_t>(number, 2);
}

// A signal ends the mount while this is there.
class EndBySignal {
 public:
  EndBySignal(Session& session, std::function<void()> end) : session_(session) {
    session_.end_by_signal(std::move(end));
  }
  ~EndBySignal() { session_.end_by_signal({}); }
  EndBySignal(const EndBySignal&) = delete;
  EndBySignal& operator=(const EndBySignal&) = delete;

 private:
  Session& session_;
};

// Waits for the command in a thread of its own, and ends the mount then.
class Waiting {
 public:
  Waiting(FileCommand& command, Mount& mount)
      : command_(command), thread_([this, &mount] {
          try {
            command_.wait();
          } catch (...) {
            failure_ = std::current_exception();
          }
          mount.end();
        }) {}
  ~Waiting() {
    command_.end();
    if (thread_.joinable()) thread_.join();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // The mount has ended: so does the command. Throws what it has failed of.
  void finish() {
    command_.end();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  FileCommand& command_;
  std::exception_ptr failure_;
  std::thread thread_;
};

void say_failure(const Error& error) {
  const bool is_change = error.kind() == ErrorKind::kChanged;
  message(fmt::format("{}; {}", error.what(),
                      is_change ? "no read of the mounted file succeeds any more"
                                : "a read of the mounted file has failed"));
}

void serve_file(MountedFile file, const std::string& id, const Job& job, Session& session) {
  const std::uint64_t size = file.content->size();
  Mount mount(job.output.mount->directory, std::move(file), say_failure);
  session.finish_progress();
  FileCommand* command = session.file_command();
  const EndBySignal end_by_signal(session, [&] {
    if (command != nullptr) command->end();
    mount.end();
  });
  if (command == nullptr) {
    print_to_stdout(mount.path() + "\n");
    mount.serve();
    return;
  }
  command->start(mount.path(), size, id);
  Waiting waiting(*command, mount);
  mount.serve();
  waiting.finish();
}

}  // namespace

void check_can_be_mounted(const Job& job, const Disk& disk) {
  if (!job.output.mount || !job.planned || job.planned->assume_unchanged) return;
  if (!only_emission_compares(job.planned->plan, disk)) return;
  throw Error(ErrorKind::kMismatch, disk.name(), "cannot be mounted as the plan says",
              "whether it has changed since cannot be seen, and only a stream of it is compared "
              "with the digests of the plan; --assume-unchanged if you know that it has not");
}

void mount_image(const std::shared_ptr<const Image>& image, const Job& job, Session& session) {
  const OnChange on_change = told_once(job);
  const std::string id = image->id();
  serve_file(
      {.name = job.output.mount->name,
       .content = std::make_shared<const ImageContent>(image, on_change, job.most_per_second),
       .inode = inode_of(id),
       .time = time_of(image->disk()),
       .image_id = id},
      id, job, session);
  check_unchanged(image->disk(), on_change);
  image->check_left_out();
}

void mount_disk(const std::shared_ptr<const Disk>& disk, const Job& job, Session& session) {
  const OnChange on_change = told_once(job);
  serve_file({.name = job.output.mount->name,
              .content = std::make_shared<const DiskContent>(disk, on_change, job.most_per_second),
              .time = time_of(*disk)},
             "", job, session);
  check_unchanged(*disk, on_change);
}

}  // namespace qcow2stream::cli
