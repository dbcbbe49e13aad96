// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "disk/qemu/changes.h"
#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qemu.h"

namespace qcow2stream {

using namespace std::string_view_literals;

Opened open_qemu(const std::string& path, const std::string& format, const QemuOptions& options) {
  const std::optional<std::string>& bitmap = options.nbd.bitmap;
  if (bitmap && options.top_image_unit) {
    throw Error(ErrorKind::kUsage, path, "",
                "a bitmap and the top image cannot both say what has changed");
  }
  if (bitmap) return open_file_with_bitmap(path, format, *bitmap, options);
  if (options.top_image_unit) return open_top_image(path, format, *options.top_image_unit, options);
  return {.disk = serve_with_qemu(qemu_file(path, format, options), {}, options.nbd),
          .changes = nullptr};
}

Opened open_qemu_node(const std::string& blockdev, const std::vector<std::string>& objects,
                      const NbdOptions& options) {
  const QemuSource node = qemu_block_node(blockdev, objects);
  if (options.bitmap) return open_node_with_bitmap(node, *options.bitmap, options);
  return {.disk = serve_with_qemu(node, {}, options), .changes = nullptr};
}

namespace {

constexpr const char* kCannotTell = "its format cannot be told";

// What QEMU 7.2 probes for and image_magic() does not know: LUKS, and descriptors of vmdk that
// begin with other comments or with blanks (block/crypto.c, block/vmdk.c). They begin so.
bool may_be_known_to_qemu(const Disk& file) {
  constexpr std::array kBeginnings = {"LUKS\xba\xbe"sv, "#"sv, " "sv, "version="sv};
  std::array<char, 8> start{};
  const auto length = std::min<std::uint64_t>(start.size(), file.size());
  file.read(GuestOffset(0), std::as_writable_bytes(std::span(start)).first(length));
  const std::string_view text(start.data(), length);
  return std::ranges::any_of(kBeginnings,
                             [&](std::string_view one) { return text.starts_with(one); });
}

std::string format_by_content(const QemuSource& source) {
  const auto magic = image_magic(*source.file);
  if (magic == "qcow2") return *magic;
  if (!magic && !may_be_known_to_qemu(*source.file)) return "raw";
  return qemu_image_info(source, kCannotTell).at("format").get<std::string>();
}

}  // namespace

std::string probe_format(const std::string& path, const QemuOptions& options) {
  const QemuSource source = qemu_file(path, "", options);
  auto format = format_by_content(source);
  if (format != "raw") return format;
  // QEMU knows this format by the file's name.
  if (path.ends_with(".dmg")) return "dmg";
  if (const auto trailer = image_trailer(*source.file)) {
    throw Error(ErrorKind::kFailed, path, kCannotTell,
                fmt::format("it begins like none, and ends like a {} image", *trailer))
        .about(ErrorSubject::kDisk)
        .advise(Advice::kNameFormat);
  }
  return format;
}

}  // namespace qcow2stream
