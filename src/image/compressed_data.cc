// SPDX-License-Identifier: GPL-2.0-or-later

#include "image/compressed_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "base/bits.h"
#include "qcow2stream/error.h"
#include "survey/left_out_clusters.h"

namespace qcow2stream {
namespace {

// How much is read from the disk at once for clusters that are compressed again.
constexpr std::uint64_t kReadSize = 256 << 10;

}  // namespace

// A part of a compressed cluster that is wanted.
struct CompressedData::Piece {
  GuestCluster cluster;
  std::uint64_t skip = 0;  // bytes of its data before the part
  std::span<std::byte> out;
};

// What a thread needs to compress clusters again: a codec, and disk data of the next few clusters.
// With digests it reads whole chunks and compares each.
class CompressedData::Compressor {
 public:
  Compressor(const Disk& disk, const qcow2::Geometry& geometry, const Compression& compression,
             const Surveyed& content)
      : disk_(disk),
        geometry_(geometry),
        digests_(content.digests.get()),
        left_out_(content.left_out.get()),
        unit_(digests_ == nullptr
                  ? geometry.cluster_size()
                  : std::max(geometry.cluster_size(), std::uint64_t{1} << digests_->chunk_bits())),
        codec_(make_codec(compression, static_cast<std::uint32_t>(geometry.cluster_size()))),
        input_(std::max(kReadSize, unit_)),
        output_(geometry.cluster_size() - 1) {
    if (digests_ != nullptr) hasher_.emplace(digests_->chunk_bits());
  }

  // The compressed data of `cluster`; valid until the next call. If it has to read, it reads for
  // the clusters up to `end` too.
  std::span<const std::byte> compress(GuestCluster cluster, GuestCluster end) {
    if (!has(cluster)) read(cluster, end);
    const std::uint64_t size = geometry_.cluster_size();
    const auto input = std::span(input_).subspan((cluster - begin_) * size, size);
    return std::span(output_).first(codec_->compress(input, output_));
  }

  // Whether compress() need not read for it.
  [[nodiscard]] bool has(GuestCluster cluster) const { return cluster >= begin_ && cluster < end_; }

  // Drops what has been read, since the disk may change from now on.
  void forget_input() { end_ = begin_; }

 private:
  void read(GuestCluster wanted, GuestCluster wanted_end) {
    const std::uint64_t from = align_down(geometry_.offset(wanted).value(), unit_);
    const std::uint64_t to = align_up(geometry_.offset(wanted_end).value(), unit_);
    const GuestCluster first = geometry_.cluster(GuestOffset(from));
    const ClusterCount n =
        std::min<std::uint64_t>(to - from, input_.size()) >> geometry_.cluster_bits;
    const std::uint64_t length =
        std::min(n << geometry_.cluster_bits, disk_.size() - std::min(disk_.size(), from));
    forget_input();
    disk_.read(GuestOffset(from), std::span(input_).first(length));
    blank(left_out_, GuestOffset(from), std::span(input_).first(length));
    // The disk may end within its last cluster; zeros fill it up.
    std::fill(input_.begin() + static_cast<std::ptrdiff_t>(length), input_.end(), std::byte{0});
    if (digests_ != nullptr) compare({GuestOffset(from), length});
    begin_ = first;
    end_ = first + n;
  }

  // What was read is what the survey has read.
  void compare(GuestRange range) {
    const unsigned bits = digests_->chunk_bits();
    std::span<const std::byte> rest(input_);
    while (range.length > 0) {
      const GuestRange chunk = range.take_front(std::uint64_t{1} << bits);
      const ContentDigest digest = hasher_->digest(rest.first(chunk.length));
      rest = rest.subspan(chunk.length);
      if (digest == digests_->digest(chunk.begin.value() >> bits)) continue;
      throw Error(ErrorKind::kChanged, disk_.name(), "changed while it was read",
                  fmt::format("at offset {}", chunk.begin.value()))
          .about(ErrorSubject::kDisk);
    }
  }

  const Disk& disk_;
  const qcow2::Geometry geometry_;
  const ManifestBuilder* digests_;  // null: nothing is compared
  const ClusterMap* left_out_;      // null: nothing is
  const std::uint64_t unit_;        // reads begin and end at multiples of it
  std::optional<ChunkHasher> hasher_;
  std::unique_ptr<Codec> codec_;
  std::vector<std::byte> input_;
  std::vector<std::byte> output_;
  GuestCluster begin_;  // the first cluster whose data `input_` has
  GuestCluster end_;
};

// A compressor for as long as one read() lasts. It is taken when it is needed first.
class CompressedData::Lease {
 public:
  explicit Lease(const CompressedData& owner) : owner_(owner) {}
  ~Lease() {
    if (!compressor_) return;
    compressor_->forget_input();
    const std::lock_guard lock(owner_.mutex_);
    owner_.idle_.push_back(std::move(compressor_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Compressor& get() {
    if (!compressor_) take();
    return *compressor_;
  }

 private:
  void take() {
    {
      const std::lock_guard lock(owner_.mutex_);
      if (!owner_.idle_.empty()) {
        compressor_ = std::move(owner_.idle_.back());
        owner_.idle_.pop_back();
        return;
      }
    }
    compressor_ = std::make_unique<Compressor>(owner_.disk_, owner_.layout_.geometry(),
                                               *owner_.compression_, owner_.content_);
  }

  const CompressedData& owner_;
  std::unique_ptr<Compressor> compressor_;
};

// Finds the kept data of one cluster after the other.
class CompressedData::KeptCursor {
 public:
  KeptCursor(const CompressedStore* kept, const ClusterMap& map) : kept_(kept), map_(map) {}

  // Copies the part of the cluster with this rank, if it was kept. Clusters must come in order.
  bool copy(const Piece& piece, ClusterCount rank) {
    if (kept_ == nullptr || !seek(piece.cluster, rank)) return false;
    kept_->read(*run_, offset_ + piece.skip, piece.out);
    return true;
  }

 private:
  bool seek(GuestCluster cluster, ClusterCount rank) {
    if (run_ != nullptr && cluster < run_->end) {
      offset_ += sum_of_sizes(rank_, rank);
    } else {
      run_ = kept_->find(cluster);
      if (run_ == nullptr) return false;
      offset_ = sum_of_sizes(map_.before(ClusterKind::kCompressed, run_->first), rank);
    }
    rank_ = rank;
    return true;
  }

  [[nodiscard]] std::uint64_t sum_of_sizes(ClusterCount first, ClusterCount end) const {
    const auto sizes = map_.compressed_sizes().subspan(first, end - first);
    return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  }

  const CompressedStore* kept_;
  const ClusterMap& map_;
  const CompressedStore::Run* run_ = nullptr;
  ClusterCount rank_ = 0;
  std::uint64_t offset_ = 0;  // where the cluster with rank_ lies in the run
};

CompressedData::CompressedData(const Disk& disk, const ImageOptions& options, const Layout& layout,
                               std::shared_ptr<const CompressedStore> kept, Surveyed content)
    : disk_(disk),
      layout_(layout),
      compression_(options.compression),
      stored_(compression_ && compression_->keep ? disk.stored_clusters() : nullptr),
      kept_(std::move(kept)),
      content_(std::move(content)) {}

CompressedData::~CompressedData() = default;

void CompressedData::read(HostOffset offset, std::span<std::byte> out) const {
  const ClusterMap& map = layout_.map();
  const std::uint64_t begin = offset - layout_.compressed_begin();
  const std::uint64_t end = begin + out.size();
  assert(offset >= layout_.compressed_begin() &&
         end <= layout_.image_size() - layout_.compressed_begin().value());
  // What lies between the clusters and behind the last one is zeros.
  std::ranges::fill(out, std::byte{0});
  auto at = layout_.compressed().at_offset(begin);
  if (at.at_end() || at.offset() >= end) return;

  KeptCursor kept(kept_.get(), map);
  Lease compressor(*this);
  GuestCluster cluster = map.nth(ClusterKind::kCompressed, at.rank());
  for (;;) {
    const std::uint64_t from = std::max(begin, at.offset());
    const std::uint64_t to = std::min(end, at.end());
    const Piece piece{.cluster = cluster,
                      .skip = from - at.offset(),
                      .out = out.subspan(from - begin, to - from)};
    if (stored_ != nullptr) {
      copy_stored(piece, at);
    } else if (!kept.copy(piece, at.rank())) {
      compress(piece, at, end, compressor.get());
    }
    at.next();
    if (at.at_end() || at.offset() >= end) return;
    cluster = map.next(ClusterKind::kCompressed, cluster + 1);
  }
}

StoredBlob CompressedData::stored_blob(GuestCluster cluster, std::uint32_t size) const {
  const GuestOffset offset = layout_.geometry().offset(cluster);
  const auto blob = stored_->find(offset);
  if (!blob || blob->most < size) {
    throw Error(ErrorKind::kChanged, disk_.name(), "changed while it was read",
                fmt::format("the cluster at {} is not stored as it was", offset.value()))
        .about(ErrorSubject::kDisk);
  }
  return *blob;
}

void CompressedData::copy_stored(const Piece& piece, const CompressedLayout::Cursor& at) const {
  stored_->read(stored_blob(piece.cluster, at.size()), piece.skip, piece.out);
}

// Who packs clusters packs them one behind the other, so that many of them lie as they will.
StoredPart CompressedData::stored_at(HostRange range) const {
  const ClusterMap& map = layout_.map();
  const std::uint64_t begin = range.begin - layout_.compressed_begin();
  auto at = layout_.compressed().at_offset(begin);
  if (at.at_end()) return {.length = range.length, .where = {}};
  if (at.offset() > begin) return {std::min(range.length, at.offset() - begin), {}};
  GuestCluster cluster = map.nth(ClusterKind::kCompressed, at.rank());
  std::uint64_t end = begin;
  std::optional<Place> where;
  while (!at.at_end() && end - begin < range.length) {
    const auto place = stored_->place(stored_blob(cluster, at.size()));
    if (end == begin) {
      where = place;
      if (where) where->offset += begin - at.offset();
      end = at.end();
    } else {
      const bool follows = at.offset() == end && place && place->descriptor == where->descriptor &&
                           place->offset == where->offset + (end - begin);
      if (!follows) break;
      end = at.end();
    }
    if (!where) break;
    at.next();
    cluster = map.next(ClusterKind::kCompressed, cluster + 1);
  }
  return {.length = std::min(range.length, end - begin), .where = where};
}

void CompressedData::will_read(HostRange range) const noexcept {
  try {
    const ClusterMap& map = layout_.map();
    const std::uint64_t begin = range.begin - layout_.compressed_begin();
    auto at = layout_.compressed().at_offset(begin);
    if (at.at_end()) return;
    GuestCluster cluster = map.nth(ClusterKind::kCompressed, at.rank());
    while (at.offset() < begin + range.length) {
      stored_->will_read(stored_blob(cluster, at.size()));
      at.next();
      if (at.at_end()) return;
      cluster = map.next(ClusterKind::kCompressed, cluster + 1);
    }
  } catch (const Error&) {
    // Reading will say it.
    return;
  }
}

// `end`, an offset in the region, is where all the data ends of which this piece is the first part.
void CompressedData::compress(const Piece& piece, const CompressedLayout::Cursor& at,
                              std::uint64_t end, Compressor& compressor) const {
  const ClusterMap& map = layout_.map();
  auto last = at;
  if (!compressor.has(piece.cluster)) {
    while (!last.at_end() && last.end() < end) last.next();
  }
  const ClusterCount wanted = last.rank() - at.rank() + 1;
  const GuestCluster run_end = map.next_other(ClusterKind::kCompressed, piece.cluster);
  const auto data = compressor.compress(piece.cluster, std::min(run_end, piece.cluster + wanted));
  if (data.size() != at.size()) report_change(piece.cluster, data.size(), at.size());
  std::ranges::copy(data.subspan(piece.skip, piece.out.size()), piece.out.begin());
}

void CompressedData::report_change(GuestCluster cluster, std::size_t size,
                                   std::size_t planned) const {
  throw Error(ErrorKind::kChanged, disk_.name(), "changed while it was read",
              fmt::format("the cluster at {} compresses to {} bytes, and did to {} before",
                          layout_.geometry().offset(cluster).value(), size, planned));
}

}  // namespace qcow2stream
