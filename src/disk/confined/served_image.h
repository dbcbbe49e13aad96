// SPDX-License-Identifier: GPL-2.0-or-later
//
// The image that the confined program reads, and its answers.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "disk/confined/protocol.h"
#include "qcow2stream/qcow2.h"

namespace qcow2stream::confined {

// All functions may be called by several threads at once.
class ServedImage {
 public:
  // The image is `file_bytes` of the descriptor `file`.
  ServedImage(int file, std::uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  // Answers a request whose further words are in the slot, and so is what is more than the answer.
  Answer answer(const Request& request, std::span<std::byte> slot);

 private:
  std::size_t open(const Request& request, std::span<std::byte> slot);
  std::size_t runs(const Request& request, std::span<std::byte> slot) const;
  std::size_t changes(const Request& request, std::span<std::byte> slot);
  std::size_t read(const Request& request, std::span<std::byte> slot) const;
  std::size_t stored(const Request& request, std::span<std::byte> slot) const;
  std::size_t stored_length(const Request& request, std::span<std::byte> slot) const;
  [[nodiscard]] const Disk& disk() const;
  [[nodiscard]] GuestRange range_of(const Request& request) const;

  const int file_;
  const std::uint64_t file_bytes_;
  std::atomic<bool> is_open_ = false;
  OpenedQcow2 opened_;  // once is_open_

  // Where the walk over the changes has come.
  std::mutex changes_mutex_;
  std::unique_ptr<RunCursor> changes_;
  GuestOffset changes_at_;     // what comes next begins here
  std::optional<Run> change_;  // what comes next, if it is known
};

}  // namespace qcow2stream::confined
