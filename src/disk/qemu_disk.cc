// SPDX-License-Identifier: GPL-2.0-or-later
//
// All options go to QEMU as JSON, so that a file name may hold anything. (In QEMU's comma-separated
// form a comma in the name ends it, and what follows is an option.)

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
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

// A JSON text with any bytes in its strings: file names need not be UTF-8, and QEMU wants the
// bytes.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (code < 0x20) {
      text += fmt::format("\\u{:04x}", code);
    } else {
      text += c;
    }
  }
  return text + '"';
}

bool is_block_device(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

// The node that holds the bytes of `path`.
std::string file_node(const std::string& path) {
  return fmt::format(R"({{"driver":"{}","filename":{}}})",
                     is_block_device(path) ? "host_device" : "file", quoted(path));
}

std::vector<std::string> storage_daemon_command(const std::string& node,
                                                const std::vector<std::string>& objects) {
  std::vector<std::string> command = {"qemu-storage-daemon"};
  for (const std::string& object : objects) {
    command.insert(command.end(), {"--object", object});
  }
  command.insert(
      command.end(),
      {"--blockdev", node, "--nbd-server", R"({"addr":{"type":"fd","str":"3"}})", "--export",
       dump({{"type", "nbd"}, {"id", "export"}, {"node-name", kNodeName}, {"name", ""}})});
  return command;
}

std::vector<std::string> qemu_nbd_command(const std::string& node,
                                          const std::vector<std::string>& objects) {
  std::vector<std::string> command = {"qemu-nbd", "--read-only", "--persistent",
                                      fmt::format("--shared={}", kQemuConnections)};
  for (const std::string& object : objects) {
    command.insert(command.end(), {"--object", object});
  }
  command.push_back("json:" + node);
  return command;
}

PrivateServer start_qemu(const std::string& node, const std::vector<std::string>& objects) {
  try {
    return start_private_server(storage_daemon_command(node, objects), kQemuConnections, false);
  } catch (const Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  try {
    return start_private_server(qemu_nbd_command(node, objects), kQemuConnections, true);
  } catch (const Error& error) {
    if (error.error_number() != ENOENT) throw;
    throw Error(ErrorKind::kFailed, "qemu-storage-daemon", "cannot be started",
                "QEMU is not installed; install qemu-storage-daemon (qemu-system-common or "
                "qemu-utils) or qemu-nbd (qemu-utils)");
  }
}

// "qemu-storage-daemon: --blockdev {...}: what is wrong" without what the user did not write.
std::string without_command_line(const std::string& output) {
  std::string line =
      output.substr(output.rfind('\n') == std::string::npos ? 0 : output.rfind('\n') + 1);
  for (const std::string_view end :
       {"}: ", "': ", "qemu-storage-daemon: ", "qemu-nbd: ", "qemu-img: "}) {
    const std::size_t at = line.rfind(end);
    if (at != std::string::npos) return line.substr(at + end.size());
  }
  return line;
}

std::shared_ptr<const Disk> open_node(const std::string& name, const std::string& node,
                                      const std::vector<std::string>& objects,
                                      const NbdOptions& options) {
  PrivateServer server = start_qemu(node, objects);
  if (options.connections != 0 && options.connections < server.sockets.size()) {
    server.sockets.resize(options.connections);
  }
  try {
    return connect_private_server(name, std::move(server), options);
  } catch (const ServerRefused& refused) {
    throw Error(ErrorKind::kFailed, name, "QEMU cannot open it",
                without_command_line(refused.output()));
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
  // QEMU's words for what has a simple reason are long.
  if (::access(path.c_str(), R_OK) != 0) throw system_error(path, "cannot be opened", errno);
  const std::string node =
      fmt::format(R"({{"driver":{},"node-name":"{}","read-only":true,"file":{}}})", quoted(format),
                  kNodeName, file_node(path));
  return open_node(path, node, {}, options);
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
  return open_node(name, dump(node), objects, options);
}

std::string probe_format(const std::string& path) {
  // Behind "json:" no name is parsed for options or protocols. The probing is that of raw's parent.
  const std::string node = fmt::format(R"(json:{{"file":{}}})", file_node(path));
  const std::string output = run_to_end({"qemu-img", "info", "--output=json", node});
  const Json info = Json::parse(output, nullptr, false);
  if (!info.is_object() || !info.contains("format")) {
    throw Error(ErrorKind::kFailed, path, "qemu-img cannot tell its format",
                without_command_line(output));
  }
  return info["format"].get<std::string>();
}

}  // namespace qcow2stream
