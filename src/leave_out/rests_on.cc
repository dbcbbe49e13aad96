// SPDX-License-Identifier: GPL-2.0-or-later

#include "leave_out/rests_on.h"

#include <fmt/format.h>

#include <cassert>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

Sha256::Value digest_of(Sha256& hash, std::span<const std::byte> bytes) {
  hash.begin();
  hash.update(bytes);
  return hash.finish();
}

}  // namespace

bool RestsOn::add(GuestOffset begin, std::span<const std::byte> bytes) {
  assert(!bytes.empty() && bytes.size() <= kMostHeldBytes);
  if (ranges_.size() == kMostHeldRanges) return false;
  ranges_.push_back({.range = {begin, bytes.size()}, .digest = digest_of(hash_, bytes)});
  return true;
}

void check_left_out(const LeftOut& left_out, const Disk& disk) {
  Sha256 hash;
  std::vector<std::byte> bytes;
  for (const HeldRange& held : left_out.rests_on()) {
    assert(held.range.length > 0 && held.range.length <= kMostHeldBytes);
    bytes.resize(held.range.length);
    disk.read(held.range.begin, bytes);
    if (digest_of(hash, bytes) == held.digest) continue;
    throw Error(ErrorKind::kChanged, disk.name(), "changed while it was read",
                fmt::format("what its file systems use is another thing now, at offset {}",
                            held.range.begin.value()))
        .about(ErrorSubject::kDisk);
  }
}

}  // namespace qcow2stream
