// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/run_ends.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include "common/named_ends.h"
#include "common/standard_output.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qemu.h"
#include "system/served_files.h"
#include "system/storage_users.h"

namespace qcow2stream::cli {
namespace {

using enum EndRole;

// An image, and the files that are read with it.
void add_image(Ends& ends, const std::string& name) {
  add_read_file(ends, name);
  for (const std::string& file : files_named_by(name)) ends.add(kRead, file, file);
}

void add_file(Ends& ends, const std::string& name, const std::string& format) {
  if (format == "raw") {
    add_read_file(ends, name);
  } else {
    add_image(ends, name);
  }
}

// What servers read is seen when they run (check_served_files()).
void add_input(Ends& ends, const Input& input) {
  std::visit(Cases{[&](const StandardInput& in) { ends.add(kRead, name_of(in), STDIN_FILENO); },
                   [&](const File& file) { add_file(ends, file.path, format_of(input.reading)); },
                   [](const NbdServer&) {}, [](const Program&) {},
                   [&](const BlockNode& node) {
                     for (const std::string& file : files_named_in_node(node.json)) {
                       ends.add(kRead, file, file);
                     }
                   }},
             input.source);
}

void add_what_is_read(Ends& ends, const Job& job) {
  add_input(ends, job.disk);
  if (job.base) add_input(ends, *job.base);
  for (const std::string& file : job.read_files) add_read_file(ends, file);
  // Not read here, but whoever reads the image needs them.
  if (const auto& backing = job.image.backing_file) {
    add_file(ends, backing->name, backing->format);
  }
  if (const auto& data = job.image.data_file) ends.add(kRead, data->name, data->name);
}

// Several digests may go into one file.
void add_digests(Ends& ends, std::span<const DigestRequest> digests) {
  const std::size_t others = ends.all().size();
  for (const DigestRequest& request : digests) {
    if (!request.file) continue;
    const Storage storage = ends.finder().of(*request.file);
    const bool is_known = std::ranges::any_of(ends.all().subspan(others), [&](const End& end) {
      return share_bytes(end.storage, storage) == Meeting::kMeet;
    });
    if (!is_known) add_side_file(ends, *request.file);
  }
}

std::string warning_about(const StorageUser& user, const std::string& end) {
  const std::string what = user.device == end ? "" : user.device + " on it ";
  switch (user.kind) {
    case StorageUser::Kind::kMount:
      return fmt::format(
          "{}: {}is mounted read-write at {}, and the image may hold a part of what is written "
          "meanwhile; unmount it, freeze it (fsfreeze), or read a snapshot",
          end, what, user.mount_point);
    case StorageUser::Kind::kSwap:
      return fmt::format(
          "{}: {}is used as swap space, and the image may hold a part of what is written "
          "meanwhile; turn it off (swapoff), or read a snapshot",
          end, what);
    case StorageUser::Kind::kLoop:
      return fmt::format(
          "{}: {} can write to it meanwhile, and the image may hold a part of that; detach it "
          "(losetup -d) or attach it read-only (losetup -r)",
          end, user.device);
  }
  return "";
}

}  // namespace

Ends ends_of(const Job& job) {
  Ends ends;
  const EndRole role = job.output.standard_output();
  ends.add(role, kStdoutName, STDOUT_FILENO, role == kImage ? "the image" : kStdoutName);
  add_what_is_read(ends, job);
  ends.add(kMessages, "standard error", STDERR_FILENO, "standard error");
  if (job.telling.progress_fd >= 0) {
    ends.add(kProgress, "--progress", job.telling.progress_fd, "progress");
  }
  if (job.beside.report) add_side_file(ends, *job.beside.report);
  if (job.beside.save_plan) add_side_file(ends, *job.beside.save_plan);
  if (job.beside.save_manifest) add_side_file(ends, *job.beside.save_manifest);
  add_digests(ends, job.beside.digests);
  return ends;
}

void check_served_files(Ends& ends) {
  for (ServedFile& file : served_files(ends.finder())) {
    ends.add({kRead, std::move(file.name), {}, std::move(file.storage)});
  }
  ends.check();
}

bool image_goes_to_stderr(const OutputJob& output) {
  if (output.standard_output() != kImage) return false;
  const StorageFinder finder;
  return is_same_stream(finder.of(STDERR_FILENO), finder.of(STDOUT_FILENO));
}

dev_t raw_device(const Ends& ends, const Input& input) {
  if (!is_taken_as_it_is(input)) return 0;
  const auto disk = std::ranges::find(ends.all(), kRead, &End::role);
  const bool is_it = disk != ends.all().end() && disk->name == name_of(input.source);
  return is_it ? disk->storage.as_device() : 0;
}

std::optional<std::string> warning_about_users(const Ends& ends) {
  for (const End& end : ends.all()) {
    if (end.role != kRead) continue;
    if (const auto user = writing_user(ends.finder(), end.storage)) {
      return warning_about(*user, end.name);
    }
  }
  return std::nullopt;
}

}  // namespace qcow2stream::cli
