// SPDX-License-Identifier: GPL-2.0-or-later
//
// codecs: what each level of compression costs and brings. Compresses every n-th cluster of a disk
// that is not zero, alone, in one thread, and prints a table in Markdown: MB/s of processor time
// (the least of three runs) and the size of the result, where what does not get smaller counts
// whole. The first line of each type is what qemu-img does.
//
// build/bin/codecs DISK [CLUSTERS [CLUSTER-SIZE]]

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/zero.h"
#include "codec/codec.h"
#include "system/fd.h"

namespace qcow2stream {
namespace {

using Cluster = std::vector<std::byte>;

double processor_seconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Clusters with data, evenly from the whole disk; about as many as wanted. Holes cost nothing.
std::vector<Cluster> sample(const char* path, std::size_t wanted, std::size_t cluster_size) {
  const UniqueFd disk(open(path, O_RDONLY | O_CLOEXEC));
  if (!disk) return {};
  std::vector<off_t> offsets;
  const auto step = static_cast<off_t>(cluster_size);
  for (off_t at = lseek(disk.get(), 0, SEEK_DATA); at >= 0; at = lseek(disk.get(), at, SEEK_DATA)) {
    const off_t hole = lseek(disk.get(), at, SEEK_HOLE);
    for (at -= at % step; at + step <= hole; at += step) offsets.push_back(at);
    at = std::max(at, hole);
  }
  std::vector<Cluster> clusters;
  const std::size_t stride = std::max<std::size_t>(1, offsets.size() / wanted);
  for (std::size_t i = 0; i < offsets.size(); i += stride) {
    Cluster cluster(cluster_size);
    if (pread(disk.get(), cluster.data(), cluster_size, offsets[i]) != step) continue;
    if (!is_zero(cluster)) clusters.push_back(std::move(cluster));
  }
  return clusters;
}

using Compress = std::function<std::size_t(const Cluster&, std::span<std::byte>)>;

// As block/qcow2-threads.c of QEMU 7.2: a new context for each cluster.
std::size_t zlib_of_qemu(const Cluster& cluster, std::span<std::byte> out) {
  z_stream z = {};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    return 0;
  }
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib does not write there
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(cluster.data()));
  z.avail_in = static_cast<uInt>(cluster.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const bool complete = deflate(&z, Z_FINISH) == Z_STREAM_END;
  deflateEnd(&z);
  return complete ? z.total_out : 0;
}

std::size_t zstd_of_qemu(const Cluster& cluster, std::span<std::byte> out) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_outBuffer output = {out.data(), out.size(), 0};
  ZSTD_inBuffer input = {cluster.data(), cluster.size(), 0};
  const std::size_t left = ZSTD_compressStream2(context, &output, &input, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  return left == 0 ? output.pos : 0;
}

void measure(const std::string& name, const std::vector<Cluster>& clusters,
             const Compress& compress) {
  const std::size_t cluster_size = clusters.front().size();
  const auto all = static_cast<double>(clusters.size() * cluster_size);
  std::vector<std::byte> out(cluster_size - 1);
  double least = std::numeric_limits<double>::max();
  std::size_t total = 0;
  for (int run = 0; run < 3; ++run) {
    total = 0;
    const double begin = processor_seconds();
    for (const Cluster& cluster : clusters) {
      const std::size_t size = compress(cluster, out);
      total += size == 0 ? cluster_size : size;
    }
    least = std::min(least, processor_seconds() - begin);
  }
  fmt::print("| {:<56} | {:6.1f} | {:5.2f} % |\n", name, all / least / 1e6,
             100 * static_cast<double>(total) / all);
  std::fflush(stdout);
}

void measure_levels(CompressionType type, std::uint32_t window,
                    const std::vector<Cluster>& clusters) {
  const CompressionLevels levels = compression_levels(type, window);
  for (int level = levels.least; level <= levels.most; ++level) {
    const Compression compression{.type = type, .level = level, .deflate_window = window};
    const auto codec = make_codec(compression, static_cast<std::uint32_t>(clusters.front().size()));
    std::string name = codec_version(compression);
    name.resize(name.find(", fingerprint"));
    if (level == levels.normal) name += ", normal";
    measure(name, clusters, [&codec](const Cluster& cluster, std::span<std::byte> out) {
      return codec->compress(cluster, out);
    });
  }
}

int run(const char* path, std::size_t wanted, std::size_t cluster_size) {
  const std::vector<Cluster> clusters = sample(path, wanted, cluster_size);
  if (clusters.empty()) {
    fmt::print(stderr, "codecs: {}: no clusters\n", path);
    return 1;
  }
  fmt::print("{} clusters of {} bytes\n\n| codec | MB/s | size |\n|---|---|---|\n", clusters.size(),
             cluster_size);
  measure("qemu-img: zlib level 6, window 4096", clusters, zlib_of_qemu);
  for (const std::uint32_t window : {4096U, 32768U}) {
    measure_levels(CompressionType::kZlib, window, clusters);
  }
  measure("qemu-img: zstd level 3", clusters, zstd_of_qemu);
  measure_levels(CompressionType::kZstd, 4096, clusters);
  return 0;
}

}  // namespace
}  // namespace qcow2stream

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "codecs DISK [CLUSTERS [CLUSTER-SIZE]]\n");
    return 2;
  }
  return qcow2stream::run(argv[1], argc > 2 ? std::stoul(argv[2]) : 1000,
                          argc > 3 ? std::stoul(argv[3]) : 65536);
}
