// SPDX-License-Identifier: GPL-2.0-or-later
//
// The parts that are pure computation, one by one: zero tests, tables of the image, cluster map.
// build/bin/micro --benchmark_filter=zero_test

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/zero.h"
#include "layout/cluster_map.h"
#include "layout/cluster_map_builder.h"
#include "layout/layout.h"
#include "qcow2stream/qcow2stream.h"
#include "testing.h"

namespace qcow2stream {
namespace {

// Guest clusters of the disks here, whatever the cluster size is.
constexpr ClusterCount kClusters = 1U << 20;

// Which clusters have data. kRuns: of 1 to 64 clusters with gaps of 1 to 64.
enum Pattern : std::int64_t { kAll, kEveryOther, kRuns };

std::shared_ptr<const ClusterMap> make_map(const ImageOptions& options, std::int64_t pattern) {
  ClusterMapBuilder builder(geometry_of(options), kClusters);
  std::uint64_t state = 1;
  const auto up_to_64 = [&state] {
    state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
    return (state >> 58) + 1;
  };
  for (std::uint64_t at = 0; at < kClusters;) {
    const std::uint64_t want =
        pattern == kAll ? kClusters : (pattern == kEveryOther ? 1 : up_to_64());
    const std::uint64_t count = std::min(want, kClusters - at);
    builder.mark(ClusterKind::kData, GuestCluster(at), count);
    at += count + (pattern == kRuns ? up_to_64() : 1);
  }
  return builder.finish();
}

// --- zero tests
// -----------------------------------------------------------------------------------

void zero_test(benchmark::State& state, const ZeroTest& test) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(test.function(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void register_zero_tests() {
  for (const ZeroTest& test : available_zero_tests()) {
    benchmark::RegisterBenchmark((std::string("zero_test/") + test.name).c_str(),
                                 [&test](benchmark::State& state) { zero_test(state, test); })
        ->Arg(4 << 10)
        ->Arg(256 << 10);
  }
}

// --- tables of the image
// --------------------------------------------------------------------------

HostRange region_named(const Image& image, std::string_view name) {
  for (const NamedRegion& region : image.measure().regions) {
    if (region.name == name) return region.range;
  }
  return {};
}

// Reads the region over and over in pieces of 256 KiB, as emission does.
void generate(benchmark::State& state, std::string_view region) {
  const ImageOptions options{.cluster_size = static_cast<std::uint32_t>(state.range(0))};
  const std::uint64_t size = kClusters * options.cluster_size;
  const Image image(std::make_shared<testing::ZeroDisk>(size), options,
                    {make_map(options, state.range(1)), nullptr});
  const HostRange range = region_named(image, region);
  if (range.length == 0) return state.SkipWithError("no such region");
  std::vector<std::byte> buffer(256U << 10);
  std::uint64_t at = 0;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    const auto piece =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), range.length - at));
    image.read(range.begin + at, piece);
    benchmark::DoNotOptimize(buffer.data());
    bytes += static_cast<std::int64_t>(piece.size());
    at = (at + piece.size()) % range.length;
  }
  state.SetBytesProcessed(bytes);
}

void cluster_sizes_and_patterns(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"cluster", "pattern"});
  benchmark->ArgsProduct({{512, 64 << 10, 2 << 20}, {kAll, kEveryOther, kRuns}});
}

void l2_tables(benchmark::State& state) {
  generate(state, "l2-tables");
}
BENCHMARK(l2_tables)->Apply(cluster_sizes_and_patterns);

void refcount_blocks(benchmark::State& state) {
  generate(state, "refcount-blocks");
}
BENCHMARK(refcount_blocks)->Apply(cluster_sizes_and_patterns);

// --- cluster map
// ----------------------------------------------------------------------------------

// Steps through a range of so many numbers in an order that no cache likes: a prime larger than any
// range here visits all of them.
class Scatter {
 public:
  explicit Scatter(std::uint64_t range) : range_(range) {}
  std::uint64_t next() {
    at_ = (at_ + 1'000'000'007U) % range_;
    return at_;
  }

 private:
  std::uint64_t range_;
  std::uint64_t at_ = 0;
};

void data_before(benchmark::State& state) {
  const auto map = make_map({}, state.range(0));
  Scatter clusters(kClusters);
  for (auto _ : state) {
    benchmark::DoNotOptimize(map->before(ClusterKind::kData, GuestCluster(clusters.next())));
  }
}
BENCHMARK(data_before)->ArgName("pattern")->Arg(kAll)->Arg(kEveryOther)->Arg(kRuns);

void nth_data(benchmark::State& state) {
  const auto map = make_map({}, state.range(0));
  Scatter ranks(map->count(ClusterKind::kData));
  for (auto _ : state) benchmark::DoNotOptimize(map->nth(ClusterKind::kData, ranks.next()));
}
BENCHMARK(nth_data)->ArgName("pattern")->Arg(kAll)->Arg(kEveryOther)->Arg(kRuns);

// From run to run through the whole map, as a writer of the data clusters does.
void next_data(benchmark::State& state) {
  const auto map = make_map({}, state.range(0));
  GuestCluster at(0);
  for (auto _ : state) {
    at = map->next(ClusterKind::kData, at);
    benchmark::DoNotOptimize(at);
    at = at < map->end() ? map->next_other(ClusterKind::kData, at) : GuestCluster(0);
  }
}
BENCHMARK(next_data)->ArgName("pattern")->Arg(kAll)->Arg(kEveryOther)->Arg(kRuns);

}  // namespace
}  // namespace qcow2stream

int main(int argc, char** argv) {
  qcow2stream::register_zero_tests();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
