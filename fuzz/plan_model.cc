// SPDX-License-Identifier: GPL-2.0-or-later

#include "plan_model.h"

#include <algorithm>

#include "layout/cluster_map_builder.h"
#include "layout/layout.h"

namespace qcow2stream::fuzz {
namespace {

// So that an input takes milliseconds. More than two of the map's chunks.
constexpr std::uint64_t kMostClusters = 70'000;
constexpr std::uint64_t kChunk = 32768;
constexpr std::size_t kMostRuns = 200;

ImageOptions read_options(Input& input) {
  ImageOptions options;
  // Tables of large clusters take long, so most are small.
  const unsigned bits = input.byte() % 32U;
  options.cluster_size = 512U << (bits < 28 ? bits % 4 : (bits - 27) * 3);
  const unsigned kind = input.byte();
  options.version = kind % 4 == 0 ? 2 : 3;
  if (options.version == 3) {
    options.refcount_bits = 1U << (kind / 4 % 7);
    options.extended_l2 = kind >= 128 && options.cluster_size >= 16384;
  }
  return options;
}

// How small the clusters of a run become.
std::uint32_t read_size(std::uint32_t cluster_size, unsigned how, std::uint64_t n) {
  const std::uint32_t most = cluster_size - 1;
  switch (how % 4) {
    case 0:
      return 1 + how / 4 % 64;  // as small as they never are: many in a host cluster
    case 1:
      return most - how / 4 % 64;  // hardly any smaller than a cluster
    case 2:
      return 1 + static_cast<std::uint32_t>((n * 2'654'435'761U + how * 40'503U) % most);
    default:
      // Ends at a host cluster's border now and then.
      return std::max(1U, cluster_size >> (1 + how / 4 % 9));
  }
}

std::uint64_t read_begin(Input& input, unsigned how, std::uint64_t end) {
  switch (how) {
    case 0:
      return end;
    case 1:
      return end + input.number();
    case 2:
      return end - std::min(end, input.number());
    default:
      return (input.byte() % 3U) * kChunk;
  }
}

void read_run(Input& input, Plan& plan, std::uint64_t& end) {
  const unsigned how = input.byte();
  const ClusterKind kind = kClusterKinds[how % kClusterKinds.size()];
  const std::uint64_t begin = std::min(read_begin(input, how / 3 % 4, end), kMostClusters);
  end = std::min(begin + input.number(), kMostClusters);
  if (plan.kinds.size() < end) {
    plan.kinds.resize(end);
    plan.sizes.resize(end);
  }
  const unsigned size = kind == ClusterKind::kCompressed ? input.byte() : 0;
  for (std::uint64_t i = begin; i < end; ++i) {
    plan.kinds[i] = std::min(plan.kinds[i].value_or(kind), kind);
    if (kind == ClusterKind::kCompressed && plan.sizes[i] == 0) {
      plan.sizes[i] = read_size(plan.options.cluster_size, size, i);
    }
  }
  plan.runs.push_back({kind, begin, end - begin});
}

}  // namespace

Plan read_plan(Input& input) {
  Plan plan;
  plan.options = read_options(input);
  std::uint64_t end = 0;
  while (!input.at_end() && plan.runs.size() < kMostRuns) read_run(input, plan, end);
  if (!plan.kinds.empty()) plan.missing = input.byte() % 2 == 0 ? 0 : plan.options.cluster_size - 1;

  const auto has = [&](ClusterKind kind) { return std::ranges::count(plan.kinds, kind) > 0; };
  const bool marked = std::ranges::any_of(plan.sizes, [](std::uint32_t size) { return size > 0; });
  if (marked) {
    plan.options.compression = Compression{};
    plan.options.refcount_bits = std::max(plan.options.refcount_bits, 2U);
  }
  if (has(ClusterKind::kZero)) {
    plan.options.backing_file = BackingFile{.name = "base", .format = "raw"};
  } else if (!marked && plan.options.version == 3 && plan.options.cluster_size > 512 &&
             plan.runs.size() % 2 == 1) {
    plan.options.data_file = DataFile{.name = "data"};
  }
  return plan;
}

std::shared_ptr<const ClusterMap> map_of(const Plan& plan) {
  ClusterMapBuilder builder(geometry_of(plan.options), plan.kinds.size());
  std::vector<bool> seen(plan.kinds.size());  // each compressed cluster comes once
  for (const Run& run : plan.runs) {
    if (run.kind != ClusterKind::kCompressed) {
      builder.mark(run.kind, GuestCluster(run.first), run.count);
      continue;
    }
    std::vector<CompressedCluster> clusters;
    for (std::uint64_t i = run.first; i < run.first + run.count; ++i) {
      if (!seen[i]) clusters.push_back({GuestCluster(i), plan.sizes[i]});
      seen[i] = true;
    }
    builder.mark_compressed(clusters);
  }
  return builder.finish();
}

}  // namespace qcow2stream::fuzz
