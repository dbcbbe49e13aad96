// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/read_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "base/errors.h"
#include "disk/losses.h"

namespace qcow2stream {
namespace {

Error does_not_read(const Error& error) {
  return Error(ErrorKind::kChanged, error.name(),
               fmt::format("changed while it was read (offset {} does not read any more)",
                           error.offset().value_or(0)),
               errno_text(error.error_number()))
      .with_errno(error.error_number());
}

// Whether the error is a read of the disk that failed.
bool is_read_error(const Error& error) {
  return is_loss(error) && error.error_number() != 0;
}

}  // namespace

std::optional<Error> change_behind(const Error& error, const Image& image, std::uint64_t most) {
  const Disk& disk = image.disk();
  const std::uint64_t cluster_size = image.options().cluster_size;
  const std::uint64_t surveyed = image.surveyed();
  if (surveyed == 0 || !is_read_error(error)) return std::nullopt;
  if (surveyed >= cluster_size) return does_not_read(error);
  std::vector<std::byte> buffer(surveyed);
  const std::uint64_t end = std::min(*error.offset() + most, disk.size());
  for (std::uint64_t at = *error.offset() / cluster_size * cluster_size; at < end;
       at += cluster_size) {
    try {
      disk.read(GuestOffset(at), std::span(buffer).first(std::min(surveyed, disk.size() - at)));
    } catch (const Error& again) {
      if (is_read_error(again)) return does_not_read(again);
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace qcow2stream
