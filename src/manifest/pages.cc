// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/pages.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>

#include "base/endian.h"
#include "digest/sha256.h"
#include "manifest/content_tree.h"

namespace qcow2stream::manifest {
namespace {

constexpr std::size_t kDigestSize = sizeof(ContentDigest);
constexpr std::size_t kBody = kPageSize - kDigestSize;

// The header's fields.
constexpr std::string_view kVersion = "1\n";
constexpr std::size_t kAlgorithmAt = 32;
constexpr std::size_t kChunkBitsAt = 36;
constexpr std::size_t kLengthAt = 40;
constexpr std::size_t kFlagsAt = 48;
constexpr std::size_t kRootAt = 64;
constexpr std::size_t kParentAt = 96;
constexpr std::size_t kHeaderEnd = 128;
constexpr std::uint32_t kSha256Tree = 1;
constexpr std::uint32_t kHasParent = 1;
constexpr std::uint32_t kHasLeftOut = 2;

// Those of a page of runs.
constexpr std::size_t kNumberAt = 0;
constexpr std::size_t kFirstChunkAt = 8;
constexpr std::size_t kUsedAt = 16;
constexpr std::size_t kRunsAt = 32;

// A run begins with its kind in one byte and its count in seven.
constexpr std::size_t kRunHeader = 8;
constexpr unsigned kCountBits = 56;
constexpr std::uint64_t kCountMask = (1ULL << kCountBits) - 1;

Sha256::Value checksum(const Page& page) {
  Sha256 hash;
  hash.update(std::span(page).first(kBody));
  return hash.finish();
}

template <class Integer>
Integer load(const Page& page, std::size_t at) {
  return load_big<Integer>(&page.at(at));
}

template <class Integer>
void store(Page& page, std::size_t at, Integer value) {
  store_big<Integer>(&page.at(at), value);
}

ContentDigest load_digest(const Page& page, std::size_t at) {
  ContentDigest digest;
  std::memcpy(digest.data(), &page.at(at), digest.size());
  return digest;
}

void store_digest(Page& page, std::size_t at, const ContentDigest& digest) {
  std::memcpy(&page.at(at), digest.data(), digest.size());
}

bool is_unused(const Page& page, std::size_t begin) {
  return std::all_of(page.begin() + static_cast<std::ptrdiff_t>(begin), page.begin() + kBody,
                     [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

bool is_whole(const Page& page) {
  return std::ranges::equal(checksum(page), std::span(page).subspan(kBody));
}

void seal(Page& page) {
  const auto value = checksum(page);
  std::ranges::copy(value, page.begin() + kBody);
}

Page encode_header(const ManifestHeader& header) {
  Page page{};
  const auto text = std::as_bytes(std::span(kManifestBeginning));
  const auto version = std::as_bytes(std::span(kVersion));
  std::ranges::copy(version, std::ranges::copy(text, page.begin()).out);
  store(page, kAlgorithmAt, kSha256Tree);
  store(page, kChunkBitsAt, std::uint32_t{header.chunk_bits});
  store(page, kLengthAt, header.length);
  store(page, kFlagsAt, (header.parent ? kHasParent : 0U) | (header.left_out ? kHasLeftOut : 0U));
  store_digest(page, kRootAt, header.root);
  if (header.parent) store_digest(page, kParentAt, *header.parent);
  seal(page);
  return page;
}

Problem decode_header(const Page& page, ManifestHeader& header) {
  if (load<std::uint32_t>(page, kAlgorithmAt) != kSha256Tree) {
    return "its digests are made in a way that is not known here";
  }
  const auto bits = load<std::uint32_t>(page, kChunkBitsAt);
  if (!content_tree::is_chunk_bits(bits)) return "its chunks are of a size that there is not";
  header.chunk_bits = bits;
  header.length = load<std::uint64_t>(page, kLengthAt);
  if (header.length % 512 != 0) return "its content does not end where a sector does";
  const auto flags = load<std::uint32_t>(page, kFlagsAt);
  if ((flags & ~(kHasParent | kHasLeftOut)) != 0) return "it has something that is not known here";
  header.root = load_digest(page, kRootAt);
  header.parent.reset();
  if ((flags & kHasParent) != 0) header.parent = load_digest(page, kParentAt);
  header.left_out = (flags & kHasLeftOut) != 0;
  // A copy that is made from what was understood is the same.
  if (encode_header(header) != page) return "its header makes no sense";
  static_assert(kParentAt + kDigestSize == kHeaderEnd);
  return nullptr;
}

std::uint64_t first_chunk(const Page& page) {
  return load<std::uint64_t>(page, kFirstChunkAt);
}

Problem decode_runs(const Page& page, std::uint64_t number, std::uint64_t first, std::uint64_t end,
                    std::vector<Run>& runs) {
  runs.clear();
  if (load<std::uint64_t>(page, kNumberAt) != number) return "its pages are not in order";
  const auto used = load<std::uint64_t>(page, kUsedAt);
  if (first_chunk(page) != first || used <= kRunsAt || used > kBody ||
      load<std::uint64_t>(page, kUsedAt + 8) != 0 || !is_unused(page, used)) {
    return "a page of it makes no sense";
  }
  std::size_t at = kRunsAt;
  while (at < used) {
    if (used - at < kRunHeader) return "a run in it is cut off";
    const auto word = load<std::uint64_t>(page, at);
    at += kRunHeader;
    const std::uint64_t kind = word >> kCountBits;
    const Run run{.kind = static_cast<RunKind>(kind),
                  .first = first,
                  .count = word & kCountMask,
                  .digests_at = at};
    if (kind > static_cast<std::uint64_t>(RunKind::kInherited)) return "a run in it is of no kind";
    if (run.count == 0 || run.count > end - first) return "a run in it makes no sense";
    if (run.kind != RunKind::kZeros) {
      if (run.count > (used - at) / kDigestSize) return "a run in it is cut off";
      at += run.count * kDigestSize;
    }
    first += run.count;
    runs.push_back(run);
  }
  return nullptr;
}

ContentDigest digest_at(const Page& page, const Run& run, std::uint64_t chunk) {
  assert(run.kind != RunKind::kZeros && chunk >= run.first && chunk < run.end());
  return load_digest(page, run.digests_at + (chunk - run.first) * kDigestSize);
}

// --- writing ------------------------------------------------------------------------------------

PageWriter::PageWriter(const ManifestBuilder::Write& write) : write_(write), used_(kRunsAt) {}

std::size_t PageWriter::room() const {
  return kBody - used_;
}

void PageWriter::end_page() {
  end_run();
  if (used_ == kRunsAt) return;
  store(page_, kNumberAt, number_);
  store(page_, kFirstChunkAt, first_);
  store(page_, kUsedAt, std::uint64_t{used_});
  seal(page_);
  write_(page_);
  page_ = {};
  ++number_;
  first_ = position_;
  used_ = kRunsAt;
}

void PageWriter::begin_run(RunKind kind) {
  const std::size_t least = kRunHeader + (kind == RunKind::kZeros ? 0 : kDigestSize);
  end_run();
  if (room() < least) end_page();
  has_run_ = true;
  kind_ = kind;
  count_ = 0;
  run_at_ = used_;
  used_ += kRunHeader;
}

void PageWriter::end_run() {
  if (!has_run_) return;
  store(page_, run_at_, (static_cast<std::uint64_t>(kind_) << kCountBits) | count_);
  has_run_ = false;
}

void PageWriter::append_zeros(std::uint64_t count) {
  if (count == 0) return;
  if (!has_run_ || kind_ != RunKind::kZeros) begin_run(RunKind::kZeros);
  count_ += count;
  position_ += count;
}

void PageWriter::append(RunKind kind, const ContentDigest& digest) {
  assert(kind != RunKind::kZeros);
  if (has_run_ && kind_ == kind && room() < kDigestSize) end_page();
  if (!has_run_ || kind_ != kind) begin_run(kind);
  store_digest(page_, used_, digest);
  used_ += kDigestSize;
  ++count_;
  ++position_;
}

void PageWriter::finish() {
  end_page();
}

}  // namespace qcow2stream::manifest
