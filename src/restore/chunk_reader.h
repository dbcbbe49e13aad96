// SPDX-License-Identifier: GPL-2.0-or-later
//
// A stream in chunks that several threads may hold on to, and its digests, which are taken
// meanwhile.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "digest/hasher.h"
#include "disk/stream/stream_reader.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/restore.h"
#include "restore/in_order_reader.h"
#include "system/rate_limit.h"

namespace qcow2stream {

// Bytes that stay as long as somebody has them.
struct SharedBytes {
  std::shared_ptr<const std::vector<std::byte>> owner;
  std::span<const std::byte> bytes;

  [[nodiscard]] SharedBytes part(std::uint64_t begin, std::uint64_t length) const {
    return {owner, bytes.subspan(begin, length)};
  }
};

// Belongs to one thread, but for the chunks. It must outlive them.
class ChunkReader {
 public:
  // Reads at most `most_per_second` bytes on the average, unless that is 0. `progress` may be null.
  ChunkReader(const StreamedImage& image, std::uint64_t most_per_second, Progress* progress);
  // Digests that are not finished are dropped.
  ~ChunkReader();
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;

  // Reads the next kChunk bytes, or `length` in place of that. There are fewer only at the end of
  // the stream, or in front of what cannot be read, and none behind it. Waits as long as the others
  // hold all chunks. Throws Error.
  static constexpr std::size_t kChunk = 1 << 20;
  SharedBytes next(std::size_t length = kChunk);

  // How many bytes have been read.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // The digests of all that was read, in the order in which they were asked for. Nothing may
  // follow. Throws Error.
  std::vector<Digest> finish_digests();

 private:
  struct Worker {
    DigestAlgorithm algorithm;
    std::unique_ptr<Hasher> hasher;
    std::vector<SharedBytes> waiting;  // to be hashed, the next one first
  };

  std::shared_ptr<std::vector<std::byte>> take_buffer(std::size_t length);
  void hash(Worker& worker);

  std::size_t read(std::span<std::byte> buffer);

  std::function<std::size_t(std::span<std::byte>)> read_;  // in place of both
  std::optional<StreamReader> stream_;
  std::optional<InOrderReader> file_;  // in place of it
  RateLimit limit_;
  Progress* progress_;
  std::uint64_t position_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<std::byte>> spare_;
  unsigned lent_ = 0;
  std::vector<Worker> workers_;
  bool ended_ = false;     // no more chunks come
  bool stopping_ = false;  // those that are waiting need not be hashed
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

}  // namespace qcow2stream
