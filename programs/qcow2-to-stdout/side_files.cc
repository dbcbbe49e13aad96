// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/side_files.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "qcow2stream/plan.h"

namespace qcow2stream::cli {
namespace {

constexpr SideFileKind kPlan = {.name = "a plan", .is_old_one = [](std::string_view beginning) {
                                  return beginning.starts_with(kPlanBeginning);
                                }};

constexpr SideFileKind kManifest = {
    .name = "a manifest",
    .is_old_one =
        [](std::string_view beginning) { return beginning.starts_with(kManifestBeginning); },
    .replaces = true};

void write(SideFile& file, std::span<const std::byte> bytes) {
  file.write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// What a manifest says of it: a guest sees whole sectors.
ManifestBuilder::NextRun left_out_of(const Image& image) {
  if (image.left_out() == nullptr) return {};
  const std::shared_ptr<RunCursor> runs = image.left_out_runs();
  return [runs, disk_size = image.disk().size(),
          virtual_size = image.measure().virtual_size]() -> std::optional<GuestRange> {
    while (const auto run = runs->next()) {
      if (run->is_data()) continue;
      const bool is_last = run->range.end().value() == disk_size;
      return GuestRange{run->range.begin,
                        is_last ? virtual_size - run->range.begin.value() : run->range.length};
    }
    return std::nullopt;
  };
}

}  // namespace

SideFiles::SideFiles(const BesideJob& job, Ends& ends) : digests_(job, ends) {
  if (job.save_plan) plan_.emplace(*job.save_plan, kPlan, ends);
  if (job.save_manifest) manifest_.emplace(*job.save_manifest, kManifest, ends);
}

void SideFiles::write_plan(const Image& image, std::uint64_t top_images) {
  const std::vector<std::byte> plan = encode_plan(image, top_images);
  plan_->begin();
  write(*plan_, plan);
  plan_->close();
  plan_->keep();
}

void SideFiles::write_manifest(const Image& image, const ManifestBuilder& content) {
  manifest_->begin();
  content.encode(
      image.options().root_record->parent,
      [this](std::span<const std::byte> bytes) { write(*manifest_, bytes); }, left_out_of(image));
  manifest_->close();
}

void SideFiles::keep_manifest() {
  manifest_->keep();
}

}  // namespace qcow2stream::cli
