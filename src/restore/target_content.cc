// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/target_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "base/bits.h"
#include "manifest/content_tree.h"
#include "qcow2/limits.h"
#include "qcow2stream/error.h"
#include "qcow2stream/proof.h"
#include "restore/limited_target.h"

namespace qcow2stream {
namespace {

// Bytes that are read at once, unless a chunk has more.
constexpr std::uint64_t kReadAtOnce = 1 << 20;

// What was handed out refers to what the caller has.
class DropAtEnd {
 public:
  explicit DropAtEnd(WorkerPool& workers) : workers_(workers) {}
  ~DropAtEnd() { workers_.drop(); }
  DropAtEnd(const DropAtEnd&) = delete;
  DropAtEnd& operator=(const DropAtEnd&) = delete;

 private:
  WorkerPool& workers_;
};

}  // namespace

std::uint64_t content_length(const Target& target) {
  const TargetTraits traits = target.traits();
  return align_up(traits.current_size.value_or(traits.size.value_or(0)), qcow2::kSectorSize);
}

TargetContent::TargetContent(Target& target, std::uint64_t length, unsigned chunk_bits,
                             WorkerPool& workers, Progress* progress)
    : target_(target),
      length_(length),
      chunk_bits_(chunk_bits),
      workers_(workers),
      progress_(progress),
      desks_(workers.threads()) {
  const TargetTraits traits = target.traits();
  there_ = traits.current_size.value_or(traits.size.value_or(length));
  if (progress_ != nullptr) progress_->emit_total += length_;
}

void TargetContent::read_run(std::uint64_t first, std::uint64_t end, const Use& use, Desk& desk) {
  for (std::uint64_t chunk = first; chunk < end; ++chunk) {
    const GuestRange range = chunk_range(chunk, length_, chunk_bits_);
    const std::uint64_t begin = range.begin.value();
    const std::uint64_t there = begin < there_ ? std::min(range.length, there_ - begin) : 0;
    desk.bytes.resize(std::max<std::size_t>(desk.bytes.size(), there));
    const std::span bytes = std::span(desk.bytes).first(there);
    if (there > 0) target_.read(range.begin, bytes);
    use(chunk, desk.hash.node_of_bytes(bytes, chunk_bits_ - content_tree::kLeafBits));
    if (progress_ != nullptr) progress_->emit_done += range.length;
  }
}

void TargetContent::hand_out(std::uint64_t first, std::uint64_t end, const Use& use) {
  workers_.submit(
      [this, first, end, &use](unsigned thread) { read_run(first, end, use, desks_[thread]); });
}

void TargetContent::read_all(const Use& use) {
  const std::uint64_t chunks = chunk_count(length_, chunk_bits_);
  const DropAtEnd guard(workers_);
  const std::uint64_t run = std::max<std::uint64_t>(1, kReadAtOnce >> chunk_bits_);
  for (std::uint64_t chunk = 0; chunk < chunks; chunk += run) {
    hand_out(chunk, std::min(chunk + run, chunks), use);
  }
  workers_.wait();
}

void TargetContent::read(const ChunkSet& chunks, const Use& use) {
  const DropAtEnd guard(workers_);
  chunks.for_each([&](std::uint64_t chunk) { hand_out(chunk, chunk + 1, use); });
  workers_.wait();
}

std::shared_ptr<ManifestBuilder> hash_target(Target& target, std::uint64_t length,
                                             unsigned chunk_bits, const CompareOptions& options) {
  WorkerPool workers(options.threads);
  std::optional<LimitedTarget> limited;
  if (options.most_per_second != 0) limited.emplace(target, options.most_per_second);
  auto content = std::make_shared<ManifestBuilder>(length, chunk_bits);
  TargetContent(limited ? *limited : target, length, chunk_bits, workers, options.progress)
      .read_all(
          [&](std::uint64_t chunk, const ContentDigest& digest) { content->set(chunk, digest); });
  return content;
}

ComparedContent compare_with(Target& target, const Manifest& manifest,
                             const CompareOptions& options) {
  const ManifestHeader& header = manifest.header();
  const std::uint64_t has = content_length(target);
  if (has < header.length) {
    throw Error(ErrorKind::kDamaged, target.name(), "is too small",
                fmt::format("it has {} bytes, and the disk of {} has {}", has, manifest.name(),
                            header.length))
        .about(ErrorSubject::kTarget);
  }
  WorkerPool workers(options.threads);
  std::optional<LimitedTarget> limited;
  if (options.most_per_second != 0) limited.emplace(target, options.most_per_second);
  ComparedContent result{.chunks = manifest.chunk_count()};
  std::mutex mutex;
  TargetContent(limited ? *limited : target, header.length, header.chunk_bits, workers,
                options.progress)
      .read_all([&](std::uint64_t chunk, const ContentDigest& digest) {
        if (Manifest::Cursor(manifest).at(chunk).digest == digest) return;
        const std::lock_guard lock(mutex);
        ++result.different;
        if (options.on_difference) {
          options.on_difference(chunk_range(chunk, header.length, header.chunk_bits));
        }
      });
  return result;
}

}  // namespace qcow2stream
