// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/image_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bits.h"
#include "qcow2/limits.h"
#include "qcow2stream/error.h"
#include "restore/image_errors.h"
#include "system/memory_limit.h"

namespace qcow2stream {
namespace {

using Kind = Reference::Kind;

// The first chunk has the largest header cluster in it.
constexpr std::size_t kFirstChunk = std::size_t{1} << qcow2::kMaxClusterBits;

// Entries of tables have 8 or 16 bytes.
constexpr std::size_t kWholeEntries = 16;

// So many more references may come to hand before their memory is looked at again.
constexpr std::size_t kReferencesPerCheck = 1 << 16;

// Compressed data of different clusters may share a sector. What is gathered of all that overlaps
// at one place is at most this, in bytes: 16 times the most that one cluster has.
constexpr std::uint64_t kMostGathered = 64 << 20;

}  // namespace

ImageStream::ImageStream(const StreamedImage& image, const RestoreOptions& options)
    : image_(image),
      options_(options),
      chunks_(image, options.most_per_second, options.progress),
      early_(options.spool_memory, options.spool_directory) {
  read_header();
  check_header();
}

void ImageStream::read_header() {
  first_chunk_ = chunks_.next(kFirstChunk);
  if (first_chunk_.bytes.empty()) {
    throw Error(ErrorKind::kDamaged, image_.name, "is empty", "no image came")
        .about(ErrorSubject::kImage);
  }
  try {
    const std::uint64_t cluster = qcow2::header_cluster_size(first_chunk_.bytes, image_.name);
    header_ = qcow2::decode_header(
        first_chunk_.bytes.first(std::min<std::uint64_t>(cluster, first_chunk_.bytes.size())),
        image_.name);
  } catch (const Error& error) {
    throw Error(ErrorKind::kDamaged, error.name(), error.what_failed(), error.reason())
        .about(ErrorSubject::kImage);
  }
  // QEMU: bs->total_sectors.
  header_.virtual_size = align_down(header_.virtual_size, qcow2::kSectorSize);
  own_root_ = OwnRoot(header_);
}

void ImageStream::check_header() const {
  if (!header_.unknown_features.empty()) {
    throw_not_streamed(image_.name, "it needs what is not known here: " + header_.unknown_features);
  }
  if (header_.encryption_method != 0) throw_not_streamed(image_.name, "it is encrypted");
  if ((header_.incompatible_features & qcow2::kIncompatibleDataFile) != 0) {
    throw_not_streamed(image_.name, "it keeps its data in another file");
  }
  if (options_.max_size && header_.virtual_size > *options_.max_size) {
    throw Error(ErrorKind::kFailed, image_.name, "its disk is too large",
                fmt::format("it has {} bytes, of {} that are accepted", header_.virtual_size,
                            *options_.max_size))
        .about(ErrorSubject::kImage);
  }
}

CompressionType ImageStream::compression_type() const {
  return header_.compression_type == qcow2::kCompressionZstd ? CompressionType::kZstd
                                                             : CompressionType::kZlib;
}

BegunImage ImageStream::begun() const {
  return {.name = image_.name,
          .disk_size = header_.virtual_size,
          .backing_file = header_.backing_file_name,
          .roots = own_root_.roots()};
}

void ImageStream::read(RestoredContent& content, ReferenceCounts* counts) {
  content_ = &content;
  counts_ = counts;
  tables_.emplace(
      header_, image_.name, content, [this](const Reference& r) { refer(r); }, counts != nullptr);
  const bool has_others = header_.snapshots > 0 || header_.bitmaps;
  if (counts != nullptr && has_others && image_.file == nullptr) {
    for_counts_.emplace(options_.spool_memory, options_.spool_directory);
  }
  references_.emplace(header_.geometry.cluster_size(), tables_->table_reach(),
                      header_.geometry.refcounts_per_block());
  most_memory_ = std::max<std::uint64_t>(memory_limit() / 2, 64 << 20);
  tables_->begin();
  for (SharedBytes chunk = std::exchange(first_chunk_, {}); !chunk.bytes.empty();
       chunk = next_chunk()) {
    sweep(chunk);
    content.end_chunk();
    check_memory(0);
    chunk = {};
  }
  check_end();
}

// Where a stream cannot be read any further it is cut off, to whoever takes what there is of it.
SharedBytes ImageStream::next_chunk() {
  try {
    return chunks_.next();
  } catch (const Error& error) {
    if (!salvages() || error.kind() != ErrorKind::kFailed) throw;
    broken_off_ = error.reason();
    return {};
  }
}

RestoredImage ImageStream::finish() {
  RestoredImage result{.disk_size = header_.virtual_size,
                       .stream_bytes = chunks_.position(),
                       .digests = chunks_.finish_digests(),
                       .backing_file = header_.backing_file_name,
                       .roots = own_root_.roots(),
                       .spooled = early_.most(),
                       .remarks = {}};
  if (header_.snapshots > 0) {
    result.remarks.push_back(
        fmt::format("is restored without its internal snapshots ({})", header_.snapshots));
  }
  if (header_.bitmaps) {
    result.remarks.push_back(
        fmt::format("is restored without its dirty bitmaps ({})", header_.bitmaps->count));
  }
  return result;
}

// --- one step after the other -------------------------------------------------------------------

// Each step goes to where the next reference begins or one ends, so that its bytes are for one set
// of references.
void ImageStream::sweep(const SharedBytes& chunk) {
  const HostOffset begin = at_;
  const HostOffset end = begin + chunk.bytes.size();
  own_root_.pass(begin, chunk.bytes);
  while (at_ < end) {
    begin_references();
    HostOffset stop = end;
    if (const auto next = references_->front()) stop = std::min(stop, next->host.begin);
    for (const Arriving& a : arriving_) stop = std::min(stop, next_stop(a.reference));
    const SharedBytes step = chunk.part(at_ - begin, stop - at_);
    if (!tables_->are_complete()) keep(step);
    if (for_counts_) keep_for_counts(step);
    at_ = stop;
    check_memory(step.bytes.size());
    for (Arriving& a : arriving_) use(a, step);
    std::erase_if(arriving_, [](const Arriving& a) { return a.next == a.reference.host.end(); });
    std::ranges::move(begun_early_, std::back_inserter(arriving_));
    begun_early_.clear();
    begun_bytes_ = 0;
  }
}

// Any number of entries may name the same bytes, and each that is at hand takes several times the
// memory of its entry in a table. `more` bytes of each blob are about to be gathered.
void ImageStream::check_memory(std::uint64_t more) const {
  std::uint64_t taken = references_->memory();
  std::uint64_t gathered = 0;
  for (const Arriving& a : arriving_) {
    taken += sizeof(Arriving) + a.also.capacity() * sizeof(GuestOffset);
    gathered += a.gathered.size() + (a.reference.kind == Kind::kCompressed ? more : 0);
  }
  if (taken > most_memory_) throw_not_streamed(image_.name, "its tables take too much memory");
  check_gathered(gathered);
}

void ImageStream::check_gathered(std::uint64_t bytes) const {
  if (bytes <= kMostGathered) return;
  throw_not_streamed(
      image_.name, fmt::format("more than {} bytes of its compressed data overlap", kMostGathered));
}

// Of entries with the same compressed data one gathers it for all.
bool ImageStream::join_same_blob(const Reference& reference) {
  if (reference.kind != Kind::kCompressed || arriving_.empty()) return false;
  Arriving& last = arriving_.back();
  if (last.reference.kind != Kind::kCompressed || last.reference.host != reference.host) {
    return false;
  }
  last.also.push_back(reference.guest);
  return true;
}

// Where the first sector of compressed data ends, which others may share.
HostOffset ImageStream::head_end_of(const Reference& reference) {
  const std::uint64_t end = align_up(reference.host.begin.value(), qcow2::kSectorSize);
  return std::min(reference.host.end(), HostOffset(end));
}

// And where its last one begins.
HostOffset ImageStream::tail_of(const Reference& reference) {
  const std::uint64_t last = reference.host.end().value() - 1;
  return std::max(reference.host.begin, HostOffset(align_down(last, qcow2::kSectorSize)));
}

// Up to there all bytes are of the same use to it.
HostOffset ImageStream::next_stop(const Reference& reference) const {
  if (reference.kind == Kind::kCompressed) {
    if (at_ < head_end_of(reference)) return head_end_of(reference);
    if (at_ < tail_of(reference)) return tail_of(reference);
  }
  return reference.host.end();
}

// Those whose first byte comes now.
void ImageStream::begin_references() {
  for (auto next = references_->front(); next && next->host.begin == at_;
       next = references_->front()) {
    references_->take_front();
    const auto is_also_table = [](const Arriving& a) { return a.reference.kind == Kind::kL2Table; };
    if (next->kind == Kind::kL2Table && std::ranges::any_of(arriving_, is_also_table)) {
      const auto reason = fmt::format("two entries have the same L2 table at {}", at_.value());
      if (!salvages()) throw_not_streamed(image_.name, reason);
      lose(*next, at_, reason);
      continue;
    }
    count(*next);
    if (join_same_blob(*next)) continue;
    if (arriving_.size() % kReferencesPerCheck == 0) check_memory(0);
    arriving_.push_back({.reference = *next, .next = at_, .gathered = {}, .also = {}});
  }
}

void ImageStream::count(const Reference& reference) const {
  if (counts_ == nullptr || reference.kind == Kind::kPadding) return;
  // Of clusters with subclusters all are counted as such.
  if (reference.kind == Kind::kData && header_.geometry.extended_l2) return;
  counts_->add(reference.host, reference.claim);
}

void ImageStream::refer(const Reference& reference) {
  if (reference.kind == Kind::kRefcountBlock) {
    const std::uint64_t end = reference.guest.value() + header_.geometry.refcounts_per_block();
    counted_clusters_ = std::max(counted_clusters_, end);
  }
  if (const auto reason = why_it_never_comes(reference)) {
    lose(reference, reference.host.begin, *reason);
  } else if (reference.host.begin < at_) {
    take_early(reference);
  } else {
    references_->add(reference);
  }
}

// `bytes` are the next ones that come of it.
void ImageStream::use(Arriving& arriving, const SharedBytes& bytes) {
  const Reference& reference = arriving.reference;
  const std::uint64_t done = arriving.next - reference.host.begin;
  arriving.next += bytes.bytes.size();
  switch (reference.kind) {
    case Kind::kData:
      content_->data(reference.guest + done, bytes);
      return;
    case Kind::kCompressed:
      arriving.gathered.insert(arriving.gathered.end(), bytes.bytes.begin(), bytes.bytes.end());
      if (arriving.next == reference.host.end()) end_blob(arriving);
      return;
    case Kind::kRefcountBlock:
      return use_counts(arriving, bytes.bytes);
    case Kind::kReserved:
    case Kind::kPadding:
      return;
    default:
      return use_table(arriving, bytes.bytes);
  }
}

// Hands on as many whole blocks as there are.
void ImageStream::use_counts(Arriving& arriving, std::span<const std::byte> bytes) {
  if (counts_ == nullptr) return;
  arriving.gathered.insert(arriving.gathered.end(), bytes.begin(), bytes.end());
  const qcow2::Geometry& geometry = header_.geometry;
  const std::uint64_t cluster = geometry.cluster_size();
  const HostOffset begin = arriving.next - arriving.gathered.size();
  std::uint64_t block = (begin - arriving.reference.host.begin) / cluster;
  std::size_t used = 0;
  for (; arriving.gathered.size() - used >= cluster; used += cluster, ++block) {
    const std::uint64_t first =
        arriving.reference.guest.value() + block * geometry.refcounts_per_block();
    counts_->add_counts(HostCluster(first), std::span(arriving.gathered).subspan(used, cluster));
  }
  arriving.gathered.erase(arriving.gathered.begin(),
                          arriving.gathered.begin() + static_cast<std::ptrdiff_t>(used));
}

// Hands on as many whole entries as there are.
void ImageStream::use_table(Arriving& arriving, std::span<const std::byte> bytes) {
  const bool is_end = arriving.next == arriving.reference.host.end();
  if (arriving.gathered.empty()) {
    const std::size_t whole = is_end ? bytes.size() : align_down(bytes.size(), kWholeEntries);
    arriving.gathered.assign(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end());
    read_table(arriving, bytes.first(whole));
    return;
  }
  arriving.gathered.insert(arriving.gathered.end(), bytes.begin(), bytes.end());
  const std::vector<std::byte> all = std::exchange(arriving.gathered, {});
  const std::size_t whole = is_end ? all.size() : align_down(all.size(), kWholeEntries);
  arriving.gathered.assign(all.begin() + static_cast<std::ptrdiff_t>(whole), all.end());
  read_table(arriving, std::span(all).first(whole));
}

// `bytes` end before what is gathered.
void ImageStream::read_table(Arriving& arriving, std::span<const std::byte> bytes) {
  const HostOffset begin = arriving.next - arriving.gathered.size() - bytes.size();
  tables_->read(arriving.reference, begin, bytes);
  // What is not referred to by now, nothing refers to.
  if (tables_->are_complete()) early_.forget_all();
}

// All of it is there, or as much as the image has.
void ImageStream::end_blob(Arriving& arriving) {
  const Reference& reference = arriving.reference;
  const auto range_at = [this](GuestOffset guest) {
    const std::uint64_t rest = header_.virtual_size - guest.value();
    return GuestRange{guest, std::min(header_.geometry.cluster_size(), rest)};
  };
  // In the order of the disk: of all that have this data, the reference is the first one.
  GuestOffset guest = reference.guest;
  for (const GuestOffset next : arriving.also) {
    content_->compressed(range_at(guest), reference.host.begin, arriving.gathered);
    guest = next;
  }
  content_->compressed(range_at(guest), reference.host.begin, std::move(arriving.gathered));
}

}  // namespace qcow2stream
