// SPDX-License-Identifier: GPL-2.0-or-later
//
// A disk has the same root however it is read.

#include "qcow2stream/content.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing.h"

namespace qcow2stream {
namespace {

using testing::MemoryDisk;

constexpr std::uint64_t kOneMiB = 1 << 20;

std::vector<std::byte> mixed_content(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) {
    const bool zeros = (at / 40000) % 3 == 0 || (at > 5 * kOneMiB && at < 25 * kOneMiB);
    if (!zeros) bytes[at] = std::byte(at * 7 + (at >> 13));
  }
  return bytes;
}

ContentDigest simple_root(const std::vector<std::byte>& bytes) {
  const std::uint64_t length = (bytes.size() + 511) / 512 * 512;
  ManifestBuilder builder(length, kFewestChunkBits);
  ChunkHasher hasher(kFewestChunkBits);
  for (std::uint64_t n = 0; n < chunk_count(bytes.size(), kFewestChunkBits); ++n) {
    const GuestRange range = chunk_range(n, bytes.size(), kFewestChunkBits);
    builder.set(n, hasher.digest(std::span(bytes).subspan(range.begin.value(), range.length)));
  }
  return builder.root();
}

TEST(HashContent, SameRootForAnyChunkAndThreads) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}, 65537UL,
                                 30 * kOneMiB + 1000, 34 * kOneMiB}) {
    const auto bytes = mixed_content(size);
    const MemoryDisk disk(bytes);
    const ContentDigest root = simple_root(bytes);
    for (unsigned bits = kFewestChunkBits; bits <= kMostChunkBits; bits += 2) {
      for (const unsigned threads : {1U, 3U}) {
        const auto content = hash_content(disk, {.chunk_bits = bits, .threads = threads});
        EXPECT_EQ(content->chunk_bits(), bits);
        EXPECT_EQ(root_text(content->root()), root_text(root)) << size << ' ' << bits;
      }
    }
  }
}

// Of any size, and a hole from its beginning to its end.
class Hole final : public Disk {
 public:
  explicit Hole(std::uint64_t size) : size_(size) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset /*offset*/, std::span<std::byte> /*buffer*/) const override {
    ADD_FAILURE() << "a hole is read";
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    return std::make_unique<OneRun>(range);
  }

 private:
  class OneRun final : public RunCursor {
   public:
    explicit OneRun(GuestRange range) : run_(Run{.range = range, .holds = Run::Holds::kZeros}) {}
    std::optional<Run> next() override { return std::exchange(run_, std::nullopt); }

   private:
    std::optional<Run> run_;
  };
  std::string name_ = "hole";
  std::uint64_t size_;
};

TEST(HashContent, HolesAreNotRead) {
  const Hole disk(15ULL << 40);
  const auto content = hash_content(disk);
  EXPECT_EQ(content->root(), ManifestBuilder(15ULL << 40, kDefaultChunkBits).root());
}

}  // namespace
}  // namespace qcow2stream
