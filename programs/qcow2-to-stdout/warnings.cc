// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/warnings.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/message.h"
#include "qcow2-to-stdout/advice.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2-to-stdout/sectors.h"
#include "qcow2-to-stdout/taken_as_raw.h"
#include "qcow2stream/stored_clusters.h"

namespace qcow2stream::cli {
namespace {

void say(const std::optional<std::string>& warning) {
  if (warning) message(*warning);
}

// What the disk says of its holes is of no interest to whom it is not asked for.
bool concerns(const Caveat& caveat, const SurveyJob& survey) {
  const bool asks_for_holes =
      survey.scan != Scan::kNone && std::holds_alternative<DiskItself>(survey.allocation);
  return asks_for_holes || caveat.advice != Advice::kWithoutExtents;
}

void say_caveats(const Disk& disk, const SurveyJob& survey) {
  for (const Caveat& caveat : disk.caveats()) {
    if (!concerns(caveat, survey)) continue;
    message(disk.name() + ": " + caveat.text + advice_text(caveat.advice));
  }
}

// Where --scan holes finds none because nobody tells them.
std::optional<std::string> warning_about_holes(const Disk& disk, const Job& job) {
  const bool maps_everything = job.image.data_file && job.image.data_file->raw;
  const bool has_list = std::holds_alternative<AllocationList>(job.survey.allocation);
  const bool is_asked = job.survey.scan == Scan::kHoles && !has_list && !maps_everything;
  if (!is_asked || disk.traits().knows_zeros) return std::nullopt;
  return fmt::format("{}: does not tell its holes: everything counts as data", disk.name());
}

// Where --compress=keep finds nothing that it could keep.
std::optional<std::string> warning_about_kept(const Disk& disk, const Job& job) {
  const auto& compression = job.image.compression;
  if (!compression || !compression->keep || job.planned) return std::nullopt;
  const StoredClusters* stored = disk.stored_clusters();
  if (stored == nullptr) {
    return fmt::format("{}: is not read as it is stored: nothing is kept compressed", disk.name());
  }
  if (stored->cluster_size() == job.image.cluster_size) return std::nullopt;
  return fmt::format(
      "{}: its clusters have {} bytes, those of the image {}: nothing is kept compressed; with -c "
      "{} "
      "it would be",
      disk.name(), stored->cluster_size(), job.image.cluster_size, stored->cluster_size());
}

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::optional<std::string> note_about_remainder(const OpenedSource& source) {
  const Qcow2Remainder& remainder = source.remainder;
  std::string what;
  const auto add = [&](const std::string& one) { what += (what.empty() ? "" : ", ") + one; };
  if (remainder.snapshots != 0) add(counted(remainder.snapshots, "snapshot"));
  if (remainder.vm_state_bytes != 0) add("the state of a machine");
  if (!remainder.bitmaps.empty()) add(counted(remainder.bitmaps.size(), "dirty bitmap"));
  if (what.empty()) return std::nullopt;
  return fmt::format("{}: holds what the output does not: {}", source.disk->name(), what);
}

bool can_be_read_twice(const Input& input) {
  return !(announced_size(input.source) && input.reading.in_one_pass);
}

}  // namespace

void warn(const Job& job, const Disks& disks, const Ends& ends) {
  if (job.telling.quiet) return;
  const Disk& disk = *disks.opened.disk;
  say(disks.opened.warning);
  say(note_about_remainder(disks.opened));
  say_caveats(disk, job.survey);
  if (disks.base != nullptr) say_caveats(*disks.base, job.survey);
  say(warning_about_users(ends));
  if (can_be_read_twice(job.disk)) say(warning_about_sectors(disk, raw_device(ends, job.disk)));
  say(warning_about_raw_disk(disk, job.disk));
  say(warning_about_holes(disk, job));
  say(warning_about_kept(disk, job));
  if (disks.base != nullptr) say(warning_about_raw_base(*disks.base, *job.base));
}

}  // namespace qcow2stream::cli
