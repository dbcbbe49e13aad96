// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/part_reading.h"

#include <algorithm>

#include "disk/losses.h"

namespace qcow2stream {

DiskPart where_it_lies(const ChainPart& part) {
  return {.range = part.range, .disk = part.disk, .offset = part.offset};
}

namespace {

void read_compressed(const Qcow2Chain& chain, const ChainPart& part, std::span<std::byte> buffer) {
  try {
    part.image->compressed().read(part.extent, part.range.begin, buffer);
  } catch (const Error& error) {
    if (chain.lost == nullptr || !is_loss(error)) throw;
    chain.lost->add(chain.name(), part.range, chain.in_words(part.image->file(), error.reason()));
    std::ranges::fill(buffer, std::byte{0});
  }
}

}  // namespace

void read_part(const Qcow2Chain& chain, const ChainPart& part, std::span<std::byte> buffer) {
  switch (part.kind) {
    case ChainPart::Kind::kZeros:
    case ChainPart::Kind::kBelow:
      std::ranges::fill(buffer, std::byte{0});
      break;
    case ChainPart::Kind::kPlain:
    case ChainPart::Kind::kBottom:
      try {
        part.disk->read(part.offset, buffer);
      } catch (Error& error) {
        const DiskPart there = where_it_lies(part);
        if (holds(there, error)) set_disk_offset(error, there);
        throw;
      }
      break;
    case ChainPart::Kind::kCompressed:
      read_compressed(chain, part, buffer);
      break;
  }
}

}  // namespace qcow2stream
