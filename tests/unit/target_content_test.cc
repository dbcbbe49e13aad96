// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a target holds, without a look at its holes.

#include "restore/target_content.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/progress.h"
#include "qcow2stream/proof.h"
#include "system/fd.h"
#include "target_testing.h"

namespace qcow2stream {
namespace {

using testing::Bytes;

constexpr std::uint64_t kChunk = 64 << 10;

// Knows that it is zeros but for some chunks, and counts what is read of it.
class SparseTarget final : public Target {
 public:
  SparseTarget(std::uint64_t size, std::vector<std::uint64_t> chunks)
      : size_(size), chunks_(std::move(chunks)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] TargetTraits traits() const override {
    return {.size = size_, .can_be_read = true, .current_size = size_};
  }
  void set_size(std::uint64_t /*size*/) override {}
  void write(GuestOffset /*offset*/, std::span<const std::byte> /*bytes*/) override {}
  void zero(GuestRange /*range*/) override {}
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    read_bytes += buffer.size();
    const bool is_data = std::ranges::count(chunks_, offset.value() / kChunk) > 0;
    std::ranges::fill(buffer, std::byte(is_data ? 7 : 0));
  }
  [[nodiscard]] std::uint64_t zeros_at(GuestOffset offset) const override {
    std::uint64_t next = size_;
    for (const std::uint64_t chunk : chunks_) {
      if ((chunk + 1) * kChunk > offset.value()) next = std::min(next, chunk * kChunk);
    }
    return next - std::min(next, offset.value());
  }
  void flush() override {}
  void finish() override {}

  std::atomic<std::uint64_t> read_bytes = 0;

 private:
  std::string name_ = "target";
  std::uint64_t size_;
  std::vector<std::uint64_t> chunks_;
};

TEST(TargetContent, HolesAreNotRead) {
  constexpr std::uint64_t kChunks = 300000;
  SparseTarget target(kChunks * kChunk + 512, {0, 5, 6, 40000, kChunks - 1});
  ManifestBuilder wanted(kChunks * kChunk + 512, 16);
  const Bytes data(kChunk, std::byte(7));
  for (const std::uint64_t chunk : {0UL, 5UL, 6UL, 40000UL, kChunks - 1}) {
    wanted.set(chunk, ChunkHasher(16).digest(data));
  }
  for (const unsigned threads : {1U, 4U}) {
    target.read_bytes = 0;
    const auto content = hash_target(target, kChunks * kChunk + 512, 16, {.threads = threads});
    EXPECT_EQ(content->root(), wanted.root());
    // What is read at once may go on into a hole.
    EXPECT_LE(target.read_bytes, 5 * (1U << 20));
  }
}

TEST(TargetContent, CountsAllOfIt) {
  SparseTarget target(1000 * kChunk + 512, {3, 500});
  Progress progress;
  hash_target(target, 1000 * kChunk + 512, 18, {.progress = &progress});
  EXPECT_EQ(progress.emit_done, 1000 * kChunk + 512);
  EXPECT_EQ(progress.emit_total, 1000 * kChunk + 512);
}

TEST(FileTarget, KnowsItsHoles) {
  const testing::TestDirectory directory;
  const std::string path = directory.file("file");
  {
    const UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_EQ(::ftruncate(fd.get(), 64 << 20), 0);
    ASSERT_EQ(::pwrite(fd.get(), "x", 1, 16 << 20), 1);
  }
  const auto target = open_target(path, {.use = TargetUse::kReadOnly});
  if (target->zeros_at(GuestOffset(0)) == 0) GTEST_SKIP() << "no holes here";
  EXPECT_LE(target->zeros_at(GuestOffset(0)), 16U << 20);
  EXPECT_EQ(target->zeros_at(GuestOffset(16 << 20)), 0U);
  EXPECT_EQ(target->zeros_at(GuestOffset(32 << 20)), 32U << 20);
}

}  // namespace
}  // namespace qcow2stream
