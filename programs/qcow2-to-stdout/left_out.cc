// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/left_out.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "common/message.h"
#include "common/size.h"
#include "system/fd.h"
#include "system/qemu_locks.h"
#include "system/storage_users.h"

namespace qcow2stream::cli {
namespace {

struct Writer {
  std::string why;  // the disk is in use
  std::string remedy;
};

// A program that has it open as an image, where that is no reason to refuse it (-U).
bool is_open_for_writing(const End& end) {
  const UniqueFd file(::open(end.name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  return file && qemu_locks::is_being_written(file.get());
}

Writer writer_of(const StorageUser& user) {
  switch (user.kind) {
    case StorageUser::Kind::kMount:
      return {fmt::format("{} is mounted read-write at {}", user.device, user.mount_point),
              "unmount it, or read a snapshot"};
    case StorageUser::Kind::kSwap:
      return {fmt::format("{} is used as swap space by this machine", user.device),
              "turn it off (swapoff), or read a snapshot"};
    case StorageUser::Kind::kLoop:
      return {fmt::format("{} can write to it", user.device), "detach it, or read a snapshot"};
  }
  return {};
}

// Who may write to the disk meanwhile: what is free now may be in use by then, and what is on the
// disk is not what its file systems are.
std::optional<Writer> writer_of(const Job& job, const Ends& ends) {
  for (const End& end : ends.all()) {
    if (end.role != EndRole::kRead) continue;
    if (const auto user = writing_user(ends.finder(), end.storage)) return writer_of(*user);
    if (job.disk.reading.force_share && !job.disk.reading.snapshot && is_open_for_writing(end)) {
      return Writer{"another program has it open for writing", "read a snapshot"};
    }
  }
  return std::nullopt;
}

std::string name_of_volume(const ExaminedVolume& volume) {
  std::string name = fmt::format("{}, {}", volume.name, volume.format);
  if (!volume.label.empty()) name += fmt::format(" \"{}\"", volume.label);
  return name;
}

std::string kept_text(const ExaminedVolume& volume) {
  std::string text = fmt::format("nothing is left out: {}", volume.kept_because);
  if (!volume.remedy.empty()) text += "; " + volume.remedy;
  return text;
}

std::string outcome_text(const ExaminedVolume& volume) {
  if (!volume.kept_because.empty()) return kept_text(volume);
  std::string text = fmt::format("{} left out", format_size(volume.left_free + volume.left_swap));
  if (volume.free > 0) {
    text += fmt::format(", {} are free of {}", format_size(volume.free), format_size(volume.size));
  }
  return text;
}

// That of which the user can do something about.
bool is_worth_a_warning(const ExaminedVolume& volume) {
  return !volume.kept_because.empty() && (volume.has_failed || !volume.remedy.empty());
}

void say_findings(const LeftOut& left_out, const Job& job, const std::string& disk) {
  for (const ExaminedVolume& volume : left_out.volumes()) {
    const bool is_said = job.telling.verbose || (!job.telling.quiet && is_worth_a_warning(volume));
    if (!is_said) continue;
    message(fmt::format("{}: {}: {}", disk, name_of_volume(volume), outcome_text(volume)));
  }
}

struct Totals {
  std::uint64_t free = 0;
  std::uint64_t swap = 0;
};

Totals totals_of(const LeftOut& left_out) {
  Totals totals;
  for (const ExaminedVolume& volume : left_out.volumes()) {
    totals.free += volume.left_free;
    totals.swap += volume.left_swap;
  }
  return totals;
}

nlohmann::ordered_json volume_json(const ExaminedVolume& volume) {
  nlohmann::ordered_json json = {
      {"volume", volume.name}, {"size", volume.size}, {"format", volume.format}};
  if (!volume.label.empty()) json["label"] = volume.label;
  if (volume.used + volume.free > 0) {
    json["used"] = volume.used;
    json["free"] = volume.free;
  }
  json["left-out"] = volume.left_free + volume.left_swap;
  if (!volume.kept_because.empty()) json["kept-because"] = volume.kept_because;
  if (!volume.remedy.empty()) json["remedy"] = volume.remedy;
  return json;
}

}  // namespace

std::shared_ptr<const LeftOut> find_left_out(const Job& job, const Disks& disks, const Ends& ends) {
  const auto& kinds = job.survey.leave_out;
  if (!kinds || job.planned) return nullptr;
  const std::shared_ptr<const Disk>& disk = disks.opened.disk;
  std::shared_ptr<const LeftOut> found;
  if (const auto writer = writer_of(job, ends)) {
    found = nothing_left_out(*disk, writer->why, writer->remedy);
  } else {
    found = qcow2stream::find_left_out(
        *disk, {.free = kinds->free, .swap = kinds->swap, .unit = job.survey.leave_out_unit});
  }
  say_findings(*found, job, disk->name());
  return found;
}

nlohmann::ordered_json left_out_json(const LeftOut& left_out) {
  const Totals totals = totals_of(left_out);
  nlohmann::ordered_json volumes = nlohmann::ordered_json::array();
  for (const ExaminedVolume& volume : left_out.volumes()) volumes.push_back(volume_json(volume));
  return {{"free", totals.free}, {"swap", totals.swap}, {"file-systems", std::move(volumes)}};
}

std::string left_out_text(const LeftOut& left_out) {
  const Totals totals = totals_of(left_out);
  std::string text = fmt::format("left out: {} free, {} swap\n", totals.free, totals.swap);
  for (const ExaminedVolume& volume : left_out.volumes()) {
    text += fmt::format("  {}: {}\n", name_of_volume(volume), outcome_text(volume));
  }
  return text;
}

}  // namespace qcow2stream::cli
