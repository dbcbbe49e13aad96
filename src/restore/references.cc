// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/references.h"

#include <zstd.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>
#include <utility>

namespace qcow2stream {
namespace {

// References at hand: twice as many at most, of 32 bytes each.
constexpr std::size_t kAtHand = 1 << 16;

// References of a page: so many that compressing them pays, and so few that looking for some of
// them in many pages takes little memory at a time.
constexpr std::size_t kPage = 4096;

// The fastest level. Beyond it the pages hardly get smaller.
constexpr int kPageLevel = 1;

// A byte of a page has the kind, and what is claimed.
constexpr unsigned kClaimShift = 4;
constexpr std::byte kKindBits{0x0f};

// Numbers of seven bits a byte, the lowest first. Small ones are short, in both directions.
void put_number(std::vector<std::byte>& out, std::uint64_t n) {
  while (n >= 0x80) {
    out.push_back(static_cast<std::byte>(n | 0x80));
    n >>= 7;
  }
  out.push_back(static_cast<std::byte>(n));
}

std::uint64_t take_number(const std::byte*& at) {
  std::uint64_t n = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(*at++);
    n |= (byte & 0x7f) << shift;
    if (byte < 0x80) return n;
  }
}

void put_difference(std::vector<std::byte>& out, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t up = to - from;
  const bool is_down = (up >> 63) != 0;
  put_number(out, (is_down ? ~up : up) << 1 | (is_down ? 1 : 0));
}

std::uint64_t take_difference(const std::byte*& at, std::uint64_t from) {
  const std::uint64_t n = take_number(at);
  return from + ((n & 1) != 0 ? ~(n >> 1) : n >> 1);
}

constexpr auto kLater = [](const Reference& a, const Reference& b) {
  return std::tuple(a.host.begin, a.guest) > std::tuple(b.host.begin, b.guest);
};

}  // namespace

References::References(std::uint64_t cluster_size, std::uint64_t table_reach,
                       std::uint64_t block_reach)
    : cluster_size_(cluster_size), table_reach_(table_reach), block_reach_(block_reach) {}

References::Key References::key_of(const Reference& reference) {
  return {reference.host.begin.value(), reference.guest.value()};
}

// How far its bytes reach on the other side.
std::uint64_t References::reach(const Reference& reference) const {
  switch (reference.kind) {
    case Reference::Kind::kL2Table:
      return reference.host.length / cluster_size_ * table_reach_;
    case Reference::Kind::kRefcountBlock:
      return reference.host.length / cluster_size_ * block_reach_;
    default:
      return reference.host.length;
  }
}

// Whether it goes on where the last one ends. What is compressed stays on its own.
bool References::joins(const Reference& reference) const {
  if (!last_ || last_->kind != reference.kind || last_->claim != reference.claim) return false;
  if (reference.kind == Reference::Kind::kCompressed) return false;
  if (last_->host.end() != reference.host.begin) return false;
  if (reference.kind == Reference::Kind::kReserved) return true;
  if (reference.kind == Reference::Kind::kPadding) return true;
  return last_->guest.value() + reach(*last_) == reference.guest.value();
}

void References::add(const Reference& reference) {
  assert(reference.host.length > 0);
  if (joins(reference)) {
    last_->host.length += reference.host.length;
    return;
  }
  file_last();
  last_ = reference;
}

void References::file_last() {
  if (!last_) return;
  file(*std::exchange(last_, std::nullopt));
}

void References::file(const Reference& reference) {
  if (at_hand_end_ && key_of(reference) >= *at_hand_end_) {
    open_page_.push_back(reference);
    if (open_page_.size() >= kPage) close_page();
    return;
  }
  at_hand_.push_back(reference);
  std::ranges::push_heap(at_hand_, kLater);
  if (at_hand_.size() > 2 * kAtHand) spill();
}

// Keeps half of what is at hand.
void References::spill() {
  const auto middle = at_hand_.begin() + kAtHand;
  std::ranges::nth_element(at_hand_, middle, {}, key_of);
  const std::vector<Reference> rest(middle, at_hand_.end());
  at_hand_.erase(middle, at_hand_.end());
  std::ranges::make_heap(at_hand_, kLater);
  at_hand_end_ = key_of(rest.front());
  for (const Reference& reference : rest) file(reference);
}

void References::close_page() {
  // In the order of the disk the differences are the smallest.
  std::ranges::sort(open_page_, {},
                    [](const Reference& r) { return std::tuple(r.guest, r.host.begin); });
  std::vector<std::byte> raw;
  raw.reserve(open_page_.size() * 4);
  std::uint64_t host = 0;
  std::uint64_t guest = 0;
  Key lowest{std::numeric_limits<std::uint64_t>::max(), 0};
  for (const Reference& reference : open_page_) {
    lowest = std::min(lowest, key_of(reference));
    raw.push_back(static_cast<std::byte>(reference.kind) | static_cast<std::byte>(reference.claim)
                                                               << kClaimShift);
    put_difference(raw, host, reference.host.begin.value());
    put_difference(raw, guest, reference.guest.value());
    put_number(raw, reference.host.length);
    host = reference.host.end().value();
    guest = reference.guest.value() + reference.host.length;
  }
  Page page{.encoded = std::vector<std::byte>(ZSTD_compressBound(raw.size())),
            .raw_size = raw.size(),
            .next = lowest};
  const std::size_t size =
      ZSTD_compress(page.encoded.data(), page.encoded.size(), raw.data(), raw.size(), kPageLevel);
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // it fails for want of memory only
  page.encoded.resize(size);
  page.encoded.shrink_to_fit();
  encoded_bytes_ += size;
  pages_.push_back(std::move(page));
  open_page_.clear();
}

std::vector<Reference> References::decode(const Page& page) {
  std::vector<std::byte> raw(page.raw_size);
  const std::size_t size =
      ZSTD_decompress(raw.data(), raw.size(), page.encoded.data(), page.encoded.size());
  if (size != raw.size()) throw std::bad_alloc();  // as above
  std::vector<Reference> references;
  references.reserve(kPage);
  std::uint64_t host = 0;
  std::uint64_t guest = 0;
  for (const std::byte* at = raw.data(); at != raw.data() + raw.size();) {
    Reference reference;
    reference.kind = static_cast<Reference::Kind>(*at & kKindBits);
    reference.claim = static_cast<Reference::Claim>(*at++ >> kClaimShift);
    reference.host.begin = HostOffset(take_difference(at, host));
    reference.guest = GuestOffset(take_difference(at, guest));
    reference.host.length = take_number(at);
    host = reference.host.end().value();
    guest = reference.guest.value() + reference.host.length;
    references.push_back(reference);
  }
  return references;
}

// All below `end` in the first `pages` pages has been loaded; all of it where there is no end.
void References::forget_loaded(std::size_t pages, const std::optional<Key>& end) {
  constexpr Key kNone{std::numeric_limits<std::uint64_t>::max(),
                      std::numeric_limits<std::uint64_t>::max()};
  for (std::size_t i = 0; i < pages; ++i) {
    pages_[i].next = kNone;
    if (!end) continue;
    for (const Reference& reference : decode(pages_[i])) {
      const Key key = key_of(reference);
      if (key >= *end) pages_[i].next = std::min(pages_[i].next, key);
    }
  }
  std::erase_if(pages_, [&](const Page& page) {
    if (page.next != kNone) return false;
    encoded_bytes_ -= page.encoded.size();
    return true;
  });
}

// Nothing is at hand: takes the next ones out of their pages.
void References::load() {
  if (!open_page_.empty()) close_page();
  if (pages_.empty()) {
    at_hand_end_.reset();
    return;
  }
  std::ranges::sort(pages_, {}, &Page::next);
  const Key begin = pages_.front().next;
  std::optional<Key> end;
  std::vector<Reference> found;
  const auto cut = [&](std::size_t most) {
    if (found.size() <= most) return;
    const auto first_left = found.begin() + static_cast<std::ptrdiff_t>(most);
    std::ranges::nth_element(found, first_left, {}, key_of);
    end = key_of(*first_left);
    found.erase(first_left, found.end());
  };
  std::size_t visited = 0;
  for (; visited < pages_.size() && (!end || pages_[visited].next < *end); ++visited) {
    for (const Reference& reference : decode(pages_[visited])) {
      const Key key = key_of(reference);
      if (key >= begin && (!end || key < *end)) found.push_back(reference);
    }
    if (found.size() > 2 * kAtHand) cut(kAtHand);
  }
  cut(kAtHand);
  forget_loaded(visited, end);
  at_hand_ = std::move(found);
  std::ranges::make_heap(at_hand_, kLater);
  at_hand_end_ = end;
  if (pages_.empty()) at_hand_end_.reset();
}

std::optional<Reference> References::front() {
  file_last();
  if (at_hand_.empty()) load();
  if (at_hand_.empty()) return std::nullopt;
  return at_hand_.front();
}

void References::take_front() {
  assert(!at_hand_.empty() && !last_);
  std::ranges::pop_heap(at_hand_, kLater);
  at_hand_.pop_back();
}

std::uint64_t References::memory() const {
  return encoded_bytes_ + pages_.size() * sizeof(Page) +
         (at_hand_.capacity() + open_page_.capacity()) * sizeof(Reference);
}

}  // namespace qcow2stream
