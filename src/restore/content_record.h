// SPDX-License-Identifier: GPL-2.0-or-later
//
// The digests of a disk's content, made of what images say of it while that passes by.
//
// Content comes in any order and in parts of any length, from several threads. What is a whole
// leaf is hashed where it is; of others the parts are kept until the rest has come, within a bound.
// A chunk of which not all came, or not within the bound, is not known: whoever wants to know it
// reads it where it was written.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "manifest/content_hash.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/types.h"
#include "restore/chunk_set.h"

namespace qcow2stream {

class ContentRecord {
 public:
  // What was before the first image.
  enum class Before {
    kZeros,    // the image says of each byte what it is
    kUnknown,  // what it leaves out is not known
  };
  ContentRecord(std::uint64_t length, unsigned chunk_bits, Before before);
  // All of it is known.
  explicit ContentRecord(std::shared_ptr<ManifestBuilder> content);

  // The content has another length from here on. What is new is zeros.
  void resize(std::uint64_t length);

  // What an image says, of each byte once; from several threads, each with a hash of its own.
  void data(ContentHash& hash, GuestOffset at, std::span<const std::byte> bytes);
  void zeros(ContentHash& hash, GuestRange range);
  // It has said all. Chunks of which it has changed only a part are not known.
  void end_image();

  // A chunk that somebody has read.
  void learn(std::uint64_t chunk, const ContentDigest& digest);

  [[nodiscard]] bool knows_all() const { return knows_by_default_ && others_.empty(); }
  [[nodiscard]] bool knows(std::uint64_t chunk) const {
    return knows_by_default_ != others_.contains(chunk);
  }
  // Those that are not known; but if nothing is known by itself, those that are.
  [[nodiscard]] const ChunkSet& exceptions() const { return others_; }
  [[nodiscard]] bool knows_by_default() const { return knows_by_default_; }

  [[nodiscard]] const std::shared_ptr<ManifestBuilder>& content() const { return content_; }

 private:
  struct Leaf {
    std::vector<std::byte> bytes;
    std::uint64_t filled = 0;  // how many of them have come
  };
  struct Chunk {
    std::vector<ContentDigest> leaves;
    std::map<std::uint64_t, Leaf> parts;  // leaves that are not complete
    std::uint64_t filled = 0;
  };

  template <class Part>
  void divide(GuestRange range, const Part& part);
  void part_of_chunk(ContentHash& hash, std::uint64_t chunk, GuestRange range,
                     const std::byte* bytes);
  void fill_leaf(ContentHash& hash, Chunk& open, std::uint64_t leaf, GuestRange range,
                 const std::byte* bytes);
  void set(std::uint64_t chunk, const ContentDigest& digest);
  void set_zeros(std::uint64_t first, std::uint64_t end);
  void set_known(std::uint64_t chunk, bool known);
  [[nodiscard]] bool has_room(std::uint64_t more) const;

  std::shared_ptr<ManifestBuilder> content_;
  bool knows_by_default_;
  bool is_blank_;  // all chunks that nobody has set are zeros, and none was set in an image before
  std::mutex mutex_;
  ChunkSet others_;
  ChunkSet given_up_;  // of this image: there was no room for their parts
  std::unordered_map<std::uint64_t, Chunk> open_;
  std::uint64_t memory_ = 0;  // bytes that these take
};

}  // namespace qcow2stream
