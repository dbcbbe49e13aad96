// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "qcow2/header.h"
#include "qcow2stream/error.h"
#include "restore/confined_stream.h"
#include "restore/content_writer.h"
#include "restore/image_stream.h"
#include "restore/reference_counts.h"
#include "restore/worker_pool.h"
#include "target/held_ends.h"

namespace qcow2stream {
namespace {

CompressionType compression_of(const qcow2::Header& header) {
  return header.compression_type == qcow2::kCompressionZstd ? CompressionType::kZstd
                                                            : CompressionType::kZlib;
}

}  // namespace

class Restore::Work {
 public:
  Work(Target& target, RestoreOptions options)
      : options_(std::move(options)), workers_(options_.threads) {
    if (target.traits().keeps_failures && replaces()) held_.emplace(target);
    target_ = held_ ? &*held_ : &target;
  }

  RestoredImage add(const StreamedImage& image) {
    if (options_.isolate) return add_confined(image);
    ImageStream stream(image, options_);
    check_base(image.name, stream.header().backing_file_name);
    begin_image(stream.header().virtual_size);
    ContentWriter writer = make_writer(image.name, stream.header());
    stream.read(writer, nullptr);
    writer.finish();
    ++images_;
    return stream.finish();
  }

  void add(const Disk& disk) {
    check_size(target_->name(), disk.size());
    begin_image(disk.size());
    ContentWriter writer(target_, options_, {.name = disk.name(), .target_is_zero = is_zero()},
                         workers_, bytes_);
    const auto runs = disk.runs({GuestOffset(0), disk.size()});
    while (const auto run = runs->next()) {
      if (run->is_data()) {
        writer.data_of(disk, run->range);
      } else {
        writer.zeros(run->range);
      }
    }
    writer.finish();
    disk.check_unchanged();
    ++images_;
  }

  RestoreResult finish() {
    if (options_.writing != RestoreOptions::Writing::kNothing) target_->finish();
    return {.disk_size = size_,
            .written = bytes_.written,
            .zeroed = bytes_.zeroed,
            .equal = bytes_.equal,
            .different = bytes_.different};
  }

 private:
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
    begin_image(stream.header().disk_size);
    ContentWriter writer(target_, options_, {.name = image.name, .target_is_zero = is_zero()},
                         workers_, bytes_);
    stream.read(&writer);
    writer.finish();
    ++images_;
    return stream.finish();
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

  void begin_image(std::uint64_t size) {
    target_->set_size(size);
    if (images_ > 0 && size > size_ && target_->traits().size) {
      // Behind the end of its base an increment has zeros.
      target_->zero({GuestOffset(size_), size - size_});
    }
    size_ = size;
    if (options_.progress != nullptr) {
      options_.progress->emit_total += size;
    }
  }

  ContentWriter make_writer(const std::string& name, const qcow2::Header& header) {
    return {target_,
            options_,
            {.name = name,
             .cluster_size = header.geometry.cluster_size(),
             .compression = compression_of(header),
             .target_is_zero = is_zero()},
            workers_,
            bytes_};
  }

  RestoreOptions options_;
  std::optional<HeldEnds> held_;
  Target* target_ = nullptr;
  RestoredBytes bytes_;
  std::uint64_t size_ = 0;
  unsigned images_ = 0;
  WorkerPool workers_;  // last: its threads end before the rest goes
};

Restore::Restore(Target& target, RestoreOptions options)
    : work_(std::make_unique<Work>(target, std::move(options))) {}
Restore::~Restore() = default;

RestoredImage Restore::add(const StreamedImage& image) {
  return work_->add(image);
}

void Restore::add(const Disk& disk) {
  work_->add(disk);
}

RestoreResult Restore::finish() {
  return work_->finish();
}

namespace {

// What is counted of the content before it is decoded.
class CheckedContent final : public RestoredContent {
 public:
  CheckedContent(ContentWriter& decoder, std::uint64_t cluster_size)
      : decoder_(decoder), cluster_size_(cluster_size) {}

  void data(GuestOffset at, SharedBytes bytes) override {
    // A cluster may come in several parts.
    const std::uint64_t end = at.value() + bytes.bytes.size();
    data_clusters += (end - 1) / cluster_size_ - at.value() / cluster_size_ +
                     (at.value() % cluster_size_ == 0 ? 1 : 0);
  }
  void compressed(GuestRange range, HostOffset at, std::vector<std::byte> blob) override {
    ++compressed_clusters;
    decoder_.compressed(range, at, std::move(blob));
  }
  void zeros(GuestRange range) override { decoder_.below(range); }
  void below(GuestRange range) override { decoder_.below(range); }
  void end_chunk() override { decoder_.end_chunk(); }

  std::uint64_t data_clusters = 0;
  std::uint64_t compressed_clusters = 0;

 private:
  ContentWriter& decoder_;
  std::uint64_t cluster_size_;
};

}  // namespace

CheckedImage check_image(const StreamedImage& image, const RestoreOptions& options) {
  if (options.isolate) {
    ConfinedStream stream(image, options, true);
    stream.read(nullptr);
    return stream.finish_check();
  }
  ImageStream stream(image, options);
  const qcow2::Header& header = stream.header();
  RestoredBytes bytes;
  WorkerPool workers(options.threads);
  if (options.progress != nullptr) options.progress->emit_total = header.virtual_size;
  ContentWriter decoder(nullptr, options,
                        {.name = image.name,
                         .cluster_size = header.geometry.cluster_size(),
                         .compression = compression_of(header)},
                        workers, bytes);
  CheckedContent content(decoder, header.geometry.cluster_size());
  ReferenceCounts counts(header.geometry, image.name);
  stream.read(content, &counts);
  decoder.finish();
  RestoredImage read = stream.finish();
  const std::uint64_t too_high = counts.compare(read.stream_bytes);
  // What snapshots and bitmaps refer to is not gone through.
  const bool has_others = header.snapshots > 0 || header.bitmaps || header.has_stale_bitmaps;
  return {.disk_size = read.disk_size,
          .stream_bytes = read.stream_bytes,
          .digests = std::move(read.digests),
          .backing_file = std::move(read.backing_file),
          .data_clusters = content.data_clusters,
          .compressed_clusters = content.compressed_clusters,
          .leaked_clusters = has_others ? 0 : too_high,
          .remarks = std::move(read.remarks)};
}

}  // namespace qcow2stream
