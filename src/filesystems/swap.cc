// SPDX-License-Identifier: GPL-2.0-or-later
//
// union swap_header of Linux, whose integers are in the byte order of the machine.

#include "filesystems/swap.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/volume_name.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kSmallestPage = 4096;
constexpr std::size_t kLargestPage = 65536;
constexpr std::size_t kSignatureLength = 10;

constexpr std::size_t kSwapVersion = 1024;
constexpr std::size_t kLastPage = 1028;
constexpr std::size_t kBadCount = 1032;
constexpr std::size_t kSwapUuid = 1036;
constexpr std::size_t kSwapLabel = 1052;
constexpr std::size_t kSwapLabelLength = 16;
constexpr std::size_t kBadPages = 1536;

constexpr std::string_view kSwapSpace = "SWAPSPACE2";
constexpr std::string_view kOldSwapSpace = "SWAP-SPACE";
// Of suspend to disk (two versions), of uswsusp, of a compressed one, and of TuxOnIce.
constexpr std::array<std::string_view, 5> kHibernations{
    "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001", "\xed\xc3\x02\xe9\x98\x56\xe5\x0c"};

struct SwapHeader {
  std::uint64_t page_size = 0;
  std::uint64_t pages = 0;         // with the header's own
  std::vector<std::uint64_t> bad;  // in order, each once
};

std::vector<std::uint64_t> bad_pages(const Fields& fields, bool is_little, std::uint64_t page_size,
                                     std::uint64_t pages) {
  const auto number = [&](std::size_t at) -> std::uint64_t {
    return is_little ? fields.little<std::uint32_t>(at) : fields.big<std::uint32_t>(at);
  };
  const std::uint64_t count = number(kBadCount);
  if (count > (page_size - kBadPages - kSignatureLength) / sizeof(std::uint32_t)) {
    throw Kept("its header is damaged");
  }
  std::vector<std::uint64_t> bad;
  for (std::size_t i = 0; i < count; ++i) {
    bad.push_back(number(kBadPages + i * sizeof(std::uint32_t)));
    if (bad.back() == 0 || bad.back() >= pages) throw Kept("its header is damaged");
  }
  std::ranges::sort(bad);
  bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
  return bad;
}

SwapHeader read_header(const Volume& volume, const Fields& fields, std::uint64_t page_size) {
  SwapHeader header;
  header.page_size = page_size;
  const bool is_little = fields.little<std::uint32_t>(kSwapVersion) == 1;
  if (!is_little && fields.big<std::uint32_t>(kSwapVersion) != 1) {
    throw Kept("it has a version that is not known here");
  }
  const std::uint64_t last =
      is_little ? fields.little<std::uint32_t>(kLastPage) : fields.big<std::uint32_t>(kLastPage);
  if (last == 0) throw Kept("its header is damaged");
  header.pages = last + 1;
  if (header.pages > volume.size() / page_size) {
    throw Kept("it is larger than the volume that it lies on");
  }
  header.bad = bad_pages(fields, is_little, page_size, header.pages);
  return header;
}

void hand_over_pages(const SwapHeader& header, FreeRuns& runs) {
  const auto add = [&](std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    runs.add({VolumeOffset(begin * header.page_size), (end - begin) * header.page_size},
             LeftOutKind::kSwap);
  };
  std::uint64_t begin = 1;
  for (const std::uint64_t bad : header.bad) {
    add(begin, bad);
    begin = bad + 1;
  }
  add(begin, header.pages);
}

void examine_header(const Volume& volume, const SwapSignature& signature, Kinds kinds,
                    FreeRuns& runs, Finding& finding) {
  if (signature.is_hibernation) {
    throw Kept("a machine has been hibernated into it", "start that machine and shut it down");
  }
  if (signature.text != kSwapSpace) throw Kept("it has a version that is not known here");
  const auto page = bytes_at(volume, 0, signature.page_size);
  const Fields fields(page);
  finding.name = printable_name(fields.text(kSwapLabel, kSwapLabelLength));
  if (finding.name.empty()) finding.name = uuid_text(fields.bytes(kSwapUuid, 16));
  const SwapHeader header = read_header(volume, fields, signature.page_size);
  finding.used = (1 + header.bad.size()) * header.page_size;
  finding.free = header.pages * header.page_size - finding.used;
  if (kinds.swap) hand_over_pages(header, runs);
}

}  // namespace

std::optional<SwapSignature> find_swap_signature(const Volume& volume) {
  const auto bytes = bytes_at(volume, 0, kLargestPage);
  const Fields fields(bytes);
  std::optional<SwapSignature> found;
  for (std::size_t page = kSmallestPage; page <= kLargestPage; page *= 2) {
    const auto look_for = [&](std::string_view text, bool is_hibernation) {
      if (!fields.has(page - kSignatureLength, text)) return false;
      found = {page, std::string(text), is_hibernation};
      return true;
    };
    const bool was_found = found.has_value();
    const bool is_here =
        look_for(kSwapSpace, false) || look_for(kOldSwapSpace, false) ||
        std::ranges::any_of(kHibernations, [&](auto text) { return look_for(text, true); });
    if (was_found && is_here) return {};
  }
  return found;
}

Finding examine_swap(const Volume& volume, Kinds kinds, FreeRuns& runs) {
  Finding finding;
  finding.format = "swap";
  const auto signature = find_swap_signature(volume);
  if (!signature) {
    finding.kept_because = "its signature is in doubt";
    return finding;
  }
  finding.block_size = signature->page_size;
  try {
    examine_header(volume, *signature, kinds, runs, finding);
  } catch (const Kept& kept) {
    finding.kept_because = kept.because();
    finding.remedy = kept.remedy();
  }
  return finding;
}

}  // namespace qcow2stream
