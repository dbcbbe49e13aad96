// SPDX-License-Identifier: GPL-2.0-or-later
//
// Chains whose images somebody has put together by hand: whether they belong to each other.

#include "disk/qcow2/chain_links.h"

#include <fmt/format.h>

#include "base/shell_quoted.h"
#include "disk/qcow2/image_file.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qcow2.h"

namespace qcow2stream {
namespace {

Error mismatch(const Disk& file, const std::string& what, const std::string& reason) {
  return Error(ErrorKind::kMismatch, file.name(), what, reason).about(ErrorSubject::kImage);
}

// An increment of a raw disk may be given together with an image of that disk. Read as a raw disk,
// the image would become what the increment leaves out.
void check_raw_bottom(const Disk& bottom, const Disk& increment, const std::string& backing) {
  const auto magic = image_magic(bottom);
  if (!magic) return;
  throw mismatch(bottom,
                 fmt::format("begins as a {} image, and {} is an increment of a raw disk", *magic,
                             increment.name()),
                 fmt::format("if it is one, say so with qemu-img rebase -u -F {} -b {} {}", *magic,
                             shell_quoted(backing), shell_quoted(increment.name())));
}

}  // namespace

void refuse_increment(const Disk& file, const std::string& backing) {
  throw mismatch(file, "", fmt::format("is an increment of \"{}\"", backing))
      .advise(Advice::kApply);
}

std::optional<Qcow2BackingFile> qcow2_backing_file(const Disk& file) {
  const qcow2::Header header = read_qcow2_header(file);
  if (!header.backing_file_name) return std::nullopt;
  return Qcow2BackingFile{*header.backing_file_name, header.backing_format};
}

std::string last_part_of_name(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

void check_qcow2_links(std::span<const Qcow2Link> newest_first, const Qcow2Options& options) {
  for (std::size_t i = 0; i + 1 < newest_first.size(); ++i) {
    const Disk& file = *newest_first[i].file;
    const Qcow2Link& below = newest_first[i + 1];
    const qcow2::Header header = read_qcow2_header(file);
    if (!header.backing_file_name) {
      throw mismatch(file, "is a full image, not an increment",
                     fmt::format("what is in {} is no part of it", below.file->name()));
    }
    const bool is_of_raw = header.backing_format == "raw";
    if (is_of_raw && i + 2 == newest_first.size()) {
      check_raw_bottom(*below.file, file, *header.backing_file_name);
    } else if (is_of_raw) {
      throw mismatch(
          file, fmt::format("is an increment of a raw disk, \"{}\"", *header.backing_file_name),
          fmt::format("{} cannot be that, with an image below it", below.file->name()));
    }
    const std::string recorded = last_part_of_name(*header.backing_file_name);
    if (options.ignore_names || below.name.empty() || recorded == below.name) continue;
    throw mismatch(file, fmt::format("is an increment of \"{}\"", *header.backing_file_name),
                   fmt::format("in whose place {} is given", below.file->name()))
        .advise(Advice::kIgnoreNames);
  }
}

}  // namespace qcow2stream
