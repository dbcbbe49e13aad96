// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "qcow2/header.h"
#include "qcow2stream/restore.h"
#include "restore/confined_stream.h"
#include "restore/content_proof.h"
#include "restore/content_writer.h"
#include "restore/image_stream.h"
#include "restore/other_references.h"
#include "restore/reference_counts.h"
#include "restore/worker_pool.h"

namespace qcow2stream {
namespace {

// What is counted of the content before it is decoded.
class CheckedContent final : public RestoredContent {
 public:
  // `is_hashed`: what is not compressed goes to the decoder, too.
  CheckedContent(ContentWriter& decoder, std::uint64_t cluster_size, bool is_hashed)
      : decoder_(decoder), cluster_size_(cluster_size), is_hashed_(is_hashed) {}

  void data(GuestOffset at, SharedBytes bytes) override {
    // A cluster may come in several parts.
    const std::uint64_t end = at.value() + bytes.bytes.size();
    data_clusters += (end - 1) / cluster_size_ - at.value() / cluster_size_ +
                     (at.value() % cluster_size_ == 0 ? 1 : 0);
    if (is_hashed_) decoder_.data(at, std::move(bytes));
  }
  void compressed(GuestRange range, HostOffset at, std::vector<std::byte> blob) override {
    ++compressed_clusters;
    decoder_.compressed(range, at, std::move(blob));
  }
  void zeros(GuestRange range) override {
    if (is_hashed_) {
      decoder_.zeros(range);
    } else {
      decoder_.below(range);
    }
  }
  void below(GuestRange range) override { decoder_.below(range); }
  void lost(GuestRange range, HostOffset at, const std::string& reason) override {
    decoder_.lost(range, at, reason);
  }
  void end_chunk() override { decoder_.end_chunk(); }

  std::uint64_t data_clusters = 0;
  std::uint64_t compressed_clusters = 0;

 private:
  ContentWriter& decoder_;
  std::uint64_t cluster_size_;
  bool is_hashed_;
};

}  // namespace

class ImageCheck::Work {
 public:
  explicit Work(RestoreOptions options)
      : options_(std::move(options)), workers_(options_.threads), proof_(options_, workers_) {
    options_.lost = nullptr;  // damage is what is looked for
  }

  CheckedImage add(const StreamedImage& image) {
    return options_.isolate ? add_confined(image) : check(image);
  }

  std::shared_ptr<ManifestBuilder> finish() {
    proof_.finish(nullptr);
    return proof_.content();
  }

 private:
  void announce(const BegunImage& image) const {
    if (options_.on_image) options_.on_image(image);
  }

  CheckedImage add_confined(const StreamedImage& image) {
    ConfinedStream stream(image, options_, true);
    stream.read(nullptr);
    announce(stream.begun());
    return stream.finish_check();
  }

  CheckedImage check(const StreamedImage& image) {
    ImageStream stream(image, options_);
    const qcow2::Header& header = stream.header();
    announce(stream.begun());
    if (options_.progress != nullptr) options_.progress->emit_total += header.virtual_size;
    proof_.begin_image(nullptr, {.name = image.name,
                                 .size = header.virtual_size,
                                 .roots = stream.own_root().roots(),
                                 .is_increment = header.backing_file_name.has_value(),
                                 .is_last = image.is_last});
    ContentWriter decoder(nullptr, options_,
                          {.name = image.name,
                           .cluster_size = header.geometry.cluster_size(),
                           .compression = stream.compression_type(),
                           .record = proof_.record()},
                          workers_, bytes_);
    CheckedContent content(decoder, header.geometry.cluster_size(), proof_.record() != nullptr);
    ReferenceCounts counts(header.geometry, image.name);
    stream.read(content, &counts);
    decoder.finish();
    CheckedImage result = finish_counts(stream, image.name, counts);
    result.data_clusters = content.data_clusters;
    result.compressed_clusters = content.compressed_clusters;
    proof_.end_image(stream.own_root().roots());
    return result;
  }

  // What is known when all has come.
  static CheckedImage finish_counts(ImageStream& stream, const std::string& name,
                                    ReferenceCounts& counts) {
    RestoredImage read = stream.finish();
    read.remarks.clear();  // they are about what is restored
    const auto again = [&](HostOffset at, std::span<std::byte> buffer) {
      return stream.read_again(at, buffer);
    };
    const bool all_counted =
        OtherReferences(stream.header(), name, read.stream_bytes, again, counts).count();
    const auto compared = counts.compare(read.stream_bytes);
    if (!all_counted) {
      read.remarks.emplace_back(
          "what its snapshots and dirty bitmaps refer to was not gone through: there was no room "
          "to keep it; read the image from a file");
    }
    const std::uint64_t end = compared.end + stream.own_root().trailer_size();
    if (read.stream_bytes > end) {
      read.remarks.push_back(
          fmt::format("{} bytes lie behind its last cluster", read.stream_bytes - end));
    }
    return {.disk_size = read.disk_size,
            .stream_bytes = read.stream_bytes,
            .digests = std::move(read.digests),
            .backing_file = std::move(read.backing_file),
            .content = nullptr,
            .leaked_clusters = all_counted ? compared.too_high : 0,
            .remarks = std::move(read.remarks)};
  }

  RestoreOptions options_;
  RestoredBytes bytes_;
  WorkerPool workers_;
  ContentProof proof_;
};

ImageCheck::ImageCheck(RestoreOptions options)
    : work_(std::make_unique<Work>(std::move(options))) {}
ImageCheck::~ImageCheck() = default;

CheckedImage ImageCheck::add(const StreamedImage& image) {
  return work_->add(image);
}

std::shared_ptr<ManifestBuilder> ImageCheck::finish() {
  return work_->finish();
}

CheckedImage check_image(const StreamedImage& image, const RestoreOptions& options) {
  ImageCheck check(options);
  CheckedImage result = check.add(image);
  result.content = check.finish();
  return result;
}

}  // namespace qcow2stream
