// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/image_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bits.h"
#include "codec/decoder.h"
#include "qcow2/limits.h"
#include "qcow2stream/error.h"
#include "restore/image_errors.h"
#include "system/memory_limit.h"

namespace qcow2stream {
namespace {

using Kind = Reference::Kind;

// The first chunk has the largest header cluster in it.
constexpr std::size_t kFirstChunk = std::size_t{1} << qcow2::kMaxClusterBits;

// What is kept of the last sectors of compressed data, in bytes. QEMU puts the data of a cluster
// right behind that of another one, and an L2 table into the next cluster that is free. So the
// first data of a table may stand in front of it, behind that of other tables.
constexpr std::uint64_t kKeptTails = 4 << 20;

// Entries of tables have 8 or 16 bytes.
constexpr std::size_t kWholeEntries = 16;

[[noreturn]] void throw_not_streamed(const std::string& name, const std::string& reason,
                                     Advice advice = Advice::kNone) {
  throw Error(ErrorKind::kFailed, name, "cannot be restored from a stream", reason)
      .about(ErrorSubject::kImage)
      .advise(advice);
}

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
  tables_->begin();
  const std::uint64_t most_memory = std::max<std::uint64_t>(memory_limit() / 2, 64 << 20);
  for (SharedBytes chunk = std::exchange(first_chunk_, {}); !chunk.bytes.empty();
       chunk = next_chunk()) {
    sweep(chunk);
    content.end_chunk();
    if (references_->memory() > most_memory) {
      throw_not_streamed(image_.name, "its tables take too much memory");
    }
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
  while (at_ < end) {
    begin_references();
    HostOffset stop = end;
    if (const auto next = references_->front()) stop = std::min(stop, next->host.begin);
    for (const Arriving& a : arriving_) stop = std::min(stop, next_stop(a.reference));
    const SharedBytes step = chunk.part(at_ - begin, stop - at_);
    if (!tables_->are_complete()) keep(step);
    if (for_counts_) keep_for_counts(step);
    at_ = stop;
    for (Arriving& a : arriving_) use(a, step);
    std::erase_if(arriving_, [](const Arriving& a) { return a.next == a.reference.host.end(); });
    std::ranges::move(begun_early_, std::back_inserter(arriving_));
    begun_early_.clear();
  }
}

// Where the last sector of compressed data begins, which others may share.
HostOffset ImageStream::tail_of(const Reference& reference) {
  const std::uint64_t last = reference.host.end().value() - 1;
  return std::max(reference.host.begin, HostOffset(align_down(last, qcow2::kSectorSize)));
}

// Up to there all bytes are of the same use to it.
HostOffset ImageStream::next_stop(const Reference& reference) const {
  if (reference.kind == Kind::kCompressed && at_ < tail_of(reference)) return tail_of(reference);
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
    arriving_.push_back({.reference = *next, .next = at_, .gathered = {}});
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

// Waiting for a table keeps all that comes meanwhile, so one that a damaged entry has where nothing
// can be is given up at once, if the image is salvaged.
std::optional<std::string> ImageStream::why_it_never_comes(const Reference& reference) const {
  if (!salvages() || reference.kind != Kind::kL2Table) return std::nullopt;
  const std::uint64_t begin = reference.host.begin.value();
  if (!image_.size || begin < *image_.size) return std::nullopt;
  return fmt::format("an L2 table lies at {}, behind the end of the image", begin);
}

void ImageStream::lose(const Reference& reference, HostOffset from, const std::string& reason) {
  tables_->lose(reference, from, reason);
  if (tables_->are_complete()) early_.forget_all();
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
  const std::uint64_t rest = header_.virtual_size - reference.guest.value();
  const GuestRange range{reference.guest, std::min(header_.geometry.cluster_size(), rest)};
  content_->compressed(range, reference.host.begin, std::move(arriving.gathered));
}

// --- what comes too early -----------------------------------------------------------------------

// Keeps what may be somebody's who is not known yet.
void ImageStream::keep(const SharedBytes& bytes) {
  const auto is_tail = [this](const Arriving& a) {
    return a.reference.kind == Kind::kCompressed && at_ >= tail_of(a.reference);
  };
  if (!std::ranges::all_of(arriving_, is_tail)) return;
  const bool is_kept = early_.keep(at_, bytes.bytes);
  if (arriving_.empty()) {
    if (!is_kept) throw_no_room(bytes.bytes.size());
    return;
  }
  if (!is_kept) return;  // rarely does anybody need a tail
  tails_.push_back({at_, bytes.bytes.size()});
  tail_bytes_ += bytes.bytes.size();
  while (tail_bytes_ > kKeptTails) {
    early_.take(tails_.front());
    tail_bytes_ -= tails_.front().length;
    tails_.pop_front();
  }
}

// All that is not data of the disk. What is the disk's and comes too early is kept here, too.
void ImageStream::keep_for_counts(const SharedBytes& bytes) {
  const auto is_content = [](const Arriving& a) {
    return a.reference.kind == Kind::kData || a.reference.kind == Kind::kCompressed;
  };
  if (std::ranges::any_of(arriving_, is_content)) return;
  if (!for_counts_->keep(at_, bytes.bytes)) for_counts_.reset();
}

bool ImageStream::read_again(HostOffset at, std::span<std::byte> buffer) const {
  if (image_.file != nullptr) {
    image_.file->read(GuestOffset(at.value()), buffer);
    return true;
  }
  const auto bytes = for_counts_ ? for_counts_->copy({at, buffer.size()}) : std::nullopt;
  if (bytes) std::ranges::copy(*bytes, buffer.begin());
  return bytes.has_value();
}

// Some or all of it has come already.
void ImageStream::take_early(const Reference& reference) {
  count(reference);
  if (reference.kind == Kind::kReserved || !is_needed(reference)) return;
  const HostRange there = reference.host.first(at_ - reference.host.begin);
  // The bytes of compressed data may be those of more.
  auto bytes = reference.kind == Kind::kCompressed ? early_.copy(there) : early_.take(there);
  if (!bytes && salvages()) {
    return lose(reference, reference.host.begin, "it is needed once more after it has passed");
  }
  if (!bytes) throw_too_late(there.begin);
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(*bytes));
  Arriving arriving{.reference = reference, .next = reference.host.begin, .gathered = {}};
  use(arriving, {owner, *owner});
  if (arriving.next < reference.host.end()) begun_early_.push_back(std::move(arriving));
}

void ImageStream::throw_too_late(HostOffset at) const {
  throw_not_streamed(image_.name, fmt::format("what lies at {} in it is needed once more after it "
                                              "has passed; read it from a file",
                                              at.value()));
}

void ImageStream::throw_no_room(std::uint64_t more) const {
  // All that may come before the last table does. What has no counts is not part of the image.
  const std::uint64_t end = image_.size.value_or(
      std::min(counted_clusters_, qcow2::kMaxHostOffset >> header_.geometry.cluster_bits)
      << header_.geometry.cluster_bits);
  const std::uint64_t here = at_.value() + more;
  const std::uint64_t enough = early_.size() + more + (end > here ? end - here : 0);
  throw Error(ErrorKind::kFailed, image_.name, "its tables come after its data",
              fmt::format("what came by now has to be kept, and there is no room for it; {} bytes "
                          "are enough",
                          enough))
      .about(ErrorSubject::kSpool)
      .advise(Advice::kMoreSpool, enough);
}

// --- the end ------------------------------------------------------------------------------------

bool ImageStream::is_needed(const Reference& reference) const {
  if (reference.kind == Kind::kRefcountBlock || reference.kind == Kind::kReserved) {
    return counts_ != nullptr;
  }
  return reference.kind != Kind::kPadding;
}

void ImageStream::check_length() const {
  const std::uint64_t length = at_.value();
  if (!image_.size || salvages()) return;
  if (length < *image_.size) {
    throw_cut_off(image_.name, length, fmt::format("it should have {}", *image_.size));
  }
  if (length > *image_.size) {
    throw Error(ErrorKind::kDamaged, image_.name, "is longer than announced",
                fmt::format("it has {} bytes, not {}", length, *image_.size))
        .about(ErrorSubject::kImage);
  }
}

// What there is from `from` on has not come.
void ImageStream::cut_off(const Reference& reference, HostOffset from) {
  if (!is_needed(reference)) return;
  const std::uint64_t length = at_.value();
  if (!salvages()) {
    throw_cut_off(image_.name, length, fmt::format("what lies at {} is missing", from.value()));
  }
  const std::string why = broken_off_ ? ": " + *broken_off_ : "";
  lose(reference, from, fmt::format("the image is cut off after {} bytes{}", length, why));
}

// Whether compressed data ends in `bytes`, and was not cut off. What follows a stream that is cut
// off is zeros to a decoder, which takes that for data.
bool ImageStream::is_whole(std::span<const std::byte> bytes) const {
  const auto type = header_.compression_type == qcow2::kCompressionZstd ? CompressionType::kZstd
                                                                        : CompressionType::kZlib;
  const auto cluster = static_cast<std::uint32_t>(header_.geometry.cluster_size());
  return make_decoder(type, cluster)->blob_length(bytes).has_value();
}

// Of compressed data the last sector need not be whole, nor the last cluster of what is not read.
void ImageStream::end_arriving(Arriving& arriving) {
  const Reference& reference = arriving.reference;
  const std::uint64_t missing = reference.host.end() - arriving.next;
  if (reference.kind == Kind::kReserved && missing < header_.geometry.cluster_size()) return;
  if (reference.kind == Kind::kCompressed && missing < qcow2::kSectorSize &&
      (!salvages() || is_whole(arriving.gathered))) {
    arriving.gathered.resize(reference.host.length);
    end_blob(arriving);
  } else {
    const bool is_table = reference.kind != Kind::kCompressed;
    cut_off(reference, arriving.next - (is_table ? arriving.gathered.size() : 0));
  }
}

// A stream does not say whether it is complete, so nothing of the disk may be missing. QEMU reads
// as zeros what a file does not have of its last cluster; here that is where the stream broke off.
void ImageStream::check_end() {
  check_length();
  // What is lost of a table ends nothing that is arriving.
  for (Arriving& arriving : std::exchange(arriving_, {})) end_arriving(arriving);
  while (const auto next = references_->front()) {
    references_->take_front();
    cut_off(*next, next->host.begin);
  }
  content_->end_chunk();
}

}  // namespace qcow2stream
