// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/left_out_pages.h"

#include <algorithm>

#include "base/endian.h"

namespace qcow2stream::manifest {
namespace {

constexpr std::size_t kNumberInPage = 0;
constexpr std::size_t kFirstOffsetInPage = 8;
constexpr std::size_t kUsedInPage = 16;
constexpr std::size_t kKindInPage = 24;
constexpr std::size_t kListInPage = 32;
constexpr std::size_t kListEnd = kPageSize - sizeof(ContentDigest);
constexpr std::size_t kEntry = 16;
constexpr std::uint64_t kLeftOutPage = 1;  // in a page of chunks there is 0
constexpr std::uint64_t kSector = 512;

std::uint64_t number_at(const Page& page, std::size_t at) {
  return load_big<std::uint64_t>(&page.at(at));
}

void put_number(Page& page, std::size_t at, std::uint64_t value) {
  store_big<std::uint64_t>(&page.at(at), value);
}

}  // namespace

void write_left_out(const ManifestBuilder::NextRun& next, std::optional<GuestRange> first,
                    std::uint64_t number, const ManifestBuilder::Write& write) {
  for (auto run = first; run; ++number) {
    Page page{};
    put_number(page, kNumberInPage, number);
    put_number(page, kFirstOffsetInPage, run->begin.value());
    put_number(page, kKindInPage, kLeftOutPage);
    std::size_t at = kListInPage;
    for (; run && at + kEntry <= kListEnd; run = next(), at += kEntry) {
      put_number(page, at, run->begin.value());
      put_number(page, at + 8, run->length);
    }
    put_number(page, kUsedInPage, at);
    seal(page);
    write(page);
  }
}

Problem decode_left_out(const Page& page, std::uint64_t number, std::uint64_t begin,
                        std::uint64_t end, std::vector<GuestRange>& runs) {
  runs.clear();
  if (number_at(page, kNumberInPage) != number) return "its pages are not in order";
  const std::uint64_t used = number_at(page, kUsedInPage);
  if (number_at(page, kKindInPage) != kLeftOutPage || used <= kListInPage || used > kListEnd ||
      (used - kListInPage) % kEntry != 0 ||
      number_at(page, kFirstOffsetInPage) != number_at(page, kListInPage)) {
    return "a page of it makes no sense";
  }
  const auto is_zero_byte = [](std::byte b) { return b == std::byte{0}; };
  if (!std::all_of(page.begin() + static_cast<std::ptrdiff_t>(used), page.begin() + kListEnd,
                   is_zero_byte)) {
    return "a page of it makes no sense";
  }
  // No two runs touch, and none begins where the content does unless it is the first.
  bool may_touch = begin == 0;
  for (std::size_t at = kListInPage; at < used; at += kEntry) {
    const std::uint64_t first = number_at(page, at);
    const std::uint64_t length = number_at(page, at + 8);
    const bool is_behind = may_touch ? first >= begin : first > begin;
    if (!is_behind || first > end || length == 0 || length > end - first || first % kSector != 0 ||
        length % kSector != 0) {
      return "what it says was left out makes no sense";
    }
    runs.push_back({GuestOffset(first), length});
    begin = first + length;
    may_touch = false;
  }
  return nullptr;
}

}  // namespace qcow2stream::manifest
