// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qemu/server.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "disk/nbd/context.h"
#include "disk/qemu/nothing_attached.h"
#include "disk/source_errors.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// As many as the default for any server, and the most that are asked of QEMU.
constexpr unsigned kQemuConnections = 4;

void append_objects(std::vector<std::string>& command, const QemuSource& source) {
  for (const std::string& object : source.objects) {
    command.insert(command.end(), {"--object", object});
  }
}

std::vector<std::string> storage_daemon_command(const QemuSource& source, const QemuTells& tells) {
  std::vector<std::string> command = {"qemu-storage-daemon"};
  append_objects(command, source);
  command.insert(command.end(), {"--blockdev", source.node.text});
  const bool is_guarded = needs_write_guard(source);
  if (is_guarded) command.insert(command.end(), {"--blockdev", write_guard(kQemuNodeName)});
  nlohmann::json exported = {{"type", "nbd"},
                             {"id", "export"},
                             {"node-name", is_guarded ? kQemuGuardName : kQemuNodeName},
                             {"name", ""}};
  // Old versions do not know these, so they are named only if they are needed.
  if (tells.allocation_depth) exported["allocation-depth"] = true;
  if (!tells.bitmap.empty()) exported["bitmaps"] = {tells.bitmap};
  command.insert(command.end(), {"--nbd-server", R"({"addr":{"type":"fd","str":"3"}})", "--export",
                                 dump_json(exported)});
  return command;
}

std::vector<std::string> qemu_nbd_command(const QemuSource& source, const QemuTells& tells) {
  std::vector<std::string> command = {"qemu-nbd", "--read-only", "--persistent",
                                      fmt::format("--shared={}", kQemuConnections)};
  append_objects(command, source);
  if (tells.allocation_depth) command.emplace_back("--allocation-depth");
  if (!tells.bitmap.empty()) command.push_back("--bitmap=" + tells.bitmap);
  append_image(command, needs_write_guard(source)
                            ? QemuNode{true, write_guard(nlohmann::json::parse(source.node.text))}
                            : source.node);
  return command;
}

// Each of the connections must be used: of one that is closed unused QEMU says that it could not
// write to it, which would then be told as the reason of a failure.
PrivateServer start_qemu(const QemuSource& source, const QemuTells& tells, unsigned connections) {
  try {
    return start_private_server(storage_daemon_command(source, tells), connections, false,
                                server_confinement(source), file_for_qemu(source));
  } catch (const NoSuchProgram&) {  // NOLINT(bugprone-empty-catch): there is another one
  }
  try {
    return start_private_server(qemu_nbd_command(source, tells), connections, true,
                                server_confinement(source), file_for_qemu(source));
  } catch (const NoSuchProgram&) {
    throw_qemu_not_installed("qemu-storage-daemon");
  }
}

std::vector<std::string> contexts_of(const QemuTells& tells) {
  if (tells.allocation_depth) return {std::string(kAllocationDepthContext)};
  if (!tells.bitmap.empty()) return {std::string(kDirtyBitmapPrefix) + tells.bitmap};
  return {};
}

bool is_same_file(const struct stat& a, const struct stat& b) {
  if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode)) return a.st_rdev == b.st_rdev;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// QEMU has opened the file by its name, after us. If that names another file by now, nobody watches
// what QEMU serves.
void check_is_what_qemu_opened(const QemuSource& source) {
  if (source.file == nullptr || file_for_qemu(source) >= 0) return;
  struct stat ours {};
  struct stat named {};
  if (::fstat(source.file->run_at({GuestOffset(0), 1}).where->descriptor, &ours) != 0 ||
      ::stat(source.path.c_str(), &named) != 0 || is_same_file(ours, named)) {
    return;
  }
  throw_disk_changed(source.name, "another file has taken its name");
}

// Starts another server, to look at what the first one cannot tell any more.
std::shared_ptr<const NbdDisk> serve_once_more(const QemuSource& source) {
  return connect_private_server(source.name, start_qemu(source, {}, 1), {}, nullptr, {});
}

}  // namespace

std::shared_ptr<const NbdDisk> serve_with_qemu(const QemuSource& source, const QemuTells& tells,
                                               const NbdOptions& options) {
  check_devices_below(source);
  const unsigned wanted = options.connections != 0 ? options.connections : kQemuConnections;
  PrivateServer server = start_qemu(source, tells, std::min(wanted, kQemuConnections));
  server.server.reason = qemu_words;
  server.server.warnings = qemu_message;
  server.server.another = [source] { return serve_once_more(source); };
  try {
    auto disk = connect_private_server(source.name, std::move(server), options, source.file,
                                       contexts_of(tells));
    check_is_what_qemu_opened(source);
    check_size_served(source, disk->size());
    return disk;
  } catch (const ServerRefused& refused) {
    throw Error(ErrorKind::kFailed, source.name, "QEMU cannot open it",
                qemu_reason(source, refused.output()));
  }
}

}  // namespace qcow2stream
