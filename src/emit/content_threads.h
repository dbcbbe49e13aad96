// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashes the content of a disk as it goes out in an image, at the same time, from the very buffers
// that go out.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "qcow2stream/manifest.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Where a part of a buffer lies in the disk.
struct SentPart {
  GuestOffset offset;
  std::size_t at = 0;  // in the buffer
  std::size_t length = 0;
};

// What is hashed.
struct ContentSent {
  std::uint64_t length = 0;
  unsigned chunk_bits = kDefaultChunkBits;
  // Reads what of a chunk is not sent, from any thread; empty: it is zeros.
  std::function<void(GuestOffset, std::span<std::byte>)> rest;
  // Is called for each chunk of which something is sent, in any order and by several threads.
  std::function<void(std::uint64_t chunk, const ContentDigest& digest)> found;
};

// Several threads hash leaves, each as soon as all of it was put; a chunk is complete when its last
// leaf is. A buffer goes round: take() it, fill it, write it, put() it; when all leaves with a part
// of it are hashed, take() hands it out again. So memory is bounded, and a writer that is faster
// than the hashing waits.
//
// take(), put() and finish() belong to one thread. If hashing fails, the next call of one of them
// throws its error.
class ContentThreads {
 public:
  // `threads`: 0 means one a core.
  ContentThreads(const ContentSent& content, unsigned threads);
  ~ContentThreads();
  ContentThreads(const ContentThreads&) = delete;
  ContentThreads& operator=(const ContentThreads&) = delete;

  // A buffer of any size, to be handed to put() or dropped. Waits while too many are in use.
  std::vector<std::byte> take();
  // `parts` of the buffer are of the disk. They ascend, also from one call to the next.
  void put(std::vector<std::byte> buffer, std::span<const SentPart> parts);
  // Nothing follows, and all digests are found.
  void finish();

 private:
  struct Buffer;
  struct Chunk;
  struct Piece {
    std::shared_ptr<const Buffer> buffer;  // null: it is in the leaf's own bytes
    std::size_t at = 0;
    std::size_t in_leaf = 0;
    std::size_t length = 0;
  };
  struct Leaf {
    std::shared_ptr<Chunk> chunk;
    std::uint64_t number = 0;  // of the disk's leaves
    std::vector<Piece> pieces;
    std::vector<std::byte> own;
  };
  class Worker;

  // In place of the number of a leaf: the chunk is complete, as far as leaves are put.
  static constexpr std::uint64_t kNoLeaf = ~std::uint64_t{0};

  static std::span<const std::byte> bytes_of(const Leaf& leaf, const Piece& piece);
  static void let_go_of_buffers(Leaf& leaf);
  void begin_leaf(std::uint64_t number);
  void push_unsent(std::uint64_t end);
  void end_leaf();
  void end_chunk();
  void push(Leaf leaf);
  bool next(Leaf& leaf);
  void give_back(std::vector<std::byte> bytes);
  void fail(std::exception_ptr error);
  void work();

  static constexpr std::size_t kMostBuffers = 16;
  static constexpr std::size_t kMostBuffersOfOpenLeaf = kMostBuffers / 2;
  static constexpr std::size_t kMostLeaves = 256;  // that wait; the disk has the rest of some

  const ContentSent content_;
  const unsigned level_;
  std::optional<Leaf> open_;           // parts of it may follow
  std::shared_ptr<Chunk> open_chunk_;  // leaves of it may follow
  std::uint64_t next_leaf_ = 0;        // the first that was not put

  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable ready_;
  std::deque<Leaf> leaves_;  // that wait to be hashed
  std::vector<std::vector<std::byte>> spare_;
  std::size_t in_use_ = 0;  // buffers
  bool ended_ = false;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

}  // namespace qcow2stream
