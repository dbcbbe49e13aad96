// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/served/served_disk.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "qcow2stream/error.h"
#include "system/io.h"

namespace qcow2stream {

using confined::Answer;
using confined::Ask;
using confined::kSlotBytes;
using confined::Request;
using confined::Say;

std::optional<std::uint64_t> ask(const confined::ServedChannel& channel, Ask what,
                                 std::uint64_t begin, std::uint64_t length) {
  const Request request{.ask = what, .begin = begin, .length = length};
  const int socket = channel.socket.get();
  Answer answer;
  const bool is_answered =
      uninterrupted([&] { return ::send(socket, &request, sizeof request, MSG_NOSIGNAL); }) ==
          sizeof request &&
      uninterrupted([&] { return ::recv(socket, &answer, sizeof answer, 0); }) == sizeof answer;
  if (!is_answered) ::_exit(0);
  if (answer.say != Say::kDone) return std::nullopt;
  return answer.bytes;
}

ServedDisk::ServedDisk(const confined::ServedChannel& channel, std::uint64_t size)
    : channel_(channel), size_(size), order_(kMostKept) {
  static_assert(kMostAtOnce <= kSlotBytes && kMostAtOnce / kBlock < kMostKept);
}

void ServedDisk::read(VolumeOffset offset, std::span<std::byte> buffer) const {
  const std::uint64_t begin = offset.value();
  if (begin > size_ || buffer.size() > size_ - begin) {
    throw Error(ErrorKind::kFailed, "disk", "read failed",
                fmt::format("{} bytes at offset {} are not within it", buffer.size(), begin));
  }
  for (std::uint64_t at = begin; !buffer.empty();) {
    const std::uint64_t in_block = at % kBlock;
    const Block& held = block(at / kBlock, (at % kBlock + buffer.size() + kBlock - 1) / kBlock);
    const std::size_t n = std::min<std::uint64_t>(buffer.size(), held.size() - in_block);
    std::memcpy(buffer.data(), held.data() + in_block, n);
    buffer = buffer.subspan(n);
    at += n;
  }
}

void ServedDisk::forget() {
  blocks_.clear();
  oldest_ = 0;
}

// `wanted` blocks from this one on will be asked for.
const ServedDisk::Block& ServedDisk::block(std::uint64_t number, std::uint64_t wanted) const {
  const auto known = blocks_.find(number);
  if (known != blocks_.end()) return known->second;
  const std::uint64_t most = std::min(wanted, kMostAtOnce / kBlock);
  std::uint64_t count = 1;
  while (count < most && !blocks_.contains(number + count)) ++count;
  fetch(number, count);
  return blocks_.at(number);
}

void ServedDisk::fetch(std::uint64_t number, std::uint64_t count) const {
  const std::uint64_t begin = number * kBlock;
  const std::uint64_t length = std::min(count * kBlock, size_ - begin);
  if (ask(channel_, Ask::kBytes, begin, length) != length) {
    throw Error(ErrorKind::kFailed, "disk", "read failed", fmt::format("at offset {}", begin));
  }
  auto bytes = channel_.slot.first(length);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto held = bytes.first(std::min<std::size_t>(kBlock, bytes.size()));
    bytes = bytes.subspan(held.size());
    if (blocks_.size() >= kMostKept) blocks_.erase(order_[oldest_]);
    order_[oldest_] = number + i;
    oldest_ = (oldest_ + 1) % kMostKept;
    blocks_[number + i].assign(held.begin(), held.end());
  }
}

}  // namespace qcow2stream
