// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/taken_as_raw.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "common/message.h"
#include "common/shell_word.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"

namespace qcow2stream::cli {
namespace {

// What the programs that make images call them.
constexpr std::array<std::string_view, 16> kEndings = {
    ".qcow2", ".qcow", ".vmdk", ".vdi", ".vhdx",      ".avhdx", ".vhd",   ".avhd",
    ".vpc",   ".dmg",  ".qed",  ".hds", ".parallels", ".hdd",   ".bochs", ".cloop"};

enum class Which { kDisk, kBase };

// DISK or the base as the user has named it, and whether anything was said about its format.
struct Named {
  Which which = Which::kDisk;
  std::string path;  // of a file, block device or the like; empty where there is none
  bool is_stdin = false;
};

std::optional<Named> named(const Input& input, Which which) {
  if (input.reading.format) return std::nullopt;
  return std::visit(
      Cases{
          [&](const StandardInput&) {
            return std::optional(Named{.which = which, .is_stdin = true});
          },
          [&](const File& file) { return std::optional(Named{.which = which, .path = file.path}); },
          [](const BlockNode&) { return std::optional<Named>(); },
          [&](const auto& /*server*/) { return std::optional(Named{.which = which}); }},
      input.source);
}

bool is_regular(const Named& named) {
  struct stat status {};
  if (named.path.empty()) return false;
  return ::stat(named.path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

using Look = std::function<std::optional<std::string>(const Disk&)>;

// No warning is worth a failure: whoever needs the bytes will say what is wrong with them. But what
// is missed of a stream is gone.
std::optional<std::string> looked_at(const Disk& disk, const Named& named, const Look& look) {
  if (named.is_stdin) return look(disk);
  try {
    return look(disk);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::string> format_of(const Disk& disk, const Named& named) {
  auto format = looked_at(disk, named, image_magic);
  // The end of others is far away, or comes last.
  const bool ends = is_regular(named) || (named.is_stdin && can_be_sought(STDIN_FILENO));
  if (!format && ends) format = looked_at(disk, named, image_trailer);
  return format;
}

void refuse(const Disk& disk, const Named& named) {
  if (!has_name_of_image(named.path) || !is_regular(named)) return;
  const auto format = format_of(disk, named);
  if (!format) return;
  const bool is_base = named.which == Which::kBase;
  const char* option = is_base ? "--base-format" : "-f";
  throw Error(ErrorKind::kUsage, disk.name(),
              fmt::format("is a {} image by its name and by its content", *format),
              fmt::format("say {} {} to {}, {} raw to {} as it is", option, *format,
                          is_base ? "compare what is in it" : "convert it", option,
                          is_base ? "compare it" : "wrap it"));
}

// How to get at what is compressed.
std::string decompressing(const Named& named, const std::string& compression) {
  if (named.which == Which::kBase) return "decompress it first, ";
  if (named.is_stdin) return fmt::format("let {} -dc decompress it before, ", compression);
  if (named.path.empty()) return "";
  return fmt::format("{} -dc {} | {} - converts what is in it, ", compression,
                     shell_path(named.path), kProgramName);
}

std::optional<std::string> warning(const Disk& disk, const std::optional<Named>& named) {
  if (!named) return std::nullopt;
  const bool is_base = named->which == Which::kBase;
  const char* silence = is_base ? "--base-format raw to silence this" : "-f raw to silence this";
  if (const auto format = format_of(disk, *named)) {
    if (is_base) {
      return fmt::format(
          "{}: looks like a {} image and is compared as it is; say --base-format {} "
          "to compare its content, {}",
          disk.name(), *format, *format, silence);
    }
    const bool can_be_read = !named->path.empty() || *format == "qcow2";
    const std::string how = can_be_read ? fmt::format("-f {} to convert it, ", *format) : "";
    return fmt::format("{}: looks like a {} image and is wrapped as it is; say {}{}", disk.name(),
                       *format, how, silence);
  }
  const auto compression = looked_at(disk, *named, compression_magic);
  if (!compression) return std::nullopt;
  return fmt::format("{}: is compressed ({}) and is {} as it is; {}{}", disk.name(), *compression,
                     is_base ? "compared" : "wrapped", decompressing(*named, *compression),
                     silence);
}

}  // namespace

void refuse_disk_as_raw(const Disk& disk, const Input& input) {
  if (const auto said = named(input, Which::kDisk)) refuse(disk, *said);
}

void refuse_base_as_raw(const Disk& base, const Input& input) {
  if (const auto said = named(input, Which::kBase)) refuse(base, *said);
}

std::optional<std::string> warning_about_raw_disk(const Disk& disk, const Input& input) {
  return warning(disk, named(input, Which::kDisk));
}

std::optional<std::string> warning_about_raw_base(const Disk& base, const Input& input) {
  return warning(base, named(input, Which::kBase));
}

bool has_name_of_image(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace qcow2stream::cli
