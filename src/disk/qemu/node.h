// SPDX-License-Identifier: GPL-2.0-or-later
//
// Describes to QEMU what it has to open.
//
// Options go to QEMU as JSON. QEMU's parser of JSON does not take names that are not UTF-8. They go
// in its comma-separated form, where a comma in a name is written twice, since a single one would
// end it.

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

// A block node in the words of QEMU: JSON, or its comma-separated form.
struct QemuNode {
  bool json = true;
  std::string text;
};

// A node, and what belongs to it.
struct QemuSource {
  std::string name;  // what messages call it
  QemuNode node;
  std::vector<std::string> objects;  // JSON, as for --object
  std::shared_ptr<const Disk> file;  // the file that is watched for changes; may be null
  bool isolated = false;             // whether the file `name` is all that may be opened
  std::string path{};                // as QEMU knows `file`
};

// The descriptor that QEMU's programs get as their descriptor 4, since the file has no name that
// they could open; -1 if it has one.
int file_for_qemu(const QemuSource& source);

// What QEMU's programs may use for a source. Nothing stands for all that we may use. qemu-img only
// looks at an image, so it gets less than a server.
std::optional<Confinement> server_confinement(const QemuSource& source);
std::optional<Confinement> probe_confinement(const QemuSource& source);

// Whether an image is read together with those below it, or alone.
enum class QemuChain { kWhole, kTopOnly };

// The node that reads `path` as `format`; if that is empty, QEMU finds it out. The file is opened
// with open_disk(path) first, whose errors are simpler than QEMU's.
QemuSource qemu_file(const std::string& path, const std::string& format, const QemuOptions& options,
                     QemuChain chain = QemuChain::kWhole);

// A node as --blockdev describes it. Throws Error{kUsage} if a text is no JSON object.
QemuSource qemu_block_node(const std::string& blockdev, const std::vector<std::string>& objects);

// QEMU's servers let others write to what its drivers raw and luks read; qemu-img does not. A guard
// is a node above `image` (a node, or the name of one) that makes the servers lock it as qemu-img
// does. It is not needed for a file that we have locked ourselves, nor for a node with
// "force-share".
bool needs_write_guard(const QemuSource& source);
std::string write_guard(const nlohmann::json& image);

// Whether QEMU's parser of JSON would take the text.
bool is_utf8(const std::string& text);

// JSON on one line, without what is not UTF-8.
std::string dump_json(const nlohmann::json& json);

// Appends what qemu-nbd and qemu-img take in place of a file name.
void append_image(std::vector<std::string>& command, const QemuNode& node);

// What `qemu-img info` says of the image. Images below it are not opened. Throws Error{kFailed}
// with `what_failed` and QEMU's words, or with what to install.
nlohmann::json qemu_image_info(const QemuSource& source, const std::string& what_failed);

// The reason for a failure in the output of one of QEMU's programs, without words that the user did
// not write. If the source is isolated, it says what that means.
std::string qemu_reason(const QemuSource& source, const std::string& output);

// What one of QEMU's programs has said last, without words that the user did not write. The first
// is its last line; the second its last message, with the lines that explain it and the hint that
// follows.
std::string qemu_words(const std::string& output);
std::string qemu_message(const std::string& output);

[[noreturn]] void throw_qemu_not_installed(const std::string& program);

}  // namespace qcow2stream
