// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qemu/node.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "system/child.h"
#include "system/descriptor_name.h"

namespace qcow2stream {
namespace {

using Json = nlohmann::json;

// The limit for an image that is not trusted. The largest tables of QEMU's formats have 2 GiB
// (vdi); what it keeps of a qcow2 image has some 100 MiB.
constexpr std::uint64_t kMostServerMemory = 4ULL << 30;
// The limits for reading the header alone. OpenStack sets the same ones for qemu-img.
constexpr std::uint64_t kMostProbeMemory = 1ULL << 30;
constexpr std::uint64_t kMostProbeSeconds = 30;

// The name by which QEMU opens its own descriptor 4.
constexpr const char* kDescriptor4 = "/proc/self/fd/4";

bool is_block_device(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

// A name that means one of our descriptors means another one in QEMU, so it needs another name.
std::string name_for_qemu(const std::string& path) {
  if (!names_descriptor(path)) return path;
  const std::string name = name_behind_descriptor(path);
  return name.empty() ? kDescriptor4 : name;
}

// Does the same in what the user wrote. A file that has no name for others keeps the one that it
// has.
void rename_descriptors(Json& node) {
  for (const auto& [key, value] : node.items()) {
    if (value.is_structured()) rename_descriptors(value);
    if (!key.ends_with("filename") || !value.is_string()) continue;
    const auto path = value.get<std::string>();
    if (!names_descriptor(path)) continue;
    if (const std::string name = name_behind_descriptor(path); !name.empty()) value = name;
  }
}

QemuNode file_node(const std::string& path, const std::string& format, bool force_share,
                   QemuChain chain) {
  const char* protocol = is_block_device(path) ? "host_device" : "file";
  if (is_utf8(path)) {
    Json node = {{"node-name", kQemuNodeName},
                 {"read-only", true},
                 {"file", {{"driver", protocol}, {"filename", path}}}};
    if (!format.empty()) node["driver"] = format;
    // Even then QEMU would take a reader's locks, which it cannot get if another program has locked
    // the whole file.
    if (force_share) {
      node["force-share"] = true;
      node["file"]["locking"] = "off";
    }
    if (chain == QemuChain::kTopOnly) node["backing"] = nullptr;
    return {true, dump_json(node)};
  }
  // The other form takes any byte; a comma in a value is written twice. An empty name of a backing
  // file stands for JSON's null there.
  std::string name;
  for (const char c : path) name.append(c == ',' ? 2 : 1, c);
  const std::string driver = format.empty() ? "" : fmt::format("driver={},", format);
  const char* backing = chain == QemuChain::kTopOnly ? "backing=," : "";
  const char* sharing = force_share ? "force-share=on,file.locking=off," : "";
  return {false, fmt::format("{}{}{}node-name={},read-only=on,file.driver={},file.filename=",
                             driver, backing, sharing, kQemuNodeName, protocol) +
                     name};
}

Json parse_object(const std::string& text, const char* option) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorKind::kUsage, option, "", fmt::format("'{}' is not a JSON object", text));
  }
  return json;
}

// The line without words that the user did not write: only "what is wrong" is left of
// "qemu-storage-daemon: --blockdev {...}: what is wrong".
std::string without_command_line(std::string line) {
  for (const std::string_view end :
       {"}': ", "}: ", "qemu-storage-daemon: ", "qemu-nbd: ", "qemu-img: "}) {
    const std::size_t at = line.rfind(end);
    if (at != std::string::npos) return line.substr(at + end.size());
  }
  return line;
}

// Whether a message begins with this line: with the name of the program that says it. A hint may
// begin with a program, too, but goes on without a colon: "qemu-img check -r all 'disk.vhdx'".
bool begins_message(const std::string& line) {
  constexpr std::array<std::string_view, 3> kPrograms = {
      "qemu-storage-daemon: ", "qemu-nbd: ", "qemu-img: "};
  return std::ranges::any_of(kPrograms,
                             [&](std::string_view program) { return line.starts_with(program); });
}

}  // namespace

QemuSource qemu_file(const std::string& path, const std::string& format, const QemuOptions& options,
                     QemuChain chain) {
  auto file = open_disk(path, {.force_share = options.force_share});
  const std::string name = name_for_qemu(path);
  return {.name = path,
          .node = file_node(name, format, options.force_share, chain),
          .file = std::move(file),
          .isolated = options.isolate,
          .path = name};
}

int file_for_qemu(const QemuSource& source) {
  if (source.file == nullptr || source.path != kDescriptor4) return -1;
  return source.file->run_at({GuestOffset(0), 1}).where->descriptor;
}

std::optional<Confinement> server_confinement(const QemuSource& source) {
  if (!source.isolated) return std::nullopt;
  return Confinement{.file = source.name, .private_memory = kMostServerMemory};
}

std::optional<Confinement> probe_confinement(const QemuSource& source) {
  if (!source.isolated) return std::nullopt;
  return Confinement{
      .file = source.name, .address_space = kMostProbeMemory, .cpu_seconds = kMostProbeSeconds};
}

QemuSource qemu_block_node(const std::string& blockdev, const std::vector<std::string>& objects) {
  Json node = parse_object(blockdev, "--blockdev");
  for (const std::string& object : objects) parse_object(object, "--object");
  rename_descriptors(node);
  node["node-name"] = kQemuNodeName;
  if (!node.contains("read-only")) node["read-only"] = true;
  const std::string name = node.contains("driver") && node["driver"].is_string()
                               ? fmt::format("{} block node", node["driver"].get<std::string>())
                               : "block node";
  return {.name = name, .node = {true, dump_json(node)}, .objects = objects};
}

bool needs_write_guard(const QemuSource& source) {
  if (source.file != nullptr) return false;
  return Json::parse(source.node.text).value("force-share", Json(false)) != true;
}

std::string write_guard(const Json& image) {
  return dump_json({{"driver", "blkdebug"},
                    {"node-name", kQemuGuardName},
                    {"read-only", true},
                    {"unshare-child-perms", {"write"}},
                    {"image", image}});
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
}

void append_image(std::vector<std::string>& command, const QemuNode& node) {
  if (!node.json) command.emplace_back("--image-opts");
  command.push_back(node.json ? "json:" + node.text : node.text);
}

Json qemu_image_info(const QemuSource& source, const std::string& what_failed) {
  std::vector<std::string> command = {"qemu-img", "info", "--output=json"};
  for (const std::string& object : source.objects) {
    command.insert(command.end(), {"--object", object});
  }
  append_image(command, source.node);
  std::string output;
  try {
    output = run_to_end({.command = std::move(command),
                         .descriptor4 = file_for_qemu(source),
                         .confinement = probe_confinement(source)});
  } catch (const NoSuchProgram&) {
    throw_qemu_not_installed("qemu-img");
  }
  // Warnings may stand before the object.
  const std::size_t begin = output.find('{');
  Json info =
      Json::parse(begin == std::string::npos ? output : output.substr(begin), nullptr, false);
  if (!info.is_object() || !info.contains("format")) {
    throw Error(ErrorKind::kFailed, source.name, what_failed, qemu_reason(source, output));
  }
  return info;
}

std::string qemu_reason(const QemuSource& source, const std::string& output) {
  std::string reason = qemu_message(output);
  if (!source.isolated) return reason;
  const auto says = [&](const char* words) { return reason.find(words) != std::string::npos; };
  if (says("shared libraries")) {
    return reason + "; QEMU, being isolated, finds them in the system's directories only";
  }
  // The image itself could be opened. The confinement refuses everything else with EACCES, which
  // not all of QEMU's drivers report.
  if (!says("Permission denied") && !says("backing file")) return reason;
  return "it refers to another file or to a server, and is isolated from them: " + reason;
}

std::string qemu_message(const std::string& output) {
  constexpr unsigned kMostLines = 5;
  std::string reason;
  unsigned count = 0;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (begins_message(line) || reason.empty()) {
      reason = without_command_line(line);
      count = 1;
    } else if (++count <= kMostLines) {
      reason += (reason.ends_with(':') ? " " : "; ") + line;
    }
  }
  return reason;
}

std::string qemu_words(const std::string& output) {
  // These are words of its NBD server about connections that we have closed.
  constexpr std::array<std::string_view, 3> kOfConnections = {
      " socket: ", "option negotiation failed", "Failed to read request"};
  std::string last;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const bool is_ours = std::ranges::any_of(kOfConnections, [&](std::string_view words) {
      return line.find(words) != std::string::npos;
    });
    if (!line.empty() && !is_ours) last = std::move(line);
  }
  return without_command_line(last);
}

void throw_qemu_not_installed(const std::string& program) {
  throw Error(
      ErrorKind::kFailed, program, "cannot be started",
      "QEMU is not installed; install qemu-system-common, which has qemu-storage-daemon, or "
      "qemu-utils, which has qemu-nbd and qemu-img");
}

}  // namespace qcow2stream
