// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/part_reading.h"

#include <algorithm>

#include "disk/losses.h"

namespace qcow2stream {

bool holds(const ChainPart& part, const Error& error) {
  const auto offset = error.offset();
  return offset && *offset >= part.offset.value() &&
         *offset - part.offset.value() < part.range.length;
}

void set_disk_offset(Error& error, const ChainPart& part) {
  error.at(part.range.begin.value() + (*error.offset() - part.offset.value()));
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
        if (holds(part, error)) set_disk_offset(error, part);
        throw;
      }
      break;
    case ChainPart::Kind::kCompressed:
      read_compressed(chain, part, buffer);
      break;
  }
}

}  // namespace qcow2stream
