// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writes an image to a descriptor, in the fastest way that it takes.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/sink.h"
#include "system/early_write_back.h"

namespace qcow2stream {

// Does not own the descriptor.
class DescriptorSink final : public Sink {
 public:
  enum class Kind { kPipe, kSocket, kFile, kOther };

  // Throws Error{kFailed} if `fd` is not open for writing.
  DescriptorSink(int fd, std::string name);

  [[nodiscard]] const std::string& name() const override { return name_; }
  void check(std::uint64_t length, bool flush) const override;
  void begin(const Announcement& announcement) override;
  std::size_t write(std::span<const std::byte> bytes) override;
  std::uint64_t transfer(const Place& from, std::uint64_t length) override;
  [[nodiscard]] std::string_view method() const override;
  [[nodiscard]] std::uint64_t queue_size() const override;
  void wait_until_taken(std::uint64_t copied) override;
  void flush() override;
  void finish() override {}

 private:
  enum class Method { kSplice, kCopyFileRange, kSendfile };

  [[nodiscard]] bool is_file_or_device() const { return kind_ == Kind::kFile || block_device_; }
  void check_room(std::uint64_t length) const;
  [[nodiscard]] ssize_t call(Method method, const Place& from, std::size_t length) const;
  void wait_writable() const;
  void give_up_method(int error);
  void wrote(std::uint64_t bytes);

  int fd_;
  std::string name_;
  Kind kind_ = Kind::kOther;
  std::uint64_t device_size_ = 0;  // bytes, if it is a block device
  bool block_device_ = false;
  std::uint64_t pipe_size_ = 0;
  bool will_be_flushed_ = false;
  EarlyWriteBack write_back_;
  std::vector<Method> methods_;  // those that have not been refused yet; the first one is used
};

}  // namespace qcow2stream
