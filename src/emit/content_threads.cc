// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/content_threads.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "manifest/content_hash.h"
#include "manifest/content_tree.h"
#include "system/cores.h"

namespace qcow2stream {
namespace {

using content_tree::kLeafBits;
using content_tree::kLeafSize;

}  // namespace

// Goes back where it came from when nobody needs it any more.
struct ContentThreads::Buffer {
  Buffer(ContentThreads& from, std::vector<std::byte> content)
      : owner(from), bytes(std::move(content)) {}
  ~Buffer() { owner.give_back(std::move(bytes)); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  ContentThreads& owner;
  std::vector<std::byte> bytes;
};

// A chunk of which leaves are being hashed. Each thread writes to the leaf that it has hashed.
struct ContentThreads::Chunk {
  std::uint64_t number = 0;
  std::vector<ContentDigest> leaves;
  // One for each leaf that is not hashed yet, and one for as long as others may follow.
  std::atomic<unsigned> missing{1};
};

// What one thread does.
class ContentThreads::Worker {
 public:
  explicit Worker(ContentThreads& all) : all_(all), bytes_(kLeafSize) {}

  void hash(const Leaf& leaf) {
    const std::uint64_t in_chunk = leaf.number - (leaf.chunk->number << all_.level_);
    leaf.chunk->leaves[in_chunk] = hash_.leaf(bytes_of(leaf));
    complete(*leaf.chunk);
  }

  // One reason less to wait for the chunk.
  void complete(Chunk& chunk) {
    if (--chunk.missing > 0) return;
    all_.content_.found(chunk.number, hash_.node(chunk.leaves, 0, all_.level_));
  }

 private:
  // Most leaves lie in one buffer as a whole.
  std::span<const std::byte> bytes_of(const Leaf& leaf) {
    if (leaf.pieces.size() == 1 && leaf.pieces.front().length == kLeafSize) {
      return ContentThreads::bytes_of(leaf, leaf.pieces.front());
    }
    const GuestOffset begin(leaf.number << kLeafBits);
    std::size_t at = 0;
    for (const Piece& piece : leaf.pieces) {
      fill_gap(begin, at, piece.in_leaf);
      std::ranges::copy(ContentThreads::bytes_of(leaf, piece),
                        bytes_.begin() + static_cast<std::ptrdiff_t>(piece.in_leaf));
      at = piece.in_leaf + piece.length;
    }
    fill_gap(begin, at, kLeafSize);
    return bytes_;
  }

  void fill_gap(GuestOffset leaf, std::size_t begin, std::size_t end) {
    const auto gap = std::span(bytes_).subspan(begin, end - begin);
    std::size_t read = 0;
    if (all_.content_.rest && leaf.value() + begin < all_.content_.length) {
      read = std::min<std::uint64_t>(gap.size(), all_.content_.length - leaf.value() - begin);
      if (read > 0) all_.content_.rest(leaf + begin, gap.first(read));
    }
    std::ranges::fill(gap.subspan(read), std::byte{0});
  }

  ContentThreads& all_;
  ContentHash hash_;
  std::vector<std::byte> bytes_;
};

ContentThreads::ContentThreads(const ContentSent& content, unsigned threads)
    : content_(content), level_(content.chunk_bits - kLeafBits) {
  spare_.reserve(kMostBuffers);
  const unsigned count = threads != 0 ? threads : cores();
  try {
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::exception&) {
    // The system has no more threads, or no memory for them: fewer do the same work.
    if (threads_.empty()) throw;
  }
}

ContentThreads::~ContentThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
  }
  threads_.clear();  // joins
  // Their buffers want to give themselves back, which takes the rest of this object.
  open_.reset();
  leaves_.clear();
}

std::vector<std::byte> ContentThreads::take() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return error_ || in_use_ < kMostBuffers; });
  if (error_) std::rethrow_exception(error_);
  if (spare_.empty()) return {};
  std::vector<std::byte> bytes = std::move(spare_.back());
  spare_.pop_back();
  return bytes;
}

void ContentThreads::give_back(std::vector<std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(bytes));
  --in_use_;
  room_.notify_one();
}

std::span<const std::byte> ContentThreads::bytes_of(const Leaf& leaf, const Piece& piece) {
  const std::span<const std::byte> all(piece.buffer ? piece.buffer->bytes : leaf.own);
  return all.subspan(piece.at, piece.length);
}

// Nobody hashes a leaf that is open. With small clusters it may be made of more buffers than there
// are, and then the next one would never come.
void ContentThreads::let_go_of_buffers(Leaf& leaf) {
  leaf.own.reserve(kLeafSize);
  for (Piece& piece : leaf.pieces) {
    if (!piece.buffer) continue;
    const auto bytes = bytes_of(leaf, piece);
    piece.at = leaf.own.size();
    leaf.own.insert(leaf.own.end(), bytes.begin(), bytes.end());
    piece.buffer.reset();
  }
}

void ContentThreads::put(std::vector<std::byte> buffer, std::span<const SentPart> parts) {
  {
    const std::lock_guard lock(mutex_);
    ++in_use_;
  }
  const auto shared = std::make_shared<const Buffer>(*this, std::move(buffer));
  for (SentPart part : parts) {
    while (part.length > 0) {
      const std::uint64_t number = part.offset.value() >> kLeafBits;
      const std::size_t in_leaf = part.offset.value() % kLeafSize;
      const std::size_t n = std::min<std::size_t>(part.length, kLeafSize - in_leaf);
      begin_leaf(number);
      assert(open_->pieces.empty() ||
             open_->pieces.back().in_leaf + open_->pieces.back().length <= in_leaf);
      open_->pieces.push_back({.buffer = shared, .at = part.at, .in_leaf = in_leaf, .length = n});
      if (in_leaf + n == kLeafSize) end_leaf();
      part = {.offset = part.offset + n, .at = part.at + n, .length = part.length - n};
    }
  }
  if (!open_) return;
  const auto held = std::ranges::count_if(
      open_->pieces, [](const Piece& piece) { return piece.buffer != nullptr; });
  if (static_cast<std::size_t>(held) >= kMostBuffersOfOpenLeaf) let_go_of_buffers(*open_);
}

void ContentThreads::begin_leaf(std::uint64_t number) {
  if (open_ && open_->number == number) return;
  end_leaf();
  const std::uint64_t chunk = number >> level_;
  if (open_chunk_ && open_chunk_->number != chunk) end_chunk();
  if (!open_chunk_) {
    open_chunk_ = std::make_shared<Chunk>();
    open_chunk_->number = chunk;
    open_chunk_->leaves.resize(std::size_t{1} << level_, zero_digest(0));
    next_leaf_ = chunk << level_;
  }
  if (content_.rest) push_unsent(number);
  open_ = Leaf{.chunk = open_chunk_, .number = number, .pieces = {}, .own = {}};
  next_leaf_ = number + 1;
}

// Leaves of the chunk of which nothing was put, up to `end`: the disk has them.
void ContentThreads::push_unsent(std::uint64_t end) {
  for (; next_leaf_ < end; ++next_leaf_) {
    push({.chunk = open_chunk_, .number = next_leaf_, .pieces = {}, .own = {}});
  }
}

void ContentThreads::end_leaf() {
  if (open_) push(*std::exchange(open_, std::nullopt));
}

void ContentThreads::end_chunk() {
  end_leaf();
  if (!open_chunk_) return;
  if (content_.rest) {
    const std::uint64_t leaves = chunk_count(content_.length, kLeafBits);
    push_unsent(std::min((open_chunk_->number + 1) << level_, leaves));
  }
  // As if it were a leaf, whoever is last makes the chunk's digest.
  push({.chunk = std::exchange(open_chunk_, nullptr), .number = kNoLeaf, .pieces = {}, .own = {}});
}

void ContentThreads::push(Leaf leaf) {
  if (leaf.number != kNoLeaf) ++leaf.chunk->missing;
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return error_ || leaves_.size() < kMostLeaves; });
  if (error_) std::rethrow_exception(error_);
  leaves_.push_back(std::move(leaf));
  ready_.notify_one();
}

void ContentThreads::finish() {
  end_chunk();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ready_.notify_all();
  }
  threads_.clear();  // joins
  if (error_) std::rethrow_exception(error_);
}

bool ContentThreads::next(Leaf& leaf) {
  leaf = {};  // its buffers go back without the lock
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return stopping_ || error_ || ended_ || !leaves_.empty(); });
  if (stopping_ || error_ || leaves_.empty()) return false;
  leaf = std::move(leaves_.front());
  leaves_.pop_front();
  if (leaves_.size() == kMostLeaves - 1) room_.notify_one();
  return true;
}

void ContentThreads::fail(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  room_.notify_all();
  ready_.notify_all();
}

void ContentThreads::work() {
  try {
    Worker worker(*this);
    Leaf leaf;
    while (next(leaf)) {
      if (leaf.number == kNoLeaf) {
        worker.complete(*leaf.chunk);
      } else {
        worker.hash(leaf);
      }
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

}  // namespace qcow2stream
