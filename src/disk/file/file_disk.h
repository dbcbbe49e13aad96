// SPDX-License-Identifier: GPL-2.0-or-later
//
// A regular file or a block device.

#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "disk/file/image_lock.h"
#include "qcow2stream/disk.h"
#include "system/fd.h"
#include "system/holes.h"

namespace qcow2stream {

class FileDisk final : public Disk {
 public:
  // Who else may have the file open.
  enum class Sharing {
    kReaders,  // nobody who writes
    kAll,      // anybody
    kNobody,   // nobody at all, so the file cannot change and needs no stamp
  };

  // `fd` must be open for reading. Asking for holes moves its position, which others may share, so
  // the destructor puts it back.
  FileDisk(UniqueFd fd, std::string name, Sharing sharing);
  ~FileDisk() override;
  FileDisk(const FileDisk&) = delete;
  FileDisk& operator=(const FileDisk&) = delete;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override;
  [[nodiscard]] DiskTraits traits() const override;
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override;
  [[nodiscard]] Run run_at(GuestRange range) const override;
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override;
  void will_read(GuestRange range) const noexcept override;
  [[nodiscard]] std::optional<DiskStamp> stamp() const override;
  void check_unchanged() const override;
  [[nodiscard]] std::vector<Caveat> caveats() const override;

 private:
  [[nodiscard]] struct stat status() const;
  [[nodiscard]] std::uint64_t current_size(const struct stat& status) const;
  [[nodiscard]] bool is_empty() const;

  std::string name_;
  UniqueFd fd_;
  off_t position_;  // where fd_ stood before it was used
  std::optional<ImageLock> lock_;
  UniqueFd random_fd_;  // the same file for the queues; nothing if it cannot be opened twice
  bool can_change_;
  bool block_device_ = false;
  std::uint64_t size_ = 0;
  std::int64_t mtime_ns_ = 0;
  HoleAnswers hole_answers_ = HoleAnswers::kNone;
  bool may_be_read_ahead_ = true;
};

}  // namespace qcow2stream
