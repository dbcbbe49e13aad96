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
#include "qcow2stream/progress.h"
#include "qcow2stream/proof.h"
#include "restore/limited_target.h"

namespace qcow2stream {
namespace {

// Bytes that are read at once, unless a chunk has more.
constexpr std::uint64_t kReadAtOnce = 1 << 20;

// Chunks of a hole that one piece of work deals with.
constexpr std::uint64_t kZerosAtOnce = 1 << 14;

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
                             WorkerPool& workers, std::atomic<std::uint64_t>* done)
    : target_(target),
      length_(length),
      chunk_bits_(chunk_bits),
      workers_(workers),
      done_(done),
      desks_(workers.threads()) {
  const TargetTraits traits = target.traits();
  there_ = traits.current_size.value_or(traits.size.value_or(length));
}

void TargetContent::count(std::uint64_t bytes) const {
  if (done_ != nullptr) *done_ += bytes;
}

// How many chunks from this one on need no look at them.
std::uint64_t TargetContent::zero_chunks(std::uint64_t first, std::uint64_t chunks) const {
  const std::uint64_t begin = first << chunk_bits_;
  if (begin >= there_) return chunks - first;
  const std::uint64_t zeros = target_.zeros_at(GuestOffset(begin));
  return zeros >= there_ - begin ? chunks - first : zeros >> chunk_bits_;
}

void TargetContent::read_run(std::uint64_t first, std::uint64_t end, const Use& use,
                             unsigned thread) {
  Desk& desk = desks_[thread];
  for (std::uint64_t chunk = first; chunk < end; ++chunk) {
    const GuestRange range = chunk_range(chunk, length_, chunk_bits_);
    const std::uint64_t begin = range.begin.value();
    const std::uint64_t there = begin < there_ ? std::min(range.length, there_ - begin) : 0;
    desk.bytes.resize(std::max<std::size_t>(desk.bytes.size(), there));
    const std::span bytes = std::span(desk.bytes).first(there);
    if (there > 0) target_.read(range.begin, bytes);
    use(chunk, desk.hash.node_of_bytes(bytes, chunk_bits_ - content_tree::kLeafBits), thread);
    count(range.length);
  }
}

void TargetContent::hand_out(std::uint64_t first, std::uint64_t end, const Use& use) {
  workers_.submit([this, first, end, &use](unsigned thread) { read_run(first, end, use, thread); });
}

void TargetContent::pass_zeros(std::uint64_t first, std::uint64_t end, const Use& use) {
  workers_.submit([this, first, end, &use](unsigned thread) {
    const ContentDigest& digest = zero_digest(chunk_bits_ - content_tree::kLeafBits);
    for (std::uint64_t chunk = first; chunk < end; ++chunk) use(chunk, digest, thread);
    count(std::min(length_, end << chunk_bits_) - (first << chunk_bits_));
  });
}

void TargetContent::read_all(const Use& use) {
  const std::uint64_t chunks = chunk_count(length_, chunk_bits_);
  const DropAtEnd guard(workers_);
  const std::uint64_t run = std::max<std::uint64_t>(1, kReadAtOnce >> chunk_bits_);
  for (std::uint64_t chunk = 0; chunk < chunks;) {
    const std::uint64_t zeros = std::min(zero_chunks(chunk, chunks), kZerosAtOnce);
    const std::uint64_t end = std::min(chunk + (zeros > 0 ? zeros : run), chunks);
    if (zeros > 0) {
      pass_zeros(chunk, end, use);
    } else {
      hand_out(chunk, end, use);
    }
    chunk = end;
  }
  workers_.wait();
}

void TargetContent::read(const ChunkSet& chunks, const Use& use) {
  const DropAtEnd guard(workers_);
  chunks.for_each([&](std::uint64_t chunk) { hand_out(chunk, chunk + 1, use); });
  workers_.wait();
}

std::vector<Manifest::Cursor> cursors_of(const Manifest& manifest, const WorkerPool& workers) {
  std::vector<Manifest::Cursor> cursors;
  for (unsigned i = 0; i < workers.threads(); ++i) cursors.emplace_back(manifest);
  return cursors;
}

namespace {

// Reads all of a target that is only compared, as fast as the options let it.
void read_compared(Target& target, std::uint64_t length, unsigned chunk_bits, WorkerPool& workers,
                   const CompareOptions& options, const TargetContent::Use& use) {
  std::optional<LimitedTarget> limited;
  if (options.most_per_second != 0) limited.emplace(target, options.most_per_second);
  if (options.progress != nullptr) options.progress->emit_total += length;
  TargetContent(limited ? *limited : target, length, chunk_bits, workers,
                options.progress != nullptr ? &options.progress->emit_done : nullptr)
      .read_all(use);
}

}  // namespace

std::shared_ptr<ManifestBuilder> hash_target(Target& target, std::uint64_t length,
                                             unsigned chunk_bits, const CompareOptions& options) {
  WorkerPool workers(options.threads);
  auto content = std::make_shared<ManifestBuilder>(length, chunk_bits);
  read_compared(target, length, chunk_bits, workers, options,
                [&](std::uint64_t chunk, const ContentDigest& digest, unsigned /*thread*/) {
                  content->set(chunk, digest);
                });
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
  ComparedContent result{.chunks = manifest.chunk_count()};
  std::mutex mutex;
  auto cursors = cursors_of(manifest, workers);
  read_compared(target, header.length, header.chunk_bits, workers, options,
                [&](std::uint64_t chunk, const ContentDigest& digest, unsigned thread) {
                  if (cursors[thread].at(chunk).digest == digest) return;
                  const std::lock_guard lock(mutex);
                  ++result.different;
                  if (options.on_difference) {
                    options.on_difference(chunk_range(chunk, header.length, header.chunk_bits));
                  }
                });
  return result;
}

}  // namespace qcow2stream
