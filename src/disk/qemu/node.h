// SPDX-License-Identifier: GPL-2.0-or-later
//
// What QEMU is told to open.
//
// Options go to QEMU as JSON; what its JSON parser does not take, names that are not UTF-8, goes in
// its comma-separated form, where a comma in a name would end it and is therefore written twice.

#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "qcow2stream/disk.h"
#include "qcow2stream/qemu.h"
#include "system/confinement.h"

namespace qcow2stream {

constexpr const char* kQemuNodeName = "disk";
constexpr const char* kQemuGuardName = "qcow2-to-stdout-guard";

// A block node as QEMU is told: JSON, or its comma-separated form.
struct QemuNode {
  bool json = true;
  std::string text;
};

// A node and what belongs to it.
struct QemuSource {
  std::string name;  // for messages
  QemuNode node;
  std::vector<std::string> objects;  // JSON, as for --object
  std::shared_ptr<const Disk> file;  // to be watched for changes; may be null
  bool isolated = false;             // `name` is a file, and all that may be opened
  std::string path{};                // as QEMU knows `file`
};

// The descriptor that QEMU's programs find as their descriptor 4 since the file has no name that
// they could open; -1 where it has one.
int file_for_qemu(const QemuSource& source);

// What programs of QEMU's may use for a source: nothing, if it may be all that we may.
// qemu-img only looks at an image, so it gets less.
std::optional<Confinement> server_confinement(const QemuSource& source);
std::optional<Confinement> probe_confinement(const QemuSource& source);

// Whether an image is read together with those below it, or alone.
enum class QemuChain { kWhole, kTopOnly };

// The node that reads `path` as `format` (empty: QEMU finds out). `file` is open_disk(path), which
// says what has a simple reason in simple words.
QemuSource qemu_file(const std::string& path, const std::string& format, const QemuOptions& options,
                     QemuChain chain = QemuChain::kWhole);

// A node as --blockdev describes it. Throws Error{kUsage} if a text is no JSON object.
QemuSource qemu_block_node(const std::string& blockdev, const std::vector<std::string>& objects);

// QEMU's servers let others write to what its drivers raw and luks read; qemu-img does not. A node
// above `image` (a node, or the name of one) has the servers lock it in the same way. Not for a
// file that we have locked ourselves, nor for a node with "force-share".
bool needs_write_guard(const QemuSource& source);
std::string write_guard(const nlohmann::json& image);

// QEMU's own parser takes UTF-8 only.
bool is_utf8(const std::string& text);

// JSON on one line, without what is not UTF-8.
std::string dump_json(const nlohmann::json& json);

// What qemu-nbd and qemu-img take in place of a file name.
void append_image(std::vector<std::string>& command, const QemuNode& node);

// What `qemu-img info` says of the image; what is below it is not opened. Throws Error{kFailed}:
// `what_failed` and QEMU's words, or what to install.
nlohmann::json qemu_image_info(const QemuSource& source, const std::string& what_failed);

// The reason in the output of one of QEMU's programs, without what the user did not write, and what
// it means if the source is isolated.
std::string qemu_reason(const QemuSource& source, const std::string& output);

// What one of QEMU's programs has said last: its last line, or its last message with the lines that
// explain it and the hint that follows. Without what the user did not write.
std::string qemu_words(const std::string& output);
std::string qemu_message(const std::string& output);

[[noreturn]] void throw_qemu_not_installed(const std::string& program);

}  // namespace qcow2stream
