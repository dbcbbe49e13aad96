// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "qcow2stream/error.h"
#include "restore/chunk_set.h"
#include "restore/confined_stream.h"
#include "restore/content_proof.h"
#include "restore/content_writer.h"
#include "restore/image_stream.h"
#include "restore/limited_target.h"
#include "restore/own_root.h"
#include "restore/target_content.h"
#include "restore/worker_pool.h"
#include "target/held_ends.h"

namespace qcow2stream {
namespace {

void announce(const RestoreOptions& options, const BegunImage& image) {
  if (options.on_image) options.on_image(image);
}

}  // namespace

class Restore::Work {
 public:
  Work(Target& target, RestoreOptions options)
      : options_(std::move(options)),
        target_(&target),
        workers_(options_.threads),
        proof_(options_, workers_) {
    if (options_.most_per_second != 0) {
      limited_.emplace(target, options_.most_per_second);
      target_ = &*limited_;
    }
    if (target.traits().keeps_failures && replaces()) {
      held_.emplace(*target_);
      target_ = &*held_;
    }
  }

  RestoredImage add(const StreamedImage& image) {
    if (options_.isolate) return add_confined(image);
    ImageStream stream(image, options_);
    check_base(image.name, stream.header().backing_file_name);
    announce(options_, stream.begun());
    proof_.begin_image(target_, {.name = image.name,
                                 .size = stream.header().virtual_size,
                                 .roots = image.file != nullptr ? read_image_roots(*image.file)
                                                                : stream.own_root().roots(),
                                 .is_increment = stream.header().backing_file_name.has_value(),
                                 .is_last = image.is_last});
    const auto remark = base_remark(stream.header().backing_file_name);
    begin_image(stream.header().virtual_size);
    ContentWriter writer(target_, options_,
                         {.name = image.name,
                          .cluster_size = stream.header().geometry.cluster_size(),
                          .compression = stream.compression_type(),
                          .target_is_zero = is_zero(),
                          .record = proof_.record()},
                         workers_, bytes_);
    stream.read(writer, nullptr);
    writer.finish();
    ++images_;
    proof_.end_image(stream.own_root().roots());
    return with_remark(stream.finish(), remark);
  }

  void add(const Disk& disk, const std::optional<ImageRoots>& roots) {
    check_size(target_->name(), disk.size());
    announce(options_,
             {.name = disk.name(), .disk_size = disk.size(), .backing_file = {}, .roots = roots});
    proof_.begin_image(target_, {.name = disk.name(), .size = disk.size(), .roots = roots});
    begin_image(disk.size());
    ContentWriter writer(
        target_, options_,
        {.name = disk.name(), .target_is_zero = is_zero(), .record = proof_.record()}, workers_,
        bytes_);
    const Manifest* manifest = options_.expected.manifest.get();
    if (options_.writing == RestoreOptions::Writing::kDifferences && manifest != nullptr) {
      add_differing_chunks(disk, *manifest, writer);
    } else {
      add_range(disk, {GuestOffset(0), disk.size()}, writer);
    }
    writer.finish();
    disk.check_unchanged();
    ++images_;
    proof_.end_image(roots);
  }

  RestoreResult finish() {
    proof_.finish(target_);
    if (options_.writing != RestoreOptions::Writing::kNothing) target_->finish();
    return {.disk_size = size_,
            .written = bytes_.written,
            .zeroed = bytes_.zeroed,
            .equal = bytes_.equal,
            .different = bytes_.different,
            .content = proof_.content()};
  }

 private:
  static void add_range(const Disk& disk, GuestRange range, ContentWriter& writer) {
    const auto runs = disk.runs(range);
    while (const auto run = runs->next()) {
      if (run->is_data()) {
        writer.data_of(disk, run->range);
      } else {
        writer.zeros(run->range);
      }
    }
  }

  // Nothing is read of the disk that the target has already, by a manifest of the disk.
  void add_differing_chunks(const Disk& disk, const Manifest& manifest, ContentWriter& writer) {
    const ManifestHeader& header = manifest.header();
    ChunkSet other;
    std::mutex mutex;
    auto cursors = cursors_of(manifest, workers_);
    TargetContent(*target_, header.length, header.chunk_bits, workers_)
        .read_all([&](std::uint64_t chunk, const ContentDigest& digest, unsigned thread) {
          const std::uint64_t length = chunk_range(chunk, header.length, header.chunk_bits).length;
          if (cursors[thread].at(chunk).digest == digest) {
            proof_.record()->learn(chunk, digest);
            bytes_.equal += length;
            if (options_.progress != nullptr) options_.progress->emit_done += length;
            return;
          }
          const std::lock_guard lock(mutex);
          other.insert(chunk);
        });
    other.for_each([&](std::uint64_t chunk) {
      add_range(disk, chunk_range(chunk, header.length, header.chunk_bits), writer);
    });
  }

  // Whether what the target holds is worth nothing.
  [[nodiscard]] bool replaces() const {
    return options_.writing == RestoreOptions::Writing::kAll && !options_.apply;
  }

  // Whether what was not written yet reads as zeros.
  [[nodiscard]] bool is_zero() const {
    return images_ == 0 && replaces() && target_->traits().reads_as_zeros;
  }

  RestoredImage add_confined(const StreamedImage& image) {
    ConfinedStream stream(image, options_, false);
    check_base(image.name, stream.header().backing_file);
    check_size(image.name, stream.header().disk_size);
    announce(options_, stream.begun());
    proof_.begin_image(target_, {.name = image.name,
                                 .size = stream.header().disk_size,
                                 .roots = stream.roots(),
                                 .is_increment = stream.header().backing_file.has_value(),
                                 .is_last = image.is_last});
    const auto remark = base_remark(stream.header().backing_file);
    begin_image(stream.header().disk_size);
    ContentWriter writer(
        target_, options_,
        {.name = image.name, .target_is_zero = is_zero(), .record = proof_.record()}, workers_,
        bytes_);
    stream.read(&writer);
    writer.finish();
    ++images_;
    proof_.end_image(stream.roots());
    return with_remark(stream.finish(), remark);
  }

  void check_base(const std::string& name, const std::optional<std::string>& backing_file) const {
    if (!backing_file || images_ > 0 || options_.apply) return;
    throw Error(ErrorKind::kMismatch, name, "",
                fmt::format("is an increment of \"{}\"", *backing_file))
        .about(ErrorSubject::kImage)
        .advise(Advice::kApply);
  }

  // Of a stream the header says it (ImageStream).
  void check_size(const std::string& name, std::uint64_t size) const {
    if (!options_.max_size || size <= *options_.max_size) return;
    throw Error(ErrorKind::kFailed, name, "the disk is too large",
                fmt::format("it has {} bytes, of {} that are accepted", size, *options_.max_size))
        .about(ErrorSubject::kImage);
  }

  // A file is as long as the disk that it holds; of a device nobody knows.
  [[nodiscard]] std::optional<std::string> base_remark(
      const std::optional<std::string>& backing_file) const {
    const bool is_known = images_ > 0 || proof_.base_length().has_value();
    const bool writes = options_.writing != RestoreOptions::Writing::kNothing;
    if (!backing_file || is_known || !writes || !target_->traits().size) return std::nullopt;
    return "nothing says how large its base was; where that was smaller, what the target has "
           "behind the end of the base stays; a manifest of the base says it";
  }

  static RestoredImage with_remark(RestoredImage image, const std::optional<std::string>& remark) {
    if (remark) image.remarks.push_back(*remark);
    return image;
  }

  // What has no room for the disk does not hold it.
  void check_room_to_compare(std::uint64_t size) const {
    const bool compares = options_.writing == RestoreOptions::Writing::kNothing;
    if (!compares || !target_->traits().size || content_length(*target_) >= size) return;
    throw Error(ErrorKind::kDamaged, target_->name(), "is too small",
                fmt::format("it has {} bytes, and the disk {}", content_length(*target_), size))
        .about(ErrorSubject::kTarget);
  }

  void begin_image(std::uint64_t size) {
    check_room_to_compare(size);
    target_->set_size(size);
    const std::uint64_t before = images_ > 0 ? size_ : proof_.base_length().value_or(size);
    if (size > before && target_->traits().size) {
      // Behind the end of its base an increment has zeros.
      target_->zero({GuestOffset(before), size - before});
    }
    size_ = size;
    if (options_.progress != nullptr) {
      options_.progress->emit_total += size;
    }
  }

  RestoreOptions options_;
  std::optional<LimitedTarget> limited_;
  std::optional<HeldEnds> held_;
  Target* target_;
  RestoredBytes bytes_;
  std::uint64_t size_ = 0;
  unsigned images_ = 0;
  WorkerPool workers_;  // behind what they use: its threads end before that goes
  ContentProof proof_;
};

Restore::Restore(Target& target, RestoreOptions options)
    : work_(std::make_unique<Work>(target, std::move(options))) {}
Restore::~Restore() = default;

RestoredImage Restore::add(const StreamedImage& image) {
  return work_->add(image);
}

void Restore::add(const Disk& disk, const std::optional<ImageRoots>& roots) {
  work_->add(disk, roots);
}

RestoreResult Restore::finish() {
  return work_->finish();
}

}  // namespace qcow2stream
