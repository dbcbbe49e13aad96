// SPDX-License-Identifier: GPL-2.0-or-later

#include "spool/compressed_store.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// What a worker puts into the store at once: data of each cluster, none where it was left out.
struct StoredRun {
  GuestCluster first;
  std::vector<std::vector<std::byte>> clusters;

  [[nodiscard]] GuestCluster end() const { return first + clusters.size(); }
  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> all;
    for (const auto& cluster : clusters) all.insert(all.end(), cluster.begin(), cluster.end());
    return all;
  }
};

std::vector<std::byte> bytes_of(std::uint64_t cluster, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(cluster * 31 + i);
  return bytes;
}

// With gaps between them.
std::vector<StoredRun> arbitrary_runs() {
  std::vector<StoredRun> runs(*rc::gen::inRange<std::size_t>(0, 30));
  std::uint64_t next = 0;
  for (StoredRun& run : runs) {
    next += *rc::gen::element<std::uint64_t>(0, 1, 1000);
    run.first = GuestCluster(next);
    const auto clusters = *rc::gen::inRange<std::uint64_t>(1, 20);
    const auto most = *rc::gen::element<std::size_t>(1, 500, 20'000);
    for (std::uint64_t i = 0; i < clusters; ++i) {
      run.clusters.push_back(bytes_of(next + i, *rc::gen::inRange<std::size_t>(0, most)));
    }
    next += clusters;
  }
  return runs;
}

void write(CompressedStore::Writer& writer, const StoredRun& run) {
  for (const auto& cluster : run.clusters) {
    // More room is asked for than is used, as a codec does.
    const auto room = writer.room(cluster.size() + 1000);
    std::ranges::copy(cluster, room.begin());
    std::fill_n(room.begin() + static_cast<std::ptrdiff_t>(cluster.size()), 1000, std::byte{0xee});
    writer.append(cluster.size());
  }
  writer.finish(run.first, run.end());
}

// Every n-th run is a thread's own.
void write_in_threads(CompressedStore& store, const std::vector<StoredRun>& runs,
                      std::size_t threads) {
  std::vector<std::jthread> all;
  for (std::size_t t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      CompressedStore::Writer writer(store);
      for (std::size_t i = t; i < runs.size(); i += threads) write(writer, runs[i]);
    });
  }
}

// Bytes of the run that the store gives back, 0 if it was not kept; what it gives must be right.
std::uint64_t check_run(const CompressedStore& store, const StoredRun& run,
                        std::uint64_t& in_memory) {
  const auto bytes = run.bytes();
  const CompressedStore::Run* kept = store.find(run.first);
  for (GuestCluster c = run.first; c < run.end(); c += 1) RC_ASSERT(store.find(c) == kept);
  if (kept == nullptr) return 0;
  RC_ASSERT(kept->first == run.first && kept->end == run.end());
  const std::size_t skip = bytes.size() / 3;
  for (const std::size_t from : {std::size_t{0}, skip}) {
    std::vector<std::byte> out(bytes.size() - from);
    store.read(*kept, from, out);
    RC_ASSERT(std::ranges::equal(out, std::span(bytes).subspan(from)));
  }
  if (kept->memory != nullptr) in_memory += bytes.size();
  return bytes.size();
}

RC_GTEST_PROP(CompressedStoreProperty, GivesBackWhatItKeepsAndKeepsToItsMemory, ()) {
  const auto runs = arbitrary_runs();
  std::uint64_t total = 0;
  for (const StoredRun& run : runs) total += run.bytes().size();
  const auto memory = *rc::gen::element<std::uint64_t>(0, total / 3, total, 1 << 30);
  const bool has_file = *rc::gen::arbitrary<bool>();
  CompressedStore store(memory, has_file ? std::optional(::testing::TempDir()) : std::nullopt);
  write_in_threads(store, runs, *rc::gen::inRange<std::size_t>(1, 4));
  store.seal();

  std::uint64_t kept = 0;
  std::uint64_t in_memory = 0;
  for (const StoredRun& run : runs) kept += check_run(store, run, in_memory);
  RC_ASSERT(kept == store.size());
  RC_ASSERT(in_memory <= memory);
  if (has_file || memory >= total) RC_ASSERT(kept == total);
  if (memory >= total) RC_ASSERT(in_memory == total);
  // Between the runs there is nothing.
  for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
    if (runs[i].end() < runs[i + 1].first) RC_ASSERT(store.find(runs[i].end()) == nullptr);
  }
  if (!runs.empty()) RC_ASSERT(store.find(runs.back().end()) == nullptr);
}

// Only the first and the last byte of each are touched: the rest is address space.
TEST(CompressedStore, LongRunsTakeAsManySlabsAsTheyNeed) {
  constexpr std::uint64_t kLong = CompressedStore::kMaxRun;
  CompressedStore store(20 * kLong, std::nullopt);
  CompressedStore::Writer writer(store);
  for (std::uint64_t run = 0; run < 20; ++run) {
    const auto room = writer.room(kLong);
    ASSERT_EQ(room.size(), kLong);
    room.front() = room.back() = static_cast<std::byte>(run);
    writer.append(kLong);
    writer.finish(GuestCluster(run), GuestCluster(run + 1));
  }
  store.seal();
  EXPECT_EQ(store.size(), 20 * kLong);
  for (std::uint64_t run = 0; run < 20; ++run) {
    const CompressedStore::Run* kept = store.find(GuestCluster(run));
    ASSERT_NE(kept, nullptr);
    for (const std::uint64_t at : {std::uint64_t{0}, kLong - 1}) {
      std::byte byte{0xee};
      store.read(*kept, at, {&byte, 1});
      EXPECT_EQ(byte, static_cast<std::byte>(run));
    }
  }
}

TEST(CompressedStore, ARunThatDoesNotFitLeavesRoomForAShorterOne) {
  CompressedStore store(100, std::nullopt);
  CompressedStore::Writer writer(store);
  for (const std::uint64_t first : {0U, 1U, 2U}) {
    const std::size_t size = first == 1 ? 60 : 50;
    std::ranges::copy(bytes_of(first, size), writer.room(size).begin());
    writer.append(size);
    writer.finish(GuestCluster(first), GuestCluster(first + 1));
  }
  store.seal();
  EXPECT_EQ(store.size(), 100U);
  EXPECT_NE(store.find(GuestCluster(0)), nullptr);
  EXPECT_EQ(store.find(GuestCluster(1)), nullptr);
  EXPECT_NE(store.find(GuestCluster(2)), nullptr);
}

TEST(CompressedStore, TheFileHasNoName) {
  std::string directory = ::testing::TempDir() + "/store-test-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    CompressedStore store(0, directory);
    CompressedStore::Writer writer(store);
    write(writer, {.first = GuestCluster(0), .clusters = {bytes_of(0, 5000)}});
    EXPECT_EQ(store.size(), 5000U);
    EXPECT_TRUE(std::filesystem::is_empty(directory));
  }
  std::filesystem::remove(directory);
}

TEST(CompressedStore, ADirectoryThatIsNoneIsAnError) {
  EXPECT_THROW(CompressedStore(0, "/nonexistent"), Error);
  EXPECT_THROW(CompressedStore(1 << 20, "/dev/null"), Error);
}

}  // namespace
}  // namespace qcow2stream
