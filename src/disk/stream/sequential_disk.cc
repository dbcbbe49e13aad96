// SPDX-License-Identifier: GPL-2.0-or-later
//
// A stream that is read once, while the image is written. It works because a plan that allocates
// everything needs nothing but the size, and because data clusters lie in the order of the disk.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include "disk/stream/stream_reader.h"
#include "qcow2stream/error.h"
#include "qcow2stream/stream.h"

namespace qcow2stream {
namespace {

// As much as a pipe holds.
constexpr std::uint32_t kReadSize = 64 << 10;

// How much is read and dropped at once.
constexpr std::size_t kSkipSize = 64 << 10;

class SequentialDisk final : public Disk {
 public:
  SequentialDisk(int fd, const std::string& name, std::uint64_t size)
      : name_(name), size_(size), reader_(fd, name) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }

  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    const std::lock_guard lock(mutex_);
    const std::size_t again = copy_of_start(offset, buffer);
    offset += again;
    buffer = buffer.subspan(again);
    if (buffer.empty()) return;
    if (offset.value() < reader_.position()) {
      throw Error(ErrorKind::kFailed, name_,
                  fmt::format("read at offset {} failed", offset.value()),
                  fmt::format("it is a stream and has been read up to {}", reader_.position()))
          .at(offset.value());
    }
    skip_to(offset);
    fill(buffer);
  }

  // There is one reader, so that the reads come in order. They are small, so that what has arrived
  // goes on at once.
  [[nodiscard]] DiskTraits traits() const override {
    return {.request_size = kReadSize, .requests_in_flight = 1, .queues = 1};
  }

  // Does nothing before all has been read, as it has been before the image's last piece is written.
  void check_unchanged() const override {
    const std::lock_guard lock(mutex_);
    if (ended_ || reader_.position() < size_) return;
    reader_.expect_end();
    ended_ = true;
  }

 private:
  // Fills as much of the start of `buffer` as lies in what is kept, and returns how much that is.
  std::size_t copy_of_start(GuestOffset offset, std::span<std::byte> buffer) const {
    const std::uint64_t kept = std::min<std::uint64_t>(reader_.position(), start_.size());
    if (offset.value() >= kept) return 0;
    const auto piece = std::span(start_).first(kept).subspan(offset.value());
    const std::size_t n = std::min(piece.size(), buffer.size());
    std::ranges::copy(piece.first(n), buffer.begin());
    return n;
  }

  void skip_to(GuestOffset offset) const {
    std::array<std::byte, kSkipSize> dropped;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    while (reader_.position() < offset.value()) {
      const std::uint64_t rest = offset.value() - reader_.position();
      fill(std::span(dropped).first(std::min<std::uint64_t>(rest, dropped.size())));
    }
  }

  void fill(std::span<std::byte> buffer) const {
    const std::uint64_t begin = reader_.position();
    const auto bytes = buffer.first(reader_.read(buffer));
    if (begin < start_.size()) {
      const auto n = std::min<std::uint64_t>(bytes.size(), start_.size() - begin);
      std::ranges::copy(bytes.first(n), std::span(start_).subspan(begin).begin());
    }
    if (bytes.size() < buffer.size()) reader_.throw_too_short(size_);
  }

  std::string name_;
  std::uint64_t size_;
  mutable std::mutex mutex_;  // guards what follows
  mutable StreamReader reader_;
  // The start can be read again, so that image_magic() may look at it first.
  mutable std::array<std::byte, kSequentialStart> start_{};
  mutable bool ended_ = false;  // has been seen to end after its last byte
};

}  // namespace

std::shared_ptr<const Disk> open_sequential(int fd, const std::string& name, std::uint64_t size) {
  return std::make_shared<const SequentialDisk>(fd, name, size);
}

}  // namespace qcow2stream
