// SPDX-License-Identifier: GPL-2.0-or-later
//
// Options go to QEMU as JSON; what its JSON parser does not take, names that are not UTF-8, goes in
// its comma-separated form, where a comma in a name would end it and is therefore written twice.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/child.h"
#include "base/errors.h"
#include "disk/nbd_disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qemu.h"

namespace qcow2stream {
namespace {

using Json = nlohmann::json;

constexpr const char* kNodeName = "disk";
constexpr unsigned kQemuConnections = 4;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
}

bool is_block_device(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

// QEMU's own parser takes UTF-8 only.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

// A block node as QEMU is told: JSON, or its comma-separated form.
struct Node {
  bool json = true;
  std::string text;
};

// The node that reads `path` as `format` (empty: QEMU finds out).
Node file_node(const std::string& path, const std::string& format) {
  const char* protocol = is_block_device(path) ? "host_device" : "file";
  if (is_utf8(path)) {
    const std::string driver = format.empty() ? "" : fmt::format(R"("driver":{},)", dump(format));
    return {true,
            fmt::format(
                R"({{{}"node-name":"{}","read-only":true,"file":{{"driver":"{}","filename":{}}}}})",
                driver, kNodeName, protocol, dump(path))};
  }
  // The other form takes any byte; a comma in a value is written twice.
  std::string name;
  for (const char c : path) name.append(c == ',' ? 2 : 1, c);
  const std::string driver = format.empty() ? "" : fmt::format("driver={},", format);
  return {false, fmt::format("{}node-name={},read-only=on,file.driver={},file.filename=", driver,
                             kNodeName, protocol) +
                     name};
}

std::vector<std::string> storage_daemon_command(const Node& node,
                                                const std::vector<std::string>& objects) {
  std::vector<std::string> command = {"qemu-storage-daemon"};
  for (const std::string& object : objects) {
    command.insert(command.end(), {"--object", object});
  }
  command.insert(
      command.end(),
      {"--blockdev", node.text, "--nbd-server", R"({"addr":{"type":"fd","str":"3"}})", "--export",
       dump({{"type", "nbd"}, {"id", "export"}, {"node-name", kNodeName}, {"name", ""}})});
  return command;
}

// What qemu-nbd and qemu-img take in place of a file name.
void append_image(std::vector<std::string>& command, const Node& node) {
  if (!node.json) command.emplace_back("--image-opts");
  command.push_back(node.json ? "json:" + node.text : node.text);
}

std::vector<std::string> qemu_nbd_command(const Node& node,
                                          const std::vector<std::string>& objects) {
  std::vector<std::string> command = {"qemu-nbd", "--read-only", "--persistent",
                                      fmt::format("--shared={}", kQemuConnections)};
  for (const std::string& object : objects) {
    command.insert(command.end(), {"--object", object});
  }
  append_image(command, node);
  return command;
}

[[noreturn]] void throw_not_installed(const std::string& program) {
  throw Error(
      ErrorKind::kFailed, program, "cannot be started",
      "QEMU is not installed; install qemu-system-common, which has qemu-storage-daemon, or "
      "qemu-utils, which has qemu-nbd and qemu-img");
}

PrivateServer start_qemu(const Node& node, const std::vector<std::string>& objects) {
  try {
    return start_private_server(storage_daemon_command(node, objects), kQemuConnections, false);
  } catch (const Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  try {
    return start_private_server(qemu_nbd_command(node, objects), kQemuConnections, true);
  } catch (const Error& error) {
    if (error.error_number() != ENOENT) throw;
    throw_not_installed("qemu-storage-daemon");
  }
}

// "qemu-storage-daemon: --blockdev {...}: what is wrong" without what the user did not write.
std::string without_command_line(std::string line) {
  for (const std::string_view end :
       {"}': ", "}: ", "qemu-storage-daemon: ", "qemu-nbd: ", "qemu-img: "}) {
    const std::size_t at = line.rfind(end);
    if (at != std::string::npos) return line.substr(at + end.size());
  }
  return line;
}

// The last line that names the program, and what explains it in the lines after it.
std::string reason_in(const std::string& output) {
  std::string reason;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("qemu-") || reason.empty()) {
      reason = without_command_line(line);
    } else {
      reason += "; " + line;
    }
  }
  return reason;
}

std::shared_ptr<const Disk> open_node(const std::string& name, const Node& node,
                                      const std::vector<std::string>& objects,
                                      const NbdOptions& options, std::shared_ptr<const Disk> file) {
  PrivateServer server = start_qemu(node, objects);
  if (options.connections != 0 && options.connections < server.sockets.size()) {
    server.sockets.resize(options.connections);
  }
  try {
    return connect_private_server(name, std::move(server), options, std::move(file), {});
  } catch (const ServerRefused& refused) {
    throw Error(ErrorKind::kFailed, name, "QEMU cannot open it", reason_in(refused.output()));
  }
}

Json parse_object(const std::string& text, const char* option) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorKind::kUsage, option, "", fmt::format("'{}' is not a JSON object", text));
  }
  return json;
}

}  // namespace

std::shared_ptr<const Disk> open_qemu(const std::string& path, const std::string& format,
                                      const NbdOptions& options) {
  // Also says what has a simple reason in simple words. From here on it is watched for changes.
  std::shared_ptr<const Disk> file = open_disk(path);
  return open_node(path, file_node(path, format), {}, options, std::move(file));
}

std::shared_ptr<const Disk> open_qemu_node(const std::string& blockdev,
                                           const std::vector<std::string>& objects,
                                           const NbdOptions& options) {
  Json node = parse_object(blockdev, "--blockdev");
  for (const std::string& object : objects) parse_object(object, "--object");
  node["node-name"] = kNodeName;
  if (!node.contains("read-only")) node["read-only"] = true;
  const std::string name = node.contains("driver") && node["driver"].is_string()
                               ? fmt::format("{} block node", node["driver"].get<std::string>())
                               : "block node";
  return open_node(name, {true, dump(node)}, objects, options, nullptr);
}

std::string probe_format(const std::string& path) {
  const std::shared_ptr<const Disk> readable = open_disk(path);
  std::vector<std::string> command = {"qemu-img", "info", "--output=json"};
  append_image(command, file_node(path, ""));
  std::string output;
  try {
    output = run_to_end(std::move(command));
  } catch (const Error& error) {
    if (error.error_number() != ENOENT) throw;
    throw_not_installed("qemu-img");
  }
  // Warnings may stand before the object.
  const std::size_t begin = output.find('{');
  const Json info =
      Json::parse(begin == std::string::npos ? output : output.substr(begin), nullptr, false);
  if (!info.is_object() || !info.contains("format")) {
    throw Error(ErrorKind::kFailed, path, "qemu-img cannot tell its format", reason_in(output));
  }
  return info["format"].get<std::string>();
}

}  // namespace qcow2stream
