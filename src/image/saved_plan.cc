// SPDX-License-Identifier: GPL-2.0-or-later
//
// The file begins with a line that says what it is. The header (JSON), the map
// (layout/cluster_map_encoding.h) and, as the version says, others follow, each after its length (8
// bytes, big-endian). It ends with a SHA-256 of all that.
//
//     1   nothing else
//     2   the manifest of the content
//     3   the manifest, of no bytes where the content was not hashed, and what was left out
//         (leave_out/encoded_left_out.h)

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "base/errors.h"
#include "codec/codec.h"
#include "digest/hasher.h"
#include "image/content.h"
#include "image/plan_header.h"
#include "image/planned_left_out.h"
#include "layout/cluster_map_encoding.h"
#include "leave_out/encoded_left_out.h"
#include "manifest/encoded_manifest.h"
#include "qcow2stream/plan.h"
#include "survey/bitmap_survey.h"
#include "system/fd.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

constexpr std::string_view kVersion = "1\n";
constexpr std::string_view kVersionWithDigests = "2\n";
constexpr std::string_view kVersionWithLeftOut = "3\n";

// Names in it have at most some thousand bytes.
constexpr std::uint64_t kMostHeader = 64 << 10;

// A map of a petabyte with every second cluster allocated has as much.
constexpr std::uint64_t kMostMap = 16ULL << 30;

// Of 32 TiB of data in chunks of 64 KiB.
constexpr std::uint64_t kMostDigests = 16ULL << 30;

// A map, at most 96 MB of ranges, and at most 85 MB that are said of volumes.
constexpr std::uint64_t kMostLeftOut = kMostMap + (192 << 20);

constexpr std::size_t kReadStep = 1 << 20;

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_with_length(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  std::array<std::byte, 8> length{};
  store_big<std::uint64_t>(length.data(), bytes.size());
  append(out, length);
  append(out, bytes);
}

// Reads a plan from its beginning, and hashes what it reads.
class PlanReader {
 public:
  explicit PlanReader(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)) {
    if (!fd_) throw system_error(path_, "cannot be opened", errno);
  }

  // Up to `length` bytes, fewer at the end of the file.
  std::vector<std::byte> take(std::uint64_t length) {
    std::vector<std::byte> bytes;
    while (bytes.size() < length) {
      const std::size_t had = bytes.size();
      bytes.resize(had + std::min<std::uint64_t>(kReadStep, length - had));
      const auto step = std::span(bytes).subspan(had);
      const Moved moved = read_full(fd_.get(), step);
      if (moved.error != 0) throw system_error(path_, "read failed", moved.error);
      if (moved.bytes < step.size()) {
        bytes.resize(had + moved.bytes);
        break;
      }
    }
    return bytes;
  }

  // Exactly `length` bytes. If there are fewer, the file is damaged.
  std::vector<std::byte> take_all(std::uint64_t length) {
    auto bytes = take(length);
    if (bytes.size() < length) damaged("it ends too early");
    hash_->update(bytes);
    return bytes;
  }

  std::vector<std::byte> take_with_length(std::uint64_t most) {
    const auto length = load_big<std::uint64_t>(take_all(8).data());
    if (length > most) damaged("a length in it makes no sense");
    return take_all(length);
  }

  void expect_hash_and_end() {
    const auto expected = hash_->finish();
    const auto found = take(expected.size() + 1);
    if (!std::ranges::equal(found, expected)) damaged("its checksum does not match its content");
  }

  [[noreturn]] void damaged(const std::string& how) const {
    throw Error(ErrorKind::kFailed, path_, "is damaged", how);
  }

 private:
  const std::string& path_;
  UniqueFd fd_;
  std::unique_ptr<Hasher> hash_ = make_hasher(DigestAlgorithm::kSha256);
};

// Returns its version.
std::string_view take_version(PlanReader& reader, const std::string& path) {
  const auto found = reader.take_all(kPlanBeginning.size() + kVersion.size());
  const std::string text(reinterpret_cast<const char*>(found.data()), found.size());
  if (!text.starts_with(kPlanBeginning)) {
    throw Error(ErrorKind::kFailed, path, "is not a plan", "")
        .about(ErrorSubject::kPlan)
        .advise(Advice::kMakePlan);
  }
  for (const std::string_view version : {kVersion, kVersionWithDigests, kVersionWithLeftOut}) {
    if (text.ends_with(version)) return version;
  }
  throw Error(ErrorKind::kFailed, path, "is a plan of another version",
              "survey the disk again with this program");
}

std::string_view version_of(const Image& image) {
  if (image.left_out() != nullptr) return kVersionWithLeftOut;
  return image.content() != nullptr ? kVersionWithDigests : kVersion;
}

std::vector<std::byte> encode_content(const ManifestBuilder& content, const ImageOptions& options) {
  std::vector<std::byte> bytes;
  content.encode(options.root_record ? options.root_record->parent : std::nullopt,
                 [&](std::span<const std::byte> piece) { append(bytes, piece); });
  return bytes;
}

// Nothing if it is not of that disk.
std::shared_ptr<const ManifestBuilder> decode_content(std::span<const std::byte> bytes,
                                                      std::uint64_t disk_size) {
  auto content = decode_manifest(bytes);
  if (!content || content->length() != virtual_size_of(disk_size)) return nullptr;
  return std::make_shared<const ManifestBuilder>(std::move(*content));
}

std::string codec_of(const ImageOptions& options) {
  return options.compresses() ? codec_version(*options.compression) : "";
}

Error mismatch(const SavedPlan& plan, const Disk& disk, const std::string& reason) {
  return {ErrorKind::kMismatch, disk.name(), fmt::format("does not fit the plan {}", plan.name),
          reason};
}

void check_stamp(const SavedPlan& plan, const Disk& disk) {
  if (only_emission_compares(plan, disk)) return;
  const auto stamp = disk.stamp();
  if (!stamp || !plan.stamp) {
    throw mismatch(plan, disk, "whether it has changed since cannot be seen")
        .advise(Advice::kAssumeUnchanged);
  }
  if (stamp != plan.stamp) throw mismatch(plan, disk, "it has changed since (mtime)");
}

// The part of an id that does not depend on the disk's stamp.
std::string_view layout_of(std::string_view image_id) {
  return image_id.substr(0, image_id.find('.'));
}

}  // namespace

std::vector<std::byte> encode_plan(const Image& image, std::uint64_t top_images) {
  const SavedPlan plan{.name = {},
                       .options = image.options(),
                       .disk_size = image.disk().size(),
                       .stamp = image.disk().stamp(),
                       .image_id = image.id(),
                       .codec = codec_of(image.options()),
                       .top_images = top_images,
                       .survey = {}};
  std::vector<std::byte> bytes;
  append(bytes, std::as_bytes(std::span(kPlanBeginning)));
  append(bytes, std::as_bytes(std::span(version_of(image))));
  const std::string header = encode_plan_header(plan);
  append_with_length(bytes, std::as_bytes(std::span(header)));
  append_with_length(bytes, encode_cluster_map(image.content_->layout.map()));
  const auto content = image.content();
  const auto left_out = image.left_out();
  if (content != nullptr) {
    append_with_length(bytes, encode_content(*content, image.options()));
  } else if (left_out != nullptr) {
    append_with_length(bytes, {});
  }
  if (left_out != nullptr) {
    append_with_length(bytes, encode_left_out(*left_out, *image.content_->left_out_clusters));
  }
  const auto hash = make_hasher(DigestAlgorithm::kSha256);
  hash->update(bytes);
  append(bytes, hash->finish());
  return bytes;
}

SavedPlan load_plan(const std::string& path) {
  PlanReader reader(path);
  const std::string_view version = take_version(reader, path);
  const auto header = reader.take_with_length(kMostHeader);
  const auto map = reader.take_with_length(kMostMap);
  const bool leaves_out = version == kVersionWithLeftOut;
  std::vector<std::byte> digests;
  if (version != kVersion) digests = reader.take_with_length(kMostDigests);
  std::vector<std::byte> left_out;
  if (leaves_out) left_out = reader.take_with_length(kMostLeftOut);
  reader.expect_hash_and_end();
  auto plan = decode_plan_header(
      std::string_view(reinterpret_cast<const char*>(header.data()), header.size()));
  if (!plan) reader.damaged("its header makes no sense");
  plan->name = path;
  check_disk_size(path, plan->disk_size, plan->options);
  const qcow2::Geometry geometry = geometry_of(plan->options);
  plan->survey.map =
      decode_cluster_map(map, geometry, geometry.clusters_for(virtual_size_of(plan->disk_size)));
  if (plan->survey.map == nullptr ||
      (!plan->options.compression && plan->survey.map->count(ClusterKind::kCompressed) > 0)) {
    reader.damaged("its map makes no sense");
  }
  if (version == kVersionWithDigests || !digests.empty()) {
    plan->survey.content = decode_content(digests, plan->disk_size);
    if (plan->survey.content == nullptr) reader.damaged("its digests make no sense");
  }
  if (leaves_out && !take_left_out(left_out, *plan)) {
    reader.damaged("what it says was left out makes no sense");
  }
  return *std::move(plan);
}

bool only_emission_compares(const SavedPlan& plan, const Disk& disk) {
  return plan.survey.content != nullptr && !(plan.stamp && disk.stamp());
}

Image image_of_plan(std::shared_ptr<const Disk> disk, SavedPlan plan, bool assume_unchanged) {
  if (disk->size() != plan.disk_size) {
    throw mismatch(plan, *disk,
                   fmt::format("it has {} bytes, not {}", disk->size(), plan.disk_size));
  }
  if (!assume_unchanged) check_stamp(plan, *disk);
  const bool keeps = plan.options.compression && plan.options.compression->keep;
  if (keeps && disk->stored_clusters() == nullptr) {
    throw mismatch(plan, *disk, "its clusters are not read as they are stored");
  }
  if (plan.options.bitmaps) {
    if (disk->bitmaps() == nullptr) throw mismatch(plan, *disk, "its dirty bitmaps are not read");
    // They are not in the plan, and take no time to speak of.
    plan.survey.bitmaps = survey_bitmaps(*disk, plan.options);
  }
  if (const std::string codec = codec_of(plan.options); codec != plan.codec) {
    throw mismatch(
        plan, *disk,
        fmt::format("it was compressed with {}, and here that would be {}", plan.codec, codec));
  }
  Image image(std::move(disk), plan.options, plan.survey);
  if (layout_of(image.id()) != layout_of(plan.image_id)) {
    throw mismatch(plan, image.disk(), "another version of this program has made it");
  }
  return image;
}

}  // namespace qcow2stream
