// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <optional>

#include "common/side_file.h"
#include "qcow2-to-stdout/digest_files.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2stream/image.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream::cli {

// The files beside the image: the lines of --digest, a plan, a manifest. All that may fail throws
// Error.
class SideFiles {
 public:
  // Opens them, and leaves what is in them. `job` must outlive it.
  SideFiles(const BesideJob& job, Ends& ends);

  [[nodiscard]] DigestFiles& digests() { return digests_; }

  [[nodiscard]] bool wants_plan() const { return plan_.has_value(); }
  // From here on the plan stays, whatever becomes of the image. `top_images`: see encode_plan().
  void write_plan(const Image& image, std::uint64_t top_images);

  [[nodiscard]] bool wants_manifest() const { return manifest_.has_value(); }
  // Complete, but without keep_manifest() it does not stay.
  void write_manifest(const Image& image, const ManifestBuilder& content);
  void keep_manifest();

 private:
  DigestFiles digests_;
  std::optional<SideFile> plan_;
  std::optional<SideFile> manifest_;
};

}  // namespace qcow2stream::cli
