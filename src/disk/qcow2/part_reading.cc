// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/part_reading.h"

#include <algorithm>

namespace qcow2stream {

bool holds(const ChainPart& part, const Error& error) {
  const auto offset = error.offset();
  return offset && *offset >= part.offset.value() &&
         *offset - part.offset.value() < part.range.length;
}

void set_disk_offset(Error& error, const ChainPart& part) {
  error.at(part.range.begin.value() + (*error.offset() - part.offset.value()));
}

void read_part(const ChainPart& part, std::span<std::byte> buffer) {
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
      part.image->compressed().read(part.extent, part.range.begin, buffer);
      break;
  }
}

}  // namespace qcow2stream
